"""The register: 43 claims, each complete, each with columns the contract knows."""

from dataclasses import asdict

import pytest

import mnstudy as mn
from mnstudy.cohort.published.tables import contrast_counts, load_published
from mnstudy.cohort.schema.columns import columns
from mnstudy.packaged import packaged
from mnstudy.verdicts.analyses import ANALYSES
from mnstudy.verdicts.claims.registry import ARTICLES, GROUPS, RULES, registry
from mnstudy.verdicts.claims.settings import Estimand, forms

CLAIMS = list(registry().values())


def test_there_are_43():
    assert len(CLAIMS) == 43
    assert len(mn.claims()) == 43


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_every_claim_is_complete(claim):
    assert claim.group in GROUPS
    assert claim.rule in RULES
    assert set(claim.articles) | set(claim.against) <= set(ARTICLES)
    assert set(claim.columns) <= set(columns())
    assert claim.margin_source
    assert claim.wording
    assert bool(claim.against) == bool(claim.contrary)
    assert claim.analysis in ANALYSES


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_every_claim_states_the_five_attributes_of_its_estimand(claim):
    texts = claim.attributes.attributes()
    assert list(texts) == [
        "population", "treatments", "variable", "intercurrent events", "summary",
    ]  # fmt: skip
    for name, text in texts.items():
        assert text.strip(), name
        # no blank is left open, and no column goes by the name the machine has for it
        assert not set(text) & set("_{}"), text
        assert "pih" not in text.split(), text
    assert {f"{name}: {text}" for name, text in texts.items()} <= set(claim.lines())
    assert all(texts[name] in claim.estimand for name in texts if name != "intercurrent events")


def test_a_claim_states_only_what_its_analysis_does_not():
    for name, raw in packaged("verdicts/claims/claims.toml").items():
        usual = asdict(forms()[raw["analysis"]].estimand)
        assert not set(raw.get("estimand", {}).items()) & set(usual.items()), name


def test_nothing_of_how_losses_are_handled_is_idle():
    raw = packaged("verdicts/claims/settings.toml")
    used = {name for a in forms() for name in raw[a]["estimand"]["intercurrent_events"]}
    assert used == set(raw["intercurrent_events"])


def test_the_scar_claims_differ_in_their_population_alone():
    like = [asdict(c.attributes) for c in CLAIMS if c.analysis == "improvement"]
    assert len({e.pop("population") for e in like}) == len(like) == 10
    assert all(e == like[0] for e in like)


def test_an_estimand_is_filled_with_settings_in_words():
    texts = {
        "population": "patients{exclude:, without {exclude}}",
        "treatments": "{treated} against {reference}",
        "variable": "{outcome}{percent:, in percent}{better:, {better} is better}",
        "intercurrent_events": "{at_least} or more",
        "summary": "mean",
    }
    params = {
        "treated": {"adjunct_not": ["none"]}, "reference": {"needle_depth_at_most": 0.3},
        "outcome": "pain_score", "percent": False, "better": "lower", "at_least": 0,
    }  # fmt: skip
    assert asdict(Estimand(**texts).filled(params)) == {
        "population": "patients",
        "treatments": "treated with a topical against treated up to 0.3 mm",
        "variable": "pain score, lower is better",
        "intercurrent_events": "0 or more",
        "summary": "mean",
    }
    given = Estimand(**texts).filled({**params, "percent": True, "exclude": ["a_b", "c"]})
    assert given.population == "patients, without a b or c"
    assert given.variable == "pain score, in percent, lower is better"


def test_a_claim_shows_its_estimand():
    shown = mn.claim("more-sessions")
    summary = "slope within the patient, minus that of untreated sites where there are such"
    assert f"\n  summary: {summary}\n" in repr(shown)
    assert f"<br>summary: {summary}<br>" in shown._repr_html_()
    assert "tested by" not in repr(shown)


def test_no_analysis_is_idle():
    own_only = {"grades"}  # for claims of a study file
    assert set(ANALYSES) == {c.analysis for c in CLAIMS} | own_only


def test_the_tables_of_the_evidence_know_the_same_claims():
    counted = set(contrast_counts(load_published())["claim_id"])
    assert counted == {c.id for c in CLAIMS} | {"rf-vs-plain"}


def test_an_unknown_claim_offers_the_nearest():
    with pytest.raises(KeyError, match="more-sessions"):
        mn.claim("more-session")
    with pytest.raises(KeyError, match=r"mn\.claims"):
        mn.claim("xyzzy")


def test_no_wording_without_randomisation_is_causal():
    causal = ("reduces", "works", "gives", "makes", "improves", "causes", "effective")
    for claim in CLAIMS:
        for design in ("uncontrolled", "observational", "within", "rate"):
            words = claim.wording.get(design, "").split()
            assert not set(words) & set(causal), (claim.id, design)
