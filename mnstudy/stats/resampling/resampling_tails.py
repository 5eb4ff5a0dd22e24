"""The result of a permutation test, and what all such tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnstudy.stats.mixed.design import Array
from mnstudy.stats.resampling.clusters import Clusters, Rng, check_resamples, generator
from mnstudy.stats.resampling.resampling_exact import SAME
from mnstudy.stats.result import ALTERNATIVES, Alternative, SmallResult, check_option

Tails = tuple[float, float]
Draw = Callable[[int, np.random.Generator], Array]
# Numbers drawn at a time: keeps the work in the cache and the memory flat.
BLOCK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Permutation(SmallResult):
    """A permutation test of a mean or a difference of means.

    ``n_resamples`` is the number of all permutations when ``exact``, else of those drawn.
    """

    estimate: float
    p_value: float
    alternative: Alternative
    exact: bool
    n_resamples: int
    method: str
    n_obs: int
    n_groups: int
    n_missing: int
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        how = "all" if self.exact else "random"
        return [
            f"{self.estimate:.4g}, p = {self.p_value:.3g} ({self.alternative})",
            f"{self.method}, {how} {self.n_resamples:.7g} permutations; {self.n_groups} groups, "
            f"{self.n_obs} rows, {self.n_missing} missing",
            *(f"note: {note}" for note in self.notes),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How the test was asked for; checked when made."""

    n_resamples: int
    exact: bool | None
    alternative: Alternative
    rng: Rng | None

    def __post_init__(self) -> None:
        check_option("alternative", self.alternative, ALTERNATIVES)
        check_resamples(self.n_resamples)

    def counts_all(self, possible: bool, what: str) -> bool:
        """Whether to count all permutations."""
        if self.exact and not possible:
            raise ValueError(f"there are too many {what} to count; use exact=False")
        return possible if self.exact is None else self.exact

    def draw(self, drawn: Draw, observed: float, scale: float, width: int) -> Tails:
        """Both tails among random permutations, ``width`` numbers each."""
        random = generator(self.rng, f"{self.n_resamples} random permutations")
        block = max(1, BLOCK // max(width, 1))
        counts = np.ones(2)
        for start in range(0, self.n_resamples, block):
            found = drawn(min(block, self.n_resamples - start), random)
            counts += counted(found, observed, scale)
        at_most, at_least = counts / (self.n_resamples + 1)
        return float(at_most), float(at_least)

    def result(
        self,
        rows: Clusters,
        estimate: float,
        tails: Tails,
        *,
        n_all: int | None,
        method: str,
        notes: tuple[str, ...] = (),
    ) -> Permutation:
        """Put the result together; ``n_all`` is the number of all permutations when counted."""
        low, high = tails
        sides = {"less": low, "greater": high, "two-sided": min(1.0, 2.0 * min(low, high))}
        return Permutation(
            estimate=estimate,
            p_value=sides[self.alternative],
            alternative=self.alternative,
            exact=n_all is not None,
            n_resamples=self.n_resamples if n_all is None else n_all,
            method=method,
            n_obs=len(rows.y),
            n_groups=rows.n_groups,
            n_missing=rows.n_missing,
            notes=notes,
        )


def counted(found: Array, observed: float, scale: float) -> tuple[int, int]:
    """How many are at most, and at least, what was observed; equal up to rounding is both."""
    slack = SAME * scale
    return int((found <= observed + slack).sum()), int((found >= observed - slack).sum())
