"""The cohort: a checked table with its declared study and where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape

import numpy as np
import pandas as pd

from mnstudy.cohort.study.plan import Plan
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.weeks import (
    LAST,
    FinalWeek,
    final_week,
    nearest_places,
    numbers,
    site_numbers,
)
from mnstudy.errors import DataError, nearest
from mnstudy.words.notes import Count, Note, note, sentences

UNIT = ["patient_id", "site_id"]
TIMES = ("weeks", "session_count", "weeks_since_last_session")
OUTCOMES = ("improvement_score", "improvement_low", "grade_change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the data came from.

    Attributes
    ----------
    name : str
        Name of the data set, or of the file.
    source : str
        How they came about, in words.
    sha256 : str
        Fingerprint of the data file (of the table itself where there is no file).
    synthetic : bool
        True for invented data: never evidence.
    rows : int
        Rows in the file; none is ever dropped.
    location : str
        What ``load`` finds the data by; empty for a table. It stays on this machine: no report
        shows it.
    whole : str
        Of rows that ``Cohort.query`` chose: the fingerprint of all; else empty.
    """

    name: str
    source: str
    sha256: str
    synthetic: bool
    rows: int
    location: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cohort:
    """Assessments of treated sites under the data contract.

    Attributes
    ----------
    data : DataFrame
        One row an assessment of one treated site, typed as the contract says; in the order of the
        sheet, on which no result depends.
    study : Study
        Declared design, plan and limits.
    provenance : Provenance
        Name, source, fingerprint, synthetic or real.
    remarks : tuple of Note
        What was assumed while loading; ``notes`` says it in words.

    Notes
    -----
    What it holds and shows of itself is exact, of real patients too.
    """

    data: pd.DataFrame
    study: Study
    provenance: Provenance
    remarks: tuple[Note, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed while loading, in words."""
        return sentences(self.remarks)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.provenance.name

    @property
    def heading(self) -> str:
        """What stands above a report of it: the title of the study, else the sheet and its design.

        >>> import mnstudy as mn
        >>> patients = mn.load("demo_clinic").data
        >>> mn.load(patients, study={"design": "registry"}).heading
        'table: registry, not randomised'
        """
        return self.study.title.strip() or f"{self.name}: {self.study.allocation}"

    @property
    def synthetic(self) -> bool:
        """True for invented data."""
        return self.provenance.synthetic

    @property
    def person(self) -> str:
        """What one patient_id stands for, as a noun: a patient, or one side of one."""
        return "patient" if self.study.limit("pairs") is None else "patient-site"

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What a site is followed by: its improvement, or measures of the study's own.

        The latter where the improvement of nobody is known after baseline.
        """
        own = tuple(name for name, spec in self.study.measures.items() if spec.numeric)
        after = self.data[~is_baseline(self.data)]
        return OUTCOMES if known_outcome(after).any() or not own else own

    def query(self, expression: str) -> Cohort:
        """Return the cohort of the rows that fit, with the same study and plan.

        Parameters
        ----------
        expression : str
            As ``DataFrame.query`` of pandas takes it, such as ``"scar_type == 'burn'"``. Choose by
            what stays the same in a site, or its course is cut.

        Raises
        ------
        DataError
            No row fits.

        Examples
        --------
        >>> import mnstudy as mn
        >>> mn.load("demo_clinic").query("clinic_id == 'C1'").name
        "demo_clinic, clinic_id == 'C1'"
        """
        data = self.data.query(expression).reset_index(drop=True)
        if data.empty:
            said = "see what is there, as by cohort.data['scar_type'].value_counts()"
            raise DataError(f"no row of {self.name} fits {expression!r}: {said}")
        digest = hashlib.sha256(f"{self.provenance.sha256} {expression}".encode()).hexdigest()
        name = f"{self.name}, {expression}"
        whole = self.provenance.whole or self.provenance.sha256
        provenance = replace(
            self.provenance, name=name, sha256=digest, rows=len(data), location="", whole=whole
        )
        rows = Count(n=len(data), of=len(self.data), noun="row")
        remarks = (*self.remarks, note("rows_chosen", rows=rows, expression=expression))
        return replace(self, data=data, provenance=provenance, remarks=remarks)

    def sites(self, outcome: str | None = None) -> pd.DataFrame:
        """Return one row per treated site: its assessment at the final week.

        Parameters
        ----------
        outcome : str, optional
            The column whose assessments count; the improvement when left out.

        Returns
        -------
        DataFrame
            The assessment after baseline with a known outcome (improvement as score, interval or
            grades; else see ``outcomes``) that is nearest to the final week; for a site without any
            within the window, its last row with that outcome empty. ``n_assessments`` counts the
            rows of the site. Categories are those that some site has. With ``outcome`` also
            ``before``: its last value before the first session, where one is known.

        Raises
        ------
        KeyError
            There is no such column.

        Notes
        -----
        The final week is that of the plan, else the latest at which 80 percent of the sites of
        every treatment were assessed, see ``mnstudy.cohort.weeks.final_week``. Without weeks the
        last known assessment counts; order in time is then session_count, then
        weeks_since_last_session. Nothing is imputed.
        """
        if outcome is not None and outcome not in self.data:
            raise KeyError(
                f"no column {outcome!r}: {nearest(outcome, self.data, 'see mn.dictionary')}"
            )
        counted = self.outcomes if outcome is None else (outcome,)
        found = Followed.of(self.data).assessed(counted, self.final_week(outcome))
        if outcome is not None:
            start = self.data[is_baseline(self.data) & self.data[outcome].notna()]
            first = start.iloc[nearest_places(start, LAST, site_numbers(start))]
            before = first[[*UNIT, outcome]].rename(columns={outcome: "before"})
            found = found.merge(before, on=UNIT, how="left")
        words = found.select_dtypes("category")  # levels that no site has would be drawn as empty
        return found.assign(**{c: own.cat.remove_unused_categories() for c, own in words.items()})

    def final_week(self, outcome: str | None = None) -> FinalWeek:
        """Return the week whose assessments of an outcome, or the improvement, count for all."""
        followed = Followed.of(self.data)
        sites = followed.sites
        patients = sites.groupby(sites["treatment"].astype("str"))["patient_id"]
        enough = patients.nunique() > 4
        arms = {word: own for word, own in patients.indices.items() if enough[word]}
        counted = self.outcomes if outcome is None else (outcome,)
        return followed.week(counted, arms, self.study.plan)

    def in_order(self) -> Cohort:
        """Return the cohort with its rows by patient, site and time.

        Sums in floating point depend on the order in which they are taken: what starts from these
        rows is the same to the last digit whatever the order of the sheet.
        """
        keys = [pd.factorize(self.data[k], sort=True)[0] for k in UNIT]  # -1, so first: missing
        times = [numbers(self.data, k) for k in TIMES if k in self.data]
        keys += [np.nan_to_num(t, nan=-np.inf) for t in times]
        order = np.lexsort(keys[::-1])
        if (order == np.arange(len(order))).all():
            return self
        return replace(self, data=self.data.iloc[order].reset_index(drop=True))

    def __repr__(self) -> str:
        return repr(about(self))

    def _repr_html_(self) -> str:
        return about(self)._repr_html_()


@dataclass(frozen=True, slots=True, repr=False)
class About:
    """What a cohort is, line by line, for a terminal and a notebook."""

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n  ".join(self.lines)

    def _repr_html_(self) -> str:
        head, *rest = map(escape, self.lines)
        return f"<p><strong>{head}</strong><br>{'<br>'.join(rest)}</p>"


def about(cohort: Cohort, *said: Note) -> About:
    """Describe a cohort, with what is said of its improvement and of loading it.

    Exactly where nothing is given.
    """
    data, study = cohort.data, cohort.study
    mark = "SYNTHETIC" if cohort.synthetic else "real"
    size = [_count(data["patient_id"].nunique(), cohort.person), _count(_n_sites(data), "site")]
    size.append(_count(len(data), "assessment"))
    if "clinic_id" in data:
        size.append(_count(data["clinic_id"].nunique(), "clinic"))
    known, *remarks = said or (known_improvement(data), *cohort.remarks)
    lines = [
        f"{cohort.name} · {mark} · {study.allocation}",
        ", ".join(size),
        f"{known} · sha256 {cohort.provenance.sha256[:8]}…",
        *(limit.says for limit in study.limits),
    ]
    week = None if said else cohort.final_week().remark
    remarks += [week] if week else []
    return About((*lines, *sentences(remarks)))


def known_improvement(data: pd.DataFrame) -> Note:
    """Say for how many assessments of a contract table the improvement is known."""
    n = int(data["improvement_score"].notna().sum())
    known = Count(n=n, noun="assessments", plural="assessments")
    share = note("share_of_all", percent=round(100 * n / len(data))) if len(data) else ""
    return note("improvement_known", assessments=known, share=share)


def is_baseline(data: pd.DataFrame) -> pd.Series:
    """Tell which rows were seen before any treatment: no session yet, or week 0 or before.

    A row of an untreated or sham site after week 0, or without weeks, is its outcome.
    """
    sessions = numbers(data, "session_count")
    before = sessions == 0
    no_session = before | np.isnan(sessions)
    no_session &= numbers(data, "weeks") <= 0 if "weeks" in data else False
    if "treatment" in data:
        before &= ~is_one_of(data["treatment"], ("untreated", "sham"))
    return pd.Series(before | no_session, index=data.index)


def is_one_of(values: pd.Series, words: Sequence[str]) -> np.ndarray:
    """Tell which values are one of these words; a missing one is not."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values.isin(list(words)).to_numpy(dtype=bool)
    hits = [word in words for word in values.dtype.categories]
    return np.array([*hits, False])[values.array.codes]


def known_outcome(data: pd.DataFrame, outcomes: Sequence[str] = OUTCOMES) -> pd.Series:
    """Tell which rows have any of these outcomes."""
    known = [data[c].notna().to_numpy() for c in outcomes if c in data]
    return pd.Series(np.logical_or.reduce([np.zeros(len(data), bool), *known]), index=data.index)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed:
    """How the sites of a table were followed, which is the same for all claims on it.

    Attributes
    ----------
    site : array of int
        The number of the site of each row, from 0, by patient and site.
    baseline : array of bool
        Rows from before any treatment.
    last : array of int
        The place of the last row of each site.
    sites : DataFrame
        These rows.
    """

    data: pd.DataFrame
    site: np.ndarray
    baseline: np.ndarray
    last: np.ndarray
    sites: pd.DataFrame
    _assessed: dict[object, pd.DataFrame] = field(init=False, default_factory=dict)

    @classmethod
    def of(cls, data: pd.DataFrame) -> Followed:
        """Follow the sites of a table; rows of no known patient or site are left out."""
        named = np.logical_and.reduce([data[c].notna().to_numpy() for c in UNIT])
        data = data if named.all() else data[named]
        site = site_numbers(data)
        last = nearest_places(data, LAST, site)
        sites, baseline = data.iloc[last].reset_index(drop=True), is_baseline(data).to_numpy()
        return cls(data=data, site=site, baseline=baseline, last=last, sites=sites)

    def known(self, outcomes: Sequence[str]) -> np.ndarray:
        """Tell which rows after baseline have any of these outcomes."""
        return known_outcome(self.data, outcomes).to_numpy() & ~self.baseline

    def week(
        self, outcomes: Sequence[str], arms: Mapping[str, np.ndarray], plan: Plan
    ) -> FinalWeek:
        """Return the week whose assessments of these outcomes count; ``arms`` hold sites."""
        if "weeks" not in self.data or self.data["weeks"].isna().all():
            return LAST
        weeks, known = numbers(self.data, "weeks"), self.known(outcomes)
        return final_week(weeks[known], self.site[known], arms, plan)

    def assessed(self, outcomes: Sequence[str], week: FinalWeek) -> pd.DataFrame:
        """Return one row a site: the one that counts, or the last with these outcomes empty.

        The frame is the same for all who ask for it: it is not to be written to.
        """
        key = (*outcomes, week.chosen, week.week, week.low, week.high)
        if key not in self._assessed:
            self._assessed[key] = self._assess(outcomes, week)
        return self._assessed[key]

    def _assess(self, outcomes: Sequence[str], week: FinalWeek) -> pd.DataFrame:
        counted = nearest_places(self.data, week, self.site, self.known(outcomes))
        place, lost = self.last.copy(), np.ones(len(self.last), dtype=bool)
        place[self.site[counted]], lost[self.site[counted]] = counted, False
        rows = self.data.iloc[place].reset_index(drop=True)
        for name in (c for c in outcomes if c in rows and lost.any()):
            rows[name] = rows[name].mask(lost)
        rows["n_assessments"] = np.bincount(self.site, minlength=len(rows))
        return rows


def _n_sites(data: pd.DataFrame) -> int:
    return len(data[UNIT].drop_duplicates())


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
