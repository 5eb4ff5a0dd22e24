"""What each published direction can say about a claim: its kind, and whether it tests the claim."""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.published.extraction import contract
from mnstudy.cohort.published.tables import Published, contrast_frame
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.effects import says_comparable
from mnstudy.verdicts.evidence.groups import groups

DIRECTIONS = ("favours_claim", "no_difference", "against_claim", "mixed")
KINDS = {
    "vs_untreated": "controlled",
    "vs_sham": "controlled",
    "vs_active": "controlled",
    "within_arms": "within_arms",
    "before_after": "uncontrolled",
    "rate": "uncontrolled",
}
# Why a row is left out of the sign test; "tests" is the one role that stays in.
ROLES = {
    "tests": "tests the claim",
    "describes": "describing the treatment without testing the claim",
    "laboratory": "in the laboratory, not on people",
    "other modality": "of another kind of needling or a combination",
    "head-to-head": "head-to-head, where losing does not mean failing",
    "same people": "on people counted already",
}
COLUMNS = (
    "direction_id", "study_id", "label", "year", "doi", "condition", "kind", "comparison",
    "modality", "role", "direction", "counts_as", "significance", "p_one_sided", "n", "design",
    "assessor_blinded", "basis", "pooled", "in_estimate", "note",
)  # fmt: skip
_RF = "rf-combination"


def direction_rows(
    claim: Claim, published: Published, *, frame: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the directions of one claim, each with its kind and its role.

    Parameters
    ----------
    claim : Claim
    published : Published
    frame : DataFrame, optional
        ``contrast_frame(published)``, where it is at hand already.

    Returns
    -------
    DataFrame
        ``COLUMNS``, one row a study and comparison, in the order of kinds, years and studies.
        ``direction`` as entered; ``counts_as`` where equality counts as no difference; ``role``
        one of ``ROLES``; ``pooled`` true where the study stands in a primary contrast of this
        claim and kind, ``in_estimate`` where it is behind the claim's estimate.
    """
    table = published.directions
    rows = table[table["claim_id"] == claim.id].copy()
    studies = published.studies.set_index("study_id")
    rows = rows.join(studies[["label", "year", "doi", "overlaps_with"]], on="study_id")
    rows["kind"] = rows["comparison"].map(KINDS)
    rows["counts_as"] = _counts_as(claim, rows)
    rows["role"] = _roles(claim, rows, published)
    frame = contrast_frame(published) if frame is None else frame
    rows["pooled"], rows["in_estimate"] = _pooled(claim, rows, frame)
    rows = rows.sort_values(["kind", "year", "study_id", "direction_id"], na_position="last")
    return rows[list(COLUMNS)].reset_index(drop=True)


def _opens(rows: pd.DataFrame, word: str) -> pd.Series:
    return rows["note"].str.startswith(word).fillna(False).astype(bool)


def _counts_as(claim: Claim, rows: pd.DataFrame) -> pd.Series:
    """Take equality out of the comparable-to claims: only "needling better" is in favour."""
    if not says_comparable(claim):
        return rows["direction"]
    equal = rows["direction"].eq("favours_claim") & ~_opens(rows, "needling better")
    return rows["direction"].mask(equal.astype(bool), "no_difference")


def _roles(claim: Claim, rows: pd.DataFrame, published: Published) -> pd.Series:
    role = pd.Series("tests", index=rows.index, dtype="string")
    active = rows["comparison"].eq("vs_active").astype(bool)
    role[active & _opens(rows, "head-to-head")] = "head-to-head"
    role[~_modality_fits(claim, rows, published)] = "other modality"
    role[_opens(rows, "laboratory")] = "laboratory"
    if claim.id == _RF:  # its other rows repeat those of the condition's own claim
        role[~active] = "describes"
    tests = rows[role == "tests"]
    tested = set(zip(tests["kind"], tests["study_id"], strict=True))
    kept = zip(rows["kind"], rows["overlaps_with"].fillna(""), strict=True)
    twice = [pair in tested for pair in kept]
    role[pd.Series(twice, index=rows.index, dtype=bool) & role.eq("tests")] = "same people"
    return role


def _modality_fits(claim: Claim, rows: pd.DataFrame, published: Published) -> pd.Series:
    """Tell which rows have the modality of the claim's primary contrasts.

    Needling added to another treatment tests needling though the treated side is a combination
    ("add-on"), unless it is radiofrequency needling that was added and the claim is on plain.
    """
    wanted = contract()["primary_modality"].get(claim.id, "plain")
    fits = rows["modality"].eq(wanted).astype(bool)
    if wanted == "plain":
        added = _opens(rows, "add-on")
        return fits | (added & ~_radiofrequency(rows, published)) if added.any() else fits
    if claim.id == _RF:  # radiofrequency added to needling is itself a combination
        active = rows["modality"].eq("combination") & rows["comparison"].eq("vs_active")
        return fits | active.astype(bool)
    return fits


def _radiofrequency(rows: pd.DataFrame, published: Published) -> pd.Series:
    """Tell which rows rest on an arm with a radiofrequency device."""
    outcomes = published.outcomes[published.outcomes["study_id"].isin(rows["study_id"])]
    devices = outcomes.merge(published.arms, on=["study_id", "arm_id"], how="left")
    rf = devices["device"].eq("rf_device") | devices["treatment"].eq("rf_needling")
    ids = set(devices.loc[rf.fillna(False).astype(bool), "outcome_id"])
    found = rows["outcome_ids"].fillna("").map(lambda x: bool(ids & set(str(x).split(";"))))
    return found.astype(bool) | rows["modality"].eq("rf").astype(bool)


def _pooled(claim: Claim, rows: pd.DataFrame, frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    primary = frame[frame["claim_id"].eq(claim.id).astype(bool) & frame["primary"]]
    found = groups(claim, primary, 0.95)
    deciding = found[0].rows if found else primary
    return _match(rows, primary), _match(rows, deciding)


def _match(rows: pd.DataFrame, chosen: pd.DataFrame) -> pd.Series:
    """Tell which rows stand for one of the chosen contrasts.

    By the contrast a row names; where no row names the contrast, by its study and kind.
    """
    unnamed = chosen[~chosen["contrast_id"].isin(rows["contrast_id"])]
    ends = set(zip(unnamed["study_id"], unnamed["controlled"], strict=True))
    mine = zip(rows["study_id"], rows["kind"].eq("controlled"), strict=True)
    by_study = pd.Series([bool(pair in ends) for pair in mine], index=rows.index, dtype=bool)
    return by_study | rows["contrast_id"].isin(chosen["contrast_id"]).astype(bool)
