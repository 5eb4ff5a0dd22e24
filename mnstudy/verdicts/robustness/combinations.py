"""The combinations of choices that a specification curve goes through, and their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import cast

import numpy as np
import pandas as pd

from mnstudy.cohort.table import OUTCOMES, Cohort
from mnstudy.verdicts.analyses import Answer, NotTestable, Question
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.question import Choices
from mnstudy.verdicts.robustness.choices import declared_choices

ADJUST = {"usual": None, "severity": ("baseline_severity",), "none": ()}
ENGINE = {"random_intercepts": "mixed", "cluster_robust": "cluster-robust"}
KIND = {"engine": "errors", "adjust": "covariates", "topicals": "topicals"}
Specification = Mapping[str, str]


def combinations(cohort: Cohort, *, any_lost: bool) -> Iterator[Specification]:
    """Yield every combination of the choices that the study file keeps and the data offer."""
    kept = cohort.study.specifications
    offered = {
        kind: [o for o in options if o in kept.get(kind, options)]
        for kind, options in declared_choices().items()
    }
    if not any_lost:
        offered["result"] = offered["result"][:1]
    if "improvement_low" not in cohort.data or cohort.data["improvement_low"].isna().all():
        offered["class"] = offered["class"][:1]
    for options in product(*offered.values()):
        yield dict(zip(offered, options, strict=True))


def answers(
    asked: Question, specifications: Sequence[Specification], lost: np.ndarray
) -> list[tuple[Specification, Answer]]:
    """Answer a question under each combination of choices; those that cannot answer are left out.

    Left out too is a combination that differs from an earlier one only in choices that the
    analysis did not ask for there: its answer is the same.
    """
    found: list[tuple[Specification, Answer]] = []
    decided: list[Specification] = []  # of each combination tried, the choices that mattered
    for chosen in specifications:
        if any(one.items() <= chosen.items() for one in decided):
            continue
        noted = _Noted(_choices(chosen))
        sites = _sites(asked.sites, chosen, lost)
        try:
            question = replace(asked, choices=cast(Choices, noted), sites=sites)
            found.append((chosen, estimate_claim(question)))
        except NotTestable:
            pass
        unread = {kind for name, kind in KIND.items() if name not in noted.read}
        decided.append({kind: option for kind, option in chosen.items() if kind not in unread})
    return found


class _Noted:
    """Choices that note which of them an analysis asks for."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> object:
        self.read.add(name)
        return getattr(self.choices, name)


def _choices(chosen: Specification) -> Choices:
    return Choices(
        engine=ENGINE[chosen["errors"]],
        adjust=ADJUST[chosen["covariates"]],
        topicals=chosen["topicals"],
    )


def _sites(sites: pd.DataFrame, chosen: Specification, lost: np.ndarray) -> pd.DataFrame:
    score = OUTCOMES[0]
    if chosen["class"] != "middle":
        end = sites[f"improvement_{chosen['class']}"]
        sites = sites.assign(**{score: end.fillna(sites[score])})
    if chosen["result"] == "seen_to_the_end":
        sites = sites.assign(**{score: sites[score].mask(lost)})
    return sites
