"""Where everything of a specification curve lies on its picture, in inches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import specification_words as words
from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.lettering import line_height, text_width, wrap
from mnstudy.verdicts.robustness.specification import SpecificationCurve

MARGIN = 0.12  # inches around everything
GAP = 0.1
PLOT_HEIGHT = 1.75
TICKS = 0.42  # room for the numbers of the axis
LABELS = 0.43  # share of the width that the names of the choices may take
ROW_PAD = 0.03
BAND = 0.16  # at most, behind the usual choices
Line = tuple[str, float, str, str]  # text, size, colour, weight


@dataclass(frozen=True)
class CurvePlan:
    """Where everything lies, in inches."""

    curve: SpecificationCurve
    table: pd.DataFrame
    width: float
    size: float

    @property
    def inner(self) -> float:
        """Width inside the margins."""
        return self.width - 2 * MARGIN

    @cached_property
    def head(self) -> list[Line]:
        """Title and what lies behind the curve, wrapped."""
        finding, small = self.curve.finding, self.size - 0.5
        mark = " · SYNTHETIC DATA" if finding.synthetic else ""
        n = fmt.count(len(self.table), "specification")
        few = len(self.curve.table) - len(self.table)
        hidden = f", {few} more not shown" if few else ""
        muted = [
            "the same question under other defensible choices",
            f"{finding.dataset}{mark} · {n}{hidden} · {words.patients(self.table)}",
            words.joint_words(self.curve, "all together: "),
        ]
        title = wrap(finding.claim.title, self.inner, self.size + 2, bold=True)
        lines: list[Line] = [(t, self.size + 2, theme.INK, "bold") for t in title]
        for text in muted:
            broken = wrap(text, self.inner, small)
            lines += [(t, small, theme.MUTED, "normal") for t in broken]
        return lines

    @property
    def head_height(self) -> float:
        """Height of title and verdicts."""
        verdicts = len(words.counted_verdicts(self.table)) * line_height(self.size)
        return sum(line_height(size) for _, size, _, _ in self.head) + verdicts

    @cached_property
    def choices(self) -> list[tuple[str, str, list[str]]]:
        """Kind, option and wrapped words of every row; the option is empty in a heading."""
        rows: list[tuple[str, str, list[str]]] = []
        for kind, options in words.varied(self.table).items():
            rows.append((kind, "", wrap(words.KINDS.get(kind, kind), self.inner, self.size - 0.5)))
            rows += [(kind, o, wrap(t, self.labels - 0.1, self.size)) for o, t in options.items()]
        return rows

    @cached_property
    def labels(self) -> float:
        """Width of the names of the choices."""
        texts = [t for options in words.varied(self.table).values() for t in options.values()]
        needed = max((text_width(t, self.size) for t in texts), default=0.0) + 0.14
        return min(max(needed, 0.9 + TICKS), LABELS * self.inner)

    @property
    def plot_left(self) -> float:
        """Left edge of both panels."""
        return MARGIN + self.labels + GAP

    @property
    def plot_width(self) -> float:
        """Width of both panels."""
        return self.width - self.plot_left - MARGIN - 0.05

    @property
    def plot_top(self) -> float:
        """Top of the estimates; above it the unit, and the name of the usual choices."""
        return MARGIN + self.head_height + GAP + line_height(self.size) + 0.04

    @property
    def choices_top(self) -> float:
        """Top of the choices."""
        return self.plot_top + PLOT_HEIGHT + GAP

    def row_height(self, row: tuple[str, str, list[str]]) -> float:
        """Height of one row of the choices."""
        size = self.size if row[1] else self.size - 0.5
        return ROW_PAD + len(row[2]) * line_height(size)

    @property
    def choices_height(self) -> float:
        """Height of all choices."""
        return sum(self.row_height(row) for row in self.choices)

    @property
    def height(self) -> float:
        """Height of everything."""
        return self.choices_top + self.choices_height + 0.06 + line_height(self.size) + MARGIN

    @cached_property
    def usual(self) -> int | None:
        """Place of the usual choices; None where the study file leaves them out."""
        found = self.table.index[words.is_usual(self.table)]
        return int(found[0]) if len(found) else None

    def set_columns(self, axes: Axes) -> None:
        """Give both panels the same columns, the band of the usual choices behind them."""
        axes.set_xlim(-0.7, len(self.table) - 0.3)
        axes.xaxis.set_major_locator(NullLocator())
        axes.spines["bottom"].set_visible(False)
        if self.usual is not None:
            half = min(0.5, BAND / 2 * (len(self.table) + 0.4) / self.plot_width)
            ends = (self.usual - half, self.usual + half)
            axes.axvspan(*ends, color=theme.RULE, linewidth=0, zorder=-3)
