"""Rows of numbers on an axis: the panels of a finding, and where all of it lies in inches.

A row is a label, a dot with its interval against the lines of the panel, and the numbers as text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.disclosure import shown_count
from mnstudy.formatting import NBSP
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.style import line_height, text_width, widest, wrap
from mnstudy.reporting.words import VerdictAxis, design_cells, verdict_axis
from mnstudy.verdicts.finding.finding import Finding, Part
from mnstudy.words.units import is_ratio

GAP = 0.14  # inches between columns
MIN_PLOT = 1.1  # inches; below it the numbers go under the labels
ROW_PAD = 0.075

ROOM = 6.0  # spans by which a whole interval may widen an axis; fewer on a log axis
LOG_ROOM = 1.2

HEADERS = ("estimate (interval)", "n")
TITLES = {
    "arm": "mean of each arm",
    "level": "mean of each group",
    "gain": "gain over the session before",
    "slope": "slope",
    "contrast": "other comparisons",
    "share": "share of patients",
    "expected": "change to expect without any treatment",
}
# "together" is the estimate again, with the interval that holds for the whole family of the plan.
BESIDE_THE_ESTIMATE = ("together", "contrast", "slope", "expected")
DIFFERENCES = ("gain", "slope", "contrast", "expected")
UNJUDGED = ("expected",)  # drawn for comparison: the margin does not apply to it

ZONE_LABEL = "shaded: where the claim would hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """One line of a panel.

    ``mark`` is how it is drawn: dot, diamond, bar, heading or nothing. ``whole`` keeps the whole
    interval inside the axis; other intervals may run off and end in an arrow. ``judged`` tells
    that the margin of the panel applies to it.
    """

    label: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    cells: tuple[str, ...] = ()
    mark: str = "dot"
    marker: str = "s"
    colour: str = style.PART
    edge: str = style.PART
    size: float = 4.5
    bold: bool = False
    whole: bool = False
    judged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Rows on a common axis, with the lines they are held against.

    ``keep`` are further values that the axis has to show; ``kind`` is that of the parts, where all
    are of one.
    """

    title: str
    rows: tuple[IntervalRow, ...]
    headers: tuple[str, ...]
    axis_label: str
    null: float | None = None
    null_label: str = ""
    margin: float | None = None
    other_margin: float | None = None
    margin_label: str = ""
    zone_label: str = ""
    favours_lower: bool = False
    log: bool = False
    keep: tuple[float, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelLayout:
    """Where the columns and rows of a panel lie, in inches."""

    width: float
    size: float
    label_width: float
    plot_left: float
    plot_width: float
    cell_rights: tuple[float, ...]
    labels: tuple[tuple[str, ...], ...]
    under: tuple[tuple[str, ...], ...]
    row_heights: tuple[float, ...]
    title: tuple[str, ...]
    lines: bool
    axis_lines: tuple[str, ...]

    @property
    def head_height(self) -> float:
        """Height of title and column heads; the heads stand beside a short title."""
        title = len(self.title) * line_height(self.size + 0.5)
        if not self.cell_rights:
            return title
        return (
            max(title, line_height(self.size)) if self.heads_beside else title + self.heads_height
        )

    @property
    def heads_height(self) -> float:
        """Height of the column heads."""
        return line_height(self.size)

    @property
    def heads_beside(self) -> bool:
        """True where title and column heads fit on one line."""
        end = widest(list(self.title), self.size + 0.5, bold=True)
        return len(self.title) < 2 and end < self.plot_left + self.plot_width

    @property
    def strip_height(self) -> float:
        """Height of the strip that names the lines."""
        return line_height(self.size - 1) + 0.02 if self.lines else 0.06

    @property
    def plot_height(self) -> float:
        """Height of the rows together."""
        return sum(self.row_heights)

    @property
    def axis_height(self) -> float:
        """Height of tick labels and axis label."""
        return 0.06 + line_height(self.size - 0.5) + len(self.axis_lines) * line_height(self.size)

    @property
    def height(self) -> float:
        """Height of everything."""
        return self.head_height + self.strip_height + self.plot_height + self.axis_height


def estimate_panel(finding: Finding) -> Panel:
    """Return the main panel: the estimate against margin and null, like numbers beneath it."""
    panel = comparison_panel([finding], labels=[_own_label(finding)], extra=_beside(finding))
    study = next((p for p in finding.parts if p.kind == "study" and is_estimate(finding, p)), None)
    return panel if study is None else _of_one_study(panel, study)


def comparison_panel(
    findings: Sequence[Finding], *, labels: Sequence[str], extra: Sequence[Part] = ()
) -> Panel:
    """Return a panel with the estimates of several findings that share unit and margin."""
    first = findings[0]
    assert first.estimate is not None
    estimate = first.estimate
    digits = fmt.decimals_for(estimate.value, estimate.ci_low, estimate.ci_high)
    rows = [_estimate_row(f, label) for f, label in zip(findings, labels, strict=True)]
    return Panel(
        title="",
        rows=(*rows, *(_beside_row(first, p, digits) for p in extra)),
        headers=HEADERS,
        axis_label=estimate.unit,
        **judged_axis(first),
    )


def part_panels(finding: Finding) -> list[Panel]:
    """Return a panel for every kind and unit of the parts that are neither studies nor sessions."""
    shown = set(map(id, _beside(finding)))
    rest = [p for p in finding.parts if id(p) not in shown and not is_estimate(finding, p)]
    rest = [p for p in rest if p.kind not in ("study", "pooled", "prediction", "session")]
    keys = list(dict.fromkeys((p.kind, p.unit) for p in rest))
    return [_part_panel(finding, [p for p in rest if (p.kind, p.unit) == key]) for key in keys]


def lay_out(panel: Panel, width: float, size: float) -> PanelLayout:
    """Fit a panel into a width: labels wrapped, numbers beside the plot or under the labels."""
    columns = _cell_widths(panel, size)
    beside = sum(columns) + GAP * len(columns)
    label = _label_width(panel, size, 0.34 * width)
    for share, room in ((0.3, max(MIN_PLOT, 0.3 * width)), (0.24, MIN_PLOT)):
        if width - label - GAP - beside < room:
            label = max(min(label, share * width), 0.9)
    if width - label - GAP - beside < MIN_PLOT:
        return _stacked(panel, width, size)
    plot_left = label + GAP
    plot_width = width - plot_left - beside
    rights, at = [], plot_left + plot_width
    for column in columns:
        at += GAP + column
        rights.append(at)
    return _layout(panel, width, size, label, plot_left, plot_width, tuple(rights))


def _stacked(panel: Panel, width: float, size: float) -> PanelLayout:
    texts = [_joined(panel, row) for row in panel.rows]
    label = max(
        _label_width(panel, size, 0.46 * width), widest(texts, size - 0.5) if texts else 0.0
    )
    label = min(label, 0.52 * width)
    return _layout(panel, width, size, label, label + GAP, width - label - GAP - 0.06, ())


def _layout(
    panel: Panel,
    width: float,
    size: float,
    label: float,
    plot_left: float,
    plot_width: float,
    rights: tuple[float, ...],
) -> PanelLayout:
    stacked = not rights
    labels = [_lines(row, width if row.mark == "heading" else label, size) for row in panel.rows]
    under = [
        tuple(wrap(_joined(panel, row), label, size - 0.5)) if stacked and row.cells else ()
        for row in panel.rows
    ]
    heights = [
        ROW_PAD + len(a) * line_height(size) + len(b) * line_height(size - 0.5)
        for a, b in zip(labels, under, strict=True)
    ]
    axis = " · ".join(x for x in (panel.axis_label, panel.zone_label) if x)
    room = 2 * min(plot_left + plot_width / 2, width - plot_left - plot_width / 2)
    return PanelLayout(
        width=width,
        size=size,
        label_width=label,
        plot_left=plot_left,
        plot_width=plot_width,
        cell_rights=rights,
        labels=tuple(labels),
        under=tuple(under),
        row_heights=tuple(heights),
        title=tuple(wrap(panel.title, width, size + 0.5, bold=True)) if panel.title else (),
        lines=panel.null is not None or panel.margin is not None,
        axis_lines=tuple(wrap(axis, room, size)) if axis else (),
    )


def _lines(row: IntervalRow, width: float, size: float) -> tuple[str, ...]:
    return tuple(wrap(row.label, width, size, bold=row.bold))


def _joined(panel: Panel, row: IntervalRow) -> str:
    named = zip(panel.headers, row.cells, strict=False)
    return ", ".join(
        f"{h}{NBSP}{c}" if h in ("n", "weight", "blinded") else c for h, c in named if c
    )


def _label_width(panel: Panel, size: float, limit: float) -> float:
    own = [row for row in panel.rows if row.mark != "heading"]
    needed = max((text_width(r.label, size, bold=r.bold) for r in own), default=0.0)
    return min(needed + 0.02, limit)


def _cell_widths(panel: Panel, size: float) -> list[float]:
    widths = []
    for i, header in enumerate(panel.headers):
        cells = [(r.cells[i], r.bold) for r in panel.rows if len(r.cells) > i]
        needed = [text_width(text, size, bold=bold) for text, bold in cells]
        widths.append(max([text_width(header, size - 0.5), *needed]))
    return widths


def extent(panel: Panel) -> tuple[float, float]:
    """Return the ends of the axis: every value, margin and null lie inside.

    Whole intervals may widen it by some spans of these; other intervals by one span, or one and a
    half times the width of the middle one where that is more; beyond, they run off.
    """
    log, change = panel.log, math.log10 if panel.log else float
    base = [row.value for row in panel.rows]
    base += [
        x for x in (panel.null, panel.margin, panel.other_margin, *panel.keep) if x is not None
    ]
    inner = [change(x) for x in base if _drawable(x, log=log)] or [0.0, 1.0]
    low, high = min(inner), max(inner)
    span = high - low
    whole = [x for row in panel.rows if row.whole for x in (row.low, row.high)]
    low, high = _widened(low, high, whole, span * (LOG_ROOM if log else ROOM), log=log)
    known = [r for r in panel.rows if _drawable(r.low, log=log) and _drawable(r.high, log=log)]
    widths = sorted(change(r.high) - change(r.low) for r in known if not r.whole) or [0.0]
    room = max(span, 1.5 * widths[len(widths) // 2])
    low, high = _widened(low, high, [x for r in panel.rows for x in (r.low, r.high)], room, log=log)
    pad = 0.06 * ((high - low) or max(abs(high), 1.0))
    low, high = low - pad, high + pad
    return (10**low, 10**high) if log else (low, high)


def _widened(
    low: float, high: float, ends: list[float], room: float, *, log: bool
) -> tuple[float, float]:
    """Widen an axis to hold these ends, by no more than ``room`` on either side."""
    change = math.log10 if log else float
    known = [change(x) for x in ends if _drawable(x, log=log)]
    room = room or math.inf
    return max(min([low, *known]), low - room), min(max([high, *known]), high + room)


def _drawable(x: float, *, log: bool) -> bool:
    return math.isfinite(x) and (x > 0 or not log)


def _of_one_study(panel: Panel, study: Part) -> Panel:
    """Name the endpoint above the only study, and its design beside it."""
    first, *rest = panel.rows
    cells = (*design_cells(study), *first.cells)
    rows = (replace(first, cells=cells), *(replace(r, cells=("", "", *r.cells)) for r in rest))
    return replace(panel, title=study.group, rows=rows, headers=("design", "blinded", *HEADERS))


def judged_axis(finding: Finding) -> dict[str, Any]:
    """Return the fields of a panel on whose axis the finding is judged: margin, null and zone."""
    axis = verdict_axis(finding)
    return {
        "null": axis.null,
        "null_label": "no effect",
        "margin": axis.margin,
        "other_margin": axis.other_margin,
        "margin_label": axis.margin_label,
        "zone_label": ZONE_LABEL,
        "favours_lower": axis.favours_lower,
        "log": axis.log,
        "keep": () if axis.log else (0.0,),
    }


def _part_panel(finding: Finding, parts: Sequence[Part]) -> Panel:
    kind, unit = parts[0].kind, parts[0].unit
    difference = kind in DIFFERENCES
    log = is_ratio(unit)
    return Panel(
        kind=kind,
        title=TITLES.get(kind, kind),
        rows=tuple(part_row(finding, p, common_digits(parts)) for p in parts),
        headers=HEADERS,
        axis_label=unit,
        null=(1.0 if log else 0.0) if difference else None,
        null_label="no change" if kind == "expected" else "no effect" if difference else "",
        log=log,
    )


def _beside(finding: Finding) -> list[Part]:
    """Return the parts that can be read on the axis of the estimate, unjudged ones last."""
    if finding.estimate is None:
        return []
    kinds: tuple[str, ...] = BESIDE_THE_ESTIMATE
    if finding.comparison in ("rate", "uncontrolled"):
        kinds = (*kinds, "arm", "level")
    same = [p for p in finding.parts if p.kind in kinds and p.unit == finding.estimate.unit]
    beside = [p for p in same if not is_estimate(finding, p)]
    return sorted(beside, key=lambda p: (p.kind in UNJUDGED, p.kind != "together"))


def _beside_row(finding: Finding, part: Part, digits: int) -> IntervalRow:
    """Return the row of a number beside the estimate; the family's interval has its colours."""
    row = part_row(finding, part, digits, judged=part.kind not in UNJUDGED)
    if part.kind != "together":
        return row
    look = style.VERDICT_STYLES[finding.verdict]
    cells = (row.cells[0], size_cell(finding))
    marked = replace(row, marker=look.marker, colour=look.colour, edge=look.edge)
    return replace(marked, cells=cells, whole=True)


def is_estimate(finding: Finding, part: Part) -> bool:
    """Tell whether a part repeats the estimate under its own name: a slope, or the only study."""
    estimate = finding.estimate
    if estimate is None or part.unit != estimate.unit:
        return False
    named = part.kind == "slope" or (part.kind == "study" and finding.n_studies == 1)
    ends = (estimate.value, estimate.ci_low, estimate.ci_high)
    return named and (part.value, part.ci_low, part.ci_high) == ends


def _own_label(finding: Finding) -> str:
    same = next((p.label for p in finding.parts if is_estimate(finding, p)), None)
    return same or ("pooled" if (finding.n_studies or 0) > 1 else "estimate")


def _estimate_row(finding: Finding, label: str) -> IntervalRow:
    estimate = finding.estimate
    assert estimate is not None
    look = style.VERDICT_STYLES[finding.verdict]
    return IntervalRow(
        label=label,
        value=estimate.value,
        low=estimate.ci_low,
        high=estimate.ci_high,
        cells=(fmt.interval(estimate), size_cell(finding)),
        marker=look.marker,
        colour=look.colour,
        edge=look.edge,
        size=6.5,
        bold=True,
        whole=True,
        judged=True,
    )


def size_cell(finding: Finding) -> str:
    """Write the number behind an estimate: patients, else studies."""
    if finding.n_patients:
        return shown_count(finding, finding.n_patients)
    return "" if finding.n_studies is None else fmt.count(finding.n_studies, "study", "studies")


def common_digits(parts: Sequence[Part]) -> int:
    """Return the decimals that suit all these numbers."""
    return fmt.decimals_for(*(part.value for part in parts))


def write_interval(part: Part, digits: int) -> str:
    """Write value and interval of a further number."""
    value, low, high = (fmt.number(x, digits) for x in (part.value, part.ci_low, part.ci_high))
    if math.isnan(part.ci_low) and math.isnan(part.ci_high):
        return f"{value} (no interval)"
    return f"{value} ({low} to {high})"


def part_row(finding: Finding, part: Part, digits: int, *, judged: bool = False) -> IntervalRow:
    """Return the row of a further number; a withheld one says so in place of its value."""
    text = "not shown" if math.isnan(part.value) else write_interval(part, digits)
    return IntervalRow(
        label=part.label,
        value=part.value,
        low=part.ci_low,
        high=part.ci_high,
        cells=(text, shown_count(finding, part.n)),
        judged=judged,
    )


def same_axis(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Group findings that can share an axis: same unit, same margin, same side."""
    groups: dict[tuple[str, VerdictAxis], list[Finding]] = {}
    for finding in findings:
        if finding.estimate is not None:
            key = (finding.estimate.unit, verdict_axis(finding))
            groups.setdefault(key, []).append(finding)
    return list(groups.values())
