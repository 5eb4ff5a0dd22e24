"""What a verdict rests on: on choices (a specification curve), on a model (its residuals).

Of a curve estimates stand above, beneath them the choices behind each; also its caption, its
alternative text and its data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.markers import MarkerStyle

from mnstudy import formatting as fmt
from mnstudy.packaged import packaged
from mnstudy.reporting.figures import intervals, style
from mnstudy.reporting.figures.chart import (
    Chart,
    Entry,
    Panel,
    Plan,
    Rows,
    numbers,
    sample,
    source_line,
    verdict_marks,
    verdict_sample,
)
from mnstudy.reporting.figures.style import Look, wrap
from mnstudy.reporting.words import SYNTHETIC_WORDS, VerdictAxis, verdict_axis
from mnstudy.verdicts.displays.residuals import Residuals
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.verdicts.robustness.specification import SpecificationCurve, declared_choices
from mnstudy.words.units import unit

KINDS = {
    "result": "which result counts",
    "covariates": "adjusted for",
    "errors": "several sites of a patient",
    "topicals": "who counts as needled",
    "class": "improvement known to a class",
}
INTERVAL = ["estimate", "ci_low", "ci_high"]
PLOT_HEIGHT = 1.75  # inches
LABELS = 0.43  # share of the width that the names of the choices may take
BAND = 0.03  # share of the width, at most, behind the usual choices
PANEL_HEIGHT = 1.35  # inches
MARKS = ["o", "^"]  # of the two arms
PANELS = packaged("reporting/figures/residuals.toml")
IN_REPORTS = "Reports have it of primary claims, and where an assumption is visibly broken."


def curve_plan(curve: SpecificationCurve, look: Look) -> Plan:
    """Return the figure of a specification curve; two panels where choices differ."""
    finding, table = curve.finding, curve.table
    size = f"{fmt.count(len(table), 'specification')} · {patients(table)}"
    table = table.assign(place=range(len(table)), usual=is_usual(table))
    rows = _choice_rows(table, look)
    panels = [Panel(draw=partial(_draw_estimates, finding, table), height=PLOT_HEIGHT)]
    if rows.texts:
        panels.append(Panel(draw=partial(_draw_choices, table, rows), height=rows.height))
    counted = [(verdict_sample(look, v), f"{v}: {fmt.count(n, 'specification')}")
               for v, n in counted_verdicts(table)]  # fmt: skip
    source = source_line(finding.dataset, synthetic=finding.synthetic, size=size)
    return Plan(
        title=finding.claim.title, panels=panels, alt=curve_alt(curve), aligned=True,
        words=["the same question under other defensible choices", source,
               joint_words(curve, "all together: "), *counted],
        key=_key(verdict_axis(finding), look, usual=bool(table["usual"].any())),
        synthetic=finding.synthetic,
    )  # fmt: skip


def is_a_curve(curve: SpecificationCurve) -> bool:
    """Tell whether there is more than one specification to draw."""
    return len(curve.table) > 1


def curve_caption(curve: SpecificationCurve) -> str:
    """Return the caption: what was varied, of whom, by which method, and the joint test."""
    finding, table = curve.finding, curve.table
    estimate = finding.estimate
    assert estimate is not None
    mark = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    margin = verdict_axis(finding).margin_label
    return (
        f"{finding.claim.title}, under other defensible choices. Each column is one combination of "
        f"the choices marked beneath it, by rising estimate; those that come to the same numbers "
        f"count once ({fmt.count(len(table), 'specification')} of "
        f"{fmt.count(curve.n_combinations, 'combination')}). How to read it: where all intervals "
        "lie on the same side of the dashed line, the answer does not hang on these choices; where "
        "they cross it, the marks beneath show which choice turns it. "
        f"Data: {finding.dataset}, {patients(table)}.{mark} Usual choices: "
        f"{fmt.interval(estimate)} {estimate.unit}, {fmt.level(estimate.confidence_level)} "
        f"interval; {estimate.method}. "
        f"{margin[:1].upper()}{margin[1:]} {estimate.unit}. Taken together, "
        f"{joint_words(curve)}. No interval is adjusted "
        "for the number of specifications."
    )


def curve_alt(curve: SpecificationCurve) -> str:
    """Return a description of the figure for those who do not see it."""
    finding, table = curve.finding, curve.table
    mark = "synthetic data, " if finding.synthetic else ""
    found = table["estimate"]
    digits = fmt.decimals_for(*found)
    low, middle, high = (fmt.number(x, digits) for x in found.quantile([0, 0.5, 1]))
    words = ", ".join(f"{n} {verdict}" for verdict, n in counted_verdicts(table))
    margin = verdict_axis(finding).margin_label
    return (
        f"Specification curve. {finding.claim.title}, {mark}{finding.dataset}: "
        f"{fmt.count(len(table), 'specification')}, estimates from {low} to {high} "
        f"{finding.claim.unit}, median {middle}, against {margin}; {words}."
    )


def curve_data(curve: SpecificationCurve) -> pd.DataFrame:
    """Return every number of the curve, full precision, one row a specification."""
    finding, joint = curve.finding, curve.joint
    table = curve.table.astype({"n_patients": "Int64"})
    estimate = finding.estimate
    assert estimate is not None
    table.insert(0, "claim", finding.claim.id)
    table.insert(1, "dataset", finding.dataset)
    table.insert(2, "synthetic", finding.synthetic)
    table.insert(3, "usual", is_usual(table))
    median, strongest = (joint.p_median, joint.p_global) if joint else (math.nan, math.nan)
    return table.assign(
        unit=estimate.unit, margin=finding.margin, confidence_level=estimate.confidence_level,
        joint_p_median=median, joint_p_strongest=strongest,
    ).replace({None: np.nan})  # fmt: skip


def is_usual(table: pd.DataFrame) -> pd.Series:
    """Tell which specification is the usual one: the first option of every kind of choice."""
    first = {kind: next(iter(options)) for kind, options in declared_choices().items()}
    return table[list(first)].eq(pd.Series(first)).all(axis=1)


def varied(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the kinds of choices that differ between these specifications, options in words."""
    found = {}
    for kind, options in declared_choices().items():
        used = {option: words for option, words in options.items() if table[kind].eq(option).any()}
        if len(used) > 1:
            found[kind] = used
    return found


def counted_verdicts(table: pd.DataFrame) -> list[tuple[str, int]]:
    """Return each verdict with the number of specifications that come to it."""
    words = table["verdict"].tolist()
    return [(v, words.count(v)) for v in VERDICTS if v in words]


def patients(table: pd.DataFrame) -> str:
    """Write the number of patients behind the specifications: one number or a range."""
    low, high = int(table["n_patients"].min()), int(table["n_patients"].max())
    return fmt.count(low, "patient") if low == high else f"{low:,} to {high:,} patients"


def joint_words(curve: SpecificationCurve, opening: str = "") -> str:
    """Say what the test of all specifications together found."""
    joint = curve.joint
    if joint is None:
        return "no joint test: no single coefficient answers this claim"
    return (
        f"{opening}{fmt.p_value(joint.p_median)} for the median, "
        f"{fmt.p_value(joint.p_global)} for the strongest (sign flips of "
        f"{fmt.count(joint.n_patients, 'patient')})"
    )


def _key(axis: VerdictAxis, look: Look, *, usual: bool) -> list[Entry]:
    line: dict[str, Any] = {"linewidth": 0.8, "color": style.INK}
    key = [(sample(look, linestyle=style.DASHED, **line), axis.margin_label)]
    if axis.null is not None and axis.null != axis.margin:
        key.append((sample(look, linestyle="-", **line | {"color": style.LINE}), "no effect"))
    if usual:
        key.append((sample(look, fill=style.RULE), "usual choices"))
    return key


def _choice_rows(table: pd.DataFrame, look: Look) -> Rows:
    labels = []
    for kind, options in varied(table).items():
        labels += [(KINDS.get(kind, kind), True), *((words, False) for words in options.values())]
    return Rows(labels, look, room=LABELS * look.width)


def _draw_estimates(finding: Finding, table: pd.DataFrame, ax: Axes, look: Look) -> None:
    axis = verdict_axis(finding)
    ends = _ends(axis, table)
    _draw_intervals(ax, table, ends, look)
    if axis.log:
        ax.set_yscale("log")
        intervals.log_numbers(ax.yaxis, ends, 5)
    else:
        numbers(ax, x=False, count=5)
    ax.set_ylim(*ends)
    _draw_lines(ax, axis, ends, look)
    _set_columns(ax, table)
    ax.set_ylabel("\n".join(wrap(finding.claim.unit, look.pt(PLOT_HEIGHT), look.letters)))


def _ends(axis: VerdictAxis, table: pd.DataFrame) -> intervals.Ends:
    rows = tuple(
        intervals.IntervalRow(label="", value=value, low=low, high=high, whole=True)
        for value, low, high in table[INTERVAL].astype(float).itertuples(index=False)
    )
    return intervals.extent(
        intervals.IntervalTable(title="", rows=rows, headers=(), axis_label="", null=axis.null,
                      margin=axis.margin, other_margin=axis.other_margin, log=axis.log)
    )  # fmt: skip


def _size(table: pd.DataFrame, look: Look) -> float:
    """Return the size of marks in points: smaller where there are many, but never unseen."""
    return min(look.pt(4.5), max(look.pt(2.0), 27 * look.width / len(table)))


def _draw_lines(ax: Axes, axis: VerdictAxis, ends: intervals.Ends, look: Look) -> None:
    low, high = ends
    thin = look.pt(0.8)
    sides = ((axis.margin, axis.favours_lower), (axis.other_margin, not axis.favours_lower))
    for margin, lower in sides:
        if margin is None:
            continue
        zone = (low, margin) if lower else (margin, high)
        ax.axhspan(*zone, color=style.ZONE, linewidth=0, zorder=-5)
        ax.axhline(margin, color=style.INK, linewidth=thin, linestyle=style.DASHED, zorder=1.5)
    if axis.null is not None:
        ax.axhline(axis.null, color=style.LINE, linewidth=thin, zorder=1)


def _draw_intervals(ax: Axes, table: pd.DataFrame, ends: intervals.Ends, look: Look) -> None:
    """Draw estimates with their intervals; what runs off the axis ends in an arrow."""
    place, usual, size = table["place"].to_numpy(), table["usual"], _size(table, look)
    value, low, high = (table[name].to_numpy(float) for name in INTERVAL)
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    edges = np.array([look.verdicts[verdict].edge for verdict in table["verdict"]])
    ax.vlines(place, low.clip(*ends), high.clip(*ends), colors=list(edges), zorder=2, clip_on=False,
              linewidths=look.scale * np.where(usual, 1.8, 0.9))  # fmt: skip
    verdict_marks(
        ax, table, look, x="place", y="estimate", edgecolor=np.where(usual, style.INK, edges),
        s=np.where(usual, size + look.pt(1.5), size) ** 2,
    )  # fmt: skip
    arrows = MarkerStyle(7), MarkerStyle(6)  # down and up, the tip on the end
    for end, beyond, marker in zip(ends, (low < ends[0], high > ends[1]), arrows, strict=True):
        ax.scatter(place[beyond], np.full(beyond.sum(), end), s=size**2, marker=marker,
                   c=edges[beyond], linewidth=0, zorder=2, clip_on=False)  # fmt: skip


def _set_columns(ax: Axes, table: pd.DataFrame) -> None:
    """Give a panel the columns of both, the band of the usual choices behind them."""
    ax.set(xlabel="", ylabel="", xlim=(-0.7, len(table) - 0.3), xticks=[])
    ax.spines["bottom"].set_visible(False)
    half = min(0.5, BAND * (len(table) + 0.4))
    for place in table.loc[table["usual"], "place"]:
        ax.axvspan(place - half, place + half, color=style.RULE, linewidth=0, zorder=-3)


def _draw_choices(table: pd.DataFrame, rows: Rows, ax: Axes, look: Look) -> None:
    at = [y for y, bold in zip(rows.middles, rows.bold, strict=True) if not bold]
    options = [(kind, option) for kind, some in varied(table).items() for option in some]
    chosen = pd.concat(
        table.loc[table[kind] == option, ["place"]].assign(at=y)
        for (kind, option), y in zip(options, at, strict=True)
    )
    ax.hlines(at, -0.5, len(table) - 0.5, colors=style.RULE, linewidths=look.pt(0.5), zorder=-4)
    sns.scatterplot(chosen, x="place", y="at", ax=ax, marker="s", s=_size(table, look) ** 2,
                    linewidth=0, color=look.groups[0], zorder=2)  # fmt: skip
    rows.draw(ax)
    _set_columns(ax, table)
    ax.set_xlabel("specifications, by rising estimate", loc="right", color=style.MUTED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResidualPlot(Chart):
    """The residuals of the model behind a finding, and how much each patient moves it."""

    residuals: Residuals

    @property
    def key(self) -> str:
        """Name among the files."""
        return f"residuals/{self.residuals.finding.claim.id}"

    @property
    def caption(self) -> str:
        """What is shown, of how many, by which method."""
        finding = self.residuals.finding
        reads = "; ".join(PANELS[x]["reads"] for x in self.residuals.dots["panel"].unique())
        return (
            f"{finding.claim.title}, residuals: what the model does not explain, in standard "
            "deviations (SD); each dot is a patient or an assessment. How to read it: where the "
            f"model fits, {reads}. {IN_REPORTS} {intervals.source_words(finding)}"
        )

    @property
    def alt(self) -> str:
        """Description for those who do not see it."""
        return f"Dots, by panel. {self.caption}"

    def data(self) -> pd.DataFrame:
        """Return every number that is drawn."""
        finding, dots = self.residuals.finding, self.residuals.dots.drop(columns="patient")
        return dots.assign(claim=finding.claim.id, dataset=finding.dataset,
                           synthetic=finding.synthetic)  # fmt: skip

    def plan(self, look: Look) -> Plan:
        """Return the panels, two beside each other where there is room."""
        finding, panels = self.residuals.finding, self.residuals.dots["panel"].unique()
        own = [Panel(draw=partial(self._draw, x), height=PANEL_HEIGHT) for x in panels]
        return Plan(title=finding.claim.title, words=[intervals.estimate_words(finding)],
                    alt=self.alt, panels=own, beside=True, synthetic=finding.synthetic)  # fmt: skip

    def _draw(self, panel: str, ax: Axes, look: Look) -> None:
        every, u = self.residuals.dots, unit(self.residuals.finding.claim.unit)
        dots, arms = every[every["panel"] == panel], sorted(every["arm"].unique())
        texts = (PANELS[panel][name] for name in ("lying", "upright"))
        lying, upright = (x.format(unit=u.name, of=u.of or u.name) for x in texts)
        levels = len(arms) > len(MARKS)  # told apart by their place alone
        told = {"palette": [look.groups[5], look.groups[2]][: len(arms)], "hue": "arm",
                "hue_order": arms, "style": "arm", "style_order": arms,
                "markers": MARKS[: len(arms)]}  # fmt: skip
        turned = levels and panel == "arm"  # names stand beside
        sns.scatterplot(
            dots, **dict(zip("yx" if turned else "xy", "xy", strict=True)), ax=ax, legend=False,
            s=look.pt(3.6) ** 2, edgecolor=style.PART, linewidth=look.pt(0.35), clip_on=False,
            zorder=2, **({"color": look.groups[5]} if levels else told),
        )  # fmt: skip
        at, slope = dots["x"].mean(), float(panel == "quantile")
        end = {"slope": slope} if not turned else {"xy2": (0, at + 1)}
        first = (at, slope * at) if not turned else (0, at)
        ax.axline(first, **end, color=style.INK, linestyle=style.DASHED, zorder=1)
        numbers(ax, count=5)
        upright = "\n".join(wrap(upright, look.pt(PANEL_HEIGHT), look.letters))
        if panel == "arm":
            room = look.pt(1.1)
            names = ["\n".join(wrap(arm, room, look.letters)) for arm in arms]
            places = dots.groupby("arm")["x"].mean().round()
            (ax.set_yticks if turned else ax.set_xticks)(places, names)
        if turned:
            ax.invert_yaxis()
            lying, upright = upright, lying
        ax.set(xlabel=lying, ylabel=upright)
