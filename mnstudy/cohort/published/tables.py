"""The published evidence: related tables, their fingerprint, and the contrasts joined."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pandas as pd

from mnstudy.cohort.loading.shipped import check_manifest, data_dir
from mnstudy.cohort.published import contrast_rules, extraction
from mnstudy.cohort.schema.problems import Problem, ValidationReport, fail
from mnstudy.words.notes import Count, Note, note, sentences

_OF_OUTCOME = (
    "arm_id", "concept", "instrument", "instrument_range", "category", "phase",
    "weeks_after_last", "statistic", "n", "mean", "sd", "sd_is", "events", "percent", "ci_low",
    "ci_high", "ci_level", "p_value", "derived",
)  # fmt: skip
_OF_STUDY = (
    "label", "year", "doi", "pmid", "design", "assessor_blinded", "condition", "n_enrolled",
    "n_analysed", "source", "design_effect",
)  # fmt: skip
_OF_ARM = {
    "label": "arm", "treatment": "treatment", "adjunct": "adjunct", "adjunct_detail": "substance",
}  # fmt: skip
RANDOMISED = ("rct_parallel", "rct_split_body")
_NAMED = 5  # studies that a note names
_UNSEEN = re.compile(r"not seen|not on page|secondary page")  # in a label: a limit of the search
_Step = tuple[str, int | None, dict[str, str]]  # kind of note, count, values of its blanks
_PREFIX = {"treated": "treated", "treated_baseline": "baseline", "reference": "reference"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Published:
    """Study-level evidence under its contract.

    Attributes
    ----------
    studies, arms, outcomes, contrasts, add_on, directions, correlations, \
zero_basis, risk_of_bias, seen_at, leads, reviews : DataFrame
        The tables; numbers as float64, text as string, missing where nothing is printed.
    sha256 : str
        Fingerprint of the files together: it changes with any byte of any of them.
    source : str
        Name of the folder.
    printed : DataFrame
        The outcomes as text, cell by cell as in the file: it tells how many digits were printed.
    remarks : tuple of Note
        What is odd in the tables without being an error; ``notes`` says it in words.
    changed : tuple of str
        Shipped tables that are not those of the manifest; empty for an extraction of your own.
    """

    studies: pd.DataFrame
    arms: pd.DataFrame
    outcomes: pd.DataFrame
    contrasts: pd.DataFrame
    add_on: pd.DataFrame
    directions: pd.DataFrame
    correlations: pd.DataFrame
    zero_basis: pd.DataFrame
    risk_of_bias: pd.DataFrame
    seen_at: pd.DataFrame
    leads: pd.DataFrame
    reviews: pd.DataFrame
    sha256: str
    source: str
    printed: pd.DataFrame
    remarks: tuple[Note, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd in the tables without being an error, in words."""
        return sentences(self.remarks)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(getattr(self, t)):,} {t}" for t in extraction.TABLES)
        return f"Published({self.source}: {sizes}; sha256 {self.sha256[:8]}…)"


def load_published(path: str | os.PathLike[str] | None = None) -> Published:
    """Load the published evidence and check it against its contract.

    Parameters
    ----------
    path : str or path, optional
        A folder with ``studies.csv``, ``arms.csv``, ``outcomes.csv``, ``contrasts.csv`` and, where
        there is one, ``directions.csv``: a researcher's own extraction. By default the shipped one.

    Returns
    -------
    Published

    Raises
    ------
    DataError
        Anything is wrong; ``error.report`` lists all problems with row, table and column, value,
        rule and remedy.

    Examples
    --------
    >>> int(load_published().contrasts["primary"].eq("yes").sum())
    149
    """
    folder = _folder(path)
    found = _checked(folder, _fingerprint(folder))
    tables = {name: getattr(found, name).copy() for name in (*extraction.TABLES, "printed")}
    return replace(found, **tables, changed=_changed(folder) if path is None else ())


def as_published(data: str | os.PathLike[str] | Published | None) -> Published:
    """Return tables that are loaded already, or those of a folder; the shipped ones for None."""
    return data if isinstance(data, Published) else load_published(data)


@lru_cache(maxsize=2)
def _checked(folder: Path, sha256: str) -> Published:
    """Read and check the tables once: most calls of a session ask for the same files."""
    tables, report = _read(folder)
    report.raise_if_bad()
    typed = {name: extraction.typed(tables[name], extraction.specs()[name]) for name in tables}
    typed["studies"]["label"] = shown_labels(typed["studies"])
    return Published(
        **typed,
        sha256=sha256,
        source=report.source,
        printed=tables["outcomes"].reset_index(drop=True),
        remarks=report.remarks,
    )


def shown_labels(studies: pd.DataFrame) -> pd.Series:
    """Return the labels of studies for figures and tables, one text a study.

    What a label says in brackets of a search (no author, year or title seen) is left out. A label
    that lost it and names no year gets the year, where known; two that become equal get the
    journal, or else their ids.
    """
    entered, year = studies["label"], studies["year"].astype("Int64").astype("string")
    label = entered.str.replace(r"\s*\(([^()]*)\)", _without_unseen, regex=True)
    label = label.mask(label.eq(""), studies["title"].fillna(entered))
    cut = label.ne(entered)
    dated = label.str.contains(r"\b(?:19|20)\d\d\b", regex=True) | year.isna()
    label = label.mask(cut & ~dated, label + ", " + year)
    for further in (studies["journal"].fillna(studies["study_id"]), studies["study_id"]):
        label = label.mask(cut & label.duplicated(keep=False), label + ", " + further)
    return label


def _without_unseen(bracket: re.Match[str]) -> str:
    kept = [part.strip() for part in bracket[1].split(";") if not _UNSEEN.search(part)]
    return f" ({'; '.join(kept)})" if kept else ""


def _changed(folder: Path) -> tuple[str, ...]:
    """Name the shipped tables that are not those of the manifest."""
    found = (problem.column for problem in check_manifest(folder.parent))
    return tuple(name for name in found if name.startswith(f"{folder.name}/"))


def validate_published(path: str | os.PathLike[str] | None = None) -> ValidationReport:
    """Check a folder of published evidence; raises only where there is no such folder."""
    return _read(_folder(path))[1]


def check_published(path: str | os.PathLike[str] | None = None) -> ValidationReport:
    """Check a folder; where nothing is wrong the notes say what it holds and lacks as well."""
    report = validate_published(path)
    if not report.ok:
        return report
    return replace(report, remarks=(*report.remarks, *overview(load_published(path))))


def _folder(path: str | os.PathLike[str] | None) -> Path:
    if path is None:
        return data_dir() / "published"
    folder = Path(path)
    if not folder.is_dir():
        rule = "a folder with studies.csv, arms.csv, outcomes.csv and contrasts.csv"
        remedy = "check the path; give the folder, not one of its files"
        fail(str(path), Problem(value=str(path), rule=rule, remedy=remedy))
    return folder


def _read(folder: Path) -> tuple[dict[str, pd.DataFrame], ValidationReport]:
    tables, problems = extraction.read(folder)
    notes: list[Note] = []
    specs = extraction.specs()
    for name, table in tables.items():
        problems += extraction.check(table, specs[name])
    if len(tables) < len(specs) or any(p.row is None for p in problems):
        notes = [note("relations_not_checked")]
    else:
        rules = (
            extraction.check_relations, contrast_rules.check, contrast_rules.check_figures,
            contrast_rules.check_add_on, contrast_rules.check_beside,
        )  # fmt: skip
        problems += [problem for rule in rules for problem in rule(tables)]
        notes = [] if problems else extraction.notes(tables)
    # rows are numbered within each file, so a count of fine rows over all files would mislead
    rows = 0 if problems else sum(map(len, tables.values()))
    report = ValidationReport(
        source=folder.resolve().name,
        rows=rows,
        problems=tuple(sorted(problems, key=_place)),
        remarks=tuple(notes),
    )
    return tables, report


def _place(problem: Problem) -> tuple[int, int, str]:
    table = problem.column.split(".csv")[0]
    return extraction.TABLES.index(table), problem.row or 0, problem.column


def _fingerprint(folder: Path) -> str:
    """Hash names and contents of the files, always in the same order."""
    together = hashlib.sha256()
    for spec in extraction.specs().values():
        path = folder / spec.file
        if path.is_file():
            together.update(f"{spec.file} {len(path.read_bytes())}\n".encode())
            together.update(path.read_bytes())
    return together.hexdigest()


def contrast_frame(published: Published) -> pd.DataFrame:
    """Join every contrast with its study, its arms and the outcomes at its ends.

    Parameters
    ----------
    published : Published

    Returns
    -------
    DataFrame
        One row a contrast, in the order of ``contrasts.csv``, those of ``add_on.csv`` behind them
        (``add_on``): its own columns; those of the study (``rob_*``: its risk of bias); the figures
        of the outcomes as ``treated_*``, ``baseline_*`` and ``reference_*`` with the name of the
        arm, what it received and what a count of none rests on (missing where the measure has no
        such end). ``primary`` and ``paired`` are booleans. ``controlled`` is true where the
        reference is another arm, or where the outcome itself compares two sides: two parts of one
        arm (grades, scar types) are no control. ``design_class`` is randomised or not randomised
        for controlled contrasts, else one group. ``r_assumed`` is the correlation within the person
        where none is derived: the median of those derived, one a study, 0.5 where
        fewer than two are.
    """
    frame = pd.concat(
        [published.contrasts.assign(add_on=False), published.add_on.assign(add_on=True)],
        ignore_index=True,
    )
    frame["primary"] = frame["primary"].eq("yes").astype(bool)
    frame["paired"] = frame["paired"].eq("yes").astype(bool)
    studies = published.studies.set_index("study_id").reindex(columns=list(_OF_STUDY))
    bias = published.risk_of_bias.set_index("study_id").drop(columns="design", errors="ignore")
    frame = frame.join(studies, on="study_id")
    frame = frame.join(
        bias.rename(columns=lambda c: f"rob_{c.removeprefix('rob_')}"), on="study_id"
    )
    outcomes = _outcomes_with_arms(published)
    for end, prefix in _PREFIX.items():
        frame = frame.join(outcomes.add_prefix(f"{prefix}_"), on=f"{end}_outcome_id")
    derived = published.correlations.set_index("contrast_id")[["r_derived", "r_low", "r_high"]]
    frame = frame.join(derived, on="contrast_id")
    # A study under two claims has the same figures twice.
    known = frame.dropna(subset="r_derived").drop_duplicates("study_id")["r_derived"]
    frame["r_assumed"] = round(float(known.median()), 2) if len(known) > 1 else 0.5
    compares = frame["endpoint"].isin(extraction.contract()["comparing_endpoints"])
    other_arm = frame["reference_arm_id"].ne(frame["treated_arm_id"])
    frame["controlled"] = other_arm.fillna(False).astype(bool) | compares.astype(bool)
    randomised = frame["design"].isin(RANDOMISED).map({True: "randomised", False: "not randomised"})
    frame["design_class"] = randomised.where(frame["controlled"], "one group")
    return frame


def _outcomes_with_arms(published: Published) -> pd.DataFrame:
    """Return the outcomes by id, with their arms and what a count of none rests on."""
    arms = published.arms[["study_id", "arm_id", *_OF_ARM]].rename(columns=_OF_ARM)
    rows = published.outcomes.merge(arms, on=["study_id", "arm_id"], how="left")
    rows = rows.merge(published.zero_basis, on="outcome_id", how="left")
    return rows.set_index("outcome_id")[[*_OF_OUTCOME, *_OF_ARM.values(), "basis"]]


def contrast_counts(published: Published, claims: Iterable[str] | None = None) -> pd.DataFrame:
    """Count the contrasts of every claim.

    Parameters
    ----------
    published : Published
    claims : iterable of str, optional
        The claims to list, in this order; by default all that the contract of the tables knows,
        those without any contrast included.

    Returns
    -------
    DataFrame
        claim_id, contrasts, primary, people, primary_by_measure, primary_endpoints.

    Notes
    -----
    ``people`` adds up the primary contrasts: the people at the treated end, and those at the
    reference end where they are others (``paired`` is no). Baselines and second sides of the same
    body are not counted again. A study under two claims counts under both.
    """
    frame = contrast_frame(published).query("not add_on").copy()
    if claims is None:
        claims = extraction.specs()["contrasts"].columns["claim_id"].levels
    others = frame["reference_n"].where(~frame["paired"]).fillna(0)
    frame["people"] = frame["treated_n"] + others
    groups = dict(tuple(frame.groupby("claim_id")))
    return pd.DataFrame(
        [_count(claim, groups.get(claim, frame.iloc[:0])) for claim in claims],
        columns=["claim_id", "contrasts", "primary", "people", "primary_by_measure",
                 "primary_endpoints"],
    )  # fmt: skip


def _count(claim: str, contrasts: pd.DataFrame) -> list[object]:
    primary = contrasts[contrasts["primary"]]
    tallies = [_tally(primary[column]) for column in ("measure", "endpoint")]
    return [claim, len(contrasts), len(primary), int(primary["people"].sum()), *tallies]


def _tally(words: pd.Series) -> str:
    counts = sorted(words.value_counts().items(), key=lambda x: (-int(x[1]), str(x[0])))
    return ", ".join(f"{word} {n}" for word, n in counts)


def reviews_frame(published: Published) -> pd.DataFrame:
    """Join what reviews of others pooled with the review and the value it printed.

    Parameters
    ----------
    published : Published

    Returns
    -------
    DataFrame
        One row a pooled effect, in the order of ``reviews.csv``: its own columns; study_id, label,
        year, doi and condition of the review; ``value``, ``ci_low``, ``ci_high`` on the scale of
        ``effect`` with ``ci_level`` in percent; ``n`` people; ``excludes_null``, missing without
        limits; ``our_earlier``, how many of our own studies with a primary contrast under the claim
        are not younger than the review (those without a year count): no more of them can be among
        its studies. Missing where the review has no year.

    Examples
    --------
    >>> found = reviews_frame(load_published()).set_index("review_id")
    >>> found.loc["rv01", ["effect", "value", "side"]].astype(str).to_list()
    ['OR', '2.97', 'for']
    """
    outcomes = published.outcomes.set_index("outcome_id")
    figures = outcomes[["study_id", "mean", "ci_low", "ci_high", "ci_level", "n"]]
    frame = published.reviews.join(figures.rename(columns={"mean": "value"}), on="outcome_id")
    studies = published.studies.set_index("study_id")
    frame = frame.join(studies[["label", "year", "doi", "condition"]], on="study_id")
    apart = (frame["ci_low"] > frame["null"]) | (frame["ci_high"] < frame["null"])
    known = frame["ci_low"].notna() & frame["ci_high"].notna()
    frame["excludes_null"] = apart.astype("boolean").where(known)
    primary = _primary(published)[["claim_id", "study_id"]].drop_duplicates()
    own = primary.join(studies["year"].rename("own"), on="study_id")
    pairs = frame[["review_id", "claim_id", "year"]].merge(own, on="claim_id")
    earlier = pairs[~(pairs["own"] > pairs["year"])].groupby("review_id").size()
    counted = frame["review_id"].map(earlier).fillna(0).astype("Int64")
    frame["our_earlier"] = counted.mask(frame["year"].isna())
    return frame


def _primary(published: Published) -> pd.DataFrame:
    return published.contrasts[published.contrasts["primary"].eq("yes")]


def missing_identifiers(published: Published) -> pd.DataFrame:
    """List the studies with neither DOI nor PubMed number, those behind a contrast first.

    Parameters
    ----------
    published : Published

    Returns
    -------
    DataFrame
        study_id, label, title, year, in_contrast (bool; a row of ``contrasts.csv`` rests on it).

    Examples
    --------
    >>> missing = missing_identifiers(load_published())
    >>> len(missing), int(missing["in_contrast"].sum())
    (160, 58)
    """
    studies = published.studies
    bare = studies[studies["doi"].isna() & studies["pmid"].isna()]
    behind = bare["study_id"].isin(published.contrasts["study_id"])
    listed = bare[["study_id", "label", "title", "year"]].assign(in_contrast=behind)
    return listed.sort_values("in_contrast", ascending=False, kind="stable", ignore_index=True)


def flow(published: Published, searches: int | None = 5) -> pd.DataFrame:
    """Count what PRISMA 2020 asks for, from the searches to the studies behind an effect.

    Parameters
    ----------
    published : Published
    searches : int, optional
        How many searches were made: five for the shipped tables, nothing recorded where None.

    Returns
    -------
    DataFrame
        step, n (Int64) and what it counts, in words. A number that was never recorded is missing,
        and ``what`` says so: records found, records screened. doi 10.1136/bmj.n71.

    Examples
    --------
    >>> flow(load_published()).set_index("step").loc["publications", "n"]
    np.int64(353)
    """
    rows = [*_steps(published, searches), *_left_out(published.studies)]
    listed = [(kind.removeprefix("flow_"), n, str(note(kind, **of))) for kind, n, of in rows]
    return pd.DataFrame(listed, columns=["step", "n", "what"]).astype({"n": "Int64"})


def _steps(published: Published, searches: int | None) -> list[_Step]:
    use = published.studies["use"].value_counts()
    primary = set(_primary(published)["study_id"])
    effect = {*published.contrasts["study_id"], *published.add_on["study_id"]}
    counted = {
        "flow_searches": searches,
        "flow_records_found": None,
        "flow_records_screened": None,
        "flow_publications": len(published.studies),
        "flow_primary": len(primary),
        "flow_other_effect": len(effect - primary),
        "flow_direction_only": len({*published.directions["study_id"]} - effect),
        "flow_pool": int(use.get("pool", 0)),
        "flow_describe": int(use.get("describe", 0)),
        "flow_exclude": int(use.get("exclude", 0)),
    }
    return [(kind, n, {}) for kind, n in counted.items()]


def _left_out(studies: pd.DataFrame) -> list[_Step]:
    """Count excluded studies by reason: people counted already, the listed reasons, the others."""
    out = studies[studies["use"].eq("exclude")]
    same = out["overlaps_with"].notna()
    found: list[_Step] = [("flow_same_people", int(same.sum()), {})]
    rest = out.loc[~same, "use_reason"]
    listed = extraction.contract()["left_out"]["reasons"]
    found += [("flow_reason", int(rest.eq(reason).sum()), {"reason": reason}) for reason in listed]
    return [*found, ("flow_other_reasons", int((~rest.isin(listed)).sum()), {})]


def overview(published: Published) -> list[Note]:
    """Say what the tables hold, what they lack, and which endpoints are shown apart."""
    sizes = [(name, len(getattr(published, name))) for name in extraction.TABLES]
    bare = missing_identifiers(published)
    primary = _primary(published)["study_id"].drop_duplicates()
    unrated = primary[~primary.isin(published.risk_of_bias["study_id"])]
    found = [note("table_sizes", tables=tuple(f"{name} {n:,}" for name, n in sizes))]
    found += _named("no_identifier", bare["study_id"], len(published.studies))
    found += _named("no_rating_of_bias", unrated, len(primary))
    apart = tuple(_apart(published))
    return found + ([note("endpoints_apart", endpoints=apart)] if apart else [])


def _named(kind: str, ids: pd.Series, of: int) -> list[Note]:
    """Say how many studies it is true of, and name the first five."""
    many = Count(n=len(ids), noun="study", plural="studies", of=of)
    first = tuple(map(str, ids[:_NAMED])) + (("...",) if len(ids) > _NAMED else ())
    return [note(kind, studies=many, first=first)] if len(ids) else []


def _apart(published: Published) -> Iterator[str]:
    """Name the endpoints under one claim that mix designs or conditions."""
    frame = contrast_frame(published)
    frame = frame[frame["primary"]].assign(randomised=frame["design"].isin(RANDOMISED))
    for (claim, endpoint), rows in frame.groupby(["claim_id", "endpoint"], sort=False):
        if rows[["randomised", "condition"]].nunique().gt(1).any():
            yield f"{claim} {endpoint}"
