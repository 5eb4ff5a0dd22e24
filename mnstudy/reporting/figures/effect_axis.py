"""The estimate of a finding on an axis of its own, beside the patients it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.disclosure import shown_size
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import Mark, mark
from mnstudy.reporting.figures.drawing import draw_interval
from mnstudy.reporting.figures.intervals import judged_axis
from mnstudy.reporting.figures.lettering import line_height, text_width, wrap
from mnstudy.reporting.figures.rows import IntervalRow, Panel, extent
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text
from mnstudy.reporting.reading import VerdictAxis, verdict_axis
from mnstudy.reporting.words import SYNTHETIC_WORDS, family_words
from mnstudy.verdicts.findings import Estimate, Finding

ROW = 0.2  # inches an interval takes
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectAxis:
    """The estimate with its interval, margin and the value of no effect, laid out in inches.

    Attributes
    ----------
    finding : Finding
    label : str
        What the estimate is, beneath its axis: difference, mean, largest difference.
    left, width : float
        Where the axis lies.
    ends : tuple of two float, or None
        Ends of the axis; None where nothing else shares it.
    size : float
        Size of the letters in points.
    """

    finding: Finding
    label: str
    left: float
    width: float
    size: float
    ends: Ends | None = None

    @property
    def height(self) -> float:
        """Height of names, intervals, ticks and axis label."""
        axis = 0.07 + line_height(self.size - 0.5) + len(self._label()) * line_height(self.size)
        return len(self._names()) * line_height(self.size - 1) + self._plot_height + axis

    @property
    def shown(self) -> Ends:
        """Ends of the axis."""
        return self.ends or extent(self._panel())

    @property
    def _plot_height(self) -> float:
        return ROW * len(_rows(self.finding)) + 0.06

    def _panel(self) -> Panel:
        rows = tuple(_rows(self.finding))
        return Panel(title="", rows=rows, headers=(), axis_label="", **judged_axis(self.finding))

    def _label(self) -> list[str]:
        unit = self.finding.estimate.unit if self.finding.estimate else ""
        return wrap(f"{self.label}, {unit}", self.width, self.size)

    def _names(self) -> list[list[tuple[float, str]]]:
        """Place the names of the lines, in inches from the left; further lines where crowded."""
        low, high = self.shown
        size = self.size - 1
        lines: list[list[tuple[float, str]]] = []
        ends: list[float] = []
        for x, text in sorted(_named(verdict_axis(self.finding))):
            width = text_width(text, size)
            start = self.width * (x - low) / (high - low) - width / 2
            start = min(max(start, -self.left + 0.1), self.width - width)
            free = [i for i, end in enumerate(ends) if end + 0.08 <= start]
            if free:
                lines[free[0]].append((start, text))
                ends[free[0]] = start + width
            else:
                lines.append([(start, text)])
                ends.append(start + width)
        return lines

    def draw(self, picture: Picture, top: float) -> None:
        """Draw with the top edge at this place in inches."""
        for line in self._names():
            for start, text in line:
                style: dict[str, Any] = {"fontsize": self.size - 1, "color": theme.MUTED}
                inch_text(picture, self.left + start, top, text, **style)
            top += line_height(self.size - 1)
        axes = inch_axes(picture, self.left, top, self.width, self._plot_height)
        axes.set_xlim(*self.shown)
        axes.set_ylim(self._plot_height, 0)
        axes.set_yticks([])
        _lines(axes, verdict_axis(self.finding), self._plot_height)
        for i, row in enumerate(_rows(self.finding)):
            draw_interval(axes, row, 0.03 + (i + 0.5) * ROW, self.shown, clip_height=0.05)
        plain_ticks(axes, self.width, self.size)
        axes.set_xlabel("\n".join(self._label()), fontsize=self.size, labelpad=2)


def plain_ticks(axes: Axes, width: float, size: float) -> None:
    """Put a few round ticks on the horizontal axis."""
    count = max(2, min(7, int(width / 0.5)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: fmt.given(round(float(x), 10))))
    axes.tick_params(axis="x", labelsize=size - 0.5)


def estimate_words(finding: Finding) -> str:
    """Write the estimate, its interval, the verdict and whose it is, for the head of a chart."""
    estimate = finding.estimate
    assert estimate is not None
    found = f"{fmt.interval(estimate)} {estimate.unit}, {fmt.level(estimate.confidence_level)}"
    return f"{found} interval; {finding.verdict} · {finding.dataset}, {shown_size(finding)}"


def source_words(finding: Finding) -> str:
    """Write where the data come from and how the estimate was made, for a caption."""
    estimate = finding.estimate
    assert estimate is not None
    mark_of_data = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    level = fmt.level(estimate.confidence_level)
    return (
        f"Data: {finding.dataset}, {shown_size(finding)}.{mark_of_data} Estimate: "
        f"{fmt.interval(estimate)} {estimate.unit}, {level} interval, against "
        f"{verdict_axis(finding).margin_label}; {estimate.method}.{family_words(finding)}"
    )


def estimate_marks(finding: Finding) -> tuple[Mark, ...]:
    """Return the entries of a key that the axis of an estimate needs."""
    look = theme.VERDICT_STYLES[finding.verdict]
    found = [
        mark(
            "estimate", marker=look.marker, markersize=5.5, color=look.colour,
            markeredgecolor=look.edge,
        )
    ]  # fmt: skip
    if finding.simultaneous is not None:
        name = f"with the {finding.family} primary claims"
        found.append(mark(name, marker="d", markersize=4, color=theme.PART))
    zone: dict[str, Any] = {"marker": "s", "markersize": 6, "markeredgecolor": theme.RULE}
    return (*found, mark("where the claim would hold", color=theme.ZONE, **zone))


def _rows(finding: Finding) -> list[IntervalRow]:
    assert finding.estimate is not None
    look = theme.VERDICT_STYLES[finding.verdict]
    rows = [_row(finding.estimate, look.marker, look.colour, look.edge, bold=True)]
    if finding.simultaneous is not None:
        rows.append(_row(finding.simultaneous, "d", theme.PART, theme.PART, bold=False))
    return rows


def _row(estimate: Estimate, marker: str, colour: str, edge: str, *, bold: bool) -> IntervalRow:
    return IntervalRow(
        label="", value=estimate.value, low=estimate.ci_low, high=estimate.ci_high, bold=bold,
        marker=marker, colour=colour, edge=edge, size=6 if bold else 4,
    )  # fmt: skip


def _named(axis: VerdictAxis) -> list[tuple[float, str]]:
    named = [(axis.margin, axis.margin_label)]
    if axis.null is not None and axis.null != axis.margin:
        named.append((axis.null, "no effect"))
    return named


def _lines(axes: Axes, axis: VerdictAxis, height: float) -> None:
    low, high = axes.get_xlim()
    if axis.null is not None:
        axes.plot([axis.null] * 2, [0, height], color=theme.LINE, linewidth=0.8, zorder=1)
    sides = ((axis.margin, axis.favours_lower), (axis.other_margin, not axis.favours_lower))
    for margin, lower in sides:
        if margin is None:
            continue
        ends = (low, margin) if lower else (margin, high)
        axes.fill_betweenx([0, height], *ends, color=theme.ZONE, linewidth=0, zorder=-5)
        dashes: dict[str, Any] = {"linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 1.5}
        axes.plot([margin] * 2, [0, height], color=theme.INK, **dashes)
