"""What a contrast must be made of, so that its effect can be computed and means what it says.

Its figures must carry its measure, and the measure its claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mnstudy.cohort.published.extraction import Tables, contract, numbers, specs
from mnstudy.cohort.schema.problems import Problem

ENDS = ("treated", "treated_baseline", "reference", "reference_baseline")
_SIGN = {"higher": "treated_better_if_higher", "lower": "treated_better_if_lower"}

Ends = Mapping[str, pd.DataFrame]
_LEAST_PAIRS = 3  # fewer pairs leave no variance of a standardised difference within people


def check(tables: Tables) -> list[Problem]:
    """Return every contrast rule that is broken; unknown ids are left to the relations."""
    contrasts = tables["contrasts"]
    ends = ends_of(contrasts, tables["outcomes"])
    arms = {end: arms_of(rows, tables["arms"]) for end, rows in ends.items()}
    return [
        *_present(contrasts),
        *_computable(contrasts, ends),
        *_paired(contrasts, ends, arms),
        *_orientation(contrasts, ends),
        *_modality(contrasts, arms["treated"]),
        *_poolable(contrasts, tables["studies"]),
        *_primary(contrasts, ends),
        *_primary_once(contrasts),
    ]


def check_figures(tables: Tables) -> list[Problem]:
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


def ends_of(contrasts: pd.DataFrame, outcomes: pd.DataFrame) -> Ends:
    """Return the outcomes at every end, row by row of the contrasts; missing where none is."""
    by_id = outcomes.drop_duplicates("outcome_id").set_index("outcome_id")
    return {
        end: by_id.reindex(contrasts[f"{end}_outcome_id"]).set_index(contrasts.index)
        for end in ENDS
    }


def arms_of(rows: pd.DataFrame, arms: pd.DataFrame) -> pd.DataFrame:
    """Return the arms of outcomes, row by row."""
    key = ["study_id", "arm_id"]
    by_key = arms.drop_duplicates(key).set_index(key)
    wanted = pd.MultiIndex.from_frame(rows[key].astype("object"))
    return by_key.reindex(wanted).set_index(rows.index)


def each(
    contrasts: pd.DataFrame,
    bad: pd.Series,
    column: str,
    *,
    rule: str | pd.Series,
    remedy: str | pd.Series,
) -> Iterator[Problem]:
    """Make a problem of every row that is bad."""
    for row in contrasts.index[bad.fillna(False).astype(bool)]:
        value = contrasts.at[row, column]
        yield Problem(
            row=int(row),
            column=specs()["contrasts"].place(column),
            value="" if pd.isna(value) else str(value),
            rule=rule if isinstance(rule, str) else str(rule[row]),
            remedy=remedy if isinstance(remedy, str) else str(remedy[row]),
        )


def _present(contrasts: pd.DataFrame) -> Iterator[Problem]:
    """Ask for the ends a measure has, and for no other."""
    for measure, spec in contract()["measures"].items():
        of_measure = contrasts["measure"].eq(measure)
        for end in ENDS:
            column = f"{end}_outcome_id"
            if end in spec["ends"]:
                bad, rule = of_measure & contrasts[column].isna(), f"filled for {measure}"
                remedy = "name the outcome, or choose the measure that needs no such end"
            else:
                bad, rule = of_measure & contrasts[column].notna(), f"empty for {measure}"
                remedy = "empty the cell, or choose the measure that uses it"
            # an empty treated end is already told as a required cell
            if end != "treated":
                yield from each(contrasts, bad, column, rule=rule, remedy=remedy)


def _computable(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Problem]:
    """Ask for outcomes of the right statistic that hold what the measure is computed from."""
    for measure, spec in contract()["measures"].items():
        for end in spec["ends"]:
            column, rows = f"{end}_outcome_id", ends[end]
            known = contrasts["measure"].eq(measure) & rows["statistic"].notna()
            fits = rows["statistic"].isin(spec["statistics"])
            yield from each(
                contrasts,
                known & ~fits,
                column,
                rule=f"{measure} from {' or '.join(spec['statistics'])}",
                remedy="outcomes.csv says " + rows["statistic"] + ": take another row or measure",
            )
            for need in spec["needs"]:
                yield from each(
                    contrasts,
                    known & fits & rows[need].isna(),
                    column,
                    rule=f"{measure} needs {need}",
                    remedy=f"fill {need} in that row of outcomes.csv, or drop the contrast",
                )


def _paired(contrasts: pd.DataFrame, ends: Ends, arms: Ends) -> Iterator[Problem]:
    """Hold pairing against the measure, or against both arms being sides of one body."""
    for measure, spec in contract()["measures"].items():
        if "paired" in spec:
            bad = contrasts["measure"].eq(measure) & contrasts["paired"].ne(spec["paired"])
            remedy = f"write {spec['paired']}, or correct the measure"
            yield from each(
                contrasts, bad, "paired", rule=f"{spec['paired']} for {measure}", remedy=remedy
            )
    two_arms = ends["reference"]["arm_id"].ne(ends["treated"]["arm_id"])
    split = [arms[end]["split_body"] for end in ("treated", "reference")]
    sides = split[0].eq("yes") & split[1].eq("yes")
    told = sides.fillna(False).map({True: "yes", False: "no"})
    known = two_arms & split[0].notna() & split[1].notna()
    yield from each(
        contrasts,
        known & contrasts["paired"].ne(told),
        "paired",
        rule=told + " by split_body of the two arms",
        remedy="correct paired, or split_body in arms.csv",
    )


def _orientation(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Problem]:
    sign = ends["treated"]["better"].map(_SIGN)
    yield from each(
        contrasts,
        sign.notna() & contrasts["orientation"].ne(sign),
        "orientation",
        rule=sign.astype("string"),
        remedy="better of the treated outcome is "
        + ends["treated"]["better"]
        + ": correct one of the two",
    )


def _modality(contrasts: pd.DataFrame, treated: pd.DataFrame) -> Iterator[Problem]:
    for modality, spec in contract()["modalities"].items():
        fits = treated["treatment"].eq(spec["treatment"])
        if "adjunct" in spec:
            fits &= treated["adjunct"].ne("none") == spec["adjunct"]
        yield from each(
            contrasts,
            contrasts["modality"].eq(modality) & treated["treatment"].notna() & ~fits,
            "modality",
            rule="the modality of the treated arm",
            remedy="arms.csv says "
            + treated["treatment"]
            + " with adjunct "
            + treated["adjunct"]
            + ": correct one of the two",
        )


def _poolable(contrasts: pd.DataFrame, studies: pd.DataFrame) -> Iterator[Problem]:
    """Let in only studies that may be pooled, each group of people once."""
    rows = studies.drop_duplicates("study_id").set_index("study_id")
    rows = rows.reindex(contrasts["study_id"]).set_index(contrasts.index)
    yield from each(
        contrasts,
        rows["use"].notna() & rows["use"].ne("pool"),
        "study_id",
        rule="a study with use = pool",
        remedy="studies.csv says " + rows["use"] + ": drop the contrast, or correct use",
    )
    yield from each(
        contrasts,
        rows["overlaps_with"].notna(),
        "study_id",
        rule="people counted once",
        remedy="drop the contrast: the same people are in " + rows["overlaps_with"],
    )


def _primary(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Problem]:
    """Ask primary contrasts for a known spread and the modality their claim is about."""
    primary = contrasts["primary"].eq("yes")
    for end in ENDS:
        yield from each(
            contrasts,
            primary & ends[end]["sd_is"].eq("unclear"),
            f"{end}_outcome_id",
            rule="a known spread where primary is yes",
            remedy="write primary = no: sd_is of that outcome is unclear",
        )
    wanted = contrasts["claim_id"].map(contract()["primary_modality"]).fillna("plain")
    yield from each(
        contrasts,
        primary & contrasts["modality"].ne(wanted),
        "modality",
        rule=wanted + " where primary is yes",
        remedy="write primary = no: this kind of needling is not what the claim is about",
    )


def _primary_once(contrasts: pd.DataFrame) -> Iterator[Problem]:
    primary = contrasts[contrasts["primary"].eq("yes").fillna(False).astype(bool)]
    again = primary.duplicated(["claim_id", "study_id"])
    yield from each(
        primary,
        again,
        "primary",
        rule="one primary contrast a claim and study",
        remedy="another row of the study is primary under this claim: write no in one of them",
    )


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
