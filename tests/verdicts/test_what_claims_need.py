"""Without a column, an arm or a design, exactly the claims that need it cannot be tested."""

from dataclasses import replace

import pytest

import mnstudy as mn
from mnstudy.cohort.schema.columns import columns
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.answer import finding_for
from mnstudy.verdicts.claims.registry import registry


def refused(cohort):
    sites = cohort.sites()
    questions = [
        Question(claim=c, cohort=cohort, sites=sites, confidence_level=0.95, brief=True)
        for c in registry().values()
    ]
    found = [finding_for(question) for question in questions]
    return {f.claim.id: f.reason for f in found if f.verdict == "not testable"}


def needing(column):
    return {c.id for c in registry().values() if column in c.columns}


def without(cohort, *dropped):
    return replace(cohort, data=cohort.data.drop(columns=list(dropped)))


OPTIONAL = [
    name
    for name, spec in columns().items()
    if not spec.core and needing(name) and name not in ("treatment", "worsening", "acne_flare")
]


@pytest.mark.parametrize("column", OPTIONAL)
def test_without_a_column_exactly_the_claims_that_need_it_are_refused(clinic, column):
    found = refused(without(clinic, column))
    assert set(found) == needing(column)
    assert all(column in reason for reason in found.values())


@pytest.mark.parametrize("column", [c for c, s in columns().items() if s.core and needing(c)])
def test_a_core_column_without_a_value_refuses_exactly_the_claims_that_need_it(clinic, column):
    unknown = clinic.data[column].mask(clinic.data["patient_id"].notna())
    found = refused(replace(clinic, data=clinic.data.assign(**{column: unknown})))
    assert set(found) == needing(column)
    assert all(column in reason for reason in found.values())


def test_every_column_of_the_contract_that_no_claim_names_can_be_missed(clinic):
    named = {c for claim in registry().values() for c in claim.columns}
    spare = [c for c, s in columns().items() if c in clinic.data and not s.core and c not in named]
    keep = {"site_id", "weeks", "weeks_since_last_session"}
    dropped = [c for c in spare if c not in keep]
    assert dropped
    assert not refused(without(clinic, *dropped))


@pytest.mark.parametrize(
    ("treatment", "claims"),
    [
        ("laser", {"comparable-to-laser", "gentler-than-laser"}),
        ("peel", {"comparable-to-peel", "gentler-than-peel"}),
        ("rf_needling", {"rf-combination"}),
        ("untreated", set()),  # then the change of needled sites is all there is, and it is said
    ],
)
def test_without_an_arm_exactly_its_comparisons_are_refused(clinic, treatment, claims):
    kept = clinic.data[clinic.data["treatment"] != treatment].reset_index(drop=True)
    found = refused(replace(clinic, data=kept))
    assert set(found) == claims
    assert all("needed" in reason for reason in found.values())


def test_without_the_untreated_arm_effects_become_changes(clinic):
    kept = clinic.data[clinic.data["treatment"] != "untreated"].reset_index(drop=True)
    found = mn.evaluate(replace(clinic, data=kept), "reduces-scarring")[0]
    assert found.comparison == "uncontrolled"
    assert found.verdict != "supported"


def test_without_topicals_the_adjunct_is_not_compared(clinic):
    kept = clinic.data[clinic.data["adjunct"].eq("none")].reset_index(drop=True)
    assert set(refused(replace(clinic, data=kept))) == {"topical-adjunct"}


def test_halves_of_a_face_declared_as_parallel_refuse_exactly_the_paired_comparisons(split_face):
    parallel = replace(split_face, study=replace(split_face.study, design="parallel"))
    new = set(refused(parallel)) - set(refused(split_face))
    assert new == {"topical-adjunct"}
    assert 'design = "split_body"' in refused(parallel)["topical-adjunct"]


ARMS = ("improvement", "change", "arm_contrast", "depth_contrast", "event_difference")


def test_a_split_body_without_pairs_refuses_exactly_the_comparisons_of_arms(clinic):
    one = clinic.data.groupby("patient_id")["site_id"].transform("first")
    single = replace(clinic, data=clinic.data[clinic.data["site_id"] == one].reset_index(drop=True))
    compared = {
        f.claim.id
        for f in mn.evaluate(single)
        if f.comparison == "observational" and f.claim.analysis in (*ARMS, "maintenance")
    }
    assert len(compared) > 15
    found = refused(replace(single, study=replace(clinic.study, design="split_body")))
    paired = {claim for claim, reason in found.items() if "split body" in reason}
    assert paired == compared
    assert set(found) - paired == set(refused(single))
