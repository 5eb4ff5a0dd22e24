"""The scorecard and the tables."""

from dataclasses import replace

import matplotlib
import pandas as pd
import pytest
from made_findings import cases, untestable
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mnstudy.reporting.figures import style
from mnstudy.reporting.page.scorecard import claims_of, scorecard, scorecard_table
from mnstudy.reporting.run import numbers as tables
from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.finding.finding import VERDICTS
from mnstudy.verdicts.findings import Findings

REAL = Findings([f for f in cases().values() if not f.synthetic and f.n_studies is None])
TRIALS = Findings([cases()["forest"], untestable()])
INVENTED = Findings([f for f in cases().values() if f.synthetic])
COLUMNS = [("her clinic (real)", REAL), ("trials", TRIALS), ("demonstration (SYNTHETIC)", INVENTED)]


def every_claim():
    return Findings([untestable(claim_id) for claim_id in registry()])


@pytest.fixture(scope="module")
def picture():
    return scorecard(COLUMNS)


def shown(picture):
    return [t for t in picture.findobj(matplotlib.text.Text) if t.get_text()]


def test_answers_come_by_how_much_is_known_and_the_rest_is_named():
    def of(claim_id, certainty, n):
        one = replace(cases()["forest"], claim=registry()[claim_id], certainty=certainty)
        return replace(one, n_patients=n)

    asked = [of("rare-pih", "very low", 50), of("little-pain", "low", 5), untestable(),
             of("more-sessions", "very low", 60)]  # fmt: skip
    picture = scorecard([("trials", Findings(asked))])
    heights = {t.get_text(): t.get_position()[1] for t in shown(picture)}
    titles = [registry()[c].title for c in ("little-pain", "more-sessions", "rare-pih")]
    assert [heights[t] for t in titles] == sorted(heights[t] for t in titles)
    everything = " ".join(t.get_text() for t in shown(scorecard([("nothing", every_claim())])))
    assert "No number that answers (43): " in everything
    assert len(claims_of([("nothing", every_claim())])) == 43


def test_titles_numbers_sources_and_verdicts_are_there(picture):
    text = [t.get_text() for t in shown(picture)]
    for expected in ("Makes scars less noticeable", "38.1 (31.2 to 45.3) points",
                     "her clinic (real)", "57 patients, 61 sites"):  # fmt: skip
        assert expected in text
    assert set(VERDICTS) <= set(text)


def test_nothing_is_cut_off(picture):
    canvas = FigureCanvasAgg(picture)
    with picture.look.theme():
        canvas.draw()
        boxes = [(t, t.get_window_extent(canvas.get_renderer())) for t in shown(picture)]
    width, height = picture.bbox.size
    for text, box in boxes:
        assert 0 <= box.x0 <= box.x1 <= width, text.get_text()
        assert 0 <= box.y0 <= box.y1 <= height, text.get_text()


def test_only_rows_of_invented_data_are_marked(picture):
    marks = [t for t in shown(picture) if t.get_text() == style.SYNTHETIC]
    assert len(marks) == sum(f.estimate is not None for f in INVENTED)
    assert not [t for t in shown(scorecard(COLUMNS[:2])) if t.get_text() == style.SYNTHETIC]


def test_the_picture_describes_itself_and_is_the_same_again(picture):
    assert "trials: 1 inconclusive, 1 not testable" in picture.alt
    assert style.svg_bytes(scorecard(COLUMNS)) == style.svg_bytes(picture)


def test_an_empty_scorecard_is_refused():
    with pytest.raises(ValueError, match="give at least one heading"):
        scorecard([])


def test_the_table_says_the_same_in_words():
    table = scorecard_table(COLUMNS)
    row = table.loc["rare-pih"]
    assert row["articles"] == "D ≠E"
    assert row["her clinic (real): estimate"] == "0.0 (0.0 to 5.2) %"
    assert row["trials: verdict"] == "not asked"
    assert table.loc["maintenance", "trials: reason"] == "the data have no column maintenance"


def test_results_read_back_to_the_last_digit(tmp_path):
    value = 0.1 + 0.2
    case = cases()["limit"]
    odd = replace(case, estimate=replace(case.estimate, value=value, ci_low=1 / 3))
    table = tables.results_frame([Findings([odd]), TRIALS])
    tables.write_csv(table, tmp_path / "results.csv")
    raw = (tmp_path / "results.csv").read_bytes()
    assert b"\r" not in raw
    back = pd.read_csv(tmp_path / "results.csv", dtype="str")
    assert float(back.loc[0, "estimate"]) == value
    assert float(back.loc[0, "ci_low"]) == 1 / 3
    assert int(back.loc[1, "n_studies"]) == 3


def test_small_counts_are_exact():
    few = replace(cases()["limit"], n_patients=4, n_missing=2, n_sites=6)
    table = tables.results_frame([Findings([few]), Findings([cases()["levels"]])])
    assert table.loc[0, ["n_patients", "n_missing", "n_sites"]].tolist() == [4, 2, 6]
    noted = "3 sites without a known outcome left out | 2 of 57 patients"
    assert table.loc[1, "notes"] == noted


def test_parts_are_listed_with_their_claim():
    table = tables.parts_frame([REAL, TRIALS])
    assert set(table["kind"]) >= {"level", "arm", "study", "pooled", "prediction"}
    small = table[table["label"] == "stretch mark"].iloc[0]
    assert (small["n"], small["value"]) == (3, 15.5)


def test_a_heading_is_never_taken_for_a_formula(tmp_path):
    """The headings of the scorecard are the names of sheets."""
    named = scorecard_table([("=1+cmd (real)", REAL), ("@x", TRIALS)]).reset_index()
    tables.write_csv(named, tmp_path / "x.csv")
    heads = pd.read_csv(tmp_path / "x.csv").columns
    assert [h for h in heads if h.startswith(("=", "@"))] == []
    assert any(h.startswith("'=1+cmd (real)") for h in heads)


def test_text_is_never_taken_for_a_formula(tmp_path):
    table = pd.DataFrame({"name": ["=1+1", "@x", "plain", "-3 to 4"], "value": [-1.5, 0, 1, 2]})
    tables.write_csv(table, tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "name,value"
    assert lines[1:] == ["'=1+1,-1.5", "'@x,0.0", "plain,1.0", "'-3 to 4,2.0"]
