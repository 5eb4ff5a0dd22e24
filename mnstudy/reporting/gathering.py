"""What a report shows of each body of data, gathered before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mnstudy.cohort.published import load_published
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.bodies import Body, cohort_body, published_body, with_unique_keys
from mnstudy.reporting.checks import check_all
from mnstudy.reporting.cohort_charts import charts_of
from mnstudy.reporting.course_charts import harms_chart
from mnstudy.reporting.printed_table import PrintedTable
from mnstudy.reporting.report_tables import cohort_tables, trials_tables
from mnstudy.reporting.side_by_side import Piece, side_by_side, start_early
from mnstudy.reporting.trials import gather_trials
from mnstudy.verdicts.basis import cohort_basis, finding_basis
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.evidence import evidence
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.own_claims import own_claims
from mnstudy.verdicts.registry import registry, select

Progress = Callable[[str, int, int], None]


def gather(
    cohorts: Sequence[Cohort],
    progress: Progress,
    *,
    claims: Sequence[str] = (),
    profile: str = "default",
    n_jobs: int | None = None,
) -> list[Body]:
    """Put the claims to each body of data, and each answer to other choices.

    Parameters
    ----------
    cohorts : sequence of Cohort
        The published trials stand after the first of them.
    progress : callable
        Called with the stage, how much of it is done and how much there is.
    claims : sequence of str
        Ids of the claims asked; all of them when empty.
    profile : str
        Number format of the tables.
    n_jobs : int, optional
        Pieces at a time; what is gathered does not depend on it.
    """
    start_early(n_jobs)
    total, found = len(cohorts), []
    for i, one in enumerate(cohorts):
        progress("findings", i, total)
        found.append(evaluate(one, _asked_of(one, claims)))
    published = load_published()
    progress("findings", total, total)
    shown = gather_trials(published, n_jobs=n_jobs, progress=progress)
    found_trials = evidence([c for c in claims if c in registry()] or None, data=published)
    trials = published_body(published, found_trials, shown)
    sources: list[tuple[Cohort | None, Findings]] = [
        (cohorts[0], found[0]), (None, found_trials), *zip(cohorts[1:], found[1:], strict=True)
    ]  # fmt: skip
    checked = check_all(sources, n_jobs=n_jobs, progress=progress)
    bodies = _with_charts(sources, trials, profile, n_jobs, progress)
    pairs = zip(bodies, checked, strict=True)
    return with_unique_keys([replace(body, checked=done) for body, done in pairs])


def _asked_of(cohort: Cohort, claims: Sequence[str]) -> list[str] | None:
    """Return the claims that a cohort can be asked: another study's own ones are not for it."""
    known = {c.id for c in select(None, own_claims(cohort.study))}
    return [c for c in claims if c in known] if claims else None


def _with_charts(
    sources: Sequence[tuple[Cohort | None, Findings]],
    trials: Body,
    profile: str,
    n_jobs: int | None,
    progress: Progress,
) -> list[Body]:
    own = [(c, found) for c, found in sources if c is not None]
    bases = [cohort_basis(c) for c, _ in own]
    pieces = [
        Piece("tables", (*basis, [finding_basis(f) for f in found], profile), _tables,
              (c, found, profile))
        for basis, (c, found) in zip(bases, own, strict=True)
    ]  # fmt: skip
    pieces += [
        Piece("charts", (*basis, finding_basis(f)), charts_of, (c, f))
        for basis, (c, found) in zip(bases, own, strict=True)
        for f in found
        if f.estimate is not None
    ]
    drawn = iter(side_by_side(pieces, n_jobs=n_jobs, done=lambda i, n: progress("charts", i, n)))
    tables = [next(drawn) for _ in own]
    bodies = [
        replace(
            cohort_body(cohort, found),
            charts={f.claim.id: tuple(next(drawn)) for f in found if f.estimate is not None},
            harms=harms_chart(cohort),
            tables=printed,
        )
        for (cohort, found), printed in zip(own, tables, strict=True)
    ]
    assert trials.trials is not None
    evidence_printed = trials_tables(trials.trials.table, profile=profile)
    return [bodies[0], replace(trials, tables=tuple(evidence_printed)), *bodies[1:]]


def _tables(cohort: Cohort, found: Findings, profile: str) -> tuple[PrintedTable, ...]:
    return tuple(cohort_tables(cohort, found, profile=profile))
