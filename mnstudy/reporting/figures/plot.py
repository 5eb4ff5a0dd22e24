"""The figure of a finding: the estimate against its margin, and the numbers behind it.

Figures compute nothing: they draw what a finding holds. No patient is ever drawn.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mnstudy.disclosure import safe, shown_size
from mnstudy.reporting import words as captions
from mnstudy.reporting.figures import course
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.figures.drawing import draw_mark, draw_panel
from mnstudy.reporting.figures.forest import forest_panels
from mnstudy.reporting.figures.intervals import (
    comparison_panel,
    estimate_panel,
    part_panels,
    same_axis,
)
from mnstudy.reporting.figures.lettering import line_height, wrap
from mnstudy.reporting.figures.rows import Panel, lay_out
from mnstudy.reporting.figures.specification import plot_curve
from mnstudy.reporting.figures.style import Picture, inch_text
from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.findings import Finding
from mnstudy.verdicts.robustness.specification import SpecificationCurve

MARGIN = 0.12  # inches around everything
BETWEEN = 0.16


def plot(
    finding: Finding | Sequence[Finding] | SpecificationCurve | Chart, *, width: str = "full"
) -> Picture:
    """Draw a finding, what several bodies of data say about one claim, or a specification curve.

    Parameters
    ----------
    finding : Finding, sequence of Finding, SpecificationCurve or Chart
        One finding; findings about the same claim, drawn beneath each other; or a claim under all
        combinations of choices, see ``mnstudy.specification_curve``; or a chart of the published
        evidence.
    width : str
        ``full`` (180 mm, both columns of a journal), ``column`` (85 mm) or ``slide`` (10 inches,
        letters of 14 points).

    Returns
    -------
    Picture
        A matplotlib figure; ``picture.savefig(path)`` writes it, ``picture.alt`` describes it.

    Raises
    ------
    ValueError
        No finding was given, or findings about several claims; an unknown width.
    TypeError
        Something else was given, such as the id of a claim; the nearest is offered.

    Notes
    -----
    Of a claim that is not testable the figure says why, and draws what further numbers there are.

    Examples
    --------
    >>> import mnstudy as mn
    >>> findings = mn.evaluate(mn.load("demo_split_face"), claims="topical-adjunct")
    >>> mn.plot(findings["topical-adjunct"]).alt[:44]
    'Intervals on an axis. Needling with a serum '
    """
    if isinstance(finding, Chart):
        return theme.at_width(finding.draw, width)
    if isinstance(finding, SpecificationCurve):
        return theme.at_width(partial(plot_curve, finding), width)
    findings = [safe(f) for f in _findings(finding)]
    return theme.at_width(partial(_plot_findings, _drawable(findings)), width)


def _findings(given: Any) -> list[Finding]:
    """Return the findings given, one or several; TypeError for anything else."""
    if isinstance(given, str):
        near = difflib.get_close_matches(given, registry(), n=1, cutoff=0.4)
        claim = repr(near[0]) if near else "claim_id"
        how = f"mn.plot(mn.evaluate(cohort, {claim})[{claim}]); mn.claims() lists the ids"
        raise TypeError(f"plot draws a finding, not the text {given!r}: {how}")
    several = isinstance(given, Iterable) and not isinstance(given, Finding)
    findings = list(given) if several else [given]
    for one in findings:
        if not isinstance(one, Finding):
            raise TypeError(
                f"plot takes a finding, a chart, a specification curve or findings about one "
                f"claim, not {type(one).__name__}"
            )
    return findings


def _plot_findings(shown: Sequence[Finding], width: float, size: float) -> Picture:
    canvas = _Canvas(width, size)
    head = _head(shown, canvas)
    blocks = _blocks(shown, canvas)
    height = sum(b.height for b in blocks) + BETWEEN * len(blocks) + head.height + 2 * MARGIN
    with theme.themed():
        picture = theme.new_picture(canvas.width, height, _alt(shown))
        if any(f.synthetic for f in shown):
            theme.watermark(picture)
        top = MARGIN
        for block in (head, *blocks):
            block.draw(picture, top)
            top += block.height + BETWEEN
    return picture


def _drawable(findings: Sequence[Finding]) -> list[Finding]:
    if not findings:
        raise ValueError("there is nothing to draw: no finding was given")
    if len({f.claim.id for f in findings}) > 1:
        raise ValueError(
            "these findings answer different claims: draw them one by one, or use the scorecard"
        )
    return [f for f in findings if f.estimate is not None] or list(findings[:1])


def _alt(findings: Sequence[Finding]) -> str:
    return " ".join(captions.alt_text(f) for f in findings)


@dataclass(frozen=True, slots=True)
class _Canvas:
    width: float
    size: float

    @property
    def inner(self) -> float:
        return self.width - 2 * MARGIN


@dataclass(frozen=True, slots=True)
class _Head:
    """Title, estimand and, for each finding, data and verdict."""

    canvas: _Canvas
    lines: tuple[tuple[str, float, str, str], ...]
    marks: tuple[tuple[int, str], ...]

    @property
    def height(self) -> float:
        return sum(line_height(size) for _, size, _, _ in self.lines)

    def draw(self, picture: Picture, top: float) -> None:
        marks, at = dict(self.marks), top
        for i, (text, size, colour, weight) in enumerate(self.lines):
            indent = 0.0 if colour != theme.INK or weight == "bold" else 0.16
            style: dict[str, Any] = {"fontsize": size, "color": colour, "fontweight": weight}
            inch_text(picture, MARGIN + indent, at, text, **style)
            if i in marks:
                draw_mark(picture, MARGIN + 0.05, at + line_height(size) / 2, marks[i])
            at += line_height(size)


def _head(findings: Sequence[Finding], canvas: _Canvas) -> _Head:
    claim, size = findings[0].claim, canvas.size
    lines = [(t, size + 2, theme.INK, "bold") for t in _wrapped(claim.title, canvas, 2, bold=True)]
    lines += [
        (t, size - 0.5, theme.MUTED, "normal") for t in _wrapped(claim.estimand, canvas, -0.5)
    ]
    marks = []
    for finding in findings:
        mark = " · SYNTHETIC DATA" if finding.synthetic else ""
        source = " · ".join(x for x in (finding.dataset + mark, shown_size(finding)) if x)
        lines += [(t, size - 0.5, theme.MUTED, "normal") for t in _wrapped(source, canvas, -0.5)]
        marks.append((len(lines), finding.verdict))
        words = wrap(f"{finding.verdict}: {finding.reason}", canvas.inner - 0.16, size)
        lines += [(t, size, theme.INK, "normal") for t in words]
    return _Head(canvas, tuple(lines), tuple(marks))


def _wrapped(text: str, canvas: _Canvas, larger: float, *, bold: bool = False) -> list[str]:
    return wrap(text, canvas.inner, canvas.size + larger, bold=bold)


@dataclass(frozen=True, slots=True)
class _RowBlock:
    panel: Panel
    canvas: _Canvas

    @property
    def height(self) -> float:
        return lay_out(self.panel, self.canvas.inner, self.canvas.size).height

    def draw(self, picture: Picture, top: float) -> None:
        layout = lay_out(self.panel, self.canvas.inner, self.canvas.size)
        draw_panel(picture, self.panel, layout, MARGIN, top)


def _blocks(findings: Sequence[Finding], canvas: _Canvas) -> list[_RowBlock | course.SessionMeans]:
    if len(findings) > 1:
        panels = [comparison_panel(g, labels=[f.dataset for f in g]) for g in same_axis(findings)]
        return [_RowBlock(panel, canvas) for panel in panels]
    finding = findings[0]
    forest = forest_panels(finding)
    untold = finding.estimate is not None and not _forest_says_it(finding)
    main = [estimate_panel(finding)] if untold else []
    sessions = [p for p in finding.parts if p.kind == "session"]
    blocks: list[_RowBlock | course.SessionMeans] = [_RowBlock(p, canvas) for p in (*main, *forest)]
    parts = part_panels(finding)
    if sessions:
        gains = next((p for p in parts if p.kind == "gain"), None)
        blocks.append(
            course.SessionMeans(finding, tuple(sessions), gains, MARGIN, canvas.inner, canvas.size)
        )
        parts = [p for p in parts if p is not gains]
    return [*blocks, *(_RowBlock(p, canvas) for p in parts)]


def _forest_says_it(finding: Finding) -> bool:
    """Tell whether the first pooled value among the parts is the estimate itself."""
    pooled = next((p for p in finding.parts if p.kind == "pooled"), None)
    estimate = finding.estimate
    if pooled is None or estimate is None:
        return False
    return (pooled.value, pooled.ci_low) == (estimate.value, estimate.ci_low)
