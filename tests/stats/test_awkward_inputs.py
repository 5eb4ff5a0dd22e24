"""What a researcher hands over by mistake: a named error or the right number, never nonsense."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mnstudy import stats

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(5)
PATIENT = np.repeat(np.arange(20), 2)
SIDE = np.tile([0.0, 1.0], 20)
Y = 5 * SIDE + np.repeat(RNG.normal(0, 3, 20), 2) + RNG.normal(size=40)
X = np.column_stack([np.ones(40), SIDE])
GRADE = RNG.integers(1, 4, size=40)
GAPS = np.where(np.arange(40) % 7 == 3, NAN, Y)
BACKWARDS = range(39, -1, -1)


def labelled(values, index=None):
    return pd.Series(np.asarray(values), index=index)


# One call per function: the first argument in its own order, another one in a different order.
UNALIGNED = {
    "random_intercept": ("y and X", lambda a, b: stats.random_intercept(a, b[["x", "z"]], PATIENT)),
    "groups": ("y and groups", lambda a, b: stats.random_intercept(a, X, b["g"])),
    "batch": (
        "Y and groups",
        lambda a, b: stats.random_intercept_batch(a.to_frame(), X, b["g"]),
    ),
    "mixed_model": (
        "data and groups",
        lambda a, b: stats.mixed_model("y ~ x", b, labelled(PATIENT)),
    ),
    "nested": (
        "y and subgroups",
        lambda a, b: stats.nested_intercepts(a, X, PATIENT, b["x"]),
    ),
    "arm": ("y and covariates", lambda a, b: stats.arm_difference(a, SIDE, None, b[["z"]])),
    "paired": ("y and treated", lambda a, b: stats.paired_difference(a, b["x"], PATIENT)),
    "ancova": ("outcome and baseline", lambda a, b: stats.ancova(a, SIDE, b["z"])),
    "within": ("y and x", lambda a, b: stats.within_between(a, b["z"], PATIENT)),
    "before_after": ("y and groups", lambda a, b: stats.before_after(a, b["g"])),
    "levels": ("y and level", lambda a, b: stats.heterogeneity(a, b["x"], PATIENT)),
    "robust": ("y and groups", lambda a, b: stats.cluster_robust(a, X, b["g"])),
    "scores": (
        "y and groups",
        lambda a, b: stats.score_parts(a, X, b["g"], 1, everyone=range(20)),
    ),
    "ordinal": (
        "y and groups",
        lambda a, b: stats.proportional_odds(labelled(GRADE), X[:, 1:], b["g"]),
    ),
    "transitions": (
        "before and after",
        lambda a, b: stats.grade_transitions(labelled(GRADE), b["grade"]),
    ),
    "impute": (
        "y and groups",
        lambda a, b: stats.impute_clustered(labelled(GAPS), X, b["g"], rng=1),
    ),
    "share_by": (
        "left and groups",
        lambda a, b: stats.share_by(labelled(SIDE), SIDE + 1, b["g"], 1),
    ),
    "bounds": ("low and high", lambda a, b: stats.mean_bounds(labelled(SIDE), b["x"] + 1)),
    "mee_chua": ("before and after", lambda a, b: stats.mee_chua(a, b["z"], 2)),
    "signed_rank": ("x and y", lambda a, b: stats.signed_rank(a, b["z"])),
    "pool": ("effects and variances", lambda a, b: stats.pool(a, b["x"] + 1)),
    "regress": (
        "effects and moderators",
        lambda a, b: stats.regress_effects(a, np.ones(40), b[["z"]]),
    ),
}


def sheet(index):
    table = {"y": Y, "x": SIDE, "z": Y**2, "g": PATIENT, "grade": GRADE}
    return pd.DataFrame(table, index=index)


@pytest.mark.parametrize("name", UNALIGNED)
def test_inputs_in_different_orders_are_refused(name):
    words, call = UNALIGNED[name]
    with pytest.raises(ValueError, match=f"^{words} have different indexes.*reset_index"):
        call(labelled(Y), sheet(BACKWARDS))


@pytest.mark.parametrize("name", sorted(set(UNALIGNED) - {"mixed_model"}))
def test_one_order_is_read_as_it_is(name):
    if name == "nested":
        frame = pd.concat([sheet(None), sheet(None)], ignore_index=True)
        rows = np.tile(np.arange(40), 2)
        y = frame["y"] + np.random.default_rng(1).normal(size=80)
        stats.nested_intercepts(y, X[rows], frame["g"], frame["x"])
        return
    UNALIGNED[name][1](labelled(Y), sheet(None))


def test_data_and_groups_of_one_unusual_order():
    data = sheet(BACKWARDS)
    by_name = stats.mixed_model("y ~ x", data, "g")
    assert by_name.coefficients.equals(stats.mixed_model("y ~ x", data, data["g"]).coefficients)
    twice = data.set_index(np.zeros(40, dtype=int))
    assert by_name.coefficients.equals(stats.mixed_model("y ~ x", twice, "g").coefficients)


def formula_table():
    rng = np.random.default_rng(0)
    arm = np.tile(list("abc"), 20)
    depth = rng.uniform(0.5, 2.5, 60)
    effect = np.repeat(rng.normal(0, 2, 20), 3)
    y = 10 + 3 * (arm == "b") + 2 * depth + effect + rng.normal(size=60)
    return pd.DataFrame({"p": np.repeat(np.arange(20), 3), "arm": arm, "depth": depth, "y": y})


@pytest.mark.parametrize("dtype", ["string", "object", "category"])
def test_any_kind_of_text_column_gives_one_fit(dtype):
    data = formula_table()
    plain = stats.mixed_model("y ~ arm", data, "p").coefficients
    # lme4::lmer on the same table.
    assert plain["estimate"].to_numpy()[:2] == pytest.approx([13.860318, 2.327191], abs=1e-6)
    found = stats.mixed_model("y ~ arm", data.astype({"arm": dtype}), "p").coefficients
    pd.testing.assert_frame_equal(found, plain)
    nullable = stats.mixed_model("y ~ arm", data.convert_dtypes(), "p").coefficients
    pd.testing.assert_frame_equal(nullable, plain)


def test_a_level_without_rows_is_left_out():
    data = formula_table().astype({"arm": "category"})
    found = stats.mixed_model("y ~ arm", data[data["arm"] != "c"], "p")
    assert found.names == ("Intercept", "arm[T.b]")
    gone = data.assign(depth=data["depth"].where(data["arm"] != "c"))
    assert stats.mixed_model("y ~ arm + depth", gone, "p").names[1:] == ("arm[T.b]", "depth")


def test_what_a_formula_takes_from_all_rows_it_takes_from_complete_ones():
    data = formula_table()
    data.loc[3, "depth"] = NAN
    found = stats.mixed_model("y ~ center(depth)", data, "p")
    # lme4::lmer with the depth centred by hand.
    estimates = found.coefficients["estimate"].to_numpy()
    assert estimates == pytest.approx([14.602568, 1.921073], abs=1e-6)
    assert found.n_missing == 1
    unknown = data.assign(p=data["p"].where(data.index != 7))
    rest = unknown.dropna()
    by_hand = rest.assign(depth=rest["depth"] - rest["depth"].mean())
    fits = (
        stats.mixed_model("y ~ center(depth)", unknown, "p"),
        stats.mixed_model("y ~ depth", by_hand, "p"),
    )
    assert fits[0].coefficients.to_numpy() == pytest.approx(fits[1].coefficients.to_numpy())
    assert fits[0].n_missing == 2


def test_nullable_booleans_and_numbers_count_their_gaps():
    data = formula_table()
    flag = pd.array([True, False, None] * 20, dtype="boolean")
    found = stats.mixed_model("y ~ flag", data.assign(flag=flag), "p")
    assert (found.names[1], found.n_missing) == ("flag[T.True]", 20)
    number = pd.array([1, 2, None] * 20, dtype="Int64")
    found = stats.mixed_model("y ~ center(number)", data.assign(number=number), "p")
    assert (found.names[1], found.n_missing) == ("center(number)", 20)


# What is handed over, and the words that name it.
REFUSED = {
    "complex outcome": (lambda: stats.random_intercept(Y + 1j, X, PATIENT), "^y holds values"),
    "dates": (
        lambda: stats.random_intercept(pd.date_range("2020", periods=40), X, PATIENT),
        "^y holds values .*dates",
    ),
    "too large": (lambda: stats.random_intercept(Y * 1e200, X, PATIENT), "'y' reaches .*unit"),
    "too small": (lambda: stats.random_intercept(Y * 1e-200, X, PATIENT), "'y' reaches .*unit"),
    "column too large": (lambda: stats.random_intercept(Y, X * 1e200, PATIENT), "'x0' reaches"),
    "level as text": (
        lambda: stats.random_intercept(Y, X, PATIENT, confidence_level="0.95"),
        "confidence_level must lie",
    ),
    "constant baseline": (
        lambda: stats.ancova(Y, SIDE, np.full(40, 0.1)),
        "^baseline is the same",
    ),
    "levels of one name": (
        lambda: stats.heterogeneity(Y, [1, "1"] * 20),
        "names must differ; repeated: 1",
    ),
    "column too small": (
        lambda: stats.proportional_odds(GRADE, X[:, 1:] * 1e-200),
        "x0 varies too little",
    ),
    "tiny ratings": (lambda: stats.icc(np.array([[1, 2], [4, 6]]) * 1e-200), "^ratings reach"),
    "sem as text": (lambda: stats.smallest_detectable_change("a"), "^sem must be a number"),
    "no mean": (
        lambda: stats.expected_regression(mean=None, reliability=0.5, selected_mean=1),
        "^mean must be a number, not None",
    ),
    "infinite before": (lambda: stats.mee_chua([1, 2, 3, INF], [1, 2, 3, 4], 2), "infinite"),
    "mean as text": (lambda: stats.mee_chua([1, 2, 4], [2, 2, 4], "2"), "^mean must be a"),
    "huge variances": (lambda: stats.pool([1.0, 2.0], [1e300, 1e300]), "^variances must be from"),
    "tiny variances": (lambda: stats.pool([1.0, 2.0], [1e-300, 1]), "^variances must be from"),
    "huge effects": (lambda: stats.pool([1e200, 2], [1, 1]), "^effects must be below"),
    "words as moderators": (
        lambda: stats.regress_effects([1, 2, 3, 4, 5], [1] * 5, list("ababa")),
        "^moderators holds values",
    ),
    "effects on a line": (
        lambda: stats.regress_effects([1, 2, 3, 4, 5], [1] * 5, [1, 2, 3, 4, 5]),
        "on one line exactly",
    ),
    "disagreeing imputations": (
        lambda: stats.pool_imputations([0, 1e9], [1e-9, 1e-9], df_complete=10),
        "^estimates differ between imputations",
    ),
    "patient without label": (
        lambda: stats.share_by([0, 0, 4, 8], [4, 8, 8, INF], ["a", None, "c", "d"], 5),
        "^groups holds 1 missing label",
    ),
    "unknown time": (lambda: stats.share_by([0, 1], [2, 3], [1, 2], NAN), "^time must be"),
    "no resamples": (
        lambda: stats.share_by([0, 1], [2, 3], [1, 2], 2, n_resamples=0),
        "^n_resamples must be 1",
    ),
    "unknown number of comparisons": (lambda: stats.bonferroni_level(0.95, NAN), "^m must be"),
    "too many comparisons": (lambda: stats.bonferroni_level(0.95, 10**17), "between 0 and 1"),
    "effect as text": (lambda: stats.contour_n([0.01], "a"), "^effect must be a number"),
    "unknown spread": (lambda: stats.spread_is_se(NAN, 10, 1), "^sd 1 must be a number"),
    "ratio of zero": (lambda: stats.p_from_interval(0, 0.5, 2, ratio=True), "must be above 0"),
    "unknown estimate": (lambda: stats.p_from_interval(NAN, 0.5, 2), "^estimate must be"),
    "endless interval": (lambda: stats.p_from_interval(1, 0.5, INF), "^ci_high must be"),
    "unknown mean before": (lambda: stats.p_from_change(NAN, 1, 1, 1, 10), "^before must be"),
    "half a pair": (lambda: stats.p_from_change(2, 1, 1, 1, 2.5), "^n must be a whole number"),
    "half a person": (lambda: stats.p_from_arms(2, 1, 5.5, 1, 1, 5), "^n1 must be a whole"),
    "unknown arm": (lambda: stats.p_from_arms(NAN, 1, 5, 1, 1, 5), "^mean1 must be a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    call, words = REFUSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=words):
            call()


def test_numbers_of_numpy_are_numbers():
    assert stats.spread_is_se(np.float32(0.5), 10, 1) == stats.spread_is_se(0.5, 10, 1)
    assert stats.p_from_change(2, 1, 1, 1, 10, r=np.float32(0.5)).p_value == pytest.approx(
        stats.p_from_change(2, 1, 1, 1, 10, r=0.5).p_value
    )


def test_labels_of_different_kinds_stay_apart():
    found = stats.share_by([0, 0, 4, 8], [4, 8, 8, INF], [1, "1", 2, 3], 5)
    assert found.n_groups == 4
    assert stats.heterogeneity(Y, [1, "b"] * 20).test.df_num == 1


def test_a_study_beside_which_the_others_are_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stats.pool([0.0, 1, 2], [1e-16, 1, 1e16]).i2 == 0


def test_values_known_almost_exactly_are_exact():
    x = np.array([41.0, 44, 47, 52, 58])
    exact = stats.mean_of_intervals(x, x)
    for width in (1e-12, 1e-9, 1e-6):
        found = stats.mean_of_intervals(x, x + width)
        assert (found.estimate, found.std_error) == pytest.approx(
            (exact.estimate, exact.std_error), rel=1e-6
        )


def test_the_change_on_an_exact_line_is_clear_up_to_where_it_turns():
    found = stats.mee_chua([1, 2, 3, 4], [2, 2.5, 3, 3.5], 2)
    assert (found.mean_low, found.mean_high) == (-INF, pytest.approx(3))
    fell = stats.mee_chua([1, 2, 3, 4], [1, 1.5, 2, 2.5], 2)
    assert (fell.mean_low, fell.mean_high) == (pytest.approx(1), INF)
    shifted = stats.mee_chua([1, 2, 3], [2, 3, 4], 2)
    assert (shifted.mean_low, shifted.mean_high) == (-INF, INF)
    for mean, sign in ((2.9, 1), (3.1, -1)):
        found = stats.mee_chua([1, 2, 3, 4], [2, 2.5, 3, 3.5], mean)
        assert np.sign(found.ci_low) == np.sign(found.ci_high) == sign


def test_p_inside_the_rounding_and_not_at_its_corners():
    # The spread before may be r times the spread after, where the change varies least.
    found = stats.p_from_change(5.0, 4.7, 2, 2.0, 15, r=0.95, decimals=(1, 1, 0, 2))
    assert found.p_low == pytest.approx(0.0261, abs=5e-5)
    rng = np.random.default_rng(1)
    for _ in range(20):
        s0, s1 = rng.uniform(0.5, 3, 2).round(0) + 0.0
        r = (0.3, 0.9)
        found = stats.p_from_change(5, 4.4, s0, s1, 12, r=r, decimals=(1, 1, 0, 0))
        inside = [
            stats.p_from_change(
                5 + rng.uniform(-0.05, 0.05),
                4.4 + rng.uniform(-0.05, 0.05),
                max(s0 + rng.uniform(-0.5, 0.5), 0),
                max(s1 + rng.uniform(-0.5, 0.5), 0),
                12,
                r=rng.uniform(*r),
            ).p_value
            for _ in range(200)
        ]
        assert found.p_low <= min(inside)
        assert max(inside) <= found.p_high


def test_rounding_neither_breaks_nor_makes_a_tie():
    # 1e-5 at an offset of 1e8 is a difference; an outlier leaves the others theirs.
    far = stats.signed_rank(np.array([1, 2, 3, 4, 5]) * 1e-5 + 1e8, np.full(5, 1e8))
    assert (far.n_zero, far.n_tied) == (0, 0)
    wild = stats.signed_rank([1e13, 1, 2, -3, 4, 5, -6, 7])
    assert (wild.statistic, wild.n_tied) == (27, 0)
    # Differences computed elsewhere carry the rounding of what they came from.
    alone = stats.signed_rank([0.3 - 0.2 - 0.1, 0.3 - 0.1, 0.2, 80.1 - 79.9, 1.5])
    assert (alone.n_zero, alone.n_tied) == (1, 3)
    one, other = [0.1 + 0.2, 0.5, 0.7], [0.3, 0.3, 0.2]
    assert stats.brunner_munzel(one, other).estimate == pytest.approx(8 / 9)
    chance = stats.probability_of_superiority(one, other, paired=False)
    assert chance.estimate == pytest.approx(8 / 9)
