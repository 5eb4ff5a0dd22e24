"""The registry of the 43 claims, and the place of a study's own beside them; looked up by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from html import escape
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.errors import nearest
from mnstudy.packaged import packaged
from mnstudy.verdicts.claims.settings import Estimand, forms
from mnstudy.words.units import valued

RULES = ("superiority", "difference", "noninferiority", "below", "above")

OWN = "own"  # the group of the claims of a study file
GROUPS = {
    "improvement": "Does it work",
    "modifiers": "For whom and how much",
    "comparisons": "Together with, and instead of",
    "safety": "How safe, how pleasant",
    "mechanism": "Why",
    OWN: "Claims of this study",
}
# What patients ask about, each with its question: benefit, whether it lasts, the alternatives, what
# it costs them, harms. Fixed before the results were looked at; GRADE asks for at most seven to ten
# (Cochrane Handbook 6, section 14.1.3).
MATTER_MOST = {
    "reduces-scarring": "Are scars less noticeable?",
    "treats-acne-scars": "Are acne scars better?",
    "satisfies-patients": "Do patients themselves see a clear improvement?",
    "results-last": "Do results last?",
    "topical-adjunct": "Does a serum add to needling?",
    "comparable-to-laser": "Is needling as good as laser?",
    "short-downtime": "Has redness gone within two days?",
    "little-pain": "Is there little pain?",
    "rare-pih": "Are dark spots afterwards rare?",
    "rare-infection": "Is infection rare?",
}
ARTICLES = {
    "A": "Micro-needling For scar Reduction",
    "B": "An article on microneedling for atrophic scars",
    "C": "Facial Scars? 4 Ways Micro-needling May Help",
    "D": "An overview of collagen induction therapy",
    "E": "Understanding the Significance of Micro-needling for Scars and Other Facial Problems",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Claim:
    """One statement of the articles and the comparison that would test it.

    Attributes are the keys explained at the top of ``claims.toml``. ``attributes`` are the five of
    the estimand, ``estimand`` has them in one line, or as a study file puts it (``own_words``);
    ``phrases`` have blanks for the settings, ``arms`` are names of a study for what was compared.
    A claim of a study file has no articles and the group ``own``.
    """

    id: str
    group: str
    title: str
    says: str
    articles: tuple[str, ...]
    phrases: Estimand
    analysis: str
    columns: tuple[str, ...]
    unit: str
    rule: str
    margin: float
    margin_source: str
    wording: Mapping[str, str]
    params: Mapping[str, Any] = field(default_factory=dict)
    against: tuple[str, ...] = ()
    contrary: str = ""
    own_words: str = ""
    arms: Mapping[str, str] = field(default_factory=dict)

    @property
    def attributes(self) -> Estimand:
        """The estimand by its five attributes, under the settings of the claim."""
        return self.phrases.filled(forms()[self.analysis].with_defaults(self.params), self.arms)

    @property
    def estimand(self) -> str:
        """The estimand in one line."""
        return self.own_words or str(self.attributes)

    @property
    def said_in(self) -> str:
        """Where it is said: the articles, or the study file."""
        if not self.articles:
            return "the study file"
        return f"article{'s' * (len(self.articles) > 1)} {', '.join(self.articles)}"

    def lines(self) -> list[str]:
        """Return the claim as lines of text."""
        lines = [
            f"{self.title} ({self.id})",
            f"said in {self.said_in}: {self.says}",
            *([f"tested by: {self.own_words}"] if self.own_words else []),
            *self.attributes.lines(),
            f"margin: {valued(fmt.as_entered(self.margin), self.unit)} ({self.rule}); "
            f"{self.margin_source}",
            f"columns needed: {', '.join(self.columns)}",
        ]
        return [*lines, f"the articles disagree: {self.contrary}"] if self.contrary else lines

    def __repr__(self) -> str:
        return "\n  ".join(self.lines())

    def _repr_html_(self) -> str:
        head, *rest = (escape(line) for line in self.lines())
        return f"<p><strong>{head}</strong><br>{'<br>'.join(rest)}</p>"


@cache
def registry() -> Mapping[str, Claim]:
    """Return every claim by id, in the order of the register."""
    return {key: _claim(key, raw) for key, raw in packaged("verdicts/claims/claims.toml").items()}


def _claim(key: str, raw: Mapping[str, Any]) -> Claim:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
    phrases = replace(forms()[raw["analysis"]].estimand, **given.pop("estimand", {}))
    return Claim(id=key, phrases=phrases, **given)


def claim(claim_id: str, own: Mapping[str, Claim] | None = None) -> Claim:
    """Return one claim.

    Parameters
    ----------
    claim_id : str
        Its id.
    own : mapping, optional
        Claims of a study file by id (see ``own_claims``), which may be asked for as well.

    Raises
    ------
    KeyError
        There is no such claim; the nearest ids are offered.

    Examples
    --------
    >>> import mnstudy as mn
    >>> mn.claim("more-sessions").articles
    ('B', 'D')
    """
    known = with_own(own)
    if claim_id not in known:
        raise KeyError(f"there is no claim {claim_id!r}: {nearest_claims(claim_id, known)}")
    return known[claim_id]


def nearest_claims(claim_id: str, known: Iterable[str]) -> str:
    """Offer the ids nearest to one that is not known."""
    return nearest(claim_id, known, "mn.claims() lists them all", n=3, cutoff=0.4)


def with_own(own: Mapping[str, Claim] | None) -> Mapping[str, Claim]:
    """Return every registered claim by id, and those of a study file after them."""
    return {**registry(), **(own or {})}


def select(
    claim_ids: str | Iterable[str] | None, own: Mapping[str, Claim] | None = None
) -> list[Claim]:
    """Return the named claims in the order asked for; all of them, own ones last, for None."""
    if claim_ids is None:
        return list(with_own(own).values())
    ids = [claim_ids] if isinstance(claim_ids, str) else list(claim_ids)
    return [claim(i, own) for i in ids]


def claims_table(own: Mapping[str, Claim] | None = None) -> pd.DataFrame:
    """Return the register, and the claims of a study file after it, as a table indexed by id."""
    fields = ["group", "title", "articles", "estimand", "columns", "rule", "margin", "unit"]
    fields += ["margin_source", "analysis", "contrary"]
    rows = {
        c.id: [", ".join(v) if isinstance(v := getattr(c, f), tuple) else v for f in fields]
        for c in with_own(own).values()
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=fields)
    return table.rename_axis("id")
