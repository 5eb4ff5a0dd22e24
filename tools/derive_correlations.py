"""Write data/published/correlations.csv: what printed figures tell of correlations within people.

Run it after any change of outcomes.csv or contrasts.csv: ``python tools/derive_correlations.py``.
The same tables give the same bytes. It prints which figures no correlation fits, and the derived
ones together.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from scipy.stats import t

from mnstudy.stats import (
    correlation_bounds_of_counts,
    correlation_from_change_sd,
    correlation_from_paired_p,
)

FOLDER = Path(__file__).resolve().parents[1] / "data" / "published"
COLUMNS = ("contrast_id", "r_derived", "r_low", "r_high", "how")
NUMBER = re.compile(r"(?P<less><?)\s*(?P<p>0?\.\d+)")
SAME_VISIT = ["study_id", "arm_id", "instrument", "phase", "weeks_after_last"]
KNOWN = ("sd", "derived")
TEST = "as if from a paired t test"

Row = Mapping[str, str]


def read(folder: Path, name: str) -> pd.DataFrame:
    """Return a table as text, empty where nothing is printed."""
    return pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)


def derive(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that something could be derived for, and what had to be left out."""
    outcomes = read(folder, "outcomes").set_index("outcome_id", drop=False)
    contrasts = read(folder, "contrasts")
    rows, left_out = [], []
    for contrast in contrasts[contrasts["paired"] == "yes"].to_dict("records"):
        other = contrast["reference_outcome_id"] or contrast["treated_baseline_outcome_id"]
        ends = [outcomes.loc[i] for i in (contrast["treated_outcome_id"], other)]
        try:
            found = of_contrast(contrast, ends[0], ends[1], outcomes)
        except ValueError as error:
            left_out.append(f"{contrast['contrast_id']} ({contrast['study_id']}): {error}")
            continue
        if found:
            rows.append({"contrast_id": contrast["contrast_id"], **found})
    return pd.DataFrame(rows, columns=list(COLUMNS)).fillna(""), left_out


def of_contrast(contrast: Row, one: Row, two: Row, outcomes: pd.DataFrame) -> dict[str, str]:
    """Derive by the spread of the change, else by the p-value; counts are only bounded."""
    if contrast["measure"] in ("odds_ratio", "risk_difference"):
        return by_counts(one, two)
    if contrast["measure"] == "smc" and two["phase"] == "baseline":
        change = change_of(one, outcomes)
        if change is not None:
            return by_change(one, two, change)
        return by_p(one, two, one) if one["comparison"] == "baseline" else {}
    for row, opposite in ((one, two), (two, one)):
        if row["comparison"] == opposite["arm_id"] and row["arm_id"] != opposite["arm_id"]:
            return by_p(one, two, row)
    return {}


def change_of(one: Row, outcomes: pd.DataFrame) -> Row | None:
    """Find the change with its spread of the same arm, scale and visit."""
    same = (outcomes[SAME_VISIT] == pd.Series({c: one[c] for c in SAME_VISIT})).all(axis=1)
    known = (outcomes["statistic"] == "mean_change") & outcomes["sd_is"].isin(KNOWN)
    rows = outcomes[same & known & (outcomes["comparison"] == "baseline")]
    return None if rows.empty else rows.iloc[0]


def by_change(one: Row, two: Row, change: Row) -> dict[str, str]:
    """Take three printed spreads, which would not fit if one were a standard error."""
    r = correlation_from_change_sd(*(float(row["sd"]) for row in (one, two, change)))[0]
    how = f"standard deviations of both visits and of the change ({change['outcome_id']})"
    return {"r_derived": shown(r), "how": how}


def by_p(one: Row, two: Row, tested: Row) -> dict[str, str]:
    """Take a printed p as that of a paired t test; one below a bound bounds the correlation."""
    printed = NUMBER.fullmatch(tested["p_value"])
    if printed is None:
        return {}
    p, how = float(printed["p"]), f"p {printed['less'] or '='} 0{printed['p'].lstrip('0')} {TEST}"
    if not printed["less"]:
        found = {
            "r_derived": shown(correlation_at(one, two, p)),
            "how": f"{how}; limits by its rounding",
        }
        half = 0.5 * 10.0 ** -len(printed["p"].split(".")[1])
        ends = correlation_at(one, two, p + half), correlation_at(one, two, p - half)
        found |= {"r_low": shown(ends[0], math.ceil), "r_high": shown(ends[1], math.floor)}
    else:
        least = correlation_at(one, two, p, below=True)
        found = {"r_low": shown(least, math.ceil), "how": how} if least > -1 else {}
    if found and not all(row["sd_is"] in KNOWN and row["n"] == one["n"] for row in (one, two)):
        raise ValueError(f"{how}, but a spread of unknown kind or another n")
    return found


def correlation_at(one: Row, two: Row, p: float, *, below: bool = False) -> float:
    """Correlation at a p-value; -1 where any correlation keeps ``below`` it."""
    m1, s1, m2, s2 = (float(row[name]) for row in (one, two) for name in ("mean", "sd"))
    n = int(one["n"])
    change = math.sqrt(n) * abs(m1 - m2) / t.isf(p / 2, n - 1)
    if below and change >= s1 + s2:
        return -1.0
    return float(correlation_from_paired_p(m1, s1, m2, s2, n, p)[0])


def by_counts(one: Row, two: Row) -> dict[str, str]:
    """Bound the correlation of two counts of the same people."""
    events = [int(row["events"]) for row in (one, two)]
    least, greatest = correlation_bounds_of_counts(*events, int(one["n"]))
    how = "counts of both sides"
    if least[0] == greatest[0] == 0:
        how += "; on one of them nobody or everybody, which correlates with nothing"
    return {"r_low": shown(least[0], math.ceil), "r_high": shown(greatest[0], math.floor),
            "how": how}  # fmt: skip


def shown(r: float, towards: Callable[[float], int] = round) -> str:
    """Write three decimals; bounds are rounded to the inside."""
    return f"{towards(round(r * 1000, 6)) / 1000 + 0.0:g}"


def main() -> int:
    """Write the table, and say what it holds and what was left out."""
    table, left_out = derive(FOLDER)
    table.to_csv(FOLDER / "correlations.csv", index=False, lineterminator="\n")
    studies = read(FOLDER, "contrasts").set_index("contrast_id")["study_id"]
    derived = pd.to_numeric(table["r_derived"]).groupby(table["contrast_id"].map(studies)).median()
    derived = derived.dropna()
    print(f"correlations.csv: {len(table)} contrasts, derived in {len(derived)} studies")
    print(f"median {derived.median():.3f}, {derived.min():.3f} to {derived.max():.3f}")
    print("left out:", *(left_out or ["nothing"]), sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
