"""Grade flow: how many went from which grade before to which one at the final assessment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import Chart, Entry, Panel, Plan, sample, whose
from mnstudy.reporting.figures.style import Look, line_height, text_width, wrap
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.displays.grades import GradeFlow, GradeTable

TALL = 1.5  # inches on paper that all sites together take
GAP = 0.07
NODE = 6.5  # points, the width of a bar
LABELS = 0.33  # share of the width that names may take on either side
BEND = [Path.MOVETO, *[Path.CURVE4] * 3]
# Places among the colours of groups; better goes down and worse goes up, whatever the colour
COLOURS = {"better": 5, "same": None, "worse": 2}
ALONE_WORDS = " One group without a control: natural course and regression to the mean are in it."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradeChart(Chart):
    """Transitions between grades beside a claim."""

    flow: GradeFlow

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"grades/{self.flow.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        flow, finding = self.flow, self.flow.finding
        mark_of_data = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
        control = ALONE_WORDS if len(flow.arms) == 1 else ""
        return (
            f"{finding.claim.title}: sites by grade on {flow.scale} before the first session and "
            f"at the final assessment, {flow.better} grades are better. "
            f"{' '.join(self._size(a) for a in flow.arms)} "
            f"Data: {finding.dataset}.{mark_of_data} The height of a band is the number of sites, "
            f"counted and not adjusted; no interval belongs to a count.{control} A grade is "
            "no percentage: these need not be the sites behind the estimate."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        flow, finding = self.flow, self.flow.finding
        arms = "; ".join(f"{arm.label}: {self._moves(arm)}" for arm in flow.arms)
        return f"Bands from grades before to grades after. {whose(finding)}, {flow.scale}; {arms}."

    def data(self) -> pd.DataFrame:
        """Return one row a pair of grades, totals included."""
        flow, finding = self.flow, self.flow.finding
        rows = [
            {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic,
             "scale": flow.scale, "group": arm.label, "before": str(before), "after": str(after),
             "n": arm.counts.loc[before, after], "move": _move(flow, before, after)}
            for arm in flow.arms
            for before in arm.counts.index
            for after in arm.counts.columns
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def plan(self, look: Look) -> Plan:
        """Return one panel an arm, beside each other where there is room."""
        flow, finding = self.flow, self.flow.finding
        beside = look.wide and len(flow.arms) > 1
        room = look.width / 2 if beside else look.width
        arms = [_Arm(flow, arm, look, room - 0.15) for arm in flow.arms]
        return Plan(
            title=finding.claim.title,
            words=[f"{flow.scale}, {flow.better} grades are better · {finding.dataset}"],
            panels=[Panel(draw=arm.draw, height=arm.height) for arm in arms],
            key=self._entries(look),
            alt=self.alt,
            synthetic=finding.synthetic,
            beside=True,
        )

    def _entries(self, look: Look) -> list[Entry]:
        moves = set(self.data().query("n > 0")["move"])
        return [
            (sample(look, marker="s", markersize=6, color=_colour(look, move)), move)
            for move in COLOURS if move in moves
        ]  # fmt: skip

    def _size(self, arm: GradeTable) -> str:
        missing = fmt.count(arm.n_missing, "site")
        left_out = f" ({missing} without both grades left out)" if arm.n_missing else ""
        return f"{arm.label[:1].upper()}{arm.label[1:]}: {_size(arm)}{left_out}."

    def _moves(self, arm: GradeTable) -> str:
        pairs = [
            f"{arm.counts.loc[a, b]:,} from {self.flow.names[a]} to {self.flow.names[b]}"
            for a in self.flow.names
            for b in self.flow.names
            if arm.counts.loc[a, b]
        ]
        return ", ".join(pairs)


def _size(arm: GradeTable) -> str:
    return f"{fmt.count(arm.n_patients, 'patient')}, {fmt.count(arm.n_sites, 'site')}"


def _move(flow: GradeFlow, before: object, after: object) -> str:
    if not isinstance(before, int) or not isinstance(after, int):
        return "total"
    if before == after:
        return "same"
    return "better" if (after < before) == (flow.better == "lower") else "worse"


def _colour(look: Look, move: str) -> str:
    place = COLOURS[move]
    return style.LINE if place is None else look.groups[place]


class _Side:
    """The grades before, or after, worst first, with their bands in rows; heights are in sites."""

    def __init__(self, counts: pd.DataFrame, grades: Sequence[int], flow: GradeFlow) -> None:
        self.heights = counts.loc[grades, grades].to_numpy("float64")
        self.bars = self.heights.sum(axis=1)
        self.labels = [f"{flow.names[x]}: {counts.loc[x, 'total']:,}" for x in grades]

    def lay_out(self, width: float, inch: float, look: Look) -> None:
        """Place bars and bands; names take so many inches, and ``inch`` sites are one high."""
        size, gap = look.letters - 0.5, look.pt(GAP) * inch
        lines = [wrap(label, width, size) for label in self.labels]
        self.labels = ["\n".join(own) for own in lines]
        slots = np.maximum(self.bars, [len(own) * line_height(size) * inch for own in lines])
        ends = np.cumsum(slots + gap) - gap
        self.bottom = float(ends[-1])
        self.tops = ends - (slots + self.bars) / 2
        self.uppers = self.tops[:, None] + np.cumsum(self.heights, axis=1) - self.heights


class _Arm:
    """The transitions of one arm; the upright axis runs down in sites."""

    def __init__(self, flow: GradeFlow, arm: GradeTable, look: Look, room: float) -> None:
        self.flow, self.arm, self.size = flow, arm, look.letters - 0.5
        self.grades = sorted(flow.names, reverse=flow.better == "lower")
        self.before = _Side(arm.counts, self.grades, flow)
        self.after = _Side(arm.counts.T, self.grades, flow)
        self.sides = (self.before, self.after)
        texts = [label for side in self.sides for label in side.labels]
        names = min(LABELS * room, max(text_width(text, self.size) for text in texts))
        sites = arm.n_sites or 1.0
        self.inch = float(sites / look.pt(TALL))
        for side in self.sides:
            side.lay_out(names, self.inch, look)
        self.bottom = max(side.bottom for side in self.sides)
        self.height = self.bottom / self.inch / look.scale
        room -= names + look.pt(0.3)  # it begins above the bars
        self.head = "\n".join(wrap(f"{arm.label}: {_size(arm)}", room, look.letters, bold=True))

    def draw(self, ax: Axes, look: Look) -> None:
        """Draw the bars, the bands between them, and the names on either side."""
        for x, side in enumerate(self.sides):
            ax.vlines([x] * len(side.tops), side.tops, side.tops + side.bars, color=style.INK,
                      linewidth=look.pt(NODE), clip_on=False, zorder=4)  # fmt: skip
            ax.set_yticks(side.tops + side.bars / 2, side.labels, minor=x == 1)
        for i, j in np.argwhere(self.before.heights > 0):
            self._band(ax, i, j, look)
        ax.set(xlim=(0, 1), ylim=(self.bottom, 0))
        ax.spines[:].set_visible(False)
        ax.yaxis.remove_overlapping_locs = False  # names of both sides may stand at one height
        ax.tick_params(axis="y", which="minor", labelleft=False, labelright=True)
        ax.tick_params(axis="y", which="both", length=0, pad=look.pt(NODE), labelsize=self.size)
        ax.xaxis.tick_top()
        ax.set_xticks([0, 1], ["before", "final assessment"])
        ax.tick_params(axis="x", length=0, labelcolor=style.MUTED, labelsize=self.size)
        ax.set_title(self.head)

    def _band(self, ax: Axes, i: int, j: int, look: Look) -> None:
        upper = np.array([self.before.uppers[i, j], self.after.uppers[j, i]])
        high = np.array([self.before.heights[i, j], self.after.heights[j, i]])
        before, after, middle = self.grades[i], self.grades[j], upper + high / 2
        outline = Path([*_bend(*upper), *_bend(*(upper + high))[::-1]],
                       [*BEND, Path.LINETO, *BEND[1:]])  # fmt: skip
        colour = _colour(look, _move(self.flow, before, after))
        ax.add_patch(PathPatch(outline, facecolor=colour, edgecolor=style.PAPER,
                               linewidth=look.pt(0.6), zorder=2))  # fmt: skip
        if high[0] >= 0.95 * look.letters / 72 * self.inch:
            ax.annotate(
                f"{self.arm.counts.loc[before, after]:,}", (0, middle[0]),
                xytext=(look.pt(NODE), 0), textcoords="offset points", va="center",
                fontsize=self.size, zorder=5,
            )  # fmt: skip


def _bend(left: float, right: float) -> list[tuple[float, float]]:
    return [(0, left), (0.5, left), (0.5, right), (1, right)]
