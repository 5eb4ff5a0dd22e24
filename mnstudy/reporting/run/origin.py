"""What a report is made from: when none of it changed, there is nothing to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from mnstudy import cache
from mnstudy.cohort.loading.shipped import MANIFEST, data_dir
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.run.folder import sha256_of
from mnstudy.verdicts.finding.cache_keys import cohort_basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a report was asked for.

    Attributes
    ----------
    claims : tuple of str
        Ids of the claims asked, in the order of the register; empty for all.
    formats : tuple of str
        Formats of the figures.
    notebooks : bool
        Whether the notebooks are run.
    profile : str
        Number format of the tables.
    """

    claims: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    notebooks: bool = False
    profile: str = "default"


def report_fingerprint(
    cohorts: Sequence[Cohort], options: Options, notebooks: Sequence[Path]
) -> str:
    """Return the fingerprint of everything the bytes of a report depend on."""
    return cache.fingerprint(
        cache.code_fingerprint(),
        register_sha256(),
        shipped_sha256(),
        [(*cohort_basis(c), c.study) for c in cohorts],
        options,
        [path.read_bytes() for path in notebooks],
    )


def origin(sources: Sequence[Any], options: Options, made_from: str) -> Mapping[str, Any]:
    """Return what the manifest of a report says of its origin."""
    data = [{"name": b.heading, "sha256": b.sha256, "synthetic": b.synthetic} for b in sources]
    return {
        "versions": versions(),
        "program": cache.code_fingerprint(),
        "register_sha256": register_sha256(),
        "data": data,
        "claims": list(options.claims),
        "made_from": made_from,
    }


def versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    found = cache.versions()
    del found["machine"]  # the bytes do not depend on it
    return {"python": found.pop("python"), "mnstudy": metadata.version("mnstudy"), **found}


def register_sha256() -> str:
    """Return the fingerprint of the register of claims."""
    return sha256_of(resources.files("mnstudy.verdicts.claims").joinpath(cache.REGISTER))


def shipped_sha256() -> str:
    """Return the fingerprint of the shipped data, which are held against their manifest."""
    return sha256_of(data_dir() / MANIFEST)
