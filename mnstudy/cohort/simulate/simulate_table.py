"""The table of a simulated study under the data contract, and its text as a CSV file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.simulate import safety, scores
from mnstudy.cohort.simulate.design import ARMS
from mnstudy.cohort.simulate.people import Ints
from mnstudy.cohort.simulate.scores import Drawn

MISSING_DEPTH = 0.015


def table(drawn: Drawn, streams: list[np.random.Generator]) -> pd.DataFrame:
    """Put the columns together in the order of the contract."""
    values = {**_who_and_what(drawn, streams[0]), **_when(drawn), **_outcomes(drawn, streams)}
    by_name = {
        name: _typed(values[name], spec.kind, spec.levels)
        for name, spec in columns().items()
        if name in values
    }
    return pd.DataFrame(by_name)


def _who_and_what(drawn: Drawn, rng: np.random.Generator) -> dict[str, Any]:
    people, sites, site = drawn.patients, drawn.sites, drawn.visits.site
    who = sites.patient[site]
    n = len(people.type)
    ids = np.array([f"P{i:0{max(4, len(str(n)))}d}" for i in range(1, n + 1)])
    needled = np.isin(sites.arm, (0, 1))
    unknown = needled & (rng.random(len(needled)) < MISSING_DEPTH)
    depth = np.where(drawn.visits.baseline, 0.0, sites.depth[site])
    cells = {
        "patient_id": ids[who],
        "site_id": np.array(["left", "right"])[sites.side][site],
        "scar_type": people.type[who],
        "needle_depth_mm": np.where(unknown[site] & ~drawn.visits.baseline, np.nan, depth),
        "sex": people.sex[who],
        "age_band": people.age[who],
        "phototype": people.phototype[who],
        "baseline_severity": (people.grade[who] + 1).astype(float),
        "treatment": _codes("treatment", ARMS)[sites.arm][site],
        "adjunct": sites.adjunct[site],
        "setting": sites.at_home.astype(int)[site],
        "device": _device(drawn, rng)[site],
        "session_interval_weeks": people.interval[who].astype(float),
    }
    if "clinics" in drawn.design.has:
        cells["clinic_id"] = np.array([f"C{i}" for i in range(1, 7)])[people.clinic[who]]
    return cells


def _device(drawn: Drawn, rng: np.random.Generator) -> Ints:
    sites = drawn.sites
    roller, pen, rf, laser, none = _codes("device", ("roller", "pen", "rf_device", "laser", "none"))
    chosen = np.where(sites.at_home | (rng.random(len(sites.arm)) < 0.3), roller, pen)
    return np.where(sites.needling, chosen, np.array([none, rf, laser, none, none])[sites.arm])


def _codes(column: str, levels: tuple[str, ...]) -> Ints:
    known = columns()[column].levels
    return np.array([known.index(level) for level in levels])


def _when(drawn: Drawn) -> dict[str, Any]:
    visits, sites = drawn.visits, drawn.sites
    untreated = sites.untreated[visits.site]
    never = untreated | visits.baseline
    cells: dict[str, Any] = {
        "session_count": np.where(untreated, 0, visits.number).astype(float),
        "weeks": visits.week.astype(float),
        "weeks_since_last_session": np.where(never, np.nan, visits.gap),
    }
    if "late visits" in drawn.design.has:
        kept = drawn.patients.maintenance[sites.patient][visits.site]
        cells["maintenance"] = (kept, visits.late & ~untreated)
    return cells


def _outcomes(drawn: Drawn, streams: list[np.random.Generator]) -> dict[str, Any]:
    days, resolved, known = safety.redness(drawn, streams[1])
    events = safety.adverse_events(drawn, streams[2])
    cells = {
        "improvement_score": scores.improvement(drawn, streams[3]),
        "scar_depth_um": scores.scar_depth(drawn, streams[4]),
        "texture_score": scores.rated(drawn, "smooths-texture", 4.2, streams[5]),
        "tone_score": scores.rated(drawn, "evens-tone", 5.0, streams[5]),
        "satisfaction_score": scores.satisfaction(drawn, streams[6]),
        "pain_score": safety.pain(drawn, streams[7]),
        "erythema_days": days,
        "erythema_resolved": (resolved, known),
        **{name: (happened, ~drawn.visits.baseline) for name, happened in events.items()},
    }
    if "biopsies" in drawn.design.has:
        cells |= safety.tissue(drawn, streams[8])
    return cells


def _typed(values: Any, kind: str, levels: tuple[str, ...]) -> Any:
    """Give a column the type that a loaded sheet has."""
    if kind in ("category", "ordered"):
        return pd.Categorical.from_codes(values, list(levels), ordered=kind == "ordered")
    if kind == "boolean":
        happened, known = values
        return pd.arrays.BooleanArray(happened, ~known)
    if kind == "integer":
        return pd.array(values, dtype="Int64")
    return pd.Series(values).astype("str") if kind == "id" else values


def csv_text(data: pd.DataFrame) -> str:
    """Write a contract table as CSV text: UTF-8, LF, true and false, empty where missing.

    Written by hand because ``DataFrame.to_csv`` takes most of the time of a simulation; no value
    of the contract needs quotes.
    """
    cells = [_column_text(data[name]) for name in data.columns]
    lines = [",".join(data.columns), *map(",".join, zip(*cells, strict=True))]
    return "\n".join(lines) + "\n"


def _column_text(column: pd.Series) -> list[str]:
    codes, uniques = pd.factorize(column)
    words = [_cell(value) for value in uniques]
    return np.array([*words, ""], dtype=object)[codes].tolist()


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}"
