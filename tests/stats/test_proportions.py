"""Proportions and their differences against R, published examples, and exact enumeration."""

import itertools
import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mnstudy import stats as ours
from mnstudy.stats.counts.proportions import exact_limits, nnt, proportion, wilson_limits
from mnstudy.stats.counts.two_groups import risk_difference

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "proportions.json").read_text())
CASES = REFERENCE["cases"]

RTOL = 1e-9
# The brute-force likelihood behind Tango's witness is flat at its maximum, to about 1e-8.
TANGO_ATOL = 1e-7

cells = st.integers(0, 25)
tables = st.tuples(cells, cells, cells, cells).filter(lambda counts: sum(counts) > 0)
arms = st.tuples(st.integers(0, 20), st.integers(20, 40))


def run(case):
    options = dict(case["options"])
    if options.get("paired"):
        return risk_difference(table=case["inputs"], **options)
    return getattr(ours, case["func"])(*case["inputs"], **options)


def by_name(case):
    return "-".join(map(str, [case["func"], case["inputs"], *dict(case["options"]).values()]))


def test_reference_grid_is_complete():
    single = [case for case in CASES if case["func"] == "proportion"]
    options = {tuple(case["options"].values()) for case in single}
    assert options == set(
        itertools.product(
            ("clopper-pearson", "wilson"), ("two-sided", "less", "greater"), (0.95, 0.99)
        )
    )
    assert len(single) == 8 * len(options)
    differences = [case["options"] for case in CASES if case["func"] == "risk_difference"]
    counted = [(o.get("paired", False), o["method"], o["confidence_level"]) for o in differences]
    for level in (0.95, 0.9):
        assert counted.count((False, "newcombe", level)) == 6
        assert counted.count((True, "newcombe", level)) == 10
        assert counted.count((True, "tango", level)) == 10
    assert len(CASES) == len(single) + len(differences)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_agrees_with_r(case):
    found = run(case)
    tango = case["options"].get("method") == "tango"
    for name, value in case["expected"].items():
        atol = TANGO_ATOL if tango else 1e-12
        assert getattr(found, name) == pytest.approx(value, rel=RTOL, abs=atol), name


def rounded(found, digits):
    return tuple(round(getattr(found, end), digits) for end in ("estimate", "ci_low", "ci_high"))


def test_newcombe_1998_table_ii_of_independent_proportions():
    # doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, method 10.
    assert rounded(risk_difference(56, 70, 48, 80), 4) == (0.2, 0.0524, 0.3339)
    assert rounded(risk_difference(9, 10, 3, 10), 4) == (0.6, 0.1705, 0.8090)
    assert rounded(risk_difference(10, 10, 0, 20), 4) == (1.0, 0.6791, 1.0)


def test_published_paired_intervals():
    # Fagerland, Lydersen & Laake (2014), doi 10.1002/sim.6148: airway reactivity in 21 children.
    tango = risk_difference(table=[[1, 1], [7, 12]], paired=True, method="tango")
    assert rounded(tango, 3) == (-0.286, -0.517, -0.026)
    newcombe = risk_difference(table=[[1, 1], [7, 12]], paired=True)
    assert rounded(newcombe, 3) == (-0.286, -0.507, -0.026)
    # Same authors, complete response before and after consolidation, 161 patients.
    cavo = risk_difference(table=[[59, 6], [16, 80]], paired=True)
    assert rounded(cavo, 4) == (-0.0621, -0.1186, -0.0046)
    # Altman et al., Statistics with Confidence, 2nd ed. (2000), page 52.
    altman = risk_difference(table=[[14, 5], [0, 22]], paired=True)
    assert rounded(altman, 2) == (0.12, 0.01, 0.23)


def test_altman_1998_number_needed_that_passes_infinity():
    # doi 10.1136/bmj.317.7168.1309: 10 % (-5 % to 25 %) is NNTB 10 (NNTH 20 to inf to NNTB 4).
    class Example:
        estimate, ci_low, ci_high, confidence_level = 0.10, -0.05, 0.25, 0.95

    found = nnt(Example())
    assert (found.estimate, found.kind) == (10, "benefit")
    assert (found.benefit_low, found.benefit_high) == (4, math.inf)
    assert (found.harm_low, found.harm_high) == (20, math.inf)
    assert found.passes_infinity
    assert found.sentence == "NNTB 10 (95 % CI NNTB 4 to infinity to NNTH 20)"
    turned = nnt(Example(), event="bad")
    assert (turned.kind, turned.harm_low, turned.benefit_low) == ("harm", 4, 20)
    assert turned.sentence == "NNTH 10 (95 % CI NNTB 20 to infinity to NNTH 4)"


def test_number_needed_that_stays_on_one_side():
    found = nnt(risk_difference(56, 70, 48, 80))
    assert found.estimate == pytest.approx(5)
    assert math.isnan(found.harm_low)
    assert not found.passes_infinity
    assert found.benefit_low < 5 < found.benefit_high
    harm = nnt(risk_difference(48, 80, 56, 70))
    assert repr(harm) == "NNTH 5 (95 % CI NNTH 3 to 19.1)"


def test_number_needed_when_a_limit_or_the_difference_is_zero():
    class Touching:
        estimate, ci_low, ci_high, confidence_level = 0.1, 0.0, 0.2, 0.9

    assert nnt(Touching()).sentence == "NNTB 10 (90 % CI NNTB 5 to infinity)"
    same = nnt(risk_difference(5, 10, 5, 10))
    assert same.estimate == math.inf
    assert same.sentence.startswith("NNTB infinity (95 % CI NNTB")
    assert same.passes_infinity


def none_of(n, **options):
    return proportion(0, n, alternative="less", **{"unit": "patients", **options})


def test_sentences_state_side_and_method():
    assert none_of(40).sentence == (
        "0 of 40 patients: with 95 % confidence the true rate is below 7.3 % (one-sided, exact)"
    )
    assert proportion(0, 40, unit="sites", method="wilson").sentence == (
        "0 of 40 sites: with 95 % confidence the true rate is below 8.8 % (two-sided, Wilson)"
    )
    assert proportion(40, 40).sentence == (
        "40 of 40: with 95 % confidence the true rate is above 91.1 % (two-sided, exact)"
    )
    assert proportion(0, 40, alternative="greater").sentence == (
        "0 of 40 (0 %): with 95 % confidence the true rate is 0 % to 100 % (one-sided, exact)"
    )
    assert proportion(0, 10**6).sentence == (
        "0 of 1000000: with 95 % confidence the true rate is below 0.00037 % (two-sided, exact)"
    )


@given(st.integers(1, 5000), st.sampled_from([0.9, 0.95, 0.99]))
def test_limit_in_the_sentence_is_never_below_the_limit(n, level):
    found = none_of(n, confidence_level=level)
    shown = float(re.search(r"below ([0-9.e-]+) %", found.sentence)[1])
    assert 0 <= shown - 100 * found.ci_high <= 0.1 + 1e-9
    assert (1 - found.ci_high) ** n == pytest.approx(1 - level)


def test_zero_events_for_sessions_is_smaller_than_for_patients():
    sessions = none_of(120, unit="sessions")
    assert sessions.ci_high < none_of(40).ci_high
    assert sessions.sentence.startswith("0 of 120 sessions")
    assert sessions.ci_high == pytest.approx(3 / 120, rel=0.02)


def test_results_print_estimate_first():
    found = risk_difference(12, 20, 9, 20)
    assert repr(found).startswith(f"0.15 (95 % CI {found.ci_low:.4g} to {found.ci_high:.4g}), p =")
    assert "n = 20 and 20" in repr(found)
    assert "21 pairs" in repr(risk_difference(table=[[1, 1], [7, 12]], paired=True))
    assert proportion(3, 40).to_frame()["ci_low"][0] == proportion(3, 40).ci_low
    assert "<strong>NNTB" in nnt(found)._repr_html_()
    with pytest.raises(AttributeError):
        found.estimate = 0.0


def test_no_pair_differs():
    none = risk_difference(table=[[5, 0], [0, 3]], paired=True, method="tango")
    z2 = stats.norm.ppf(0.975) ** 2
    assert none.ci_high == pytest.approx(z2 / (8 + z2))
    assert none.p_value == 1


def of_pairs(table):
    return risk_difference(table=table, paired=True)


NEEDS = "paired=True needs table=[[both, only first], [only second, neither]] and no other counts"
ERRORS = [
    (lambda: proportion(3.5, 40), "events must be a whole number, not 3.5"),
    (lambda: proportion(float("nan"), 40), "events must be a whole number, not nan"),
    (lambda: proportion("few", 40), "events must be a whole number, not 'few'"),
    (lambda: proportion(0, 0), "n must be at least 1, not 0"),
    (lambda: proportion(41, 40), "events must be from 0 to n = 40, not 41"),
    (lambda: proportion(1, 40, method="wald"), "method must be one of 'clopper-pearson', 'wilson'"),
    (lambda: proportion(1, 40, alternative="both"), "alternative must be one of 'two-sided', 'l"),
    (lambda: proportion(1, 40, confidence_level=95), "confidence_level must lie between 0 and 1"),
    (lambda: risk_difference(1, 2, 1), "separate groups need events1, n1, events0, n0"),
    (lambda: risk_difference(table=[[1, 1], [1, 1]]), "separate groups need events1, n1, events0"),
    (lambda: risk_difference(1, 2, 1, 2, paired=True), NEEDS),
    (lambda: risk_difference(1, 2, table=[[1, 1], [1, 1]], paired=True), NEEDS),
    (
        lambda: risk_difference(1, 2, 1, 2, method="tango"),
        'method="tango" is for pairs; use "newcombe" for separate groups',
    ),
    (lambda: risk_difference(3, 2, 1, 2), "events1 must be from 0 to n1 = 2, not 3"),
    (lambda: risk_difference(1, 2, 3, 2), "events0 must be from 0 to n0 = 2, not 3"),
    (
        lambda: risk_difference(1, 2, 1, 2, method="wald"),
        "method must be one of 'newcombe', 'tango'",
    ),
    (lambda: of_pairs([1, 2, 3]), "pairs are counted as table=[[both, only first], [only"),
    (lambda: of_pairs([[1, 2], [3, -1]]), "counts of the table must be 0 or more"),
    (lambda: of_pairs([[0, 0], [0, 0]]), "counts of the table must be 0 or more"),
    (lambda: of_pairs([[0, 0.5], [0, 0]]), "a count of the table must be a whole number"),
    (lambda: nnt(risk_difference(1, 2, 1, 2), event="nice"), "event must be one of 'good', 'bad'"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


def test_nnt_refuses_a_difference_without_limits():
    class Broken:
        estimate, ci_low, ci_high, confidence_level = 0.1, math.nan, 0.2, 0.95

    with pytest.raises(ValueError, match="a risk difference within its limits is needed"):
        nnt(Broken())


@given(arms, arms)
def test_swapped_arms_turn_the_interval(one, other):
    found, turned = risk_difference(*one, *other), risk_difference(*other, *one)
    assert (turned.ci_low, turned.ci_high) == pytest.approx((-found.ci_high, -found.ci_low))
    assert turned.p_value == pytest.approx(found.p_value)
    assert -1 <= found.ci_low <= found.estimate <= found.ci_high <= 1


@given(tables, st.sampled_from(["newcombe", "tango"]))
def test_swapped_sides_turn_the_interval(counts, method):
    a, b, c, d = counts
    found = risk_difference(table=[[a, b], [c, d]], paired=True, method=method)
    turned = risk_difference(table=[[a, c], [b, d]], paired=True, method=method)
    assert (turned.ci_low, turned.ci_high) == pytest.approx((-found.ci_high, -found.ci_low))
    assert found.p_value == pytest.approx(stats.binomtest(b, b + c).pvalue if b + c else 1.0)
    assert -1 - 1e-12 <= found.ci_low <= found.estimate <= found.ci_high <= 1 + 1e-12


@given(tables)
def test_tango_is_the_mcnemar_test_turned_round(counts):
    a, b, c, d = counts
    found = risk_difference(table=[[a, b], [c, d]], paired=True, method="tango")
    significant = (b - c) ** 2 > stats.norm.ppf(0.975) ** 2 * (b + c)
    assert significant == (found.ci_low > 1e-12 or found.ci_high < -1e-12)


@given(arms, st.sampled_from(["clopper-pearson", "wilson"]))
def test_intervals_nest_and_mirror(counts, method):
    events, n = counts
    wide = proportion(events, n, method=method, confidence_level=0.99)
    narrow = proportion(events, n, method=method, confidence_level=0.8)
    assert (
        0 <= wide.ci_low <= narrow.ci_low <= narrow.estimate <= narrow.ci_high <= wide.ci_high <= 1
    )
    mirror = proportion(n - events, n, method=method, confidence_level=0.8)
    assert mirror.ci_low == pytest.approx(1 - narrow.ci_high, abs=1e-12)
    one_sided = proportion(events, n, method=method, alternative="less", confidence_level=0.9)
    assert one_sided.ci_high == pytest.approx(narrow.ci_high)


@pytest.mark.parametrize("p", [0.01, 0.2, 0.5])
def test_exact_limits_cover_what_they_promise(p):
    n = 30
    chances = stats.binom.pmf(range(n + 1), n, p)
    found = [proportion(e, n) for e in range(n + 1)]
    covered = sum(c for c, f in zip(chances, found, strict=True) if f.ci_low <= p <= f.ci_high)
    assert covered >= 0.95


@given(st.integers(1, 10**7), st.sampled_from([0.005, 0.05, 0.3]))
def test_limits_at_the_ends_are_exactly_the_ends(n, tail):
    for limits in (exact_limits, wilson_limits):
        assert limits(0, n, tail)[0] == 0.0
        assert limits(n, n, tail)[1] == 1.0
