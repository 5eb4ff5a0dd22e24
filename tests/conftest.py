"""Small sheets shared by the tests."""

import pandas as pd
import pytest

import mnstudy as mn


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Keep the results of a test's reports away from those of whoever runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def clinic():
    return mn.load("demo_clinic")


@pytest.fixture(scope="session")
def split_face():
    return mn.load("demo_split_face")


@pytest.fixture(scope="session")
def patients():
    return mn.load("published_patients")


@pytest.fixture(scope="session")
def clinic_findings(clinic):
    return mn.evaluate(clinic)


@pytest.fixture(scope="session")
def trials():
    return mn.evidence()


@pytest.fixture
def sheet():
    """Six patients, one treated site each, at baseline and after three sessions."""
    rows = []
    for i, score in enumerate([20, 35, 40, 55, 30, 45]):
        visit = {"patient_id": f"P{i + 1:03}", "scar_type": "acne_rolling", "needle_depth_mm": 1.5}
        rows.append({**visit, "session_count": 0, "improvement_score": 0})
        rows.append({**visit, "session_count": 3, "improvement_score": score})
    return pd.DataFrame(rows)
