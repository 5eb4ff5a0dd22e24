"""What charts have in common: panels beneath a head, a key, and the Axes somebody gives."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mnstudy import formatting as fmt
from mnstudy.reporting.figures import style
from mnstudy.reporting.figures.style import Look, Palette, Picture, Width, wrap
from mnstudy.verdicts.finding.finding import Finding

SYNTHETIC = "SYNTHETIC DATA"
EDGE = 0.08  # inches on paper between the edge of a figure and its head or key
INDENT = 0.35  # inches that the mark of an entry and the gaps round it take
COLUMN_GAP = 0.18  # inches between the columns of a key
ROOMY = 12.0  # inches: more than head, key and labels ever need, until they are measured
STEPS = [1, 2, 2.5, 5, 10]
Handle = Line2D | Patch
Entry = tuple[Handle, str]  # of a key: a sample and its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One axes of a figure: how it is drawn, and how many inches on paper it is high."""

    draw: Callable[[Axes, Look], None]
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A figure before it is drawn.

    Attributes
    ----------
    title : str
    words : sequence of str or Entry
        Lines beneath the title, muted; with a sample in front where it is an entry.
    panels : sequence of Panel
        The first is the one drawn on an Axes that somebody gives.
    key, other_key : sequence of Entry
        Of the first panel, and of the others: an Axes that somebody gives has the former only.
    foot : sequence of str
        Lines beneath everything.
    alt : str
    synthetic : bool
    beside : bool
        Whether panels stand beside each other where there is room.
    aligned : bool
        Whether the edges of all panels are the same.
    """

    title: str
    panels: Sequence[Panel]
    words: Sequence[str | Entry] = ()
    key: Sequence[Entry] = ()
    other_key: Sequence[Entry] = ()
    foot: Sequence[str] = ()
    alt: str = ""
    synthetic: bool = False
    beside: bool = False
    aligned: bool = False


def sample(look: Look, *, fill: str = "", **mark: Any) -> Handle:
    """Return the sample of a key: a patch of a colour, or a line or mark in matplotlib's words.

    Sizes are in points on paper. Without a linestyle it is a mark alone, without anything empty.
    """
    if fill:
        return Patch(facecolor=fill, edgecolor=mark.get("edge", "none"), alpha=mark.get("alpha"))
    for size in ("markersize", "linewidth", "markeredgewidth"):
        if size in mark:
            mark[size] = look.pt(mark[size])
    return Line2D([], [], **{"linestyle": "none", **mark})


def verdict_sample(look: Look, verdict: str, size: float = 6) -> Handle:
    """Return the mark of a verdict."""
    kept = look.verdicts[verdict]
    return sample(look, marker=kept.marker, markersize=size, color=kept.colour,
                  markeredgecolor=kept.edge)  # fmt: skip


def draw_plan(
    plan_for: Callable[[Look], Plan],
    *,
    ax: Axes | None = None,
    width: Width = None,
    palette: Palette = None,
    title: str | None = None,
) -> Axes | Picture:
    """Draw a plan on a figure of its own, or its first panel on an Axes.

    Parameters are those of ``mnstudy.plot``.
    """
    if ax is None:
        look = style.look(width, palette)
        with look.theme():
            return _figure(plan_for(look), look, title)
    if width is not None:
        raise ValueError("width does nothing on an Axes of yours: set the size of its figure")
    inches = float(ax.get_window_extent().width / ax.figure.get_dpi())
    look = style.look(None, palette)
    letters = float(ax.xaxis.label.get_fontsize())
    look = replace(look, width=inches, letters=letters)
    with look.theme():
        plan = plan_for(look)
        plan.panels[0].draw(ax, look)
        if title:
            ax.set_title(title, loc="left", fontsize=letters, fontweight="bold")
        if plan.key:
            room = inches - look.pt(2 * INDENT)
            names = ["\n".join(wrap(name, room, letters - 0.5)) for _, name in plan.key]
            key = ax.legend([handle for handle, _ in plan.key], names, fontsize=letters - 0.5)
            key.set_in_layout(False)  # a constrained layout would shrink the Axes for it
        if plan.synthetic:
            style.mark_synthetic(ax, look)
    return ax


def _figure(plan: Plan, look: Look, title: str | None) -> Picture:
    rows = _rows(plan, look)
    heights = [look.scale * max(panel.height for panel in row) for row in rows]
    picture = style.new_picture(look, 2 * sum(heights) + ROOMY * look.scale, plan.alt)
    _head(picture, plan, look, plan.title if title is None else title)
    _key(picture, plan, look)
    grid = picture.add_gridspec(len(rows), len(rows[0]), height_ratios=heights)
    axes = [
        [
            picture.add_subplot(grid[i, j])
            if plan.aligned
            else picture.add_subfigure(grid[i, j]).add_subplot()
            for j in range(len(row))
        ]
        for i, row in enumerate(rows)
    ]
    for row, places in zip(rows, axes, strict=True):
        for panel, ax in zip(row, places, strict=True):
            panel.draw(ax, look)
    _fit(picture, grid, axes, heights)
    for row, places, height in zip(rows, axes, heights, strict=True):
        for panel, ax in zip(row, places, strict=True):
            if look.scale * panel.height < height:  # it keeps its own beside a higher one
                width = ax.get_window_extent().width / picture.dpi
                ax.set_box_aspect(look.scale * panel.height / width)
    if plan.synthetic:
        style.mark_synthetic(picture, look)
    return picture


def _rows(plan: Plan, look: Look) -> list[list[Panel]]:
    """Return the panels row by row; of a plan without one, an empty one for the head alone."""
    panels = plan.panels or [Panel(draw=lambda ax, _: ax.set_axis_off(), height=0.01)]
    columns = 2 if plan.beside and look.wide and len(panels) > 1 else 1
    return [list(panels[i : i + columns]) for i in range(0, len(panels), columns)]


def _fit(
    picture: Picture, grid: GridSpec, axes: Sequence[Sequence[Axes]], heights: Sequence[float]
) -> None:
    """Give panels their heights: constrained layout tells what words need beside them."""
    engine = picture.get_layout_engine()
    assert engine is not None
    engine.execute(picture)
    width, whole = picture.get_size_inches()
    plots = [row[0].get_window_extent().height / picture.dpi for row in axes]
    if axes[0][0].figure is picture:
        picture.set_size_inches(width, round(whole + sum(heights) - sum(plots), 4))
        return
    frames = [row[0].figure.bbox.height / picture.dpi for row in axes]
    beside = [
        max(ax.figure.bbox.height - ax.get_window_extent().height for ax in row) / picture.dpi
        for row in axes
    ]
    wanted = [round(height + words, 4) for height, words in zip(heights, beside, strict=True)]
    grid.set_height_ratios(wanted)
    picture.set_size_inches(width, round(whole + sum(wanted) - sum(frames), 4))


def _head(picture: Picture, plan: Plan, look: Look, title: str) -> None:
    """Write the title and the lines beneath it; constrained layout makes the room."""
    room, size = look.width - 2 * look.pt(EDGE), look.letters
    above = wrap(title, room, size + 2, bold=True) if title else []
    above = ["", *above] if plan.synthetic else above  # beneath its mark
    if not plan.words and not above:
        return
    handles, lines, colours = [], [], []
    for words in plan.words:
        handle, text = words if isinstance(words, tuple) else (sample(look), words)
        own = wrap(text, room - look.pt(INDENT), size - 0.5)
        lines += own  # each by itself: the mark stands beside the first
        handles += [handle, *(sample(look) for _ in own[1:])]
        colours += [style.INK if isinstance(words, tuple) else style.MUTED] * len(own)
    marked = any(isinstance(x, tuple) for x in plan.words)
    flush = {} if marked else {"handlelength": 0, "handletextpad": 0}
    picture.legend(
        handles, lines, **flush,
        title="\n".join(above) or (" " if above else None),
        title_fontproperties={"weight": "bold", "size": size + 2}, alignment="left",
        loc="outside upper left", labelcolor=colours or None,
    )  # fmt: skip


def _key(picture: Picture, plan: Plan, look: Look) -> None:
    size, key = look.letters - 0.5, [*plan.key, *plan.other_key]
    room = look.width - 2 * look.pt(EDGE) - look.pt(INDENT)
    names = ["\n".join(wrap(name, room, size)) for _, name in key]
    foot = ["\n".join(wrap(text, room, size)) for text in plan.foot]
    if not names and not foot:
        return
    columns = 1 if foot else _key_columns(names, look)
    handles = [handle for handle, _ in key] + [sample(look) for _ in foot]
    colours = [style.INK] * len(names) + [style.MUTED] * len(foot)
    picture.legend(
        handles, [*names, *foot], loc="outside lower left", ncols=columns, labelcolor=colours,
        columnspacing=1.2,
    )  # fmt: skip


def _key_columns(names: Sequence[str], look: Look) -> int:
    """Return the most columns that the entries of a key fit in; a legend fills them downwards."""
    each = [
        max(style.text_width(line, look.letters - 0.5) for line in name.split("\n"))
        + look.pt(INDENT + COLUMN_GAP)
        for name in names
    ]
    for columns in range(len(names), 1, -1):
        longer, rows = len(names) % columns, len(names) // columns
        ends = [i * rows + min(i, longer) for i in range(columns + 1)]
        if sum(max(each[a:b]) for a, b in pairwise(ends)) < look.width - look.pt(EDGE):
            return columns
    return 1


class Rows:
    """Rows with a label each, flush left; the upright axis runs down in inches.

    Parameters
    ----------
    labels : sequence of tuple of str and bool
        What is written, and whether it is bold.
    look : Look
    room : float
        Inches that the labels may take.
    least : float or sequence of float
        Inches on paper that a row, or each of them, is high at least.
    pad : float
        Inches on paper between rows; thrice as many where the label is bold.
    """

    def __init__(
        self, labels: Sequence[tuple[str, bool]], look: Look, *, room: float,
        least: float | Sequence[float] = 0.0, pad: float = 0.04,
    ) -> None:  # fmt: skip
        self.size, self.bold = look.letters - 0.5, [bold for _, bold in labels]
        lines = [wrap(text, room, self.size, bold=bold) for text, bold in labels]
        self.texts = ["\n".join(own) for own in lines]
        widths = [style.text_width(x, self.size, bold=bold)
                  for own, bold in zip(lines, self.bold, strict=True) for x in own]  # fmt: skip
        self.width = max(widths, default=0.0) + look.pt(0.1)
        step = style.line_height(self.size)
        tall = [least] * len(lines) if isinstance(least, float) else least
        heights = [max(step * len(own), look.pt(x)) + look.pt(3 * pad if bold else pad)
                   for own, x, bold in zip(lines, tall, self.bold, strict=True)]  # fmt: skip
        self.edges = [0.0, *accumulate(heights)]
        self.height = self.edges[-1] / look.scale  # on paper, as a panel is told
        self.middles = [(a + b) / 2 for a, b in pairwise(self.edges)]

    def draw(self, ax: Axes) -> None:
        """Write the labels as those of the upright axis."""
        ax.set_ylim(self.edges[-1], 0)
        ax.spines["left"].set_visible(False)
        name_rows(ax, self.middles, self.texts, self.bold, width=self.width, size=self.size)


def name_rows(
    ax: Axes, places: Sequence[float], texts: Sequence[str], bold: Sequence[bool], *, width: float,
    size: float, small: Sequence[bool] = (),
) -> None:  # fmt: skip
    """Write labels of the upright axis flush left, ``width`` inches from it; some bold or small."""
    ax.set_yticks(places, texts)
    ax.tick_params(axis="y", length=0, pad=72 * width, labelsize=size)
    for label, heavy in zip(ax.get_yticklabels(), bold, strict=True):
        label.set(ha="left", va="center", fontweight="bold" if heavy else "normal")
    for label, less in zip(ax.get_yticklabels(), small, strict=False):
        label.set(color=style.MUTED if less else style.INK, fontsize=size - less)


def verdict_marks(ax: Axes, table: pd.DataFrame, look: Look, **more: Any) -> None:
    """Scatter rows, each with the colour and the mark of the verdict in its column ``verdict``.

    ``more`` are x, y and whatever else ``seaborn.scatterplot`` takes.
    """
    if table.empty:
        return
    kept = look.verdicts
    plain = {"edgecolor": [kept[v].edge for v in table["verdict"]], "linewidth": look.pt(0.7)}
    sns.scatterplot(
        table, hue="verdict", style="verdict", ax=ax, legend=False, clip_on=False, zorder=3,
        palette={v: x.colour for v, x in kept.items()},
        markers={v: x.marker for v, x in kept.items()}, **plain | more,
    )  # fmt: skip


def numbers(ax: Axes, *, x: bool = True, y: bool = True, count: int = 6) -> None:
    """Put a few round ticks on the axes, written as people enter numbers."""
    for axis, wanted in ((ax.xaxis, x), (ax.yaxis, y)):
        if wanted:
            axis.set_major_locator(MaxNLocator(nbins=count, steps=STEPS))
            axis.set_major_formatter(
                FuncFormatter(lambda at, _: fmt.as_entered(round(float(at), 10)))
            )


def source_line(dataset: str, *, synthetic: bool, size: str) -> str:
    """Say which data, how many, and that invented data are invented."""
    return " · ".join(x for x in (dataset, SYNTHETIC if synthetic else "", size) if x)


def whose(finding: Finding) -> str:
    """Name the claim and the data, for an alternative text."""
    synthetic = "synthetic data, " if finding.synthetic else ""
    return f"{finding.claim.title}, {synthetic}{finding.dataset}"


def level_of(finding: Finding) -> str:
    """Write the level of the interval of a finding."""
    return fmt.level(finding.estimate.confidence_level) if finding.estimate else ""


def confidence_band(
    ax: Axes, x: Sequence[float], ends: tuple[Sequence[float], Sequence[float]], look: Look, *,
    first: bool,
) -> None:  # fmt: skip
    """Draw the range around a line: filled for the first line, thin edges for the second."""
    if first:
        ax.fill_between(x, *ends, color=look.groups[0], alpha=0.2, linewidth=0, zorder=0.5)
        return
    edge: dict[str, Any] = {"color": look.groups[1], "linestyle": style.DOTTED, "zorder": 0.6}
    for end in ends:
        ax.plot(x, end, linewidth=look.pt(0.7), **edge)


def numbers_at_risk(ax: Axes, shown: Sequence[tuple[float, str]], look: Look) -> None:
    """Write counts beneath the numbers of the lying axis, at those places that leave room."""
    low, high = ax.get_xlim()
    inches = ax.get_window_extent().width / ax.figure.get_dpi()
    taken, ticks = -math.inf, {}
    for x, text in shown:
        words = f"{fmt.as_entered(x)}\n{text}"
        widest = max(style.text_width(line, look.letters) for line in words.split("\n"))
        half = widest / 2 * (high - low) / inches
        if low <= x <= high and x - half >= taken:
            ticks[x] = words
            taken = x + 1.3 * half
    ax.set_xticks(list(ticks), list(ticks.values()))


class Chart(ABC):
    """A chart that stands in a report: it computes nothing, it draws what it holds."""

    __slots__ = ()

    @property
    @abstractmethod
    def key(self) -> str:
        """Name among the files of its source."""

    @property
    @abstractmethod
    def caption(self) -> str:
        """What is shown, of how many, by which method."""

    @property
    @abstractmethod
    def alt(self) -> str:
        """Description for those who do not see it."""

    @abstractmethod
    def data(self) -> pd.DataFrame:
        """Return every number that is drawn, full precision."""

    @abstractmethod
    def plan(self, look: Look) -> Plan:
        """Return what is drawn with this look."""

    def draw(
        self,
        ax: Axes | None = None,
        *,
        width: Width = None,
        palette: Palette = None,
        title: str | None = None,
    ) -> Axes | Picture:
        """Draw the chart.

        Parameters
        ----------
        ax : Axes, optional
            The main panel is drawn on it; a figure of its own, with all panels, when left out.
        width, palette, title
            See ``mnstudy.plot``.

        Returns
        -------
        Axes or Picture
            The Axes that was given, else a matplotlib figure; both can be drawn on.
        """
        return draw_plan(self.plan, ax=ax, width=width, palette=palette, title=title)
