"""A grade flow as it may be shown: no small cell, and none that would give one away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnstudy import formatting as fmt
from mnstudy.disclosure.findings import guarded_finding, is_guarded
from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN, THRESHOLD, is_small, withheld
from mnstudy.stats.ordinal.transitions import Better
from mnstudy.verdicts.displays.grades import GradeFlow, GradeTable

LEAST_SHOWN = 0.5  # share of the sites in totals that are shown; a flow of less tells too little
UNKNOWN = "not known"
Flags = NDArray[np.bool_]
Coefficients = NDArray[np.float64]


def guarded_grades(flow: GradeFlow) -> GradeFlow | None:
    """Return the flow with what may be said of each count.

    Of a real cohort a cell of fewer than five patients is suppressed, with whatever would give it
    away, see ``suppress_transitions``; an arm of which too little is left goes, and with the first
    arm the flow.
    """
    guarded = is_guarded(flow.finding)
    tables = [_guarded_table(table, flow.better, guarded=guarded) for table in flow.arms]
    sites = [int(table.counts.loc["total", "total"]) for table in flow.arms]
    told = [_tells(table, n) for table, n in zip(tables, sites, strict=True)]
    if not told[0]:
        return None
    return replace(
        flow,
        finding=guarded_finding(flow.finding),
        arms=tuple(t for t, tells in zip(tables, told, strict=True) if tells),
        too_few=tuple(t.label for t, tells in zip(tables, told, strict=True) if not tells),
    )


def _tells(table: GradeTable, sites: int) -> bool:
    """Tell whether a flow has a band to show, and totals that hold most of the sites."""
    counts = np.nan_to_num(table.counts.to_numpy())
    totals = float(counts[-1, :-1].sum() + counts[:-1, -1].sum())
    return bool(counts[:-1, :-1].any()) and totals >= 2 * LEAST_SHOWN * sites


def _guarded_table(table: GradeTable, better: Better, *, guarded: bool) -> GradeTable:
    hidden = table.counts.map(lambda _: "")
    if guarded:
        hidden = _suppressed(table, better)
    few = guarded and is_small(table.n_missing_patients)
    return replace(
        table,
        counts=table.counts.astype("float64").where(hidden.eq("")),
        words=table.counts.map("{:,}".format).where(hidden.eq(""), hidden),
        size=_size(table, few=few),
        missing=(FEW if few else fmt.count(table.n_missing, "site")) if table.n_missing else "",
        people=table.people.iloc[:0],
        n_patients=0,
        n_missing_patients=0,
        n_missing=0,
    )


def _size(table: GradeTable, *, few: bool) -> str:
    """Write how many have both grades; where they are all but a few of so many, only that."""
    if few:
        return f">{max(table.n_patients - THRESHOLD, THRESHOLD - 1):,} patients"
    patients, sites = (int(x.loc["total", "total"]) for x in (table.people, table.counts))
    return f"{fmt.count(patients, 'patient')}, {fmt.count(sites, 'site')}"


def _suppressed(table: GradeTable, better: Better) -> pd.DataFrame:
    """Say what stands in place of each cell, judged by its patients, those without grades too."""
    people, lost = table.people, table.n_missing_patients
    if not lost:
        return suppress_transitions(people, better)
    # they are one more grade that nobody comes from or goes to: all of an arm is known elsewhere
    apart = [*people.index[:-1], UNKNOWN, "total"]
    people = people.reindex(index=apart, columns=apart, fill_value=0)
    for cell in ((UNKNOWN, UNKNOWN), (UNKNOWN, "total"), ("total", UNKNOWN)):
        people.loc[cell] = lost
    people.loc["total", "total"] += lost
    hidden = suppress_transitions(people, better)
    if hidden.loc[UNKNOWN, "total"]:  # with those without grades goes the number of the others
        hidden.loc["total", "total"] = NOT_SHOWN
    return hidden.drop(index=UNKNOWN, columns=UNKNOWN)


def suppress_transitions(people: pd.DataFrame, better: Better) -> pd.DataFrame:
    """Say for every cell of a table from grade to grade, with its totals, what stands in its place.

    Parameters
    ----------
    people : DataFrame
        People in each cell, grades before in rows and after in columns, with a last row and a
        last column of totals.
    better : {"lower", "higher"}
        Which grades are better.

    Returns
    -------
    DataFrame of str
        As ``withheld``: ``<5``, ``not shown`` or empty.

    Notes
    -----
    Beside the totals of rows and columns, the number of those who got better is taken as known
    unless it is small, since findings print it. A small cell that follows exactly from any
    combination of what is shown is protected by hiding the next smallest cell, until none
    follows: a cell follows where its unit vector lies in the span of the equations over the
    hidden cells.

    Examples
    --------
    >>> table = pd.DataFrame([[9, 2, 0, 11], [7, 8, 6, 21], [9, 6, 7, 22], [25, 16, 13, 54]])
    >>> suppress_transitions(table, "lower").iloc[:2].to_numpy().tolist()
    [['not shown', '<5', '', ''], ['not shown', '', 'not shown', '']]
    """
    counts = people.to_numpy()
    hidden = withheld(people).ne("").to_numpy()
    small = (counts > 0) & hidden & np.vectorize(is_small)(counts)
    known = _lines(counts, better)
    while (place := _next(counts, hidden, small, known)) is not None:
        hidden[place] = True
    shown = pd.DataFrame("", index=people.index, columns=people.columns)
    return shown.mask(hidden, NOT_SHOWN).mask(small, FEW)


def _next(
    counts: NDArray[np.int64], hidden: Flags, small: Flags, known: Sequence[Coefficients]
) -> tuple[int, int] | None:
    """Return which cell must be hidden too; None where no small one can be worked out."""
    for row, column in np.argwhere(small):
        if not _follows(hidden, (int(row), int(column)), known):
            continue
        free = (counts > 0) & ~hidden
        near = np.zeros_like(free)
        near[row, :] = near[:, column] = True
        for allowed in (near, np.ones_like(free)):
            places = np.argwhere(free & allowed)
            if len(places):
                best = min(places.tolist(), key=lambda p: (counts[p[0], p[1]], p))
                return int(best[0]), int(best[1])
    return None


def _follows(hidden: Flags, place: tuple[int, int], known: Sequence[Coefficients]) -> bool:
    """Tell whether a hidden cell is determined by the cells that are shown, and what adds up."""
    wanted = np.zeros(hidden.shape)
    wanted[place] = 1
    matrix = np.array([line[hidden] for line in known])
    rank = np.linalg.matrix_rank(matrix)
    return bool(rank == np.linalg.matrix_rank(np.vstack([matrix, wanted[hidden]])))


def _lines(counts: NDArray[np.int64], better: Better) -> list[Coefficients]:
    """Return the coefficients of all that adds up: rows, columns, and those who got better."""
    size = len(counts)
    lines = []
    for i in range(size):
        for line, total in ((np.s_[i, :], (i, -1)), (np.s_[:, i], (-1, i))):
            one = np.zeros((size, size))
            one[line] = 1
            one[total] = -1
            lines.append(one)
    inner = np.ones((size - 1, size - 1))
    cells = np.zeros((size, size))
    cells[:-1, :-1] = np.tril(inner, -1) if better == "lower" else np.triu(inner, 1)
    return lines if is_small(float((cells * counts).sum())) else [*lines, cells]
