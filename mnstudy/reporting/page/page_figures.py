"""Charts as the page shows them: the picture that was drawn, its description and its caption."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mnstudy.reporting.figures.charts.chart import Chart
from mnstudy.reporting.run.sources import EvidenceSource


def drawn_charts(
    source: EvidenceSource, charts: Iterable[Chart], pictures: Mapping[tuple[str, str], Any]
) -> list[dict[str, Any]]:
    """Return the charts of which there is a picture under the keys of the body and the chart.

    A picture that brings its words spares the chart from finding them again, which takes long.
    """
    found = ((chart, pictures.get((source.key, chart.key))) for chart in charts)
    return [
        {
            "picture": drawn,
            "alt": drawn.alt or chart.alt,
            "caption": drawn.caption or chart.caption,
        }
        for chart, drawn in found
        if drawn is not None
    ]
