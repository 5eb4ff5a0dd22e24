"""The certificate: its limits, its promises, which studies it stands for, and what a page says."""

import pandas as pd
import pytest
from scipy import stats

import mnstudy as mn
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.packaged import packaged
from mnstudy.reporting.page.certificate import CertificatePlot, beside
from mnstudy.verdicts.finding.finding import VERDICTS
from mnstudy.verdicts.operating import certificate as module
from mnstudy.verdicts.operating.certificate import ALARM, KEY, PROMISED, certify

SPEC = packaged("verdicts/operating/certificate.toml")


@pytest.fixture(scope="module")
def shipped():
    return mn.certificate()


def kinds():
    for entry in SPEC["studies"]:
        for claim in entry["claims"]:
            for n in entry["n_patients"]:
                for situation in entry["situations"]:
                    for truth in entry["truths"]:
                        yield claim, entry["design"], n, situation, truth


def test_the_shipped_one_is_a_full_run_of_what_the_file_asks(shipped):
    table = shipped.table
    assert list(table[KEY].itertuples(index=False, name=None)) == [
        (claim, design, n, situation, truth) for claim, design, n, situation, truth in kinds()
    ]
    assert table.duplicated(KEY).sum() == 0
    runs = [entry.get("runs", SPEC["runs"]) for entry in SPEC["studies"]]
    assert set(table["reps"]) == set(runs)
    assert shipped.about["studies"] == table["reps"].sum()
    assert {"seconds", "seed", "code", "versions"} <= shipped.about.keys()


def test_every_promise_is_kept(shipped):
    assert shipped.broken.empty, shipped.broken[[*KEY, "false_support"]].to_string()
    assert not shipped.table["promised"].all()  # what cannot be promised is there, and says why
    assert shipped.table.loc[~shipped.table["promised"], "apart"].ne("").all()


def test_limits_are_exact_and_counted_of_those_that_answered(shipped):
    row = shipped.table[shipped.table["false_support"].notna()].iloc[0]
    hits = round(row["false_support"] * row["reps"])
    n = row["reps"]
    low = stats.beta.ppf(ALARM / 2, hits, n - hits + 1) if hits else 0.0
    assert row["false_support low"] == pytest.approx(low)
    assert row["false_support high"] == pytest.approx(
        stats.beta.ppf(1 - ALARM / 2, hits + 1, n - hits)
    )
    shares = shipped.table[list(VERDICTS)].sum(axis=1)
    assert shares.between(1 - 1e-9, 1 + 1e-9).all()
    inside = shipped.table["coverage"].between(
        shipped.table["coverage low"], shipped.table["coverage high"]
    )
    assert (inside | shipped.table["coverage"].isna()).all()


def test_a_promise_is_broken_where_the_lower_limit_is_above_it(shipped):
    table = shipped.table.head(2).assign(reps=2000, not_answered=0.0)
    table["false_support"] = [0.060, 0.030]
    for entry, kept in (({}, [False, True]), ({"apart": "chosen"}, [True, True])):
        found = module._with_limits(table, entry)
        assert found["kept"].tolist() == kept
        assert (found["false_support low"] > PROMISED).tolist() == [True, False]


def test_it_is_read_as_it_was_written(tmp_path, monkeypatch, shipped):
    made = certify(short=True, runs=2)
    folder = tmp_path / "data"
    (folder / module.FILE).parent.mkdir(parents=True)
    made.write(folder / module.FILE)
    monkeypatch.setattr(module, "data_dir", lambda: folder)
    read = module.certificate.__wrapped__()
    pd.testing.assert_frame_equal(read.table, made.table, check_dtype=False, check_exact=True)
    assert dict(read.about) == dict(made.about)
    assert (data_dir() / module.FILE).is_file()
    assert made.about["studies"] == 2 * len(made.table)


def test_a_study_is_held_beside_those_like_it(shipped):
    near = shipped.like("reduces-scarring", design="parallel", rate=False, n_patients=33)
    assert set(near["n_patients"]) == {40}
    assert near["truth"].tolist() == ["null", "margin", "twice"]
    assert near["situation"].eq("as planned").all()
    ask = {"design": "parallel", "rate": False}
    assert shipped.like("reduces-scarring", n_patients=500, **ask).empty
    assert shipped.like("reduces-scarring", n_patients=0, **ask).empty
    elsewhere = shipped.like("little-pain", design="registry", rate=True, n_patients=70)
    assert set(elsewhere["n_patients"]) == {60}
    assert shipped.like("little-pain", design="registry", rate=False, n_patients=70).empty


def test_the_page_says_how_often_such_studies_say_so(shipped):
    cohort = mn.simulate(36, design="parallel", rng=2, truth={"reduces-scarring": 60})
    finding = mn.evaluate(cohort, "reduces-scarring")[0]
    said = beside(shipped, finding, "parallel")
    rows = shipped.like("reduces-scarring", design="parallel", rate=False, n_patients=36)
    assert f"Of {rows['reps'].iloc[0]:,} simulated parallel studies of 40 patients each" in said
    for words in ("no effect", "just the margin (10 points)", "twice the margin (20 points)"):
        assert words in said
    assert f"{100 * rows[finding.verdict].iloc[0]:.1f} %" in said
    assert "not the chance that this verdict is wrong" in said
    assert beside(shipped, finding, "registry") == ""


def test_its_figure_shows_every_kind_once_and_says_what_it_is(shipped):
    chart = CertificatePlot(certificate=shipped)
    drawn = shipped.table[shipped.table["truth"].isin(["null", "margin"])]
    assert len(chart.data()) == len(drawn)
    assert f"{shipped.about['studies']:,} studies" in chart.caption
    assert "Clopper-Pearson" in chart.caption
    for width in ("full", "column"):
        picture = mn.plot(chart, width=width)
        labels = [t.get_text() for ax in picture.axes for t in ax.get_yticklabels()]
        assert any("as planned" in label for label in labels)
