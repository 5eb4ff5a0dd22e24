"""The specification curve: distinct combinations, each as its own evaluation, tested together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.errors import DataError
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.robustness.specification import answers, combinations, declared_choices


@pytest.fixture(scope="module")
def curve(clinic):
    return mn.specification_curve(clinic, "reduces-scarring", n_resamples=499)


def test_one_row_a_distinct_specification_by_rising_estimate(curve):
    table = curve.to_frame()
    assert len(table) <= curve.n_combinations
    assert table["estimate"].is_monotonic_increasing
    assert not table[["estimate", "ci_low", "ci_high"]].round(9).duplicated().any()
    assert set(declared_choices()) <= set(table.columns)


def test_the_usual_choices_are_the_finding(curve):
    usual = {kind: next(iter(options)) for kind, options in declared_choices().items()}
    table = curve.to_frame()
    row = table[(table[list(usual)] == pd.Series(usual)).all(axis=1)].iloc[0]
    assert row["estimate"] == curve.finding.estimate.value
    assert row["verdict"] == curve.finding.verdict


def test_an_effect_that_is_there_is_found_together(curve):
    assert curve.joint.p_median < 0.01
    assert curve.to_frame()["p_joint"].max() < 0.05
    assert "24 partly supported" in repr(curve) or "partly supported" in repr(curve)
    assert "SYNTHETIC" in repr(curve)


@pytest.mark.slow
def test_without_an_effect_it_finds_none():
    small = []
    for seed in range(40):
        truth = {"topical-adjunct": 0.0}
        cohort = mn.simulate(20, truth=truth, design="split_body", rng=seed)
        joint = mn.specification_curve(cohort, "topical-adjunct", n_resamples=199).joint
        small.append(joint.p_global <= 0.05)
    assert np.sum(small) <= 6  # 5 % of 40 is 2; seven or more has a chance of 0.3 %


def test_the_study_file_keeps_some_choices_only(clinic):
    kept = {"covariates": ["usual"], "topicals": ["without"], "result": ["last_seen"]}
    fewer = replace(clinic, study=replace(clinic.study, specifications=kept))
    table = mn.specification_curve(fewer, "reduces-scarring", n_resamples=99).to_frame()
    assert set(table["covariates"]) == {"usual"}
    assert len(table) == 2


def test_a_choice_that_is_not_declared_is_refused(clinic):
    wrong = replace(clinic.study, specifications={"covariates": ["everything"]})
    with pytest.raises(DataError, match=r"specifications\.covariates"):
        mn.specification_curve(replace(clinic, study=wrong), "reduces-scarring")


def test_a_claim_that_cannot_be_tested_says_why(split_face):
    with pytest.raises(ValueError, match="rf-combination is not testable"):
        mn.specification_curve(split_face, "rf-combination")


def test_claims_about_a_level_are_tested_against_their_limit(clinic):
    curve = mn.specification_curve(clinic, "little-pain", n_resamples=199)
    assert curve.joint.p_global < 0.05


def test_claims_about_counts_have_no_joint_test(clinic):
    curve = mn.specification_curve(clinic, "rare-pih")
    assert curve.joint is None
    assert curve.to_frame()["p_joint"].isna().all()


@pytest.mark.parametrize("claim", ["topical-adjunct", "more-sessions", "little-pain"])
def test_no_combination_is_passed_over_that_would_answer_otherwise(claim):
    cohort = mn.load("demo_split_face")
    asked = Question.ask(select(claim)[0], cohort.in_order(), 0.95, brief=True)
    tried = list(combinations(cohort, any_lost=True))
    found = [ends(one) for _, one in answers(asked, tried)]
    alone = [ends(one) for chosen in tried for _, one in answers(asked, [chosen])]
    assert set(alone) == set(found)
    assert len(found) < len(alone)


def ends(answer):
    return answer.estimate.value, answer.estimate.ci_low, answer.estimate.ci_high
