"""Simulated studies on a Dask cluster: the same bytes as in one process or in two."""

import os
import re
from pathlib import Path

import joblib
import pandas as pd
import pytest
from distributed import Client, LocalCluster, default_client

import mnstudy as mn
from mnstudy.verdicts.operating import characteristics as operating

pytestmark = pytest.mark.filterwarnings("error")
ASK = {
    "claim": ["topical-adjunct", "little-pain"], "design": "split_body", "n_patients": [8, 12],
    "reps": 6, "rng": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def workers():
    """Give the processes of a cluster of two; afterwards none is left."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        yield pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.fixture
def on_cluster(workers, monkeypatch):
    """Ask on the cluster, in batches of two; nothing may be drawn in this process."""

    def ask(**given):
        with monkeypatch.context() as here, joblib.parallel_config(backend="dask"):
            here.setattr(operating, "_verdicts", None)
            return mn.operating_characteristics(**ASK | given)

    monkeypatch.setattr(operating, "BATCH", 2)
    assert len(set(workers) - {os.getpid()}) == 2
    return ask


def same(one, other):
    for name in ("estimates", "table"):
        left, right = getattr(one, name), getattr(other, name)
        pd.testing.assert_frame_equal(left, right, check_exact=True)
        assert left.to_csv().encode() == right.to_csv().encode()


def test_a_cluster_gives_the_bytes_of_one_process_and_of_two(on_cluster, tmp_path):
    told = []
    found = on_cluster(keep=tmp_path, progress=lambda *step: told.append(step))
    assert told == [("studies", done, 24) for done in range(4, 25, 4)]
    files = {path.name for path in tmp_path.iterdir()}
    assert len(files) == 12
    for n_jobs in (None, 1, 2):
        same(found, mn.operating_characteristics(**ASK, n_jobs=n_jobs))
    # what workers kept is what this process looks for
    same(found, mn.operating_characteristics(**ASK, keep=tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == files
    same(found, on_cluster(n_jobs=1, keep=tmp_path))


def test_the_order_of_claims_and_sizes_changes_no_row(on_cluster):
    kind = ["claim", "n_patients"]
    found = on_cluster()
    turned = on_cluster(claim=ASK["claim"][::-1], n_patients=[12, 8])
    assert not found.estimates[kind].equals(turned.estimates[kind])
    for name in ("estimates", "table"):
        left, right = (
            getattr(x, name).sort_values(kind, kind="stable", ignore_index=True)
            for x in (found, turned)
        )
        pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_a_worker_with_other_code_is_refused(on_cluster, monkeypatch):
    monkeypatch.setattr(operating, "code_fingerprint", lambda *rooms: "other code")
    with pytest.raises(RuntimeError, match="a worker has another version of mnstudy"):
        on_cluster(reps=1)


def test_the_page_on_clusters_runs_as_it_stands(workers, monkeypatch, tmp_path):
    """Its call on an existing cluster, with address and folder of here and fewer studies."""
    told = []
    page = (Path(__file__).parents[2] / "docs/clusters.md").read_text("utf-8")
    scripts = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    for script in scripts:
        compile(script, "clusters.md", "exec")
    (script,) = (s for s in scripts if 'Client("tcp://' in s)
    here = {
        "tcp://scheduler:8786": default_client().scheduler.address,
        "workers(16)": "workers(2)",
        "[40, 80]": "[8, 10]",
        "2_000": "3",
        "/shared": str(tmp_path),
        "progress=print": "progress=told",
    }
    for word, other in here.items():
        assert script.count(word) == 1
        script = script.replace(word, other)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(operating, "_verdicts", None)
    exec(script, {"told": lambda *step: told.append(step)})
    assert told[-1] == ("studies", 6, 6)
    assert len(pd.read_csv("more_sessions.csv")) == 2
    assert len(list((tmp_path / "more_sessions").iterdir())) == 2
