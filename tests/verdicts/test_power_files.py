"""Study files for `mnstudy power`: each design is planned, and each mistake says how to mend it."""

import re
from importlib import import_module

import numpy as np
import pytest
from scipy import stats

import mnstudy as mn
from mnstudy import cli
from mnstudy.verdicts.operating.batches import PlannedStudy

TRIAL = 'design = "parallel"\nrandomised = true\nassessor = "blinded"\n'
FACES = 'design = "split_body"\nrandomised = true\nassessor = "blinded"\n'
SERIES = 'design = "single_arm"\n'
SCARS = """[plan]
primary = ["reduces-scarring"]
[power]
effects = { reduces-scarring = 25 }
spreads = { reduces-scarring = 15 }
"""
FILES = {
    "parallel": TRIAL + SCARS + "lost = 0.1\nallocation = 0.3\n",
    "split_body": FACES
    + """carry_over = false
[plan]
primary = ["topical-adjunct"]
[power]
effects = { topical-adjunct = 20 }
spreads = { topical-adjunct = [10, 15] }
correlation = [0.4, 0.7]
""",
    "crossover": """design = "crossover"
randomised = true
carry_over = false
[plan]
primary = ["comparable-to-laser"]
[power]
effects = { comparable-to-laser = 0 }
spreads = { comparable-to-laser = 12 }
correlation = 0.5
""",
    "rate": SERIES
    + """[plan]
primary = ["satisfies-patients"]
[power]
effects = { satisfies-patients = 75 }
""",
    "slope": SERIES
    + """[plan]
primary = ["more-sessions"]
sessions_fixed = true
[power]
effects = { more-sessions = 6 }
spreads = { more-sessions = 8 }
slopes_differ = 2
sessions = 3
""",
    "registry": 'design = "registry"\n' + SCARS,
}
OWN = """[claims.tca-beats-prp]
title = "TCA beats PRP"
like = "topical-adjunct"
params.treated = { treatment = ["needling"], adjunct = ["tca"] }
params.reference = { treatment = ["needling"], adjunct = ["prp"] }
[measures.itch_score]
unit = "points of 10"
low = 0
high = 10
meaning = "Itch at this assessment, 0 none to 10 worst."
[claims.little-itch]
title = "Needled skin hardly itches"
analysis = "level"
params = { outcome = "itch_score" }
rule = "below"
margin = 4
[plan]
primary = ["tca-beats-prp", "little-itch"]
family = []
[power]
effects = { tca-beats-prp = 20, little-itch = 2 }
spreads = { tca-beats-prp = 12, little-itch = 2 }
"""


@pytest.fixture(autouse=True)
def _few_studies_go_through_the_whole_analysis(monkeypatch):
    """That they agree is held in test_power.py."""
    monkeypatch.setattr(import_module("mnstudy.verdicts.operating.power"), "CHECKED", 5)


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a study file."""

    def write(text):
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", FILES)
def test_each_design_is_planned_from_a_file_alone(name, written):
    found = mn.power(written(FILES[name]), runs=200)
    (own,) = found.claims
    assert own.n is not None
    assert own.same >= own.checked - 1
    for words in (own.claim.unit, f"{own.n} patients", "80 %", "seed 0"):
        assert words in str(found)
    assert "nan" not in str(found)


def test_claims_of_ones_own_are_planned(written):
    arms, itch = mn.power(written(TRIAL + OWN), runs=200).claims
    assert arms.claim.title == "TCA beats PRP"
    assert arms.planned.kind == "arms"
    assert itch.planned.kind == "one"


def test_a_claim_about_one_arm_of_two_counts_the_patients_of_that_arm(written):
    alone = mn.power(written(SERIES + OWN.replace('"tca-beats-prp", ', "").replace(
        "tca-beats-prp = 20, ", "").replace("tca-beats-prp = 12, ", "")), runs=300)  # fmt: skip
    both = mn.power(written(TRIAL + OWN + "allocation = 0.25\n"), runs=300)
    beside = both.claims[1]
    assert beside.n == pytest.approx(4 * alone.n, abs=4)
    assert f"({beside.planned.sizes(beside.n)[0]} in the treated arm)" in str(both)


MISTAKES = {
    "no table": (TRIAL + '[plan]\nprimary = ["little-pain"]\n', r'effects = { "little-pain" = '),
    "no plan": (TRIAL + SCARS[SCARS.index("[power]") :], r'primary = \["reduces-scarring"\]'),
    "too small": (TRIAL + SCARS.replace("25", "8"), r"larger effect, or another margin"),
    "unknown key": (TRIAL + SCARS + "dropout = 0.1\n", r"power.dropout .*one of .*\blost\b"),
    "percent lost": (TRIAL + SCARS + "lost = 15\n", "as 0.1 for one in ten"),
    "no share": (FILES["rate"].replace("75", "0.75"), "shares are percentages, 65 for 0.65"),
    "swapped": (FILES["split_body"].replace("[10, 15]", "[15, 10]"), "the lower one first"),
    "no correlation": (
        FILES["split_body"].replace("correlation = [0.4, 0.7]", ""), "how alike the two sides",
    ),
    "without effect": (TRIAL + SCARS + "correlation = 0.5\n", r'"0.5" .*leave it'),
    "other claim": (
        TRIAL + SCARS.replace("reduces-scarring", "weeks-to-results"), "operating_characteristics",
    ),
    "other design": (
        SERIES + FILES["split_body"].replace(FACES + "carry_over = false\n", ""),
        'write design = "parallel"',
    ),
    "selection": (
        SERIES + SCARS + '[selection]\nrule = "grade 3 or 4"\nreliability = 0.7\n',
        "regresses to the mean .*situation selected",
    ),
    "beyond 100": (
        TRIAL + """[plan]
primary = ["home-riskier"]
[power]
effects = { home-riskier = 60 }
rates = { home-riskier = 50 }
""", "added to the rate of the reference arm",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_how_to_mend_it(name, written, capsys):
    text, remedy = MISTAKES[name]
    assert cli.main(["power", str(written(text))]) == 2
    said = capsys.readouterr()
    assert re.search(remedy, said.err)
    assert "Traceback" not in said.err
    assert said.out == ""


def test_what_is_not_said_of_a_rate_is_the_only_thing_missing(written, capsys):
    text = TRIAL + '[plan]\nprimary = ["gentler-than-laser"]\n[power]\n'
    assert cli.main(["power", str(written(text + "effects = { gentler-than-laser = -9 }\n"))]) == 2
    said = capsys.readouterr().err
    assert said.startswith("1 problem ")
    assert "percentage of the reference arm" in said


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    for place in (tmp_path, tmp_path / "none.toml"):
        assert cli.main(["power", str(place)]) == 2
        said = capsys.readouterr().err
        assert ".toml" in said
        assert "check the path" in said


def test_no_studies_are_refused(written):
    with pytest.raises(ValueError, match="give 1 or more"):
        mn.power(written(TRIAL + SCARS), runs=0)


def test_what_the_lost_cost_is_said(written, monkeypatch):
    monkeypatch.setattr(import_module("mnstudy.verdicts.operating.power"), "CHECKED", 25)
    many, few = (mn.power(written(TRIAL + SCARS + f"lost = {x}\n"), runs=200) for x in (0.4, 0))
    assert f"if nobody were lost: {few.n} patients" in str(many)
    assert many.n > 1.3 * few.n / 0.6
    assert "if nobody were lost" not in str(few)


def test_what_is_rare_is_not_none(written):
    said = str(mn.power(written(TRIAL + SCARS), runs=1000))
    assert not re.search(r"(supported|conclusive|matter|contradicted) 0 %", said)


def test_the_chance_of_a_share_falls_between_two_counts():
    """The numbers that docs/planning.md gives."""
    planned = PlannedStudy(kind="share", effect=0.1)
    chance = {n: np.mean(planned.limits(planned.draw(n, 4000, 1), 0.95)[2] < 1)
              for n in (368, 554, 555)}  # fmt: skip
    expected = {368: 0.999**368, 554: 0.999**554, 555: stats.binom.cdf(1, 555, 0.001)}
    assert chance == pytest.approx(expected, abs=0.025)
    assert [round(100 * x) for x in expected.values()] == [69, 57, 89]


def test_steps_of_a_score_are_told_in_the_methods(written):
    found = mn.power(written(TRIAL + SCARS + "step = 25\nmiddle = 30\n"), runs=200)
    assert "scores are multiples of 25" in found.methods


class TestPilot:
    def test_one_arm_has_the_spread_of_an_arm(self, written):
        series = mn.simulate(40, design="single_arm", rng=3)
        finding = mn.evaluate(series, "reduces-scarring")[0]
        between = finding.estimate.std_error * finding.n_patients**0.5
        own = mn.power(written(TRIAL + SCARS), series, runs=100).claims[0]
        assert between < own.planned.spread < 1.3 * between
        assert f"between patients of {between:.1f}" in own.pilot

    def test_two_sides_tell_of_two_sides_only(self, written):
        text = FILES["split_body"].replace("topical-adjunct", "reduces-scarring")
        series = mn.simulate(40, design="single_arm", rng=3)
        with pytest.raises(ValueError, match=r"pilot has one arm .*power\.spreads\.reduces-scarr"):
            mn.power(written(text), series, runs=100)

    def test_one_without_the_outcome_says_so(self, written):
        sheet = mn.simulate(20, design="parallel", rng=1).data
        with pytest.raises(mn.DataError, match=r"improvement_score .*add it"):
            mn.power(written(TRIAL + SCARS), sheet.drop(columns="improvement_score"))
        with pytest.raises(ValueError, match="the column improvement_score is empty"):
            mn.power(written(TRIAL + SCARS), sheet.assign(improvement_score=float("nan")))
