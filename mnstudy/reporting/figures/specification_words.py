"""What stands beside a specification curve: what may be shown of it, caption, text and data."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.disclosure import THRESHOLD, is_guarded, safe
from mnstudy.reporting.reading import verdict_axis
from mnstudy.reporting.words import SYNTHETIC_WORDS
from mnstudy.verdicts.findings import VERDICTS
from mnstudy.verdicts.robustness.choices import declared_choices
from mnstudy.verdicts.robustness.specification import SpecificationCurve

KINDS = {
    "result": "which result counts",
    "covariates": "adjusted for",
    "errors": "several sites of a patient",
    "topicals": "who counts as needled",
    "class": "improvement known to a class",
}
NUMBERS = ("estimate", "ci_low", "ci_high", "p_value", "n_patients", "p_joint")
INTERVAL = ("estimate", "ci_low", "ci_high")


def disclosed(curve: SpecificationCurve) -> pd.DataFrame:
    """Return the specifications, numbers of a real cohort blank where they tell of a few people.

    Two specifications that differ by fewer than five patients would show, one taken from the
    other, what those few had; the one that is further from the usual choices is withheld.
    """
    table = curve.table.astype({"n_patients": "Int64"})
    if not is_guarded(curve.finding):
        return table
    kept: list[int] = []
    counts = table["n_patients"].value_counts(sort=False).sort_index(ascending=False)
    for n in sorted(counts.index, key=lambda n: (n != curve.finding.n_patients, -counts[n])):
        if n >= THRESHOLD and all(abs(n - k) >= THRESHOLD for k in kept):
            kept.append(int(n))
    hidden = ~table["n_patients"].isin(kept)
    estimate = safe(curve.finding).estimate
    if estimate is None or math.isnan(estimate.value):  # a rate of 1 to 4 patients
        hidden[:] = True
    for column in NUMBERS:
        table[column] = table[column].mask(hidden)
    return table


def shown(curve: SpecificationCurve) -> pd.DataFrame:
    """Return the specifications whose numbers may be drawn, by rising estimate."""
    table = disclosed(curve)
    return table[table["estimate"].notna()].reset_index(drop=True)


def is_a_curve(curve: SpecificationCurve) -> bool:
    """Tell whether there is more than one specification to draw."""
    return len(shown(curve)) > 1


def is_usual(table: pd.DataFrame) -> pd.Series:
    """Tell which specification is the usual one: the first option of every kind of choice."""
    usual = pd.Series(True, index=table.index)
    for kind, options in declared_choices().items():
        usual &= table[kind] == next(iter(options))
    return usual


def varied(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the kinds of choices that differ between these specifications, options in words."""
    found = {}
    for kind, options in declared_choices().items():
        used = {option: words for option, words in options.items() if table[kind].eq(option).any()}
        if len(used) > 1:
            found[kind] = used
    return found


def counted_verdicts(table: pd.DataFrame) -> list[tuple[str, int]]:
    """Return each verdict with the number of specifications that come to it."""
    words = table["verdict"].tolist()
    return [(v, words.count(v)) for v in VERDICTS if v in words]


def patients(table: pd.DataFrame) -> str:
    """Write the number of patients behind the specifications: one number or a range."""
    low, high = int(table["n_patients"].min()), int(table["n_patients"].max())
    return fmt.count(low, "patient") if low == high else f"{low:,} to {high:,} patients"


def joint_words(curve: SpecificationCurve, opening: str = "") -> str:
    """Say what the test of all specifications together found."""
    joint = curve.joint
    if joint is None:
        return "no joint test: no single coefficient answers this claim"
    return (
        f"{opening}{fmt.p_value(joint.p_median)} for the median, "
        f"{fmt.p_value(joint.p_global)} for the strongest (sign flips of "
        f"{fmt.count(joint.n_patients, 'patient')})"
    )


def curve_caption(curve: SpecificationCurve) -> str:
    """Return the caption: what was varied, of whom, by which method, and the joint test."""
    finding, table = curve.finding, shown(curve)
    estimate = finding.estimate
    assert estimate is not None
    mark = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    few = len(curve.table) - len(table)
    held = (
        f" {fmt.count(few, 'specification')} not shown: fewer than {THRESHOLD} patients apart from "
        "another."
        if few
        else ""
    )
    margin = verdict_axis(finding).margin_label
    return (
        f"{finding.claim.title}, under other defensible choices. Each column is one combination of "
        f"the choices marked beneath it, by rising estimate; those that come to the same numbers "
        f"count once ({fmt.count(len(curve.table), 'specification')} of "
        f"{fmt.count(curve.n_combinations, 'combination')}).{held} Data: {finding.dataset}, "
        f"{patients(table)}.{mark} Usual choices: {fmt.interval(estimate)} {estimate.unit}, "
        f"{fmt.level(estimate.confidence_level)} interval; {estimate.method}. "
        f"{margin[:1].upper()}{margin[1:]} {estimate.unit}. Held together, "
        f"{joint_words(curve)}. No interval is adjusted "
        "for the number of specifications."
    )


def curve_alt(curve: SpecificationCurve) -> str:
    """Return a description of the figure for those who do not see it."""
    finding, table = curve.finding, shown(curve)
    mark = "synthetic data, " if finding.synthetic else ""
    found = table["estimate"]
    digits = fmt.decimals_for(*found)
    low, middle, high = (fmt.number(x, digits) for x in found.quantile([0, 0.5, 1]))
    words = ", ".join(f"{n} {verdict}" for verdict, n in counted_verdicts(table))
    margin = verdict_axis(finding).margin_label
    return (
        f"Specification curve. {finding.claim.title}, {mark}{finding.dataset}: "
        f"{fmt.count(len(table), 'specification')}, estimates from {low} to {high} "
        f"{finding.claim.unit}, median {middle}, against {margin}; {words}."
    )


def curve_data(curve: SpecificationCurve) -> pd.DataFrame:
    """Return every number of the curve, full precision, one row a specification."""
    finding, joint = curve.finding, curve.joint
    table = disclosed(curve)
    estimate = finding.estimate
    assert estimate is not None
    table.insert(0, "claim", finding.claim.id)
    table.insert(1, "dataset", finding.dataset)
    table.insert(2, "synthetic", finding.synthetic)
    table.insert(3, "usual", is_usual(table))
    return table.assign(
        unit=estimate.unit,
        margin=finding.margin,
        confidence_level=estimate.confidence_level,
        joint_p_median=math.nan if joint is None else joint.p_median,
        joint_p_strongest=math.nan if joint is None else joint.p_global,
    ).replace({None: np.nan})
