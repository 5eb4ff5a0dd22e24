"""Would the verdict be another one, had a defensible choice been made differently."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from mnstudy.verdicts.finding import Finding
from mnstudy.verdicts.judge import Verdict, judge

SHARES = (0.5, 0.75, 1.0, 1.5, 2.0)


def over_margins(findings: Iterable[Finding]) -> pd.DataFrame:
    """Judge every tested finding again with smaller and larger margins.

    Parameters
    ----------
    findings : iterable of Finding

    Returns
    -------
    DataFrame
        One row per finding and margin: claim, dataset, share of the margin used, margin, verdict,
        reason. Findings that are not testable, or whose margin is 0, have one row or none.
    """
    rows = [row for finding in findings if finding.estimate for row in _verdicts(finding)]
    columns = ["claim", "dataset", "share", "margin", "verdict", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _verdicts(finding: Finding) -> list[list[object]]:
    rows: list[list[object]] = []
    for share in SHARES if finding.margin else (1.0,):
        margin = share * finding.margin
        found = _judge(finding, margin)
        if found.word == "supported" and _judge(finding, finding.margin).word != finding.verdict:
            # what lowered the verdict, as too few studies, lowers it at every margin
            found = Verdict(word="partly supported", reason=finding.reason)
        rows.append([finding.claim.id, finding.dataset, share, margin, found.word, found.reason])
    return rows


def _judge(finding: Finding, margin: float) -> Verdict:
    assert finding.estimate is not None
    return judge(
        finding.estimate,
        rule=finding.rule,
        margin=margin,
        comparison=finding.comparison,
        null=finding.null,
    )
