"""Directions of effect of the published studies, claim by claim, beside the pooled value.

With what is pooled they tell what published evidence a claim has at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.published.extraction import contract
from mnstudy.cohort.published.tables import Published, contrast_frame
from mnstudy.stats.meta.directions import DirectionShare, direction_share
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.effects import says_comparable
from mnstudy.verdicts.evidence.groups import StudyGroup, counted, groups
from mnstudy.words.notes import Count, Note, note

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
_RF_KINDS = ("rf", "rf_adjunct")
_KIND_NAMES = {
    "controlled": "controlled",
    "within_arms": "between parts of one study",
    "uncontrolled": "uncontrolled",
}
# The directions that speak to an estimate: controlled ones always, the others only where the
# estimate itself has no more control than they have.
SPEAK = {
    "randomised": ("controlled",),
    "observational": ("controlled", "within_arms"),
    "within": ("controlled", "within_arms"),
    "uncontrolled": ("controlled", "within_arms", "uncontrolled"),
    "rate": ("controlled", "uncontrolled"),
}
_AGAINST = 2  # controlled studies against the claim that raise a doubt by themselves; a convention
STATES = (
    "pooled", "single study", "add-on", "described only", "radiofrequency only",
    "directions only", "meta-analysis only", "nothing found",
)  # fmt: skip
_STATE_NOTES = {
    "single study": "state_single",
    "add-on": "state_add_on",
    "described only": "state_described",
    "radiofrequency only": "state_radiofrequency",
    "directions only": "state_directions",
    "meta-analysis only": "state_reviews",
    "nothing found": "state_nothing",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Directions:
    """Which way the published studies point for one claim; controlled and uncontrolled apart.

    Attributes
    ----------
    claim : Claim
    rows : DataFrame
        One row a study and comparison, see ``direction_rows``: for harvest and albatross plots.
    confidence_level : float
    sha256 : str
        Fingerprint of the published tables.
    """

    claim: Claim
    rows: pd.DataFrame
    confidence_level: float
    sha256: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of comparison that test the claim: controlled, within_arms, uncontrolled."""
        found = set(self.rows.loc[self.rows["role"] == "tests", "kind"])
        return tuple(kind for kind in _KIND_NAMES if kind in found)

    def share(self, kind: str, *, outside: bool = False) -> DirectionShare:
        """Return the share of studies in favour among those of a kind that have a direction.

        Parameters
        ----------
        kind : {"controlled", "within_arms", "uncontrolled"}
            Kinds are never added up.
        outside : bool
            Only studies that are not behind the claim's estimate.
        """
        if kind not in _KIND_NAMES:
            raise ValueError(f"kind must be one of {', '.join(_KIND_NAMES)}, not {kind!r}")
        rows = self.rows[self.rows["role"].eq("tests") & self.rows["kind"].eq(kind)]
        rows = rows[~rows["in_estimate"]] if outside else rows
        counted = (int(rows["counts_as"].eq(word).sum()) for word in DIRECTIONS)
        favouring, none, against, mixed = counted
        level = self.confidence_level
        return direction_share(
            favouring, against, no_difference=none, mixed=mixed, confidence_level=level
        )

    def tested(self, kind: str) -> bool:
        """Tell whether a sign test makes sense: not before and after, where nearly all point up.

        Nor for a rate in one group, nor where the claim is only that something matters.
        """
        matters = self.claim.rule == "difference" or self.claim.analysis == "heterogeneity"
        return kind == "controlled" or (kind == "within_arms" and not matters)

    def read(self, kind: str) -> Note:
        """Read the share of a kind: with its limits where a sign test makes sense, else counts."""
        share = self.share(kind)
        return read(share) if self.tested(kind) else read_counts(share)

    @property
    def table(self) -> pd.DataFrame:
        """Directions as entered, counted by kind, comparison, modality and role.

        ``not_worse`` of the rows in favour only say that needling is not worse (comparable-to
        claims): they count as no difference in every share.
        """
        by = ["kind", "comparison", "modality", "role"]
        marks = {word: self.rows["direction"].eq(word).astype(int) for word in DIRECTIONS}
        equal = self.rows["direction"].ne(self.rows["counts_as"]).astype(int)
        marks |= {"not_worse": equal, "pooled": self.rows["pooled"].astype(int)}
        counted = self.rows[by].assign(**marks, rows=1)
        return counted.groupby(by, sort=True, observed=True).sum().reset_index()

    @property
    def sentence(self) -> str:
        """Each kind in words, how many studies are pooled, and what was left out."""
        return str(self.said)

    @property
    def said(self) -> Note:
        """What ``sentence`` says."""
        if self.rows.empty:
            return note("no_direction_printed")
        tests = self.rows[self.rows["role"] == "tests"]
        said = [
            note("directions_of_kind", comparison=_KIND_NAMES[kind], read=self.read(kind))
            for kind in self.kinds
        ]
        if added := int(tests["note"].str.startswith("add-on").sum()):
            said.append(note("directions_added", n=added))
        if len(tests):
            by_study = tests.groupby("study_id")["pooled"].any()
            studies = counted(len(by_study), "study", "studies")
            said.append(note("directions_not_pooled", n=int((~by_study).sum()), studies=studies))
        left = self.rows["role"].value_counts()
        out = tuple(
            note("directions_in_role", n=int(left[role]), says=says)
            for role, says in ROLES.items()
            if role in left and role != "tests"
        )
        if out:
            said.append(note("directions_left_out", roles=out))
        return note("several", said=tuple(said))

    def doubt(self, comparison: str, *, favours: bool = True) -> str | None:
        """Say why the directions lower the certainty of the claim's estimate; None where not.

        Parameters
        ----------
        comparison : {"randomised", "observational", "within", "uncontrolled", "rate"}
            What the estimate rests on, as ``Finding.comparison``.
        favours : bool
            Does the estimate point towards the claim? Directions are never compared with one
            that does not: what is printed is selected for the claim, so they cannot raise it.

        Notes
        -----
        Only studies that are not behind the estimate are asked, of the kinds that speak to it. It
        is doubted where two or more controlled ones point against it; where one or more of
        several point against and the share in favour does not lie above one half; and where most
        show no difference, mixed results or the contrary.
        """
        doubted = self.doubted(comparison, favours=favours)
        return None if doubted is None else str(doubted)

    def doubted(self, comparison: str, *, favours: bool = True) -> Note | None:
        """Return what ``doubt`` says."""
        if comparison not in SPEAK:
            raise ValueError(f"comparison must be one of {', '.join(SPEAK)}, not {comparison!r}")
        kinds = [kind for kind in SPEAK[comparison] if favours and kind in self.kinds]
        found = tuple(said for said in map(self._doubt, kinds) if said)
        return note("several", said=found) if found else None

    def _doubt(self, kind: str) -> Note | None:
        share = self.share(kind, outside=True)
        equality = says_comparable(self.claim)
        shy = share.against + share.mixed + (0 if equality else share.no_difference)
        many = kind == "controlled" and share.against >= _AGAINST
        half = share.ci_low <= 0.5 if self.tested(kind) else share.estimate <= 0.5
        torn = share.k > 1 and share.against > 0 and half
        few = shy > 1 and shy > share.favouring
        if not (many or torn or few):
            return None
        counts = {"favouring": share.favouring, "against": share.against}
        said = note("directions_counted", **counts)
        if share.k and self.tested(kind):
            said = note("directions_counted_share", **counts, **_percent(share))
        return note(
            "directions_beside", comparison=_KIND_NAMES[kind], said=(said, *_undecided(share))
        )


def directions_of(
    claim: Claim,
    published: Published,
    *,
    confidence_level: float = 0.95,
    frame: pd.DataFrame | None = None,
) -> Directions:
    """Collect which way the published studies point for one claim.

    Parameters
    ----------
    claim : Claim
    published : Published
        Where its directions table is empty every share is without an estimate.
    confidence_level : float
    frame : DataFrame, optional
        ``contrast_frame(published)``, where it is at hand already.

    Notes
    -----
    By the rules of ``data/README.md``, "Reading a direction". Counted in the shares: rows of the
    claim's own modality, needling added to another treatment included. Left out and shown apart:
    head-to-head comparisons, other modalities, laboratory studies, rows that describe a treatment
    without testing the claim, and people counted already. For the comparable-to claims only
    needling being better is in favour: not worse is no difference, never equivalence. Claims
    share studies: their counts must not be added up.

    References
    ----------
    McKenzie & Brennan, Cochrane Handbook for Systematic Reviews of Interventions, chapter 12,
    https://training.cochrane.org/handbook/current/chapter-12.

    Examples
    --------
    >>> from mnstudy.cohort.published.tables import load_published
    >>> from mnstudy.verdicts.claims.registry import claim
    >>> found = directions_of(claim("more-elastin"), load_published())
    >>> str(found.read("uncontrolled"))
    '4 of 6 with a direction point towards the claim, 4 of 6 in all'
    >>> found.share("uncontrolled", outside=True).against
    2
    """
    rows = direction_rows(claim, published, frame=frame)
    level = confidence_level
    return Directions(claim=claim, rows=rows, confidence_level=level, sha256=published.sha256)


def read(share: DirectionShare) -> Note:
    """Read a share of directions.

    Examples
    --------
    >>> str(read(direction_share(28, 3)))
    'most studies point towards the claim (28 of 31 with a direction, 74 to 98 %; 28 of 31 in all)'
    """
    counts = {"favouring": share.favouring, "k": share.k, "all": _all(share)}
    if not share.k:
        found = note("directions_none")
    elif share.ci_low > 0.5:
        found = note("directions_towards", **counts, **_percent(share))
    elif share.ci_high < 0.5:
        found = note("directions_away", **counts, **_percent(share))
    elif not share.can_differ:
        found = note("directions_too_few", **counts)
    else:
        found = note("directions_disagree", **counts, **_percent(share))
    return note("listed", said=(found, *_undecided(share)))


def read_counts(share: DirectionShare) -> Note:
    """Read a share where a sign test would be senseless: counts with both denominators."""
    if not _all(share):
        return note("directions_none")
    counts = {"favouring": share.favouring, "k": share.k, "all": _all(share)}
    return note("listed", said=(note("directions_counts", **counts), *_undecided(share)))


def _all(share: DirectionShare) -> int:
    return share.k + share.no_difference + share.mixed


def _undecided(share: DirectionShare) -> list[Note]:
    counts = (
        ("directions_without_difference", share.no_difference),
        ("directions_mixed", share.mixed),
    )
    return [note(kind, n=n) for kind, n in counts if n]


def _percent(share: DirectionShare) -> dict[str, float]:
    return {"low": 100 * share.ci_low, "high": 100 * share.ci_high}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceState:
    """What a claim's published evidence consists of.

    Attributes
    ----------
    claim : Claim
    word : str
        One of ``STATES``, after what the claim's estimate rests on.
    contrasts, primary : int
        Contrasts of the claim, and those that may be pooled.
    studies : int
        Studies behind the estimate; 0 where there is none.
    endpoints : int
        Groups of primary contrasts and add-on trials that may not be mixed, see ``groups``.
    directions, left_out : int
        Directions that test the claim, and those that do not.
    """

    claim: Claim
    word: str
    contrasts: int
    primary: int
    studies: int
    endpoints: int
    directions: int
    left_out: int

    @property
    def sentence(self) -> str:
        """The state in words; an absence is a finding too."""
        return str(self.said)

    @property
    def said(self) -> Note:
        """What ``sentence`` says."""
        studies = counted(self.studies, "study", "studies")
        said: list[Note | Count] = [
            note("state_pooled", studies=studies)
            if self.word == "pooled"
            else note(_STATE_NOTES[self.word])
        ]
        apart = self.primary - (0 if self.word == "add-on" else self.studies)
        if self.studies and apart:
            said.append(note("state_apart", contrasts=counted(apart, "contrast")))
        if self.directions:
            said.append(counted(self.directions, "direction"))
        if self.left_out:
            said.append(note("state_cannot_test", directions=counted(self.left_out, "direction")))
        return note("several", said=tuple(said))


def evidence_state(
    claim: Claim,
    published: Published,
    *,
    frame: pd.DataFrame | None = None,
    rows: pd.DataFrame | None = None,
    found: Sequence[StudyGroup] | None = None,
) -> EvidenceState:
    """Tell what the published evidence of a claim consists of.

    Parameters
    ----------
    claim : Claim
    published : Published
    frame, rows : DataFrame, optional
        ``contrast_frame(published)`` and ``direction_rows(claim, published)``, where they are at
        hand already.
    found : sequence of StudyGroup, optional
        ``groups`` of its primary contrasts, likewise.

    Returns
    -------
    EvidenceState
        ``word`` is "pooled" where the estimate rests on two or more studies, "single study" where
        it rests on one (others may stand in groups it must not be mixed with), "add-on" where
        needling was added to another treatment, "radiofrequency only" where all numbers are of that
        (all directions where there is no number), "described only" where the numbers do not test
        the claim, "directions only" where no number does but a direction, "meta-analysis only"
        where nothing but a published meta-analysis does, else "nothing found".

    Examples
    --------
    >>> from mnstudy.cohort.published.tables import load_published
    >>> from mnstudy.verdicts.claims.registry import claim
    >>> evidence_state(claim("deeper-needling"), load_published()).sentence
    'no usable published number found, directions only; 1 direction'
    """
    frame = contrast_frame(published) if frame is None else frame
    own = frame[frame["claim_id"].eq(claim.id).astype(bool)]
    found = groups(claim, own[own["primary"]], 0.95) if found is None else found
    rows = direction_rows(claim, published, frame=frame) if rows is None else rows
    tests = int(rows["role"].eq("tests").sum())
    first = found[0] if found and not found[0].measure.describes else None
    primary = int((own["primary"] & ~own["add_on"]).sum())
    return EvidenceState(
        claim=claim,
        word=_state_word(claim, own, first, rows, published),
        contrasts=int((~own["add_on"]).sum()),
        primary=primary,
        studies=0 if first is None else len(first.rows),
        endpoints=len(found),
        directions=tests,
        left_out=len(rows) - tests,
    )


def _state_word(
    claim: Claim,
    own: pd.DataFrame,
    first: StudyGroup | None,
    rows: pd.DataFrame,
    published: Published,
) -> str:
    if first is not None:
        several = "pooled" if len(first.rows) > 1 else "single study"
        return "add-on" if first.add_on else several
    primary = own[own["primary"]]
    if len(primary) and not primary["modality"].isin(_RF_KINDS).all():
        return "described only"
    if rows["role"].eq("tests").any() and primary.empty:
        return "directions only"
    seen = (own if len(own) else rows)["modality"]
    only = len(seen) and seen.isin(_RF_KINDS).all()
    return "radiofrequency only" if only else "nothing found"


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
