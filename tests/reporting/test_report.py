"""The page and the folder of a report."""

import errno
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_bodies import bodies, body, quiet
from made_findings import untestable
from outline import Outline
from written_pages import pages

import mnstudy as mn
from mnstudy import cli
from mnstudy.reporting import report as module
from mnstudy.reporting.run import folder as place
from mnstudy.reporting.run import origin
from mnstudy.reporting.run.processes import workers
from mnstudy.reporting.run.sources import cohort_source, with_unique_keys
from mnstudy.reporting.tables.printed_table import slug
from mnstudy.verdicts.findings import Findings


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    module.write_report(bodies(), folder, progress=quiet)
    place.write_manifest(folder, {})
    return folder


@pytest.fixture(scope="module")
def page(written):
    return (written / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def claims(written):
    """Return the pages of the claims by id."""
    found = pages(written)
    return {Path(name).stem: found[name] for name in list(found)[1:]}


@pytest.fixture
def shipped(monkeypatch):
    monkeypatch.setattr(module, "collect_evidence", lambda cohorts, progress, **asked: bodies()[1:])


def test_every_page_is_well_formed_and_in_order(page, claims):
    assert len(claims) > 4
    for one in (page, *claims.values()):
        outline = Outline(one)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        assert outline.levels[0] == 1
        assert outline.levels.count(1) == 1
        steps = zip(outline.levels, outline.levels[1:], strict=False)
        assert all(after - before <= 1 for before, after in steps)
        assert all("scope" in head for head in outline.heads)
        assert one.lstrip().startswith("<!doctype html>\n<html lang=")


def test_every_link_on_every_page_leads_somewhere(page, claims, written):
    ids = {"index": set(Outline(page).ids)}
    ids |= {name: set(Outline(one).ids) for name, one in claims.items()}
    for name, one in {"index": page, **claims}.items():
        here = written if name == "index" else written / "claims"
        for target in set(re.findall(r'href="([^"]+)"', one)):
            path, _, anchor = target.partition("#")
            assert not path or (here / path).is_file(), target
            assert not anchor or anchor in ids[Path(path).stem if path else name], target


def test_pictures_lie_beside_the_pages_and_are_described(page, claims, written):
    images = [
        (written / "claims", image) for one in claims.values() for image in Outline(one).images
    ]
    assert len(images) == 5
    images += [(written, image) for image in Outline(page).images]
    assert len(images) == 6  # the last is that of the certificate
    for here, image in images:
        assert "<svg" in (here / image["src"]).read_text(encoding="utf-8")
        assert (here / image["src"].replace(".svg", ".column.svg")).is_file()
        assert len(image["alt"]) > 40
    for one in (page, *claims.values()):
        assert "http" not in re.sub(r'href="https://doi\.org/[^"]+"', "", one)
    assert re.findall(r"<(script|style)[^>]*>", page) == ["style", "script"]
    assert re.findall(r"<(script|style)[^>]*>", claims["little-pain"]) == ["style"]


def test_names_from_data_are_escaped(page):
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert "depth is &lt;b&gt;not&lt;/b&gt; known" in page


def test_synthetic_data_are_marked_wherever_they_stand(page, claims):
    assert "Synthetic data are invented" in page
    assert re.search(r'<td class="found synthetic">.{0,2000}supported', page, re.S)
    card = '<section class="card synthetic" aria-labelledby="more-sessions-demo">'
    assert card in claims["more-sessions"]


def test_small_counts_of_an_internal_report_are_on_the_page(claims):
    assert any("3 sites without a known outcome left out" in one for one in claims.values())
    assert not any("&lt;5 sites" in one for one in claims.values())


def test_an_open_question_is_not_put_as_an_answer(claims):
    pain = claims["little-pain"].split('<h3 id="little-pain-clinic">')[1]
    assert "these data speak against the claim" in pain.split("</section>")[0]
    assert "".join(claims.values()).count("WORDING of this claim") == 3


def test_the_pages_say_method_margin_reason_versions_and_hashes(page, claims):
    for text in (
        "mixed model, random intercept per patient (3 claims)",
        "the data have no column maintenance",
        mn.__version__,
        "ab" * 32,
        origin.register_sha256(),
    ):
        assert text in page
    assert "the effect must exceed 10 points (convention:" in "".join(claims.values())
    places = [page.index(f'<h2 id="{key}">') for key in ("scorecard", "methods", "versions")]
    assert places == sorted(places)
    assert "ab" * 32 not in page[: places[2]]


def test_the_first_page_is_small(written):
    assert (written / "index.html").stat().st_size < 1_500_000


def test_the_manifest_lists_every_file_with_its_hash(written):
    manifest = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    files = {p.relative_to(written).as_posix() for p in written.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert {"results.csv", "parts.csv", "checklist.csv"} <= files
    for ending in ("svg", "png", "pdf", "csv"):
        assert {f"scorecard.{ending}", f"figures/demo/more-sessions.{ending}"} <= files
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256((written / name).read_bytes()).hexdigest() == sha256


def test_two_runs_give_the_same_bytes_also_side_by_side(written, tmp_path):
    with workers(2) as some:
        module.write_report(bodies(), tmp_path, progress=quiet, workers=some)
    place.write_manifest(tmp_path, {})
    first = {p.relative_to(written): p.read_bytes() for p in written.rglob("*") if p.is_file()}
    again = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first == again


def test_a_report_replaces_the_older_one_and_keeps_what_is_not_its_own(shipped, tmp_path):
    out = mn.report(out=tmp_path / "report", formats=["svg"])
    assert out == tmp_path / "report"
    (out / "my notes.txt").write_text("mine", encoding="utf-8")
    (out / "figures" / "trials" / "treats-acne-scars.csv").write_text("touched", encoding="utf-8")
    mn.report(out=out, formats=["svg"])
    assert (out / "my notes.txt").read_text(encoding="utf-8") == "mine"
    assert "touched" not in (out / "figures" / "trials" / "treats-acne-scars.csv").read_text()
    assert not list(out.glob("figures/*/*.png"))
    assert (out / "scorecard.png").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_stop_half_way_leaves_the_old_report_whole(shipped, tmp_path, monkeypatch, error):
    out = mn.report(out=tmp_path / "report", formats=["svg"])
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def fail(*args, **more):
        raise error("half way")

    monkeypatch.setattr(module, "results_frame", fail)
    with pytest.raises(error):
        mn.report(out=out, formats=["svg"], reuse=False)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; what was"),
        (ChildProcessError("a process has ended: run it again"), "a process has ended: run it"),
    ],
)
def test_the_command_line_says_why_it_stopped_and_leaves_the_old_report_whole(
    shipped, tmp_path, monkeypatch, capsys, error, said
):
    out = tmp_path / "report"
    command = ["report", "--no-notebooks", "--formats", "svg", "--out", str(out)]
    assert cli.main(command) == 0
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def fail(*args, **more):
        raise error

    monkeypatch.setattr(module, "write_manifest", fail)
    assert cli.main([*command, "--fresh"]) == 2
    assert capsys.readouterr().err.startswith(said)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_a_report_caught_between_the_two_moves_is_found_again(tmp_path):
    (tmp_path / ".report.previous").mkdir()
    place.write_manifest(tmp_path / ".report.previous", {})
    assert place.check_target(tmp_path / "report").is_dir()


@pytest.mark.parametrize("manifest", [None, "{}", "[]", "not json", '{"made_by": "somebody"}'])
def test_a_folder_that_is_no_report_is_not_overwritten(shipped, tmp_path, manifest):
    (tmp_path / "thesis.docx").write_text("years of work", encoding="utf-8")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    with pytest.raises(ValueError, match="nothing was overwritten"):
        mn.report(out=tmp_path)
    assert (tmp_path / "thesis.docx").read_text(encoding="utf-8") == "years of work"


def test_a_report_made_from_the_same_is_not_made_again(shipped, tmp_path, monkeypatch):
    out = mn.report(out=tmp_path / "report", formats=["svg"])
    before = (out / "index.html").stat().st_mtime_ns
    stages = []
    mn.report(out=out, formats=["svg"], progress=lambda stage, *_: stages.append(stage))
    assert stages[-1] == "nothing changed"
    assert (out / "index.html").stat().st_mtime_ns == before
    mn.report(out=out, formats=["svg"], reuse=False)
    assert (out / "index.html").stat().st_mtime_ns != before


@pytest.mark.parametrize(
    "change",
    [{"formats": ["svg", "pdf"]}, {"profile": "jama"}, {"touched": "index.html"}],
)
def test_a_report_asked_for_otherwise_or_touched_is_made_again(shipped, tmp_path, change):
    out = mn.report(out=tmp_path / "report", formats=["svg"])
    before = (out / "results.csv").stat().st_ino
    if "touched" in change:
        (out / change.pop("touched")).write_text("touched", encoding="utf-8")
    mn.report(out=out, **({"formats": ["svg"]} | change))
    assert (out / "results.csv").stat().st_ino != before
    assert (out / "index.html").read_text(encoding="utf-8") != "touched"


def test_without_a_folder_to_keep_results_in_a_report_is_made_and_it_is_said(
    shipped, tmp_path, monkeypatch, capsys
):
    (tmp_path / "cache").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = mn.report(out=tmp_path / "report", formats=["svg"])
    assert place.holds(out)
    assert capsys.readouterr().err.count("nothing is kept for the next run\n") == 1


def test_a_report_of_few_claims_does_not_replace_one_of_all(shipped, tmp_path):
    out = mn.report(out=tmp_path / "report", formats=["svg"])
    with pytest.raises(ValueError, match="report of all claims: name another folder"):
        mn.report(out=out, claims="little-pain", formats=["svg"])
    few = mn.report(out=tmp_path / "few", claims=["rare-pih", "little-pain"], formats=["svg"])
    manifest = json.loads((few / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["claims"] == ["little-pain", "rare-pih"]  # as in the register
    with pytest.raises(ValueError, match="2 claims: name another folder"):
        mn.report(out=few, claims="little-pain", formats=["svg"])
    mn.report(out=few, formats=["svg"])  # more claims may


def test_what_cannot_be_asked_of_a_report_is_said_before_any_work(tmp_path):
    with pytest.raises(KeyError, match="did you mean more-sessions"):
        mn.report(out=tmp_path / "r", claims="more-session")
    with pytest.raises(ValueError, match="no format jpg: choose from svg, png, pdf"):
        mn.report(out=tmp_path / "r", formats=["jpg"])
    with pytest.raises(ValueError, match="no claim was asked"):
        mn.report(out=tmp_path / "r", claims=[])
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_overwritten(shipped, tmp_path):
    (tmp_path / "report").write_text("a file", encoding="utf-8")
    with pytest.raises(ValueError, match="is a file"):
        mn.report(out=tmp_path / "report")


def test_progress_runs_from_nought_to_all_in_every_stage(shipped, tmp_path):
    seen = {}
    mn.report(
        out=tmp_path / "report", formats=["svg"],
        progress=lambda stage, done, total: seen.setdefault(stage, []).append((done, total)),
    )  # fmt: skip
    assert list(seen) == ["data", "figures", "tables and page"]
    for steps in seen.values():
        assert [d for d, _ in steps] == sorted(d for d, _ in steps)
        assert steps[-1][0] == steps[-1][1]


def test_no_patient_is_in_any_output(clinic, tmp_path):
    findings = mn.evaluate(clinic, claims=["reduces-scarring", "rare-pih", "more-sessions"])
    module.write_report(
        [cohort_source(clinic, findings)], tmp_path, formats=["svg"], progress=quiet
    )
    ids = re.compile("|".join(map(re.escape, clinic.data["patient_id"].unique())))
    texts = [p for p in tmp_path.rglob("*") if p.suffix in (".html", ".svg", ".csv", ".json")]
    assert len(texts) > 8
    for path in texts:
        content = path.read_text(encoding="utf-8")
        assert not ids.search(content), path.name


def test_names_of_data_make_safe_and_different_folders():
    assert slug("../../etc") == "etc"
    assert slug("Narben Ä 2025") == "narben-2025"
    assert slug("ÄÖ") == "data"
    twice = [body("x", [untestable()], heading=h) for h in ("a", "b", "c")]
    assert [b.key for b in with_unique_keys(twice)] == ["x", "x-2", "x-3"]


def test_a_cohort_is_described_with_its_limits(patients):
    described = cohort_source(patients, Findings([untestable()]))
    assert described.heading == "published patients (real)"
    assert dict(described.facts)["Patients"] == "1,523"
    assert len(described.limits) >= 4


def test_a_study_is_named_by_its_title_its_design_and_its_period(patients):
    study = replace(patients.study, title="Rollers", period="2023 to 2025")
    found = Findings([untestable()])
    described = cohort_source(replace(patients, study=study), found)
    assert described.title == "Rollers"
    assert described.banner.startswith("registry, not randomised, 2023 to 2025, 1,523 patient-")
    assert dict(described.facts)["Period"] == "2023 to 2025"
    bare = cohort_source(replace(patients, study=replace(study, title=" ")), found)
    assert bare.title == "published_patients: registry, not randomised"
