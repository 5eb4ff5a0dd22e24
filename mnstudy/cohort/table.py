"""The cohort: a checked table with its declared study and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

import numpy as np
import pandas as pd

from mnstudy.cohort.study.study import Study
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
    """

    name: str
    source: str
    sha256: str
    synthetic: bool
    rows: int
    location: str = ""


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
    What it holds and shows of itself is exact. What a report shows of a real cohort is guarded.
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
    def synthetic(self) -> bool:
        """True for invented data."""
        return self.provenance.synthetic

    @property
    def person(self) -> str:
        """What one patient_id stands for, as a noun: a patient, or one side of one."""
        return "patient" if self.study.limit("pairs") is None else "patient-site"

    def sites(self) -> pd.DataFrame:
        """Return one row per treated site: its final assessment.

        Returns
        -------
        DataFrame
            The last assessment after baseline with a known improvement (score, interval or
            grades); for a site without any, the last one as it is. ``n_assessments`` counts the
            rows of the site, and ``later_unknown`` those after the one shown.

        Notes
        -----
        Order in time is weeks, then session_count, then weeks_since_last_session; no two rows of a
        site have the same of all three. Nothing is imputed.
        """
        return final_assessments(self.data)

    def in_order(self) -> Cohort:
        """Return the cohort with its rows by patient, site and time.

        Sums in floating point depend on the order in which they are taken: what starts from these
        rows is the same to the last digit whatever the order of the sheet.
        """
        keys = [k for k in (*UNIT, *TIMES) if k in self.data]
        codes = [pd.factorize(self.data[k], sort=True)[0] for k in keys]  # -1, so first: missing
        order = np.lexsort(codes[::-1])
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
    design = study.design.replace("_", " ") + ("" if study.design_declared else " (inferred)")
    size = [_count(data["patient_id"].nunique(), cohort.person), _count(_n_sites(data), "site")]
    size.append(_count(len(data), "assessment"))
    if "clinic_id" in data:
        size.append(_count(data["clinic_id"].nunique(), "clinic"))
    known, *remarks = said or (known_improvement(data), *cohort.remarks)
    lines = [
        f"{cohort.name} · {mark} · {design}, {'' if study.randomised else 'not '}randomised",
        ", ".join(size),
        f"{known} · sha256 {cohort.provenance.sha256[:8]}…",
        *(limit.says for limit in study.limits),
    ]
    return About((*lines, *sentences(remarks)))


def known_improvement(data: pd.DataFrame) -> Note:
    """Say for how many assessments of a contract table the improvement is known."""
    n = int(data["improvement_score"].notna().sum())
    known = Count(n=n, noun="assessments", plural="assessments")
    share = note("share_of_all", percent=round(100 * n / len(data))) if len(data) else ""
    return note("improvement_known", assessments=known, share=share)


def is_baseline(data: pd.DataFrame) -> pd.Series:
    """Tell which rows were seen before any treatment: no session yet, and week 0 where known.

    Without weeks, a row of an untreated or sham site is its outcome, not its baseline.
    """
    before = data["session_count"].eq(0).fillna(False).astype(bool)
    at_start = pd.Series(True, index=data.index)
    if "weeks" in data:
        at_start = data["weeks"].fillna(0).eq(0)
    if "treatment" in data:
        no_clock = data["weeks"].isna() if "weeks" in data else True
        at_start &= ~(data["treatment"].isin(["untreated", "sham"]) & no_clock)
    return before & at_start


def final_assessments(data: pd.DataFrame) -> pd.DataFrame:
    """Return the last known assessment of each site of a contract table (see ``Cohort.sites``)."""
    keys = [k for k in TIMES if k in data]
    times = data[keys].reset_index(drop=True)
    order = times.sort_values(keys, kind="stable", na_position="first").index.to_numpy()
    outcomes = [c for c in OUTCOMES if c in data]
    known = (data[outcomes].notna().any(axis=1) & ~is_baseline(data)).to_numpy()
    by_site = data.groupby(UNIT, observed=True, sort=True)
    number = by_site.ngroup().to_numpy()
    order = order[number[order] >= 0]  # a missing id has no number
    known, site, row = known[order], number[order].astype(int), np.arange(len(order))
    shown = np.zeros(by_site.ngroups, dtype=int)
    shown[site] = row  # the last row of a site is the one that stays
    shown[site[known]] = row[known]
    final = data.iloc[order[shown]].reset_index(drop=True).copy()
    final["n_assessments"] = np.bincount(site, minlength=len(shown))
    final["later_unknown"] = np.bincount(site[row > shown[site]], minlength=len(shown))
    return final


def _n_sites(data: pd.DataFrame) -> int:
    return len(data[UNIT].drop_duplicates())


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
