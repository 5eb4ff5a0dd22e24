"""What figures show of a cohort, as it may be shown: means of five or more, no small count.

Of a synthetic cohort everything is shown as it is. The texts of counts are filled in here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mnstudy.disclosure.findings import guarded_finding, is_guarded, shown_count
from mnstudy.disclosure.harms import guarded_harms
from mnstudy.disclosure.small_counts import FEW, THRESHOLD, is_small
from mnstudy.disclosure.transitions import guarded_grades
from mnstudy.verdicts.displays.dose import DoseCurve
from mnstudy.verdicts.displays.grades import GradeFlow
from mnstudy.verdicts.displays.harms import Harms
from mnstudy.verdicts.displays.pairs import Pairs
from mnstudy.verdicts.displays.points import PatientGroup, Points
from mnstudy.verdicts.displays.residuals import Residuals
from mnstudy.verdicts.displays.responders import FEWEST, ResponderCurve
from mnstudy.verdicts.displays.trajectories import Trajectories
from mnstudy.verdicts.displays.waiting import STEPS, Waiting, axis_end, still_watched
from mnstudy.verdicts.finding.finding import Finding, Part

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Display = TypeVar("Display")
COARSE = 5.0  # points between two thresholds of a responder curve


def guarded_display(display: Display | None) -> Display | None:
    """Return a display as it may be drawn, with what may be said of its counts.

    Parameters
    ----------
    display : Points, Pairs, Trajectories, GradeFlow, DoseCurve, ResponderCurve, Waiting, Residuals
        or Harms,
        As ``mnstudy.verdicts.displays`` gathers it; None is None.

    Returns
    -------
    the same, or None
        None where nothing of it may be shown.

    Notes
    -----
    Of a real cohort a dot or a line is the mean of five neighbouring patients or more, a band runs
    between such means, thresholds and steps that would set one to four patients apart are left
    out, and counts of one to four stand as ``<5``, with what would give them away.

    Examples
    --------
    >>> import mnstudy as mn
    >>> from mnstudy.verdicts.displays.pairs import pairs
    >>> cohort = mn.load("demo_split_face")
    >>> found = pairs(cohort, mn.evaluate(cohort, claims="topical-adjunct")[0])
    >>> guarded_display(found).n_pairs
    '40'
    """
    return None if display is None else _GUARDS[type(display)](display)


def _guarded_points(points: Points) -> Points:
    finding, several = points.finding, len(points.arms) > 1
    kind = "level" if finding.claim.analysis == "heterogeneity" else "arm"
    means = tuple(
        Part(kind=kind, label=a.label, value=a.mean, ci_low=a.ci_low, ci_high=a.ci_high,
             n=int(a.size))
        for a in points.arms
    )  # fmt: skip
    shown = guarded_finding(replace(finding, parts=means)).parts if several else means
    return replace(
        points,
        finding=guarded_finding(finding),
        arms=tuple(
            _guarded_group(finding, arm, mean) for arm, mean in zip(points.arms, shown, strict=True)
        ),
        n_patients=_shown(finding, points.n_patients),
        single=not is_guarded(finding),
        in_both=_shown(finding, points.in_both) if points.in_both else "",
    )


def _guarded_group(finding: Finding, group: PatientGroup, mean: Part) -> PatientGroup:
    values, counts = group.values, group.counts
    if is_guarded(finding):
        values, counts = grouped(values)
        counts = at_least(counts)
    return replace(
        group, values=values, counts=counts, mean=mean.value, ci_low=mean.ci_low,
        ci_high=mean.ci_high, size=shown_count(finding, mean.n),
    )  # fmt: skip


def _shown(finding: Finding, n: int | str) -> str:
    return shown_count(finding, int(n))


def _guarded_pairs(pairs: Pairs) -> Pairs:
    """Let a line join the means of five pairs or more, sorted by their difference."""
    finding = pairs.finding
    said: dict[str, Any] = {
        "finding": guarded_finding(finding),
        "n_pairs": _shown(finding, pairs.n_pairs),
        "n_alone": _shown(finding, pairs.n_alone),
        "n_unpaired": _shown(finding, pairs.n_unpaired) if pairs.n_unpaired else "",
    }
    if not is_guarded(finding):
        return replace(pairs, **said)
    if is_small(finding.n_patients - int(pairs.n_pairs)):
        said["n_pairs"] = f">{max(finding.n_patients - THRESHOLD, THRESHOLD - 1):,}"
    if is_small(int(pairs.n_alone)):
        said["n_unpaired"] = FEW
    groups = neighbours(pairs.treated - pairs.reference, pairs.reference)
    ends = np.column_stack([pairs.reference, pairs.treated])
    lines = np.array([ends[group].mean(axis=0) for group in groups]).reshape(-1, 2)
    counts = at_least(np.array([len(group) for group in groups], dtype="int64"))
    said |= {"reference": lines[:, 0], "treated": lines[:, 1], "counts": counts, "single": False}
    return replace(pairs, **said)


def _guarded_trajectories(course: Trajectories) -> Trajectories:
    """Leave the lines out; a band runs from about the lower quartile to about the upper one.

    Its ends are the mean of the five patients about each, so that neither is a patient.
    """
    finding, sessions = course.finding, course.sessions
    if is_guarded(finding):
        values = [_after(course, session) for session in sessions["session"]]
        sessions = sessions.assign(
            quarter_low=[_about(own, 0.25) for own in values],
            quarter_high=[_about(own, 0.75) for own in values],
        )
    return replace(
        course,
        finding=guarded_finding(finding),
        lines=() if is_guarded(finding) else course.lines,
        sessions=sessions.assign(n=[_shown(finding, n) for n in sessions["n"]]),
        n_patients=_shown(finding, course.n_patients),
    )


def _after(course: Trajectories, session: float) -> Floats:
    """Return what the patients had improved after so many sessions, ascending."""
    return np.sort(np.concatenate([ys[xs == session] for xs, ys in course.lines]))


def _about(values: Floats, share: float) -> float:
    """Return the mean of the five sorted values about a quantile; nan below twice as many."""
    if len(values) < 2 * THRESHOLD:
        return math.nan
    middle = round(share * (len(values) - 1))
    start = min(max(middle - THRESHOLD // 2, 0), len(values) - THRESHOLD)
    return float(values[start : start + THRESHOLD].mean())


def _guarded_responders(curve: ResponderCurve) -> ResponderCurve | None:
    """Leave out thresholds with one to four patients beyond them, or between two of them."""
    if curve.synthetic:
        return curve
    reached = curve.shares.pivot(index="threshold", columns="arm", values="responders")
    n = curve.shares.groupby("arm")["n"].first()
    steps = (reached.index.to_numpy("float64") - curve.usual) / COARSE
    grid = reached[np.isclose(steps, np.round(steps))]
    kept = {arm: far_apart(grid[arm], n[arm], curve.usual) for arm in curve.arms}
    sizes = [len(own) for own in kept.values()]
    if max(sizes) < FEWEST or not min(sizes):  # one arm alone would compare with nothing
        return None
    told = [t in kept[arm] for t, arm in curve.shares[["threshold", "arm"]].to_numpy()]
    gaps = curve.differences
    common = gaps["threshold"].isin(set.intersection(*map(set, kept.values())))
    if curve.paired:
        one, other = (reached[arm].to_numpy() for arm in curve.arms)
        both = gaps["both"].to_numpy()
        cells = (both, one - both, other - both, n.iloc[0] - one - other + both)
        common &= ~np.vectorize(is_small)(cells).any(axis=0)
    return replace(
        curve,
        shares=curve.shares[told].reset_index(drop=True),
        differences=gaps[common].reset_index(drop=True),
        coarse=True,
    )


def far_apart(reached: pd.Series, n: int, usual: float) -> list[float]:
    """Keep thresholds with no patient or five and more between them, the usual one first.

    ``reached`` has the patients of ``n`` at or above each threshold, which is its index.
    """
    usable = reached[reached.between(THRESHOLD, n - THRESHOLD)].to_dict()
    kept: list[float] = []
    for t in sorted(usable, key=lambda t: (abs(t - usual), t)):
        if not any(is_small(abs(usable[t] - usable[k])) for k in kept):
            kept.append(float(t))
    return sorted(kept)


def _guarded_waiting(waiting: Waiting) -> Waiting | None:
    """Join steps until each stands for five patients or more."""
    watched, times = waiting.watched, waiting.times
    if waiting.synthetic:
        shown = watched.assign(shown=[f"{n:,}" for n in watched["n"]])
        return replace(waiting, watched=shown, times=times.iloc[:0])
    steps, complete = joined_steps(waiting.steps, times)
    if steps.empty:
        return None
    last = float(steps["right"].max())
    end = axis_end(steps, last, waiting.by)
    return replace(
        waiting,
        steps=steps,
        never=waiting.never if complete else math.nan,
        end=end,
        last=last,
        watched=_guarded_watched(still_watched(times, end)),
        times=times.iloc[:0],
        coarse=True,
    )


def joined_steps(steps: pd.DataFrame, times: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Return steps of five patients or more, and whether all steps are in one of them.

    A step is closed only at a whole week or day in which five patients or more were seen, where as
    many have their response seen within it, and as many, or none, after it.
    """
    rows: list[tuple[float, ...]] = []
    first: Any = None
    closed = -math.inf
    following = steps["left"].shift(-1, fill_value=math.inf)
    for step, then in zip(steps.itertuples(index=False), following, strict=True):
        first, end = first or step, float(math.ceil(step.right))
        if then < end or _sets_apart(times, closed, end):
            continue
        rows.append((max(math.floor(first.left), closed, 0.0), end, first.before, step.after))
        first, closed = None, end
    return pd.DataFrame(rows, columns=list(STEPS)), first is None


def _sets_apart(times: pd.DataFrame, start: float, end: float) -> bool:
    """Tell whether a step from start to end would show fewer than five patients."""
    left, right = times["left"], times["right"]
    inside = right.between(start, end, inclusive="right")
    seen = right.between(end - 1, end, inclusive="right")
    seen |= left.between(end - 1, end, inclusive="right")
    within, after, then = (
        int(times.loc[x, "patient_id"].nunique()) for x in (inside, right > end, seen)
    )
    return min(within, then) < THRESHOLD or is_small(after)


def _guarded_watched(watched: pd.DataFrame) -> pd.DataFrame:
    """Leave a count blank where it would set one to four patients apart."""
    rows: list[tuple[float, float, str]] = []
    last = math.inf
    for time, n in watched.itertuples(index=False):
        if is_small(n):
            rows.append((time, math.nan, FEW))
        elif is_small(last - n):
            rows.append((time, math.nan, ""))
        else:
            rows.append((time, float(n), f"{n:,}"))
            last = n
    return pd.DataFrame(rows, columns=["time", "n", "shown"])


def _guarded_residuals(shown: Residuals) -> Residuals:
    """Let a dot be the mean of five patients or more, and leave out what each patient adds.

    In an arm the dots of every panel are sorted by residual, fitted values first where they differ,
    as those of ``Points`` are: two ways to share out the same patients would tell of one.
    """
    if not is_guarded(shown.finding):
        return shown
    means = []
    for (panel, arm), dots in shown.dots.groupby(["panel", "arm"], sort=False):
        own = dots.groupby("patient")[["x", "y"]].mean()
        groups = neighbours(own["x" if panel == "fitted" else "y"], own["y"])
        means += [{"panel": panel, "arm": arm, **own.iloc[x].mean()} for x in groups]
    dots = pd.DataFrame(means, columns=[*shown.dots]).query("panel != 'influence'")
    return replace(shown, finding=guarded_finding(shown.finding), dots=dots)


def grouped(values: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    """Return the means of five or more neighbouring values.

    Parameters
    ----------
    values : array of shape (n,)
        One value a patient, in any unit.

    Returns
    -------
    means : array of shape (k,)
        In ascending order.
    counts : array of shape (k,)
        Patients behind each mean; never below five.

    Notes
    -----
    Missing values are left out. Sorted by value, n known values make n // 5 groups whose sizes
    differ by one at most: nothing rests on fewer than five people, and nobody is left out. Fewer
    than five known values give nothing. The mean of all is kept. Univariate microaggregation of
    sorted values: Domingo-Ferrer & Mateo-Sanz (2002), doi 10.1109/69.979982.

    Examples
    --------
    >>> grouped([9, 1, 2, 8, 3, 7, 4, 6, 5, 10, float("nan")])
    (array([3., 8.]), array([5, 5]))
    >>> grouped([2.0, 1.0])[0]
    array([], dtype=float64)
    """
    known = np.asarray(values, dtype="float64")
    known = np.sort(known[~np.isnan(known)])
    groups = neighbours(known)
    means = np.array([known[g].mean() for g in groups], dtype="float64")
    return means, np.array([len(g) for g in groups], dtype="int64")


def at_least(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many patients at least are behind each mean: exact sizes would add up to totals.

    Examples
    --------
    >>> at_least(np.array([6, 5]))
    array([5, 5])
    """
    return np.minimum(counts, THRESHOLD)


def neighbours(*keys: ArrayLike) -> Sequence[Places]:
    """Return the places of the members of each group, groups in the order of the keys.

    Parameters
    ----------
    *keys : array of shape (n,)
        Numbers to sort by, the most important first; without missing values.

    Returns
    -------
    sequence of arrays of int
        Groups of five or more, empty where there are fewer than five.

    Examples
    --------
    >>> [sorted(group.tolist()) for group in neighbours([9, 1, 2, 8, 3, 7, 4, 6, 5, 10])]
    [[1, 2, 4, 6, 8], [0, 3, 5, 7, 9]]
    """
    columns = [np.asarray(key, dtype="float64") for key in keys]
    order = np.lexsort(columns[::-1])
    pieces = len(order) // THRESHOLD
    return np.array_split(order, pieces) if pieces else []


_GUARDS: Mapping[type, Callable[[Any], Any]] = {
    Points: _guarded_points,
    Pairs: _guarded_pairs,
    Trajectories: _guarded_trajectories,
    GradeFlow: guarded_grades,
    DoseCurve: lambda curve: curve,  # its means rest on five patients or more in any cohort
    ResponderCurve: _guarded_responders,
    Waiting: _guarded_waiting,
    Residuals: _guarded_residuals,
    Harms: guarded_harms,
}
