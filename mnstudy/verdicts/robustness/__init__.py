"""Would the verdict be another one, had a defensible choice been made differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.stats.multiplicity import bonferroni_level
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.finding import Finding
from mnstudy.verdicts.robustness import engines, missing, subsets
from mnstudy.verdicts.robustness.margins import over_margins
from mnstudy.verdicts.robustness.missing import Lost
from mnstudy.verdicts.robustness.row import COLUMNS, Asked, Row
from mnstudy.verdicts.robustness.worst_case import worst_case

CHECKS: dict[str, Callable[[Asked, Lost], list[Row]]] = {
    "margins": lambda asked, lost: over_margins(asked.finding),
    "adjustment": lambda asked, lost: engines.unadjusted(asked),
    "cluster-robust": lambda asked, lost: engines.cluster_robust(asked),
    "ranks": lambda asked, lost: engines.ranks(asked),
    "missing": lambda asked, lost: [
        *missing.complete_sites(asked, lost),
        *missing.imputed(asked, lost),
        *worst_case(asked),
    ],
    "clinics": lambda asked, lost: subsets.without_each_clinic(asked),
    "scar types": lambda asked, lost: subsets.in_each_scar_type(asked),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks of the findings of one cohort."""

    cohort: Cohort
    confidence_level: float

    def rows(self, findings: Iterable[Finding], checks: Sequence[str], *, rng: int) -> list[Row]:
        """Run the named checks on every tested finding."""
        lost = Lost(sites=pd.Series(dtype=bool), values={})
        if self.cohort.study.cluster == "clinic_id":  # what was not printed is not lost
            checks = [name for name in checks if name != "missing"]
        if "missing" in checks:
            lost = missing.impute_lost(self.cohort, rng=rng)
        sites = self.cohort.sites()
        tested = [self._asked(f, sites) for f in findings if f.estimate is not None]
        return [row for asked in tested for name in checks for row in CHECKS[name](asked, lost)]

    def _asked(self, finding: Finding, sites: pd.DataFrame) -> Asked:
        level = self.confidence_level
        if finding.simultaneous is not None:
            level = bonferroni_level(level, finding.family)
        question = Question(
            claim=finding.claim,
            cohort=self.cohort,
            sites=sites,
            confidence_level=level,
            brief=True,
        )
        return Asked(finding=finding, question=question)


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return the rows of a sensitivity analysis as a table."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))
