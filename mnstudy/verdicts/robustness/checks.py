"""Would the verdict be another one, had a defensible choice been made differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.stats.multiplicity import bonferroni_level
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.robustness.engines import cluster_robust, ranks, unadjusted
from mnstudy.verdicts.robustness.missing import Lost, complete_sites, impute_lost, imputed
from mnstudy.verdicts.robustness.rows import (
    COLUMNS,
    CheckContext,
    Row,
    in_each_scar_type,
    over_margins,
    without_each_clinic,
)
from mnstudy.verdicts.robustness.worst_case import worst_case

CHECKS: dict[str, Callable[[CheckContext, Lost], list[Row]]] = {
    "margins": lambda asked, lost: over_margins(asked.finding),
    "adjustment": lambda asked, lost: unadjusted(asked),
    "cluster-robust": lambda asked, lost: cluster_robust(asked),
    "ranks": lambda asked, lost: ranks(asked),
    "missing": lambda asked, lost: [
        *complete_sites(asked, lost),
        *imputed(asked, lost),
        *worst_case(asked),
    ],
    "clinics": lambda asked, lost: without_each_clinic(asked),
    "scar types": lambda asked, lost: in_each_scar_type(asked),
}

NOTHING_LOST = Lost(sites=pd.Series(dtype=bool), values={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks of the findings of one cohort."""

    cohort: Cohort
    confidence_level: float

    def rows(
        self,
        findings: Iterable[Finding],
        checks: Sequence[str],
        *,
        rng: int,
        lost: Lost | None = None,
    ) -> list[Row]:
        """Run the named checks on every tested finding; ``lost`` is imputed where it is needed."""
        if self.cohort.study.cluster == "clinic_id":  # what was not printed is not lost
            checks = [name for name in checks if name != "missing"]
        # the copy holds columns of one type together, which are quicker to cut
        cohort = replace(self.cohort, data=self.cohort.data.copy())
        sites = cohort.sites()
        tested = [self._asked(f, cohort, sites) for f in findings if f.estimate is not None]

        if lost is None:
            needed = "missing" in checks and bool(tested)
            lost = impute_lost(self.cohort, rng=rng) if needed else NOTHING_LOST
        return [row for asked in tested for name in checks for row in CHECKS[name](asked, lost)]

    def _asked(self, finding: Finding, cohort: Cohort, sites: pd.DataFrame) -> CheckContext:
        level = self.confidence_level
        if finding.simultaneous is not None:
            level = bonferroni_level(level, finding.family)
        question = Question(
            claim=finding.claim,
            cohort=cohort,
            sites=sites,
            confidence_level=level,
            brief=True,
        )
        return CheckContext(finding=finding, question=question)


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return the rows of a sensitivity analysis as a table; choice and reason are notes."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))
