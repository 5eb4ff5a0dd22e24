"""Forest plots, and the course over sessions beside the gain of each.

Every study stands with its weight, the pooled value and what a further study would show. Controlled
and uncontrolled studies, and different endpoints, stand apart and are never mixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.disclosure import shown_count
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.drawing import draw_panel
from mnstudy.reporting.figures.intervals import (
    IntervalRow,
    Panel,
    PanelLayout,
    common_digits,
    is_estimate,
    judged_axis,
    lay_out,
    write_interval,
)
from mnstudy.reporting.figures.style import Picture, inch_axes, inch_text, line_height, text_width
from mnstudy.reporting.words import design_cells
from mnstudy.verdicts.finding.finding import Finding, Part
from mnstudy.words.units import is_ratio

KINDS = ("study", "pooled", "prediction")
DESIGN = ("design", "blinded")
HEADERS = ("estimate (interval)", "n", "weight")
NAMES = {"pooled": "pooled", "prediction": "a further study"}

SIDE_BY_SIDE = 5.0  # inches of room from which the two panels stand beside each other
BETWEEN = 0.3
PLOT_HEIGHT = 1.7


def forest_panels(finding: Finding) -> list[Panel]:
    """Return a panel for the studies behind the estimate, then panels for the others.

    Studies with a control and without one never share a panel, nor do different units.
    """
    parts = [p for p in finding.parts if p.kind in KINDS and not is_estimate(finding, p)]
    deciding = deciding_group(finding)
    first = [p for p in parts if p.group == deciding]
    rest = [p for p in parts if p.group != deciding]
    keys = list(dict.fromkeys(_apart(p) for p in rest))
    panels = [_deciding_panel(finding, first)] if first else []
    return panels + [_other_panel(finding, [p for p in rest if _apart(p) == k]) for k in keys]


def _apart(part: Part) -> tuple[str, str]:
    """Return what may share an axis: with a control or without one, and the unit."""
    return part.control or part.group, part.unit


def deciding_group(finding: Finding) -> str | None:
    """Return the group of studies that the estimate was made from; None without an estimate."""
    studies = [p for p in finding.parts if p.kind in KINDS]
    return studies[0].group if studies and finding.estimate is not None else None


def _deciding_panel(finding: Finding, parts: Sequence[Part]) -> Panel:
    return Panel(
        title=parts[0].group,
        rows=_rows(finding, parts, judged=True),
        headers=_headers(parts),
        axis_label=parts[0].unit,
        **judged_axis(finding),
    )


def _other_panel(finding: Finding, parts: Sequence[Part]) -> Panel:
    unit, groups = parts[0].unit, list(dict.fromkeys(p.group for p in parts))
    rows: list[IntervalRow] = []
    for group in groups:
        if len(groups) > 1:
            rows.append(IntervalRow(label=group, mark="heading"))
        own = [p for p in parts if p.group == group]
        rows += _rows(finding, own, judged=False, designs=_with_designs(parts))
    nulls = [p.null for p in parts if not math.isnan(p.null)]
    return Panel(
        title=_title(finding, parts) if len(groups) > 1 else groups[0],
        rows=tuple(rows),
        headers=_headers(parts),
        axis_label=unit,
        null=nulls[0] if nulls else None,
        null_label="no effect",
        log=is_ratio(unit),
    )


def _title(finding: Finding, parts: Sequence[Part]) -> str:
    control = parts[0].control
    if not control:
        return "other endpoints"
    return f"{control} studies" + (", other endpoints" if finding.estimate else "")


def _rows(
    finding: Finding, parts: Sequence[Part], *, judged: bool, designs: bool | None = None
) -> tuple[IntervalRow, ...]:
    digits = common_digits(parts)
    found = [_row(finding, p, parts, digits, judged=judged) for p in parts]
    if _with_designs(parts) if designs is None else designs:
        return tuple(found)
    return tuple(replace(row, cells=row.cells[len(DESIGN) :]) for row in found)


def _with_designs(parts: Sequence[Part]) -> bool:
    """Tell whether the design of any study is known; reconstructed patients have none."""
    return any(p.design or p.blinded for p in parts)


def _headers(parts: Sequence[Part]) -> tuple[str, ...]:
    return (*DESIGN, *HEADERS) if _with_designs(parts) else HEADERS


def _row(
    finding: Finding, part: Part, group: Sequence[Part], digits: int, *, judged: bool
) -> IntervalRow:
    if part.kind == "study":
        return _study_row(finding, part, group, digits, judged=judged)
    look = style.VERDICT_STYLES[finding.verdict]
    pooled = part.kind == "pooled"
    ends = f"{fmt.number(part.ci_low, digits)} to {fmt.number(part.ci_high, digits)}"
    n = shown_count(finding, part.n) if pooled else ""
    return IntervalRow(
        label=NAMES.get(part.kind, part.label),
        value=part.value,
        low=part.ci_low,
        high=part.ci_high,
        cells=("", "", write_interval(part, digits) if pooled else ends, n, ""),
        mark="diamond" if pooled else "bar",
        colour=look.colour if judged else style.PART,
        edge=look.edge if judged else style.PART,
        bold=pooled,
        whole=pooled,
        judged=judged,
    )


def _study_row(
    finding: Finding, part: Part, group: Sequence[Part], digits: int, *, judged: bool
) -> IntervalRow:
    weights = [p.weight for p in group if math.isfinite(p.weight)]
    text = "not shown" if math.isnan(part.value) else write_interval(part, digits)
    return IntervalRow(
        label=part.label,
        value=part.value,
        low=part.ci_low,
        high=part.ci_high,
        cells=(
            *design_cells(part),
            text,
            shown_count(finding, part.n),
            _share(part.weight, weights),
        ),
        size=_size(part.weight, weights),
        judged=judged,
    )


def _share(weight: float, weights: Sequence[float]) -> str:
    if not math.isfinite(weight) or not sum(weights):
        return ""
    return f"{fmt.number(100 * weight / sum(weights), 0)}{fmt.NBSP}%"


def _size(weight: float, weights: Sequence[float]) -> float:
    """Return the side of the square, its area in proportion to the weight."""
    if not math.isfinite(weight) or not max(weights, default=0):
        return 3.5
    return max(2.2, 6.5 * math.sqrt(weight / max(weights)))


@dataclass(frozen=True, slots=True)
class SessionMeans:
    """Means by session and, where there are any, the gains."""

    finding: Finding
    sessions: tuple[Part, ...]
    gains: Panel | None
    left: float
    width: float
    size: float

    @property
    def beside(self) -> bool:
        """True where the gains stand beside the course, not beneath it."""
        return self.gains is not None and self.width >= SIDE_BY_SIDE

    @property
    def course_width(self) -> float:
        """Width of the course in inches."""
        return 0.46 * self.width if self.beside else self.width

    @property
    def course_height(self) -> float:
        """Height of the course in inches."""
        return line_height(self.size + 0.5) + 0.08 + PLOT_HEIGHT + 3.4 * line_height(self.size)

    @property
    def height(self) -> float:
        """Height of everything in inches."""
        layout = self._gains_layout()
        if layout is None:
            return self.course_height
        if self.beside:
            return max(self.course_height, layout.height)
        return self.course_height + BETWEEN + layout.height

    def _gains_layout(self) -> PanelLayout | None:
        if self.gains is None:
            return None
        room = self.width - self.course_width - BETWEEN if self.beside else self.width
        return lay_out(self.gains, room, self.size)

    def draw(self, picture: Picture, top: float) -> None:
        """Draw both at this height."""
        _draw_course(self, picture, top)
        layout = self._gains_layout()
        if self.gains is None or layout is None:
            return
        if self.beside:
            left = self.left + self.course_width + BETWEEN
            draw_panel(picture, self.gains, layout, left, top)
        else:
            draw_panel(picture, self.gains, layout, self.left, top + self.course_height + BETWEEN)


def _draw_course(block: SessionMeans, picture: Picture, top: float) -> None:
    sessions = [p for p in block.sessions if not math.isnan(p.value)]
    size = block.size
    title: dict[str, Any] = {"fontsize": size + 0.5, "fontweight": "bold"}
    inch_text(picture, block.left, top, "mean after each session", **title)
    plot_top = top + line_height(size + 0.5) + 0.08
    room = 0.55
    axes = inch_axes(
        picture, block.left + room, plot_top, block.course_width - room - 0.1, PLOT_HEIGHT
    )
    axes.spines["left"].set_visible(True)
    low, high = _extent(sessions)
    axes.set_ylim(low, high)
    xs = [p.x for p in sessions]
    pad = 0.5 if len(xs) < 2 else 0.06 * (max(xs) - min(xs)) + 0.2
    axes.set_xlim(min(xs, default=0) - pad, max(xs, default=1) + pad)
    _draw_means(axes, sessions, (low, high))
    _label(axes, block, sessions)


def _draw_means(axes: Axes, sessions: Sequence[Part], ends: tuple[float, float]) -> None:
    line: dict[str, Any] = {"color": style.PART, "zorder": 2}
    axes.plot([p.x for p in sessions], [p.value for p in sessions], linewidth=1.0, **line)
    for part in sessions:
        low, high = (
            min(max(part.value if math.isnan(x) else x, ends[0]), ends[1])
            for x in (part.ci_low, part.ci_high)
        )
        axes.plot([part.x, part.x], [low, high], linewidth=1.1, **line)
        axes.plot([part.x], [part.value], marker="s", markersize=4.5, **line)
        for end, beyond, marker in (
            (ends[0], part.ci_low < ends[0], 6),
            (ends[1], part.ci_high > ends[1], 7),
        ):
            if beyond:
                axes.plot([part.x], [end], marker=marker, markersize=4.5, clip_on=False, **line)


def _label(axes: Axes, block: SessionMeans, sessions: Sequence[Part]) -> None:
    size = block.size
    counts = [shown_count(block.finding, p.n) for p in sessions]
    widest = max((text_width(c, size - 0.5) for c in counts), default=0.1) + 0.06
    room = block.course_width - 0.65
    step = max(1, math.ceil(len(sessions) * widest / room))
    shown = list(zip(sessions, counts, strict=True))[::step]
    axes.set_xticks([p.x for p, _ in shown], [f"{p.label}\n{c}" for p, c in shown])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: fmt.as_entered(float(y))))
    axes.tick_params(labelsize=size - 0.5)
    axes.set_xlabel("sessions; beneath: number of patients", fontsize=size - 0.5, labelpad=2)
    axes.set_ylabel(sessions[0].unit if sessions else "", fontsize=size, labelpad=2)


def _extent(sessions: Sequence[Part]) -> tuple[float, float]:
    values = [p.value for p in sessions] or [0.0, 1.0]
    ends = [x for p in sessions for x in (p.ci_low, p.ci_high) if math.isfinite(x)]
    span = (max(values) - min(values)) or max(abs(values[0]), 1.0)
    low = max(min([*values, *ends]), min(values) - 1.5 * span)
    high = min(max([*values, *ends]), max(values) + 1.5 * span)
    pad = 0.08 * (high - low or 1.0)
    return low - pad, high + pad
