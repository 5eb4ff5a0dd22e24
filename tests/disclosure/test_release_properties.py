"""What holds for every release: its verdicts, one value more or less, and the release before it."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_releases import files, kept, made, sheet

import mnstudy as mn
from mnstudy.disclosure import described
from mnstudy.disclosure.ledger import BEFORE, Rate, tables_of
from mnstudy.disclosure.release import check_releases, released
from mnstudy.errors import DataError
from mnstudy.formatting import MINUS
from mnstudy.stats.counts.proportions import exact_limits
from mnstudy.verdicts.finding.finding import VERDICTS
from mnstudy.verdicts.finding.judge import judge
from mnstudy.verdicts.robustness import rows

JUDGED = [
    "reduces-scarring", "smooths-texture", "satisfies-patients", "comparable-to-laser",
    "little-pain", "rare-bruising", "gentler-than-laser",
]  # fmt: skip
PRIVATE = ("releases.jsonl", "release.key", "disclosure_internal.csv")


def word(finding, value, low, high, margin=None):
    base = finding.simultaneous or finding.estimate
    return judge(
        replace(base, value=value, ci_low=low, ci_high=high),
        rule=finding.rule, margin=finding.margin if margin is None else margin,
        comparison=finding.comparison, null=finding.null, holds=finding.holds,
    ).in_full  # fmt: skip


def possible(finding, release, rng):
    """Give values and ends that the released texts leave open."""
    entries, key = release.ledger.entries, finding.claim.id
    rate = re.match(r"(\d+) of (\d+)$", entries[key].exact)
    if rate:
        level = (finding.simultaneous or finding.estimate).confidence_level
        had, n = map(int, rate.groups())
        for k, m in tables_of(release.rules, Rate(events=had, n=n, level=level)):
            yield (100 * k / m, *(100 * x for x in exact_limits(k, m, (1 - level) / 2)))
    else:
        *ends, step = entries.get(f"{key}/family", entries[key]).numbers
        for _ in range(200):
            yield tuple(np.array(ends) + step * rng.uniform(-0.499, 0.499, 3))


@pytest.mark.parametrize("seed", [11, 13, 14])
def test_a_verdict_leaves_only_where_all_that_is_left_open_gives_it(seed):
    data = sheet(seed, {"needling": 45, "untreated": 40, "laser": 30})
    better = np.where(data["treatment"].eq("needling"), 10.0 * (seed - 10), 0)
    score = data["improvement_score"]
    data["improvement_score"] = (0.4 * score + better).clip(-20, 100).round()
    _, findings, release = made(data, JUDGED, tables=False)
    rng, told = np.random.default_rng(seed), 0
    for finding, claim in zip(findings, release.claims, strict=True):
        if claim.verdict.partition(" (")[0] not in VERDICTS:
            continue
        told += 1
        assert claim.verdict == finding.in_full
        if claim.claim != "gentler-than-laser":
            for some in possible(finding, release, rng):
                assert word(finding, *some) == claim.verdict
    assert told


def test_margins_do_not_tell_where_an_interval_ends_more_finely_than_the_grid(monkeypatch):
    monkeypatch.setattr(rows, "SHARES", tuple(np.arange(-20, 140) / 20))
    data = sheet(12, {"needling": 30, "untreated": 28})
    data["texture_score"] = data["texture_score"] / 2 + 5 * data["treatment"].eq("needling")
    cohort, findings, _ = made(data, ["smooths-texture"], tables=False)
    choices = {"smooths-texture": pd.DataFrame(rows.over_margins(findings[0]))}
    release = released(cohort, findings, choices=choices)
    (claim,), step = release.claims, release.ledger.entries["smooths-texture"].numbers[3]
    margins = [(x.split()[1].replace(MINUS, "-"), v) for _, x, v in claim.choices]
    told = [(float(x), v) for x, v in margins if v in VERDICTS]
    assert len(told) > 20
    assert len({v for _, v in told}) > 1
    for (one, before), (two, after) in pairwise(sorted(told)):
        assert before == after or two - one > step * 0.9


# one value


def groups(values, others):
    data = sheet(1, {"needling": len(values), "untreated": len(others)})
    data = data.assign(improvement_score=[*values, *others], scar_type="keloid", clinic_id="C1")
    data["session_count"] = np.where(
        data["treatment"].eq("needling"), 1 + np.arange(len(data)) % 5, 0
    )
    return data


SCORES = st.integers(-100, 100).map(float)


def _moves_by_one_step_at_most(values, place, other):
    changed = [*values]
    changed[place] = other
    fixed = [*np.random.default_rng(len(values)).integers(-100, 101, 14).astype(float)]
    claims = ["reduces-scarring", "more-sessions"]
    before, after = (
        made(groups(x, fixed), claims, tables=False)[2].ledger.entries for x in (values, changed)
    )
    for key in before.keys() & after.keys():
        if len(before[key].numbers) == 4 and len(after[key].numbers) == 4:
            (one, *_, step), (two, *_, same) = before[key].numbers, after[key].numbers
            assert step == same
            assert abs(one - two) <= step * (1 + 1e-9), key


@pytest.mark.parametrize(("seed", "n"), [(1, 12), (2, 17), (3, 25)])
def test_a_value_from_end_to_end_moves_every_released_mean_by_one_step_at_most(seed, n):
    rng = np.random.default_rng(seed)
    values = [-100.0, *rng.integers(-100, 101, n - 1).astype(float)]
    _moves_by_one_step_at_most(values, 0, 100.0)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(SCORES, min_size=12, max_size=25), st.data())
def test_one_value_moves_every_released_mean_by_one_step_at_most(values, data):
    place, other = data.draw(st.integers(0, len(values) - 1)), data.draw(SCORES)
    _moves_by_one_step_at_most(values, place, other)


# the next release

ASKED = ["reduces-scarring", "rare-pih", "little-pain"]


def release_of(path):
    cohort = mn.load(path)
    made = released(cohort, mn.evaluate(cohort, ASKED), tables=True)
    made.keep()
    return made


def first(folder):
    data = sheet(7, {"needling": 40, "untreated": 40}, scar_type="keloid", clinic_id="C1")
    data["improvement_score"] = data["improvement_score"].fillna(10.0)
    path = kept(folder, data)
    return data, path, release_of(path)


@pytest.mark.parametrize(("fewer", "leaves"), [(1, False), (9, False), (10, True)])
def test_a_group_that_a_few_left_is_not_released_again(fewer, leaves, tmp_path):
    data, path, old = first(tmp_path)
    assert {c.answer for c in old.claims} & {c.answer for c in release_of(path).claims}
    kept(tmp_path, data.iloc[fewer:])
    again = release_of(path)
    answers = [c for c in again.claims if c.numbers]
    assert bool(answers) == leaves
    apart = {g.output: set(g.patients) for g in old.ledger.released}
    for group in again.ledger.released:
        gone = apart.get(group.output, set(group.patients)) ^ set(group.patients)
        assert not gone or len(gone) >= 10, group.output
    told = json.dumps(again.to_frame().to_dict()) if not leaves else ""
    assert leaves or BEFORE in told


def test_an_event_more_is_no_rate_more(tmp_path):
    data = sheet(7, {"needling": 40, "untreated": 40})
    data["pih"] = np.arange(80) < 12
    path = kept(tmp_path, data)
    assert "10 of 40" in release_of(path).claims[1].answer
    data.loc[12, "pih"] = True
    kept(tmp_path, data)
    assert release_of(path).claims[1].answer == "not released"


def test_the_check_names_what_a_few_left(tmp_path):
    data, path, old = first(tmp_path)
    place = tmp_path / "release_1"
    place.mkdir()
    files(old, place)
    (place / "manifest.json").write_text(json.dumps({"release": old.name}))
    kept(tmp_path, data.iloc[3:])
    told = check_releases(place, str(path))
    assert any(x.startswith("reduces-scarring: ") for x in told)
    assert not any(re.search(r"\b[1-9]\b", x.partition(": ")[2]) for x in told)


def _cut(folder):
    text = (folder / "releases.jsonl").read_text()
    (folder / "releases.jsonl").write_text(text[: len(text) // 2])


def _without_last(folder):
    lines = (folder / "releases.jsonl").read_text().splitlines(keepends=True)
    (folder / "releases.jsonl").write_text("".join(lines[:-1]))


BROKEN = {
    "cut off": _cut,
    "last line lost": _without_last,
    "emptied": lambda f: (f / "releases.jsonl").write_text(""),
    "deleted": lambda f: (f / "releases.jsonl").unlink(),
    "no key": lambda f: (f / "release.key").unlink(),
    "empty key": lambda f: (f / "release.key").write_text(""),
    "both deleted": lambda f: [(f / x).unlink() for x in PRIVATE[:2]],
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    first(folder)
    return {name: (folder / name).read_bytes() for name in (*PRIVATE, "sheet.csv", "study.toml")}


@pytest.mark.parametrize("how", BROKEN)
def test_no_release_without_the_whole_record(how, recorded, tmp_path):
    for name, content in recorded.items():
        (tmp_path / name).write_bytes(content)
    cohort = mn.load(tmp_path / "study.toml")
    findings = mn.evaluate(cohort, "rare-pih")
    assert mn.release(findings).claims
    BROKEN[how](tmp_path)
    with pytest.raises(DataError, match=r"release"):
        mn.release(findings)


def test_the_record_is_open_to_one_user_and_holds_no_id(recorded, tmp_path):
    data, *_ = first(tmp_path)
    for name in PRIVATE:
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
        text = (tmp_path / name).read_text()
        assert not [p for p in data["patient_id"] if p in text]
    assert recorded["releases.jsonl"] != (tmp_path / "releases.jsonl").read_bytes()  # other keys


@pytest.mark.parametrize("seed", range(4))
def test_what_is_taken_to_add_up_adds_up(seed, monkeypatch):
    # patients with two arms and with several visits, some of them without a row
    rng = np.random.default_rng(seed)
    data = mn.load("demo_split_face").data
    own = data["patient_id"].isin(rng.choice(data["patient_id"].unique(), 28, replace=False))
    data = data[own & (rng.random(len(data)) < 0.8)].drop(columns=["treatment", "device"])
    taken = described._sums

    def held(blocks, told, least):
        cells, sums, asked = taken(blocks, told, least)
        for weights, low, high in sums:
            assert low <= sum(w * len(cells[k]) for k, w in weights.items()) <= high, weights
        return cells, sums, asked

    monkeypatch.setattr(described, "_sums", held)
    made(data.reset_index(drop=True), ["reduces-scarring"], design="split_body")
