"""Other covariates and margins in one call, and two sets of findings beside each other."""

import math
from dataclasses import replace

import pytest
from made_findings import estimate, finding

import mnstudy as mn
from mnstudy.stats.counts.proportions import proportion
from mnstudy.verdicts.findings import Findings

CLAIM = "deeper-needling"


@pytest.fixture(scope="module")
def clinic():
    return mn.load("demo_clinic")


@pytest.fixture(scope="module")
def usual(clinic):
    return mn.evaluate(clinic, [CLAIM, "more-sessions", "rare-pih"])


def by_hand(clinic, *covariates):
    rows = clinic.sites().query("treatment == 'needling' and needle_depth_mm >= 0")
    rows = rows.eval("deep = needle_depth_mm > 0.3")
    formula = " + ".join(["improvement_score ~ deep", *covariates])
    return mn.stats.linear_model(formula, rows, "patient_id", average=["deep"]).contrast("deep")


@pytest.mark.parametrize(
    "covariates", [[], ["baseline_severity"], ["sex", "baseline_severity"], ["age_band"]]
)
def test_covariates_given_take_the_place_of_the_usual_ones(clinic, usual, covariates):
    (found,) = mn.evaluate(clinic, CLAIM, adjust=covariates)
    hand = by_hand(clinic, *covariates)
    e = found.estimate
    assert (e.value, e.ci_low, e.df) == pytest.approx((hand.estimate, hand.ci_low, hand.df))
    assert e.adjusted_for == tuple(covariates)
    assert e.value != pytest.approx(usual[CLAIM].estimate.value)
    assert usual[CLAIM].planned
    assert not found.planned
    assert any("this call" in note for note in found.notes)


def test_the_usual_covariates_given_change_nothing_but_that_it_was_not_planned(clinic, usual):
    names = usual[CLAIM].estimate.adjusted_for
    (found,) = mn.evaluate(clinic, CLAIM, adjust=names)
    assert found.estimate == usual[CLAIM].estimate
    assert found.in_full == usual[CLAIM].in_full
    assert not found.planned


def test_a_margin_given_is_the_one_compared_with(clinic, usual):
    found = mn.evaluate(clinic, [CLAIM, "rare-pih"], margins={CLAIM: 2})
    assert found[CLAIM].margin == 2
    assert found[CLAIM].estimate == usual[CLAIM].estimate
    assert found[CLAIM].lacking == ("cause",) != usual[CLAIM].lacking
    assert found["rare-pih"].planned  # nothing of it changed
    assert found["rare-pih"].margin == usual["rare-pih"].margin


def test_the_other_choices_start_from_the_covariates_given(clinic):
    found = mn.evaluate(clinic, CLAIM, adjust=["baseline_severity"])
    rows = found.sensitivity(["margins"])
    assert rows["estimate"].unique() == pytest.approx(
        [by_hand(clinic, "baseline_severity").estimate]
    )


def test_each_row_of_the_margins_is_what_a_call_with_that_margin_says(clinic):
    claims = [CLAIM, "more-sessions", "rare-pih", "scar-type-matters"]
    rows = mn.evaluate(clinic, claims).sensitivity("margins")
    for row in rows.itertuples():
        (found,) = mn.evaluate(clinic, row.claim, margins={row.claim: row.margin})
        assert (row.verdict, row.lacking) == (found.verdict, ", ".join(found.lacking)), row


def test_a_table_of_findings_says_margin_and_the_interval_judged_by(clinic):
    found = mn.evaluate(clinic, CLAIM)
    html = (found + mn.evidence("more-sessions"))._repr_html_()
    assert "10.5 points, 95 % CI 5.7 to 15.2" in html
    assert "judged by 99.5 % CI 10.5 (3.6 to 17.3), one of the 10 primary claims" in html
    assert ">5 points</td>" in html
    assert ">0.5 SD</td>" in html  # in the unit of the estimate


def test_one_difference_without_covariates_is_said_everywhere(clinic):
    """In the finding asked so, in the note of the usual one, among the other choices, by hand."""
    (crude,) = mn.evaluate(clinic, CLAIM, adjust=[])
    (usual,) = mn.evaluate(clinic, CLAIM)
    (part,) = [p for p in usual.parts if p.label == "not adjusted"]
    rows = mn.evaluate(clinic, CLAIM).sensitivity("adjustment")
    known = by_hand(clinic).estimate
    assert [crude.estimate.value, part.value, rows["estimate"][0]] == pytest.approx([known] * 3)
    assert any("points per mm, not adjusted" in note for note in crude.notes)


def test_what_is_not_randomised_stays_without_a_cause(clinic):
    (crude,) = mn.evaluate(clinic, CLAIM, adjust=[])
    assert "cause" in crude.lacking


@pytest.mark.parametrize(
    ("asked", "settings", "said"),
    [
        (CLAIM, {"adjust": ["clinic"]}, "did you mean clinic_id?"),
        (CLAIM, {"adjust": ["age"]}, "did you mean age_band?"),
        (CLAIM, {"adjust": ["clinic", "colour"]}, "2 problems"),
        ("rare-pih", {"adjust": ["sex"]}, "no claim asked here is an adjusted comparison"),
        ("rare-pih", {"margins": {CLAIM: 3}}, f"a margin of {CLAIM}, which is not asked"),
        (CLAIM, {"margins": {"deeper": 3}}, "deeper"),
        (CLAIM, {"margins": {CLAIM: -3}}, "margin"),
        (CLAIM, {"margins": {CLAIM: math.nan}}, "margin"),
    ],
)
def test_settings_without_effect_or_sense_are_refused(clinic, asked, settings, said):
    with pytest.raises(ValueError, match=r".") as error:
        mn.evaluate(clinic, asked, **settings)
    assert said in str(error.value)


def test_a_claim_that_is_not_testable_says_why_when_it_has_to_be_tested():
    patients = mn.load("published_patients")
    found = mn.evaluate(patients, CLAIM)[0]
    with pytest.raises(mn.DesignError, match="Needle depth is printed for one arm"):
        found.tested()


def test_a_number_alone_is_no_margin(clinic):
    with pytest.raises(TypeError, match="margins names claims"):
        mn.evaluate(clinic, CLAIM, margins=5)


def test_names_of_claims_are_offered_as_keys(usual):
    assert usual._ipython_key_completions_() == [f.claim.id for f in usual]


def test_long_lists_of_what_cannot_be_asked_fold():
    findings = mn.evaluate(mn.load("published_patients"))
    html = findings._repr_html_()
    shown, _, folded = html.partition("<details>")
    untested = [f for f in findings if f.estimate is None]
    assert f"{len(untested)} claims not testable" in folded
    assert all(f.claim.title not in shown for f in untested)
    assert all(f.claim.title in shown for f in findings if f.estimate is not None)
    assert "<details" not in findings[:1]._repr_html_()


def test_a_covariate_that_one_patient_alone_determines_leaves_differences_of_levels(clinic):
    found = mn.evaluate(clinic, "scar-type-matters", adjust=["baseline_severity", "sex"])[0]
    assert found.estimate.adjusted_for == ("baseline_severity", "sex")


# A part of a cohort.


def test_a_query_keeps_study_and_plan_and_says_what_it_chose(clinic):
    acne = "scar_type in ['acne_boxcar', 'acne_rolling']"
    part = clinic.query(acne)
    assert part.study == clinic.study
    assert part.synthetic
    assert part.provenance.sha256 != clinic.provenance.sha256
    assert any(acne in note for note in part.notes)
    (found,) = mn.evaluate(part, CLAIM)
    (loaded,) = mn.evaluate(mn.load(clinic.data.query(acne), study=clinic.study), CLAIM)
    assert found.estimate == loaded.estimate
    with pytest.raises(mn.DataError, match="no row of demo_clinic fits"):
        clinic.query("weeks > 500")


def test_what_is_cut_from_invented_data_stays_invented(clinic):
    assert mn.load(clinic.data.query("sex == 'male'")).synthetic
    core = ["patient_id", "scar_type", "needle_depth_mm", "session_count", "improvement_score"]
    needled = clinic.data.query("session_count > 0 and treatment == 'needling'")
    assert mn.load(needled.drop_duplicates("patient_id")[core]).synthetic
    assert not mn.load("published_patients").synthetic


def test_sites_of_another_outcome_have_that_outcome_at_the_week(clinic):
    week = clinic.final_week("texture_score")
    sites = clinic.sites("texture_score").dropna(subset="texture_score")
    assert sites["weeks"].between(week.low, week.high).all()
    assert len(sites) > 400
    start = clinic.data.query("weeks == 0").set_index(["patient_id", "site_id"])["texture_score"]
    known = sites.set_index(["patient_id", "site_id"])["before"]
    assert known.notna().all()
    assert (known == start[known.index]).all()
    with pytest.raises(KeyError, match="did you mean texture_score"):
        clinic.sites("texture")


def test_a_cohort_says_at_which_week_its_results_count(clinic):
    assert "results at week 20 (assessments of weeks 6 to 34), as planned" in repr(clinic)


# Beside each other.


def share(source, events, n):
    limits = proportion(events, n, method="wilson")
    ends = (100 * x for x in (limits.estimate, limits.ci_low, limits.ci_high))
    found = finding("rare-pih", estimate(*ends, unit="percent"), "inconclusive", comparison="rate")
    return Findings([replace(found, sha256=source)])


def test_the_interval_of_a_difference_is_newcombes_where_both_are_wilsons():
    """Newcombe 1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<873, table II, example (a)."""
    (row,) = mn.compare(share("a", 56, 70), share("b", 48, 80)).to_dict("records")
    found = [row[f"difference{end}"] for end in ("", "_low", "_high")]
    assert found == pytest.approx([20, 5.24, 33.39], abs=0.005)
    (back,) = mn.compare(share("b", 48, 80), share("a", 56, 70)).to_dict("records")
    turned = [-back[f"difference{end}"] for end in ("", "_high", "_low")]
    assert turned == pytest.approx(found)


def made(**more):
    basis = {"comparison": "randomised", "sha256": "a"} | more
    return Findings([finding("topical-adjunct", estimate(7, 4, 10), "supported", **basis)])


@pytest.mark.parametrize(
    ("other", "said", "given"),
    [
        (made(sha256="b"), "", True),
        (made(), "the same data", True),
        (made(sha256="b", comparison="observational"), "the designs differ", False),
        (made(sha256="b", estimate=None), "one of the two has no estimate", False),
        (made(sha256="b", estimate=estimate(0, 0, 1, unit="SD")), "one is in points, the", False),
        (made(sha256="b", null=1.0), "", True),
        (made(sha256="b", estimate=estimate(7, -math.inf, 9)), "an interval is open", True),
        (Findings([]), "one of the two has no estimate", False),
    ],
)  # fmt: skip
def test_a_difference_is_given_where_both_estimate_the_same(other, said, given):
    (row,) = mn.compare(made(), other).to_dict("records")
    assert row["remark"].startswith(said)
    assert bool(said) == bool(row["remark"])
    assert math.isnan(row["difference"]) != given
    interval = not (math.isnan(row["difference_low"]) or math.isnan(row["difference_high"]))
    assert interval == (given and not said)


def test_parts_of_one_cohort_share_patients(clinic):
    parts = [mn.evaluate(clinic.query(f"sex == '{sex}'"), CLAIM) for sex in ("female", "male")]
    for one in (parts[1], mn.evaluate(clinic, CLAIM)):
        (row,) = mn.compare(parts[0], one).to_dict("records")
        assert row["remark"].startswith("the same data")
        assert math.isnan(row["difference_low"])


def test_ratios_are_not_subtracted():
    found = finding("topical-absorption", estimate(2, 1.5, 3, unit="ratio"), "supported", null=1.0)
    (row,) = mn.compare(Findings([found]), Findings([replace(found, sha256="b")])).to_dict(
        "records"
    )
    assert math.isnan(row["difference"])
    assert row["remark"].startswith("ratios have no difference")


def test_claims_of_either_stand_there_once_and_in_order(clinic, usual):
    other = mn.evaluate(clinic, ["little-pain", CLAIM])
    found = mn.compare(usual, other)
    assert found["claim"].tolist() == [*(f.claim.id for f in usual), "little-pain"]
    assert found["verdict_b"].isna().tolist() == [f.claim.id != CLAIM for f in usual] + [False]


def test_only_findings_are_compared(usual):
    with pytest.raises(TypeError, match="two sets of findings"):
        mn.compare(usual, usual[0])
