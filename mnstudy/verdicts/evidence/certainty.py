"""How certain a pooled result is: a GRADE-like table, computed from the published tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.packaged import packaged
from mnstudy.verdicts.evidence import checks
from mnstudy.verdicts.evidence.checks import PooledChecks
from mnstudy.verdicts.evidence.groups import StudyGroup, pool_group, single
from mnstudy.verdicts.finding.finding import VERDICTS, Domain
from mnstudy.words.notes import Count, Note, as_given, note

LEVELS = ("high", "moderate", "low", "very low")
WORST = 2  # steps a single domain other than the design can cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """Level of certainty, high to very low, and the domains it is made of."""

    level: str
    domains: tuple[Domain, ...]

    @property
    def doubts(self) -> tuple[Note, ...]:
        """What the domains leave open about a verdict."""
        return tuple(d.leaves_open for d in self.domains if d.leaves_open)

    def __getitem__(self, name: str) -> Domain:
        """Return a domain by its name."""
        return next(d for d in self.domains if d.name == name)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a domain: domain, steps, reason."""
        cells = [(d.name, d.steps, d.reason) for d in self.domains]
        return pd.DataFrame(cells, columns=["domain", "steps", "reason"])


def settings() -> Mapping[str, Any]:
    """Return the thresholds of ``certainty.toml``."""
    return packaged("verdicts/evidence/certainty.toml")


def certainty(
    group: StudyGroup,
    found: PooledChecks,
    *,
    directions: bool = False,
    doubt: Note | None = None,
    unseen: int = 0,
) -> Certainty:
    """Rate the certainty of one pooled result.

    Parameters
    ----------
    group : StudyGroup
        Studies of one claim, measure and endpoint.
    found : PooledChecks
        What ``checks`` gave for them.
    directions : bool
        Were the directions of all studies looked at, the ones without a poolable number included?
    doubt : Note, optional
        What they leave open; None where they agree. It can only lower the certainty.

    Returns
    -------
    Certainty
        It starts at high for randomised comparisons and for rates, at low for other comparisons,
        at very low without a control, and loses the steps of every further domain.

    Notes
    -----
    GRADE-like, not GRADE: the domains are computed from the tables by fixed thresholds
    (``certainty.toml``); no one has rated the risk of bias of a study or how directly it bears
    on the question, and the figures were read in abstracts. It is never raised for a large effect.
    Blinding that is not reported counts as none.

    References
    ----------
    Guyatt et al. (2008), doi 10.1136/bmj.39489.470347.AD. Iorio et al. (2015), doi
    10.1136/bmj.h870 (rates).

    Examples
    --------
    >>> import mnstudy as mn
    >>> finding = mn.evidence("treats-burn-scars")[0]
    >>> finding.certainty
    'very low'
    >>> [(d.name, d.steps) for d in finding.domains][:2]
    [('design', -3), ('blinding', -1)]
    """
    rules: tuple[Callable[[StudyGroup, PooledChecks], Domain], ...] = (
        _design,
        _blinding,
        _counting,
        _inconsistency,
        _imprecision,
        _small_study,
        _one_study,
    )
    domains = [rule(group, found) for rule in rules]
    if directions:
        why = doubt or note("directions_no_doubt")
        domains.append(Domain(name="directions", steps=-bool(doubt), why=why, leaves_open=doubt))
    lost = -sum(d.steps for d in domains)
    return Certainty(level=LEVELS[min(lost, len(LEVELS) - 1)], domains=tuple(domains))


def _design(group: StudyGroup, found: PooledChecks) -> Domain:
    start = settings()["design"][group.comparison]
    steps, why = start["steps"], as_given(start["reason"])
    doubt = as_given(start["doubt"]) if start["doubt"] else None
    back = int(group.rows["design"].isin(settings()["looking_back"]).sum())
    if group.comparison == "rate" and 2 * back >= len(group.rows):
        steps -= 1
        doubt = note("looked_back", back=back, studies=group.studies)
        why = note("several", said=(why, doubt))
    return Domain(name="design", steps=steps, why=why, leaves_open=doubt)


def _blinding(group: StudyGroup, found: PooledChecks) -> Domain:
    said = group.rows["assessor_blinded"]
    blinded, unclear = int(said.eq("yes").sum()), int(said.eq("unclear").sum())
    counts = {"blinded": blinded, "studies": group.studies}
    why = note("raters_blinded", **counts)
    if unclear:
        why = note("raters_blinded_or_unclear", **counts, unclear=unclear)
    enough = blinded / len(group.rows) >= settings()["blinded_share"]
    return _domain("blinding", why, lowered=not enough)


def _domain(name: str, why: Note, *, lowered: bool) -> Domain:
    """Return a domain that costs a step, and leaves its reason as a doubt, or costs nothing."""
    return Domain(name=name, steps=-lowered, why=why, leaves_open=why if lowered else None)


def _counting(group: StudyGroup, found: PooledChecks) -> Domain:
    if group.comparison != "rate" or group.name != "proportion":
        return _domain("counting", note("no_rate_of_events"), lowered=False)
    derived = group.rows["treated_derived"].fillna("")
    said = int(derived.str.contains(settings()["uncounted"], regex=True).sum())
    why = note("count_rests_on_words", said=said, studies=group.studies)
    many = said / len(group.rows) >= settings()["uncounted_share"]
    return _domain("counting", why, lowered=many)


def _inconsistency(group: StudyGroup, found: PooledChecks) -> Domain:
    name = "inconsistency"
    if len(group.rows) == 1:
        return _domain(name, note("agreement_of_one"), lowered=False)
    if math.isnan(found.i2):
        return _domain(name, note("agreement_none_or_all"), lowered=False)
    low, high = found.prediction_low, found.prediction_high
    across = low <= checks.line(group) <= high
    considerable = found.i2 >= settings()["i2_considerable"]
    substantial = found.i2 >= settings()["i2_substantial"]
    apart = across and not _holds(found, checks.line(group))
    steps = -2 if considerable and across else -1 if substantial or apart else 0
    null = group.measure.rule in checks.AGAINST_NULL
    further = note("further_study_no_effect" if null else "further_study_beyond")
    return Domain(
        name=name,
        steps=steps,
        why=_agreement(group, found, "no effect" if null else "the limit"),
        leaves_open=further if across else None,
    )


def _agreement(group: StudyGroup, found: PooledChecks, limit: str) -> Note:
    ends = {"low": found.prediction_low, "high": found.prediction_high}
    alone = [pool_group(g).estimate.value for g in single(group)]
    return note(
        "agreement",
        **{name: getattr(found, name) for name in ("i2", "i2_low", "i2_high")},
        **ends,
        digits=fmt.decimals_for(*ends.values()),
        unit=group.measure.unit,
        sides=sum(checks.favours(group, value) for value in alone),
        studies=group.studies,
        line=limit,
    )


def _imprecision(group: StudyGroup, found: PooledChecks) -> Domain:
    needed = checks.people_needed(group, power=settings()["power"])
    lines = checks.thresholds(group)
    held = tuple(word for word, value in lines.items() if _holds(found, value))
    size = _size(group, needed)
    both_ways = "the margin" in held and _holds(found, checks.harm(group))
    if both_ways:
        why = note("interval_both_ways", size=size)
    elif held:
        why = note("interval_holds", held=held, size=size)
    else:
        why = note("interval_on_one_side", lines=tuple(lines), size=size)
    steps = -bool(held) - both_ways - (group.people < needed)
    return Domain(name="imprecision", steps=max(steps, -WORST), why=why)


def _size(group: StudyGroup, needed: float) -> Note:
    if math.isnan(needed):
        return note("size_undefined")
    kind = "size_too_small" if group.people < needed else "size_enough"
    people = Count(n=group.people, noun="person", plural="people")
    return note(kind, people=people, needed=int(needed))


def _small_study(group: StudyGroup, found: PooledChecks) -> Domain:
    name, least = "small-study effect", settings()["egger_studies"]
    if len(group.rows) < least:
        return _domain(name, note("funnel_too_few", least=least), lowered=False)
    if found.egger is None:
        return _domain(name, note("funnel_on_a_line"), lowered=False)
    p = found.egger.p_value
    why = note("funnel_tested", studies=group.studies, p=p)
    differ = p < settings()["egger_p"]
    doubt = note("small_studies_differ", p=p) if differ else None
    return Domain(name=name, steps=-differ, why=why, leaves_open=doubt)


def _one_study(group: StudyGroup, found: PooledChecks) -> Domain:
    name = "single studies"
    if len(group.rows) < settings()["few_studies"]:
        return _domain(name, note("only_few_studies", studies=group.studies), lowered=True)
    carrying = [x for x in found.left_out if x.word != found.found.word]
    if not carrying:
        return _domain(name, note("no_study_carries"), lowered=False)
    words = sorted({x.word for x in carrying}, key=VERDICTS.index)
    labels = tuple(sorted(x.label for x in carrying))
    why = note("carried_by_studies", labels=labels, verdicts=tuple(words))
    lost = VERDICTS.index(words[-1]) > VERDICTS.index(found.found.word)
    return Domain(name=name, steps=-1, why=why, leaves_open=why if lost else None)


def _holds(found: PooledChecks, value: float) -> bool:
    return found.estimate.ci_low < value < found.estimate.ci_high
