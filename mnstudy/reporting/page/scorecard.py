"""The scorecard: one row a claim, one column a body of data, every interval against its margin."""

from __future__ import annotations

import pandas as pd

from mnstudy.reporting.figures import style as theme
from mnstudy.reporting.figures.style import Picture, inch_axes
from mnstudy.reporting.page.scorecard_layout import Columns, ScorecardPlan, articles, cell_of, draw
from mnstudy.verdicts.claims.registry import GROUPS, OWN, Claim, registry
from mnstudy.verdicts.findings import VERDICTS


def claims_of(columns: Columns) -> list[Claim]:
    """Return the claims asked of any of the columns: the register's in its order, then others."""
    asked = {f.claim.id: f.claim for _, findings in columns for f in findings}
    own = [claim for claim in asked.values() if claim.group == OWN]
    return [*(c for c in registry().values() if c.id in asked), *own]


def scorecard_table(columns: Columns) -> pd.DataFrame:
    """Return the scorecard as a table of words.

    Parameters
    ----------
    columns : sequence of (heading, Findings)
        One body of data each.

    Returns
    -------
    DataFrame
        Indexed by claim id: group, title, articles, and for each heading its estimate, size,
        verdict and reason.
    """
    rows = {}
    for claim in claims_of(columns):
        row = {"group": GROUPS[claim.group], "title": claim.title, "articles": articles(claim)}
        for heading, findings in columns:
            shown = cell_of(findings, claim)
            row |= {
                f"{heading}: estimate": shown.numbers,
                f"{heading}: size": shown.size,
                f"{heading}: verdict": shown.verdict,
                f"{heading}: reason": shown.reason,
            }
        rows[claim.id] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def scorecard(columns: Columns) -> Picture:
    """Draw the scorecard.

    Parameters
    ----------
    columns : sequence of (heading, Findings)
        One body of data each, from left to right.

    Returns
    -------
    Picture
        A matplotlib figure with one row for every claim.

    Raises
    ------
    ValueError
        No column, or no claim in any of them.
    """
    claims = claims_of(columns)
    if not claims:
        raise ValueError("there is nothing to draw: give at least one heading with its findings")
    plan = ScorecardPlan(columns, claims)
    with theme.themed():
        picture = theme.new_picture(plan.width, plan.height, alt_text(columns))
        axes = inch_axes(picture, 0, 0, plan.width, plan.height)
        axes.set_axis_off()
        axes.set_xlim(0, plan.width)
        axes.set_ylim(plan.height, 0)
        draw(axes, plan)
    return picture


def alt_text(columns: Columns) -> str:
    """Describe the scorecard: how many claims, and how many have which verdict."""
    parts = []
    for heading, findings in columns:
        words = [f.verdict for f in findings]
        counts = [f"{words.count(v)} {v}" for v in VERDICTS if v in words]
        parts.append(f"{heading}: {', '.join(counts)}")
    return f"Scorecard of {len(claims_of(columns))} claims. " + "; ".join(parts) + "."
