"""What is written on a figure, and whether it lies on the canvas and on nothing else."""

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg

from mnstudy.reporting.figures import style


def texts(picture):
    """Return what is written: also tick labels, but not those beyond the ends of an axis."""
    found = list(picture.texts)
    for axes in (a for a in picture.axes if a.axison):
        found += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            found += [tick.label1 for tick in axis._update_ticks()]
    return [t for t in found if t.get_text() not in ("", style.SYNTHETIC)]


def words(picture):
    return " ".join(t.get_text().replace("\n", " ") for t in texts(picture))


def whole_and_apart(picture, written=texts):
    """Assert that all that is written lies on the canvas and nothing on anything else."""
    canvas = FigureCanvasAgg(picture)
    with style.themed():
        canvas.draw()
        renderer, (right, top) = canvas.get_renderer(), picture.bbox.size
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in written(picture)]
    for text, box in boxes:
        assert -1 <= box.x0 <= box.x1 <= right + 1, text
        assert -1 <= box.y0 <= box.y1 <= top + 1, text
    for (a, one), (b, other) in itertools.combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        along = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert across < 1.5 or along < 1.5, f"{a!r} lies on {b!r}"
