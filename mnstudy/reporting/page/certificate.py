"""The certificate on the page: its figure, and what it says beside a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.chart import Chart, Panel, Plan, Rows, numbers, sample
from mnstudy.reporting.figures.style import Look
from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.operating.certificate import (
    COVERED,
    EITHER,
    PROMISED,
    Certificate,
    certificate,
)

CERTIFICATE = "simulated_studies"  # folder of its figure
KIND = ["claim", "design"]
MOST, LEAST = 8.0, 85.0  # percent: ends of the two axes; what lies beyond is written at the end
SHIFT = 0.036  # inches between the two marks of a row
FALSE_WORDS = "wrongly in favour (percent)"
COVERAGE_WORDS = "truth inside the interval (percent)"
TRUTHS = {"null": "no effect", "margin": "an effect just at the margin"}
PROMISE = f"promised: at most {100 * PROMISED:g} percent, and {100 * COVERED:g} percent"


def shipped_charts() -> Iterator[CertificatePlot]:
    """Give the figure of the shipped certificate; none where other data are used without one."""
    with suppress(FileNotFoundError):
        yield CertificatePlot(certificate=certificate())


def said_beside(finding: Finding, design: str) -> str:
    """Say how often studies like this give its verdict, see ``beside``; empty where not known."""
    with suppress(FileNotFoundError):
        return beside(certificate(), finding, design)
    return ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CertificatePlot(Chart):
    """How often simulated studies say that a claim holds, though it does not."""

    certificate: Certificate

    @property
    def key(self) -> str:
        """Name among the files."""
        return "certificate"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        about, shown = self.certificate.about, self.data()
        each = " to ".join(f"{n:,}" for n in sorted({shown["reps"].min(), shown["reps"].max()}))
        return (
            f"How often simulated studies of known truth are wrong: {about['studies']:,} studies, "
            f"{len(shown):,} kinds, {each} of each, "
            f"seed {about['seed']}. Said to hold: anything in favour where there is no effect, an "
            "interval beyond the margin where the effect is just there. Lines are exact "
            "(Clopper-Pearson) 99.8 % limits. Of a claim that holds in either direction both ends "
            f"may err where there is no effect, {100 * EITHER:g} percent. Grey: nothing is "
            "promised, for the reason given."
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        shown = self.data()
        own, worst = shown[shown["promised"]], self.certificate.worst
        return (
            f"Dots with limits, {len(shown)} kinds of simulated study. Where the promise holds, at "
            f"most {fmt.number(100 * worst['false_support'], 1)} percent say that a claim holds "
            f"though it does not ({_title(str(worst['claim']))}, {worst['situation']}); intervals "
            f"hold the truth in {fmt.number(100 * own['coverage'].min(), 1)} to "
            f"{fmt.number(100 * own['coverage'].max(), 1)} percent."
        )

    @property
    def summary(self) -> str:
        """The certificate in two sentences."""
        own, worst = self.certificate.promised, self.certificate.worst
        return (
            f"The promise is kept in {int(own['kept'].sum())} of {len(own)} kinds and truths. Most "
            f"often wrongly in favour: {fmt.number(100 * worst['false_support'], 1)} % of "
            f"{int(worst['reps']):,} studies ({_title(str(worst['claim']))}; "
            f"{worst['design'].replace('_', ' ')}, {worst['n_patients']} patients, "
            f"{worst['situation']})."
        )

    def data(self) -> pd.DataFrame:
        """Return the rows that are drawn: those at no effect and at the margin."""
        table = self.certificate.table
        return table[table["truth"].isin(list(TRUTHS))].reset_index(drop=True)

    def plan(self, look: Look) -> Plan:
        """Return both panels; beside each other where there is room."""
        shown, colour = self.data(), look.groups[0]
        kinds = [((*kind, apart), own) for (*kind, apart), own in
                 shown.groupby([*KIND, "apart"], sort=False)]  # fmt: skip
        kinds.sort(key=lambda kind: kind[0][-1] != "")
        room = (0.34 if look.wide else 0.5) * look.width
        rows = Rows(list(_labels(kinds)), look, room=room, least=0.15, pad=0.02)
        panels = [
            Panel(draw=_Marks(kinds, rows, "false_support").draw, height=rows.height),
            Panel(draw=_Marks(kinds, rows, "coverage").draw, height=rows.height),
        ]
        line: dict[str, Any] = {"linestyle": "-", "linewidth": 1.0}
        return Plan(
            title="How often such studies are wrong", alt=self.alt, panels=panels, beside=True,
            words=[f"{self.certificate.about['studies']:,} simulated studies of known truth"],
            key=[
                (sample(look, marker="o", color=style.PAPER, markeredgecolor=colour, markersize=4.5,
                        **line), f"the truth is {TRUTHS['null']}"),
                (sample(look, marker="s", color=colour, markersize=4.5, **line),
                 f"the truth is {TRUTHS['margin']}"),
                (sample(look, color=style.INK, linestyle="--", linewidth=0.8), PROMISE),
            ],
        )  # fmt: skip


def _title(claim: str) -> str:
    return registry()[claim].title


def _labels(kinds: list[tuple[tuple[str, ...], pd.DataFrame]]) -> Iterator[tuple[str, bool]]:
    for (claim, design, apart), own in kinds:
        where = "any design" if own["any_design"].any() else f"{design.replace('_', ' ')}"
        yield f"{_title(claim)} ({where}{f'; no promise: {apart}' if apart else ''})", True
        for (situation, n), _ in own.groupby(["situation", "n_patients"], sort=False):
            yield f"{n} patients, {situation}", False


@dataclass(frozen=True, slots=True)
class _Marks:
    """The marks of one panel; ``name`` is the share that they show."""

    kinds: list[tuple[tuple[str, ...], pd.DataFrame]]
    rows: Rows
    name: str

    def draw(self, ax: Axes, look: Look) -> None:
        """Draw them, with the promise and the labels of the rows."""
        false, at = self.name == "false_support", iter(self.rows.middles)
        self.rows.draw(ax)
        if not false and look.wide:
            ax.set_yticklabels([])
        ax.set_xlim(*((0, MOST) if false else (LEAST, 100)))
        ax.axvline(100 * (PROMISED if false else COVERED), color=style.INK, linestyle="--",
                   linewidth=look.pt(0.8), zorder=1)  # fmt: skip
        for _, own in self.kinds:
            next(at)  # the heading
            for _, rows in own.groupby(["situation", "n_patients"], sort=False):
                middle = next(at)
                for row in rows.to_dict("records"):
                    side = 0 if len(rows) == 1 else -1 if row["truth"] == "null" else 1
                    self._mark(ax, look, middle + side * look.pt(SHIFT), row)
        numbers(ax, y=False)
        ax.set_xlabel(FALSE_WORDS if false else COVERAGE_WORDS)

    def _mark(self, ax: Axes, look: Look, y: float, row: dict[str, float | str | bool]) -> None:
        value, low, high = (100 * float(row[f"{self.name}{end}"]) for end in ("", " low", " high"))
        null = row["truth"] == "null"
        colour = look.groups[0] if row["promised"] else style.MUTED
        start, end = ax.get_xlim()
        if not start <= value <= end:
            side = "right" if value > end else "left"
            ax.text(end if value > end else start, y, f"{fmt.number(value)} %", ha=side,
                    va="center", fontsize=look.letters - 1.5, color=colour)  # fmt: skip
            return
        ax.plot([low, high], [y, y], color=colour, linewidth=look.pt(1.0), zorder=2)
        ax.plot([value], [y], marker="o" if null else "s", markersize=look.pt(3.6), zorder=3,
                markerfacecolor=style.PAPER if null else colour, markeredgecolor=colour,
                markeredgewidth=look.pt(0.8), linestyle="none", clip_on=False)  # fmt: skip


def beside(certificate: Certificate, finding: Finding, design: str) -> str:
    """Say how often simulated studies like one give its verdict, by what the truth is.

    Empty where none was simulated that is like it.
    """
    rate = finding.comparison == "rate"
    own = certificate.like(
        finding.claim.id, design=design, rate=rate, n_patients=finding.n_patients
    )
    if own.empty or finding.verdict == "not testable":
        return ""
    first, unit = own.iloc[0], finding.claim.unit
    said = [
        f"{fmt.number(100 * row[finding.verdict], 1)} % where the truth is {_truth(row, unit)}"
        for row in own.to_dict("records")
    ]
    where = "" if rate else f"{design.replace('_', ' ')} "
    return (
        f"Of {int(first['reps']):,} simulated {where}studies of {int(first['n_patients'])} "
        f"patients each, “{finding.verdict}” came out in {', in '.join(said)}. That is how often "
        "studies like this one say so, not the chance that this verdict is wrong."
    )


def _truth(row: dict[str, float | str], unit: str) -> str:
    effect = f"{fmt.as_entered(float(row['effect']))} {unit}"
    if row["truth"] == "null":
        return "no effect"
    return f"{'just the margin' if row['truth'] == 'margin' else 'twice the margin'} ({effect})"
