"""How often a study of this kind would reach each verdict, by simulating it many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.simulate.simulate import simulate
from mnstudy.verdicts.claims.registry import claim as claim_of
from mnstudy.verdicts.evaluate import verdict_of
from mnstudy.verdicts.finding.finding import VERDICTS


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingCharacteristics:
    """What a study design does in the long run.

    Attributes
    ----------
    claim : str
    n_patients, reps : int
        Patients in each simulated study, and how many studies.
    verdicts : Series
        Share of studies with each verdict.
    monte_carlo_error : Series
        Standard error of these shares.
    estimates : DataFrame
        One row a study: estimate, ci_low, ci_high, verdict.
    effect : float
        The true effect in the unit of the claim; nan where the situation leaves none known.
    coverage, coverage_error : float
        Share of the intervals that hold it, of the studies that have one, and its standard error.
    """

    claim: str
    n_patients: int
    reps: int
    verdicts: pd.Series
    monte_carlo_error: pd.Series
    estimates: pd.DataFrame
    effect: float
    coverage: float
    coverage_error: float

    def __str__(self) -> str:
        lines = [f"{self.claim}: {self.reps:,} studies of {self.n_patients:,} patients"]
        for word in self.verdicts.index:
            share, error = 100 * self.verdicts[word], 100 * self.monte_carlo_error[word]
            lines.append(f"  {word:<18}{fmt.number(share)} % (± {fmt.number(error)})")
        if not np.isnan(self.coverage):
            share, error = 100 * self.coverage, 100 * self.coverage_error
            held = f"{fmt.number(share)} % (± {fmt.number(error)})"
            lines.append(f"  true effect {self.effect:g}, held by the interval in {held}")
        return "\n".join(lines)

    __repr__ = __str__


def operating_characteristics(
    claim: str,
    *,
    n_patients: int,
    reps: int = 1000,
    truth: Mapping[str, float] | None = None,
    design: str = "registry",
    situation: Mapping[str, Any] | None = None,
    rng: int = 0,
    n_jobs: int = 1,
) -> OperatingCharacteristics:
    """Simulate a study many times and count its verdicts, the claim its only primary one.

    Parameters
    ----------
    claim : str
        Claim id.
    n_patients : int
        Patients in each study.
    reps : int
        Number of simulated studies.
    truth : mapping, optional
        Claim id to true effect, see ``mnstudy.simulate``.
    design : str
        registry, parallel, split_body or single_arm.
    situation : mapping, optional
        What breaks verdicts (spreads, skewness, losses and others), see ``mnstudy.simulate``.
    rng : int
        Seed; study i always gets the same random numbers, whatever ``n_jobs``.
    n_jobs : int
        Processes; runs on an existing cluster where a joblib backend is set.

    Returns
    -------
    OperatingCharacteristics

    Raises
    ------
    KeyError
        An unknown claim id.
    ValueError
        ``reps`` or ``n_patients`` below 1, or an unknown claim in ``truth`` or ``situation``.

    Examples
    --------
    >>> import mnstudy as mn
    >>> oc = mn.operating_characteristics(
    ...     "topical-adjunct", n_patients=30, reps=4, design="split_body",
    ...     truth={"topical-adjunct": 15})
    >>> float(oc.verdicts.sum())
    1.0
    """
    from joblib import Parallel, delayed

    claim_of(claim)
    if reps < 1 or n_patients < 1:
        raise ValueError("reps and n_patients must be 1 or more")
    seeds = np.random.SeedSequence(rng).spawn(reps)
    rows = Parallel(n_jobs=n_jobs)(
        delayed(_one)(claim, n_patients, truth, design, situation, seed) for seed in seeds
    )
    estimates = pd.DataFrame(rows, columns=["estimate", "ci_low", "ci_high", "verdict"])
    told = simulate(1, truth=truth, design=design, situation=situation, rng=0).study.truth
    effect = float(told[claim]["effect"]) if claim in told else float("nan")
    share = (
        estimates["verdict"].value_counts(normalize=True).reindex(list(VERDICTS), fill_value=0.0)
    )
    return OperatingCharacteristics(
        claim=claim,
        n_patients=n_patients,
        reps=reps,
        verdicts=share,
        monte_carlo_error=np.sqrt(share * (1 - share) / reps),
        estimates=estimates,
        **_coverage(estimates, effect),
    )


def _coverage(estimates: pd.DataFrame, effect: float) -> dict[str, float]:
    known = estimates.dropna(subset=["ci_low", "ci_high"])
    nan = float("nan")
    if known.empty or np.isnan(effect):
        return {"effect": effect, "coverage": nan, "coverage_error": nan}
    share = float(known["ci_low"].le(effect).mul(known["ci_high"].ge(effect)).mean())
    error = float(np.sqrt(share * (1 - share) / len(known)))
    return {"effect": effect, "coverage": share, "coverage_error": error}


def _one(
    claim: str,
    n_patients: int,
    truth: Mapping[str, float] | None,
    design: str,
    situation: Mapping[str, Any] | None,
    seed: np.random.SeedSequence,
) -> tuple[float, float, float, str]:
    rng = np.random.default_rng(seed)
    cohort = simulate(n_patients, truth=truth, design=design, situation=situation, rng=rng)
    study = replace(cohort.study, plan=replace(cohort.study.plan, primary=(claim,)))
    finding = verdict_of(replace(cohort, study=study), claim)
    found = finding.estimate
    if found is None:
        return float("nan"), float("nan"), float("nan"), finding.verdict
    return found.value, found.ci_low, found.ci_high, finding.verdict
