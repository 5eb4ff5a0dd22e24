"""How many patients a study needs: against closed forms, R, the whole analysis, and itself."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

import mnstudy as mn
from mnstudy.stats.counts.proportions import proportion
from mnstudy.verdicts.operating.batches import PlannedStudy

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "power.json").read_text())
TRIAL = {"design": "parallel", "randomised": True, "assessor": "blinded"}
FACES = {"design": "split_body", "randomised": True, "assessor": "blinded", "carry_over": False}


def study(design, *primary, plan=(), **power):
    return {**design, "plan": {"primary": list(primary), **dict(plan)}, "power": power}


def scars(**power):
    given = {"effects": {"reduces-scarring": 20}, "spreads": {"reduces-scarring": 15}}
    return study(TRIAL, "reduces-scarring", **given | power)


def beyond(planned, n, margin, *, level=0.95, runs=4000, seed=5):
    """Return the share of simulated studies whose interval lies above a margin, and its error."""
    low = planned.limits(planned.draw(n, runs, seed), level)[1]
    share = float(np.mean(low >= margin))
    return share, math.sqrt(share * (1 - share) / runs)


@pytest.mark.parametrize("n", [24, 60, 120])
@pytest.mark.parametrize("allocation", [0.5, 0.25])
def test_two_arms_agree_with_the_closed_form(n, allocation):
    planned = PlannedStudy(kind="arms", effect=20.0, spread=15.0, allocation=allocation)
    found, error = beyond(planned, n, 10.0)
    ratio = (1 - allocation) / allocation
    usual = {"effect_size": 10 / 15, "alpha": 0.025, "alternative": "larger"}
    exact = TTestIndPower().power(nobs1=allocation * n, ratio=ratio, **usual)
    # Welch's df are fewer than those of one spread, where the arms differ in size
    assert found == pytest.approx(exact, abs=3.5 * error + (0.0 if allocation == 0.5 else 0.02))


@pytest.mark.parametrize("kind", ["pairs", "one", "slope"])
@pytest.mark.parametrize("n", [12, 40])
def test_pairs_one_arm_and_slopes_agree_with_the_closed_form(kind, n):
    planned = PlannedStudy(kind=kind, effect=8.0, spread=10.0, correlation=0.5, slopes_differ=3.0)
    found, error = beyond(planned, n, 4.0)
    exact = TTestPower().power(4 / planned.sd, n, alpha=0.025, alternative="larger")
    assert found == pytest.approx(exact, abs=3.5 * error)


@pytest.mark.parametrize("n", [30, 90])
def test_a_share_agrees_with_the_binomial_distribution(n):
    planned = PlannedStudy(kind="share", effect=65.0)
    found, error = beyond(planned, n, 50.0)
    least = next(k for k in range(n + 1) if proportion(k, n).ci_low >= 0.5)
    assert found == pytest.approx(stats.binom.sf(least - 1, n, 0.65), abs=3.5 * error)


def test_two_shares_agree_with_all_their_counts():
    planned = PlannedStudy(kind="shares", effect=-25.0, rate=40.0)
    limits = planned.limits(planned.draw(60, 4000, 5), 0.95)
    found = float(np.mean(limits[2] < 0))
    counts = np.arange(31)
    of_each = [stats.binom.pmf(counts, 30, p) for p in (0.15, 0.40)]
    exact = sum(
        of_each[0][a] * of_each[1][b]
        for a in counts
        for b in counts
        if mn.stats.risk_difference(int(a), 30, int(b), 30).ci_high < 0
    )
    assert found == pytest.approx(exact, abs=3.5 * math.sqrt(exact * (1 - exact) / 4000))


@pytest.mark.parametrize("pinned", REFERENCE["found"], ids=lambda x: f"n {x['n']}")
def test_a_split_face_agrees_with_a_mixed_model_in_r(pinned):
    planned = PlannedStudy(kind="pairs", effect=10.0, spread=15.0, correlation=0.5)
    found, error = beyond(planned, pinned["n"], 5.0)
    r_error = math.sqrt(pinned["beyond"] * (1 - pinned["beyond"]) / pinned["runs"])
    assert found == pytest.approx(pinned["beyond"], abs=3.5 * math.hypot(error, r_error))
    limits = planned.limits(planned.draw(pinned["n"], 4000, 5), 0.95)
    assert np.median(limits[2] - limits[1]) == pytest.approx(pinned["width"], rel=0.01)


def test_more_patients_are_the_same_patients_and_more():
    for kind in ("arms", "pairs", "one", "slope", "share", "shares"):
        planned = PlannedStudy(kind=kind, effect=20.0, rate=30.0, lost=0.2, correlation=0.4)
        few, many = planned.draw(20, 6, 1), planned.draw(60, 6, 1)
        for a, b in zip(few, many, strict=True):
            np.testing.assert_array_equal(a, b[: len(a)])


def test_losses_are_of_those_who_are_recruited():
    planned = PlannedStudy(kind="arms", effect=20.0, spread=15.0, lost=0.25)
    drawn = planned.draw(400, 200, 3)
    gone = np.mean([np.isnan(x).mean() for x in drawn])
    assert gone == pytest.approx(0.25, abs=0.01)
    kept, lost = (mn.power(scars(lost=x), runs=400) for x in (0.0, 0.05))
    assert lost.n / kept.n == pytest.approx(1 / 0.95, abs=0.06)
    assert lost.claims[0].n_none_lost == kept.n


def test_the_smallest_number_is_found_and_the_whole_analysis_says_the_same():
    found = mn.power(scars(), runs=1000)
    own = found.claims[0]
    closed = TTestIndPower().solve_power(10 / 15, power=0.8, alpha=0.025, alternative="larger")
    assert found.n == pytest.approx(2 * closed, abs=5)
    assert own.n == own.n_80 < own.n_90
    assert own.at(own.n)["beyond_margin"] >= 0.8
    assert (own.same, own.checked) == (100, 100)
    shares = ["supported", "partly supported", "inconclusive", "too small to matter",
              "contradicted", "not testable"]  # fmt: skip
    np.testing.assert_allclose(own.curve[shares].sum(axis=1), 1.0)
    assert own.curve["width"].is_monotonic_decreasing
    assert own.curve["beyond_margin low"].le(own.curve["beyond_margin"]).all()
    for words in (f"{own.n} patients", "15.0", "20 points", "10 points", "seed 0"):
        assert words in found.methods
    pd.testing.assert_frame_equal(found.curve, mn.power(scars(), runs=1000).curve)


@pytest.mark.parametrize(
    ("given", "cap"),
    [
        (study({"design": "single_arm"}, "reduces-scarring", effects={"reduces-scarring": 20},
               spreads={"reduces-scarring": 15}), "uncontrolled"),
        (study({"design": "single_arm"}, "more-sessions", effects={"more-sessions": 4},
               spreads={"more-sessions": 8}, slopes_differ=2.0), "within"),
        (study(FACES, "topical-adjunct", effects={"topical-adjunct": 12},
               spreads={"topical-adjunct": 12}, correlation=0.5, lost=0.1), ""),
        (study({"design": "crossover", "randomised": True, "carry_over": False},
               "topical-adjunct", effects={"topical-adjunct": 12},
               spreads={"topical-adjunct": 12}, correlation=0.5), ""),
        (study({"design": "single_arm"}, "rare-pih", effects={"rare-pih": 0.1}), ""),
        (study({"design": "single_arm"}, "little-pain", effects={"little-pain": 2},
               spreads={"little-pain": 1.5}), ""),
        (study(TRIAL, "gentler-than-laser", effects={"gentler-than-laser": -30},
               rates={"gentler-than-laser": 40}), ""),
        (study(TRIAL, "comparable-to-laser", effects={"comparable-to-laser": 0},
               spreads={"comparable-to-laser": 15}), ""),
        (study(TRIAL, "smooths-texture", effects={"smooths-texture": 2},
               spreads={"smooths-texture": 1.2}), ""),
        (study(TRIAL, "reduces-scar-depth", effects={"reduces-scar-depth": 25},
               spreads={"reduces-scar-depth": 15}), ""),
        (study({"design": "registry"}, "reduces-scarring", effects={"reduces-scarring": 25},
               spreads={"reduces-scarring": 15}), "observational"),
    ],
    ids=lambda x: x["plan"]["primary"][0] + x["design"] if isinstance(x, dict) else x,
)  # fmt: skip
def test_every_kind_is_judged_as_by_the_whole_analysis(given, cap):
    own = mn.power(given, runs=300).claims[0]
    assert own.cap == cap
    assert own.n is not None
    # the value before, of a change, and Hall's limits, of a skewed mean, move an interval a little
    moved = 10 if own.claim.analysis == "change" else 2
    assert own.same >= own.checked - moved
    chance = own.at(own.n)["beyond_margin"]
    assert own.confirmed / own.checked == pytest.approx(chance, abs=0.13)


def test_a_family_costs_patients_and_the_joint_chance_has_bounds():
    both = {"effects": {"reduces-scarring": 20, "smooths-texture": 2},
            "spreads": {"reduces-scarring": 15, "smooths-texture": 1.4}}  # fmt: skip
    found = mn.power(study(TRIAL, "reduces-scarring", "smooths-texture", **both), runs=500)
    assert all(own.n_alone < own.n for own in found.claims)
    assert all(own.level == 0.975 for own in found.claims)
    assert found.n == max(own.n for own in found.claims)
    worst, unrelated, best = found.joint
    assert worst <= unrelated <= best
    apart = mn.power(
        study(TRIAL, "reduces-scarring", "smooths-texture", plan={"family": []}, **both), runs=500
    )
    assert [own.n for own in apart.claims] == [own.n_alone for own in found.claims]


def test_a_range_is_planned_for_its_worse_end():
    wide = mn.power(scars(spreads={"reduces-scarring": [10, 18]}), runs=300).claims[0]
    ends = [mn.power(scars(spreads={"reduces-scarring": s}), runs=300).n for s in (10, 18)]
    assert [wide.n_best, wide.n] == ends


def test_a_pilot_lends_its_spread_at_the_upper_limit_and_not_its_estimate():
    pilot = mn.simulate(24, design="parallel", situation={"regular_visits": True}, rng=3)
    finding = mn.evaluate(pilot, "reduces-scarring")[0]
    sd = finding.estimate.std_error / math.sqrt(2 / 12)
    most = sd * math.sqrt(finding.estimate.df / stats.chi2.ppf(0.2, finding.estimate.df))
    given = scars()
    del given["power"]["spreads"]
    own = mn.power(given, pilot=pilot, runs=300).claims[0]
    assert own.planned.spread == pytest.approx(most)
    assert own.planned.effect == 20
    assert "and not its estimate" in own.pilot
    stronger = mn.simulate(24, design="parallel", situation={"regular_visits": True}, rng=3,
                           truth={"reduces-scarring": 60})  # fmt: skip
    again = mn.power(given, pilot=stronger, runs=300).claims[0]
    assert again.planned.spread == pytest.approx(most, rel=0.2)
    with pytest.raises(ValueError, match="is about a share"):
        mn.power(study({"design": "single_arm"}, "rare-pih", effects={"rare-pih": 0.1}), pilot)


def test_quartile_scores_take_some_of_the_effect():
    usual = mn.power(scars(), runs=300).n
    coarse = mn.power(scars(step=25, middle=60), runs=300).n
    assert coarse > usual


def test_what_nobody_can_reach_is_said():
    given = scars(effects={"reduces-scarring": 11}, most=200)
    found = mn.power(given, runs=200)
    assert found.n is None
    assert "no number up to 200 patients gives a chance of 80 %: at 200 it is" in str(found)
    assert found.methods == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**TRIAL, "plan": {"primary": ["reduces-scarring"]}}, r"write \[power\] with effects"),
        (scars(effects={"reduces-scarring": 8}), "no number of patients can show it: write a"),
        (scars(effects={}), "write the effect you take to be true, in points"),
        (scars(spreads={}), "write the standard deviation between patients"),
        (scars(correlation=0.5), "power.correlation .* leave it out"),
        (scars(step=25), "step and middle together"),
        (scars(spreads={"reduces-scarring": [18, 12]}), "lowest, highest"),
        (scars(effects={"reduces-scarring": 20, "rare-pih": 0.1}), 'rare-pih" .* name it in'),
        (study(FACES, "topical-adjunct", effects={"topical-adjunct": 10},
               spreads={"topical-adjunct": 12}), "how alike the two sides"),
        (study(TRIAL, "weeks-to-results", effects={"weeks-to-results": 60}),
         "mnstudy.operating_characteristics"),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_missing_is_said_with_what_to_write(given, message):
    with pytest.raises(mn.DataError, match=message):
        mn.power(given)


def test_a_target_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"give a chance from 0\.5 to 0\.99"):
        mn.power(scars(), target=80)


@pytest.mark.parametrize(("lost", "allocation"), [(0.15, 0.5), (0.4, 0.3)])
def test_the_rule_about_many_lost_is_in_the_number(lost, allocation):
    own = mn.power(scars(lost=lost, allocation=allocation), runs=400).claims[0]
    assert own.same >= own.checked - 2
    assert own.confirmed / own.checked == pytest.approx(0.8, abs=0.13)
