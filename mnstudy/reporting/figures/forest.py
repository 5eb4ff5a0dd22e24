"""Forest plots: every study with its weight, the pooled value and what a further study would show.

Controlled and uncontrolled studies, and different endpoints, stand apart and are never mixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mnstudy import formatting as fmt
from mnstudy.disclosure import shown_count
from mnstudy.reporting.designs import design_cells
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.intervals import (
    common_digits,
    is_estimate,
    judged_axis,
    write_interval,
)
from mnstudy.reporting.figures.rows import IntervalRow, Panel
from mnstudy.verdicts.findings import Finding, Part
from mnstudy.words.units import is_ratio

KINDS = ("study", "pooled", "prediction")
DESIGN = ("design", "blinded")
HEADERS = ("estimate (interval)", "n", "weight")
NAMES = {"pooled": "pooled", "prediction": "a further study"}


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
    style = theme.VERDICT_STYLES[finding.verdict]
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
        colour=style.colour if judged else theme.PART,
        edge=style.edge if judged else theme.PART,
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
