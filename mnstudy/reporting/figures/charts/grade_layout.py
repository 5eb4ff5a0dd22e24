"""Where the bars and bands of a grade flow lie, in inches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnstudy.reporting.figures.lettering import line_height, text_width, wrap
from mnstudy.verdicts.displays.grades import GradeFlow, GradeTable

TALL = 1.5  # inches that all sites together take
NOMINAL = 0.07  # inches of a band whose count is suppressed: the same for all
GAP = 0.07
LABELS = 0.33  # share of the width that names may take on either side


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The bar of one grade, before or after, and what stands beside it."""

    before: bool
    top: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A flow between two grades: its upper edge and its height at both ends."""

    left: float
    right: float
    left_height: float
    right_height: float
    move: str
    text: str
    suppressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmLayout:
    """One arm laid out: bars, bands, and the room of the names on either side."""

    nodes: tuple[Node, ...]
    bands: tuple[Band, ...]
    labels: float
    width: float
    height: float


def lay_out(flow: GradeFlow, arm: GradeTable, width: float, size: float) -> ArmLayout:
    """Lay the flow of an arm out in this width; the worst grade stands on top.

    Counts that are suppressed share out in equal parts what a total leaves for them; where the
    total is suppressed too, each takes the same room whatever it is.
    """
    grades = sorted(flow.names, reverse=flow.better == "lower")
    scale = TALL / max(_all(arm, grades, before=before) for before in (True, False))
    heights = {side: _heights(arm, grades, scale, before=side) for side in (True, False)}
    texts = {
        (grade, before): f"{flow.names[grade]}: {_total(arm, grade, before=before)}"
        for grade in grades
        for before in (True, False)
    }
    room = min(LABELS * width, max(text_width(t, size) for t in texts.values()))
    lines = {key: tuple(wrap(text, room, size)) for key, text in texts.items()}
    tops: dict[bool, dict[int, float]] = {}
    bottoms = []
    nodes = []
    for before in (True, False):
        at, tops[before] = 0.0, {}
        for grade in grades:
            own = sum(heights[before][pair] for pair in _pairs(grade, grades, before=before))
            slot = max(own, len(lines[grade, before]) * line_height(size))
            tops[before][grade] = at + (slot - own) / 2
            nodes.append(Node(before=before, top=tops[before][grade], height=own,
                              lines=lines[grade, before]))  # fmt: skip
            at += slot + GAP
        bottoms.append(at - GAP)
    return ArmLayout(
        nodes=tuple(nodes),
        bands=tuple(_bands(flow, arm, grades, heights, tops)),
        labels=room + 0.08,
        width=width,
        height=max(bottoms),
    )


Heights = Mapping[tuple[int, int], float]


def _all(arm: GradeTable, grades: Sequence[int], *, before: bool) -> float:
    """Return the sites that the bars of one side show."""
    return sum(_known(arm, grade, grades, before=before) for grade in grades) or 1.0


def _known(arm: GradeTable, grade: int, grades: Sequence[int], *, before: bool) -> float:
    """Return the total of a grade, or what is shown of it."""
    total = float(arm.counts.loc[(grade, "total") if before else ("total", grade)])
    if not math.isnan(total):
        return total
    counts = [float(arm.counts.loc[pair]) for pair in _pairs(grade, grades, before=before)]
    return sum(n for n in counts if not math.isnan(n))


def _heights(arm: GradeTable, grades: Sequence[int], scale: float, *, before: bool) -> Heights:
    """Return how high every band is on one side."""
    heights: dict[tuple[int, int], float] = {}
    for grade in grades:
        pairs = _pairs(grade, grades, before=before)
        counts = {pair: float(arm.counts.loc[pair]) for pair in pairs}
        shown = sum(n for n in counts.values() if not math.isnan(n))
        hidden = sum(math.isnan(n) for n in counts.values())
        rest = scale * (_known(arm, grade, grades, before=before) - shown)
        each = rest / hidden if rest > 0 and hidden else NOMINAL
        heights |= {pair: each if math.isnan(n) else scale * n for pair, n in counts.items()}
    return heights


def _pairs(grade: int, grades: Sequence[int], *, before: bool) -> list[tuple[int, int]]:
    return [(grade, other) if before else (other, grade) for other in grades]


def _total(arm: GradeTable, grade: int, *, before: bool) -> str:
    return str(arm.words.loc[grade, "total"] if before else arm.words.loc["total", grade])


def _bands(
    flow: GradeFlow, arm: GradeTable, grades: Sequence[int], heights: Mapping[bool, Heights],
    tops: Mapping[bool, Mapping[int, float]],
) -> list[Band]:  # fmt: skip
    left, right = dict(tops[True]), dict(tops[False])
    bands = []
    for a in grades:
        for b in grades:
            ends = heights[True][a, b], heights[False][a, b]
            if ends[0] > 0:
                up = (b > a) == (flow.better == "lower")
                bands.append(
                    Band(
                        left=left[a], right=right[b], left_height=ends[0], right_height=ends[1],
                        move="same" if a == b else "worse" if up else "better",
                        text=str(arm.words.loc[a, b]),
                        suppressed=math.isnan(float(arm.counts.loc[a, b])),
                    )
                )  # fmt: skip
            left[a] += ends[0]
            right[b] += ends[1]
    return bands
