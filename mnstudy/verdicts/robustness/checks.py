"""Would the verdict be another one, had a defensible choice been made differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.stats.multiplicity import bonferroni_level
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.robustness.engines import other_model, ranks, unadjusted
from mnstudy.verdicts.robustness.missing import carried_forward, imputed, seen_at_week
from mnstudy.verdicts.robustness.rows import (
    COLUMNS,
    CheckContext,
    Row,
    in_each_scar_type,
    over_margins,
    without_each_clinic,
)
from mnstudy.verdicts.robustness.worst_case import worst_case

CHECKS: dict[str, Callable[[CheckContext, int], list[Row]]] = {  # each takes a seed
    "margins": lambda asked, rng: over_margins(asked.finding),
    "adjustment": lambda asked, rng: unadjusted(asked),
    "model": lambda asked, rng: other_model(asked),
    "ranks": lambda asked, rng: ranks(asked),
    "missing": lambda asked, rng: [
        *seen_at_week(asked),
        *carried_forward(asked),
        *imputed(asked, rng=rng),
        *worst_case(asked),
    ],
    "clinics": lambda asked, rng: without_each_clinic(asked),
    "scar types": lambda asked, rng: in_each_scar_type(asked),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks of the findings of one cohort."""

    cohort: Cohort
    confidence_level: float

    def rows(self, findings: Iterable[Finding], checks: Sequence[str], *, rng: int) -> list[Row]:
        """Run the named checks on every tested finding."""
        if self.cohort.study.cluster == "clinic_id":  # what was not printed is not lost
            checks = [name for name in checks if name != "missing"]
        # the copy holds columns of one type together, which are quicker to cut
        cohort = replace(self.cohort, data=self.cohort.data.copy())
        tested = [self._asked(f, cohort) for f in findings if f.estimate is not None]
        return [row for asked in tested for name in checks for row in CHECKS[name](asked, rng)]

    def _asked(self, finding: Finding, cohort: Cohort) -> CheckContext:
        level = self.confidence_level
        if finding.simultaneous is not None:
            level = bonferroni_level(level, finding.family)
        question = Question.ask(finding.claim, cohort, level, brief=True)
        return CheckContext(finding=finding, question=question)


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return the rows of a sensitivity analysis as a table; choice and reason are notes."""
    found = pd.DataFrame(list(rows), columns=list(COLUMNS))
    patients = found["n_patients"].astype("Float64").round().astype("Int64")
    return found.assign(n_patients=patients)
