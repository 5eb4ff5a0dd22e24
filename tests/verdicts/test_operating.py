"""How often simulated studies reach each verdict: by kind of study, kept, and the same anyhow."""

import os
import shutil
import subprocess
import sys
import time

import joblib
import numpy as np
import pandas as pd
import pytest

import mnstudy as mn
from mnstudy.verdicts.finding.finding import VERDICTS
from mnstudy.verdicts.operating import characteristics as operating

SPLIT = {"claim": "topical-adjunct", "design": "split_body", "rng": 4}


def test_operating_characteristics_do_not_depend_on_n_jobs():
    ask = {"claim": "topical-adjunct", "n_patients": 20, "reps": 6, "design": "split_body"}
    one = mn.operating_characteristics(**ask, rng=4, n_jobs=1)
    two = mn.operating_characteristics(**ask, rng=4, n_jobs=2)
    pd.testing.assert_frame_equal(one.estimates, two.estimates)
    assert one.verdicts.sum() == pytest.approx(1)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_without_n_jobs_the_context_decides(backend, monkeypatch):
    """Workers of loky are fresh processes; a fork may wait for a lock that another thread held."""
    ask, told = {**SPLIT, "n_patients": 8, "reps": 3}, []
    alone = mn.operating_characteristics(**ask)
    monkeypatch.setattr(operating, "BATCH", 1)
    if backend == "loky":
        monkeypatch.setattr(operating, "_verdicts", None)  # nothing can be drawn in this process
    with joblib.parallel_config(backend, n_jobs=2):
        found = mn.operating_characteristics(**ask, progress=lambda *step: told.append(step[1]))
    pd.testing.assert_frame_equal(found.estimates, alone.estimates, check_exact=True)
    assert told == [1, 2, 3]


def test_operating_characteristics_know_the_truth_and_the_situation():
    ask = {"claim": "reduces-scarring", "n_patients": 40, "reps": 40, "design": "parallel"}
    situation = {"regular_visits": True}
    found = mn.operating_characteristics(
        **ask, truth={"reduces-scarring": 10}, situation=situation, rng=2
    )
    assert found.effect == 10
    inside = found.estimates["ci_low"].le(10) & found.estimates["ci_high"].ge(10)
    assert found.coverage == inside.mean()
    error = found.table["coverage error"].item()
    assert error == pytest.approx(np.sqrt(inside.mean() * (~inside).mean() / 40))
    assert "true effect 10" in str(found)
    assert "truth in interval" in str(found)
    wide = mn.operating_characteristics(
        **ask, situation=situation | {"spreads": {"needling": 4.0}}, rng=2
    )
    width = [(f.estimates["ci_high"] - f.estimates["ci_low"]).mean() for f in (found, wide)]
    assert width[1] > 1.5 * width[0]


def test_the_final_week_of_a_simulated_plan_holds():
    """A patient lost early is not judged by the last visit that she had."""
    situation = {"regular_visits": True, "lost": 0.15, "lost_by": "seen"}
    found = mn.operating_characteristics(
        "reduces-scarring", n_patients=60, reps=40, design="parallel",
        truth={"reduces-scarring": 10}, situation=situation, rng=5,
    )  # fmt: skip
    middle = found.estimates["estimate"]
    assert middle.mean() == pytest.approx(10, abs=4 * middle.std() / 40**0.5)


def test_every_combination_is_a_kind_of_study_and_equals_the_one_asked_alone():
    wide = {"regular_visits": True, "spreads": {"needling": 2.0}}
    several = mn.operating_characteristics(
        "reduces-scarring", n_patients=[10, 20], reps=3, design="parallel",
        truth=["null", "margin"], situation={"usual": {}, "spreads": wide}, rng=1,
    )  # fmt: skip
    told = several.table[["n_patients", "situation", "effect"]].values.tolist()
    cells = [[n, s, e] for n in (10, 20) for s in ("usual", "spreads") for e in (0.0, 10.0)]
    assert told == cells
    alone = mn.operating_characteristics(
        "reduces-scarring", n_patients=20, reps=3, design="parallel",
        truth={"reduces-scarring": 10.0}, situation=wide, rng=1,
    )  # fmt: skip
    numbers = ["estimate", "ci_low", "ci_high", "verdict"]
    own = several.estimates.query("n_patients == 20 and situation == 'spreads' and effect == 10")
    pd.testing.assert_frame_equal(own[numbers].reset_index(drop=True), alone.estimates[numbers])
    with pytest.raises(ValueError, match="8 kinds of study; take the columns"):
        _ = several.verdicts
    assert "spreads" in several._repr_html_()


def test_claims_of_one_study_are_put_to_it_together_and_answered_as_alone():
    claims = ["more-sessions", "little-pain", "rare-pih", "deeper-needling"]
    ask = {"n_patients": np.int64(30), "reps": 4, "rng": 3, "design": "registry"}
    together = mn.operating_characteristics(claims, **ask)
    for claim in claims:
        alone = mn.operating_characteristics(claim, **ask)
        own = together.estimates[together.estimates["claim"] == claim].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone.estimates, check_exact=True)


def test_shares_are_those_of_the_studies():
    found = mn.operating_characteristics(**SPLIT, n_patients=12, reps=20, truth=["null", "margin"])
    for _, row in found.table.iterrows():
        own = found.estimates[found.estimates["effect"] == row["effect"]]
        counted = own["verdict"].value_counts(normalize=True).reindex(list(VERDICTS), fill_value=0)
        np.testing.assert_allclose(row[list(VERDICTS)].astype(float), counted)
        inside = own["ci_low"].le(row["effect"]) & own["ci_high"].ge(row["effect"])
        assert row["coverage"] == inside.mean()
        assert row["width"] == (own["ci_high"] - own["ci_low"]).median()
    null, margin = found.table.to_dict("records")
    assert (null["holds"], margin["holds"]) == ("false", "true")
    assert null["false_support"] == null["supported"] + null["partly supported"]
    assert margin["false_support"] == margin["beyond_margin"]
    assert np.isnan(null["false_contradiction"])
    assert margin["false_contradiction"] == margin["contradicted"]


def test_what_was_kept_is_not_drawn_again(tmp_path, monkeypatch):
    monkeypatch.setattr(operating, "BATCH", 4)
    ask = {**SPLIT, "n_patients": 8, "reps": 10}
    plain, kept = (mn.operating_characteristics(**ask, keep=x) for x in (None, tmp_path))
    pd.testing.assert_frame_equal(plain.estimates, kept.estimates, check_exact=True)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    files[1].unlink()
    drawn, some = [], operating._verdicts
    monkeypatch.setattr(operating, "_verdicts", lambda *given: drawn.append(given) or some(*given))
    told = []
    again = mn.operating_characteristics(
        **ask, keep=tmp_path, progress=lambda *step: told.append(step)
    )
    assert 2 <= len(drawn) <= 4
    assert told == [("studies", 4, 10), ("studies", 8, 10), ("studies", 10, 10)]
    pd.testing.assert_frame_equal(again.table, plain.table)
    pd.testing.assert_frame_equal(again.estimates, plain.estimates, check_exact=True)
    drawn.clear()
    mn.operating_characteristics(**ask | {"rng": 5}, keep=tmp_path)
    monkeypatch.setattr(operating, "code_fingerprint", lambda *rooms: "other code")
    mn.operating_characteristics(**ask, keep=tmp_path)
    assert len(drawn) == 20


RUN = """
import sys
from pathlib import Path
import mnstudy as mn
from mnstudy.fingerprints import write_whole
from mnstudy.verdicts.operating import characteristics as operating
operating.BATCH = 2
found = mn.operating_characteristics(
    "topical-adjunct", n_patients=8, reps=40, design="split_body", rng=4, keep=sys.argv[1], n_jobs=2
)
write_whole(Path(sys.argv[2]), found.estimates.to_csv(index=False).encode())
"""


def begun(folder, out):
    """Begin a run in a group of its own, which its workers are in as well."""
    command = [sys.executable, "-c", RUN, str(folder), str(out)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, **quiet, start_new_session=True)


def ended(group, seconds):
    """Tell whether nothing of a group is left, within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_run_killed_at_twenty_moments_goes_on_and_gives_the_same_bytes(tmp_path):
    start = time.monotonic()
    assert begun(tmp_path / "whole", tmp_path / "whole.csv").wait() == 0
    takes = time.monotonic() - start
    whole = (tmp_path / "whole.csv").read_bytes()
    kept, out = tmp_path / "kept", tmp_path / "out.csv"
    killed, groups, moments = [], [], np.random.default_rng(20)
    # twenty, and more where a busy machine let none of them fall between two kept files
    while len(killed) < 20 or (len(killed) < 60 and not any(0 < n < 20 for n in killed)):
        run = begun(kept, out)
        groups.append(run.pid)
        try:
            assert run.wait(timeout=moments.uniform(0, takes)) == 0
        except subprocess.TimeoutExpired:
            run.kill()  # the process that asked; its workers are left to themselves
            run.wait()
        if out.exists():  # it was there before the moment: begin anew
            assert out.read_bytes() == whole
            out.unlink()
            shutil.rmtree(kept)
        else:
            killed.append(len(list(kept.glob("t*.csv"))) if kept.exists() else 0)
    assert all(ended(group, 10) for group in groups)
    assert any(0 < n < 20 for n in killed)
    assert begun(kept, out).wait() == 0
    assert out.read_bytes() == whole
    files = {path.name: path.read_bytes() for path in kept.glob("t*.csv")}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}


def test_half_a_file_is_never_taken_for_what_was_kept(tmp_path):
    ask = {**SPLIT, "n_patients": 8, "reps": 3, "keep": tmp_path}
    plain = mn.operating_characteristics(**ask)
    (file,) = tmp_path.iterdir()
    aside = tmp_path / f".{file.name}.0123abcd"
    aside.write_bytes(file.read_bytes()[:40])
    file.unlink()
    again = mn.operating_characteristics(**ask)
    pd.testing.assert_frame_equal(again.estimates, plain.estimates, check_exact=True)
    assert sorted(tmp_path.iterdir()) == [aside, file]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"truth": "edge"}, "truth must be effects, or some of null, margin, twice, not 'edge'"),
        ({"claim": "little-pain", "truth": "null"}, "is about a limit"),
        ({"situation": {"skew": 3}}, "no option 'skew'"),
        ({"situation": {"odd": {"skew": 3}}}, "no option 'skew'"),
        ({"reps": 0}, "reps and n_patients must be 1 or more"),
        ({"n_patients": [5, 0]}, "reps and n_patients must be 1 or more"),
    ],
)
def test_what_cannot_be_simulated_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        mn.operating_characteristics(**{**SPLIT, "n_patients": 5, "reps": 2} | ask)
