"""The certificate: how often simulated studies give each verdict though the truth is another."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.cohort.simulate.design import DESIGNS
from mnstudy.fingerprints import code_fingerprint, versions, write_whole
from mnstudy.packaged import packaged
from mnstudy.verdicts.claims.registry import claim as claim_of
from mnstudy.verdicts.finding.finding import VERDICTS
from mnstudy.verdicts.operating.characteristics import ROOMS, Progress, operating_characteristics

PROMISED, EITHER, COVERED = 0.025, 0.05, 0.95
ALARM = 0.002  # both sides: 0.1 percent of kept promises are called broken
LIKE = 2.0  # a study of up to twice, or half, as many patients is one like it
FILE = "certificate/certificate.csv"  # of the shipped data
KEY = ["claim", "design", "n_patients", "situation", "truth"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Certificate:
    """How often simulated studies give each verdict.

    Attributes
    ----------
    table : DataFrame
        One row a kind of study: the columns of ``OperatingCharacteristics.table`` but the errors;
        ``truth`` (null: no effect, margin, twice the margin), ``false_support low`` and
        ``false_support high`` (exact limits, 99.8 percent, which hold in 999 of 1,000 runs on
        either side), likewise of ``coverage``; ``promised`` (whether false support in at most 2.5
        percent is promised of such a study), ``apart`` (why not), ``any_design`` (whether the
        question is the same in every design), and ``kept``: false where the lower limit of false
        support is above 2.5 percent; above 5 where there is no effect and the claim holds in either
        direction.
    about : mapping
        Studies drawn, seconds, seed, versions and fingerprint of the code.
    """

    table: pd.DataFrame
    about: Mapping[str, Any]

    @property
    def promised(self) -> pd.DataFrame:
        """The rows of which something is promised."""
        return self.table[self.table["promised"]]

    @property
    def worst(self) -> pd.Series:
        """The promised row that is most often wrongly in favour."""
        own = self.promised
        return own.loc[own["false_support"].idxmax()]

    @property
    def broken(self) -> pd.DataFrame:
        """The rows whose promise was not kept."""
        return self.table[~self.table["kept"]]

    def like(self, claim: str, *, design: str, rate: bool, n_patients: int) -> pd.DataFrame:
        """Return the rows of the studies most like one, as planned: one row a truth.

        Parameters
        ----------
        claim : str
        design : str
            single_arm, parallel, split_body, crossover or registry.
        rate : bool
            Whether no groups are compared, so that the design does not matter.
        n_patients : int
            Rows of the nearest size; none where that is not within a factor of two.
        """
        own = self.table[self.table["claim"].eq(claim) & self.table["situation"].eq("as planned")]
        own = own[own["design"].eq(design) | (own["any_design"] & rate)]
        far = np.log(own["n_patients"] / max(n_patients, 1)).abs()
        return own[far.le(np.log(LIKE)) & far.eq(far.min())]

    def __str__(self) -> str:
        own, worst, about = self.promised, self.worst, self.about
        return (
            f"{about['studies']:,} simulated studies of {len(self.table)} kinds, "
            f"seed {about['seed']}: "
            f"the promise is kept in {int(own['kept'].sum())} of {len(own)} kinds\n"
            f"  most often wrongly in favour: {100 * worst['false_support']:.1f} % "
            f"({worst['claim']}, {worst['design']}, {worst['n_patients']} patients, "
            f"{worst['situation']}, truth: {worst['truth']})\n"
            f"  the interval holds the truth in {100 * own['coverage'].min():.1f} to "
            f"{100 * own['coverage'].max():.1f} %"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        shown = [*KEY, "effect", "false_support", "coverage", "kept"]
        return str(self.table[shown].to_html(index=False, float_format="{:.3g}".format))

    def write(self, path: Path) -> None:
        """Write the table as CSV, and what it rests on as JSON beside it."""
        write_whole(path, self.table.to_csv(index=False, lineterminator="\n").encode())
        about = json.dumps(dict(self.about), indent=1, ensure_ascii=False) + "\n"
        write_whole(path.with_suffix(".json"), about.encode())


def certify(
    *,
    short: bool = False,
    runs: int | None = None,
    rng: int = 0,
    n_jobs: int | None = None,
    keep: str | Path | None = None,
    progress: Progress | None = None,
) -> Certificate:
    """Draw the studies of ``certificate.toml`` and count their verdicts.

    Parameters
    ----------
    short : bool
        The short form: fewer kinds, fewer studies.
    runs : int, optional
        Studies of each kind at each truth, where not as many as the file says.
    rng : int
        Seed of the first entry of the file; that of each further one is one more.
    n_jobs, keep, progress
        See ``mnstudy.operating_characteristics``.

    Returns
    -------
    Certificate

    Examples
    --------
    >>> from mnstudy.verdicts.operating.certificate import certify
    >>> bool(certify(short=True, runs=2).table["kept"].all())
    True
    """
    spec, started = packaged("verdicts/operating/certificate.toml"), time.monotonic()
    asked = [entry for entry in spec["studies"] if not short or "short" in entry]
    usual = spec["short" if short else "runs"]
    each = [runs or (usual if short else entry.get("runs", usual)) for entry in asked]
    parts, done = [], 0
    total = sum(n * _kinds(entry, short) for n, entry in zip(each, asked, strict=True))
    for k, (reps, entry) in enumerate(zip(each, asked, strict=True)):
        found = operating_characteristics(
            entry["short"] if short else entry["claims"],
            n_patients=_sizes(entry, short), reps=reps, truth=_truths(entry, short),
            design=entry["design"], situation=_situations(entry, spec["situations"]), rng=rng + k,
            n_jobs=n_jobs, keep=keep, progress=progress and _further(progress, done, total),
        )  # fmt: skip
        parts.append(_with_limits(found.table, entry))
        done += int(found.table["reps"].sum())
    about = {
        "studies": done, "seconds": round(time.monotonic() - started), "seed": rng,
        "code": code_fingerprint(*ROOMS), "versions": versions(),
    }  # fmt: skip
    return Certificate(table=pd.concat(parts, ignore_index=True), about=about)


@cache
def certificate() -> Certificate:
    """Return the certificate of the full run that is shipped; see ``make certify``.

    Returns
    -------
    Certificate

    Raises
    ------
    FileNotFoundError
        The shipped data hold none.

    Examples
    --------
    >>> import mnstudy as mn
    >>> set(mn.certificate().table["truth"]) == {"null", "margin", "twice"}
    True
    """
    path = data_dir() / FILE
    text = path.read_text("utf-8")
    about = json.loads(path.with_suffix(".json").read_text("utf-8"))
    words = dict.fromkeys(["claim", "design", "situation", "truth", "holds", "apart"], "str")
    empty = {c: [""] for c in pd.read_csv(io.StringIO(text), nrows=0) if c not in words}
    table = pd.read_csv(io.StringIO(text), dtype=words, keep_default_na=False, na_values=empty)
    return Certificate(table=table, about=about)


def _kinds(entry: Mapping[str, Any], short: bool) -> int:
    claims = entry["short"] if short else entry["claims"]
    asked = (claims, _sizes(entry, short), _truths(entry, short), entry["situations"])
    return math.prod(len(each) for each in asked)


def _sizes(entry: Mapping[str, Any], short: bool) -> Sequence[int]:
    return entry["n_patients"][:1] if short else entry["n_patients"]


def _truths(entry: Mapping[str, Any], short: bool) -> Sequence[str]:
    return [word for word in entry["truths"] if not short or word != "twice"]


def _situations(
    entry: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    """Return the options of each situation; visits are regular where the design can have them."""
    regular = {"regular_visits": True} if DESIGNS[entry["design"]].sessions else {}
    return {name: {**regular, **known[name]} for name in entry["situations"]}


def _further(progress: Progress, before: int, total: int) -> Progress:
    """Tell how far the whole is, not one call of it."""
    return lambda stage, done, _: progress(stage, before + done, total)


def _promise(table: pd.DataFrame) -> pd.Series:
    """Return the share that is promised: where either direction counts, both ends may err."""
    either = table["claim"].map(lambda claim: claim_of(claim).rule == "difference")
    null = table["truth"].eq("null")
    return pd.Series(np.where(either & null, EITHER, PROMISED), index=table.index)


def _with_limits(table: pd.DataFrame, entry: Mapping[str, Any]) -> pd.DataFrame:
    names = [*VERDICTS, "false_support", "false_contradiction", "coverage", "not_answered"]
    found = table[[*KEY, "effect", "holds", "reps", *names, "width"]].copy()
    answered = found["reps"] * (1 - found["not_answered"])
    for name, runs in (("false_support", found["reps"]), ("coverage", answered.round())):
        hits, known = (found[name] * runs).round(), found[name].notna() & runs.gt(0)
        limits = proportion_confint(
            hits.where(known, 0), runs.where(known, 1), alpha=ALARM, method="beta"
        )
        for end, limit in zip(("low", "high"), limits, strict=True):
            at = list(found.columns).index(name) + 1 + (end == "high")
            found.insert(at, f"{name} {end}", pd.Series(limit, index=found.index).where(known))
    found["promised"] = "apart" not in entry
    found["apart"] = entry.get("apart", "")
    found["any_design"] = entry.get("any_design", False)
    found["kept"] = ~(found["promised"] & found["false_support low"].gt(_promise(found)))
    return found
