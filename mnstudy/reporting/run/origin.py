"""What a report is made from: when none of it changed, there is nothing to make.

What is named on the command line is told by its files alone, before anything is loaded. A margin
belongs to one claim: changing it leaves what is known about the other claims.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnstudy.cohort.loading.shipped import data_dir, data_files
from mnstudy.errors import DataError
from mnstudy.fingerprints import REGISTER, code_fingerprint, fingerprint, sha256_of
from mnstudy.fingerprints import versions as versions_here

if TYPE_CHECKING:
    from mnstudy.cohort.table import Cohort
    from mnstudy.verdicts.claims.registry import Claim
    from mnstudy.verdicts.finding.finding import Finding

PACKAGE = Path(__file__).resolve().parents[2]


def report_fingerprint(
    data: Cohort | str | os.PathLike[str] | None,
    *,
    claims: str | Sequence[str] | None,
    formats: str | Sequence[str],
    profile: str,
    notebooks: bool,
) -> str:
    """Return the fingerprint of everything the bytes of a report depend on.

    Parameters
    ----------
    data : Cohort, str, path or None
        A cohort in memory; a name or place as ``mnstudy.load`` takes it, whose files are read; or
        None for the shipped data.
    claims, formats, profile, notebooks
        As ``mnstudy.report`` takes them.
    """
    options = [x and sorted([x] if isinstance(x, str) else set(x)) for x in (claims, formats)]
    files = [*shipped_notebooks(), *data_files(data_dir())]
    given: list[object] = []
    if isinstance(data, str | os.PathLike):
        place = Path(data).resolve()
        given = [place.parent.name if place.name == "study.toml" else place.name]
        files += _own_files(place)
    elif data is not None:
        given = [cohort_basis(data), data.study, bool(data.provenance.location)]
    hashes = [(path.name, sha256_of(path)) for path in files]
    how = (options, profile, notebooks)
    return fingerprint(code_fingerprint(), register_sha256(), hashes, given, how)


def _own_files(path: Path) -> Iterator[Path]:
    """Give the files that loading somebody's data reads: the sheet, and the study beside it."""
    folder = path if path.is_dir() else path.parent
    if path.is_file():
        yield path
    elif not path.is_dir():
        return
    for study in sorted(folder.glob("*.toml")):
        yield study
        try:
            named = tomllib.loads(study.read_text(encoding="utf-8")).get("file")
        except ValueError:  # not a study file, or one to mend: loading says so
            continue
        if isinstance(named, str) and (folder / named).is_file():
            yield folder / named


def cohort_basis(cohort: Cohort) -> tuple[object, ...]:
    """Return what every answer of a cohort rests on: its table, and its study but single claims."""
    plan = replace(cohort.study.plan, margins={}, thresholds={})
    study = replace(cohort.study, plan=plan, claims={})
    about = (cohort.name, cohort.provenance.sha256, cohort.synthetic)
    return (fingerprint(cohort.data, about, cohort.notes, study),)


def claim_basis(cohort: Cohort, claim: Claim) -> tuple[object, ...]:
    """Return what the answer to one claim rests on besides: the claim and its part of the plan."""
    plan = cohort.study.plan
    return claim, plan.margins.get(claim.id), plan.thresholds.get(claim.id)


def finding_basis(finding: Finding) -> Finding:
    """Return a finding as what is done with it depends on it: without the plan of other claims."""
    return replace(finding, plan_sha256="")


def origin(
    sources: Sequence[Any], claims: Sequence[str], made_from: str, internal: str = ""
) -> Mapping[str, Any]:
    """Return what the manifest of a report says of its origin."""
    data = [{"name": b.heading, "sha256": b.sha256, "synthetic": b.synthetic} for b in sources]
    return {
        "versions": versions(),
        "program": code_fingerprint(),
        "register_sha256": register_sha256(),
        "data": data,
        "claims": list(claims),
        "made_from": made_from,
        **({"profile": internal} if internal else {}),
    }


def versions() -> dict[str, str]:
    """Return the versions of what computed the numbers."""
    found = versions_here()
    del found["machine"]  # the bytes do not depend on it
    return {"python": found.pop("python"), "mnstudy": metadata.version("mnstudy"), **found}


def register_sha256() -> str:
    """Return the fingerprint of the register of claims."""
    return sha256_of(PACKAGE / "verdicts" / "claims" / REGISTER)


def shipped_notebooks() -> list[Path]:
    """Return the shipped notebooks in reading order: of an installed package, or the checkout."""
    for place in (PACKAGE / "_notebooks", PACKAGE.parent / "notebooks"):
        if place.is_dir():
            return sorted(place.glob("[0-9]*.ipynb"))
    raise DataError("the notebooks were not found: install mnstudy again")
