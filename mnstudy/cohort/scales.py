"""The registry of scales behind ``scale_score``, read from ``scales.toml``."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from mnstudy.cohort.table import UNIT, is_baseline
from mnstudy.packaged import packaged

PERCENT, GRADES, CLASSES, NONE = "percent of baseline", "grade change", "classes", "none"
NO_MID = "none known"
COLUMNS = [
    "name", "aliases", "low", "high", "best", "better", "type", "items", "mid", "mid_population",
    "mid_source", "rule", "reason", "source", "status",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportantDifference:
    """Minimal important difference of a scale: where it was found decides where it holds."""

    value: str
    unit: str
    population: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One scale of the registry, as declared in ``scales.toml``.

    Attributes
    ----------
    name, aliases, unlike
        How it may be written, and names of other instruments that only look alike.
    low, high : float
        Ends of the range in points; ``high`` is infinite where versions end differently.
    best : float
        Best score: that of skin without a scar, or the best grade.
    better : str
        ``lower`` or ``higher``.
    type, items
        Kind of scale, and what is rated.
    mid : ImportantDifference or None
        None where none is known.
    rule, reason : str
        How a score becomes improvement, and why so.
    source, status : str
        Where it comes from; ``seen`` or ``unverified``.
    classes : tuple
        Lower and upper end in percent for each score from ``low`` on (rule ``classes`` only).
    """

    name: str
    aliases: tuple[str, ...]
    low: float
    high: float
    best: float
    better: str
    type: str
    items: tuple[str, ...]
    mid: ImportantDifference | None
    rule: str
    reason: str
    source: str
    status: str
    unlike: tuple[str, ...] = ()
    classes: tuple[tuple[float, float], ...] = ()

    @property
    def range(self) -> str:
        """The scores that can occur, in words."""
        if math.isinf(self.high):
            return f"{self.low:g} and up (versions end differently)"
        return f"{self.low:g} to {self.high:g}"


@cache
def registry() -> dict[str, Scale]:
    """Return every scale by name, in the order of the file."""
    return {name: _scale(name, raw) for name, raw in packaged("cohort/scales.toml").items()}


def _scale(name: str, raw: dict[str, Any]) -> Scale:
    lists = {key: tuple(raw.get(key, ())) for key in ("aliases", "unlike", "items")}
    classes = tuple((float(low), float(high)) for low, high in raw.get("classes", ()))
    mid = None if raw["mid"] == NO_MID else ImportantDifference(**raw["mid"])
    ends = {key: float(raw[key]) for key in ("low", "high", "best")}
    return Scale(**{**raw, **lists, **ends, "name": name, "mid": mid, "classes": classes})


def scale_of(word: str) -> Scale | None:
    """Find a scale by its name or another way to write it.

    Parameters
    ----------
    word : str
        As it stands in the column ``scale``; case, spaces and punctuation do not count.

    Returns
    -------
    Scale or None
        None where the registry does not know it, or knows it as another instrument.

    Examples
    --------
    >>> scale_of("posas - patient").best
    6.0
    >>> scale_of("SCARS") is None
    True
    """
    found = _by_key().get(_key(word))
    if found is None or word.strip().casefold() in {x.casefold() for x in found.unlike}:
        return None
    return found


def nearest(words: Iterable[str]) -> list[str]:
    """Return up to three names of the registry that are written most like one of the words."""
    keys = list(_by_key())
    near = {
        _by_key()[key].name: None
        for word in sorted(set(words))
        for key in difflib.get_close_matches(_key(word), keys, n=3, cutoff=0.5)
    }
    return list(near)[:3]


@cache
def _by_key() -> dict[str, Scale]:
    return {_key(word): s for s in registry().values() for word in (s.name, *s.aliases)}


def _key(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())


def scales() -> pd.DataFrame:
    """List the scales that raw scores may be given on.

    Returns
    -------
    DataFrame
        Indexed by name: aliases, low, high, best, better, type, items, mid (value and unit, or
        ``none known``), mid_population, mid_source, rule, reason, source, status.

    Notes
    -----
    ``rule`` says how a score becomes the contract's improvement: ``percent of baseline`` is
    100 (baseline - now) / (baseline - best); ``grade change`` fills grade_change; ``classes``
    fills improvement_low and improvement_high; ``none`` leaves the score as it is. ``status`` is
    ``unverified`` where range or direction were not read in a source: look before you cite.

    Examples
    --------
    >>> scales().loc["POSAS 2.0 patient", "rule"]
    'percent of baseline'
    """
    rows = [_row(s) for s in registry().values()]
    return pd.DataFrame(rows, columns=COLUMNS).set_index("name")


def _row(scale: Scale) -> dict[str, Any]:
    mid = scale.mid
    cells: dict[str, Any] = {name: getattr(scale, name) for name in COLUMNS if hasattr(scale, name)}
    return cells | {
        "aliases": ", ".join(scale.aliases),
        "items": ", ".join(scale.items),
        "mid": f"{mid.value} {mid.unit}" if mid else NO_MID,
        "mid_population": mid.population if mid else "",
        "mid_source": mid.source if mid else "",
    }


def raw_scale(data: pd.DataFrame) -> Scale | None:
    """Tell on which one scale raw scores before and after can be compared as points.

    Parameters
    ----------
    data : DataFrame
        A table under the contract.

    Returns
    -------
    Scale or None
        The scale, where every raw score of the table is on it, it is one of points (not of
        grades, classes or judgements of change), and at least one site has a score at baseline and
        one later. None otherwise.

    Notes
    -----
    Scores without a named scale, or on a scale that the registry does not know, count as another
    scale. Sites with only one of the two scores are neither dropped nor filled here.
    """
    if not {"scale", "scale_score"} <= set(data.columns):
        return None
    scored = data[data["scale_score"].notna()]
    found = {None if pd.isna(w) else scale_of(w) for w in scored["scale"].unique()}
    scale = found.pop() if len(found) == 1 else None
    if scale is None or scale.rule != PERCENT:
        return None
    before = is_baseline(scored)
    starts, later = (set(scored.loc[x, UNIT].itertuples(index=False)) for x in (before, ~before))
    return scale if starts & later else None
