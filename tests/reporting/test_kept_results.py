"""What is kept, by which key, and what happens when it cannot be read."""

import dataclasses
import os
import pickle
import stat
import subprocess
import sys
from hashlib import sha256
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
from mnstudy.reporting.run.folder import folder_of_run
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


def test_a_folder_open_to_others_is_closed_to_them():
    folder = cache.cache_folder()
    for place in (folder, folder.parent):
        place.chmod(0o777)
    assert cache.cache_folder() == folder
    assert {stat.S_IMODE(p.stat().st_mode) for p in (folder, folder.parent)} == {0o700}


@pytest.mark.parametrize("which", ["results", "mnstudy"])
def test_a_folder_of_somebody_else_keeps_nothing(monkeypatch, which):
    folder = cache.cache_folder()
    lstat = Path.lstat

    def of_another(path):
        found = lstat(path)
        return os.stat_result((*found[:4], found.st_uid + (path.name == which), *found[5:10]))

    monkeypatch.setattr(Path, "lstat", of_another)
    assert cache.cache_folder() is None
    assert folder not in cache.place_of_runs().parents


def test_a_link_a_file_and_a_folder_that_stays_open_keep_nothing(tmp_path, monkeypatch):
    folder = cache.cache_folder()
    with monkeypatch.context() as without_modes:
        without_modes.setattr(Path, "chmod", lambda *_: None)
        os.chmod(folder, 0o755)
        assert cache.cache_folder() is None
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert cache.cache_folder() is None
    folder.unlink()
    folder.touch()
    assert cache.cache_folder() is None


def told(content):
    return sha256(content).digest() + content


DAMAGED = (b"", b"no pickle", pickle.dumps([1])[:-2], b"I99x\n.", b"\x80\x05\x95" + b"\xff" * 8)


@pytest.mark.parametrize("content", [*DAMAGED, *map(told, DAMAGED), pickle.dumps([1])])
def test_what_cannot_be_read_is_worked_out_again(tmp_path, content):
    compute = Counted()
    once(compute, folder=tmp_path)
    [path] = tmp_path.iterdir()
    path.write_bytes(content)
    assert once(compute, folder=tmp_path) == once(compute, folder=tmp_path) == [[42]]
    assert compute.ran == 2


@pytest.mark.parametrize("bit", range(0, 8 * 50, 7))
def test_no_bit_can_turn_into_another_result(tmp_path, bit):
    path = tmp_path / "x"
    cache.keep(path, [0.1, 42])
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)
    assert list(cache.kept(path)) == []


def test_nothing_is_read_through_a_link_or_from_a_file_of_somebody_else(tmp_path, monkeypatch):
    path, link = tmp_path / "x", tmp_path / "y"
    cache.keep(path, 42)
    link.symlink_to(path)
    assert list(cache.kept(path)) == [42]
    assert list(cache.kept(link)) == []
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    assert list(cache.kept(path)) == []


def test_the_folder_of_a_killed_run_is_gone_after_the_next():
    script = (
        "import os\nfrom mnstudy.reporting.run.cache import place_of_runs\n"
        "from mnstudy.reporting.run.folder import folder_of_run\n"
        "with folder_of_run(place_of_runs(), 0o700) as folder:\n"
        "    print(folder, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    left = Path(ended.stdout.strip())
    assert left.is_relative_to(os.environ["XDG_CACHE_HOME"])
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    with folder_of_run(cache.place_of_runs(), 0o700) as folder:
        assert not left.exists()
        with folder_of_run(cache.place_of_runs(), 0o700):
            assert folder.is_dir()
    assert [p.name for p in folder.parent.iterdir()] == ["results"]


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
