"""The bodies of data of a report with their charts and tables, worked out side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mnstudy.cohort.table import Cohort
from mnstudy.reporting.figures.claim_charts import claim_charts, overview_charts
from mnstudy.reporting.figures.cohort_charts import charts_of
from mnstudy.reporting.figures.course_charts import harms_chart
from mnstudy.reporting.run.processes import Workers
from mnstudy.reporting.run.side_by_side import Piece, side_by_side
from mnstudy.reporting.run.sources import EvidenceSource, cohort_source
from mnstudy.reporting.tables.printed_table import PrintedTable
from mnstudy.reporting.tables.write import cohort_tables, trials_tables
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.finding.cache_keys import cohort_basis, finding_basis
from mnstudy.verdicts.findings import Findings

Key = tuple[str | int, ...]


def build_sources(
    own: Sequence[tuple[Cohort, Findings]],
    published: EvidenceSource,
    *,
    profile: str,
    workers: Workers | None,
    done: Callable[[int, int], None],
) -> tuple[list[EvidenceSource], EvidenceSource]:
    """Return the bodies of the cohorts and that of the trials, each with its charts and tables.

    Parameters
    ----------
    own : sequence of (Cohort, Findings)
    published : EvidenceSource
        That of the published evidence.
    profile : str
        Number format of the tables.
    workers : Workers or None
        Who works on them; the result does not depend on it.
    done : callable
        Called with how many pieces are done and how many there are.
    """
    pieces = _of_trials(published, profile)
    for i, (cohort, found) in enumerate(own):
        pieces |= {(i, *key): p for key, p in _of_cohort(cohort, found, profile).items()}
    # Whole tables take longest: begun first, none is waited for.
    pieces = dict(sorted(pieces.items(), key=lambda x: "tables" not in x[0]))
    results = side_by_side(list(pieces.values()), workers=workers, done=done)
    made = dict(zip(pieces, results, strict=True))
    sources = [_cohort(i, cohort, found, made) for i, (cohort, found) in enumerate(own)]
    return sources, _trials(published, made)


def _of_cohort(cohort: Cohort, found: Findings, profile: str) -> dict[Key, Piece]:
    basis = cohort_basis(cohort)
    whole = (*basis, [finding_basis(f) for f in found], profile)
    charts: dict[Key, Piece] = {
        ("charts", f.claim.id): Piece("charts", (*basis, finding_basis(f)), charts_of, (cohort, f))
        for f in found
        if f.estimate is not None
    }
    return {
        ("tables",): Piece("tables", whole, _tables, (cohort, found, profile)),
        ("harms",): Piece("harms", basis, harms_chart, (cohort,)),
        **charts,
    }


def _tables(cohort: Cohort, found: Findings, profile: str) -> tuple[PrintedTable, ...]:
    return tuple(cohort_tables(cohort, found, profile=profile))


def _cohort(i: int, cohort: Cohort, found: Findings, made: Mapping[Key, Any]) -> EvidenceSource:
    return replace(
        cohort_source(cohort, found),
        charts={
            f.claim.id: tuple(made[i, "charts", f.claim.id])
            for f in found
            if f.estimate is not None
        },
        harms=made[i, "harms"],
        tables=made[i, "tables"],
    )


def _of_trials(source: EvidenceSource, profile: str) -> dict[Key, Piece]:
    trials = source.trials
    assert trials is not None
    told = (source.sha256, select(None), [finding_basis(f) for f in source.findings])
    charts: dict[Key, Piece] = {
        ("trials", f.claim.id): Piece(
            "charts of trials",
            (f.claim, source.sha256),
            claim_charts,
            (trials.directions[f.claim.id], trials.groups[f.claim.id]),
        )
        for f in source.findings
    }
    return {
        ("trials", "tables"): Piece(
            "tables of trials", (*told, profile), _trials_tables, (trials.table, profile)
        ),
        ("trials", "overview"): Piece("overview", told, overview_charts, (trials, source.findings)),
        **charts,
    }


def _trials_tables(table: Any, profile: str) -> tuple[PrintedTable, ...]:
    return tuple(trials_tables(table, profile=profile))


def _trials(source: EvidenceSource, made: Mapping[Key, Any]) -> EvidenceSource:
    return replace(
        source,
        charts={f.claim.id: tuple(made["trials", f.claim.id]) for f in source.findings},
        overview=tuple(made["trials", "overview"]),
        tables=made["trials", "tables"],
    )
