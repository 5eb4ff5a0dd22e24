"""Harms: one row an adverse event, dots with exact limits, and the difference of two groups."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import Chart, Plan, source_line
from mnstudy.reporting.figures.intervals import IntervalRow, IntervalTable, intervals_panel
from mnstudy.reporting.figures.style import Look
from mnstudy.reporting.words import SYNTHETIC_WORDS, difference_words
from mnstudy.verdicts.displays.harms import Harms
from mnstudy.words.notes import note, sentence, sentences

MARKERS = ("s", "o", "^", "D", "v", "P", "X", "<", ">", "h", "p", "*")
SHARE = "patients with the event (percent)"
DATA = ["kind", "event", "label", "arm", "value", "ci_low", "ci_high", "n", "events"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HarmsPlot(Chart):
    """The adverse events of a cohort, by group."""

    harms: Harms

    @property
    def key(self) -> str:
        """Name among the files."""
        return "harms"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        found, level = self.harms, fmt.level(self.harms.confidence_level)
        people = f"{found.person}s"
        parts = (
            f"Adverse events of {found.dataset}: share of {people} with the event at any "
            "assessment after treatment.",
            f"{_sizes(found)}.",
            SYNTHETIC_WORDS if found.synthetic else "",
            f"Dots with exact (Clopper-Pearson) {level} limits, {people} as the unit.",
            _difference_words(found, level),
            *_zeros(found),
            *(f"{note[:1].upper()}{note[1:]}." for note in sentences(found.notes)),
        )
        return " ".join(filter(None, parts))

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        found = self.harms
        mark, several = "synthetic data, " if found.synthetic else "", len(found.arms) > 1
        said = "; ".join(
            f"{row.label}{f' ({row.arm})' if several else ''} {_sentence(row, found)}"
            for row in found.rows.itertuples(index=False)
        )
        return f"Dots with limits. Adverse events, {mark}{found.dataset}: {said}."

    def data(self) -> pd.DataFrame:
        """Return every share and difference that is drawn."""
        found = self.harms
        names = {"share": "value", "difference": "value", "low": "ci_low", "high": "ci_high"}
        shares = found.rows.rename(columns=names).assign(kind="share")
        gaps = found.differences.rename(columns=names | {"n_pairs": "n"})
        gaps = gaps.assign(kind="difference", arm="")
        both = shares if gaps.empty else pd.concat([shares, gaps], ignore_index=True)
        return both[DATA].reset_index(drop=True)

    def plan(self, look: Look) -> Plan:
        """Return the shares, and the differences where there are any."""
        found, level = self.harms, fmt.level(self.harms.confidence_level)
        tables = [_shares(found, look), *_differences(found, look)]
        words = source_line(found.dataset, synthetic=found.synthetic, size=f"exact {level} limits")
        return Plan(
            title="Adverse events", words=[words], alt=self.alt, synthetic=found.synthetic,
            panels=[intervals_panel(table, look) for table in tables], foot=_zeros(found),
        )  # fmt: skip


def percent(value: float, space: str = " ") -> str:
    """Write a share in percent, with a second decimal where the first would be lost."""
    return f"{fmt.number(value, 1 if value >= 0.1 or value == 0 else 2)}{space}%"


def _sentence(row: Any, found: Harms) -> str:
    if math.isnan(row.share):
        return sentence(note("harms_unknown"))
    of: dict[str, Any] = {"n": int(row.n), "people": f"{found.person}s"}
    if not row.events:
        level, limit = found.confidence_level, percent(row.high)
        return sentence(note("harms_none_seen", limit=limit, level=level, **of))
    said = {"events": int(row.events), "share": percent(row.share), "low": row.low}
    return sentence(note("harms_share", high=row.high, **said, **of))


def _sizes(found: Harms) -> str:
    """Say how many are in each group; of events recorded for fewer the row says how many."""
    most = found.rows.groupby("arm", sort=False)["n"].max()
    return "; ".join(f"{arm}: {fmt.count(int(n), found.person)}" for arm, n in most.items())


def _difference_words(found: Harms, level: str) -> str:
    if found.differences.empty:
        return f"No differences: {found.no_difference}." if len(found.arms) > 1 else ""
    how = ", the same patients in both groups" if found.differences["paired"].any() else ""
    return (
        f"Differences: {found.arms[0]} minus {found.arms[1]}, {level} Newcombe intervals{how}, "
        f"not adjusted for the number of events looked at."
    )


def _zeros(found: Harms) -> list[str]:
    """Say plainly, once for each group size, what seeing none can and cannot mean."""
    none = found.rows[found.rows["events"].eq(0) & found.rows["n"].gt(0)]
    lines = []
    for (arm, n, high), own in none.groupby(["arm", "n", "high"], sort=False):
        names, where = _listed(list(own["label"])), f" in {arm}" if len(found.arms) > 1 else ""
        lines.append(
            f"No {names}{where}, 0 of {fmt.count(int(n), found.person)}: none seen is not none, "
            f"the true rate may be up to {percent(float(high), fmt.NBSP)}."
        )
    return lines


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _shares(found: Harms, look: Look) -> IntervalTable:
    rows, several = [], len(found.arms) > 1
    for label, own in found.rows.groupby("label", sort=False):
        if several:
            rows.append(IntervalRow(label=str(label), mark="heading", bold=True))
        rows += [_row(found, r, r.arm if several else r.label, look) for r in own.itertuples()]
    headers: tuple[str, ...] = (f"{found.person}s", "share (limits)")
    if several and not look.wide:  # on one line each: the axis has the shares
        headers, rows = headers[:1], [replace(r, cells=r.cells[:1]) for r in rows]
    return IntervalTable(
        title="", rows=tuple(rows), headers=headers,
        axis_label=SHARE, keep=(0.0,),
    )  # fmt: skip


def _row(found: Harms, row: Any, label: str, look: Look) -> IntervalRow:
    """Return the share of a group; the mark of the reference of two is open."""
    i, colour = found.arms.index(row.arm), look.groups[0]
    return IntervalRow(
        label=label, value=row.share, low=row.low, high=row.high, cells=_cells(row), whole=True,
        marker=MARKERS[i % len(MARKERS)],
        colour=style.PAPER if len(found.arms) == 2 and i == 1 else colour, edge=colour,
    )  # fmt: skip


def _cells(row: Any) -> tuple[str, str]:
    if math.isnan(row.share):
        return "not recorded", ""
    low, high = (fmt.number(x, 1) for x in (row.low, row.high))
    return f"{int(row.events):,} of {int(row.n):,}", f"{percent(row.share)} ({low} to {high})"


def _differences(found: Harms, look: Look) -> list[IntervalTable]:
    """Return the table of the differences; none where none is known."""
    if found.differences["difference"].isna().all():
        return []
    rows = [
        IntervalRow(label=r.label, value=r.difference, low=r.low, high=r.high,
                    cells=(difference_words(r._asdict()),), whole=True,
                    colour=look.groups[0], edge=look.groups[0])
        for r in found.differences.itertuples()
    ]  # fmt: skip
    title, unit = f"difference: {found.arms[0]} minus {found.arms[1]}", "percentage points"
    table = IntervalTable(title=title, rows=tuple(rows), headers=("difference (interval)",),
                          axis_label=unit, null=0.0, null_label="no difference")  # fmt: skip
    return [table]
