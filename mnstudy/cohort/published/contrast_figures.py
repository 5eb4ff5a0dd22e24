"""Whether the figures of a contrast can carry its measure, and the measure its claim."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mnstudy.cohort.published.contrast_rules import Ends, arms_of, each, ends_of
from mnstudy.cohort.published.extraction import contract, numbers
from mnstudy.cohort.published.relations import Tables
from mnstudy.cohort.schema.problems import Problem

_LEAST_PAIRS = 3  # fewer pairs leave no variance of a standardised difference within people


def check(tables: Tables) -> list[Problem]:
    """Return every contrast whose effect would not exist, or would be read the wrong way round."""
    contrasts = tables["contrasts"]
    ends = ends_of(contrasts, tables["outcomes"])
    return [
        *_spread(contrasts, ends),
        *_people(contrasts, ends),
        *_same_people(contrasts, ends),
        *_measure_of_claim(contrasts),
        *_reference_of_claim(contrasts, arms_of(ends["reference"], tables["arms"])),
        *_better_side(contrasts),
    ]


def _spread(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Problem]:
    for measure, spec in contract()["measures"].items():
        if "sd" not in spec["needs"]:
            continue
        for end in spec["ends"]:
            none = numbers(ends[end]["sd"]).le(0)
            yield from each(
                contrasts,
                contrasts["measure"].eq(measure) & none,
                f"{end}_outcome_id",
                rule=f"{measure} needs an sd above 0",
                remedy="correct sd in that row of outcomes.csv, or drop the contrast",
            )


def _people(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Problem]:
    """Ask for as many people as the spread of an effect needs."""
    for measure, spec in contract()["measures"].items():
        least = pd.Series(spec.get("least", 1), index=contrasts.index)
        if measure == "smd":
            least = least.mask(contrasts["paired"].eq("yes").fillna(False), _LEAST_PAIRS)
        for end in spec["ends"]:
            yield from each(
                contrasts,
                contrasts["measure"].eq(measure) & numbers(ends[end]["n"]).lt(least),
                f"{end}_outcome_id",
                rule=f"{measure} needs n of " + least.astype("string") + " or more",
                remedy="correct n in that row of outcomes.csv, or drop the contrast",
            )


def _same_people(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Problem]:
    """Ask counts on two sides of the same people for one n."""
    counted = contrasts["measure"].isin(["odds_ratio", "risk_difference"])
    paired = counted & contrasts["paired"].eq("yes")
    sizes = [numbers(ends[end]["n"]) for end in ("treated", "reference")]
    known = sizes[0].notna() & sizes[1].notna()
    yield from each(
        contrasts,
        paired & known & sizes[0].ne(sizes[1]),
        "paired",
        rule="the same n on both sides where paired is yes",
        remedy="count the people with both sides, or drop the contrast",
    )


def _measure_of_claim(contrasts: pd.DataFrame) -> Iterator[Problem]:
    primary = contrasts["primary"].eq("yes")
    for claim, measures in contract()["primary_measures"].items():
        other = contrasts["claim_id"].eq(claim) & ~contrasts["measure"].isin(measures)
        yield from each(
            contrasts,
            primary & other,
            "measure",
            rule=f"{' or '.join(measures)} where primary is yes for {claim}",
            remedy="write primary = no: this measure does not test the claim",
        )


def _reference_of_claim(contrasts: pd.DataFrame, arms: pd.DataFrame) -> Iterator[Problem]:
    """Ask a claim against something to be tested against that, and no other treatment."""
    primary, treatment = contrasts["primary"].eq("yes"), arms["treatment"]
    for spec in contract()["primary_references"]:
        wrong = contrasts["claim_id"].isin(spec["claims"]) & treatment.notna()
        yield from each(
            contrasts,
            primary & wrong & ~treatment.isin(spec["treatments"]),
            "reference_outcome_id",
            rule=f"an arm with {' or '.join(spec['treatments'])} where primary is yes",
            remedy="arms.csv says " + treatment + ": write primary = no, or correct the claim",
        )


def _better_side(contrasts: pd.DataFrame) -> Iterator[Problem]:
    """Ask levels of one group to count, or average, what the claim speaks of."""
    primary, levels = contrasts["primary"].eq("yes"), contract()["levels"]
    for measure in levels["measures"]:
        lower = contrasts["claim_id"].isin(levels["lower"].get(measure, []))
        side = lower.map({True: "treated_better_if_lower", False: "treated_better_if_higher"})
        yield from each(
            contrasts,
            primary & contrasts["measure"].eq(measure) & contrasts["orientation"].ne(side),
            "orientation",
            rule=side + f" for a {measure} of this claim where primary is yes",
            remedy="turn the figure in outcomes.csv round (people with it for those without, an "
            "improvement for a change that falls), or write primary = no",
        )
