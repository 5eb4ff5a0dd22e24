"""Sites that no arm of a claim can be sure of: what they received is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    UNTREATED,
    Question,
    n_sites,
    scar_type_filter,
)
from mnstudy.verdicts.claims.settings import DEPTHS, column_of
from mnstudy.words.notes import Count, Note, note

Arm = Mapping[str, Any]
_ALONE = ("improvement", "change", "heterogeneity", "slope")  # needling alone, see PLAIN_NEEDLING
_NO_ARM = ("ratio",)
_WORDS = {"adjunct": "topical"}


def unknown_arm(question: Question) -> tuple[Note, ...]:
    """Count the sites that are left out because what they received is not known.

    Returns
    -------
    tuple of Note
        One note; empty where every site is known to be in an arm of the claim, or in none.
        Sites whose known cells already rule them out are not counted, nor is a depth that is not
        known: it differs from visit to visit, and a site without a session has none.
    """
    sites = scar_type_filter(question.sites, question.params)
    if "improvement_score" in question.claim.columns:
        sites = sites[sites["improvement_score"].notna()]
    found = [_unknown(sites, arm) for arm in _arms(question)]
    columns = list(
        dict.fromkeys(c for unknown in found for c in unknown.columns if unknown[c].any())
    )
    if not columns:
        return ()
    n = n_sites(sites[pd.concat(found, axis=1).any(axis=1)])
    names = tuple(_WORDS.get(c, c.replace("_", " ")) for c in columns)
    said = note("unknown_arm", names=names, sites=Count(n=n, noun="site"))
    return (note("write_none", said=said) if "adjunct" in columns else said,)


def _arms(question: Question) -> list[Arm]:
    params = question.params
    if "treated" in params:
        return [params["treated"], params["reference"]]
    if question.claim.analysis in _NO_ARM:
        return []
    needled = question.needled if question.claim.analysis in _ALONE else NEEDLED
    return (
        [needled, UNTREATED] if question.claim.analysis in ("improvement", "change") else [needled]
    )


def _unknown(sites: pd.DataFrame, arm: Arm) -> pd.DataFrame:
    """Tell, for each column of an arm, which sites may be in the arm but for that empty cell."""
    keys = [key for key in arm if column_of(key) in sites and key not in DEPTHS]
    possible = pd.Series(True, index=sites.index)
    for key in keys:
        possible &= sites[column_of(key)].isna() | _inside(sites, key, arm[key])
    empty = {column_of(key): sites[column_of(key)].isna() & possible for key in keys}
    return pd.DataFrame(empty, index=sites.index)


def _inside(sites: pd.DataFrame, key: str, words: Any) -> pd.Series:
    inside = sites[column_of(key)].isin(list(words))
    return ~inside if key.endswith("_not") else inside
