"""No patient of a real cohort is ever shown, and no count of 1 to 4 can be read off.

The first half looks for planted ids and values in everything that is shown. The second shows that
what is shown is the same whether 1, 2, 3 or 4 people are behind it: then nobody can tell.
"""

import contextlib
import io
import math
import re
import traceback
from dataclasses import replace

import canary
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

import mnstudy as mn
from mnstudy import cli
from mnstudy.disclosure import guarded_finding, shown_size
from mnstudy.disclosure.small_counts import withheld
from mnstudy.disclosure.tables import guarded_sensitivity
from mnstudy.errors import DataError
from mnstudy.reporting import words as captions
from mnstudy.reporting.notebooks import run as runner
from mnstudy.reporting.notebooks import show
from mnstudy.reporting.run import numbers as tables
from mnstudy.reporting.run.origin import shipped_notebooks
from mnstudy.reporting.run.scrub import leaks, scrub, shown
from mnstudy.stats.counts.proportions import proportion
from mnstudy.verdicts.finding.finding import Finding, Part
from mnstudy.verdicts.findings import Findings

ASKED = [
    "reduces-scarring", "treats-acne-scars", "scar-type-matters", "satisfies-patients",
    "gentler-than-laser", "little-pain", "rare-infection", "rare-bruising", "rare-pih",
    "weeks-to-results", "deeper-needling", "home-riskier",
]  # fmt: skip
FEW = ["rare-infection", "rare-bruising", "rare-pih"]
NUMBER = re.compile(r"\d+\.\d{3,}")


@pytest.fixture(scope="module")
def sheet():
    return canary.sheet()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return canary.write(tmp_path_factory.mktemp("canary"))


@pytest.fixture(scope="module")
def cohort(study):
    return mn.load(study)


@pytest.fixture(scope="module")
def findings(cohort):
    return mn.evaluate(cohort, ASKED)


def exact_values(sheet):
    """Return the marked values as they would be printed, to nine digits."""
    known = pd.concat([sheet[c] for c in canary.EXACT]).dropna()
    return {f"{x:.9g}" for x in known if x != round(x, 1)}


def assert_no_patient(text, sheet, *, where=""):
    assert "QZX-7F3A" not in text.upper(), where
    numbers = {f"{float(x):.9g}" for x in NUMBER.findall(text)}
    assert not numbers & exact_values(sheet), where


# No patient, anywhere


def texts_of(thing):
    html = thing._repr_html_() if hasattr(thing, "_repr_html_") else ""
    return [repr(thing), str(thing), html or ""]


def everything_shown(cohort, findings):
    """Yield all that a notebook would show."""
    yield from (show.about(cohort), *map(guarded_finding, findings), cohort, findings, *findings)
    yield from (show.results_table(findings), show.cautions(findings), show.claims_table(ASKED))
    yield from (show.table_one_to_read(cohort), show.table_one_to_read(cohort, by="arm"))
    yield from (show.flow_to_read(cohort), show.lost_to_read(cohort), show.missing_to_read(cohort))
    yield show.sensitivity_table(findings, ["margins", "clinics", "scar types"])
    yield show.each_choice(findings[-4:], ["clinics", "scar types", "missing"])
    yield from (captions.caption(f) for f in findings)
    yield from (captions.figure_data(f).to_csv() for f in findings)
    yield tables.results_frame([findings]).to_csv()
    yield tables.parts_frame([findings]).to_csv()


def test_what_a_notebook_shows_holds_no_patient(cohort, findings, sheet):
    for thing in everything_shown(cohort, findings):
        for text in texts_of(thing):
            assert_no_patient(text, sheet, where=type(thing))


def test_figures_hold_no_patient(findings, sheet):
    for name in ("reduces-scarring", "rare-pih", "gentler-than-laser"):
        drawn = io.BytesIO()
        mn.plot(findings[name]).savefig(drawn, format="svg")
        assert_no_patient(drawn.getvalue().decode(), sheet, where=name)


def test_the_command_line_prints_no_patient(study, sheet, capsys):
    for command in (["validate"], ["claims"], ["plan"]):
        assert cli.main([*command, str(study)]) == 0
    assert cli.main(["evaluate", str(study), "--claims", "rare-pih", "little-pain"]) == 0
    assert cli.main(["evaluate", str(study), "--claims", "no-such-claim"]) == 2
    printed = capsys.readouterr()
    assert_no_patient(printed.out + printed.err, sheet)


def test_errors_repeat_the_cell_to_mend_and_no_other(sheet, tmp_path, capsys):
    wrong = sheet.copy()
    wrong.loc[5, "session_count"] = 999
    wrong.to_csv(tmp_path / "narben.csv", index=False)
    assert cli.main(["validate", str(tmp_path / "narben.csv")]) == 2
    printed = capsys.readouterr().err
    assert "999" in printed
    assert_no_patient(printed, sheet)
    with pytest.raises(DataError) as error:
        mn.load(tmp_path / "narben.csv")
    assert_no_patient("".join(traceback.format_exception(error.value)), sheet)


def test_a_failure_inside_prints_no_row(cohort, sheet, monkeypatch):
    monkeypatch.setattr("mnstudy.verdicts.evaluate.finding_for", lambda *a, **k: 1 / 0)
    with contextlib.suppress(AttributeError), pytest.raises(ZeroDivisionError) as error:
        mn.evaluate(cohort, "rare-worsening")
    assert_no_patient("".join(traceback.format_exception(error.value)), sheet)


def test_attributes_stay_exact_for_the_work_of_the_researcher(findings):
    exact = findings["rare-pih"]
    assert exact.estimate.value == pytest.approx(100 * 3 / exact.n_patients)
    assert exact.to_frame().loc[0, "estimate"] == exact.estimate.value
    assert findings.to_frame().set_index("claim").loc["rare-pih", "n_patients"] == exact.n_patients


@pytest.fixture(scope="module")
def report(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "out"
    mn.report(cohort, out=folder, claims=["rare-pih", "little-pain"], formats=("svg",), n_jobs=1)
    return folder


def test_a_report_holds_no_patient(report, cohort, sheet):
    assert leaks(report, [cohort]) == []
    for path in (p for p in report.rglob("*") if p.is_file()):
        for text in shown(path, path.name):
            assert_no_patient(text.text, sheet, where=text.place)


def test_a_planted_patient_stops_the_report(report, cohort):
    page = report / "index.html"
    kept = page.read_text(encoding="utf-8")
    try:
        page.write_text(kept.replace("</h1>", " QZX-7F3A-007</h1>", 1), encoding="utf-8")
        with pytest.raises(DataError, match=r"index\.html"):
            scrub(report, [cohort])
    finally:
        page.write_text(kept, encoding="utf-8")


def test_a_report_withholds_what_few_had(report, cohort, findings):
    data = pd.read_csv(report / "results.csv").set_index(["claim", "dataset"])
    row = data.loc["rare-pih", cohort.name]
    assert math.isnan(float(row["estimate"]))
    assert math.isnan(float(row["p_value"]))
    text = "".join(t.text for p in report.rglob("*") if p.is_file() for t in shown(p, p.name))
    assert "3 of 85 patients" not in text
    exact = findings["rare-pih"].estimate
    for number in (exact.value, exact.ci_low, exact.ci_high, exact.p_value):
        assert f"{number:.12g}"[:8] not in text


def test_a_report_withholds_the_size_that_tells_of_a_few(report, findings):
    n = findings["little-pain"].n_patients
    for name in ("results", "parts", "sensitivity", "specifications"):
        table = pd.read_csv(report / f"{name}.csv", dtype="str")
        own = table[(table["claim"] == "little-pain") & table["dataset"].str.startswith("canary")]
        column = "n" if name == "parts" else "n_patients"
        assert str(n) not in set(own[column].str.removesuffix(".0")), name


@pytest.mark.parametrize("name", ["06_safety"])
def test_notebooks_hold_no_patient(name, study, cohort, sheet, tmp_path):
    path = next(p for p in shipped_notebooks() if p.stem == name)
    notebook = runner.run(path, {"dataset": str(study)})
    (tmp_path / f"{name}.ipynb").write_text(runner.text_of(notebook), encoding="utf-8")
    assert leaks(tmp_path, [cohort]) == []
    assert_no_patient((tmp_path / f"{name}.ipynb").read_text(encoding="utf-8"), sheet)


@pytest.mark.slow
@pytest.mark.parametrize("path", shipped_notebooks(), ids=lambda p: p.stem)
def test_every_notebook_holds_no_patient(path, study, cohort, sheet, tmp_path):
    notebook = runner.run(path, {"dataset": str(study)})
    (tmp_path / path.name).write_text(runner.text_of(notebook), encoding="utf-8")
    assert leaks(tmp_path, [cohort]) == []
    assert_no_patient((tmp_path / path.name).read_text(encoding="utf-8"), sheet)


@pytest.mark.slow
def test_the_whole_report_with_notebooks_holds_no_patient(cohort, sheet, tmp_path):
    mn.report(cohort, out=tmp_path / "out", notebooks=True)
    assert leaks(tmp_path / "out", [cohort]) == []
    for path in (p for p in (tmp_path / "out").rglob("*") if p.is_file()):
        for text in shown(path, path.name):
            assert_no_patient(text.text, sheet, where=text.place)


# 1, 2, 3 or 4: what is shown is the same


def one_row(n, **more):
    """One needled patient a row, the event of none."""
    data = {
        "patient_id": [f"QZX-{i:03}" for i in range(n)],
        "scar_type": "acne_rolling",
        "needle_depth_mm": 1.5,
        "session_count": 3,
        "improvement_score": 20.0 + np.arange(n) % 7,
        "treatment": "needling",
        "pih": False,
    }
    return pd.DataFrame(data | more)


def asked(data, claim, **study):
    cohort = mn.load(data, study={"design": "single_arm", "synthetic": False} | study)
    return cohort, mn.evaluate(cohort, claim)


def without_verdict(found, cohort):
    """Return all that is shown of a finding but the verdict, which the policy keeps."""
    finding = found[0]
    plain = replace(found[0], verdict="inconclusive", reasons=(), sha256="")
    rows = guarded_sensitivity(finding, found.checked(["margins", "missing"]))
    return (
        repr(guarded_finding(plain)),
        tables.results_frame([[plain]]).to_csv(),
        tables.parts_frame([[plain]]).to_csv(),
        captions.figure_data(plain).drop(columns="label").to_csv(),
        captions.caption(plain),
        rows.drop(columns=["verdict", "reason"]).to_csv(),
        rows.loc[rows["check"] == "margins", ["margin", "verdict"]].to_csv(),
        repr(show.about(cohort)),
    )


def same(first, second):
    for a, b in zip(first, second, strict=True):
        fingerprint = re.compile(r"[0-9a-f]{8,64}…?")
        assert fingerprint.sub("", a) == fingerprint.sub("", b)


@pytest.mark.parametrize("n", [9, 40, 212])
@pytest.mark.parametrize("nearly_all", [False, True])
def test_one_to_four_events_look_the_same(n, nearly_all):
    looks = []
    for k in (1, 2, 3, 4):
        had = np.arange(n) < k
        cohort, found = asked(one_row(n, pih=~had if nearly_all else had), "rare-pih")
        looks.append(without_verdict(found, cohort))
    for look in looks[1:]:
        same(looks[0], look)


def test_five_events_and_none_are_shown():
    for k, value in ((0, 0.0), (5, 12.5)):
        _, found = asked(one_row(40, pih=np.arange(40) < k), "rare-pih")
        assert guarded_finding(found[0]) == replace(
            found[0], remarks=guarded_finding(found[0]).remarks
        )
        assert found[0].estimate.value == value
        assert f"{k} of 40 patients" in repr(found) + repr(found[0])


def test_what_can_be_said_is_the_limit_that_four_would_give():
    _, found = asked(one_row(212, pih=np.arange(212) < 2), "rare-pih")
    kept = guarded_finding(found[0]).estimate
    four = 100 * proportion(4, 212).ci_high
    assert math.isnan(kept.value)
    assert math.isnan(kept.p_value)
    assert (kept.ci_low, kept.ci_high) == (0.0, pytest.approx(four, rel=1e-12))
    assert f"fewer than 5 of 212 patients: at most {four:.1f} percent" in repr(
        guarded_finding(found[0])
    )
    assert (
        f"at most {four:.1f} percent" in Findings(list(map(guarded_finding, found)))._repr_html_()
    )
    _, found = asked(one_row(212, pih=np.arange(212) >= 2), "rare-pih")
    kept = guarded_finding(found[0]).estimate
    least = 100 * proportion(208, 212).ci_low
    assert (kept.ci_low, kept.ci_high) == (pytest.approx(least, rel=1e-12), 100.0)


@pytest.mark.parametrize("reference", [0, 9])
def test_differences_of_rates_look_the_same(reference):
    looks = []
    for k in (1, 2, 3, 4):
        arms = {"treatment": ["needling"] * 40 + ["laser"] * 40}
        had = np.r_[np.arange(40) < k, np.arange(40) < reference]
        depth = [1.5] * 40 + [0.0] * 40
        data = one_row(80, pih=had, needle_depth_mm=depth, **arms)
        cohort, found = asked(data, "gentler-than-laser", design="parallel", randomised=True)
        looks.append(without_verdict(found, cohort)[:5])
    for look in looks[1:]:
        same(looks[0], look)


@pytest.mark.parametrize("arms", [False, True])
def test_one_to_four_left_out_look_the_same(arms):
    """The size of an analysis, taken from the cohort, would tell how many had no value."""
    looks = []
    for k in (1, 2, 3, 4):
        data = one_row(60, pain_score=[4.0] * 30 + [5.0] * 30)
        data.loc[data.index[:k], "pain_score"] = np.nan
        if arms:
            others = one_row(20, treatment="untreated", needle_depth_mm=0.0, pain_score=np.nan)
            others["patient_id"] = [f"QZY-{i:03}" for i in range(20)]
            data = pd.concat([data, others], ignore_index=True)
        _, found = asked(data, "little-pain")
        row = tables.results_frame([found]).loc[0, ["n_patients", "n_sites", "n_missing", "df"]]
        notes = [n for n in guarded_finding(found[0]).notes if "measured" in n]
        looks.append([shown_size(found[0]), str(row.tolist()), str(notes)])
    assert looks[1:] == looks[:1] * 3
    assert ">55" in looks[0][0]


def test_small_groups_are_not_the_rest_of_a_total():
    """12 and 40 of 55 leave 3: the size of the 12 goes as well."""
    claim = mn.claim("reduces-scarring")
    parts = [
        Part(kind="level", label=label, value=20.0, ci_low=10.0, ci_high=30.0, n=n)
        for label, n in (("burn", 3), ("boxcar", 12), ("rolling", 40))
    ]
    finding = Finding(
        claim=claim, dataset="x", synthetic=False, verdict="inconclusive",
        rule=claim.rule, margin=10.0, n_patients=55, parts=tuple(parts),
    )  # fmt: skip
    kept = {p.label: p for p in guarded_finding(finding).parts}
    assert math.isnan(kept["burn"].value)
    assert (kept["boxcar"].n, kept["rolling"].n) == (None, 40)
    assert kept["boxcar"].value == 20.0


def what_a_reader_can_work_out(table, marks):
    """Return the least and the most that each cell marked ``<5`` can be, totals last."""
    rows, columns = table.shape
    places = np.arange(table.size).reshape(rows, columns)
    known, small = marks.eq("").to_numpy(), marks.eq("<5").to_numpy()
    low = np.where(known, table, np.where(small, 1, 5)).ravel()
    high = np.where(known, table, np.where(small, 4, table.to_numpy().sum())).ravel()
    sums = np.zeros((rows + columns, table.size))
    for weights, line in zip(sums, [*places, *places.T], strict=True):
        weights[line[:-1]], weights[line[-1]] = 1, -1
    for i, j in np.argwhere(small):
        wanted = np.zeros(table.size)
        wanted[places[i, j]] = 1
        yield [
            sign
            * milp(
                sign * wanted,
                constraints=LinearConstraint(sums, 0, 0),
                bounds=Bounds(low, high),
                integrality=np.ones(table.size),
            ).fun
            for sign in (1, -1)
        ]


@pytest.mark.parametrize("seed", range(25))
def test_no_small_cell_of_a_table_follows_from_all_its_totals(seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 5)), int(rng.integers(2, 5)))
    table = pd.DataFrame(rng.choice([0, 1, 2, 3, 4, 5, 6, 9, 14, 30], size=shape))
    table["all"] = table.sum(axis=1)
    table.loc["all"] = table.sum()
    marks = withheld(table)
    assert marks.eq("<5").to_numpy().tolist() == table.isin([1, 2, 3, 4]).to_numpy().tolist()
    assert all(
        round(least) < round(most) for least, most in what_a_reader_can_work_out(table, marks)
    )
