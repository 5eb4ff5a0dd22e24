"""Every claim of a report under other choices, side by side on the processors of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.describe.flow import flow
from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.sensitivity import guarded
from mnstudy.disclosure.tables import guarded_dropouts, guarded_flow
from mnstudy.reporting.run.processes import Workers
from mnstudy.reporting.run.side_by_side import Piece, side_by_side
from mnstudy.verdicts.analyses.dropouts import completers_and_dropouts
from mnstudy.verdicts.finding.cache_keys import cohort_basis, finding_basis
from mnstudy.verdicts.findings import Finding, Findings
from mnstudy.verdicts.robustness.specification import SpecificationCurve, specification_curve

CURVES = 10  # primary claims with a specification curve, at most
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What other choices, and those who were lost, do to the findings of one body of data.

    Attributes
    ----------
    sensitivity : dict of str to DataFrame
        Claim id to its rows, see ``Findings.sensitivity``; small groups are withheld already.
    curves : tuple of SpecificationCurve
        Those of the primary claims of the plan, at most ten.
    flow, dropouts : DataFrame or None
        Who was lost, as it may be shown.
    """

    sensitivity: dict[str, pd.DataFrame]
    curves: tuple[SpecificationCurve, ...] = ()
    flow: pd.DataFrame | None = None
    dropouts: pd.DataFrame | None = None


def check_all(
    sources: Sequence[tuple[Cohort | None, Findings]],
    *,
    workers: Workers | None = None,
    progress: Progress,
) -> list[Checked]:
    """Put every tested claim to the sensitivity checks, and primary claims to all choices.

    Parameters
    ----------
    sources : sequence of (Cohort or None, Findings)
        The findings of each body of data; published evidence has no cohort.
    workers : Workers, optional
        Who works on the claims; the results do not depend on it.
    progress : callable
        Called with the stage, how much of it is done and how much there is.

    Returns
    -------
    list of Checked
        In the order of the sources.
    """
    tested = [[f for f in found if f.estimate is not None] for _, found in sources]
    planned = [_planned(cohort, some) for (cohort, _), some in zip(sources, tested, strict=True)]
    pieces: list[Piece] = []
    for (cohort, found), some, primary in zip(sources, tested, planned, strict=True):
        basis = () if cohort is None else cohort_basis(cohort)
        rests_on = {f.claim.id: (*basis, finding_basis(f)) for f in some}
        pieces += [Piece("curve", rests_on[f.claim.id], _curve, (cohort, f)) for f in primary]
        pieces += [Piece("checks", rests_on[f.claim.id], _rows, (_alone(found, f),)) for f in some]
    results = side_by_side(pieces, workers=workers, done=lambda i, n: progress("sensitivity", i, n))
    done = iter(results)
    checked = []
    for (cohort, _), some, primary in zip(sources, tested, planned, strict=True):
        curves = tuple(next(done) for _ in primary)
        rows = {f.claim.id: guarded(f, next(done)) for f in some}
        checked.append(
            Checked(
                sensitivity=rows,
                curves=curves,
                flow=None if cohort is None else _flow(cohort),
                dropouts=None if cohort is None else _dropouts(cohort),
            )
        )
    return checked


def _planned(cohort: Cohort | None, tested: Sequence[Finding]) -> list[Finding]:
    return [f for f in tested if cohort is not None and f.planned][:CURVES]


def _alone(findings: Findings, finding: Finding) -> Findings:
    place = next(i for i, f in enumerate(findings) if f is finding)
    return findings[place : place + 1]


def _rows(findings: Findings) -> pd.DataFrame:
    return findings.checked()


def _curve(cohort: Cohort, finding: Finding) -> SpecificationCurve:
    """Draw the intervals at the level that the verdict of the finding rests on."""
    basis = finding.simultaneous or finding.estimate
    level = None if basis is None else basis.confidence_level
    return specification_curve(cohort, finding.claim.id, confidence_level=level)


def _flow(cohort: Cohort) -> pd.DataFrame:
    return guarded_flow(flow(cohort), synthetic=cohort.synthetic)


def _dropouts(cohort: Cohort) -> pd.DataFrame:
    level = cohort.study.plan.confidence_level
    table = completers_and_dropouts(cohort, confidence_level=level)
    return guarded_dropouts(table, synthetic=cohort.synthetic)
