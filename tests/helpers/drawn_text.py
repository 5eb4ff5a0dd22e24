"""What is written on a figure, and whether it lies on the canvas and on nothing else."""

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.legend import Legend

from mnstudy.reporting.figures import style


def texts(picture):
    """Return what is written: also tick labels, but not those beyond the ends of an axis."""
    found = [t for legend in legends(picture) for t in (legend.get_title(), *legend.get_texts())]
    found += picture.texts
    for axes in (a for a in picture.axes if a.axison):
        found += [*axes.texts, axes.xaxis.label, axes.yaxis.label, axes.title]
        found += [axes._left_title, axes._right_title]
        for axis in (axes.xaxis, axes.yaxis):
            for tick in axis._update_ticks():
                found += [t for t in (tick.label1, tick.label2) if t.get_visible()]
    return [t for t in found if t.get_text().strip() and t.get_visible()]


def legends(picture):
    """Return the head and the key of a figure, and the keys of its axes."""
    return [*picture.legends, *(x for a in picture.axes for x in a.findobj(Legend))]


def words(picture):
    return " ".join(t.get_text().replace("\n", " ") for t in texts(picture))


def marks(picture):
    """Return the words that mark a figure of invented data."""
    return [t for t in picture.texts if t.get_text() == style.SYNTHETIC]


def whole_and_apart(picture, written=texts):
    """Assert that all that is written lies on the canvas and nothing on anything else."""
    canvas = FigureCanvasAgg(picture)
    with picture.look.theme():
        canvas.draw()
        renderer, (right, top) = canvas.get_renderer(), picture.bbox.size
        boxes = [(t.get_text(), _extent(t, renderer)) for t in written(picture)]
    for text, box in boxes:
        assert -1 <= box.x0 <= box.x1 <= right + 1, text
        assert -1 <= box.y0 <= box.y1 <= top + 1, text
    for (a, one), (b, other) in itertools.combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        along = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert across < 1.5 or along < 1.5, f"{a!r} lies on {b!r}"


def _extent(text, renderer):
    """Return the box of a text without the empty lines above it."""
    box, lines = text.get_window_extent(renderer), text.get_text().split("\n")
    empty = sum(not "".join(lines[: i + 1]) for i in range(len(lines)))
    box.y1 -= box.height * empty / len(lines)
    return box
