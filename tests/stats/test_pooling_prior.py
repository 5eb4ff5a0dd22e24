"""A few studies pooled with a half-normal prior on tau: against R, Stan, a grid, and properties."""

import json
import math
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from mnstudy import stats as ours
from mnstudy.stats import leave_one_out, pool, tau_prior_scale
from mnstudy.stats.meta.between_studies import tau_posterior

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "pooling_prior.json").read_text("utf-8")
)
CASES = REFERENCE["cases"]
TAILS = (0.025, 0.5, 0.975)
NUMBERS = (
    *("estimate", "ci_low", "ci_high", "std_error", "prediction_low", "prediction_high"),
    *("tau", "tau_ci_low", "tau_ci_high"),
)

effects = st.integers(-300, 300).map(lambda count: count / 100)
study = st.tuples(effects, st.floats(0.01, 2))
studies = st.lists(study, min_size=2, max_size=6)
scales = st.floats(0.02, 4)
quick = settings(max_examples=40, deadline=None)


def arrays(pairs):
    return np.array([y for y, _ in pairs]), np.array([v for _, v in pairs])


def on_a_grid(y, v, scale, points=400_001):
    """Brute force: tau on an even grid by the trapezoid rule, the mean normal given each."""
    y, v = np.asarray(y, float), np.asarray(v, float)
    tau = np.linspace(0, 10 * (scale + math.sqrt(scale * np.ptp(y))), points)
    w = 1 / (v[:, None] + tau**2)
    total = w.sum(axis=0)
    mean = y @ w / total
    height = 0.5 * np.log(w).sum(axis=0) - 0.5 * np.log(total) - 0.5 * (tau / scale) ** 2
    height -= 0.5 * (w * (y[:, None] - mean) ** 2).sum(axis=0)
    share = np.exp(height - height.max())
    share[[0, -1]] /= 2
    return tau, share / share.sum(), mean, 1 / total


def test_reference_grid_is_complete():
    data = {"crins", "randomised", "randomised_wide", "schools", "two", "three_alike"}
    assert {case["data"] for case in CASES} == data | {"unequal", "apart"}
    assert {case["data"] for case in REFERENCE["stan"]} == {"crins", "randomised", "schools"}
    assert REFERENCE["packages"].keys() == {"metafor", "rstan"}
    assert {"pool", "tau_prior_scale"} <= set(ours.__all__)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["data"])
def test_agrees_with_integration_in_r(case):
    found = pool(case["effects"], case["variances"], tau_prior=case["tau_prior"])
    for name, value in case["expected"].items():
        np.testing.assert_allclose(getattr(found, name), value, 1e-7, 1e-8, err_msg=name)
    assert found.chance_above(case["margin"]) == pytest.approx(case["chance_above"], abs=1e-9)


@pytest.mark.parametrize("draws", REFERENCE["stan"], ids=lambda draws: draws["data"])
def test_agrees_with_draws_of_stan(draws):
    case = next(case for case in CASES if case["data"] == draws["data"])
    found = pool(case["effects"], case["variances"], tau_prior=case["tau_prior"])
    for name, said in draws["expected"].items():
        got = found.shrunken[0] if name == "shrunken_first" else getattr(found, name)
        # The errors of 33 quantiles over 20 chains: one in 1,000 is beyond 4 of them.
        assert abs(got - said["value"]) < 4 * said["error"], name
        assert said["error"] < 0.02 * (found.ci_high - found.ci_low), name


@pytest.mark.parametrize(
    ("y", "v", "scale"),
    [
        ([0.35, 1.10], [0.05, 0.08], 0.5),
        ([0.10, 0.55, 0.32, 0.75, 0.91], [0.04, 0.05, 0.03, 0.06, 0.11], 0.25),
        ([0.42, 0.45, 0.40], [0.04, 0.09, 0.02], 0.01),
        ([-40.0, -12.5, 3.0], [60.0, 150.0, 20.0], 10.0),
        ([0.0, 3.0], [0.001, 0.4], 0.5),
        ([0.0, 50.0], [1.0, 1.0], 0.1),
    ],
)
def test_agrees_with_a_brute_force_grid(y, v, scale):
    found = pool(y, v, tau_prior=scale)
    tau, share, mean, variance = on_a_grid(y, v, scale)
    below = np.cumsum(share) - share / 2

    def chance(value, centre, error):
        return share @ special.ndtr((value - centre) / error)

    for tail, name in zip(TAILS, ("ci_low", "estimate", "ci_high"), strict=True):
        at = chance(getattr(found, name), mean, np.sqrt(variance))
        assert at == pytest.approx(tail, abs=1e-9)
    for tail, name in ((0.025, "prediction_low"), (0.975, "prediction_high")):
        at = chance(getattr(found, name), mean, np.sqrt(variance + tau**2))
        assert at == pytest.approx(tail, abs=1e-9)
    for tail, name in zip(TAILS, ("tau_ci_low", "tau", "tau_ci_high"), strict=True):
        assert np.interp(getattr(found, name), tau, below) == pytest.approx(tail, abs=1e-7)
    for i, precision in enumerate(1 / np.array(v)):
        with np.errstate(divide="ignore"):
            between = 1 / tau**2
        pull = np.where(tau > 0, precision / (precision + between), 0.0)
        centre, error = mean + pull * (y[i] - mean), pull / precision + (1 - pull) ** 2 * variance
        for tail, own in zip(TAILS, ("shrunken_low", "shrunken", "shrunken_high"), strict=True):
            at = chance(getattr(found, own)[i], centre, np.sqrt(error))
            assert at == pytest.approx(tail, abs=1e-9)


def test_two_agreeing_studies_say_something_where_knapp_hartung_cannot():
    y, v = [0.9, 1.2], [0.06, 0.09]
    found, usual = pool(y, v, tau_prior=0.5), pool(y, v)
    assert found.ci_low > 0
    assert usual.ci_low < 0
    assert (found.interval_kind, usual.interval_kind) == ("credible", "confidence")


def test_one_study_is_itself_and_says_so():
    found, usual = pool([0.4], [0.09], tau_prior=0.5, labels=["a"]), pool([0.4], [0.09])
    assert found.estimate == pytest.approx(0.4)
    assert (found.ci_low, found.ci_high) == pytest.approx((usual.ci_low, usual.ci_high))
    assert found.std_error == pytest.approx(0.3)
    assert found.interval_kind == "confidence"
    assert (found.labels, found.notes) == (("a",), usual.notes)
    assert found.shrunken == pytest.approx((0.4,))
    for name in ("tau", "tau_ci_low", "tau_ci_high", "prediction_low", "prediction_high"):
        assert math.isnan(getattr(found, name))
    assert found.chance_above(0.4) == pytest.approx(0.5)
    assert "one study, Wald interval" in repr(found)
    assert "credible" not in repr(found)


def test_result_prints_what_kind_of_interval_it_has():
    found = pool([0.35, 1.10], [0.05, 0.08], tau_prior=0.5, labels=["a", "b"])
    lines = repr(found).splitlines()
    assert lines[0].startswith(f"{found.estimate:.4g} (95 % credible interval {found.ci_low:.4g} ")
    assert lines[-1].strip() == found.description
    row = found.to_frame()
    assert row["interval_kind"].tolist() == ["credible"]
    assert row["tau_prior"].tolist() == [0.5]
    assert not {"shrunken", "mixture"} & set(row)


def test_leave_one_out_takes_the_prior_along():
    y, v = [0.10, 0.55, 0.32], [0.04, 0.05, 0.03]
    frame = leave_one_out(y, v, tau_prior=0.5)
    assert frame["estimate"][0] == pool(y[1:], v[1:], tau_prior=0.5).estimate


def test_extreme_sizes_have_a_result():
    for y, v, scale in [
        ([1, 2], [1, 1], 1e-90),
        ([1, 1], [1, 1], 1e60),
        ([0, 1e6], [1e-6, 1], 1e-3),
        ([0, 1e40], [1e-90, 1e80], 1e-60),
    ]:
        found = pool(y, v, tau_prior=scale)
        assert all(math.isfinite(getattr(found, name)) for name in NUMBERS)
        assert found.ci_low < found.estimate < found.ci_high


def test_scales_of_the_prior():
    assert tau_prior_scale("smd") == 0.5
    assert tau_prior_scale("log_odds_ratio") == 0.9 == round(0.5 * math.pi / math.sqrt(3), 1)
    assert tau_prior_scale("mean", scale_range=100) == 10
    assert tau_prior_scale("risk_difference") == 0.1
    data = Path(ours.__file__).parent / "meta" / "tau_priors.toml"
    entries = tomllib.loads(data.read_text("utf-8")).values()
    assert {entry["status"] for entry in entries} <= {"seen", "not seen", "convention"}
    assert all(("scale" in entry) != ("share" in entry) and entry["source"] for entry in entries)


ERRORS = [
    (lambda: pool([1, 2], 1, tau_prior=0), "tau_prior must be above 0 and below 1e+100, not 0"),
    (lambda: pool([1, 2], 1, tau_prior=-0.5), "tau_prior must be above 0 and below 1e+100, not -"),
    (lambda: pool([1, 2], 1, tau_prior=math.nan), "tau_prior must be a number, not nan"),
    (lambda: pool([1, 2], 1, tau_prior="smd"), "tau_prior must be a number, not 'smd'"),
    (lambda: pool([1, 2], [1, -1], tau_prior=1), "variances must be above 0; it is -1 in study 2"),
    (
        lambda: pool([1, 2], 1, tau_prior=1, method="dl"),
        "tau_prior replaces method and knapp_hartung: leave those out",
    ),
    (lambda: pool([1, 2], 1, tau_prior=1, knapp_hartung=False), "tau_prior replaces method and"),
    (lambda: pool([1, 2], 1, tau_prior=1).chance_above(math.nan), "margin must be a number"),
    (lambda: tau_prior_scale("mean"), "the measure 'mean' needs scale_range"),
    (lambda: tau_prior_scale("smd", scale_range=10), "the measure 'smd' takes no scale_range"),
    (lambda: tau_prior_scale("mean", scale_range=0), "scale_range must be above 0"),
    (lambda: tau_prior_scale("SMD"), "measure must be one of 'smd', 'log_odds_ratio', 'mean', "),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


@quick
@given(studies, scales, st.randoms(use_true_random=False))
def test_order_of_studies_does_not_matter(pairs, scale, random):
    order = list(range(len(pairs)))
    random.shuffle(order)
    one = pool(*arrays(pairs), tau_prior=scale)
    other = pool(*arrays([pairs[i] for i in order]), tau_prior=scale)
    for name in NUMBERS:
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-8)
    assert other.shrunken == pytest.approx([one.shrunken[i] for i in order], abs=1e-8)


@quick
@given(studies, scales)
def test_turned_signs_turn_the_result(pairs, scale):
    y, v = arrays(pairs)
    one, other = (pool(s * y, v, tau_prior=scale) for s in (1, -1))
    assert other.estimate == pytest.approx(-one.estimate, abs=1e-8)
    assert other.ci_low == pytest.approx(-one.ci_high, abs=1e-8)
    assert other.prediction_high == pytest.approx(-one.prediction_low, abs=1e-8)
    assert other.tau == pytest.approx(one.tau, abs=1e-8)
    assert other.chance_above(-0.2) == pytest.approx(1 - one.chance_above(0.2), abs=1e-9)


@quick
@given(studies, scales, st.sampled_from([0.01, 100.0]))
def test_another_unit_scales_the_result(pairs, scale, c):
    y, v = arrays(pairs)
    one, other = pool(y, v, tau_prior=scale), pool(c * y, c**2 * v, tau_prior=c * scale)
    for name in NUMBERS:
        assert getattr(other, name) == pytest.approx(c * getattr(one, name), rel=1e-7, abs=1e-8 * c)
    assert other.chance_above(c * 0.3) == pytest.approx(one.chance_above(0.3), abs=1e-9)


@quick
@given(studies)
def test_a_prior_near_0_gives_the_common_effect(pairs):
    y, v = arrays(pairs)
    found, common = pool(y, v, tau_prior=1e-6), pool(y, v, method="common")
    for name in ("estimate", "ci_low", "ci_high", "std_error"):
        assert getattr(found, name) == pytest.approx(getattr(common, name), abs=1e-5)
    assert found.shrunken == pytest.approx([common.estimate] * len(y), abs=1e-5)
    assert found.tau_ci_high < 1e-5


@quick
@given(st.lists(study, min_size=5, max_size=7))
def test_a_wide_prior_gives_the_flat_one(pairs):
    y, v = arrays(pairs)
    tau = np.append(np.linspace(0, 20, 200_001), np.geomspace(20, 1e5, 200_001)[1:])
    w = 1 / (v[:, None] + tau**2)
    total, mean = w.sum(axis=0), y @ w / w.sum(axis=0)
    q = (w * (y[:, None] - mean) ** 2).sum(axis=0)
    share = np.sqrt(w.prod(axis=0) / total) * np.exp(-q / 2) * np.gradient(tau)
    found = pool(y, v, tau_prior=1e4)
    for tail, name in zip(TAILS, ("ci_low", "estimate", "ci_high"), strict=True):
        at = share @ special.ndtr((getattr(found, name) - mean) * np.sqrt(total)) / share.sum()
        assert at == pytest.approx(tail, abs=1e-4)


@quick
@given(studies, scales)
def test_intervals_nest(pairs, scale):
    y, v = arrays(pairs)
    wide, narrow = (pool(y, v, tau_prior=scale, confidence_level=c) for c in (0.99, 0.8))
    assert wide.ci_low < narrow.ci_low < narrow.estimate < narrow.ci_high < wide.ci_high
    assert wide.prediction_low < wide.ci_low
    assert wide.prediction_high > wide.ci_high
    assert 0 < wide.tau_ci_low < narrow.tau_ci_low < narrow.tau < wide.tau_ci_high
    assert wide.chance_above(wide.ci_low) == pytest.approx(0.995, abs=1e-9)
    assert all(
        low < own < high
        for low, own, high in zip(
            narrow.shrunken_low, narrow.shrunken, narrow.shrunken_high, strict=True
        )
    )


def test_the_prior_alone_speaks_where_studies_say_nothing():
    tau, share, found = tau_posterior(np.zeros(2), np.full(2, 1e12), 0.5, TAILS)
    expected = 0.5 * special.ndtri((1 + np.array(TAILS)) / 2)
    assert found == pytest.approx(expected, rel=1e-9)
    assert share @ tau == pytest.approx(0.5 * math.sqrt(2 / math.pi), rel=1e-9)
