"""Doubts about printed numbers: right, wrong and borderline rows; real data never raise one."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import stats as sps

from mnstudy.cohort.published import extraction
from mnstudy.cohort.published.tables import load_published
from mnstudy.verdicts.doubts.doubts import CHECKS, COLUMNS, doubts
from mnstudy.verdicts.doubts.printed import number, outcomes, printed_p

GB = "Goodman-Baron quantitative"


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def shipped(published):
    return doubts(published)


@pytest.fixture(scope="module")
def small(published):
    """Two studies with two arms each: split body of 20, and parallel arms of 30."""
    studies = published.studies.iloc[:2].assign(
        study_id=["split", "parallel"],
        design=["rct_split_body", "rct_parallel"],
        n_enrolled=[20.0, 60.0],
        n_analysed=[20.0, 60.0],
    )
    arms = published.arms.iloc[:4].assign(
        study_id=["split", "split", "parallel", "parallel"],
        arm_id=["mn", "control", "mn", "control"],
        split_body=["yes", "yes", "no", "no"],
        n=[20.0, 20.0, 30.0, 30.0],
    )
    return replace(published, studies=studies, arms=arms, contrasts=published.contrasts.iloc[:0])


def told(small, *rows, **also):
    """Doubts of hand-made outcome rows; cells as printed."""
    spec = extraction.specs()["outcomes"]
    base = {
        "study_id": "split",
        "arm_id": "mn",
        "concept": "scar_severity",
        "instrument": "VAS",
        "phase": "end",
        "better": "lower",
        "n": "20",
        **also,
    }
    cells = [{"outcome_id": f"o{i:04d}", **base, **row} for i, row in enumerate(rows, 1)]
    table = pd.DataFrame(cells, columns=list(spec.columns)).astype("string")
    tables = replace(small, printed=table, outcomes=extraction.typed(table, spec))
    return doubts(tables)


def checks(*args, **also):
    return told(*args, **also)["check"].tolist()


# reading what is printed


def test_numbers_keep_their_digits():
    assert (number("2.40").value, number("2.40").decimals) == (2.4, 2)
    assert number("-.5").decimals == 1
    assert number("7").decimals == 0
    assert number("12 to 14") is None


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("<0.05", 0, 0.05),
        ("<=0.004", 0, 0.004),
        (">.99", 0.99, 1),
        (".052", 0.0515, 0.0525),
        ("0.000", 0, 0.0005),
        ("<.000", 0, 0.0005),
        ("0.000 (chi-square 30.010)", 0, 0.0005),
        ("not significant (words only)", 0.05, 1),
        ("significant (value not visible)", 0, 0.05),
        ("NS", 0.05, 1),
    ],
)
def test_p_values_are_ranges(text, low, high):
    found = printed_p(text)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    "text", ["", "direction only", "0.526, 0.055, 0.232", "<0.01 vs baseline; n.s. between", "7"]
)
def test_what_is_no_single_p_value_is_not_read(text):
    assert printed_p(text) is None


# percentages


@pytest.mark.parametrize(
    ("events", "n", "percent", "doubted"),
    [
        ("7", "30", "23.3", False),
        ("7", "30", "23", False),
        ("20", "30", "66.6", False),  # cut
        ("1", "8", "12", False),  # half to even
        ("1", "8", "13", False),  # half up
        ("7", "30", "23.4", True),
        ("47", "65", "73", True),  # 48 of 65, cut
        ("12", "29", "41.32", True),
        ("", "20", "85", False),
        ("", "20", "83", True),
        ("", "", "83", False),
    ],
)
def test_percentages(small, events, n, percent, doubted):
    row = {"statistic": "events", "events": events, "n": n, "percent": percent}
    assert checks(small, row) == ["percent"] * doubted


def test_a_percentage_of_the_count_beside_it_is_explained(small):
    (found,) = told(
        small, {"statistic": "events", "events": "47", "n": "65", "percent": "73"}
    ).to_dict("records")
    assert found["printed"] == "73 %, 47 of 65"
    assert found["recomputed"] == "48 of 65 is 73.8 %"
    assert "that of 48, not of the count" in found["explanation"]


def test_a_percentage_of_other_people_is_explained(small):
    row = {"statistic": "events", "events": "5", "n": "18", "percent": "25"}
    (found,) = told(small, row).to_dict("records")
    assert "one out of 20 does" in found["explanation"]


@pytest.mark.parametrize(
    "words", ["SUCRA ranking", "percent = 37.5+50.0", 'printed as "more than 70%"', "approximate"]
)
def test_what_is_no_exact_share_is_left_alone(small, words):
    row = {"statistic": "percent_only", "percent": "83", "derived": words}
    assert checks(small, row) == []


# intervals and their p-values


def interval(mean, low, high, p="", **also):
    cells = {"mean": mean, "ci_low": low, "ci_high": high, "ci_level": "95", "p_value": p}
    return {"statistic": "mean_change", "n": "15", "comparison": "baseline", **cells, **also}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        # Alam et al. 2014, DESIGN anchors
        (interval("3.4", "0.2", "6.5", ".03"), []),
        (interval("2.4", "0.01", "4.8", ".052"), ["p"]),
        (interval("2.4", "-0.01", "4.8", ".052"), []),
        (interval("0.4", "-2.3", "3.5", ">.99"), ["interval"]),
        (interval("1.0", "-1.4", "3.4", ".96"), ["p"]),
        # rounding: the middle of 1.11 to 1.34 is 1.225
        (interval("1.23", "1.11", "1.34", "<0.001"), []),
        (interval("1.25", "1.11", "1.34", "<0.001"), ["interval"]),
        # one-sided
        (interval("2.4", "-0.01", "4.8", ".0254"), []),
        # words
        (interval("0.2", "-0.8", "1.2", "significant"), ["p"]),
        (interval("0.2", "-0.8", "1.2", "not significant"), []),
        (interval("1.2", "0.2", "2.2", "not significant"), ["p"]),
        # p of another comparison says nothing about this interval
        (interval("1.2", "0.2", "2.2", "0.9", comparison="control"), []),
    ],
)
def test_intervals(small, row, found):
    assert checks(small, row) == found


def test_a_lost_minus_sign_is_named(small):
    """Shen 2022: 0.42 (95% CI -0.12-0.73) called significant."""
    row = interval("0.42", "-0.12", "0.73", "significant", statistic="pooled_difference", n="")
    (found,) = told(small, row).to_dict("records")
    assert found["check"] == "interval"
    assert "but that of 0.12 to 0.73" in found["explanation"]


def test_ratios_are_symmetric_as_logarithms(small):
    ratio = {"statistic": "pooled_ratio", "n": ""}
    assert checks(small, interval("1.96", "1.30", "2.95", "0.001", **ratio)) == []
    assert checks(small, interval("1.96", "1.30", "2.95", "<0.0001", **ratio)) == ["p"]
    assert checks(small, interval("2.13", "1.30", "2.95", "", **ratio)) == ["interval"]


# means


def visits(m0, s0, m1, s1, p="", **also):
    later = {"comparison": "baseline", "p_value": p, "mean": m1, "sd": s1}
    rows = ({"phase": "baseline", "mean": m0, "sd": s0}, later)
    return [{"statistic": "mean_sd", "sd_is": "sd", **x, **also} for x in rows]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (visits("6.0", "2.0", "5.0", "2.0", "0.04"), []),  # r about 0.4
        (visits("6.0", "2.0", "5.0", "2.0", "0.5"), ["p"]),  # 0.13 without correlation
        (visits("6.0", "2.0", "5.0", "2.0", "<0.0001"), []),  # r 0.95
        (visits("6.0", "3.0", "5.9", "2.0", "<0.0001"), ["p"]),
        (visits("2.0", "3.0", "1.9", "2.0", "<0.0001"), []),  # skew: a rank test
        (visits("6.0", "2.0", "5.0", "2.0", "0.5", sd_is="unclear"), []),  # fits standard errors
        (visits("8.8", "0.44", "4.1", "0.98"), ["spread"]),
        (visits("8.8", "0.44", "4.1", "0.98", sd_is="se"), []),
        (visits("8.8", "2.44", "4.1", "0.98"), []),
    ],
)
def test_visits(small, rows, found):
    assert checks(small, *rows) == found


def arms(m1, s1, m0, s0, p, **also):
    cells = {"statistic": "mean_sd", "sd_is": "sd", "p_value": p, **also}
    return [
        {**cells, "arm_id": "mn", "comparison": "control", "mean": m1, "sd": s1},
        {**cells, "arm_id": "control", "comparison": "mn", "mean": m0, "sd": s0},
    ]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (arms("4.23", "1.30", "4.98", "1.13", "0.021", study_id="parallel", n="30"), []),
        (arms("4.23", "1.30", "4.98", "1.13", "0.6", study_id="parallel", n="30"), ["p"]),
        (arms("4.23", "1.30", "4.98", "1.13", "0.0001", study_id="parallel", n="30"), ["p"]),
        # two sides of one body may be correlated: a small p is possible, a large one is not
        (arms("4.23", "1.30", "4.98", "1.13", "0.0001", n="20"), []),
        (arms("4.23", "1.30", "4.98", "1.13", "0.6", n="20"), ["p"]),
    ],
)
def test_arms(small, rows, found):
    assert checks(small, *rows) == found


def test_mean_change_against_the_two_means(small):
    def rows(change):
        cells = {"statistic": "mean_change", "mean": change, "concept": "improvement"}
        return [*visits("20.44", "3.54", "14.78", "2.88"), cells]

    assert checks(small, *rows("5.66")) == []
    assert checks(small, *rows("-5.66")) == []  # either sign is printed
    assert checks(small, *rows("5.67")) == []  # both means rounded
    assert checks(small, *rows("5.7")) == []
    (found,) = told(small, *rows("5.76")).to_dict("records")
    assert (found["check"], found["recomputed"]) == ("change", "5.66")
    assert found["outcome_ids"] == "o0001;o0002;o0003"


def test_an_impossible_standard_error_is_told(small):
    rows = arms("1.47", "0.36", "3.33", "0.33", "", n="20", instrument="Goodman-Baron qualitative")
    (found,) = told(small, *rows).to_dict("records")
    assert found["check"] == "spread"
    assert "wider than the scale" in found["explanation"]


def test_visits_against_one_baseline_are_one_doubt(small):
    rows = visits("8.8", "0.44", "4.1", "0.98")
    later = {**rows[1], "phase": "followup", "mean": "3.9"}
    (found,) = told(small, *rows, later).to_dict("records")
    assert found["outcome_ids"] == "o0001;o0002;o0003"


# granularity


@pytest.mark.parametrize(
    ("mean", "instrument", "doubted"),
    [
        ("16.35", GB, False),
        ("16.36", GB, True),
        ("16.38", GB, False),  # 16.375, two raters
        ("16.3", GB, False),
        ("16.36", "VAS", False),
    ],
)
def test_granularity(small, mean, instrument, doubted):
    row = {"statistic": "mean_only", "mean": mean, "instrument": instrument}
    assert checks(small, row) == ["grim"] * doubted


def test_a_mean_beyond_the_scale(small):
    row = {"statistic": "mean_only", "mean": "4.4", "instrument": "Goodman-Baron qualitative"}
    assert checks(small, row) == ["grim"]


# worked-out figures and what rests on them


def test_worked_out_rows_are_not_held_against_themselves(small):
    row = interval("3.4", "0.2", "6.5", ".03")
    copy = {**row, "sd": "0.1", "sd_is": "derived", "derived": "o0001 with SD = half-width"}
    assert checks(small, row, copy) == []
    wrong = interval("0.4", "-2.3", "3.5", ">.99")
    both = told(small, wrong, {**wrong, "sd": "5.24", "sd_is": "derived"})
    assert both["outcome_ids"].tolist() == ["o0001;o0002"]


def test_primary_contrasts_are_found_through_worked_out_rows(published, shipped):
    """The share of dermaroller_hk2018 and the SDs worked out from Alam's intervals are pooled."""
    by_id = shipped.set_index("outcome_ids")
    primary = published.contrasts.query("primary == 'yes'")
    ends = set(primary["treated_outcome_id"]) | set(primary["reference_outcome_id"].dropna())
    assert "o0018" not in ends
    assert "o0025" in ends
    assert by_id.loc["o0018;o0025", "in_primary"]
    assert not by_id.loc["o0026", "in_primary"]
    assert by_id.loc["o0026", "claim_ids"] == ""


# the shipped tables


def test_doubts_of_the_shipped_tables(shipped):
    """A change here has to be read, row by row, before the numbers are set anew."""
    assert list(shipped.columns) == COLUMNS
    counts = shipped["check"].value_counts().to_dict()
    assert counts == {"spread": 11, "percent": 5, "interval": 4, "p": 4, "grim": 1}
    assert int(shipped["in_primary"].sum()) == 8
    # (5.9 - 2.1) / 1.0, (5.38 - 3.0) / 0.69 and (57.3 - 40.9) / 2.79 standard deviations
    assert {"n0030;n0031", "n0032;n0033", "n0039;n0040"} <= set(shipped["outcome_ids"])
    assert set(counts) <= set(CHECKS)


def test_anchors_among_the_shipped_doubts(shipped):
    by_id = shipped.set_index("outcome_ids")
    assert by_id.loc["o0019;o0023", "recomputed"] == "middle 0.55 to 0.65"
    assert by_id.loc["o0018;o0025", "check"] == "p"
    assert "0.12 to 0.73" in by_id.loc["o0633", "explanation"]
    alam = shipped[shipped["study_id"] == "alam2014"]["outcome_ids"].str.split(";").explode()
    # .03 beside 0.2 to 6.5, and .052 beside -0.01 to 4.8, are no doubts
    assert not {"o0016", "o0022", "o0017", "o0024"} & set(alam)


def test_every_doubt_is_told_in_full(shipped):
    said = shipped.drop(columns=["claim_ids", "doi"])
    assert said.notna().all().all()
    assert (said.drop(columns="in_primary") != "").all().all()
    for word in ("fraud", "fabricat", "mislead", "invent"):
        assert not shipped["explanation"].str.contains(word).any()


def test_order_of_the_rows_does_not_matter(published, shipped):
    turned = replace(
        published,
        printed=published.printed.iloc[::-1].reset_index(drop=True),
        outcomes=published.outcomes.iloc[::-1].reset_index(drop=True),
        contrasts=published.contrasts.iloc[::-1].reset_index(drop=True),
    )
    again = doubts(turned)
    columns = ["study_id", "check", "outcome_ids", "in_primary", "claim_ids"]
    pd.testing.assert_frame_equal(again[columns], shipped[columns])
    pd.testing.assert_frame_equal(doubts(published), shipped)


def test_text_of_the_file_is_kept(published):
    """Trailing zeros are digits: 9% and 25.0 are not the same precision."""
    text = published.printed.set_index("outcome_id")
    assert text.loc["o0250", "mean"] == "25.0"
    assert len(published.printed) == len(published.outcomes)
    figures = outcomes(published)
    assert sorted(x for f in figures for x in f.ids) == sorted(published.outcomes["outcome_id"])


# numbers that come from data never raise a doubt

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def text(value, decimals):
    return f"{value:.{decimals}f}"


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(5, 40), st.floats(-3, 3), st.integers(1, 2))
def test_real_visits_raise_no_doubt(small, seed, n, shift, decimals):
    rng = np.random.default_rng(seed)
    person = rng.integers(12, 30, n)
    before = person + rng.integers(-3, 4, n)
    after = person + rng.integers(-3, 4, n) - round(shift)
    change = before - after
    assume(min(x.std(ddof=1) for x in (before, after, change)) > 0.5)
    assume(0 <= np.corrcoef(before, after)[0, 1] <= 0.99)
    assume(abs(before.mean() - after.mean()) < 2.9 * before.std(ddof=1))
    p = sps.ttest_rel(before, after).pvalue
    half = sps.t.ppf(0.975, n - 1) * change.std(ddof=1) / math.sqrt(n)
    mean = change.mean()
    rows = visits(
        *(
            text(f(x), decimals)
            for x in (before, after)
            for f in (np.mean, lambda x: x.std(ddof=1))
        ),
        text(p, 3),
    )
    row = interval(*(text(x, decimals) for x in (mean, mean - half, mean + half)), text(p, 3))
    found = told(small, *rows, {**row, "n": str(n)}, n=str(n), instrument=GB)
    assert found.empty, found.to_dict("records")


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(5, 40), st.integers(5, 40), st.booleans())
def test_real_arms_raise_no_doubt(small, seed, n1, n2, welch):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(5, 30, n1), rng.integers(5, 25, n2)
    assume(min(a.std(ddof=1), b.std(ddof=1)) > 1)
    p = sps.ttest_ind(a, b, equal_var=not welch).pvalue
    rows = arms(
        *(text(f(x), 2) for x in (a, b) for f in (np.mean, lambda x: x.std(ddof=1))),
        text(p, 4),
        study_id="parallel",
        instrument=GB,
    )
    rows[0]["n"], rows[1]["n"] = str(n1), str(n2)
    found = told(small, *rows)
    assert found.empty, found.to_dict("records")
