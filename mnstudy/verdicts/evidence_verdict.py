"""The verdict on a group of studies: interval and margin, then capped by every doubt there is."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy.verdicts.certainty import Certainty, certainty, settings
from mnstudy.verdicts.directions import Directions
from mnstudy.verdicts.evidence_checks import Checks, checks, favours
from mnstudy.verdicts.evidence_groups import Group
from mnstudy.verdicts.judge import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """A group of studies with its estimate, its certainty and the verdict they lead to."""

    group: Group
    found: Checks
    certainty: Certainty
    verdict: Verdict


def assess(group: Group, directions: Directions | None = None) -> Assessed:
    """Estimate a group, rate its certainty and judge it.

    Parameters
    ----------
    group : Group
    directions : Directions, optional
        Those of the claim, where its finding rests on this group; without them the domain is
        left out.
    """
    found = checks(group, egger_studies=settings()["egger_studies"])
    doubt = None
    if directions is not None:
        towards = favours(group, found.estimate.value)
        doubt = directions.doubt(group.comparison, favours=towards) or ""
    rated = certainty(group, found, doubt=doubt)
    capped = cap(found.found, rated.doubts)
    return Assessed(group=group, found=found, certainty=rated, verdict=capped)


def cap(found: Verdict, doubts: tuple[str, ...]) -> Verdict:
    """Lower a verdict in favour to partly supported where doubts remain, and name them all.

    They are named beside a verdict against the claim too; an open question stays as it is.

    Examples
    --------
    >>> beyond = Verdict(word="supported", reason="the whole interval lies beyond the margin")
    >>> cap(beyond, ("only 2 studies found", "no rater was blinded"))
    Verdict(word='partly supported', reason='the whole interval lies beyond the margin, \
but only 2 studies found; no rater was blinded')
    """
    if not doubts or found.word == "inconclusive":
        return found
    word = "partly supported" if found.word == "supported" else found.word
    joint = ", but " if found.word == "supported" else "; besides, "
    return Verdict(word=word, reason=f"{found.reason}{joint}{'; '.join(doubts)}")
