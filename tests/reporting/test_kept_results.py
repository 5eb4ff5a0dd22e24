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
from mnstudy import fingerprints
from mnstudy.fingerprints import fingerprint
from mnstudy.reporting.run import cache
from mnstudy.reporting.run.origin import claim_basis, cohort_basis, finding_basis
from mnstudy.reporting.run.processes import CachedCall, Workers, quiet
from mnstudy.reporting.run.sources import collect_evidence


class Counted:
    """A computation that counts how often it ran."""

    def __init__(self):
        self.ran = 0

    def __call__(self, *args):
        self.ran += 1
        return [42]


def once(compute, name="x", inputs=(), folder=None):
    return list(Workers(folder=folder).results([CachedCall(name, inputs, compute, ())]))


def test_nothing_is_kept_where_no_folder_is_named():
    compute = Counted()
    assert once(compute) == once(compute) == [[42]]
    assert compute.ran == 2


def test_the_same_inputs_are_worked_out_once(tmp_path):
    compute = Counted()
    for _ in range(3):
        assert once(compute, inputs=(1, "a"), folder=tmp_path) == [[42]]
    once(compute, inputs=(1, "b"), folder=tmp_path)
    once(compute, name="y", inputs=(1, "a"), folder=tmp_path)
    assert compute.ran == 3


def test_what_is_kept_is_for_its_owner_alone():
    assert stat.S_IMODE(cache.cache_folder().stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1])[:-2]])
def test_what_cannot_be_read_is_worked_out_again(tmp_path, content):
    compute = Counted()
    once(compute, folder=tmp_path)
    [path] = tmp_path.iterdir()
    path.write_bytes(content)
    assert once(compute, folder=tmp_path) == once(compute, folder=tmp_path) == [[42]]
    assert compute.ran == 2


def test_an_error_is_not_kept_and_leaves_nothing(tmp_path):
    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        once(fails, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_time_not_the_result(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert once(Counted(), folder=tmp_path) == [[42]]
    assert list(tmp_path.iterdir()) == []


def test_other_code_is_another_key(tmp_path, monkeypatch):
    compute = Counted()
    once(compute, folder=tmp_path)
    monkeypatch.setattr(fingerprints, "code_fingerprint", lambda: "other code")
    once(compute, folder=tmp_path)
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
    assert (fingerprint(one) == fingerprint(other)) == same_kind


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=5))
def test_the_order_of_a_dictionary_does_not_count(values):
    turned = dict(reversed(values.items()))
    assert fingerprint(values) == fingerprint(turned)


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
    assert len({fingerprint(t) for t in different}) == len(different)
    assert fingerprint(base) == fingerprint(base.copy())
    assert fingerprint(np.arange(4)) != fingerprint(np.arange(4).reshape(2, 2))


def test_what_has_no_canonical_form_is_refused():
    with pytest.raises(TypeError, match="function"):
        fingerprint(lambda: None)


@pytest.fixture(scope="module")
def trial():
    return mn.load("demo_split_face")


def with_margin(cohort, claim, margin):
    plan = cohort.study.plan
    changed = dataclasses.replace(plan, margins={**plan.margins, claim: margin})
    return dataclasses.replace(cohort, study=dataclasses.replace(cohort.study, plan=changed))


def test_the_margin_of_one_claim_concerns_that_claim_only(trial):
    changed = with_margin(trial, "little-pain", 4.0)
    print_of = fingerprint
    assert print_of(cohort_basis(trial)) == print_of(cohort_basis(changed))
    for claim, same in (("little-pain", False), ("topical-adjunct", True)):
        one = mn.claim(claim)
        bases = [print_of(claim_basis(c, one)) for c in (trial, changed)]
        assert (bases[0] == bases[1]) is same


def source(cohort, folder):
    workers = Workers(folder=folder)
    return collect_evidence([cohort], quiet, claims=["topical-adjunct"], workers=workers)


@pytest.fixture(scope="module")
def worked_out(trial, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    return folder, source(trial, folder)


def test_kept_results_are_those_that_are_worked_out(trial, worked_out):
    folder, first = worked_out
    written = {p.name: p.stat().st_ino for p in folder.iterdir()}
    again = source(trial, folder)
    assert {p.name: p.stat().st_ino for p in folder.iterdir()} == written
    for one, other in zip(first, again, strict=True):
        shown = [(b.findings[0], b.checked, b.charts, b.tables, b.trials) for b in (one, other)]
        assert fingerprint(shown[0]) == fingerprint(shown[1])
    plain = [mn.evaluate(trial, "topical-adjunct")[0], mn.evidence("topical-adjunct")[0]]
    assert fingerprint([b.findings[0] for b in again]) == fingerprint(plain)


def test_a_kept_finding_names_the_plan_it_is_read_under(trial, worked_out):
    folder, before = worked_out
    n = len(list(folder.iterdir()))
    changed = with_margin(trial, "little-pain", 4.0)
    after = source(changed, folder)[0]
    assert len(list(folder.iterdir())) == n  # nothing was worked out again
    assert after.checked.curves
    for one in (after.findings[0], *(c.finding for c in after.checked.curves)):
        assert one.plan_sha256 == changed.study.plan_sha256 != trial.study.plan_sha256
    bases = [fingerprint(finding_basis(b.findings[0])) for b in (before[0], after)]
    assert bases[0] == bases[1]
