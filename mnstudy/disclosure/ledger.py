"""The ledger: every number of a release passes it once and leaves as a text, or does not leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.disclosure.groups import Group, Groups, History, Released, Where
from mnstudy.disclosure.rules import Rules
from mnstudy.stats.counts.proportions import exact_limits

WITHHELD, BY_ROUNDING = "not released", "not released (rounding)"
NOWHERE: Where = ("", "")
APART = 5  # that the counts behind one mark must still lie apart
P_BANDS = ((0.001, "<0.001"), (0.01, "<0.01"), (0.05, "<0.05"), (math.inf, ">=0.05"))
# What withholds an output; the numbers are those of RULES on the page of every release.
FEW, FEW_DF, NO_RANGE, DOMINATED, SETS, BEFORE, ROUNDED, NUMBERS, NOT_LINEAR, TOO_PLAIN = (
    "fewer patients than the threshold",
    "too few residual degrees of freedom",
    "no declared range, or values outside it",
    "one or two patients make up most of it",
    "differs by a few patients from another group released",
    "differs by a few patients from an earlier release",
    "not every value that rounds to the same gives this verdict",
    "its text holds numbers",
    "no rule for a number of this kind",
    "with the other counts of the table it leaves too few possibilities",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A mean, a difference or a slope: a sum of patients' values, each with its weight.

    Attributes
    ----------
    value, low, high : float
        Estimate and interval.
    patients : int
        In the smaller arm.
    df : float
        Residual degrees of freedom.
    width : float
        Of the declared range of one value; nan where none is declared or a value lies outside.
    weight : float
        The largest of the patients' weights: how far one value moves the estimate.
    unit : str
        As it is written behind.
    """

    value: float
    low: float
    high: float
    patients: int
    df: float
    width: float
    weight: float = 0.0
    unit: str = ""

    @property
    def step(self) -> float:
        """The grid: no finer than what one patient's value can move, a round number."""
        return round_step(self.width * max(1 / self.patients, self.weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many of the patients of a group had an event, and who; the level is of the limits."""

    events: int
    n: int
    level: float
    had: Group = frozenset()


Shared = tuple[tuple[frozenset[str], Group], Rate]  # events and the patients at risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One output: what leaves, under which rule, and what stays at home."""

    output: str
    text: str
    rule: str
    exact: str
    size: int
    numbers: tuple[float, ...] = ()

    @property
    def withheld(self) -> bool:
        """Tell whether nothing of it leaves."""
        return bool(self.rule)


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The outputs of one release.

    Parameters
    ----------
    rules : Rules
    history : History
        Earlier releases of the same sheet: no group may differ from one of theirs by a few.
    """

    rules: Rules
    history: History
    entries: dict[str, Entry] = field(default_factory=dict)
    released: list[Released] = field(default_factory=list)
    counts: dict[str, Group] = field(default_factory=dict)  # groups whose rounded size leaves
    _groups: Groups = field(init=False)
    _rates: dict[str, list[Shared]] = field(default_factory=dict)  # by week
    _past: Groups = field(init=False)

    def __post_init__(self) -> None:
        self._groups, self._past = (Groups(self.rules.threshold) for _ in range(2))
        for group in self.history.groups:
            self._past.hold(group.where, frozenset(group.patients))

    def hidden(self, ids: Iterable[object]) -> Group:
        """Return patients as the ledger knows them."""
        return self.history.hidden(ids)

    def release(
        self, key: str, value: object, patients: Group, kind: str, *, where: Where = NOWHERE
    ) -> str:
        """Let one number leave.

        Parameters
        ----------
        key : str
            Names the output; one key has one text.
        value : int, pair of int, Linear, Rate, array or float
            A count of patients; of patients and their whole; a mean, difference or slope; a rate;
            values for quartiles or of a total; a p-value.
        patients : frozenset of str
            Whose data it rests on, see ``hidden``.
        kind : {"count", "part", "mean", "rate", "quartiles", "total", "p"}
        where : (column, week)
            What was measured when: groups are compared within it. Counts are compared with the
            same output of earlier releases only.

        Returns
        -------
        str
            What may be printed.

        Raises
        ------
        ValueError
            The key was released before, with another text.
        """
        rule = self.refused(key, patients, kind, where)
        if isinstance(value, Rate):
            had, held = (f"{key} had", ""), self._rates.setdefault(where[1], [])
            shared = (_events(where[0]), patients), value
            if not rule and self._past.tells(had, value.had):
                rule = BEFORE
            elif not rule and where != NOWHERE and _parts_tell(self.rules, held, shared):
                rule = TOO_PLAIN
        text, broken, numbers = (WITHHELD, rule, ()) if rule else _KINDS[kind](self.rules, value)
        entry = Entry(
            output=key, text=text, rule=broken, exact=_exact(value), size=len(patients),
            numbers=numbers,
        )  # fmt: skip
        if self.entries.setdefault(key, entry) != entry:
            raise ValueError(f"{key} is released twice, with two texts")
        if not broken and kind != "p":
            if where != NOWHERE:
                self._groups.hold(where, patients)
                self._past.hold(where, patients)  # old and new groups together tell no more
            if kind in ("count", "rate"):
                self.counts[key] = patients
            self._remember(key, where if where != NOWHERE else (key, ""), patients)
            if isinstance(value, Rate):
                held.append(shared)
                self._remember(had[0], had, value.had)
        return text

    def _remember(self, key: str, where: Where, patients: Group) -> None:
        (column, week), some = where, tuple(sorted(patients))
        self.released.append(
            Released(release="", output=key, column=column, week=week, patients=some)
        )

    def refused(self, key: str, patients: Group, kind: str, where: Where) -> str:
        """Name the rule by which nothing of these patients may leave here; empty where it may."""
        if kind == "p":
            return ""
        if kind not in ("count", "part") and len(patients) < self.rules.threshold:
            return FEW
        if where == NOWHERE:
            return BEFORE if self._past.tells((key, ""), patients) else ""
        if self._groups.tells(where, patients):
            return SETS
        return BEFORE if self._past.tells(where, patients) else ""

    def verdict(self, key: str, word: str, compatible: Iterable[str], *, rule: str = "") -> str:
        """Let a verdict leave where every value that the texts leave open gives the same one.

        ``rule`` is that by which the estimate was withheld: its verdict is withheld with it.
        """
        same = not rule and {word, *compatible} == {word}
        broken = rule or ("" if same else ROUNDED)
        text = word if not broken else WITHHELD if rule else BY_ROUNDING
        self.entries[key] = Entry(output=key, text=text, rule=broken, exact=word, size=0)
        return text

    def outermost(self, key: str, ends: tuple[float, float], exact: str) -> str:
        """Let the outermost limits over all counts of two released shares leave."""
        text = f"{fmt.number(ends[0], 1)} to {fmt.number(ends[1], 1)}"
        self.entries[key] = Entry(output=key, text=text, rule="", exact=exact, size=0, numbers=ends)
        return text

    def withhold(self, key: str, rule: str, *, exact: str = "", size: int = 0) -> str:
        """Keep an output back that has no rule to leave by, or by a rule beyond the ledger."""
        self.entries[key] = Entry(output=key, text=WITHHELD, rule=rule, exact=exact, size=size)
        return WITHHELD

    def recall(self, keys: Sequence[str], rule: str) -> None:
        """Take back texts that would tell too much side by side."""
        for key in keys:
            old = self.entries[key]
            self.counts.pop(key, None)
            self.withhold(key, rule, exact=old.exact, size=old.size)
        gone = {*keys, *(f"{key} had" for key in keys)}
        self.released[:] = [g for g in self.released if g.output not in gone]

    def text(self, key: str) -> str:
        """Return what was released under a key."""
        return self.entries[key].text

    def decisions(self) -> pd.DataFrame:
        """Return what was decided, as it may leave: output, decision, rule; no sizes."""
        rows = [
            (e.output, "withheld" if e.withheld else "rounded", e.rule) for e in self._ordered()
        ]
        return pd.DataFrame(rows, columns=["output", "decision", "rule"])

    def internal(self) -> pd.DataFrame:
        """Return what was decided with the exact values: stays at home."""
        rows = [(e.output, e.text, e.exact, e.size, e.rule) for e in self._ordered()]
        return pd.DataFrame(rows, columns=["output", "text", "exact", "patients", "rule"])

    def _ordered(self) -> list[Entry]:
        return [self.entries[k] for k in sorted(self.entries)]


def _events(column: str) -> frozenset[str]:
    """Return the events that a column of several stands for."""
    return frozenset(column.split("+"))


def round_step(width: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is no finer than this.

    >>> round_step(200 / 24), round_step(10 / 40), round_step(0.2)
    (10.0, 0.5, 0.2)
    """
    power = 10.0 ** math.floor(math.log10(width))
    return next(s * power for s in (1.0, 2.0, 5.0, 10.0) if s * power >= width * (1 - 1e-12))


def on_grid(value: float, step: float) -> float:
    """Return the nearest multiple of a step, halves upwards: two values a step apart stay so."""
    return round(step * math.floor(value / step + 0.5), 12)


def written(value: float, step: float) -> str:
    """Write a number on a grid with the decimals of the grid."""
    return fmt.number(value, max(0, -math.floor(math.log10(step) + 1e-9)))


Left = tuple[str, str, tuple[float, ...]]  # the text, the rule it breaks, its numbers


def _count(rules: Rules, n: int) -> Left:
    return rules.count(n), "", ()


def _part(rules: Rules, part: tuple[int, int]) -> Left:
    """Write a count of a whole: where all but a few are in it no number, else its share."""
    n, of = part
    if n < rules.threshold:
        return rules.few, "", ()
    if rules.all_but(n, of):
        return f"all but {rules.few}", "", ()
    share = round(100 * rules.rounded(n) / rules.rounded(of))
    return f"{rules.count(n)} ({min(share, 100)}{fmt.NBSP}%)", "", ()


def _mean(rules: Rules, mean: Linear) -> Left:
    if mean.patients < rules.threshold:
        return WITHHELD, FEW, ()
    if not mean.df >= rules.residual_df:  # nor where it is not known
        return WITHHELD, FEW_DF, ()
    ends = (mean.value, mean.low, mean.high)
    if not math.isfinite(mean.width) or not math.isfinite(mean.value):
        return WITHHELD, NO_RANGE, ()
    value, low, high = (on_grid(x, mean.step) if math.isfinite(x) else x for x in ends)
    shown = written(value, mean.step)
    if math.isfinite(low) and math.isfinite(high):
        shown = f"{shown} ({written(low, mean.step)} to {written(high, mean.step)})"
    text = f"{shown} {mean.unit}, to the nearest {mean.step:g}"
    return text, "", (value, low, high, mean.step)


def tables_of(rules: Rules, rate: Rate) -> list[tuple[int, int]]:
    """Return every (events, patients) that would be printed as this rate."""
    e, n = rate.events, rate.n
    if rules.all_but(e, n):
        few = product(rules.compatible(n), range(rules.threshold))
        return [(m - k, m) for m, k in few if m - k >= rules.threshold]
    pairs = product(rules.compatible(e), rules.compatible(n))
    return [(k, m) for k, m in pairs if e < rules.threshold or m - k >= rules.threshold]


@cache
def _outermost(tables: tuple[tuple[int, int], ...], level: float) -> tuple[float, float]:
    """Return the outermost exact limits over counts, in percent."""
    ends = [exact_limits(k, m, (1 - level) / 2) for k, m in tables]
    return 100 * min(low for low, _ in ends), 100 * max(high for _, high in ends)


def _parts_tell(rules: Rules, held: Sequence[Shared], new: Shared) -> bool:
    """Tell whether a small count of a rate would be plain from the rates of its parts or whole.

    Parts of a rate are those of single events of it, or of groups that make up its patients.
    """
    every = [*(x for x in held if x[0] != new[0]), new]
    for (whole, rate), place in product(every, (0, 1)):
        same = [
            x for x in every if x[0][1 - place] == whole[1 - place] and x[0][place] < whole[place]
        ]
        for parts in (x for n in range(2, 6) for x in combinations(same, n)):
            sets = [x[0][place] for x in parts]
            one = frozenset[str]().union(*sets)
            if one != whole[place] or (place and sum(map(len, sets)) > len(one)):
                continue
            asked = new[0] in (whole, *(x[0] for x in parts))
            if asked and _plain(rules, rate, [x[1] for x in parts], exact=bool(place)):
                return True
    return False


def _plain(rules: Rules, whole: Rate, parts: Sequence[Rate], *, exact: bool) -> bool:
    """Tell whether a small part can be too few things; ``exact``: the parts add up to the whole."""
    for without in (False, True) if exact else (False,):
        ends = []
        for rate in (whole, *parts):
            counts = [m - k if without else k for k, m in tables_of(rules, rate)]
            ends.append((min(counts, default=0), max(counts, default=rate.n)))
        (least, most), *some = ends
        for low, high in some:
            if low == 0 and high < rules.threshold:
                low = max(0, least - sum(x[1] for x in some) + high)
                if exact:
                    high = min(high, most - sum(x[0] for x in some))
                if high - low < APART:
                    return True
    return False


def _rate(rules: Rules, rate: Rate) -> Left:
    """Write events of patients with the outermost limits over all counts it may stand for."""
    e, n = rate.events, rate.n
    if rules.compatible(n)[-1] < 2 * rules.threshold:  # else that it leaves tells of the events
        return WITHHELD, FEW, ()
    few_without = rules.all_but(e, n)
    said = f"all but {rules.few}" if few_without else rules.count(e)
    low, high = _outermost(tuple(tables_of(rules, rate)), rate.level)
    exact = e >= rules.threshold and not few_without
    value = 100 * rules.rounded(e) / rules.rounded(n) if exact else math.nan
    share = f"{fmt.number(min(value, 100), 0)}{fmt.NBSP}%, " if exact else ""
    limits = f"{fmt.number(low, 1)} to {fmt.number(high, 1)}{fmt.NBSP}%"
    return f"{said} of {rules.count(n)} ({share}{limits})", "", (value, low, high)


def _quartiles(rules: Rules, values: tuple[np.ndarray, float]) -> Left:
    known, width = values
    if len(known) < rules.quartiles_from:
        return WITHHELD, FEW, ()
    if not math.isfinite(width):
        return WITHHELD, NO_RANGE, ()
    step = round_step(width / len(known))
    q1, middle, q3 = (on_grid(float(np.quantile(known, q)), step) for q in (0.25, 0.5, 0.75))
    text = f"{written(middle, step)} ({written(q1, step)} to {written(q3, step)})"
    return text, "", (middle, q1, q3, step)


def _total(rules: Rules, values: np.ndarray) -> Left:
    """Write a total where no one or two patients make up most of it, rounded like counts."""
    ordered = np.sort(np.abs(values))[::-1]
    total, rest = ordered.sum(), ordered[2:].sum()
    dominated = ordered[:2].sum() > rules.dominance_share * total
    if not total or dominated or rest < rules.dominance_rest * ordered[0]:
        return WITHHELD, DOMINATED, ()
    step = round_step(max(rules.rounding, float(ordered[0])))
    return written(on_grid(float(values.sum()), step), step), "", ()


def _p(rules: Rules, p: float) -> Left:
    if math.isnan(p):
        return "", "", ()
    return next(word for end, word in P_BANDS if p < end), "", ()


_KINDS: dict[str, Callable[[Rules, Any], Left]] = {
    "count": _count, "part": _part, "mean": _mean, "rate": _rate, "quartiles": _quartiles,
    "total": _total, "p": _p,
}  # fmt: skip


def _exact(value: object) -> str:
    if isinstance(value, Linear):
        return f"{value.value:.10g} ({value.low:.10g} to {value.high:.10g})"
    if isinstance(value, Rate):
        return f"{value.events} of {value.n}"
    if isinstance(value, np.ndarray):
        return f"{value.sum():.10g}"
    if isinstance(value, tuple) and isinstance(value[0], int):
        return f"{value[0]} of {value[1]}"
    if isinstance(value, tuple):
        known = value[0]
        found = np.quantile(known, (0.25, 0.5, 0.75)) if len(known) else ()
        return " ".join(f"{x:.10g}" for x in found)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
