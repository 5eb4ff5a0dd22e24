"""What headings and words of a sheet mean, in the languages of ``words.toml``.

Reading a sheet and proposing how to read it share this vocabulary. It only suggests: a sheet is
read by what its study file says.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from mnstudy.cohort.schema.columns import BESIDE, columns
from mnstudy.packaged import packaged

NEAR = 0.85  # how alike two headings must be to be proposed as the same
MOST = 50_000  # words of sheets that are kept in mind
SHORTEST = 3  # a shorter word inside a longer text is chance
CERTAIN, LIKELY, ASK, REFUSED = "certain", "likely", "ask", "refused"
_FOLD = str.maketrans({"ı": "i", "ß": "ss", "µ": "u", "μ": "u", "ø": "o", "æ": "ae", "œ": "oe"})
_UMLAUT = str.maketrans({"ä": "a", "ö": "o", "ü": "u"})
_AND = re.compile(r"\s*(?:[+&]|\b(?:and|with|plus|mit|und|et|avec|con|y|ve|ile)\b)\s*", re.I)
_WITH_SUBSTANCES = ("needling", "rf_needling", "laser", "subcision")
_BRACKET = re.compile(r"[(\[{]([^)\]}]*)[)\]}]")
_RANGE = re.compile(r"\b\d+ \d+\b")


class Match(NamedTuple):
    """What a heading may be: a column of the contract, how certain that is, and why."""

    column: str
    certainty: str
    reason: str


@lru_cache(MOST)
def plain(word: str) -> str:
    """Write a word so that spellings of it compare equal.

    Capitals, accents, punctuation and the dot of a Turkish i do not count; ``ä``, ``ae`` and ``a``
    are one. Where nothing but punctuation stands, it is kept.

    >>> plain("Nadellänge (mm)"), plain("NADELLAENGE mm"), plain("KADIN"), plain("+")
    ('nadellange mm', 'nadellange mm', 'kadin', '+')
    """
    letters = unicodedata.normalize("NFC", word).replace("İ", "i").lower()
    letters = unicodedata.normalize("NFKD", letters.translate(_UMLAUT).translate(_FOLD))
    letters = "".join(c for c in letters if not unicodedata.combining(c)).translate(_FOLD)
    letters = re.sub(r"([aou])e", r"\1", letters)
    return " ".join(re.findall(r"[^\W_]+|%", letters)) or word.strip()


@cache
def words_of(*path: str) -> Mapping[str, tuple[str, ...]]:
    """Return a list of words of every language, by plain word with the names of the languages.

    >>> words_of("visits", "before")["vorher"]
    ('German',)
    """
    found: dict[str, tuple[str, ...]] = {}
    for table in packaged("cohort/loading/words.toml").values():
        words: Any = table
        for key in path:
            words = words.get(key, {})
        for word in dict.fromkeys(plain(w) for w in words):
            found[word] = (*found.get(word, ()), table["name"])
    return found


@cache
def words_in(*path: str) -> tuple[str, ...]:
    """Return every word of every language below a table, as it is written there.

    >>> "Bonnet" in words_in("persons"), "juillet" in words_in("persons", "months")
    (False, True)
    """
    found: dict[str, None] = {}
    for table in packaged("cohort/loading/words.toml").values():
        below: Any = table
        for key in path:
            below = below.get(key, {})
        found |= dict.fromkeys(_texts(below))
    return tuple(found)


def _texts(below: Any) -> Iterator[str]:
    if isinstance(below, str):
        yield below
        return
    for part in below.values() if isinstance(below, Mapping) else below:
        yield from _texts(part)


@cache
def _keys(*path: str) -> tuple[str, ...]:
    """Return what the languages have below a table: its columns, levels or units."""
    found: dict[str, None] = {}
    for table in packaged("cohort/loading/words.toml").values():
        below: Any = table
        for key in path:
            below = below.get(key, {})
        found |= dict.fromkeys(below)
    return tuple(found)


@cache
def _headings() -> dict[str, dict[str, str]]:
    """Return for each plain heading the columns it may be, with the reason."""
    found: dict[str, dict[str, str]] = {}
    for column in columns():
        found.setdefault(plain(column), {})[column] = "the contract's own name"
    for column in _keys("columns"):
        for word, languages in words_of("columns", column).items():
            known = f"a known word ({' and '.join(languages[:2])})"
            found.setdefault(word, {}).setdefault(column, known)
    return found


def column_of(heading: str) -> Match:
    """Return the most certain of what a heading may be; without a column where nothing fits.

    >>> column_of("Nadellänge (mm)")
    Match(column='needle_depth_mm', certainty='certain', reason='a known word (German)')
    """
    return next(iter(columns_of(heading)), Match("", ASK, "no known word"))


@cache
def columns_of(heading: str) -> tuple[Match, ...]:
    """Say which columns of the contract a heading may be, the most certain first.

    Parameters
    ----------
    heading : str
        As it stands in the sheet; of two heading rows ``upper / lower``.

    Returns
    -------
    tuple of Match
        ``certain`` for the contract's own name or a known word, also with a unit beside it;
        ``likely`` for the parts of two rows and for a similar word; ``ask`` where a known word is
        only a part. Empty where nothing fits.

    Examples
    --------
    >>> [match.column for match in columns_of("site")]
    ['site_id', 'clinic_id']
    """
    found: dict[str, Match] = {}
    for word, certainty, reason in _readings(heading):
        for column, why in _headings().get(word, {}).items():
            found.setdefault(column, Match(column, certainty, why + reason))
    return tuple(found.values()) or _similar(plain(heading)) or _inside(plain(heading))


def _readings(heading: str) -> Iterator[tuple[str, str, str]]:
    """Give the ways to read a heading: as it is, without its unit, in parts."""
    whole = plain(heading)
    yield whole, CERTAIN, ""
    bare = without_unit(heading)
    yield bare, CERTAIN, ""
    yield from ((word, LIKELY, ", words turned") for word in _turned(bare))
    parts = [without_unit(part) for part in heading.split(" / ")]
    if len(parts) > 1:
        yield parts[-1], LIKELY, ", lower of two headings"
        yield from ((part, ASK, ", upper of two headings") for part in parts[:-1])


def _turned(words: str) -> Iterator[str]:
    parts = words.split()
    if len(parts) == 2:
        yield " ".join(reversed(parts))


@cache
def without_unit(heading: str) -> str:
    """Return a heading in plain letters without what stands in brackets, units and ranges.

    >>> without_unit("Satisfacción (1-4)"), without_unit("Tiefe mm")
    ('satisfaccion', 'tiefe')
    """
    bare = plain(_BRACKET.sub(" ", heading))
    kept = [w for w in _RANGE.sub(" ", bare).split() if w not in _heading_units()]
    return " ".join(kept) or bare


def brackets(heading: str) -> tuple[str, ...]:
    """Return what stands in brackets in a heading."""
    return tuple(x.strip() for x in _BRACKET.findall(heading))


@cache
def _heading_units() -> Mapping[str, str]:
    """Return the words for a unit that mean nothing else in a heading."""
    sizes = ("mm", "um", "cm", "percent")
    return {word: unit for word, unit in units().items() if unit in sizes}


@cache
def units() -> Mapping[str, str]:
    """Return every plain word for a unit, with the unit: mm, um, cm, percent, times, days, ...

    A word of two units in two languages (j: jour, Jahr) is none.
    """
    found: dict[str, list[str]] = {}
    for unit in _keys("units"):
        for word in words_of("units", unit):
            found.setdefault(word, []).append(unit)
    return {word: of[0] for word, of in found.items() if len(of) == 1}


def unit_of(heading: str) -> str:
    """Return the unit that a heading names, or an empty text.

    >>> unit_of("Tiefe (µm)"), unit_of("Interval (days)"), unit_of("Abstand Wochen")
    ('um', 'days', 'weeks')
    """
    for part in (*brackets(heading), *plain(heading).split()[-1:]):
        word = plain(part)
        if word in units() and (len(word) > 1 or word == "%"):
            return units()[word]
    return ""


def _similar(heading: str) -> tuple[Match, ...]:
    known = [word for word in _headings() if _digits(word) == _digits(heading)]
    near = difflib.get_close_matches(heading, known, n=1, cutoff=NEAR)
    if not near:
        return ()
    return tuple(Match(c, LIKELY, f'like "{near[0]}"') for c in _headings()[near[0]])


def _digits(word: str) -> list[str]:
    """Return what tells alike headings apart: digits, and letters that stand alone."""
    return [t for t in re.findall(r"\d+|\w+", word) if t.isdigit() or len(t) == 1]


def _inside(heading: str) -> tuple[Match, ...]:
    """Find the longest known word that is a part of the heading, at one of its ends."""
    tokens = heading.split()
    for size in range(len(tokens) - 1, 0, -1):
        for part in (" ".join(tokens[:size]), " ".join(tokens[-size:])):
            if part in _headings() and len(part) > SHORTEST:
                return tuple(Match(c, ASK, f'"{part}" is a part of it') for c in _headings()[part])
    return ()


@cache
def _levels(column: str) -> Mapping[str, str]:
    """Return the level of each plain word; a word of two levels has none."""
    spec = columns().get(column)
    own = {plain(level): level for level in spec.levels} if spec else {}
    found: dict[str, set[str]] = {}
    for level in _keys("levels", column):
        for word in words_of("levels", column, level):
            found.setdefault(word, set()).add(level)
    return {word: min(levels) for word, levels in found.items() if len(levels) == 1} | own


@lru_cache(MOST)
def level_of(column: str, word: str) -> str:
    """Return the level of a column that a word stands for.

    Parameters
    ----------
    column : str
        Of the contract; also a number column whose words have usual numbers (satisfaction_score,
        baseline_severity) or ranges (improvement_score).
    word : str
        As it stands in the sheet.

    Returns
    -------
    str
        The level as the contract writes it; the number or range as text; empty where the word is
        not known, or fits several levels.

    Examples
    --------
    >>> level_of("scar_type", "Rolling acne scars"), level_of("scar_type", "boxcar and rolling")
    ('acne_rolling', '')
    >>> level_of("satisfaction_score", "sehr zufrieden")
    '10'
    """
    exact = _levels(column).get(plain(word))
    if exact is not None:
        return exact
    tokens = [t for t in plain(word).split() if t not in words_of("filler")]
    if not tokens or any(t in words_of("negation") for t in tokens):
        return ""
    bare = _levels(column).get(" ".join(tokens))
    if bare is not None:
        return bare
    spec = columns().get(column)
    whole = spec is None or spec.numeric or column == "phototype"  # II-III is neither
    found = set() if whole else _contained(column, tokens)
    return found.pop() if len(found) == 1 else ""


def level_among(column: str, word: str, others: Collection[str]) -> str:
    """Return what a word means; empty where the other words of its column leave it open.

    Of an arm with a substance it is both, see ``arm_of``.

    >>> level_among("sex", "M", ["M", "F"]), level_among("sex", "M", ["M", "H"])
    ('male', '')
    """
    spanish = column == "sex" and plain(word) == "m" and {"h", "v"} & {plain(x) for x in others}
    if spanish:  # M beside H is mujer
        return ""
    return (arm_of(word) if column == "treatment" else "") or level_of(column, word)


def _contained(column: str, tokens: list[str]) -> set[str]:
    """Return the levels of the longest known words inside a text."""
    found: set[str] = set()
    taken: set[int] = set()
    for size in range(len(tokens), 0, -1):
        for start in range(len(tokens) - size + 1):
            part = " ".join(tokens[start : start + size])
            place = set(range(start, start + size))
            if part in _levels(column) and len(part) >= SHORTEST and not place & taken:
                taken |= place
                found.add(_levels(column)[part])
    return found


def arm_of(word: str) -> str:
    """Return what a word of an arm means where it names a treatment and a substance with it.

    >>> arm_of("MN+PRP"), arm_of("Needling mit Vitamin C"), arm_of("TCA peel")
    ('needling + prp', 'needling + vitamin_c', '')
    """
    first, _, second = _AND.sub("\0", word, count=1).partition("\0")
    treatment = level_of("treatment", first) or level_of("treatment", word)
    substance = level_of("adjunct", second) or level_of("adjunct", word)
    both = treatment in _WITH_SUBSTANCES and substance not in ("", "none")
    return f"{treatment}{BESIDE}{substance}" if both else ""


@cache
def is_missing(word: str) -> bool:
    """Tell whether a cell says that its value is not known.

    >>> is_missing("k.A."), is_missing("-"), is_missing(""), is_missing("keine")
    (True, True, True, False)
    """
    return not word.strip() or plain(word) in words_of("missing")


def truth_of(word: str) -> bool | None:
    """Read a yes or a no in any of the languages; None where the word is neither.

    >>> truth_of("ja"), truth_of("Hayır"), truth_of("Rötung 2 Tage")
    (True, False, None)
    """
    answers = {"1": True, "0": False, **dict.fromkeys(words_of("no"), False)}
    return (answers | dict.fromkeys(words_of("yes"), True)).get(plain(word))
