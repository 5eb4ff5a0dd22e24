"""The rules of a release as numbers, read from ``release.toml``; a study file is only stricter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from mnstudy.cohort.schema.problems import Problem, fail, key_problem
from mnstudy.cohort.study.study import Study
from mnstudy.packaged import packaged

SETS = ("default", "acro", "opensafely")
_LOWER = ("dominance_share",)  # a smaller number is the stricter one
_WHOLE = ("threshold", "rounding", "residual_df", "quartiles_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The thresholds of a release; what each means and where it comes from: ``release.toml``."""

    threshold: int
    rounding: int
    residual_df: int
    quartiles_from: int
    dominance_share: float
    dominance_rest: float

    @property
    def few(self) -> str:
        """The one mark of a count below the threshold, zero included."""
        return f"<{self.threshold}"

    def rounded(self, n: int) -> int:
        """Return a count at or above the threshold as it is printed.

        >>> [rules_of(Study()).rounded(n) for n in (10, 12, 13, 17, 18)]
        [10, 10, 15, 15, 20]
        """
        least = math.ceil(self.threshold / self.rounding)  # the first cell is never a sliver
        return self.rounding * max(least, math.floor(n / self.rounding + 0.5))

    def count(self, n: int) -> str:
        """Write a count of patients.

        >>> rules_of(Study()).count(0), rules_of(Study()).count(23)
        ('<10', '25')
        """
        return self.few if n < self.threshold else f"{self.rounded(n):,}"

    def compatible(self, n: int) -> range:
        """Return every count that would be printed as this one.

        >>> list(rules_of(Study()).compatible(11)), len(rules_of(Study()).compatible(3))
        ([10, 11, 12], 10)
        """
        if n < self.threshold:
            return range(self.threshold)
        shown, half = self.rounded(n), self.rounding / 2
        first = shown - self.rounding < self.threshold
        low = self.threshold if first else math.ceil(shown - half)
        return range(low, math.ceil(shown + half))

    def all_but(self, n: int, of: int) -> bool:
        """Tell whether a count is written as all of its whole but a few, none included."""
        return of - n < self.threshold <= n


def rules_of(study: Study) -> Rules:
    """Return the rules of a study: those of the set it names, in no number looser than the default.

    Raises
    ------
    DataError
        ``[release]`` of the study file has an unknown key, or loosens a threshold.
    """
    problems = [*_problems(study.release)]
    if problems:
        fail("study.toml", *problems)
    chosen = _named(str(study.release.get("rules", "default")))
    own = {k: v for k, v in study.release.items() if k != "rules"}
    return Rules(**{**chosen, **own})


def _named(name: str) -> dict[str, Any]:
    """Return a set of rules, each number the stricter one of its own and the default."""
    sets = packaged("disclosure/release.toml")
    default, own = sets["default"], sets[name]
    return {k: (min if k in _LOWER else max)(v, own.get(k, v)) for k, v in default.items()}


def _problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    name = given.get("rules", "default")
    if name not in SETS:
        yield key_problem("release.rules", name, "one of " + ", ".join(SETS))
        name = "default"
    least, known = _named(name), [f.name for f in fields(Rules)]
    for key, value in given.items():
        place = f"release.{key}"
        if key == "rules":
            continue
        if key not in known:
            yield key_problem(place, value, "one of " + ", ".join(["rules", *known]))
        elif type(value) is not int and (key in _WHOLE or type(value) is not float):
            yield key_problem(place, value, "a whole number" if key in _WHOLE else "a share")
        elif not (value <= least[key] if key in _LOWER else value >= least[key]):  # nan too
            way = "at most" if key in _LOWER else "at least"
            remedy = "a study file can only make a release stricter: leave it out"
            yield key_problem(place, value, f"{way} {least[key]:g}", remedy)
