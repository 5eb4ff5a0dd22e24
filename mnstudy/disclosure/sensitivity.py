"""What a real cohort may show of a verdict under other choices."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from mnstudy.disclosure.findings import is_guarded, safe, shown_count
from mnstudy.disclosure.notes import guarded_note
from mnstudy.disclosure.small_counts import NOT_SHOWN, THRESHOLD, is_small
from mnstudy.stats.counts.proportion_limits import exact_limits
from mnstudy.verdicts.finding.judge import judge
from mnstudy.verdicts.findings import Finding
from mnstudy.words.notes import note

MARGINS, CLINICS, TYPES, MISSING = "margins", "clinics", "scar types", "missing"
WITHHELD, FEW_EVENTS = note("few_apart"), note("few_with_event")
NUMBERS = ("estimate", "ci_low", "ci_high", "p_value")


def guarded(finding: Finding, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a finding with a column ``withheld``, without what must not be shown.

    Their choices and reasons are notes, before and after.

    In a real cohort a row that leaves out fewer than five patients would show, taken from the
    main result, what those few had; so would a row that rests on fewer than five, and one of a
    rate that differs by fewer than five events. Their estimate and their number of patients are
    blank, the verdict stays. Where the clinics (or scar types) withheld add up to fewer than five
    patients, the smallest of the others is withheld too.

    Of a rate with 1 to 4 events every number is withheld, and the verdict at a margin by which
    one to four could be told apart.
    """
    table = rows.assign(withheld="")
    table["n_patients"] = table["n_patients"].astype("Float64").round().astype("Int64")
    if not is_guarded(finding):
        return table
    for column in ("choice", "reason"):
        table[column] = table[column].map(guarded_note)
    apart = finding.n_patients - table["n_patients"]
    hidden, events = _hidden(finding, table, apart), _few_events(finding, table)
    table = _over_margins(finding, table)
    table.loc[events, "withheld"] = str(FEW_EVENTS)
    table.loc[hidden, "withheld"] = str(WITHHELD)
    table.loc[hidden | events, list(NUMBERS)] = math.nan
    # a number of patients that differs by a few tells of a few, whatever was estimated
    sized = shown_count(finding, finding.n_patients) == f"{finding.n_patients:,}"
    near = apart.abs().between(1 if sized else 0, THRESHOLD - 1).fillna(False).astype(bool)
    table["n_patients"] = table["n_patients"].mask(hidden | near)
    return table


def _hidden(finding: Finding, table: pd.DataFrame, apart: pd.Series) -> pd.Series:
    fewer = apart.between(1, THRESHOLD - 1) & table["check"].isin((CLINICS, TYPES, MISSING))
    few = table["n_patients"].between(1, THRESHOLD - 1)
    hidden = (fewer | few).fillna(False).astype(bool)
    some_sites = apart.eq(0) & table["check"].eq(CLINICS) & ~same_estimate(finding, table)
    hidden |= (some_sites & table["estimate"].notna()).fillna(False).astype(bool)
    for check, size in ((CLINICS, apart), (TYPES, table["n_patients"])):
        group = table["check"].eq(check)
        if group.any():
            hidden |= _also_hidden(size[group].fillna(0), hidden[group], finding.n_patients)
    return hidden


def same_estimate(finding: Finding, table: pd.DataFrame) -> pd.Series:
    """Tell which rows have the estimate of the finding: what was left out was not in it."""
    value = math.nan if finding.estimate is None else finding.estimate.value
    same = [math.isclose(x, value, rel_tol=1e-9) for x in table["estimate"].astype("float64")]
    return pd.Series(same, index=table.index)


def _also_hidden(size: pd.Series, hidden: pd.Series, total: int) -> pd.Series:
    """Withhold the smallest shown group while the rest of the patients are fewer than five."""
    hidden = hidden.copy()
    shown = size[~hidden & size.gt(0)].sort_values(kind="stable")
    for place in shown.index:
        if not is_small(int(total - size[~hidden].sum())):
            break
        hidden[place] = True
    return hidden


def _is_withheld(finding: Finding) -> bool:
    """Tell whether the estimate itself is withheld."""
    shown = safe(finding).estimate
    return finding.estimate is not None and shown is not None and math.isnan(shown.value)


def _few_events(finding: Finding, table: pd.DataFrame) -> pd.Series:
    """Tell which rows give away 1 to 4 patients with the event, or without it."""
    hidden = pd.Series(_is_withheld(finding), index=table.index) & table["estimate"].notna()
    estimate = finding.estimate
    if estimate is None or finding.comparison != "rate" or estimate.unit != "percent":
        return hidden
    n = table["n_patients"].astype("float64")
    had = table["estimate"].astype("float64") * n / 100
    whole = (had - had.round()).abs() < 1e-6
    total = round(estimate.value * finding.n_patients / 100)
    other = table["check"].isin((CLINICS, TYPES, MISSING))
    for count, of_all in ((had, total), (n - had, finding.n_patients - total)):
        count = count.round()
        apart = of_all - count
        few = count.between(1, THRESHOLD - 1)
        few |= other & apart.abs().between(1, THRESHOLD - 1)
        hidden |= few & whole
        for check, size in ((CLINICS, apart), (TYPES, count)):
            group = table["check"].eq(check) & whole
            if group.any():
                hidden |= _also_hidden(size[group], hidden[group], of_all)
    return hidden


def _over_margins(finding: Finding, table: pd.DataFrame) -> pd.DataFrame:
    """Withhold the verdict at margins at which one to four events would not come to the same."""
    if not _is_withheld(finding) or finding.comparison != "rate":
        return table
    table = table.copy()
    for place in table.index[table["check"].eq(MARGINS)]:
        margin, level = (float(table.at[place, c]) for c in ("margin", "confidence_level"))
        if len(_verdicts(finding, margin, level)) > 1:
            table.at[place, "verdict"] = NOT_SHOWN
            table.at[place, "reason"] = FEW_EVENTS
    return table


def _verdicts(finding: Finding, margin: float, level: float) -> set[str]:
    """Return the verdicts that one to four events, or all but so many, could have come to."""
    estimate, shown = finding.estimate, safe(finding).estimate
    assert estimate is not None
    assert shown is not None
    n, nearly_all = finding.n_patients, shown.ci_low > 0
    found = set()
    for k in range(1, min(THRESHOLD, n + 1)):
        events = n - k if nearly_all else k
        low, high = exact_limits(events, n, (1 - level) / 2)
        possible = replace(estimate, value=100 * events / n, ci_low=100 * low, ci_high=100 * high)
        judged = judge(possible, rule=finding.rule, margin=margin, comparison=finding.comparison)
        found.add(judged.word)
    return found
