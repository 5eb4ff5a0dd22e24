"""What stands beside a figure: its caption, its alternative text and its data."""

from __future__ import annotations

import math

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.reporting.disclosure import safe, shown_count, shown_size
from mnstudy.reporting.reading import reading
from mnstudy.verdicts.findings import Finding

SYNTHETIC_WORDS = "SYNTHETIC data: invented, never evidence."
COUNTED = {
    "level": ("group", "groups"),
    "arm": ("arm", "arms"),
    "session": ("number of sessions", "numbers of sessions"),
    "gain": ("gain per session", "gains per session"),
    "slope": ("slope", "slopes"),
    "contrast": ("further comparison", "further comparisons"),
    "study": ("study", "studies"),
    "pooled": ("pooled value", "pooled values"),
    "prediction": ("prediction interval", "prediction intervals"),
}


def caption(finding: Finding) -> str:
    """Return the caption: what is shown, of whom, by which method, held against which margin."""
    finding = safe(finding)
    estimate = finding.estimate
    head = f"{finding.claim.title}. {_capital(finding.claim.estimand)}."
    source = f"Data: {finding.dataset}{', ' + size if (size := shown_size(finding)) else ''}."
    mark = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    if estimate is None:
        return f"{head} {source}{mark} Not testable: {finding.reason}."
    level = fmt.level(estimate.confidence_level)
    shown = f"Shown: {fmt.interval(estimate)} {estimate.unit}, {level} interval; {estimate.method}."
    axis = reading(finding)
    line = f"{_capital(axis.margin_label)} {estimate.unit} ({finding.claim.margin_source})."
    if finding.margin != finding.claim.margin:
        line = f"{_capital(axis.margin_label)} {estimate.unit}."
    missing = ""
    if finding.n_missing:
        missing = f" Left out for a missing value: {shown_count(finding, finding.n_missing)}."
    verdict = f"{_capital(finding.verdict)}: {finding.reason}."
    return f"{head} {source}{mark} {shown} {line}{missing} {verdict}"


def alt_text(finding: Finding) -> str:
    """Return a description of the figure for those who do not see it."""
    finding = safe(finding)
    estimate = finding.estimate
    mark = "synthetic data, " if finding.synthetic else ""
    if estimate is None:
        return f"{finding.claim.title}, {mark}{finding.dataset}: not testable."
    level = fmt.level(estimate.confidence_level)
    what = (
        f"{finding.claim.title}, {mark}{finding.dataset}: {fmt.interval(estimate)} "
        f"{estimate.unit}, {level} interval, against {reading(finding).margin_label}; "
        f"{finding.verdict}."
    )
    kinds = list(dict.fromkeys(p.kind for p in finding.parts))
    counts = [
        fmt.count(sum(p.kind == kind for p in finding.parts), *COUNTED.get(kind, (kind, kind)))
        for kind in kinds
    ]
    return f"Intervals on an axis. {what}" + (
        f" Also shown: {', '.join(counts)}." if counts else ""
    )


def figure_data(finding: Finding) -> pd.DataFrame:
    """Return every number that the figure shows, full precision, one row each."""
    finding = safe(finding)
    rows = []
    if finding.estimate is not None:
        rows.append(
            {
                "kind": "estimate",
                "group": "",
                "label": finding.verdict,
                "value": finding.estimate.value,
                "ci_low": finding.estimate.ci_low,
                "ci_high": finding.estimate.ci_high,
                "n": shown_count(finding, finding.n_patients).replace(",", ""),
                "unit": finding.estimate.unit,
                "margin": finding.margin,
            }
        )
    rows += [
        {
            "kind": part.kind,
            "group": part.group,
            "label": part.label,
            "x": part.x,
            "value": part.value,
            "ci_low": part.ci_low,
            "ci_high": part.ci_high,
            "n": shown_count(finding, part.n).replace(",", ""),
            "weight": part.weight,
            "unit": part.unit,
            "margin": math.nan,
        }
        for part in finding.parts
    ]
    named = {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic}
    columns = [*named, "kind", "group", "label", "x", "value", "ci_low", "ci_high", "n", "weight"]
    return pd.DataFrame([{**named, **row} for row in rows], columns=[*columns, "unit", "margin"])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
