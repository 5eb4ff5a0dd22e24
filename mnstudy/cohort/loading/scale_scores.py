"""Raw scores on a scale to the contract's improvement, by the rule that the registry states."""

from __future__ import annotations

import pandas as pd

from mnstudy.cohort.scales import CLASSES, GRADES, NONE, PERCENT, Scale, nearest, registry, scale_of
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import Line, Problem, row_problems
from mnstudy.cohort.study.reading import IMPROVEMENT as IMPROVEMENT_FROM
from mnstudy.cohort.table import is_baseline
from mnstudy.words.notes import Count, Note, note

IMPROVEMENT = ("improvement_score", "improvement_low", "improvement_high")
FEWEST, APART = 3, 0.1  # assessments, and their share, that show two measures of improvement
_NEEDED = frozenset({"scale", "scale_score", "patient_id", "site_id", "session_count"})
# a typed and a derived value may differ by rounding; one point of improvement is more than that
_TOLERANCE = {PERCENT: 1.0, CLASSES: 1.0, GRADES: 0.0}
# what the later scores on one scale give: values by column, and why so many give none
Derived = tuple[pd.DataFrame, list[Note]]


def out_of_range(data: pd.DataFrame) -> list[Problem]:
    """Return a problem for every raw score that its scale cannot give."""
    if not {"scale", "scale_score"} <= set(data.columns):
        return []
    score, problems = data["scale_score"], []
    remedy = (
        "check the entry; another version of the scale needs another name in the column scale "
        "(mn.scales() lists the known ones)"
    )
    for scale, rows in _by_scale(data):
        doubt = "" if scale.status == "seen" else ", a range that was not verified"
        bad = rows & ~score.between(scale.low, scale.high)
        problems += row_problems(score, bad, f"{scale.range} on {scale.name}{doubt}", remedy)
    return problems


def derive(data: pd.DataFrame, counts: str = "") -> tuple[pd.DataFrame, list[Note]]:
    """Fill the improvement of later assessments from their raw scores.

    Parameters
    ----------
    data : DataFrame
        A typed table of the contract.
    counts : str
        Which improvement counts where one was typed and another follows: ``as typed`` (nothing is
        filled), ``from the scale`` (nothing typed is used); both, the typed first, when empty.

    Returns
    -------
    data : DataFrame
        The same rows. ``improvement_score`` (for classes also ``improvement_low`` and
        ``improvement_high``; for grades ``grade_change``) is filled where nothing was typed; the
        table itself where it has no raw scores.
    notes : list of Note
        For every scale the rule, how many assessments it filled, how many it could not and why;
        counts only.

    Notes
    -----
    A typed improvement, be it a score or an interval, is never changed. Nothing is derived
    without a baseline score of the same site on the same scale, from a baseline that is already
    the best score (a percentage of nothing). A worsening by more than 100 percent is a result as
    any other. Percentages are rounded to 9 digits, so that one of exactly a threshold reaches it.
    Baseline rows stay as they are.
    """
    if not set(data.columns) >= _NEEDED:
        return data, []
    found = _derived(data)
    if counts == IMPROVEMENT_FROM[1]:
        targets = {name for _, (values, _) in found for name in _typed(data, values)}
        later = ~is_baseline(data)
        data = data.assign(**{c: data[c].mask(later) for c in data if c in targets})
    notes = [
        note(
            "scale_kept",
            scale=scale.name,
            assessments=_assessments(int(rows.sum())),
            reason=scale.reason,
        )
        for scale, rows in _by_scale(data)
        if scale.rule == NONE
    ]
    data = data.copy()
    for scale, (values, reasons) in found:
        if counts == IMPROVEMENT_FROM[0]:
            values = values.where(_typed(data, values).notna().any(axis=1))
        data, filled, unlike = _fill(data, values, _TOLERANCE[scale.rule])
        notes.append(_note(scale, filled, unlike, reasons))
    return data, [*notes, *_unknown(data)]


def _derived(data: pd.DataFrame) -> list[tuple[Scale, Derived]]:
    """Return what follows from the later scores on each scale that has a rule."""
    found = []
    for scale, rows in _by_scale(data):
        possible = rows & data["scale_score"].between(scale.low, scale.high)
        later = possible & ~is_baseline(data)
        if scale.rule != NONE and later.any():
            found.append((scale, _derive(data, scale, possible, later)))
    return found


def two_measures(data: pd.DataFrame) -> list[Problem]:
    """Ask which improvement counts, where one was typed and another follows from raw scores.

    Parameters
    ----------
    data : DataFrame
        A typed table of the contract.

    Returns
    -------
    list of Problem
        One where more than ``APART`` of the assessments that have both differ by more than
        rounding.
    """
    if not set(data.columns) >= _NEEDED:
        return []
    for scale, (values, _) in _derived(data):
        if scale.rule == GRADES:  # a grade is no improvement in percent
            continue
        typed = _typed(data, values)
        both = typed.notna().any(axis=1) & values.notna().any(axis=1)
        unlike = int((_differ(typed, values, _TOLERANCE[scale.rule]) & both).sum())
        if unlike >= FEWEST and unlike > APART * both.sum():
            rule = f"one improvement: {unlike} of {both.sum()} are another by {scale.name}"
            remedy = "say whether that of the sheet counts, or that which follows from the scale"
            paste = (Line("", "improvement", IMPROVEMENT_FROM[0], otherwise=IMPROVEMENT_FROM[1]),)
            name = "improvement_score"
            return [Problem(column=name, rule=rule, remedy=remedy, paste=paste)]
    return []


def _typed(data: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    targets = ("grade_change",) if "grade_change" in values else IMPROVEMENT
    return data.reindex(columns=list(targets)).astype("float64")


def percent_of_baseline(before: pd.Series, after: pd.Series, best: float) -> pd.Series:
    """Return 100 (before - after) / (before - best); missing where before is the best score."""
    room = before - best
    return 100 * (before - after) / room.where(room != 0)


def _by_scale(data: pd.DataFrame) -> list[tuple[Scale, pd.Series]]:
    """Pair every known scale of the table with the rows that hold a score on it."""
    words = data["scale"].dropna().unique()
    names = {word: scale.name for word in words if (scale := scale_of(word))}
    name = data["scale"].map(names).where(data["scale_score"].notna())
    return [(s, name.eq(s.name)) for s in registry().values() if name.eq(s.name).any()]


def _derive(data: pd.DataFrame, scale: Scale, rows: pd.Series, later: pd.Series) -> Derived:
    score = data["scale_score"]
    if scale.rule == CLASSES:
        return _classes(scale, score.where(later), later)
    before, several = _baseline(data, rows)
    no_start = later & before.isna() & ~several
    start_elsewhere = no_start & _has_baseline(data)
    reasons = [
        _lost("without_baseline_score", no_start & ~start_elsewhere),
        _lost("baseline_on_another_scale", start_elsewhere),
        _lost("baselines_that_differ", later & several),
    ]
    if scale.rule == GRADES:
        change = before - score if scale.better == "lower" else score - before
        spec = columns()["grade_change"]
    else:
        change = percent_of_baseline(before, score, scale.best).round(9)
        spec = columns()["improvement_score"]
        reasons.append(_lost("best_at_baseline", later & before.eq(scale.best)))
    outside = later & change.notna() & ~change.between(spec.low, spec.high)
    reasons.append(_lost("worse_than_limit", outside, low=f"{spec.low:g}", unit=spec.unit))
    return change.where(later & ~outside).to_frame(spec.name), reasons


def _lost(kind: str, rows: pd.Series, **said: str) -> Note:
    return note(kind, n=Count(n=int(rows.sum())), **said)


def _classes(scale: Scale, score: pd.Series, later: pd.Series) -> Derived:
    ends = {scale.low + i: pair for i, pair in enumerate(scale.classes)}
    low, high = (score.map({k: pair[i] for k, pair in ends.items()}) for i in (0, 1))
    middles = dict(zip(IMPROVEMENT, ((low + high) / 2, low, high), strict=True))
    reasons = [_lost("between_classes", later & low.isna())]
    return pd.DataFrame(middles).astype("float64"), reasons


def _baseline(data: pd.DataFrame, rows: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the baseline score of each row's site, and where there are several that differ."""
    start = data["scale_score"].where(rows & is_baseline(data))
    site = start.groupby([data["patient_id"], data["site_id"]], dropna=False)
    low, high = site.transform("min"), site.transform("max")
    return low.where(low == high), low < high


def _has_baseline(data: pd.DataFrame) -> pd.Series:
    start = is_baseline(data) & data["scale_score"].notna()
    return start.groupby([data["patient_id"], data["site_id"]], dropna=False).transform("any")


def _fill(
    data: pd.DataFrame, values: pd.DataFrame, tolerance: float
) -> tuple[pd.DataFrame, int, int]:
    """Put derived values where nothing was typed; count them and the typed ones that differ."""
    typed = _typed(data, values)
    known = values.notna().any(axis=1)
    entered = typed.notna().any(axis=1)
    filled = known & ~entered
    for name in values if filled.any() else ():
        data[name] = typed[name].where(~filled, values[name])
    return data, int(filled.sum()), int((_differ(typed, values, tolerance) & entered).sum())


def _differ(typed: pd.DataFrame, values: pd.DataFrame, tolerance: float) -> pd.Series:
    """Tell where typed and derived improvement are further apart than the tolerance."""
    (low, high), (other_low, other_high) = _ends(typed), _ends(values)
    return (low > other_high + tolerance) | (high < other_low - tolerance)


def _ends(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return lower and upper end of an improvement; both are the score where there is one only."""
    point = frame.iloc[:, 0]
    if "improvement_low" not in frame:
        return point, point
    low, high = frame["improvement_low"], frame["improvement_high"]
    return low.where(low.notna(), point), high.where(high.notna(), point)


def _formula(scale: Scale) -> Note:
    if scale.rule == CLASSES:
        return note("formula_class")
    if scale.rule == GRADES:
        return note("formula_grades")
    return note("formula_percent", best=scale.best)


def _note(scale: Scale, filled: int, unlike: int, reasons: list[Note]) -> Note:
    formula, n = _formula(scale), _assessments(filled)
    parts = [note("scale_filled", scale=scale.name, formula=formula, assessments=n)]
    whys = tuple(why for why in reasons if why["n"].n)
    if whys:
        lost = _assessments(sum(why["n"].n for why in whys))
        parts.append(note("not_converted", assessments=lost, reasons=whys))
    if unlike:
        kind = "typed_differs" if scale.rule == GRADES else "typed_differs_by_points"
        parts.append(note(kind, assessments=_assessments(unlike)))
    if scale.status != "seen":
        parts.append(note("scale_not_verified"))
    return note("scale_converted", parts=tuple(parts))


def _unknown(data: pd.DataFrame) -> list[Note]:
    """Say how many scores are on no known scale; the words of the sheet are not repeated."""
    scored = data[data["scale_score"].notna()]
    unknown = scored["scale"].dropna()
    unknown = unknown[[scale_of(word) is None for word in unknown]]
    notes = []
    if nameless := int(scored["scale"].isna().sum()):
        notes.append(note("score_without_scale", assessments=_assessments(nameless)))
    if len(unknown):
        near = tuple(nearest(unknown))
        hint = note("scale_names_near", names=near) if near else note("no_scale_name_near")
        notes.append(note("scale_unknown", assessments=_assessments(len(unknown)), hint=hint))
    return notes


def _assessments(n: int) -> Count:
    return Count(n=n, noun="assessment")
