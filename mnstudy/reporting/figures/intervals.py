"""From a finding to the panels of its figure: what is drawn, against which lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.disclosure import shown_count
from mnstudy.reporting.designs import design_cells
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.rows import IntervalRow, Panel
from mnstudy.reporting.reading import VerdictAxis, verdict_axis
from mnstudy.verdicts.findings import Finding, Part
from mnstudy.words.units import is_ratio

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


def estimate_panel(finding: Finding) -> Panel:
    """Return the main panel: the estimate against margin and null, like numbers beneath it."""
    panel = comparison_panel([finding], labels=[_own_label(finding)], extra=_beside(finding))
    study = next((p for p in finding.parts if p.kind == "study" and is_estimate(finding, p)), None)
    return panel if study is None else _of_one_study(panel, study)


def _of_one_study(panel: Panel, study: Part) -> Panel:
    """Name the endpoint above the only study, and its design beside it."""
    first, *rest = panel.rows
    cells = (*design_cells(study), *first.cells)
    rows = (replace(first, cells=cells), *(replace(r, cells=("", "", *r.cells)) for r in rest))
    return replace(panel, title=study.group, rows=rows, headers=("design", "blinded", *HEADERS))


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


def part_panels(finding: Finding) -> list[Panel]:
    """Return a panel for every kind and unit of the parts that are neither studies nor sessions."""
    shown = set(map(id, _beside(finding)))
    rest = [p for p in finding.parts if id(p) not in shown and not is_estimate(finding, p)]
    rest = [p for p in rest if p.kind not in ("study", "pooled", "prediction", "session")]
    keys = list(dict.fromkeys((p.kind, p.unit) for p in rest))
    return [_part_panel(finding, [p for p in rest if (p.kind, p.unit) == key]) for key in keys]


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
    style = theme.VERDICT_STYLES[finding.verdict]
    cells = (row.cells[0], size_cell(finding))
    look: dict[str, Any] = {"marker": style.marker, "colour": style.colour, "edge": style.edge}
    return replace(row, cells=cells, whole=True, **look)


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
    style = theme.VERDICT_STYLES[finding.verdict]
    return IntervalRow(
        label=label,
        value=estimate.value,
        low=estimate.ci_low,
        high=estimate.ci_high,
        cells=(fmt.interval(estimate), size_cell(finding)),
        marker=style.marker,
        colour=style.colour,
        edge=style.edge,
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
