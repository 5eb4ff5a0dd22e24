"""What is kept, by which key, and what happens when it cannot be read."""

import dataclasses
import os
import pickle
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnstudy as mn
from mnstudy import cache
from mnstudy.verdicts.finding.cache_keys import claim_basis, cohort_basis, finding_basis


class Counted:
    """A computation that counts how often it ran."""

    def __init__(self, result=42):
        self.ran, self.result = 0, result

    def __call__(self):
        self.ran += 1
        return self.result


def test_nothing_is_kept_where_no_folder_is_named():
    compute = Counted()
    assert cache.cached("x", (1,), compute) == cache.cached("x", (1,), compute) == 42
    assert compute.ran == 2
    assert cache.folder() is None


def test_the_same_inputs_are_worked_out_once(tmp_path):
    compute = Counted()
    with cache.cache_folder(tmp_path / "store"):
        for _ in range(3):
            assert cache.cached("x", (1, "a"), compute) == 42
        cache.cached("x", (1, "b"), compute)
        cache.cached("y", (1, "a"), compute)
    assert compute.ran == 3
    assert cache.folder() is None


def test_what_is_kept_is_for_its_owner_alone(tmp_path):
    with cache.cache_folder(tmp_path / "store"):
        cache.cached("x", (), Counted())
    assert stat.S_IMODE(os.stat(tmp_path / "store").st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1])[:-2]])
def test_what_cannot_be_read_is_worked_out_again(tmp_path, content):
    compute = Counted()
    with cache.cache_folder(tmp_path):
        cache.cached("x", (), compute)
        [path] = tmp_path.iterdir()
        path.write_bytes(content)
        assert cache.cached("x", (), compute) == 42
        assert cache.cached("x", (), compute) == 42
    assert compute.ran == 2


def test_an_error_is_not_kept_and_leaves_nothing(tmp_path):
    def fails():
        raise ValueError("no")

    with cache.cache_folder(tmp_path), pytest.raises(ValueError, match="no"):
        cache.cached("x", (), fails)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_time_not_the_result(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    with cache.cache_folder(tmp_path):
        assert cache.cached("x", (), Counted()) == 42


def test_other_code_is_another_key(tmp_path, monkeypatch):
    compute = Counted()
    with cache.cache_folder(tmp_path):
        cache.cached("x", (), compute)
        monkeypatch.setattr(cache, "code_fingerprint", lambda: "other code")
        cache.cached("x", (), compute)
    assert compute.ran == 2


def test_what_nobody_used_is_forgotten(tmp_path):
    old, new = tmp_path / "old.pickle", tmp_path / "new.pickle"
    for path in (old, new):
        path.write_bytes(b"")
    long_ago = new.stat().st_mtime - 40 * 86_400
    os.utime(old, (long_ago, long_ago))
    cache.forget_old(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["new.pickle"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_equal_values_have_equal_fingerprints_and_others_do_not(one, other):
    same_kind = repr(one) == repr(other)  # 1, 1.0 and True are equal but not the same input
    assert (cache.fingerprint(one) == cache.fingerprint(other)) == same_kind


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=5))
def test_the_order_of_a_dictionary_does_not_count(values):
    turned = dict(reversed(values.items()))
    assert cache.fingerprint(values) == cache.fingerprint(turned)


def test_tables_are_told_apart_by_value_type_index_and_order_of_words():
    base = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    words = pd.Categorical(["x", "y"], ["x", "y"], ordered=True)
    different = [
        base,
        base.rename(columns={"a": "c"}),
        base.assign(a=[1, 3]),
        base.assign(a=[1.0, 2.0]),
        base.set_index(pd.Index([5, 6])),
        base.assign(b=[["x"], None]),
        pd.DataFrame({"w": words}),
        pd.DataFrame({"w": words.reorder_categories(["y", "x"])}),
    ]
    assert len({cache.fingerprint(t) for t in different}) == len(different)
    assert cache.fingerprint(base) == cache.fingerprint(base.copy())
    assert cache.fingerprint(np.arange(4)) != cache.fingerprint(np.arange(4).reshape(2, 2))


def test_what_has_no_canonical_form_is_refused():
    with pytest.raises(TypeError, match="function"):
        cache.fingerprint(lambda: None)


@pytest.fixture(scope="module")
def trial():
    return mn.load("demo_split_face")


def with_margin(cohort, claim, margin):
    plan = cohort.study.plan
    changed = dataclasses.replace(plan, margins={**plan.margins, claim: margin})
    return dataclasses.replace(cohort, study=dataclasses.replace(cohort.study, plan=changed))


def test_the_margin_of_one_claim_concerns_that_claim_only(trial):
    changed = with_margin(trial, "little-pain", 4.0)
    print_of = cache.fingerprint
    assert print_of(cohort_basis(trial)) == print_of(cohort_basis(changed))
    for claim, same in (("little-pain", False), ("topical-adjunct", True)):
        one = mn.claim(claim)
        bases = [print_of(claim_basis(c, one)) for c in (trial, changed)]
        assert (bases[0] == bases[1]) is same


def test_kept_results_are_those_of_a_run_without_memory(trial, tmp_path):
    def results():
        found = mn.evaluate(trial, ["topical-adjunct", "little-pain"])
        curve = mn.specification_curve(trial, "topical-adjunct")
        return cache.fingerprint(
            list(found), found.sensitivity(["margins", "ranks", "missing"]), curve,
            list(mn.evidence("little-pain")),
        )  # fmt: skip

    plain = results()
    with cache.cache_folder(tmp_path):
        assert results() == plain
        written = {p.name: p.stat().st_ino for p in tmp_path.iterdir()}
        assert results() == plain
        assert {p.name: p.stat().st_ino for p in tmp_path.iterdir()} == written


def test_a_kept_finding_names_the_plan_it_is_read_under(trial, tmp_path):
    changed = with_margin(trial, "little-pain", 4.0)
    with cache.cache_folder(tmp_path):
        before = mn.evaluate(trial, "topical-adjunct")[0]
        n = len(list(tmp_path.iterdir()))
        after = mn.evaluate(changed, "topical-adjunct")[0]
        assert len(list(tmp_path.iterdir())) == n  # nothing was worked out again
    assert after.plan_sha256 == changed.study.plan_sha256 != before.plan_sha256
    assert cache.fingerprint(finding_basis(before)) == cache.fingerprint(finding_basis(after))
