"""Harms: one row an adverse event, dots with exact limits, and the difference of two groups."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.disclosure.harms import percent
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.charts.chart import BETWEEN, MARGIN, Chart, Entry, Frame, source_line
from mnstudy.reporting.figures.drawing import draw_panel
from mnstudy.reporting.figures.intervals import IntervalRow, Panel, lay_out
from mnstudy.reporting.figures.style import Picture, inch_text, line_height, wrap
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.displays.harms import Harms
from mnstudy.words.notes import sentences

TITLE = "Adverse events"
MARKERS = ("s", "o", "^", "D", "v", "P", "X", "<", ">", "h", "p", "*")
OPEN_END = "|"  # at the limit of what 1 to 4 people could mean
SHARE = "patients with the event (percent)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HarmsPlot(Chart):
    """The adverse events of a cohort, by group."""

    harms: Harms

    @property
    def key(self) -> str:
        """Name among the files."""
        return "harms"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        found, level = self.harms, fmt.level(self.harms.confidence_level)
        people = f"{found.person}s"
        parts = [
            f"Adverse events of {found.dataset}: share of {people} with the event at any "
            "assessment after treatment.",
            f"{_sizes(found)}.",
            SYNTHETIC_WORDS if found.synthetic else "",
            f"Dots with exact (Clopper-Pearson) {level} limits, {people} as the unit.",
            _difference_words(found, level),
            *(f"{line}." for line in _zeros(found)),
            "Where 1 to 4 had the event no dot is drawn; the line ends at the exact upper limit "
            "that 4 would give."
            if found.guarded and found.rows["withheld"].eq("few").any()
            else "",
            *(f"{note[:1].upper()}{note[1:]}." for note in sentences(found.notes)),
        ]
        return " ".join(part for part in parts if part)

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        found = self.harms
        mark = "synthetic data, " if found.synthetic else ""
        said = []
        for row in found.rows.itertuples(index=False):
            where = f" ({row.arm})" if len(found.arms) > 1 else ""
            said.append(f"{row.label}{where} {row.sentence}")
        return f"Dots with limits. Adverse events, {mark}{found.dataset}: {'; '.join(said)}."

    def data(self) -> pd.DataFrame:
        """Return every share and difference that is drawn, and what stands for the others."""
        found = self.harms
        columns = ["event", "label", "arm", "n", "events", "share", "low", "high", "withheld",
                   "shown"]  # fmt: skip
        shares = found.rows[columns].assign(kind="share")
        shares = shares.rename(columns={"share": "value"})
        gaps = found.differences.assign(kind="difference", arm="", withheld="")
        gaps = gaps.rename(columns={"difference": "value", "n_pairs": "n"})
        both = shares if gaps.empty else pd.concat([shares, gaps], ignore_index=True)
        both = both.rename(columns={"low": "ci_low", "high": "ci_high"})
        order = ["kind", "event", "label", "arm", "value", "ci_low", "ci_high", "n", "events",
                 "withheld", "shown"]  # fmt: skip
        return both[order].reset_index(drop=True)

    def draw(self, width: float, size: float) -> Picture:
        """Draw on a picture of this width in inches, letters in points."""
        return _draw(self, width, size)


def _sizes(found: Harms) -> str:
    """Say how many are in each group; of events recorded for fewer the row says how many."""
    most = found.rows.groupby("arm", sort=False)["n"].max()
    counts = [f"{arm}: {_people(found, n)}" for arm, n in most.items()]
    return "; ".join(counts)


def _people(found: Harms, n: float) -> str:
    return "not shown" if math.isnan(n) else fmt.count(int(n), found.person)


def _difference_words(found: Harms, level: str) -> str:
    if found.differences.empty:
        return f"No differences: {found.no_difference}." if len(found.arms) > 1 else ""
    pairs = bool(found.differences["paired"].any())
    how = ", the same patients on both sides" if pairs else ""
    words = (
        f"Differences: {found.arms[0]} minus {found.arms[1]}, {level} Newcombe intervals{how}, "
        "not adjusted for the number of events looked at."
    )
    if found.differences["difference"].isna().any():
        words += " A difference that would tell a count of 1 to 4 is not shown."
    return words


def _zeros(found: Harms) -> list[str]:
    """Say plainly, once for each group size, what seeing none can and cannot mean."""
    none = found.rows[found.rows["events"].eq(0) & found.rows["n"].gt(0)]
    lines = []
    for (arm, n, high), own in none.groupby(["arm", "n", "high"], sort=False):
        names = _listed([str(x) for x in own["label"]])
        where = f" in {arm}" if len(found.arms) > 1 else ""
        lines.append(
            f"No {names}{where}, 0 of {fmt.count(int(n), found.person)}: none seen is not none, "
            f"the true rate may be up to {percent(float(high), fmt.NBSP)}"
        )
    return lines


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _look(found: Harms, arm: str) -> dict[str, Any]:
    """Return marker and filling of a group: the reference of two is open."""
    i = found.arms.index(arm)
    hollow = len(found.arms) == 2 and i == 1
    colour = style.PAPER if hollow else style.PART
    return {"marker": MARKERS[i % len(MARKERS)], "colour": colour, "edge": style.PART}


def _row(found: Harms, row: Any, label: str) -> IntervalRow:
    low, high, value = float(row.low), float(row.high), float(row.share)
    mark = "dot"
    if row.withheld == "few":
        low, value, mark = 0.0, 0.0, "limit"
    elif row.withheld == "nearly all":
        high, value, mark = 100.0, 100.0, "limit"
    return IntervalRow(
        label=label, value=value, low=low, high=high, mark=mark, whole=True,
        cells=_cells(row), **_look(found, row.arm),
    )  # fmt: skip


def _cells(row: Any) -> tuple[str, str]:
    if row.withheld == "few":
        return row.shown, f"at most {percent(row.high)}"
    if row.withheld == "nearly all":
        return row.shown, f"at least {percent(row.low)}"
    if math.isnan(row.share):
        return row.shown or "not recorded", ""
    low, high = (fmt.number(x, 1) for x in (row.low, row.high))
    return row.shown, f"{percent(row.share)} ({low} to {high})"


def _shares(found: Harms) -> Panel:
    rows = []
    for _, own in found.rows.groupby("event", sort=False):
        label = str(own["label"].iloc[0])
        if len(found.arms) > 1:
            rows.append(IntervalRow(label=label, mark="heading", bold=True))
        for row in own.itertuples(index=False):
            rows.append(_row(found, row, row.arm if len(found.arms) > 1 else label))
    return Panel(
        title="", rows=tuple(rows), headers=(f"{found.person}s", "share (limits)"),
        axis_label=SHARE, keep=(0.0,),
    )  # fmt: skip


def _differences(found: Harms) -> Panel | None:
    known = found.differences["difference"].notna()
    if not known.any():
        return None
    rows = [
        IntervalRow(
            label=r.label, value=r.difference, low=r.low, high=r.high, cells=(r.shown,), whole=True
        )
        for r in found.differences.itertuples(index=False)
    ]
    return Panel(
        title=f"difference: {found.arms[0]} minus {found.arms[1]}", rows=tuple(rows),
        headers=("difference (interval)",), axis_label="percentage points", null=0.0,
        null_label="no difference",
    )  # fmt: skip


def _entries(found: Harms) -> tuple[Entry, ...]:
    if not found.rows["withheld"].isin(["few", "nearly all"]).any():
        return ()
    line: dict[str, Any] = {"color": style.PART, "linewidth": 1.1}
    return (Entry(text="no dot: fewer than 5 people, only the exact limit is shown", line=line),)


def _draw(chart: HarmsPlot, width: float, size: float) -> Picture:
    found = chart.harms
    level = fmt.level(found.confidence_level)
    frame = Frame(
        width=width, size=size, title=TITLE, entries=_entries(found),
        words=source_line(found.dataset, synthetic=found.synthetic, size=f"exact {level} limits"),
    )  # fmt: skip
    panels = [p for p in (_shares(found), _differences(found)) if p is not None]
    layouts = [lay_out(panel, frame.inner, size) for panel in panels]
    foot = [x for line in _zeros(found) for x in wrap(f"{line}.", frame.inner, size - 0.5)]
    body = sum(x.height + BETWEEN for x in layouts) + len(foot) * line_height(size - 0.5)
    with style.themed():
        picture, top = frame.sheet(body, chart.alt, synthetic=found.synthetic)
        for panel, layout in zip(panels, layouts, strict=True):
            draw_panel(picture, panel, layout, MARGIN, top)
            top += layout.height + BETWEEN
        for text in foot:
            inch_text(picture, MARGIN, top, text, fontsize=size - 0.5, color=style.MUTED)
            top += line_height(size - 0.5)
    return picture
