"""What a report shows of each body of data, gathered before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mnstudy import cache as memory
from mnstudy.cohort.published.tables import load_published
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.run.charted import build_sources
from mnstudy.reporting.run.checks import check_all
from mnstudy.reporting.run.processes import Workers
from mnstudy.reporting.run.sources import EvidenceSource, published_source, with_unique_keys
from mnstudy.reporting.run.trials import gather_trials
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.plan_check import check_study
from mnstudy.verdicts.claims.registry import Claim, registry, select
from mnstudy.verdicts.evaluate import evaluate, find_all
from mnstudy.verdicts.evidence.evidence import evidence
from mnstudy.verdicts.findings import Findings

SHARES = 8  # of the claims of a cohort
Progress = Callable[[str, int, int], None]


def collect_evidence(
    cohorts: Sequence[Cohort],
    progress: Progress,
    *,
    claims: Sequence[str] = (),
    profile: str = "default",
    workers: Workers | None = None,
) -> list[EvidenceSource]:
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
    workers : Workers, optional
        Who works on the pieces; what is gathered does not depend on it.
    """
    published = load_published()
    found = _findings(cohorts, claims, workers or Workers(), progress)
    shown = gather_trials(published, workers=workers, progress=progress)
    found_trials = evidence([c for c in claims if c in registry()] or None, data=published)
    trials = published_source(published, found_trials, shown)
    asked: list[tuple[Cohort | None, Findings]] = [
        (cohorts[0], found[0]), (None, found_trials), *zip(cohorts[1:], found[1:], strict=True)
    ]  # fmt: skip
    checked = check_all(asked, workers=workers, progress=progress)
    sources, trials = build_sources(
        list(zip(cohorts, found, strict=True)),
        trials,
        profile=profile,
        workers=workers,
        done=lambda i, n: progress("charts", i, n),
    )
    pairs = zip([sources[0], trials, *sources[1:]], checked, strict=True)
    return with_unique_keys([replace(source, checked=done) for source, done in pairs])


def _findings(
    cohorts: Sequence[Cohort], claims: Sequence[str], workers: Workers, progress: Progress
) -> list[Findings]:
    progress("findings", 0, len(cohorts))
    place, found = memory.folder(), []
    if place is not None and workers.n_jobs > 1:
        shares = [(_work_out, (place, *x)) for x in _shares(cohorts, claims, SHARES)]
        list(workers.results(shares))
    for i, one in enumerate(cohorts):
        found.append(evaluate(one, _asked_of(one, claims)))
        progress("findings", i + 1, len(cohorts))
    return found


def _shares(
    cohorts: Sequence[Cohort], claims: Sequence[str], count: int
) -> Iterator[tuple[Cohort, list[Claim]]]:
    """Deal the claims out in so many shares a cohort."""
    for cohort in cohorts:
        asked = select(_asked_of(cohort, claims), check_study(cohort.study))
        yield from ((cohort, asked[i::count]) for i in range(count))


def _work_out(place: Path, cohort: Cohort, claims: Sequence[Claim]) -> None:
    """Work findings out, for ``evaluate`` to find them kept."""
    with memory.kept_in(place):
        find_all(cohort, claims, cohort.study.plan.confidence_level)


def _asked_of(cohort: Cohort, claims: Sequence[str]) -> list[str] | None:
    """Return the claims that a cohort can be asked: another study's own ones are not for it."""
    known = {c.id for c in select(None, own_claims(cohort.study))}
    return [c for c in claims if c in known] if claims else None
