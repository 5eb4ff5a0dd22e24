"""The register: 43 claims, each complete, each with columns the contract knows."""

import pytest

import mnstudy as mn
from mnstudy.cohort.published.tables import contrast_counts, load_published
from mnstudy.cohort.schema.columns import columns
from mnstudy.verdicts.analyses import ANALYSES
from mnstudy.verdicts.claims.registry import ARTICLES, GROUPS, RULES, registry

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


def test_no_analysis_is_idle():
    assert set(ANALYSES) == {c.analysis for c in CLAIMS}


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
