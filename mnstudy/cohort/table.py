"""The cohort: a checked table with its declared study and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from mnstudy.cohort.small_counts import THRESHOLD, is_small, safe_text
from mnstudy.cohort.study import Study


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
        One row an assessment of one treated site, typed as the contract says.
    study : Study
        Declared design, plan and limits.
    provenance : Provenance
        Name, source, fingerprint, synthetic or real.
    notes : tuple of str
        What was assumed while loading, in words.
    """

    data: pd.DataFrame
    study: Study
    provenance: Provenance
    notes: tuple[str, ...] = ()

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
        Order in time is weeks, then session_count, then weeks_since_last_session, then the order
        of the sheet. Nothing is imputed.
        """
        return final_assessments(self.data)

    def __repr__(self) -> str:
        head, *rest = self._lines()
        return "\n".join([head, *(f"  {line}" for line in rest)])

    def _repr_html_(self) -> str:
        head, *rest = (escape(line) for line in self._lines())
        return f"<p><strong>{head}</strong><br>{'<br>'.join(rest)}</p>"

    def _lines(self) -> list[str]:
        data, study = self.data, self.study
        mark = "SYNTHETIC" if self.synthetic else "real"
        design = study.design.replace("_", " ") + ("" if study.design_declared else " (inferred)")
        size = [_count(data["patient_id"].nunique(), self.person), _count(_n_sites(data), "site")]
        size.append(_count(len(data), "assessment"))
        if "clinic_id" in data:
            size.append(_count(data["clinic_id"].nunique(), "clinic"))
        known = int(data["improvement_score"].notna().sum())
        share = f" ({known / len(data):.0%})" if len(data) else ""
        few = not self.synthetic and (is_small(known) or is_small(len(data) - known))
        whole = f"improvement known for {known:,} assessments{share}"
        if few:
            most = "all but fewer" if known > len(data) / 2 else "fewer"
            whole = f"improvement known for {most} than {THRESHOLD} assessments"
        lines = [
            f"{self.name} · {mark} · {design}, {'' if study.randomised else 'not '}randomised",
            ", ".join(size),
            f"{whole} · sha256 {self.provenance.sha256[:8]}…",
        ]
        notes = self.notes if self.synthetic else map(safe_text, self.notes)
        return [*lines, *(limit.says for limit in study.limits), *notes]


OUTCOMES = ("improvement_score", "improvement_low", "grade_change")


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
    keys = [k for k in ("weeks", "session_count", "weeks_since_last_session") if k in data]
    times = data[keys].reset_index(drop=True)
    order = times.sort_values(keys, kind="stable", na_position="first").index.to_numpy()
    outcomes = [c for c in OUTCOMES if c in data]
    known = (data[outcomes].notna().any(axis=1) & ~is_baseline(data)).to_numpy()
    by_site = data.groupby(["patient_id", "site_id"], observed=True, sort=True)
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
    return len(data[["patient_id", "site_id"]].drop_duplicates())


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
