"""Where the dots of an estimation plot stand, in inches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnstudy.reporting.figures.lettering import line_height, wrap
from mnstudy.reporting.reading import verdict_axis
from mnstudy.verdicts.displays.points import PatientGroup, Points

TALLEST = 0.62  # inches a crowd of dots may take
MEAN = 0.17  # inches for the mean beneath them
Ends = tuple[float, float]


def ends_of(points: Points) -> Ends:
    """Return the ends of the axis of the groups: dots, means, estimate and margin lie inside."""
    finding, axis = points.finding, verdict_axis(points.finding)
    assert finding.estimate is not None
    shifted = [finding.estimate.value, axis.margin, 0.0, axis.other_margin]
    core = [*(x for arm in points.arms for x in arm.values), *(a.mean for a in points.arms)]
    core += [points.zero + x for x in shifted if x is not None]
    known = [x for x in core if np.isfinite(x)]
    low, high = min(known), max(known)
    room = (high - low) or 1.0
    wide = [x for a in points.arms for x in (a.ci_low, a.ci_high)]
    wide += [points.zero + x for x in (finding.estimate.ci_low, finding.estimate.ci_high)]
    inside = [x for x in wide if low - room <= x <= high + room]
    low, high = min([low, *inside]), max([high, *inside])
    return low - 0.04 * (high - low or 1.0), high + 0.04 * (high - low or 1.0)


@dataclass(frozen=True, slots=True)
class Group:
    """One group laid out: its name, and where its dots stand in inches."""

    arm: PatientGroup
    label: tuple[str, ...]
    places: NDArray[np.float64]
    offsets: NDArray[np.float64]
    crowd: float
    size: float

    @property
    def height(self) -> float:
        """Height of the name, or of dots and mean, in inches."""
        lines = (len(self.label) + 1) * line_height(self.size)
        mean = 0.0 if np.isnan(self.arm.mean) else MEAN
        return max(lines, self.crowd + mean) + 0.09


def lay_out(
    arm: PatientGroup, ends: Ends, room: float, labels: float, size: float, dot: float
) -> Group:
    """Lay a group out: ``room`` for dots, ``labels`` for its name, ``dot`` wide, in inches."""
    places = room * (arm.values - ends[0]) / (ends[1] - ends[0])
    offsets = stacked(places, dot)
    return Group(
        arm=arm,
        label=tuple(wrap(arm.label, labels, size)),
        places=places,
        offsets=offsets,
        crowd=float(np.ptp(offsets) if len(offsets) else 0) + dot,
        size=size,
    )


def stacked(places: NDArray[np.float64], dot: float) -> NDArray[np.float64]:
    """Return how far each dot stands off its line, so that as few as possible hide each other.

    Dots that share a stretch as wide as a dot stand on both sides of the line in turn; where they
    are too many for the height they come closer.
    """
    stretch = np.floor(places / dot).astype(int)
    rank = pd.Series(stretch).groupby(stretch).cumcount().to_numpy()
    size = pd.Series(stretch).groupby(stretch).transform("size").to_numpy()
    most = int(size.max()) if len(size) else 1
    step = min(dot, (TALLEST - dot) / max(most - 1, 1))
    side = np.where(rank % 2 == 1, 1.0, -1.0)
    offsets: NDArray[np.float64] = side * ((rank + 1) // 2) * step + np.where(
        size % 2 == 0, -step / 2, 0.0
    )
    return offsets
