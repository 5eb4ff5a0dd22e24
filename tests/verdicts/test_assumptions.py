"""What is said where an assumption is visibly broken, and what is drawn of the residuals."""

import collections
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from helpers.truth import CELLS, _visits, over_visits
from made_sheets import asked, faces, site, split, two_arms, visits

import mnstudy as mn
from mnstudy.reporting.figures.plot import charts_of
from mnstudy.verdicts.analyses.models.assumptions import BROKEN
from mnstudy.verdicts.displays.residuals import residuals

CLAIM = {"two": "reduces-scarring", "one": "reduces-scarring", "slope": "deeper-more-collagen"}


def arms(treated, reference=()):
    rows = [site(i, improvement_score=float(x)) for i, x in enumerate(treated)]
    rows += [
        site(500 + i, "untreated", improvement_score=float(x)) for i, x in enumerate(reference)
    ]
    return pd.DataFrame(rows)


def doses(n, response, seed=5):
    rng = np.random.default_rng(seed)
    depth = np.linspace(0.5, 2.5, n)
    noise = rng.normal(0, 4, n)
    return pd.DataFrame(
        [
            site(i, improvement_score=20.0) | {"needle_depth_mm": d, "collagen_change_percent": v}
            for i, (d, v) in enumerate(zip(depth, response(depth) + noise, strict=True))
        ]
    )


def normal(n, mean, spread):
    """Return values that lie as a normal distribution has them."""
    from scipy.stats import norm

    return mean + spread * norm.ppf((np.arange(n) + 0.5) / n)


def said(sheet, claim="reduces-scarring", **study):
    _, finding = asked(sheet, claim, **study)
    assert finding.estimate is not None
    return [note for note in finding.remarks if note.kind in BROKEN]


def kinds(*given, **study):
    return [note.kind for note in said(*given, **study)]


def test_nothing_is_said_of_clean_sheets():
    assert kinds(arms(normal(20, 30, 12), normal(20, 5, 12))) == []
    assert kinds(arms(normal(20, 30, 12))) == []
    assert kinds(visits(), "more-sessions") == []
    assert kinds(doses(40, lambda d: 20 * d), "deeper-more-collagen") == []
    _, finding = split(faces())
    assert not any(note.kind in BROKEN for note in finding.remarks)


def test_spreads_that_differ_are_named_with_their_ratio_and_the_wider_arm():
    (note,) = said(arms(normal(20, 30, 25), normal(20, 5, 5)))
    assert note.kind == "spreads_differ"
    assert (note["arm"], note["factor"]) == ("treated", pytest.approx(5))
    assert "5.0 times as much in the treated arm" in str(note)
    assert "allows for it" in str(note)
    (note,) = said(arms(normal(20, 30, 5), normal(20, 5, 25)))
    assert note["arm"] == "reference"
    assert kinds(arms(normal(20, 30, 9), normal(20, 5, 5))) == []  # less than twice


def test_values_at_the_end_of_the_scale_are_counted():
    clipped = np.minimum(normal(40, 90, 20), 100)
    (note, *_) = said(arms(clipped, normal(40, 20, 20)))
    n = int((clipped == 100).sum())
    assert note.kind == "at_bound"
    assert str(note["values"]) == f"{n} of 80 values"
    assert "highest that the scale allows (100 percent)" in str(note)
    few = np.append(normal(36, 40, 10), [100] * 4)
    assert "at_bound" not in kinds(arms(few))  # four of forty are no more than a tenth


def test_fewer_than_five_values_at_the_end_tell_of_nobody():
    few = np.append(normal(16, 80, 5), [100] * 4)
    assert "at_bound" not in kinds(arms(few))


def test_the_lowest_pain_and_the_scale_of_a_change_are_bounds_too():
    pain = arms(normal(30, 30, 10)).assign(pain_score=[0.0] * 12 + [2.0, 3.0] * 9)
    (note, *_) = said(pain, "little-pain")
    assert (note.kind, note["end"], note["bound"]) == ("at_bound", "lowest", 0)
    sheet = pd.concat(
        [
            arms([0.0] * 30).assign(session_count=0, weeks=0, texture_score=5.0),
            arms(normal(30, 30, 5)).assign(
                weeks=12, texture_score=[10.0] * 9 + list(np.linspace(6, 9, 21))
            ),
        ]
    )
    (note, *_) = said(sheet, "smooths-texture")
    assert (note.kind, str(note["values"])) == ("at_bound", "9 of 30 values")


def test_skewed_results_of_few_are_held_against_ranks_and_of_many_are_not():
    values = np.exp(normal(20, 0, 1)) * 10
    (note,) = said(arms(values))
    assert note.kind == "skewed"
    assert note["skewness"] > 2
    assert "ranks" in str(note)
    assert str(note["patients"]) == "20 patients"
    many = 10 * np.exp(normal(300, 0, 0.5))
    assert kinds(arms(many)) == []


def test_a_bent_line_is_told_with_both_slopes():
    (note, *_) = said(doses(40, lambda d: 40 * np.log(d)), "deeper-more-collagen")
    assert note.kind == "bends"
    assert note["first"] > 2 * note["last"]
    assert "needle depth mm" in str(note)


def test_one_patient_who_decides_is_told_of_but_not_who():
    sheet = arms([*normal(14, 13.5, 4), -70.0])
    cohort, finding = asked(sheet, "reduces-scarring")
    note = next(n for n in finding.remarks if n.kind == "one_decides")
    _, without = asked(sheet[sheet["improvement_score"] > -70], "reduces-scarring")
    assert (finding.verdict, note["verdict"]) == ("inconclusive", without.in_full)
    assert without.in_full != finding.in_full
    assert not any(name in str(note) for name in cohort.data["patient_id"])


def test_two_sentences_at_most():
    values = np.minimum(np.append(normal(18, 60, 40), [100] * 6), 100)
    sheet = arms(values, np.append(normal(20, 5, 3), 60.0))
    _, finding = asked(sheet, "reduces-scarring")
    assert len([n for n in finding.remarks if n.kind in BROKEN]) == 2


def drawn_study(cell):
    """Return the cohort and finding of a study whose truth is known."""
    sheet = cell.draw(np.random.default_rng(4), cell.edge).astype("object")
    cohort = mn.load(sheet, study=dict(cell.study))
    return cohort, mn.evaluate(cohort, cell.claim)[0]


@pytest.mark.parametrize(
    "cell",
    [
        _visits(over_visits(20, 20, lost="seen")),
        _visits(over_visits(9, 9, lost="seen", leave=0.05)),  # too few for a covariance of visits
        _visits(over_visits(10, 10)),  # nobody lost: the week alone
        CELLS["sides, 20, lost as seen"],
    ],
)
def test_what_each_patient_adds_to_a_model_of_visits_has_its_error(cell):
    cohort, finding = drawn_study(cell)
    dots = residuals(cohort, finding).dots
    assert set(dots["panel"]) == {"fitted", "quantile", "arm", "influence"}
    arms = dots.groupby("panel")["arm"].nunique()
    assert arms[["fitted", "quantile", "arm"]].eq(2).all()
    moved = dots[dots["panel"] == "influence"]
    assert len(moved) == cohort.data["patient_id"].nunique()
    # the jackknife of what each adds has about the error of the model
    n = len(moved)
    jackknife = np.sqrt((n - 1) / n * ((moved["y"] - moved["y"].mean()) ** 2).sum())
    assert jackknife == pytest.approx(finding.estimate.std_error, rel=0.15)


def test_the_levels_of_a_factor_have_their_residuals_and_what_each_patient_adds():
    cohort = mn.load("demo_clinic")
    finding = mn.evaluate(cohort, "scar-type-matters")[0]
    dots = residuals(cohort, finding).dots
    named = {p.label for p in finding.parts if p.kind == "level"}
    assert set(dots["arm"]) == named
    assert len(named) > 2
    chart = next(c for c in charts_of(cohort, finding) if c.key.startswith("residuals/"))
    for width in ("column", "full"):
        level = next(ax for ax in chart.draw(width=width).axes if not ax.get_ylabel())
        assert {label.get_text() for label in level.get_yticklabels()} == named
        assert level.get_xlabel() == "residual, SD"
    assert dots["patient"].nunique() == finding.n_patients


def test_the_means_of_studies_are_no_model_of_patients():
    cohort = mn.load("published_patients")
    finding = mn.evaluate(cohort, "reduces-scarring")[0]
    assert finding.estimate is not None
    assert residuals(cohort, finding) is None


def test_a_skewed_model_of_visits_is_told_of_and_a_clean_one_is_not():
    cell = CELLS["visits, 20:20, lost as seen"]
    sheet = cell.draw(np.random.default_rng(4), cell.edge)
    seen = sheet["weeks"] > 0
    for skewed in (False, True):
        own = sheet.assign(
            improvement_score=sheet["improvement_score"].where(
                ~(seen & skewed), 50 - np.exp((80 - sheet["improvement_score"]) / 15)
            )
        )
        finding = mn.evaluate(mn.load(own.astype("object"), study=dict(cell.study)), cell.claim)[0]
        assert finding.estimate.how.kind == "visit_model"
        assert ("skewed" in [n.kind for n in finding.remarks]) == skewed


def test_dots_of_two_arms_are_those_of_statsmodels():
    sheet = two_arms()
    cohort, finding = asked(sheet, "reduces-scarring")
    dots = residuals(cohort, finding).dots
    arm = sheet["treatment"].eq("needling").astype(float)
    ols = sm.OLS(sheet["improvement_score"], sm.add_constant(arm)).fit().get_influence()
    assert set(dots["panel"]) == {"fitted", "quantile", "arm", "influence"}
    for panel in ("fitted", "quantile", "arm"):
        own = dots.loc[dots["panel"] == panel, "y"]
        np.testing.assert_allclose(np.sort(own), np.sort(ols.resid_studentized_internal))
    moved = dots.loc[dots["panel"] == "influence", "y"]
    theirs = ols.results.params[1] - ols.params_not_obsi[:, 1]
    np.testing.assert_allclose(np.sort(moved), np.sort(theirs), atol=1e-9)
    assert not set(dots["patient"].astype(str)) & set(sheet["patient_id"])


@pytest.mark.parametrize("synthetic", [False, True])
def test_the_figure_draws_each_panel_and_tells_no_patient(synthetic):
    for sheet, claim, panels in (
        (two_arms(), "reduces-scarring", 4),
        (visits(30), "more-sessions", 3),
        (arms(normal(20, 30, 12)), "reduces-scarring", 2),
    ):
        cohort, finding = asked(sheet, claim, synthetic=synthetic)
        chart = next(c for c in charts_of(cohort, finding) if c.key.startswith("residuals/"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for width in ("column", "full"):
                picture = chart.draw(width=width)
                assert len(picture.axes) == panels
                assert all(ax.get_ylabel() for ax in picture.axes)
        data = chart.data()
        assert "patient" not in data
        assert f"{finding.n_patients} patients" in chart.caption
        assert "a patient or an assessment" in chart.caption


def test_a_report_has_residuals_of_primary_claims_and_of_broken_ones():
    def drawn(sheet, **study):
        found = charts_of(*asked(sheet, "reduces-scarring", **study), report=True)
        return any(chart.key.startswith("residuals/") for chart in found)

    clean, broken = two_arms(20, 20), arms(normal(20, 30, 25), normal(20, 5, 5))
    assert kinds(clean) == []
    assert not drawn(clean)
    assert drawn(clean, plan={"primary": ["reduces-scarring"]})
    assert drawn(broken)


def some_study(name, n, rng):
    """Return a clean study of which the truth lies anywhere about its margin."""
    if name == "slope":
        depth, noise = rng.uniform(0.5, 2.5, n), rng.normal(0, 12, n)
        effect = rng.uniform(-5, 30)
        return doses(n, lambda _: 0).assign(
            needle_depth_mm=depth, collagen_change_percent=20 + effect * depth + noise
        )
    mean = rng.uniform(-5, 35)
    return arms(rng.normal(mean, 12, n), rng.normal(0, 12, n) if name == "two" else ())


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 25, 60])
@pytest.mark.parametrize("name", CLAIM)
def test_chance_gives_a_sentence_in_few_clean_studies(name, n):
    trials, found = 200, collections.Counter()
    for seed in range(trials):
        sheet = some_study(name, n, np.random.default_rng([seed, n]))
        found.update(kinds(sheet, CLAIM[name]))
    assert max(found.values(), default=0) <= 0.05 * trials, found
