"""What ``mnstudy diff`` says of two reports."""

import dataclasses
import json

import pytest

import mnstudy as mn
from mnstudy import cli
from mnstudy.errors import DataError
from mnstudy.reporting.run.difference import difference
from mnstudy.reporting.run.folder import write_manifest
from mnstudy.reporting.run.numbers import results_frame
from mnstudy.reporting.tables.write import write_csv
from mnstudy.words.notes import as_given

VERSIONS = {"python": "3.11.7", "numpy": "2.4.6"}
DATA = [{"name": "trial", "sha256": "a" * 64, "synthetic": True}]


@pytest.fixture(scope="module")
def findings():
    cohort = mn.load("demo_split_face")
    return list(mn.evaluate(cohort, ["topical-adjunct", "little-pain", "more-sessions"]))


@pytest.fixture
def report(tmp_path):
    def written(name, findings, *, versions=VERSIONS, data=DATA, program="p"):
        folder = tmp_path / name
        folder.mkdir()
        write_csv(results_frame([findings]), folder / "results.csv")
        about = {"versions": versions, "data": data, "register_sha256": "r", "program": program}
        write_manifest(folder, about)
        return folder

    return written


def with_estimate(finding, **changes):
    estimate = dataclasses.replace(finding.estimate, **changes)
    return dataclasses.replace(finding, estimate=estimate)


def test_the_same_report_differs_in_nothing(report, findings, capsys):
    old, new = report("old", findings), report("new", findings)
    found = difference(old, new)
    assert found.changes == ()
    assert str(found) == "3 findings in both, 3 as before\nmade from: the same"
    assert cli.main(["diff", str(old), str(new)]) == 0
    assert capsys.readouterr().out.startswith("3 findings in both, 3 as before")


def test_another_verdict_comes_first_with_its_reason_and_its_cause(report, findings, capsys):
    first, second, third = findings
    new = [
        with_estimate(first, value=first.estimate.value + 0.001),
        dataclasses.replace(
            second, verdict="inconclusive", reasons=(as_given("too wide"),), margin=4.0
        ),
        third,
    ]
    folders = report("old", findings), report("new", new)
    found = difference(*folders)
    assert [c.what for c in found.changes] == ["verdict", "estimate"]
    verdict, estimate = found.changes
    assert verdict.lines[0] == "was contradicted, now inconclusive: too wide"
    assert verdict.lines[1].startswith("compared with a margin of 4 points of 10, before 3")
    assert verdict.lines[-1] == "why: another margin"
    assert estimate.lines[0].endswith(", as before")
    assert "moved by 0.001, less than a hundredth of the margin" in estimate.lines[1]
    assert estimate.lines[-1] == "why: same data: other code or other versions"
    assert cli.main(["diff", *map(str, folders)]) == 1
    assert "1 with another verdict, 1 with other numbers" in capsys.readouterr().out


def test_small_moves_are_shown_with_the_digits_that_tell_them_apart(report, findings):
    moved = with_estimate(findings[0], ci_low=findings[0].estimate.ci_low + 3e-5)
    found = difference(report("old", findings), report("new", [moved, *findings[1:]]))
    then, now = found.changes[0].lines[1].split(", now ")
    assert then != now.removesuffix(f" {moved.claim.unit}")


def test_rounding_of_another_machine_is_no_difference(report, findings):
    new = [with_estimate(f, value=f.estimate.value * (1 + 1e-13)) for f in findings]
    assert difference(report("old", findings), report("new", new)).changes == ()


def test_other_data_plan_code_and_versions_are_named(report, findings):
    data = [{**DATA[0], "sha256": "b" * 64}, {"name": "more", "sha256": "c", "synthetic": False}]
    new = [
        dataclasses.replace(f, sha256="b" * 64, plan_sha256="x", n_patients=f.n_patients + 1)
        for f in findings
    ]
    versions = {"python": "3.12.1", "scipy": "1.17"}
    folders = (
        report("old", findings),
        report("new", new, data=data, versions=versions, program="q"),
    )
    found = difference(*folders)
    assert found.causes == (
        "other data of trial (SHA-256 bbbbbbbbbbbb…, before aaaaaaaaaaaa…)",
        "more is new",
        "other code",
        "numpy absent, before 2.4.6",
        "python 3.12.1, before 3.11.7",
        "scipy 1.17, before absent",
        "another plan of demo_split_face",
    )
    assert {c.lines[-1] for c in found.changes} == {"why: other data; another plan"}
    assert {c.what for c in found.changes} == {"size"}


def test_claims_that_come_and_go_are_listed(report, findings):
    found = difference(report("old", findings[:2]), report("new", findings[1:]))
    assert [(c.claim, c.what) for c in found.changes] == [
        (findings[2].claim.id, "new"), (findings[0].claim.id, "gone")
    ]  # fmt: skip
    assert found.summary == (
        "1 finding in both, 1 as before, 1 only in the new one, 1 only in the old one"
    )


def test_a_claim_that_can_be_tested_now_says_so(report, findings):
    untested = dataclasses.replace(
        findings[0],
        estimate=None,
        verdict="not testable",
        reasons=(as_given("no column"),),
        n_patients=0,
    )
    found = difference(report("old", [untested]), report("new", findings[:1]))
    assert found.changes[0].lines[0].startswith("was not testable, now supported")
    assert found.changes[0].lines[1].startswith("no estimate, now ")


@pytest.mark.parametrize("content", [None, "{}", "[]", "no json"])
def test_a_folder_without_a_report_is_named(tmp_path, report, findings, content, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    if content is not None:
        (empty / "manifest.json").write_text(content)
        write_csv(results_frame([findings]), empty / "results.csv")
    good = report("good", findings)
    with pytest.raises(DataError, match="empty holds no report"):
        difference(good, empty)
    assert cli.main(["diff", str(empty), str(good)]) == 2
    assert "holds no report" in capsys.readouterr().err


def test_an_older_report_without_a_program_is_compared_too(report, findings):
    old, new = report("old", findings), report("new", findings)
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["program"]
    (old / "manifest.json").write_text(json.dumps(manifest))
    assert difference(old, new).causes == ("other code",)
