"""What the README shows, works as shown."""

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

TEXT = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


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
    first, second = blocks("toml")
    (tmp_path / "study.toml").write_text(first + second, encoding="utf-8")
    sheet.to_csv(tmp_path / "my_sheet.csv", index=False)
    cohort = mn.load(tmp_path)
    check_plan(cohort.study, {**registry(), **own_claims(cohort.study)})
    findings = mn.evaluate(cohort, ["reduces-scarring", "tca-beats-prp", "little-itch"])
    assert all(f.estimate is not None for f in findings), [f.reason for f in findings]
    assert findings["reduces-scarring"].planned
    assert "regression to the mean" in " ".join(findings["reduces-scarring"].notes)
    assert any("percent of baseline" in note or "ECCA" in note for note in cohort.notes)


@pytest.mark.parametrize("way", ["import show", "all 43 claims"])
def test_the_python_examples_run(way, tmp_path, monkeypatch):
    """Sensitivity of all claims, which takes long, has tests of its own."""
    example = next(b for b in blocks("python") if way in b)
    lines = [x for x in example.splitlines() if x]
    assert len(lines) <= 10
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"mn": mn}
    exec("\n".join(x for x in lines if "findings.sensitivity()" not in x), space)
    assert len(space["findings"]) == (2 if way == "import show" else len(registry()))
    written = {p.name for p in tmp_path.iterdir()}
    assert written == (set() if way == "import show" else {"more_sessions.pdf", "numbers.csv"})


def test_the_commands_shown_are_those_of_the_command_line(capsys):
    for line in re.findall(r"^    mnstudy (.*?)(?:  +#.*)?$", TEXT, re.MULTILINE):
        assert cli._parser().parse_args(line.split()).run


def test_every_toml_block_is_toml():
    for block in blocks("toml"):
        assert tomllib.loads(block)


def test_every_relative_link_leads_somewhere():
    root = Path(__file__).parents[1]
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (root / target).exists(), target
