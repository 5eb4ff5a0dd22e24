"""How certain a pooled result is: a GRADE-like table, computed from the published tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import Published
from mnstudy.packaged import packaged
from mnstudy.verdicts.evidence import checks
from mnstudy.verdicts.evidence.checks import PooledChecks
from mnstudy.verdicts.evidence.groups import (
    CONDITIONS,
    FEW,
    StudyGroup,
    counted,
    pool_group,
    single,
)
from mnstudy.verdicts.finding.finding import VERDICTS, Domain
from mnstudy.words.notes import Count, Note, as_given, note

LEVELS = ("high", "moderate", "low", "very low")
WORST = 2  # steps a single domain other than the design can cost
_REPORTING, _PUBLICATION = "selective reporting", "publication bias"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """Level of certainty, high to very low, and the domains it is made of."""

    level: str
    domains: tuple[Domain, ...]

    @property
    def circles(self) -> str:
        """The level as GRADE draws it: of four circles one filled for very low, all for high."""
        filled = len(LEVELS) - LEVELS.index(self.level)
        return "⨁" * filled + "◯" * (len(LEVELS) - filled)

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


def _bias() -> Mapping[str, Any]:
    return settings()["risk_of_bias"]


def certainty(
    group: StudyGroup,
    found: PooledChecks,
    *,
    directions: bool = False,
    doubt: Note | None = None,
    unseen: int = 0,
) -> Certainty:
    """Rate the certainty of one pooled result by the domains of GRADE.

    Parameters
    ----------
    group : StudyGroup
        Studies of one claim, measure and endpoint.
    found : PooledChecks
        What ``checks`` gave for them; heterogeneity may be nan.
    directions : bool
        Were the directions of all studies looked at, the ones without a poolable number included?
    doubt : Note, optional
        What they leave open; None where they agree. It can only lower the certainty.
    unseen : int
        Studies known to exist for the claim without a usable number: leads, and studies that print
        a direction alone. Where a funnel cannot be tested they lower the certainty if they are
        at least as many as the studies of the group.

    Returns
    -------
    Certainty
        It starts at high for randomised comparisons and for rates, at low for other comparisons
        and for rates of harm read in abstracts, at very low without a control, and loses the
        steps of every further domain, at most 2 in each.

    Notes
    -----
    GRADE-like, not GRADE: computed by rule, with fixed thresholds (``certainty.toml``), from
    ratings of bias that are a draft by rule until two readers have confirmed them, and from
    figures read in abstracts. It is never raised for a large effect. What holds for studies with
    half of the people holds for the group. A study without a rating counts as "no information",
    which costs a step; a loss of people that is not known costs none, and is said.

    References
    ----------
    GRADE: Guyatt et al. (2008), doi 10.1136/bmj.39489.470347.AD; its guidelines on risk of bias,
    doi 10.1016/j.jclinepi.2010.07.017, publication bias, 10.1016/j.jclinepi.2011.01.011,
    imprecision, 10.1016/j.jclinepi.2011.01.012, inconsistency, 10.1016/j.jclinepi.2011.03.017, and
    indirectness, 10.1016/j.jclinepi.2011.04.014. Rates: Iorio et al. (2015), doi 10.1136/bmj.h870.

    Examples
    --------
    >>> import mnstudy as mn
    >>> finding = mn.evidence("treats-burn-scars")[0]
    >>> finding.certainty
    'very low'
    >>> [(d.name, d.steps) for d in finding.domains if d.name == "design"]
    [('design', -3)]
    """
    domains = [rule(group, found) for rule in _RULES]
    chosen = any(d.name == _REPORTING and d.steps for d in domains)
    domains.append(_publication(group, found, unseen, counted_there=chosen))
    if directions:
        why = doubt or note("directions_no_doubt")
        domains.append(Domain(name="directions", steps=-bool(doubt), why=why, leaves_open=doubt))
    lost = -sum(d.steps for d in domains)
    return Certainty(level=LEVELS[min(lost, len(LEVELS) - 1)], domains=tuple(domains))


def robvis_frame(published: Published, *, tool: str, weight: bool = False) -> pd.DataFrame:
    """Return the ratings of bias as robvis reads them.

    Parameters
    ----------
    published : Published
    tool : str
        "RoB 2" (robvis: ROB2) or "ROBINS-I": the studies rated with it.
    weight : bool
        Add the column Weight, the people analysed (enrolled where that is not known):
        ``rob_summary`` weighs by it, ``rob_traffic_light`` does not take it.

    Returns
    -------
    DataFrame
        One row a study: Study (its label), D1 to D5 (ROBINS-I: D7), Overall. A domain that was
        not rated is "No information".

    Raises
    ------
    ValueError
        The tool is another one: one group before and after has no tool in robvis.

    Notes
    -----
    The shipped ratings are a draft by rule, to be confirmed by two readers.

    References
    ----------
    McGuinness & Higgins (2021), doi 10.1002/jrsm.1411.

    Examples
    --------
    >>> from mnstudy.cohort.published.tables import load_published
    >>> robvis_frame(load_published(), tool="RoB 2").columns.tolist()
    ['Study', 'D1', 'D2', 'D3', 'D4', 'D5', 'Overall']
    """
    orders = settings()["robvis"]
    if tool not in orders:
        raise ValueError(f"tool: {tool!r} is none of {', '.join(orders)}; give one of these")
    rated = published.risk_of_bias[published.risk_of_bias["rob_tool"] == tool]
    studies = published.studies.set_index("study_id").loc[rated["study_id"]]
    said = rated.reindex(columns=[*orders[tool], "overall"]).astype("string")
    said = said.fillna("no information").apply(lambda column: column.str.capitalize())
    said.columns = [*(f"D{i}" for i in range(1, len(orders[tool]) + 1)), "Overall"]
    said.insert(0, "Study", studies["label"].array)
    if weight:
        said["Weight"] = studies["n_analysed"].fillna(studies["n_enrolled"]).array
    return said.reset_index(drop=True)


def _domain(name: str, why: Note, *, lowered: bool) -> Domain:
    """Return a domain that costs a step, and leaves its reason as a doubt, or costs nothing."""
    return Domain(name=name, steps=-lowered, why=why, leaves_open=why if lowered else None)


def _people(group: StudyGroup, which: pd.Series) -> Count:
    """Count the people in some of the studies."""
    n = sum(one.people for one, counts in zip(single(group), which, strict=True) if counts)
    return Count(n=n, noun="person", plural="people", of=group.people)


def _many(people: Count) -> bool:
    return people.n >= settings()["people_share"] * (people.of or math.inf)


def _design(group: StudyGroup, found: PooledChecks) -> Domain:
    start = settings()["design"]["harm" if _harm_in_short(group) else group.comparison]
    steps, why = start["steps"], as_given(start["reason"])
    doubt = as_given(start["doubt"]) if start["doubt"] else None
    back = int(group.rows["design"].isin(settings()["looking_back"]).sum())
    if group.comparison == "rate" and 2 * back >= len(group.rows):
        steps -= 1
        looked_back = note("looked_back", back=back, studies=group.studies)
        why = note("several", said=(why, looked_back))
        doubt = note("several", said=(doubt, looked_back)) if doubt else looked_back
    return Domain(name="design", steps=steps, why=why, leaves_open=doubt)


def _harm_in_short(group: StudyGroup) -> bool:
    """Tell whether it is a rate of harm of which only abstracts were read."""
    if group.claim.group != "safety" or group.name != "proportion":
        return False
    return bool(group.rows["source"].isin(settings()["read_in_short"]).all())


def _risk_of_bias(group: StudyGroup, found: PooledChecks) -> Domain:
    rated = _steps_of_ratings(group)
    some, high = (_people(group, rated.max(axis=1) >= lost) for lost in (1, WORST))
    about = tuple(label for label in rated if rated[label].any())
    said = (note("at_risk_of_bias", people=some, about=about),) if about else ()
    if high.n:
        said = (*said, note("at_high_risk", people=high))
    doubt = note("several", said=said or (note("no_risk_of_bias"),))
    drafts = int((group.rows["rob_rated_by"] == _bias()["draft"]).sum())
    draft = note("ratings_draft", drafts=drafts, studies=group.studies)
    steps = -WORST if _many(high) else -_many(some)
    return Domain(
        name="risk of bias",
        steps=steps,
        why=note("several", said=(doubt, draft)) if drafts else doubt,
        leaves_open=doubt if steps else None,
    )


def _steps_of_ratings(group: StudyGroup) -> pd.DataFrame:
    """Return the steps of every study, for each domain of its rating that counts."""
    rules = _bias()
    domains = dict(rules["domains"][group.comparison])
    if _counts_events(group):
        del domains["rob_d4_measurement"]
    cost = rules["steps"] | rules["paid"].get(group.comparison, {})
    steps = group.rows[list(domains)].apply(lambda said: said.map(cost)).fillna(0)
    steps = steps.rename(columns=domains).astype(int)
    unrated = group.rows["rob_tool"].isna().astype(int)
    steps[str(note("no_rating"))] = unrated * rules["steps"]["no information"]
    steps[str(note("rests_on_words"))] = int(group.uncounted)
    return steps


def _counts_events(group: StudyGroup) -> bool:
    harm = group.claim.group == "safety" or group.claim.id in _bias()["counted_claims"]
    return harm and group.name in ("proportion", "risk_difference", "odds_ratio")


def _at_high_risk(ratings: pd.Series) -> pd.Series:
    return ratings.map(_bias()["steps"]).fillna(0) >= WORST


def _attrition(group: StudyGroup, found: PooledChecks) -> Domain:
    name, least = "attrition", settings()["attrition"]["lost"]
    rows = group.rows
    analysed = rows["n_analysed"].astype(float)
    # of one group all people of the study should stand behind its figure
    whole = rows["design"].isin(settings()["one_arm"]) & rows["reference_n"].isna()
    analysed = analysed.mask(whole, np.fmin(analysed, rows["treated_n"].astype(float)))
    enrolled = rows["n_enrolled"].astype(float)
    share = (enrolled - analysed) / enrolled
    lost = (share >= least) | _at_high_risk(rows["rob_d3_missing"])
    people, known = _people(group, lost), int(share.notna().sum())
    why = note("no_people_lost", least=100 * least)
    if lost.any():
        labels = map(_lost_in_study, rows.loc[lost, "label"], share[lost])
        why = note("people_lost", people=people, least=100 * least, lost=tuple(labels))
    said = note("several", said=(why, note("losses_known", known=known, studies=group.studies)))
    lowered = _many(people)
    return Domain(name=name, steps=-lowered, why=said, leaves_open=why if lowered else None)


def _lost_in_study(label: str, share: float) -> Note:
    if math.isnan(share):
        return as_given(label)
    return note("lost_in_study", label=label, percent=100 * share)


def _reporting(group: StudyGroup, found: PooledChecks) -> Domain:
    if _harm_in_short(group):
        return _domain(_REPORTING, note("results_of_harm"), lowered=False)
    chosen = _people(group, _at_high_risk(group.rows["rob_d5_reported_result"]))
    if _many(chosen):
        return _domain(_REPORTING, note("results_chosen", people=chosen), lowered=True)
    registered = int(group.rows["rob_registration"].notna().sum())
    why = note("results_perhaps_chosen", registered=registered, studies=group.studies)
    return _domain(_REPORTING, why, lowered=False)


def _inconsistency(group: StudyGroup, found: PooledChecks) -> Domain:
    if len(group.rows) == 1:
        return _domain("inconsistency", note("agreement_of_one"), lowered=False)
    line = checks.line(group)
    across = found.prediction_low <= line <= found.prediction_high
    steps, why = _by_intervals(group) if math.isnan(found.i2) else _by_i2(found, across=across)
    null = group.measure.rule in checks.AGAINST_NULL
    further = note("further_study_no_effect" if null else "further_study_beyond")
    return Domain(
        name="inconsistency",
        steps=min(steps, -(across and not _holds(found, line))),
        why=note("several", said=(why, *_prediction(group, found), _sides(group))),
        leaves_open=further if across else why if steps else None,
    )


def _by_i2(found: PooledChecks, *, across: bool) -> tuple[int, Note]:
    considerable = found.i2 >= settings()["i2_considerable"]
    substantial = found.i2 >= settings()["i2_substantial"]
    why = note("agreement_i2", **{x: getattr(found, x) for x in ("i2", "i2_low", "i2_high")})
    return -WORST if considerable and across else -substantial, why


def _by_intervals(group: StudyGroup) -> tuple[int, Note]:
    """Judge studies without I² by their own intervals, and their sides where these are apart."""
    alone = [pool_group(g).estimate for g in single(group)]
    apart = max(x.ci_low for x in alone) > min(x.ci_high for x in alone)
    towards = [checks.favours(group, x.value) for x in alone]
    steps = -apart * (1 + (any(towards) and not all(towards)))
    return steps, note("intervals_apart" if apart else "intervals_overlap")


def _prediction(group: StudyGroup, found: PooledChecks) -> tuple[Note, ...]:
    ends = {"low": found.prediction_low, "high": found.prediction_high}
    if any(map(math.isnan, ends.values())):
        return ()
    digits = fmt.decimals_for(*ends.values())
    return (note("agreement_prediction", **ends, digits=digits, unit=group.measure.unit),)


def _sides(group: StudyGroup) -> Note:
    sides = sum(checks.favours(group, pool_group(g).estimate.value) for g in single(group))
    line = "no effect" if group.measure.rule in checks.AGAINST_NULL else "the limit"
    return note("agreement_sides", sides=sides, studies=group.studies, line=line)


def _indirectness(group: StudyGroup, found: PooledChecks) -> Domain:
    reasons = _indirect(group)
    said = reasons or (note("indirect_not"),)
    about = settings()["indirect"]["general"].get(group.claim.id)
    conditions = {CONDITIONS[name] for name in group.rows["condition"]}
    if about and len(conditions) == 1:
        said = (*said, note("indirect_one_condition", about=about, condition=conditions.pop()))
    return Domain(
        name="indirectness",
        steps=max(-len(reasons), -WORST),
        why=note("several", said=said),
        leaves_open=note("several", said=reasons) if reasons else None,
    )


def _indirect(group: StudyGroup) -> tuple[Note, ...]:
    """Say in what people, outcome and treatment are not those of the claim."""
    rules, claim = settings()["indirect"], group.claim
    other = _people(group, group.rows["condition"].isin(rules["conditions"][claim.group]))
    surrogate = rules["endpoints"].get(claim.id, {}).get(group.endpoint)
    on_top = group.add_on and claim.group == "improvement"
    found = (
        note("indirect_people", people=other) if _many(other) else None,
        as_given(surrogate) if surrogate else None,
        note("indirect_on_top") if on_top else None,
    )
    return tuple(x for x in found if x)


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


def _publication(
    group: StudyGroup, found: PooledChecks, unseen: int, *, counted_there: bool
) -> Domain:
    if len(group.rows) < settings()["egger_studies"]:
        return _numbers_missing(group, unseen, counted_there=counted_there)
    if found.egger is None:
        return _domain(_PUBLICATION, note("funnel_on_a_line"), lowered=False)
    p = found.egger.p_value
    why = note("funnel_tested", studies=group.studies, p=p)
    differ = p < settings()["egger_p"]
    doubt = note("small_studies_differ", p=p) if differ else None
    return Domain(name=_PUBLICATION, steps=-differ, why=why, leaves_open=doubt)


def _numbers_missing(group: StudyGroup, unseen: int, *, counted_there: bool) -> Domain:
    """Suspect publication bias where as many studies are known without a usable number as with."""
    said = [note("funnel_too_few", least=settings()["egger_studies"])]
    missing = note("numbers_missing", studies=counted(unseen, "study", "studies"))
    many = unseen >= settings()["unseen_share"] * len(group.rows)
    said += [missing] if unseen else []
    said += [note("counted_as_selective")] if many and counted_there else []
    lowered = many and not counted_there
    return Domain(
        name=_PUBLICATION,
        steps=-lowered,
        why=note("several", said=tuple(said)),
        leaves_open=note("publication_suspected", missing=missing) if lowered else None,
    )


def _one_study(group: StudyGroup, found: PooledChecks) -> Domain:
    """Leave a doubt about few studies; GRADE has no such domain: few people are imprecision."""
    name = "single studies"
    if len(group.rows) < settings()["few_studies"]:
        few = note("only_few_studies", studies=group.studies)
        return Domain(name=name, steps=0, why=few, leaves_open=few)
    # one study less than ``FEW`` is never more than partly supported, whichever is left out
    capped = found.found.word == "supported" and len(group.rows) <= FEW
    expected = "partly supported" if capped else found.found.word
    carrying = [x for x in found.left_out if x.word != expected]
    if not carrying:
        return _domain(name, note("no_study_carries"), lowered=False)
    words = sorted({x.word for x in carrying}, key=VERDICTS.index)
    labels = tuple(sorted(x.label for x in carrying))
    why = note("carried_by_studies", labels=labels, verdicts=tuple(words))
    lost = VERDICTS.index(words[-1]) > VERDICTS.index(expected)
    return Domain(name=name, steps=0, why=why, leaves_open=why if lost else None)


def _holds(found: PooledChecks, value: float) -> bool:
    return found.estimate.ci_low < value < found.estimate.ci_high


_RULES: tuple[Callable[[StudyGroup, PooledChecks], Domain], ...] = (
    _design,
    _risk_of_bias,
    _attrition,
    _reporting,
    _inconsistency,
    _indirectness,
    _imprecision,
    _one_study,
)
