"""A picture made larger as a whole: its letters, lines and marks with it."""

from __future__ import annotations

from typing import Any, Literal, cast

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axis import Axis, Tick, XAxis
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text


def enlarge(picture: Figure, times: float) -> None:
    """Make everything on a picture so many times as large, in place.

    Matplotlib gives places as shares of the picture, but letters, lines and marks in points.
    """
    in_ticks = {part for tick in picture.findobj(Tick) for part in tick.findobj()}
    for artist in picture.findobj():
        if artist not in in_ticks:
            _grow(artist, times)
    width, height = picture.get_size_inches()
    picture.set_size_inches(times * width, times * height)


def _grow(artist: Artist, times: float) -> None:
    if isinstance(artist, Axis):
        _grow_axis(artist, times)
    elif isinstance(artist, Text):
        artist.set_fontsize(times * float(artist.get_fontsize()))
        if isinstance(artist, Annotation) and artist.anncoords == "offset points":
            x, y = artist.xyann
            artist.xyann = times * x, times * y
    elif isinstance(artist, Line2D):
        artist.set_linewidth(times * artist.get_linewidth())
        artist.set_markersize(times * artist.get_markersize())
        artist.set_markeredgewidth(times * artist.get_markeredgewidth())
    elif isinstance(artist, Patch):
        artist.set_linewidth(times * artist.get_linewidth())
    elif isinstance(artist, Collection):
        artist.set_linewidth((times * np.atleast_1d(artist.get_linewidth())).tolist())
    if isinstance(artist, PathCollection):
        artist.set_sizes(times**2 * artist.get_sizes())  # areas


def _grow_axis(axis: Axis, times: float) -> None:
    """Change what ticks are made by: most of them are made when the picture is drawn."""
    axis.labelpad *= times
    name, settings = "x" if isinstance(axis, XAxis) else "y", cast(Any, matplotlib.rcParams)
    ticks: dict[Literal["major", "minor"], Tick] = {
        "major": axis.get_major_ticks(1)[0],
        "minor": axis.get_minor_ticks(1)[0],
    }
    for which, tick in ticks.items():
        axis.set_tick_params(
            which=which,
            length=times * tick.tick1line.get_markersize(),
            width=times * tick.tick1line.get_markeredgewidth(),
            pad=times * settings[f"{name}tick.{which}.pad"],
            labelsize=times * float(tick.label1.get_fontsize()),
        )
