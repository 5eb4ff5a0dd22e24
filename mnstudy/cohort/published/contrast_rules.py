"""What a contrast must be made of, so that its effect can be computed and means what it says.

Its figures must carry its measure, and the measure its claim. What must hold of the rows beside the
contrasts as well: ratings of bias, correlations, effects of reviews, and that a study stands once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
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
        "contrasts",
        contrasts,
        _present(contrasts),
        _computable(contrasts, ends),
        _paired(contrasts, ends, arms),
        _orientation(contrasts, ends),
        _modality(contrasts, arms["treated"]),
        _poolable(contrasts, tables["studies"]),
        _known_spread(contrasts, ends),
        _modality_of_claim(contrasts),
        _once(contrasts),
    )


def check_figures(tables: Tables) -> list[Problem]:
    """Return every contrast whose effect would not exist, or would be read the wrong way round."""
    contrasts = tables["contrasts"]
    ends = ends_of(contrasts, tables["outcomes"])
    return _problems(
        "contrasts",
        contrasts,
        _spread(contrasts, ends),
        _people(contrasts, ends),
        _same_people(contrasts, ends),
        _measure_of_claim(contrasts),
        _reference_of_claim(contrasts, arms_of(ends["reference"], tables["arms"])),
        _better_side(contrasts),
    )


def check_add_on(tables: Tables) -> list[Problem]:
    """Return what is wrong with the rows that add needling to another treatment."""
    rows = tables["add_on"]
    ends = ends_of(rows, tables["outcomes"])
    arms = {end: arms_of(found, tables["arms"]) for end, found in ends.items()}
    return _problems(
        "add_on",
        rows,
        _present(rows),
        _computable(rows, ends),
        _paired(rows, ends, arms),
        _orientation(rows, ends),
        _modality(rows, arms["treated"]),
        _poolable(rows, tables["studies"]),
        _known_spread(rows, ends),
        _once(rows),
        _spread(rows, ends),
        _people(rows, ends),
        _same_people(rows, ends),
        _better_side(rows),
        _added(rows, arms["reference"]),
        _own_ids(rows, tables["contrasts"]),
    )


def check_beside(tables: Tables) -> list[Problem]:
    """Return what is wrong with studies, correlations, ratings of bias and effects of reviews."""
    rules = {
        "studies": _one_paper(tables["studies"]),
        "correlations": _of_pairs(tables["correlations"], tables["contrasts"]),
        "risk_of_bias": chain(_rating_words(tables), _whole_study(tables)),
        "reviews": chain(_pooled_effect(tables), _side(tables)),
    }
    return [p for name, broken in rules.items() for p in _problems(name, tables[name], broken)]


def _problems(name: str, table: pd.DataFrame, *rules: Iterator[Broken]) -> list[Problem]:
    return [
        problem
        for column, *found in chain.from_iterable(rules)
        for problem in row_problems(table[column], *found, file=specs()[name].file)
    ]


def ends_of(contrasts: pd.DataFrame, outcomes: pd.DataFrame) -> Ends:
    """Return the outcomes at every end, row by row of the contrasts; missing where none is."""
    return {end: _outcomes_of(contrasts[f"{end}_outcome_id"], outcomes) for end in ENDS}


def _outcomes_of(ids: pd.Series, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes of these ids, row by row."""
    by_id = outcomes.drop_duplicates("outcome_id").set_index("outcome_id")
    return by_id.reindex(ids).set_index(ids.index)


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


def _known_spread(contrasts: pd.DataFrame, ends: Ends) -> Iterator[Broken]:
    primary = contrasts["primary"].eq("yes").fillna(False).astype(bool)
    for end in ENDS:
        unclear = primary & ends[end]["sd_is"].eq("unclear")
        remedy = "write primary = no: sd_is of that outcome is unclear"
        yield f"{end}_outcome_id", unclear, "a known spread where primary is yes", remedy


def _modality_of_claim(contrasts: pd.DataFrame) -> Iterator[Broken]:
    wanted = contrasts["claim_id"].map(contract()["primary_modality"]).fillna("plain")
    remedy = "write primary = no: this kind of needling is not what the claim is about"
    other = contrasts["primary"].eq("yes") & contrasts["modality"].ne(wanted)
    yield "modality", other, wanted + " where primary is yes", remedy


def _once(contrasts: pd.DataFrame) -> Iterator[Broken]:
    primary = contrasts["primary"].eq("yes").fillna(False).astype(bool)
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


def _added(rows: pd.DataFrame, arms: pd.DataFrame) -> Iterator[Broken]:
    """Ask for a claim that needling works, and for a reference that got the rest alone."""
    claims, never = contract()["primary_references"][0]["claims"], contract()["add_on"]["never"]
    other = rows["claim_id"].notna() & ~rows["claim_id"].isin(claims)
    remedy = "correct the claim, or move the row to contrasts.csv"
    yield "claim_id", other, "a claim that needling works: " + ", ".join(claims), remedy
    remedy = "arms.csv says " + arms["treatment"] + ": move the row to contrasts.csv, or correct it"
    rule = "an arm with the other treatment alone, without needles"
    yield "reference_outcome_id", arms["treatment"].isin(never), rule, remedy


def _own_ids(rows: pd.DataFrame, contrasts: pd.DataFrame) -> Iterator[Broken]:
    taken = rows["contrast_id"].isin(contrasts["contrast_id"].dropna())
    yield "contrast_id", taken, "an id that contrasts.csv does not have", "rename one of the two"


def _one_paper(studies: pd.DataFrame) -> Iterator[Broken]:
    """Tell a publication that stands twice; two journals may print one title for other people."""
    kept = studies["overlaps_with"].fillna(studies["study_id"])
    doi, pmid, title, journal = (
        studies[name].str.casefold().str.split().str.join(" ")
        for name in ("doi", "pmid", "title", "journal")
    )

    def first(*keys: pd.Series) -> pd.Series:
        return kept.groupby(list(keys), dropna=False, sort=False).transform("first")

    of_title = first(title, journal)
    of_title = of_title.where(of_title.ne(kept), first(title, studies["n_analysed"]))
    for column, earlier in (("doi", first(doi)), ("pmid", first(pmid)), ("title", of_title)):
        twice = studies[column].notna() & earlier.ne(kept)
        remedy = "remove one of the two, or name " + earlier + " in overlaps_with"
        yield column, twice, "each publication once", remedy


def _of_pairs(correlations: pd.DataFrame, contrasts: pd.DataFrame) -> Iterator[Broken]:
    paired = contrasts.drop_duplicates("contrast_id").set_index("contrast_id")["paired"]
    other = correlations["contrast_id"].map(paired).eq("no")
    remedy = "remove the row, or correct paired in contrasts.csv"
    yield "contrast_id", other, "a contrast with paired = yes", remedy


def _domains() -> list[str]:
    columns = specs()["risk_of_bias"].columns
    rated = [c.name for c in columns.values() if c.levels == columns["overall"].levels]
    return [name for name in rated if name != "overall"]


def _rating_words(tables: Tables) -> Iterator[Broken]:
    table = tables["risk_of_bias"]
    for tool, words in contract()["ratings"].items():
        for column in (*_domains(), "overall"):
            bad = table[column].notna() & ~table[column].isin([*words, "no information"])
            rule = f"{', '.join(words)} or no information with {tool}"
            yield column, table["rob_tool"].eq(tool) & bad, rule, "write one of these words"


def _whole_study(tables: Tables) -> Iterator[Broken]:
    """Hold a study as a whole against its worst domain; what is not known is no worst."""
    table, severity = tables["risk_of_bias"], contract()["severity"]
    known = {word: rank for word, rank in severity.items() if word != "no information"}
    ranks = {name: numbers(table[name].map(known)) for name in _domains()}
    worst = pd.DataFrame(ranks).max(axis=1)
    better = numbers(table["overall"].map(severity)) < worst
    remedy = "rate the study as its worst domain or worse, or correct the domain"
    yield "overall", better, "no better than the worst domain", remedy


def _pooled_effect(tables: Tables) -> Iterator[Broken]:
    """Ask for the pooled effect of a review, named as what it is."""
    table, pooled = tables["reviews"], contract()["pooled"]
    statistic = _outcomes_of(table["outcome_id"], tables["outcomes"])["statistic"]
    other = statistic.notna() & ~statistic.isin(pooled)
    remedy = "outcomes.csv says " + statistic + ": name the row with the pooled effect"
    yield "outcome_id", other, " or ".join(pooled), remedy
    for kind, spec in pooled.items():
        remedy = f"outcomes.csv says {kind}: correct one of the two"
        of_kind, effects = statistic.eq(kind), " or ".join(spec["effects"])
        yield "effect", of_kind & ~table["effect"].isin(spec["effects"]), effects, remedy
        bad = of_kind & numbers(table["null"]).ne(spec["null"])
        yield "null", bad, f"{spec['null']} for a {kind}", remedy


def _side(tables: Tables) -> Iterator[Broken]:
    """Hold the side against the value, its better direction and the arm that is told first."""
    table = tables["reviews"]
    rows = _outcomes_of(table["outcome_id"], tables["outcomes"])
    needled = arms_of(rows, tables["arms"])["treatment"].isin(contract()["needled"]["treatments"])
    off = np.sign(numbers(rows["mean"]) - numbers(table["null"]))
    better = numbers(rows["better"].map({"higher": 1, "lower": -1}))
    turn = better.where(needled, -better)
    told = (off * turn).map({1: "for", -1: "against", 0: "neither"})
    remedy = "correct side; mean, better and arm_id of that row of outcomes.csv say " + told
    yield "side", told.notna() & table["side"].ne(told), told, remedy
