"""The verdict on a group of studies: interval and margin, then capped by every doubt there is."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy.verdicts.evidence.certainty import Certainty, certainty, settings
from mnstudy.verdicts.evidence.checks import PooledChecks, checks, favours
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.verdicts.finding.judge import Verdict
from mnstudy.words.notes import Note, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """A group of studies with its estimate, its certainty and the verdict they lead to."""

    group: StudyGroup
    found: PooledChecks
    certainty: Certainty
    verdict: Verdict


def assess(group: StudyGroup, directions: Directions | None = None) -> Assessed:
    """Estimate a group, rate its certainty and judge it.

    Parameters
    ----------
    group : StudyGroup
    directions : Directions, optional
        Those of the claim, where its finding rests on this group; without them the domain is
        left out.
    """
    found = checks(group, egger_studies=settings()["egger_studies"])
    doubt = None
    if directions is not None:
        towards = favours(group, found.estimate.value)
        doubt = directions.doubted(group.comparison, favours=towards)
    rated = certainty(group, found, directions=directions is not None, doubt=doubt)
    capped = cap(found.found, rated.doubts)
    return Assessed(group=group, found=found, certainty=rated, verdict=capped)


def cap(found: Verdict, doubts: tuple[Note, ...]) -> Verdict:
    """Lower a verdict in favour to partly supported where doubts remain, and name them all.

    They are named beside a verdict against the claim too; an open question stays as it is.

    Examples
    --------
    >>> from mnstudy.words.notes import as_given
    >>> beyond = Verdict(word="supported", reasons=(note("beyond_margin"),))
    >>> cap(beyond, (as_given("only 2 studies found"), as_given("no rater was blinded"))).reason
    'the whole interval lies beyond the margin, but only 2 studies found; no rater was blinded'
    """
    if not doubts or found.word == "inconclusive":
        return found
    word = "partly supported" if found.word == "supported" else found.word
    kind = "reason_but" if found.word == "supported" else "reason_besides"
    return Verdict(word=word, reasons=(note(kind, reasons=found.reasons, doubts=doubts),))
