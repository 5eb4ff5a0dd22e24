"""Mistaken calls: the error names what was meant, and a text alone is one word, not its letters."""

import pickle

import pandas as pd
import pytest

import mnstudy as mn


@pytest.fixture(scope="module")
def found(clinic):
    return mn.evaluate(clinic, ["more-sessions", "treats-acne-scars"])


@pytest.fixture(scope="module")
def others(split_face):
    return mn.evaluate(split_face, ["topical-adjunct", "more-sessions"])


@pytest.mark.parametrize("name", ["value", "ci_low", "ci_high", "p_value", "df", "unit", "method"])
def test_what_the_estimate_holds_is_not_looked_for_in_vain(found, name):
    with pytest.raises(AttributeError, match=rf"finding\.estimate\.{name}\?"):
        getattr(found[0], name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("verdit", "finding.verdict"), ("pvalue", "finding.estimate.p_value")],
)
def test_a_misspelt_attribute_of_a_finding_names_the_nearest(found, name, meant):
    with pytest.raises(AttributeError, match=f"did you mean {meant}"):
        getattr(found[0], name)
    assert not hasattr(found[0], "_repr_png_")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("more-session", "is not a claim: did you mean more-sessions"),
        ("qqq", "mn.claims"),
        ("rare-pih", "was not evaluated here"),
    ],
)
def test_a_claim_that_is_not_among_the_findings_is_named(found, key, said):
    with pytest.raises(KeyError, match=said):
        found[key]


@pytest.mark.parametrize("text", ["more-sessions", "more-session"])
def test_plot_says_how_to_get_from_an_id_to_its_finding(text):
    with pytest.raises(TypeError, match=r"mn.evaluate\(cohort, 'more-sessions'\)"):
        mn.plot(text)


@pytest.mark.parametrize("given", [None, 3, [3], pd.DataFrame({"a": [1]})])
def test_plot_says_what_it_draws(given):
    with pytest.raises(TypeError, match="plot takes findings, a chart"):
        mn.plot(given)


def test_plot_draws_findings_in_the_order_given(found, others):
    with pytest.raises(ValueError, match="nothing to draw"):
        mn.plot([])
    assert len(mn.plot(found).axes) >= 1
    one, other = found["more-sessions"], others["more-sessions"]
    assert mn.plot(f for f in (one, other)).alt == mn.plot([one, other]).alt


def test_findings_are_put_together_in_their_order(found, others):
    both = found + others
    assert isinstance(both, mn.Findings)
    assert [*both] == [*found, *others]
    assert both["topical-adjunct"] is others["topical-adjunct"]
    table = pd.concat([found.to_frame(), others.to_frame()])
    assert both.to_frame().to_csv(index=False) == table.to_csv(index=False)
    with pytest.raises(KeyError, match="demo_clinic and demo_split_face"):
        both["more-sessions"]
    with pytest.raises(TypeError):
        found + list(others)


def test_a_claim_of_one_body_of_data_is_not_put_together_with_itself(found):
    with pytest.raises(ValueError, match="more-sessions of demo_clinic"):
        found[:1] + found
    assert [*(found[1:] + found[:1])] == [found[1], found[0]]


def test_a_claim_asked_twice_is_one_claim(split_face):
    asked = mn.evaluate(split_face, ["topical-adjunct", "topical-adjunct"])
    assert asked["topical-adjunct"] is asked[0]


def test_findings_put_together_are_checked_each_on_their_own_cohort(found, others, trials):
    evidence = trials[:2]
    both = pickle.loads(pickle.dumps(found + others + evidence))
    parts = [f.sensitivity(["margins", "ranks"]) for f in (found, others, evidence)]
    expected = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(both.sensitivity(["margins", "ranks"]), expected)
    one = both[1:3].sensitivity("margins")
    assert one["dataset"].unique().tolist() == ["demo_clinic", "demo_split_face"]


def test_one_format_is_not_its_letters(tmp_path, split_face):
    table = mn.tables(split_face, [])[0]
    assert [p.suffix for p in mn.write_tables(tmp_path, [table], formats="docx")] == [".docx"]
    with pytest.raises(ValueError, match="no format word: choose from csv, html, tex, docx"):
        mn.write_tables(tmp_path, [table], formats="word")
    with pytest.raises(ValueError, match="no format tiff: choose from svg, png, pdf"):
        mn.report(split_face, tmp_path / "report", formats="tiff")


def test_a_report_has_the_one_format_asked_for(tmp_path, split_face):
    mn.report(split_face, tmp_path / "report", claims="topical-adjunct", formats="pdf", n_jobs=1)
    drawn = {p.suffix for p in (tmp_path / "report" / "figures").rglob("*.*")}
    assert drawn == {".svg", ".pdf", ".csv"}
