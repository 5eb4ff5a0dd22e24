"""Counts of harms that would tell a small one in a real cohort: withheld beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mnstudy.cohort.small_counts import NOT_SHOWN, is_small
from mnstudy.verdicts.displays.harms_arms import Arm
from mnstudy.verdicts.displays.harms_counts import BLANK, by_patient
from mnstudy.verdicts.registry import registry

ANY = "any"


def without_giveaways(
    table: pd.DataFrame, groups: Sequence[Arm], events: Sequence[str]
) -> pd.DataFrame:
    """Withhold what would tell a count of 1 to 4 by subtraction.

    Any event: beside an event that is withheld, and where the single counts exceed it by so
    little that at most four patients can have had several. One event of several that a claim
    counts together (its finding shows their union): where it is the only one beside a withheld one.
    """
    table = table.copy()
    for arm in groups:
        own = table["arm"].eq(arm.label)
        for together in _counted_together(events):
            _keep_one_from_telling(table, own & table["event"].isin(together))
        if (own & table["event"].eq(ANY)).any() and _union_tells(table[own], arm, events):
            _withhold(table, own & table["event"].eq(ANY) & table["withheld"].eq(""), "union")
    return table


def without_nearly_everybody(table: pd.DataFrame, everybody: int) -> pd.DataFrame:
    """Withhold the groups that one to four of all people of the cohort are not in.

    How many are in all stands in Table 1; limits tell the size of a group as its count does.
    """
    table = table.copy()
    told = table["withheld"].ne("n") & (everybody - table["n"]).map(is_small)
    _withhold(table, told, "n")
    table.loc[told, "n"] = float("nan")
    return table


def _counted_together(events: Sequence[str]) -> list[set[str]]:
    params = [claim.params.get("events", ()) for claim in registry().values()]
    named = {frozenset(set(names) & set(events)) for names in params}
    return [set(names) for names in sorted(map(sorted, named)) if len(names) > 1]


def _keep_one_from_telling(table: pd.DataFrame, own: pd.Series) -> None:
    small = table["withheld"].eq("few") & own
    rest = table[own & table["withheld"].eq("") & table["events"].gt(0)]
    hidden = table["withheld"].eq("union") & own
    if small.sum() == 1 and len(rest) and not hidden.any():
        least = rest.sort_values(["events", "event"]).index[0]
        _withhold(table, table.index == least, "union")


def _union_tells(own: pd.DataFrame, arm: Arm, events: Sequence[str]) -> bool:
    single, union = own[own["event"].ne(ANY)], own[own["event"].eq(ANY)]
    several = single["events"].sum() - union["events"].sum()
    # patients whose record lacks some of the events change the sum as well
    uneven = len({len(by_patient(arm.rows, [e])) for e in events}) > 1
    return bool(single["withheld"].ne("").any() or is_small(several) or uneven)


def _withhold(table: pd.DataFrame, where: object, why: str) -> None:
    table.loc[where, list(BLANK)] = float("nan")
    table.loc[where, ["withheld", "shown"]] = [why, NOT_SHOWN]
    table.loc[where, "sentence"] = "not shown: it would tell a count below 5"
