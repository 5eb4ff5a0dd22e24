"""The table of correlations within people: made again to the byte, and possible as it stands."""

import math
import sys
from pathlib import Path

import pandas as pd
import pytest

from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.stats import correlation_bounds_of_counts

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "published"
sys.path.insert(0, str(ROOT / "tools"))

import derive_correlations as tool  # noqa: E402


@pytest.fixture(scope="module")
def made():
    return tool.derive(FOLDER)


@pytest.fixture(scope="module")
def table():
    return load_published(FOLDER).correlations.set_index("contrast_id")


def end(**cells):
    usual = {"sd_is": "sd", "n": "30", "comparison": "baseline", "phase": "end", "p_value": ""}
    return {**usual, **cells}


def test_the_tool_gives_the_same_bytes(made):
    text = made[0].to_csv(index=False, lineterminator="\n")
    assert text.encode() == (FOLDER / "correlations.csv").read_bytes()


def test_known_rows(table):
    columns = ["r_derived", "r_low", "r_high"]
    assert table.loc["c0194", ["r_low", "r_high"]].tolist() == [-0.174, 0.408]
    assert table.loc["c0024", "r_derived"] == 0.822
    assert table.loc["c0197", columns].tolist() == [0.525, 0.482, 0.573]
    assert table.loc["c0143", ["r_low", "r_high"]].tolist() == [0.0, 0.0]
    assert table.loc["c0104", columns].isna().tolist() == [True, False, True]


def test_what_no_correlation_fits_is_left_out_and_named(made, table):
    left_out = made[1]
    assert len(left_out) == 1
    assert left_out[0].startswith("c0101 (gul2023): p must be one that a paired t test")
    assert "c0101" not in table.index


def test_every_row_is_of_a_paired_contrast_and_in_order(table):
    frame = contrast_frame(load_published(FOLDER)).set_index("contrast_id")
    assert frame.loc[table.index, "paired"].all()
    low, high = table["r_low"].fillna(-1), table["r_high"].fillna(1)
    assert (low <= high).all()
    derived = table["r_derived"].dropna()
    assert derived.between(low[derived.index], high[derived.index]).all()
    assert table["how"].notna().all()


def test_rounded_bounds_of_counts_are_inside_the_exact_ones(table):
    frame = contrast_frame(load_published(FOLDER)).set_index("contrast_id")
    counted = frame[frame["paired"] & frame["measure"].isin(["odds_ratio", "risk_difference"])]
    rows = table.loc[counted.index]
    least, greatest = correlation_bounds_of_counts(
        counted["treated_events"].to_numpy(),
        counted["reference_events"].to_numpy(),
        counted["treated_n"].to_numpy(),
    )
    assert ((least <= rows["r_low"]) & (rows["r_low"] < least + 0.001)).all()
    assert ((rows["r_high"] <= greatest) & (greatest - 0.001 < rows["r_high"])).all()


def test_a_bound_on_p_bounds_the_correlation_only():
    one, two = end(mean="3.3", sd="0.67", n="9", p_value="<.005"), end(mean="4.3", sd="0.67", n="9")
    found = tool.by_p(one, two, one)
    assert found.keys() == {"r_low", "how"}
    assert found["how"] == "p < 0.005 as if from a paired t test"
    far = {**one, "mean": "-9"}
    assert tool.by_p(far, two, far) == {}
    near = {**one, "mean": "4.29", "sd": "1.67"}
    with pytest.raises(ValueError, match="one that a paired t test"):
        tool.by_p(near, two, near)


@pytest.mark.parametrize("cells", [{"sd_is": "unclear"}, {"sd_is": "se"}, {"n": "29"}])
def test_an_unknown_spread_or_another_n_is_left_out(cells):
    one, two = end(mean="3", sd="1.7", p_value="0.02"), end(mean="4", sd="2", **cells)
    with pytest.raises(ValueError, match="a spread of unknown kind or another n"):
        tool.by_p(one, two, one)


@pytest.mark.parametrize("words", ["NS", "significant", "", "<0.05 (Z=-5.713)", ">.99", "1"])
def test_words_give_nothing(words):
    one = end(mean="3", sd="1.7", p_value=words)
    assert tool.by_p(one, end(mean="4", sd="2"), one) == {}


def test_a_p_against_something_else_gives_nothing():
    contrast = {"measure": "smd"}
    one = end(mean="3", sd="1.7", p_value="0.02", arm_id="mn")
    two = end(mean="4", sd="2", p_value="0.02", arm_id="laser")
    assert tool.of_contrast(contrast, one, two, pd.DataFrame()) == {}
    assert tool.of_contrast(contrast, {**one, "comparison": "laser"}, two, pd.DataFrame()) != {}


@pytest.mark.parametrize(
    ("r", "towards", "text"),
    [(0.4083, math.floor, "0.408"), (-0.1747, math.ceil, "-0.174"), (0.41, math.floor, "0.41"),
     (-0.0001, math.ceil, "0"), (0.5, round, "0.5")],
)  # fmt: skip
def test_bounds_are_rounded_to_the_inside(r, towards, text):
    assert tool.shown(r, towards) == text


def test_a_study_counts_once_in_the_correlation_assumed():
    published = load_published(FOLDER)
    assert published.correlations["r_derived"].notna().sum() == 3
    frame = contrast_frame(published)
    assert frame.dropna(subset="r_derived")["study_id"].nunique() == 2
    assert frame["r_assumed"].eq(0.67).all()  # (0.822 + 0.525) / 2
