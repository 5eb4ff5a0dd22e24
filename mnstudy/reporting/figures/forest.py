"""What the figure of a finding shows: its estimate, further numbers, studies and sessions.

In a forest plot every study stands with its arms, counts, weight and risk of bias; beneath them the
pooled value, the prediction interval, and the same under other assumptions. The group that decides
comes first; groups of other designs, conditions or endpoints stand apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import seaborn as sns
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import intervals, style
from mnstudy.reporting.figures.chart import Entry, Panel, numbers, numbers_at_risk, sample
from mnstudy.reporting.figures.intervals import IntervalRow, IntervalTable, judged_axis
from mnstudy.reporting.figures.style import Look
from mnstudy.reporting.words import (
    BIAS,
    STUDY_KINDS,
    axis_words,
    counts_words,
    drawn_parts,
    forest_marks,
    is_listed,
    spread_words,
    study_words,
    verdict_axis,
)
from mnstudy.verdicts.finding.finding import Finding, Part
from mnstudy.words.units import axis_name, is_ratio, short

HEADERS = ("estimate (interval)", "n")
TITLES = {
    "arm": "each arm",
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
PERCENT = ("percent", "percentage points")  # written to a tenth
UNJUDGED = ("expected",)  # drawn for comparison: the margin does not apply to it

STUDY_HEADERS = ("n/N", "(interval)", "weight", "bias")  # the unit stands before the interval
NAMES = {"pooled": "pooled", "prediction": "prediction interval"}
CONTROLS = {"controlled": "studies with a control", "uncontrolled": "studies without a control"}
RARE = 10.0  # percent: below a limit up to this, small shares are what matters

PLOT_HEIGHT = 1.7  # inches


def estimate_table(finding: Finding) -> IntervalTable:
    """Return the main panel: the estimate against margin and null, like numbers beneath it."""
    return _table([finding], [_own_label(finding)], _beside(finding))


def comparison_tables(findings: Sequence[Finding]) -> list[IntervalTable]:
    """Return a table for each unit; findings that are judged alike share margin and zone."""
    groups: dict[tuple[str, bool], list[Finding]] = {}
    for finding in findings:
        assert finding.estimate is not None
        groups.setdefault((finding.estimate.unit, verdict_axis(finding).log), []).append(finding)
    datasets, claims = ({f.dataset for f in findings}, {f.claim.id for f in findings})

    def label(finding: Finding) -> str:
        names = (finding.claim.title, finding.dataset)
        return ": ".join(x for x, n in zip(names, (claims, datasets), strict=True) if len(n) > 1)

    return [_table(own, [label(f) or f.dataset for f in own]) for own in groups.values()]


def _table(
    findings: Sequence[Finding], labels: Sequence[str], extra: Sequence[Part] = ()
) -> IntervalTable:
    """Return the estimates of findings of one unit; each with its own margin where they differ."""
    first = findings[0]
    assert first.estimate is not None
    estimate = first.estimate
    digits = fmt.decimals_for(estimate.value, estimate.ci_low, estimate.ci_high)
    alone = len(findings) == 1
    rows = [_estimate_row(f, x, bold=alone) for f, x in zip(findings, labels, strict=True)]
    rows += [_beside_row(first, p, digits) for p in extra]
    axis, label = judged_axis(first) | {"root": is_rare(first)}, estimate.unit
    if len({verdict_axis(f) for f in findings}) > 1:
        margins = [verdict_axis(f).margin for f in findings]
        rows = [replace(r, margin=m) for r, m in zip(rows, margins, strict=True)]
        alike = len({verdict_axis(f).null for f in findings}) == 1
        shared = ("log", "root", "null", "null_label") if alike else ("log", "root")
        axis = {name: axis[name] for name in shared} | {"keep": (*axis["keep"], *margins)}
        label = f"{estimate.unit} · dashed: the margin of each"
    return IntervalTable(title="", rows=tuple(rows), headers=HEADERS, axis_label=label, **axis)


def part_tables(finding: Finding) -> list[IntervalTable]:
    """Return a panel for every kind and unit of the parts that are neither studies nor sessions."""
    shown = set(map(id, _beside(finding)))
    rest = [p for p in finding.parts if id(p) not in shown and not is_estimate(finding, p)]
    rest = [p for p in rest if p.kind not in (*STUDY_KINDS, "session")]
    keys = list(dict.fromkeys((p.kind, p.unit) for p in rest))
    return [_part_table(finding, [p for p in rest if (p.kind, p.unit) == key]) for key in keys]


def _part_table(finding: Finding, parts: Sequence[Part]) -> IntervalTable:
    kind, unit = parts[0].kind, parts[0].unit
    difference = kind in DIFFERENCES
    log = is_ratio(unit)
    return IntervalTable(
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
    cells = (row.cells[0], size_cell(finding))
    return replace(row, verdict=finding.verdict, cells=cells, whole=True)


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
    arms = [p.label for p in finding.parts if p.kind == "arm"]
    if len(arms) == 2 and finding.null == 0:
        return f"{arms[0]} minus {arms[1]}"
    return same or ("pooled" if (finding.n_studies or 0) > 1 else "estimate")


def _estimate_row(finding: Finding, label: str, *, bold: bool) -> IntervalRow:
    estimate = finding.estimate
    assert estimate is not None
    return IntervalRow(
        label=label,
        value=estimate.value,
        low=estimate.ci_low,
        high=estimate.ci_high,
        cells=(fmt.interval(estimate), size_cell(finding)),
        verdict=finding.verdict,
        size=6.5,
        bold=bold,
        whole=True,
        judged=True,
    )


def size_cell(finding: Finding) -> str:
    """Write the number behind an estimate: patients, else studies."""
    if finding.n_patients:
        return f"{finding.n_patients:,}"
    return "" if finding.n_studies is None else fmt.count(finding.n_studies, "study", "studies")


def people(part: Part) -> str:
    """Write how many people are behind a further number; nothing where it is not known."""
    return "" if part.n is None else f"{part.n:,}"


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
    """Return the row of a further number."""
    return IntervalRow(
        label=part.label,
        value=part.value,
        low=part.ci_low,
        high=part.ci_high,
        cells=(write_interval(part, digits), people(part)),
        judged=judged,
    )


def forest_tables(finding: Finding) -> list[IntervalTable]:
    """Return a table for the studies behind the estimate, then tables for the others.

    Studies with a control and without one never share a panel, nor do different units.
    """
    parts = drawn_parts(finding)
    first = parts[0].group if parts and finding.estimate is not None else None
    panels: dict[tuple[str, ...], list[Part]] = {}
    for part in parts:
        key = ("decides",) if part.group == first else (part.control or part.group, part.unit)
        panels.setdefault(key, []).append(part)
    return [_forest_table(finding, own, first) for own in panels.values()]


def is_rare(finding: Finding) -> bool:
    """Tell whether small shares are what matters: the claim has to stay below a few percent."""
    estimate = finding.estimate
    percent = (estimate.unit if estimate else finding.claim.unit) == "percent"
    return percent and finding.rule == "below" and finding.margin <= RARE


def _forest_table(finding: Finding, parts: Sequence[Part], first: str | None) -> IntervalTable:
    groups: dict[str, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.group, []).append(part)
    listed, unit = is_listed(finding), parts[0].unit
    rows = [IntervalRow(label="described only", mark="heading")] if listed else []
    for group, own in groups.items():
        heading = [IntervalRow(label=group, mark="heading")] if len(groups) > 1 else []
        rows += [*heading, *_rows(finding, own, judged=group == first)]
    headers, rows = _filled(rows, counted=any(p.events for p in parts), unit=unit)
    whose = ("other " if first else "") + CONTROLS.get(parts[0].control, "studies")
    several = f"{whose}: {'percent of patients' if unit == 'percent' else axis_name(unit)}"
    table = IntervalTable(
        title=parts[0].group if len(groups) == 1 else several,
        rows=tuple(rows),
        headers=headers,
        axis_label="" if listed else axis_words(finding, parts),
        listed=listed,
        root=unit == "percent" and is_rare(finding),
    )
    if listed:
        return table
    axis = judged_axis(finding) if first in groups else _plain_axis(parts)
    axis["null_label"] = "no change" if parts[0].measure in ("smc", "mean") else "no effect"
    return replace(table, **axis)


def _plain_axis(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the fields of a panel that is not judged: no effect, and whether it is of ratios."""
    null = next((p.null for p in parts if not math.isnan(p.null)), None)
    return {"null": null, "log": is_ratio(parts[0].unit)}


def _filled(
    rows: Sequence[IntervalRow], *, counted: bool, unit: str
) -> tuple[tuple[str, ...], list[IntervalRow]]:
    """Return the heads of the columns and the rows, without columns that hold nothing."""
    people, interval, *rest = STUDY_HEADERS
    heads = [people if counted else "n", f"{short(unit)} {interval}", *rest]
    kept = [i for i in range(len(heads)) if any(r.cells[i] for r in rows if r.cells)]
    shortened = [replace(r, cells=tuple(r.cells[i] for i in kept if r.cells)) for r in rows]
    return tuple(heads[i] for i in kept), shortened


def _rows(finding: Finding, parts: Sequence[Part], *, judged: bool) -> list[IntervalRow]:
    """Return the rows of one group: studies, pooled value, prediction, other assumptions."""
    studies = [p for p in parts if p.kind == "study"]
    unit, alike = parts[0].unit, common_digits(parts)
    digits = [1 if unit in PERCENT else common_digits([p]) if is_ratio(unit) else alike
              for p in parts]  # fmt: skip
    return [_row(finding, p, studies, n, judged=judged) for p, n in zip(parts, digits, strict=True)]


def _row(
    finding: Finding, part: Part, studies: Sequence[Part], digits: int, *, judged: bool
) -> IntervalRow:
    row = replace(
        part_row(finding, part, digits, judged=judged),
        label=NAMES.get(part.kind, part.label),
        dashed=part.interval_kind == "credible",
        mark={"pooled": "diamond", "prediction": "bar"}.get(part.kind, "dot"),
    )
    written, verdict = row.cells[0], finding.verdict if judged else ""
    if part.kind == "study":
        return _study_row(finding, part, studies, row, judged=judged)
    if part.kind == "pooled":
        row = replace(row, verdict=verdict, small=spread_words(part), bold=True, whole=True)
        return replace(row, cells=(counts_words(studies), written, "", ""))
    if part.kind == "prediction":
        ends = (fmt.number(x, digits) for x in (part.ci_low, part.ci_high))
        return replace(row, cells=("", " to ".join(ends), "", ""), verdict=verdict, dashed=False)
    more = part.n != sum(s.n or 0 for s in studies)
    cells = (f"N{fmt.NBSP}{people(part)}" if more else "", written, "", "")
    return replace(row, cells=cells, muted=True, colour=style.LINE, edge=style.LINE, size=3.5)


def _study_row(
    finding: Finding, part: Part, studies: Sequence[Part], row: IntervalRow, *, judged: bool
) -> IntervalRow:
    """Return the row of a study; the only one behind an estimate has the mark of its verdict."""
    weights = [s.weight for s in studies if math.isfinite(s.weight)]
    share = _share(part.weight, weights) if len(studies) > 1 else ""
    cells = (counts_words([part]), row.cells[0], share, BIAS.get(part.bias, part.bias))
    row = replace(row, cells=cells, size=_size(part.weight, weights), small=study_words(part))
    if not (judged and is_estimate(finding, part)):
        return row
    return replace(row, verdict=finding.verdict, bold=True, whole=True, size=6.5)


def _share(weight: float, weights: Sequence[float]) -> str:
    if not math.isfinite(weight) or not sum(weights):
        return ""
    return f"{fmt.number(100 * weight / sum(weights), 0)}{fmt.NBSP}%"


def _size(weight: float, weights: Sequence[float]) -> float:
    """Return the side of the square, its area in proportion to the weight."""
    if not math.isfinite(weight) or not max(weights, default=0):
        return 3.5
    return max(2.2, 6.5 * math.sqrt(weight / max(weights)))


def forest_key(finding: Finding, look: Look) -> list[Entry]:
    """Return the key of a forest plot of published studies: every mark that is drawn."""
    hollow: dict[str, Any] = {"markerfacecolor": style.PAPER, "linestyle": style.DASHED}
    samples = {
        "forest_study": sample(look, marker="s", markersize=5, color=style.PART),
        "forest_pooled": sample(look, marker="D", markersize=5, color=style.PART),
        "forest_credible": sample(
            look, marker="D", markersize=5, color=style.PART, linewidth=1, **hollow
        ),
        "forest_prediction": sample(
            look, linestyle="-", linewidth=3.2, alpha=0.55, color=style.PART
        ),
        "forest_sensitivity": sample(look, marker="s", markersize=3.5, color=style.LINE),
    }
    return [(samples[x], words) for x, words in forest_marks(finding).items()]


def sessions_panel(finding: Finding, sessions: Sequence[Part], look: Look) -> Panel:
    """Return the means after each session, with their intervals and numbers of patients."""
    known = [p for p in sessions if not math.isnan(p.value)]
    return Panel(draw=partial(_draw_sessions, finding, known), height=PLOT_HEIGHT)


def _draw_sessions(finding: Finding, sessions: Sequence[Part], ax: Axes, look: Look) -> None:
    colour = look.groups[0]
    rows = [replace(part_row(finding, p, 0), colour=colour, edge=colour) for p in sessions]
    ends = intervals.extent(IntervalTable(title="", rows=tuple(rows), headers=(), axis_label=""))
    xs = [p.x for p in sessions]
    pad = 0.5 if len(xs) < 2 else 0.06 * (max(xs) - min(xs)) + 0.2
    ax.set_xlim(min(xs, default=0) - pad, max(xs, default=1) + pad)
    ax.set_ylim(*ends)
    sns.lineplot(
        x=xs, y=[p.value for p in sessions], ax=ax, linewidth=look.pt(1), color=colour, zorder=2
    )
    for x, row in zip(xs, rows, strict=True):
        intervals.draw_interval(ax, row, x, ends, look, upright=True)
    numbers(ax, x=False, count=5)
    numbers_at_risk(ax, [(p.x, people(p)) for p in sessions], look)
    ax.set_xlabel("sessions; beneath: number of patients")
    ax.set_ylabel(sessions[0].unit if sessions else "")
    ax.set_title("mean after each session")
