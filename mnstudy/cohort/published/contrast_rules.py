"""What a contrast must be made of, so that its effect can be computed and means what it says.

Its figures must carry its measure, and the measure its claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import pandas as pd

from mnstudy.cohort.published.extraction import Tables, contract, numbers, specs
from mnstudy.cohort.schema.problems import Problem, row_problems

ENDS = ("treated", "treated_baseline", "reference", "reference_baseline")
_SIGN = {"higher": "treated_better_if_higher", "lower": "treated_better_if_lower"}

Ends = Mapping[str, pd.DataFrame]
Broken = tuple[str, pd.Series, str | pd.Series, str | pd.Series]  # column, rows, rule, remedy
_LEAST_PAIRS = 3  # fewer pairs leave no variance of a standardised difference within people


def check(tables: Tables) -> list[Problem]:
    """Return every contrast rule that is broken; unknown ids are left to the relations."""
    contrasts = tables["contrasts"]
    ends = ends_of(contrasts, tables["outcomes"])
    arms = {end: arms_of(rows, tables["arms"]) for end, rows in ends.items()}
    return _problems(
        contrasts,
        _present(contrasts),
        _computable(contrasts, ends),
        _paired(contrasts, ends, arms),
        _orientation(contrasts, ends),
        _modality(contrasts, arms["treated"]),
        _poolable(contrasts, tables["studies"]),
        _primary(contrasts, ends),
    )


def check_figures(tables: Tables) -> list[Problem]:
    """Return every contrast whose effect would not exist, or would be read the wrong way round."""
    contrasts = tables["contrasts"]
    ends = ends_of(contrasts, tables["outcomes"])
    return _problems(
        contrasts,
        _spread(contrasts, ends),
        _people(contrasts, ends),
        _same_people(contrasts, ends),
        _measure_of_claim(contrasts),
        _reference_of_claim(contrasts, arms_of(ends["reference"], tables["arms"])),
        _better_side(contrasts),
    )


def _problems(contrasts: pd.DataFrame, *rules: Iterator[Broken]) -> list[Problem]:
    return [
        problem
        for column, *found in chain.from_iterable(rules)
        for problem in row_problems(contrasts[column], *found, file=specs()["contrasts"].file)
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


def _present(contrasts: pd.DataFrame) -> Iterator[Broken]:
    """Ask for the ends a measure has, and for no other."""
    for measure, spec in contract()["measures"].items():
        of_measure = contrasts["measure"].eq(measure)
        for end in ENDS[1:]:  # an empty treated end is already told as a required cell
            column = f"{end}_outcome_id"
            empty = contrasts[column].isna()
            if end in spec["ends"]:
                remedy = "name the outcome, or choose the measure that needs no such end"
                yield column, of_measure & empty, f"filled for {measure}", remedy
            else:
                remedy = "empty the cell, or choose the measure that uses it"
                yield column, of_measure & ~empty, f"empty for {measure}", remedy


def _computable(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Broken]:
    """Ask for outcomes of the right statistic that hold what the measure is computed from."""
    for measure, spec in contract()["measures"].items():
        for end in spec["ends"]:
            column, rows = f"{end}_outcome_id", ends[end]
            known = contrasts["measure"].eq(measure) & rows["statistic"].notna()
            fits = rows["statistic"].isin(spec["statistics"])
            rule = f"{measure} from {' or '.join(spec['statistics'])}"
            remedy = "outcomes.csv says " + rows["statistic"] + ": take another row or measure"
            yield column, known & ~fits, rule, remedy
            for need in spec["needs"]:
                remedy = f"fill {need} in that row of outcomes.csv, or drop the contrast"
                yield column, known & fits & rows[need].isna(), f"{measure} needs {need}", remedy


def _paired(contrasts: pd.DataFrame, ends: Ends, arms: Ends) -> Iterator[Broken]:
    """Hold pairing against the measure, or against both arms being sides of one body."""
    for measure, spec in contract()["measures"].items():
        if "paired" in spec:
            bad = contrasts["measure"].eq(measure) & contrasts["paired"].ne(spec["paired"])
            remedy = f"write {spec['paired']}, or correct the measure"
            yield "paired", bad, f"{spec['paired']} for {measure}", remedy
    two_arms = ends["reference"]["arm_id"].ne(ends["treated"]["arm_id"])
    split = [arms[end]["split_body"] for end in ("treated", "reference")]
    sides = split[0].eq("yes") & split[1].eq("yes")
    told = sides.fillna(False).map({True: "yes", False: "no"})
    known = two_arms & split[0].notna() & split[1].notna()
    rule, remedy = (
        told + " by split_body of the two arms",
        "correct paired, or split_body in arms.csv",
    )
    yield "paired", known & contrasts["paired"].ne(told), rule, remedy


def _orientation(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Broken]:
    better = ends["treated"]["better"]
    sign = better.map(_SIGN)
    remedy = "better of the treated outcome is " + better + ": correct one of the two"
    yield "orientation", sign.notna() & contrasts["orientation"].ne(sign), sign, remedy


def _modality(contrasts: pd.DataFrame, treated: pd.DataFrame) -> Iterator[Broken]:
    given = treated["treatment"] + " with adjunct " + treated["adjunct"]
    remedy = "arms.csv says " + given + ": correct one of the two"
    for modality, spec in contract()["modalities"].items():
        fits = treated["treatment"].eq(spec["treatment"])
        if "adjunct" in spec:
            fits &= treated["adjunct"].ne("none") == spec["adjunct"]
        bad = contrasts["modality"].eq(modality) & treated["treatment"].notna() & ~fits
        yield "modality", bad, "the modality of the treated arm", remedy


def _poolable(contrasts: pd.DataFrame, studies: pd.DataFrame) -> Iterator[Broken]:
    """Let in only studies that may be pooled, each group of people once."""
    rows = studies.drop_duplicates("study_id").set_index("study_id")
    rows = rows.reindex(contrasts["study_id"]).set_index(contrasts.index)
    other = rows["use"].notna() & rows["use"].ne("pool")
    remedy = "studies.csv says " + rows["use"] + ": drop the contrast, or correct use"
    yield "study_id", other, "a study with use = pool", remedy
    remedy = "drop the contrast: the same people are in " + rows["overlaps_with"]
    yield "study_id", rows["overlaps_with"].notna(), "people counted once", remedy


def _primary(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Broken]:
    """Ask primary contrasts for a known spread and the modality of their claim, once a study."""
    primary = contrasts["primary"].eq("yes").fillna(False).astype(bool)
    for end in ENDS:
        unclear = primary & ends[end]["sd_is"].eq("unclear")
        remedy = "write primary = no: sd_is of that outcome is unclear"
        yield f"{end}_outcome_id", unclear, "a known spread where primary is yes", remedy
    wanted = contrasts["claim_id"].map(contract()["primary_modality"]).fillna("plain")
    remedy = "write primary = no: this kind of needling is not what the claim is about"
    other = primary & contrasts["modality"].ne(wanted)
    yield "modality", other, wanted + " where primary is yes", remedy
    again = contrasts[primary].duplicated(["claim_id", "study_id"])
    remedy = "another row of the study is primary under this claim: write no in one of them"
    yield "primary", again, "one primary contrast a claim and study", remedy


def _spread(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Broken]:
    for measure, spec in contract()["measures"].items():
        for end in spec["ends"] if "sd" in spec["needs"] else ():
            none = contrasts["measure"].eq(measure) & numbers(ends[end]["sd"]).le(0)
            remedy = "correct sd in that row of outcomes.csv, or drop the contrast"
            yield f"{end}_outcome_id", none, f"{measure} needs an sd above 0", remedy


def _people(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Broken]:
    """Ask for as many people as the spread of an effect needs."""
    for measure, spec in contract()["measures"].items():
        least = pd.Series(spec.get("least", 1), index=contrasts.index)
        if measure == "smd":
            least = least.mask(contrasts["paired"].eq("yes").fillna(False), _LEAST_PAIRS)
        rule = f"{measure} needs n of " + least.astype("string") + " or more"
        for end in spec["ends"]:
            few = contrasts["measure"].eq(measure) & numbers(ends[end]["n"]).lt(least)
            remedy = "correct n in that row of outcomes.csv, or drop the contrast"
            yield f"{end}_outcome_id", few, rule, remedy


def _same_people(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Broken]:
    """Ask counts on two sides of the same people for one n."""
    counted = contrasts["measure"].isin(["odds_ratio", "risk_difference"])
    paired = counted & contrasts["paired"].eq("yes")
    sizes = [numbers(ends[end]["n"]) for end in ("treated", "reference")]
    bad = paired & sizes[0].notna() & sizes[1].notna() & sizes[0].ne(sizes[1])
    remedy = "count the people with both sides, or drop the contrast"
    yield "paired", bad, "the same n on both sides where paired is yes", remedy


def _measure_of_claim(contrasts: pd.DataFrame) -> Iterator[Broken]:
    primary = contrasts["primary"].eq("yes")
    for claim, measures in contract()["primary_measures"].items():
        other = contrasts["claim_id"].eq(claim) & ~contrasts["measure"].isin(measures)
        rule = f"{' or '.join(measures)} where primary is yes for {claim}"
        remedy = "write primary = no: this measure does not test the claim"
        yield "measure", primary & other, rule, remedy


def _reference_of_claim(contrasts: pd.DataFrame, arms: pd.DataFrame) -> Iterator[Broken]:
    """Ask a claim against something to be tested against that, and no other treatment."""
    primary, treatment = contrasts["primary"].eq("yes"), arms["treatment"]
    remedy = "arms.csv says " + treatment + ": write primary = no, or correct the claim"
    for spec in contract()["primary_references"]:
        wrong = contrasts["claim_id"].isin(spec["claims"]) & treatment.notna()
        bad = primary & wrong & ~treatment.isin(spec["treatments"])
        rule = f"an arm with {' or '.join(spec['treatments'])} where primary is yes"
        yield "reference_outcome_id", bad, rule, remedy


def _better_side(contrasts: pd.DataFrame) -> Iterator[Broken]:
    """Ask levels of one group to count, or average, what the claim speaks of."""
    primary, levels = contrasts["primary"].eq("yes"), contract()["levels"]
    remedy = (
        "turn the figure in outcomes.csv round (people with it for those without, an improvement "
        "for a change that falls), or write primary = no"
    )
    for measure in levels["measures"]:
        lower = contrasts["claim_id"].isin(levels["lower"].get(measure, []))
        side = lower.map({True: "treated_better_if_lower", False: "treated_better_if_higher"})
        bad = primary & contrasts["measure"].eq(measure) & contrasts["orientation"].ne(side)
        rule = side + f" for a {measure} of this claim where primary is yes"
        yield "orientation", bad, rule, remedy
