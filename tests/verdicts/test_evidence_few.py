"""Few published trials: priors, credible intervals, stated zeros, clusters, pairs, scales."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import mnstudy as mn
from mnstudy.cohort.published.tables import contrast_frame, load_published
from mnstudy.stats.meta.effect_counts import pool_rates
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.evidence.checks import on_interval
from mnstudy.verdicts.evidence.effects import R_GRID, effects
from mnstudy.verdicts.evidence.groups import FEW, across_conditions, parts_of, pool_group
from mnstudy.verdicts.evidence.table import evidence_table
from mnstudy.verdicts.finding.judge import ADVERSE, FAVOURABLE
from tests.helpers.made_extractions import (
    LOWER,
    Extraction,
    events,
    evidence_of,
    groups_of,
    mean,
)

SCARS = "treats-acne-scars"
SAFE = {"orientation": LOWER, "endpoint": "pih"}


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def shipped(published):
    return [g for claim in select(None) for g in groups_of(published, claim.id)]


@pytest.fixture(scope="module")
def pooled(shipped):
    return [pool_group(group) for group in shipped]


def differing(differences, *, n=60, claim=SCARS, sd=1.0, **also):
    """Make one study a standardised difference."""
    made = Extraction()
    for i, d in enumerate(differences):
        made.study(f"s{i}", claim, "smd", mean(2 + d, sd, n), mean(2, sd, n), **also)
    return made


def rates(counts, claim="rare-pih", **also):
    """Make one study a pair of events and people, or three with what a zero rests on."""
    made = Extraction()
    for i, (count, n, *basis) in enumerate(counts):
        stated = {"basis": basis[0]} if basis else {}
        made.study(f"s{i}", claim, "proportion", events(count, n), **{**SAFE, **also}, **stated)
    return made


def only(made, folder, claim=SCARS):
    (group,) = groups_of(made.load(folder), claim)
    return group, pool_group(group)


# nothing leaves its scale


def reach(part):
    ends = {"percent": (0, 100), "percentage points": (-100, 100), "odds ratio": (0, math.inf)}
    return ends.get(part.unit, (-math.inf, math.inf))


def test_no_shipped_number_leaves_its_scale(pooled, trials):
    for one in pooled:
        measure = one.group.measure
        low, high = (
            max(measure.low, reach(one.estimate)[0]),
            min(measure.high, reach(one.estimate)[1]),
        )
        for part in parts_of(one):
            said = (part.value, part.ci_low, part.ci_high)
            assert all(math.isnan(x) or low <= x <= high for x in said), (one.group.label, part)
    parts = [part for finding in trials for part in finding.parts]
    assert {"study", "pooled", "prediction", "sensitivity"} == {part.kind for part in parts}
    for part in parts:
        low, high = reach(part)
        assert all(
            math.isnan(x) or low <= x <= high for x in (part.value, part.ci_low, part.ci_high)
        )


NINE = {"orientation": LOWER, "endpoint": "pain_0_10", "instrument": "VAS pain"}
LASER = {"orientation": LOWER, "endpoint": "pih", "other": "laser"}
OFF_SCALE = {
    "risk difference": (
        ("gentler-than-laser", "risk_difference", events(0, 9), events(8, 9)), LASER, (-100, 100),
    ),
    "of clusters": (
        ("gentler-than-laser", "risk_difference", events(0, 9), events(8, 9)),
        {**LASER, "design_effect": 1.5}, (-100, 100),
    ),
    "pain": (
        ("little-pain", "mean", mean(0.4, 1.5, 5)), {**NINE, "instrument_range": "0-10"}, (0, 10),
    ),
    "days": (
        ("short-downtime", "mean", mean(0.4, 1.5, 5)),
        {"orientation": LOWER, "endpoint": "days_of_side_effects", "instrument": "days"},
        (0, math.inf),
    ),
    "points": (
        (SCARS, "md", mean(3.9, 9, 3), mean(0.0, 9, 3)),
        {"instrument": "VSS", "instrument_range": "0-4"}, (-4, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", OFF_SCALE)
@pytest.mark.parametrize("k", [1, 2, 6])
def test_limits_end_where_the_scale_ends(tmp_path, what, k):
    (claim, *figures), also, (low, high) = OFF_SCALE[what]
    made = Extraction()
    for i in range(k):
        made.study(f"s{i}", claim, *figures, **also)
    published = made.load(tmp_path)
    (group,) = groups_of(published, claim)
    found = pool_group(group)
    for part in parts_of(found):
        assert all(low <= x <= high for x in (part.value, part.ci_low, part.ci_high)), part
    if found.how != "counts":  # the limits of counts end there by themselves
        ends = (found.estimate.ci_low, found.estimate.ci_high)
        assert found.cut == bool({low, high} & set(ends))
        assert found.cut or k > 1
    assert evidence_table(claim, data=published)["limit_cut"].tolist() == [found.cut]
    if found.cut:
        notes = mn.evidence(claim, data=published)[0].notes
        assert any("beyond the end of the scale" in said for said in notes), notes


# one study


def test_one_study_is_itself(tmp_path):
    group, found = only(differing([0.9]), tmp_path)
    effect, variance = effects(group.rows, "smd")
    half = 1.959963984540054 * math.sqrt(variance[0])
    ends = (found.estimate.value, found.estimate.ci_low, found.estimate.ci_high)
    assert ends == pytest.approx((effect[0], effect[0] - half, effect[0] + half))
    assert (found.how, found.posterior, found.beside) == ("single", None, ())
    assert all(math.isnan(x) for x in (*found.prediction, *found.i2, found.chance))
    (part,) = parts_of(found)
    assert (part.kind, part.interval_kind) == ("study", "confidence")


def test_the_shipped_single_studies_pool_nothing(pooled):
    single = [one for one in pooled if len(one.group.rows) == 1]
    assert {one.how for one in single} <= {"single", "exact", "counts"}
    assert all(one.estimate.interval_kind == "confidence" for one in single)


# two to four studies


def test_fewer_than_five_are_never_supported(tmp_path, trials):
    words = []
    for k in range(1, 7):
        folder = tmp_path / str(k)
        folder.mkdir()
        words.append(on_interval(only(differing([2.0] * k, n=200), folder)[1]).word)
    assert words == ["partly supported"] * (FEW - 1) + ["supported"] * 2
    table = evidence_table()
    assert not (table["verdict"].eq("supported") & table["k"].lt(FEW)).any()


@pytest.mark.parametrize(
    ("differences", "n", "word"),
    [
        # half and twice the scale of the prior agree
        ([1.9, 2.1], 100, "partly supported"),
        ([-1.9, -2.1], 100, "contradicted"),
        # beyond no effect with the usual scale and with half of it, not with twice
        ([0.75, 0.85], 500, "inconclusive"),
        ([-0.15, -0.25], 500, "inconclusive"),
        # beyond with half of it alone
        ([0.40, 0.45], 500, "inconclusive"),
    ],
)
def test_half_and_twice_the_prior_must_agree(tmp_path, differences, n, word):
    _, found = only(differing(differences, n=n), tmp_path)
    assert found.how == "few"

    def beyond(estimate):
        # for the claim beyond no effect, against it short of the margin
        return estimate.ci_low > 0 if differences[0] > 0 else estimate.ci_high < 0.5

    said = [found.estimate, *(found.other(x).estimate for x in ("half_prior", "twice_prior"))]
    agree = all(map(beyond, said))
    assert agree == (word != "inconclusive")
    verdict = on_interval(found)
    assert verdict.word == word
    assert (verdict.word in FAVOURABLE + ADVERSE) == agree
    if beyond(found.estimate) and not agree:
        assert "scale of the prior" in verdict.reason


def test_twice_the_scale_is_wider_and_knapp_hartung_stands_beside(tmp_path):
    _, found = only(differing([0.4, 1.1]), tmp_path)
    half, twice, free = (found.other(x) for x in ("half_prior", "twice_prior", "knapp_hartung"))
    wide = [x.ci_high - x.ci_low for x in (half.estimate, found.estimate, twice.estimate)]
    assert wide == sorted(wide)
    assert free.estimate.ci_high - free.estimate.ci_low > wide[1]
    assert [x.estimate.interval_kind for x in (half, twice, free)] == [
        "credible", "credible", "confidence",
    ]  # fmt: skip


def test_a_credible_interval_is_marked_wherever_it_stands(tmp_path):
    made = differing([1.9, 2.1])
    published = made.load(tmp_path)
    findings = mn.evidence(SCARS, data=published)
    assert findings[0].estimate.interval_kind == "credible"
    assert findings[0].estimate.level_words == "95 % credible interval"
    assert "95 % credible interval" in str(findings[0].estimate)
    assert findings.to_frame()["interval_kind"].tolist() == ["credible"]
    assert evidence_table(SCARS, data=published)["interval_kind"].tolist() == ["credible"]
    kinds = {p.kind: p.interval_kind for p in findings[0].parts if p.kind != "sensitivity"}
    assert kinds == {"study": "confidence", "pooled": "credible", "prediction": "credible"}
    more = differing([1.9, 2.1, 1.8, 2.2, 2.0])
    folder = tmp_path / "more"
    folder.mkdir()
    assert mn.evidence(SCARS, data=more.load(folder)).to_frame()["interval_kind"].item() == (
        "confidence"
    )


def test_whether_two_studies_agree_is_said(tmp_path):
    for name, differences in (("agree", [0.9, 1.1]), ("disagree", [-1.5, 1.5])):
        folder = tmp_path / name
        folder.mkdir()
        notes = mn.evidence(SCARS, data=differing(differences).load(folder))[0].notes
        assert any(f"the two studies {name}" in said for said in notes), notes


# rates, and zeros that are only stated


def judged(counts, folder, **also):
    folder.mkdir()
    _, found = only(rates(counts, **also), folder, "rare-pih")
    return found, on_interval(found)


MANY = [(0, 900)] * 20  # rates may differ by study: it takes many to be sure of less than 1 %


def test_a_verdict_on_a_rate_needs_the_stated_zeros_to_agree(tmp_path):
    none, agreed = judged([*MANY, (0, 40, "list")], tmp_path / "agree")
    assert agreed.word == "supported"
    assert (none.estimate.value, len(none.group.rows), len(none.group.stated)) == (0, 20, 1)
    stated = [(0, 900, "sentence")] * 4
    found, open_ = judged([(90, 900), (80, 900), *stated], tmp_path / "differ")
    counted, alone = judged([(90, 900), (80, 900)], tmp_path / "alone")
    assert alone.word == "contradicted"
    assert counted.estimate == found.estimate
    assert open_.word == "inconclusive"
    assert "counting studies that only state “none” would give another verdict" in open_.reason
    both = pool_rates([90, 80, 0, 0, 0, 0], [900] * 6)
    beside = found.other("all_zeros")
    assert (beside.k, beside.n) == (6, 5400)
    ends = (beside.estimate.value, beside.estimate.ci_low, beside.estimate.ci_high)
    assert ends == pytest.approx([100 * x for x in (both.estimate, both.ci_low, both.ci_high)])


@pytest.mark.parametrize("basis", ["sentence", "list"])
def test_what_nobody_counted_stays_open(tmp_path, basis):
    found, verdict = judged([(0, n, basis) for _, n in MANY], tmp_path / "x")
    counted, clear = judged([(0, n, "counted") for _, n in MANY], tmp_path / "y")
    assert found.estimate.ci_high == counted.estimate.ci_high < 1
    assert (found.group.uncounted, counted.group.uncounted) == (True, False)
    assert clear.word == "supported"
    assert verdict.word == "inconclusive"
    assert "no study counted it" in verdict.reason
    assert found.other("all_zeros") is None


def test_no_event_at_all_has_the_exact_limit_of_the_sum_beside(tmp_path):
    found, _ = judged([(0, 40), (0, 25)], tmp_path / "x")
    exact = found.other("exact_sum").estimate
    assert exact.ci_high == pytest.approx(100 * (1 - 0.025 ** (1 / 65)))
    assert exact.ci_high < found.estimate.ci_high


def test_a_rate_over_all_conditions_counts_every_zero(published):
    """The eleven studies of hyperpigmentation, whose pooled rate is pinned in R."""
    pinned = json.loads(
        (Path(__file__).parents[1] / "reference/pooled_rates.json").read_text("utf-8")
    )
    case = next(c for c in pinned["cases"] if c["data"] == "pigment")["expected"]
    frame = contrast_frame(published)
    primary = frame[frame["primary"] & frame["claim_id"].eq("rare-pih")]
    found = across_conditions(groups_of(published, "rare-pih")[0], primary)
    assert (found.k, found.n) == (11, 363)
    ends = (found.estimate.value, found.estimate.ci_low, found.estimate.ci_high)
    expected = [100 * case[x] for x in ("estimate", "ci_low", "ci_high")]
    assert ends == pytest.approx(expected, rel=2e-6)
    assert evidence_of(published, "rare-pih").conditions.n == 363


# clusters


def test_a_design_effect_widens_a_variance_and_shrinks_counts(tmp_path):
    variances = {}
    for deff in ("", 1, 4):
        folder = tmp_path / f"d{deff}"
        folder.mkdir()
        group, _ = only(differing([0.9], design_effect=deff), folder)
        variances[deff] = effects(group.rows, "smd")[1].item()
    assert variances[""] == variances[1] == pytest.approx(variances[4] / 4)
    found, _ = judged([(12, 40)], tmp_path / "rates", design_effect=4)
    alone = pool_rates([3], [10])
    assert (found.estimate.value, found.estimate.ci_high) == (30, 100 * alone.ci_high)


@pytest.mark.parametrize(
    ("count", "n", "effective"),
    [(1, 30, (1, 10)), (29, 30, (9, 10)), (0, 1, (0, 1)), (1, 1, (1, 1))],
)
def test_a_small_cluster_study_keeps_its_last_event(tmp_path, count, n, effective):
    found, _ = judged([(count, n)], tmp_path / "x", design_effect=3)
    events_left, people = effective
    alone = pool_rates([events_left], [people])
    ends = (found.estimate.value, found.estimate.ci_low, found.estimate.ci_high)
    assert ends == pytest.approx([100 * x for x in (alone.estimate, alone.ci_low, alone.ci_high)])


# correlation within the person


def sides(r=None, **also):
    known = {} if r is None else {"r": r}
    return Extraction().study(
        "x", SCARS, "smd", mean(3, 1, 20), mean(2, 1, 20), design="rct_split_body", **known, **also
    )


def bonett(r, g=None, n=20):
    """Variance of the difference of two sides of equal spread, Bonett (2008)."""
    m = 2 * (n - 1) / (1 + r**2)
    j = math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2)) / math.sqrt(m / 2)
    return ((2 - 2 * r) + j**2 * (2 + 2 * r**2) / 8) / (n - 1)


def test_a_derived_correlation_is_used_and_the_grid_leaves_it(tmp_path):
    made = sides(("0.8", "0.6", "0.9"))
    published = made.load(tmp_path)
    (group,) = groups_of(published, SCARS)
    for r in (None, *R_GRID):
        assert effects(group.rows, "smd", r=r)[1].item() == pytest.approx(bonett(0.8))
    row = evidence_table(SCARS, data=published).iloc[0]
    assert row["r_derived"] == 1
    assert row["r030_ci_low"] == row["r070_ci_low"] == row["ci_low"]
    assert any("0.80" in n for n in mn.evidence(SCARS, data=published)[0].notes)


def test_an_assumed_correlation_is_varied_within_what_the_figures_allow(tmp_path):
    for name, bounds, allowed in (
        ("free", None, {None: 0.5, 0.3: 0.3, 0.7: 0.7}),
        ("above", ("", "-0.2", "0.41"), {None: 0.41, 0.3: 0.3, 0.7: 0.41}),
        ("below", ("", "0.6", "1"), {None: 0.6, 0.3: 0.6, 0.7: 0.7}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        published = sides(bounds).load(folder)
        (group,) = groups_of(published, SCARS)
        for r, used in allowed.items():
            assert effects(group.rows, "smd", r=r)[1].item() == pytest.approx(bonett(used)), name
        row = evidence_table(SCARS, data=published).iloc[0]
        assert row["r_derived"] == 0
        for r in (0.3, 0.7):
            column = f"r{round(100 * r):03d}_ci_low"
            assert row[column] == pytest.approx(pool_group(group, r).estimate.ci_low)
        assert row["r030_ci_low"] <= row["ci_low"] <= row["r070_ci_low"]


def test_what_is_assumed_is_the_median_of_those_derived(tmp_path):
    made = sides()
    for i, r in enumerate((0.1, 0.62, 0.9)):
        made.study(
            f"d{i}", "evens-tone", "smd", mean(3, 1, 20), mean(2, 1, 20),
            design="rct_split_body", r=(r, "", ""),
        )  # fmt: skip
    (group,) = groups_of(made.load(tmp_path), SCARS)
    assert group.rows["r_assumed"].item() == 0.62
    assert effects(group.rows, "smd")[1].item() == pytest.approx(bonett(0.62))
    tone = groups_of(made.load(tmp_path), "evens-tone")[0]
    expected = [bonett(r) for r in (0.1, 0.62, 0.9)]
    np.testing.assert_allclose(effects(tone.rows, "smd")[1], expected)


def test_without_paired_contrasts_no_correlation_is_varied(tmp_path):
    row = evidence_table(SCARS, data=differing([0.9]).load(tmp_path)).iloc[0]
    assert row[["r_derived", "r030_estimate", "r070_ci_high"]].isna().all()
