"""How certain a pooled result is: a GRADE-like table, computed from the published tables."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.verdicts import evidence_checks as checked
from mnstudy.verdicts import evidence_groups as grouped
from mnstudy.verdicts.evidence_checks import Checks
from mnstudy.verdicts.evidence_groups import Group
from mnstudy.verdicts.finding import VERDICTS, Domain

LEVELS = ("high", "moderate", "low", "very low")
WORST = 2  # steps a single domain other than the design can cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """Level of certainty, high to very low, and the domains it is made of."""

    level: str
    domains: tuple[Domain, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the domains leave open about a verdict, in words."""
        return tuple(d.doubt for d in self.domains if d.doubt)

    def __getitem__(self, name: str) -> Domain:
        """Return a domain by its name."""
        return next(d for d in self.domains if d.name == name)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a domain: domain, steps, reason."""
        cells = [(d.name, d.steps, d.reason) for d in self.domains]
        return pd.DataFrame(cells, columns=["domain", "steps", "reason"])


@cache
def settings() -> Mapping[str, Any]:
    """Return the thresholds of ``certainty.toml``."""
    text = resources.files("mnstudy.verdicts").joinpath("certainty.toml").read_text("utf-8")
    return tomllib.loads(text)


def certainty(group: Group, found: Checks, *, doubt: str | None = None) -> Certainty:
    """Rate the certainty of one pooled result.

    Parameters
    ----------
    group : Group
        Studies of one claim, measure and endpoint.
    found : Checks
        What ``evidence_checks.checks`` gave for them.
    doubt : str, optional
        What the directions of all studies leave open, the ones without a poolable number
        included; empty where they agree, None where nobody looked. It can only lower the
        certainty.

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
    rules: tuple[Callable[[Group, Checks], Domain], ...] = (
        _design,
        _blinding,
        _counting,
        _inconsistency,
        _imprecision,
        _small_study,
        _one_study,
    )
    domains = [rule(group, found) for rule in rules]
    if doubt is not None:
        reason = doubt or "the directions of all studies give no further doubt"
        domains.append(Domain(name="directions", steps=-bool(doubt), reason=reason, doubt=doubt))
    lost = -sum(d.steps for d in domains)
    return Certainty(level=LEVELS[min(lost, len(LEVELS) - 1)], domains=tuple(domains))


def _design(group: Group, found: Checks) -> Domain:
    start = settings()["design"][group.comparison]
    steps, reason, doubt = start["steps"], start["reason"], start["doubt"]
    back = int(group.rows["design"].isin(settings()["looking_back"]).sum())
    if group.comparison == "rate" and 2 * back >= len(group.rows):
        steps -= 1
        doubt = f"{back} of {_studies(group)} looked back"
        reason = f"{reason}; {doubt}"
    return Domain(name="design", steps=steps, reason=reason, doubt=doubt)


def _blinding(group: Group, found: Checks) -> Domain:
    said = group.rows["assessor_blinded"]
    blinded, unclear = int(said.eq("yes").sum()), int(said.eq("unclear").sum())
    reason = f"raters known to be blinded in {blinded} of {_studies(group)}"
    reason += f", not reported in {unclear}" if unclear else ""
    if blinded / len(group.rows) >= settings()["blinded_share"]:
        return Domain(name="blinding", steps=0, reason=reason)
    return Domain(name="blinding", steps=-1, reason=reason, doubt=reason)


def _counting(group: Group, found: Checks) -> Domain:
    if group.comparison != "rate" or group.name != "proportion":
        return Domain(name="counting", steps=0, reason="not a rate of events")
    derived = group.rows["treated_derived"].fillna("")
    said = int(derived.str.contains(settings()["uncounted"], regex=True).sum())
    reason = f"the count rests on a sentence or a list in {said} of {_studies(group)}"
    if said / len(group.rows) < settings()["uncounted_share"]:
        return Domain(name="counting", steps=0, reason=reason)
    return Domain(name="counting", steps=-1, reason=reason, doubt=reason)


def _inconsistency(group: Group, found: Checks) -> Domain:
    name = "inconsistency"
    if len(group.rows) == 1:
        return Domain(name=name, steps=0, reason="one study: agreement cannot be judged")
    if grouped.counts_add_up(group):
        return Domain(name=name, steps=0, reason="the same in all studies: none or all")
    low, high = found.prediction_low, found.prediction_high
    across = low <= checked.line(group) <= high
    considerable = found.i2 >= settings()["i2_considerable"]
    substantial = found.i2 >= settings()["i2_substantial"]
    apart = across and not _holds(found, checked.line(group))
    steps = -2 if considerable and across else -1 if substantial or apart else 0
    return Domain(
        name=name,
        steps=steps,
        reason="; ".join(_agreement(group, found)),
        doubt=_further_study(group, across),
    )


def _agreement(group: Group, found: Checks) -> list[str]:
    i2, i2_low, i2_high = (fmt.number(x, 0) for x in (found.i2, found.i2_low, found.i2_high))
    ends = (found.prediction_low, found.prediction_high)
    low, high = (fmt.number(x, fmt.decimals_for(*ends)) for x in ends)
    alone = [grouped.estimate(g)[0].value for g in grouped.single(group)]
    sides = sum(checked.favours(group, value) for value in alone)
    what = "no effect" if group.measure.rule in checked.AGAINST_NULL else "the limit"
    return [
        f"I² {i2} % (interval {i2_low} to {i2_high})",
        f"prediction interval {low} to {high} {group.measure.unit}",
        f"{sides} of {_studies(group)} on the claim's side of {what}",
    ]


def _further_study(group: Group, across: bool) -> str:
    if not across:
        return ""
    null = group.measure.rule in checked.AGAINST_NULL
    what = "show no effect" if null else "lie beyond the limit"
    return f"the prediction interval says that a further study could {what}"


def _imprecision(group: Group, found: Checks) -> Domain:
    needed = checked.people_needed(group, power=settings()["power"])
    held = [word for word, value in checked.thresholds(group).items() if _holds(found, value)]
    reason = f"the interval holds {' and '.join(held)}"
    if not held:
        reason = "the interval lies on one side of " + " and of ".join(checked.thresholds(group))
    both_ways = "the margin" in held and _holds(found, checked.harm(group))
    if both_ways:
        reason = "the interval holds a benefit and a harm worth speaking of"
    steps = -bool(held) - both_ways - (group.people < needed)
    return Domain(
        name="imprecision",
        steps=max(steps, -WORST),
        reason=f"{reason}; {_size(group, needed)}",
    )


def _size(group: Group, needed: float) -> str:
    if math.isnan(needed):
        return "no information size is defined for this rule"
    people = fmt.count(group.people, "person", "people")
    if group.people < needed:
        return f"{people}, fewer than the {needed:,.0f} that could settle it"
    return f"{people}, at least the {needed:,.0f} that could settle it"


def _small_study(group: Group, found: Checks) -> Domain:
    name, least = "small-study effect", settings()["egger_studies"]
    if len(group.rows) < least:
        reason = f"cannot be judged with fewer than {least} studies"
        return Domain(name=name, steps=0, reason=reason)
    if found.egger is None:
        reason = "cannot be judged: all studies are as precise, or lie on one line"
        return Domain(name=name, steps=0, reason=reason)
    reason = f"Egger's test over {_studies(group)}, {fmt.p_value(found.egger.p_value)}"
    if found.egger.p_value >= settings()["egger_p"]:
        return Domain(name=name, steps=0, reason=reason)
    doubt = f"small studies differ from large ones ({fmt.p_value(found.egger.p_value)})"
    return Domain(name=name, steps=-1, reason=reason, doubt=doubt)


def _one_study(group: Group, found: Checks) -> Domain:
    name, k = "single studies", len(group.rows)
    if k < settings()["few_studies"]:
        reason = f"only {_studies(group)} found"
        return Domain(name=name, steps=-1, reason=reason, doubt=reason)
    carrying = [x for x in found.left_out if x.word != found.found.word]
    if not carrying:
        return Domain(name=name, steps=0, reason="no single study changes the verdict")
    words = sorted({x.word for x in carrying}, key=VERDICTS.index)
    labels = ", ".join(sorted(x.label for x in carrying))
    reason = f"without {labels} the interval alone would say {' or '.join(words)}"
    lost = VERDICTS.index(words[-1]) > VERDICTS.index(found.found.word)
    return Domain(name=name, steps=-1, reason=reason, doubt=reason if lost else "")


def _holds(found: Checks, value: float) -> bool:
    return found.estimate.ci_low < value < found.estimate.ci_high


def _studies(group: Group) -> str:
    return fmt.count(len(group.rows), "study", "studies")
