"""The ledger: what a count, a mean, a rate, a total and a verdict become, and what is withheld."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy.cohort.study.study import Study
from mnstudy.disclosure.groups import KEY, RECORDS, Groups, History, apart, read_history
from mnstudy.disclosure.ledger import (
    BEFORE,
    BY_ROUNDING,
    DOMINATED,
    FEW,
    FEW_DF,
    NO_RANGE,
    ROUNDED,
    SETS,
    WITHHELD,
    Ledger,
    Linear,
    Rate,
    on_grid,
    round_step,
    tables_of,
)
from mnstudy.disclosure.rules import rules_of
from mnstudy.errors import DataError

RULES = rules_of(Study())
ALL = frozenset(f"p{i}" for i in range(60))
SCORE = ("improvement_score", "12")


def ledger(past: History | None = None) -> Ledger:
    return Ledger(rules=RULES, history=past or History(folder=None, key=b""))


def some(n: int, start: int = 0) -> frozenset[str]:
    return frozenset(f"p{i}" for i in range(start, start + n))


def mean(**changed: float) -> Linear:
    usual = {"value": 31.4, "low": 24.2, "high": 38.6, "patients": 40, "df": 39, "width": 200}
    return Linear(**(usual | changed), unit="points")


@given(st.integers(0, 500))
def test_a_count_has_one_text_and_its_text_stands_for_the_counts_it_says(n: int) -> None:
    same = [m for m in range(0, 520) if RULES.count(m) == RULES.count(n)]
    assert same == list(RULES.compatible(n))


@pytest.mark.parametrize(("n", "text"), [(0, "<10"), (9, "<10"), (10, "10"), (12, "10"),
                                         (13, "15"), (1_998, "2,000")])  # fmt: skip
def test_counts_are_one_mark_or_the_nearest_five(n: int, text: str) -> None:
    assert ledger().release("n", n, some(0), "count") == text


def test_a_mean_stands_on_a_grid_that_one_patient_moves_by_one_step() -> None:
    found = ledger()
    assert found.release("a", mean(), some(40), "mean") == "30 (25 to 40) points, to the nearest 5"
    assert found.entries["a"].numbers == (30, 25, 40, 5)
    wider = mean(weight=0.12)  # of a slope: one value moves it by 24
    assert found.release("b", wider, some(40), "mean").endswith("to the nearest 50")


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e3))
def test_two_values_a_step_apart_stay_so(value: float, width: float) -> None:
    step = round_step(width)
    assert width * (1 - 1e-9) <= step <= 2.5 * width * (1 + 1e-9)
    moved = on_grid(value + 0.999 * step, step) - on_grid(value, step)
    assert moved <= step * (1 + 1e-6)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [({"patients": 9}, FEW), ({"df": 9.9}, FEW_DF), ({"df": math.nan}, FEW_DF),
     ({"width": math.nan}, NO_RANGE), ({"value": math.nan}, NO_RANGE)],
)  # fmt: skip
def test_estimates_that_may_not_leave(changed: dict[str, float], rule: str) -> None:
    found = ledger()
    assert found.release("a", mean(**changed), some(40), "mean") == WITHHELD
    assert found.entries["a"].rule == rule


def test_the_limits_of_a_rate_give_back_the_rounded_counts_and_no_more() -> None:
    found, texts = ledger(), {}
    for n in range(10, 43):
        for e in range(n + 1):
            rate = Rate(events=e, n=n, level=0.95)
            text = found.release(f"{e}/{n}", rate, some(n), "rate")
            texts.setdefault(text, set()).add((e, n))
    assert max(n for _, n in texts.pop(WITHHELD)) < 18  # a smaller one leaves too few counts open
    for same in texts.values():
        e, n = min(same)
        assert same == set(tables_of(RULES, Rate(events=e, n=n, level=0.95)))


def test_a_rate_of_few_or_of_all_but_a_few_names_neither() -> None:
    found = ledger()
    few = found.release("few", Rate(events=2, n=40, level=0.95), some(40), "rate")
    nearly = found.release("all", Rate(events=39, n=40, level=0.95), some(40), "rate")
    assert few.startswith("<10 of 40 (0.0 to ")
    assert nearly.startswith("all but <10 of 40 (")


def test_a_total_of_one_or_two_patients_is_withheld() -> None:
    found = ledger()
    found.release("one", np.array([300.0, *[3.0] * 11]), some(12), "total")
    found.release("even", np.array([4.0] * 12), some(12), "total")
    assert found.entries["one"].rule == DOMINATED
    assert found.text("even") == "50"


def test_quartiles_need_twenty_patients() -> None:
    found = ledger()
    assert found.release("q", (np.arange(19.0), 30.0), some(19), "quartiles") == WITHHELD
    assert found.release("r", (np.arange(20.0), 30.0), some(20), "quartiles") == "10 (4 to 14)"


@pytest.mark.parametrize(("p", "band"), [(0.0004, "<0.001"), (0.009, "<0.01"), (0.049, "<0.05"),
                                         (0.05, ">=0.05")])  # fmt: skip
def test_p_stands_in_a_band(p: float, band: str) -> None:
    assert ledger().release("p", p, some(30), "p") == band


def test_groups_that_differ_by_a_few_are_not_both_released() -> None:
    found = ledger()
    assert found.release("a", mean(), some(40), "mean", where=SCORE) != WITHHELD
    assert found.release("b", mean(), some(37), "mean", where=SCORE) == WITHHELD
    assert found.entries["b"].rule == SETS
    assert found.release("c", mean(), some(30), "mean", where=SCORE) != WITHHELD
    assert found.release("d", mean(), some(37), "mean", where=("tone_score", "12")) != WITHHELD


def test_nor_are_groups_of_which_a_few_follow_by_sums() -> None:
    groups = Groups(10)
    for start in (0, 15, 30):
        groups.hold(SCORE, some(15, start))
    assert not groups.tells(SCORE, some(60))  # leaves out fifteen
    assert groups.tells(SCORE, some(48))  # all three and three more: no two of them show it
    assert groups.tells(SCORE, some(27))  # what two of them leave


def test_one_key_has_one_text() -> None:
    found = ledger()
    found.release("n", 20, some(20), "count")
    found.release("n", 20, some(20), "count")
    with pytest.raises(ValueError, match="released twice"):
        found.release("n", 30, some(30), "count")


def test_a_verdict_leaves_where_rounding_leaves_it_alone() -> None:
    found = ledger()
    assert found.verdict("a", "supported", ["supported", "supported"]) == "supported"
    assert found.verdict("b", "supported", ["supported", "inconclusive"]) == BY_ROUNDING
    assert found.verdict("c", "supported", ["supported"], rule=FEW) == WITHHELD
    assert found.entries["b"].rule == ROUNDED


def test_what_was_decided_leaves_without_sizes() -> None:
    found = ledger()
    found.release("a", mean(value=31.41592), some(40), "mean", where=SCORE)
    found.release("b", mean(), some(7), "mean", where=SCORE)
    table = found.decisions()
    assert list(table) == ["output", "decision", "rule"]
    assert table["decision"].tolist() == ["rounded", "withheld"]
    assert found.internal()["exact"].str.contains("31.41592").any()
    assert found.internal()["patients"].tolist() == [40, 7]


# Earlier releases


def kept(folder: Path, *groups: frozenset[str]) -> History:
    """Return the history of a folder after releases of these groups."""
    history = History(folder=folder, key=b"k" * 32)
    for i, group in enumerate(groups):
        found = ledger(history)
        found.release(f"g{i}", mean(), history.hidden(group), "mean", where=SCORE)
        history = history.with_release(found.released)
    history.write()
    return read_history(folder)


def test_a_group_that_differs_by_a_few_from_an_earlier_release_is_withheld(tmp_path: Path) -> None:
    history = kept(tmp_path, some(40))
    found = ledger(history)
    for n in (31, 39, 41, 49):
        found.release(f"n{n}", mean(), history.hidden(some(n)), "mean", where=SCORE)
        assert found.entries[f"n{n}"].rule == BEFORE
    assert not found.released
    assert found.release("n50", mean(), history.hidden(some(50)), "mean", where=SCORE) != WITHHELD
    assert ledger(history).release("n", 40, history.hidden(some(40)), "count") == "40"


def test_a_count_is_held_against_the_same_count_of_before(tmp_path: Path) -> None:
    history = History(folder=tmp_path, key=b"k" * 32)
    first = ledger(history)
    first.release("women", 22, history.hidden(some(22)), "count")
    after = history.with_release(first.released)
    again = ledger(after)
    assert again.release("women", 23, after.hidden(some(23)), "count") == WITHHELD
    assert again.release("men", 23, after.hidden(some(23)), "count") == "25"


def test_the_record_holds_no_id_and_is_open_to_this_user_alone(tmp_path: Path) -> None:
    kept(tmp_path, some(40))
    text = (tmp_path / RECORDS).read_text()
    assert "p1" not in text
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in (RECORDS, KEY)} == {0o600}


def test_the_same_release_again_adds_nothing(tmp_path: Path) -> None:
    history = kept(tmp_path, some(40))
    found = ledger(history)
    found.release("g0", mean(), history.hidden(some(40)), "mean", where=SCORE)
    assert history.with_release(found.released) == history
    assert apart(history.groups, found.released, 10) == []


@pytest.mark.parametrize("damage", ["last line", "half a line", "empty", "gone", "no key"])
def test_a_record_that_was_cut_off_is_refused(tmp_path: Path, damage: str) -> None:
    kept(tmp_path, some(40), some(55))
    place = tmp_path / RECORDS
    lines = place.read_text().splitlines(keepends=True)
    if damage == "last line":
        place.write_text("".join(lines[:-1]))
    elif damage == "half a line":
        place.write_text("".join(lines)[:-40])
    elif damage == "empty":
        place.write_text("")
    else:
        (place if damage == "gone" else tmp_path / KEY).unlink()
    with pytest.raises(DataError, match="put back the file"):
        read_history(tmp_path)


# The rules


def test_a_study_file_can_only_be_stricter() -> None:
    strict = rules_of(Study(release={"threshold": 15, "rounding": 10, "dominance_share": 0.8}))
    assert (strict.count(14), strict.count(27)) == ("<15", "30")
    with pytest.raises(DataError, match="only make a release stricter") as refused:
        rules_of(Study(release={"threshold": 5, "rounding": 1, "dominance_share": 0.95}))
    assert len(refused.value.report.problems) == 3


@pytest.mark.parametrize("given", [{"limit": 3}, {"rules": "mine"}, {"threshold": "20"},
                                   {"threshold": True}, {"rounding": 7.5}])  # fmt: skip
def test_what_is_no_rule_is_said(given: dict[str, object]) -> None:
    with pytest.raises(DataError, match="release"):
        rules_of(Study(release=given))


@pytest.mark.parametrize("name", ["default", "acro", "opensafely"])
def test_no_named_set_is_looser_than_the_default(name: str) -> None:
    own = rules_of(Study(release={"rules": name}))
    assert own.threshold >= RULES.threshold
    assert own.rounding >= RULES.rounding
    assert own.dominance_share <= RULES.dominance_share
