"""Own extractions that would turn a claim round, or break: a sensible answer or a table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.cohort.published.tables import load_published, validate_published
from mnstudy.errors import DataError

SHIPPED = Path(__file__).parents[2] / "data" / "published"
HIGHER, LOWER = "treated_better_if_higher", "treated_better_if_lower"


def events(count, n):
    return {"statistic": "events", "events": count, "n": n, "category": "counted"}


def mean(value, sd, n, statistic="mean_sd"):
    return {"statistic": statistic, "mean": value, "sd": sd, "n": n, "sd_is": "sd"}


class Own:
    """A copy of the shipped tables without the rows of one claim, and studies added to it."""

    def __init__(self, folder, claim):
        self.folder, self.claim = folder / "own", claim
        shutil.copytree(SHIPPED, self.folder)
        self.tables = {
            p.stem: pd.read_csv(p, dtype="str", keep_default_na=False)
            for p in self.folder.glob("*.csv")
        }
        for name in ("contrasts", "directions"):
            self.tables[name] = self.tables[name].query("claim_id != @claim")
        kept = self.tables["correlations"]["contrast_id"].isin(
            self.tables["contrasts"]["contrast_id"]
        )
        self.tables["correlations"] = self.tables["correlations"][kept]

    def row(self, name, **cells):
        table = self.tables[name]
        line = {c: str(cells.get(c, "")) for c in table}
        self.tables[name] = pd.concat([table, pd.DataFrame([line])], ignore_index=True)

    def add(
        self,
        measure,
        treated,
        reference=None,
        *,
        side=HIGHER,
        design="rct_parallel",
        other="",
        endpoint="own",
    ):
        k = len(self.tables["contrasts"])
        study, split = f"own{k}", "yes" if design == "rct_split_body" else "no"
        self.row(
            "studies",
            **{"study_id": study, "label": "Müller – 皮肤", "title": study, "design": design},
            **{"assessor_blinded": "yes", "condition": "acne_scar", "source": "abstract_or_paper"},
            use="pool",
        )
        shared = {"study_id": study, "label": "arm", "split_body": split, "adjunct": "none"}
        self.row("arms", **shared, arm_id="a", treatment="needling", device="pen")
        self.row("arms", **shared, arm_id="b", treatment=other or "untreated", device="none")
        if design.startswith("rct"):  # rated, so that nothing but the figures is in doubt
            domains = ("d1_randomisation", "d2_deviations", "d3_missing", "d4_measurement",
                       "d5_reported_result", "overall")  # fmt: skip
            self.row(
                "risk_of_bias",
                **{"study_id": study, "design": design, "rob_tool": "RoB 2"},
                **dict.fromkeys(domains, "low"),
                rated_by="two readers",
                registration="NCT00000000",
            )
        for arm, figures in (("a", treated), ("b", reference)):
            if figures is not None:
                self.row(
                    "outcomes",
                    **{
                        "outcome_id": f"z{k}{arm}",
                        "study_id": study,
                        "arm_id": arm,
                        "phase": "end",
                    },
                    **{"concept": "improvement", "better": side.split("_")[-1], "instrument": "i"},
                    instrument_range="0-20",
                    **figures,
                )
        self.row(
            "contrasts",
            **{
                "contrast_id": f"z{k}",
                "claim_id": self.claim,
                "study_id": study,
                "measure": measure,
            },
            **{
                "treated_outcome_id": f"z{k}a",
                "paired": split,
                "primary": "yes",
                "orientation": side,
            },
            **{"endpoint": endpoint, "modality": "plain"},
            reference_outcome_id="" if reference is None else f"z{k}b",
        )
        return self

    def write(self):
        for name, table in self.tables.items():
            table.to_csv(self.folder / f"{name}.csv", index=False)
        return self.folder

    def finding(self):
        return mn.evidence(self.claim, data=self.write())[0]

    def rules(self):
        folder = self.write()
        with pytest.raises(DataError):
            mn.evidence(self.claim, data=folder)
        return {problem.rule for problem in validate_published(folder).problems}


def test_differences_are_turned_to_the_side_the_claim_asks_for(tmp_path):
    free = Own(tmp_path / "free", "gentler-than-laser")
    harmed = Own(tmp_path / "harmed", "gentler-than-laser")
    for n in (30, 40, 50, 60, 70):
        free.add("risk_difference", events(n - 2, n), events(5, n), other="laser")
        harmed.add("risk_difference", events(2, n), events(n - 5, n), side=LOWER, other="laser")
    one, other = free.finding(), harmed.finding()
    assert one.verdict == other.verdict == "supported"
    assert one.estimate.value == pytest.approx(other.estimate.value)
    assert one.estimate.value < 0


@pytest.mark.parametrize(("side", "after"), [(HIGHER, 9), (LOWER, -9)])
def test_a_mean_difference_of_an_effect_is_in_points_and_the_right_way_round(tmp_path, side, after):
    own = Own(tmp_path, "reduces-scarring")
    for n in (30, 40, 50, 60, 70):
        own.add("md", mean(after, 2, n, "mean_change"), mean(0, 2, n, "mean_change"), side=side)
    found = own.finding()
    assert (found.verdict, found.estimate.unit) == ("supported", "points")
    assert found.estimate.value == pytest.approx(9)


def test_more_events_at_home_speak_for_home_being_riskier(tmp_path):
    own = Own(tmp_path, "home-riskier")
    for n in (100, 120, 140):
        own.add("odds_ratio", events(50, n), events(5, n), side=LOWER, other="needling")
    assert own.finding().estimate.value > 1


@pytest.mark.parametrize("claim", ["comparable-to-laser", "comparable-to-peel"])
@pytest.mark.parametrize("measure", ["odds_ratio", "risk_difference", "smd"])
def test_equality_is_never_held_against_a_claim_of_equality(tmp_path, claim, measure):
    own, other = Own(tmp_path, claim), claim.split("-")[-1]
    for n in range(500, 1100, 100):
        figures = mean(3, 1, n) if measure == "smd" else events(n // 2, n)
        own.add(measure, figures, figures, other=other)
    found = own.finding()
    assert (found.rule, found.verdict) == ("noninferiority", "supported")


def test_being_no_worse_than_nothing_does_not_show_that_results_last(tmp_path):
    own = Own(tmp_path, "results-last")
    for n in (300, 400, 500):
        own.add("smd", mean(3, 1, n), mean(3, 1, n))
    found = own.finding()
    assert found.verdict == "not testable"
    assert "no earlier visit is compared" in found.reason
    assert "end of treatment" not in found.wording


def test_severity_may_matter_in_either_direction(tmp_path):
    own = Own(tmp_path, "severity-matters")
    for n in range(100, 220, 20):
        own.add("risk_difference", events(n // 20, n), events(n // 2, n), other="needling")
    found = own.finding()
    assert (found.rule, found.verdict) == ("difference", "supported")


@pytest.mark.parametrize(
    ("claim", "measure", "words"),
    [
        ("topical-absorption", "smd", "sign of uptake"),
        ("more-sessions", "smc", "cannot be told apart"),
        ("short-downtime", "mean", "days of side effects"),
        ("gentler-than-laser", "risk_difference", "adverse event counted"),
    ],
)
def test_the_words_are_those_of_the_published_figure(claim, measure, words):
    table = mn.evidence_table(claim).query("decides")
    assert table["measure"].tolist() == [measure]
    assert words in mn.evidence(claim)[0].wording


@pytest.mark.parametrize(
    ("claim", "measure", "figures", "side", "rule"),
    [
        ("rare-pih", "proportion", events(30, 30), HIGHER, "treated_better_if_lower for a"),
        ("treats-wrinkles", "mean", mean(-2, 1, 30, "mean_change"), LOWER, "better_if_higher"),
        ("comparable-to-laser", "proportion", events(29, 30), HIGHER, "where primary is yes for"),
        ("severity-matters", "proportion", events(29, 30), HIGHER, "where primary is yes for"),
    ],
)
def test_one_group_that_would_be_read_wrongly_is_a_problem(
    tmp_path, claim, measure, figures, side, rule
):
    found = Own(tmp_path, claim).add(measure, figures, side=side, design="single_arm").rules()
    assert any(rule in said for said in found)


def test_a_comparison_with_a_control_is_no_rate(tmp_path):
    found = Own(tmp_path / "a", "rare-pih").add(
        "risk_difference", events(0, 300), events(60, 300), side=LOWER, other="laser"
    )
    assert "proportion where primary is yes for rare-pih" in found.rules()


@pytest.mark.parametrize(
    ("claim", "other"),
    [("reduces-scarring", "laser"), ("comparable-to-laser", "peel"), ("topical-adjunct", "peel")],
)
def test_the_reference_has_to_be_what_the_claim_speaks_of(tmp_path, claim, other):
    own = Own(tmp_path, claim).add("smd", mean(3, 1, 30), mean(2, 1, 30), other=other)
    assert any(said.startswith("an arm with") for said in own.rules())


@pytest.mark.parametrize(
    ("measure", "treated", "reference", "design", "rule"),
    [
        ("smd", mean(3, 0, 30), mean(2, 1, 30), "rct_parallel", "smd needs an sd above 0"),
        ("md", mean(3, 1, 1), mean(2, 1, 30), "rct_parallel", "md needs n of 2 or more"),
        ("smd", mean(3, 1, 2), mean(2, 1, 2), "rct_split_body", "smd needs n of 3 or more"),
        ("odds_ratio", events(3, 30), events(2, 29), "rct_split_body", "the same n on both"),
        ("risk_difference", events(0, 30), events(0, 29), "rct_split_body", "the same n on both"),
    ],
)
def test_figures_without_an_effect_are_problems(
    tmp_path, measure, treated, reference, design, rule
):
    own = Own(tmp_path, "gentler-than-laser")
    own.add(measure, treated, reference, design=design, other="laser", side=LOWER)
    assert any(rule in said for said in own.rules())


@pytest.mark.parametrize("measure", ["odds_ratio", "risk_difference"])
def test_no_event_in_either_arm_settles_nothing(tmp_path, measure):
    own = Own(tmp_path, "gentler-than-laser")
    for n in (20, 25, 30):
        own.add(measure, events(0, n), events(0, n), side=LOWER, other="laser")
    assert own.finding().verdict == "inconclusive"


def test_asymmetry_over_twelve_studies_caps_a_claim(tmp_path):
    own = Own(tmp_path, "reduces-scarring")
    for i in range(12):
        n = 20 + 20 * i
        own.add("smd", mean(round(4 + 12 / n + 0.01 * (i % 3), 2), 1, n), mean(3, 1, n))
    found = own.finding()
    assert found.verdict == "partly supported"
    assert "small studies differ from large ones" in found.reason


def test_an_improvement_without_control_is_never_supported(tmp_path):
    own = Own(tmp_path, "reduces-scarring")
    for n in range(100, 112):
        own.add("proportion", events(n - 1, n), design="single_arm", endpoint="response_50")
    found = own.finding()
    assert (found.verdict, found.certainty) == ("partly supported", "very low")
    assert "no comparison group" in found.reason


def test_everything_runs_on_one_study_without_directions(tmp_path):
    own = Own(tmp_path, "reduces-scarring").add("smd", mean(3, 1, 30), mean(2, 1, 30))
    own.tables = {n: own.tables[n] for n in ("studies", "arms", "outcomes", "contrasts")}
    for name, table in own.tables.items():
        own.tables[name] = table[table["study_id"].str.startswith("own")].assign(extra="é")
    for path in own.folder.glob("*.csv"):
        path.unlink()
    folder = own.write()
    published = load_published(folder)
    assert mn.evidence_table(data=folder)["k"].max() == 1
    assert mn.doubts(published).empty
    assert mn.between_studies(published).empty
    assert len(mn.evidence("reduces-scarring", data=folder)) == 1
