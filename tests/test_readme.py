"""What the README and the page on own data show, works as shown."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy import cli
from mnstudy.verdicts.claims.own_claims import check_plan, own_claims
from mnstudy.verdicts.claims.registry import registry

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
OWN_DATA, QUESTIONS = ((ROOT / "docs" / f"{x}.md").read_text("utf-8") for x in ("own_data", "faq"))
FEWEST, MOST, LINES = 600, 800, 10


def blocks(language, text):
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


def words(text):
    """Return the words of a page; code and tables do not count."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    prose = re.sub(r"^(?:    |\|).*$", "", prose, flags=re.M)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", prose).split()


def test_the_readme_is_short():
    assert FEWEST <= len(words(README)) <= MOST


def test_the_example_gives_what_is_shown(capsys):
    (code,), (shown,) = blocks("python", README), blocks("text", README)
    assert len(code.splitlines()) <= LINES
    exec(code, {})
    assert capsys.readouterr().out == shown


@pytest.fixture
def sheet():
    """Eighteen patients needled with TCA, PRP or nothing, two visits, in the sheet's own words."""
    rng = np.random.default_rng(2)
    rows = [
        {
            "Pat.-Nr.": f"P{i:02}", "scar_type": "roll.", "needle_depth_mm": 1.5,
            "session_count": 3 * week // 24, "weeks": week, "treatment": "needling",
            "adjunct": ("tca", "prp", "none")[i % 3], "scale": "ECCA",
            "scale_score": 90 - week - int(rng.integers(0, 20)),
            "itch_score": int(rng.integers(0, 4)) if week else None,
        }
        for i in range(18)
        for week in (0, 24)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_study_file_is_read_and_its_claims_are_answered(tmp_path, sheet):
    said = blocks("toml", OWN_DATA)
    (first,), (second,) = ([x for x in said if sign in x] for sign in ("[selection]", "[claims."))
    (tmp_path / "study.toml").write_text(first + second, encoding="utf-8")
    sheet.to_csv(tmp_path / "my_sheet.csv", index=False)
    cohort = mn.load(tmp_path)
    check_plan(cohort.study, {**registry(), **own_claims(cohort.study)})
    findings = mn.evaluate(cohort, ["reduces-scarring", "tca-beats-prp", "little-itch"])
    assert all(f.estimate is not None for f in findings), [f.reason for f in findings]
    assert findings["reduces-scarring"].planned
    assert "regression to the mean" in " ".join(findings["reduces-scarring"].notes)
    assert any("percent of baseline" in note or "ECCA" in note for note in cohort.notes)


@pytest.mark.parametrize("way", ["in Jupyter also", "all 43 claims"])
def test_the_python_of_the_questions_runs(way, tmp_path, monkeypatch):
    """Sensitivity of all claims, which takes long, has tests of its own."""
    example = next(b for b in blocks("python", QUESTIONS) if way in b)
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    exec("\n".join(x for x in example.splitlines() if "findings.sensitivity()" not in x), space)
    assert len(space["findings"]) == (2 if way == "in Jupyter also" else len(registry()))
    written = {p.name for p in tmp_path.iterdir()}
    assert written == (set() if way == "in Jupyter also" else {"more_sessions.pdf", "numbers.csv"})


@pytest.mark.parametrize("text", [README, OWN_DATA, QUESTIONS], ids=["README", "own_data", "faq"])
def test_the_commands_shown_are_those_of_the_command_line(text):
    shown = re.findall(r"^    mnstudy (.*?)(?:  +#.*)?$", text, re.MULTILINE)
    assert shown
    for line in shown:
        assert cli._parser().parse_args(line.split()).run


def test_every_command_is_shown():
    shown = set(re.findall(r"^    mnstudy ([a-z]+)", OWN_DATA, re.MULTILINE))
    (commands,) = [x.choices for x in cli._parser()._actions if isinstance(x.choices, dict)]
    assert shown == set(commands) - {"simulate"}


@pytest.mark.parametrize("text", [OWN_DATA, QUESTIONS], ids=["own_data", "faq"])
def test_every_toml_block_is_toml(text):
    for block in blocks("toml", text):
        assert tomllib.loads(block)


def test_every_relative_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
