"""Single cells as people write them: a number with its unit, a range, an estimate, a grade."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from mnstudy.cohort.loading.vocabulary import MOST, plain, units, words_of
from mnstudy.cohort.schema.columns import FACTORS

# the unit of a column as people write it in a cell, where it is another word
_OWN = {"sessions": "times", "points of 10": "points"}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)")
# 1.250,5 and 1,250.5
_PARTED = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:[. ]\d{3})+,|(?:[, ]\d{3})+\.)\d+(?![\d.,])")
_DOUBT = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_GRADES = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6} | {str(n): n for n in range(1, 7)}
_MORE, _LESS = re.compile(r"^(?:>=?|≥)"), re.compile(r"^(?:<=?|≤)")
Range = tuple[float, float]


def number_with_unit(text: str, unit: str) -> float | None:
    """Read a cell that holds one number, alone or with its unit before or after it.

    Parameters
    ----------
    text : str
        The cell, as "1,5 mm", "1500 µm", "4x", "%45" or "1 month".
    unit : str
        Unit of the column in the contract: mm, micrometres, percent, weeks, days, sessions,
        "points of 10"; also years. With any other a number alone is read.

    Returns
    -------
    float or None
        In the unit of the column (a month is 365.25 / 12 days); None for two numbers, another unit
        or other words.

    Examples
    --------
    >>> number_with_unit("1500 µm", "mm"), number_with_unit("%45", "percent")
    (1.5, 45.0)
    >>> number_with_unit("1.0-1.5 mm", "mm") is None
    True
    """
    cell = _PARTED.sub(lambda found: re.sub("[., ](?=.*[.,])", "", found[0]), _tidy(text))
    numbers = list(_NUMBER.finditer(cell))
    if len(numbers) > 1 and unit == "points of 10":
        cell = re.sub(r"(?:/|\b(?:of|von|de|sur)) ?10$", "points", cell)
        numbers = list(_NUMBER.finditer(cell))
    if len(numbers) != 1:
        return None
    found = numbers[0]
    value, around = _value(found[0]), (cell[: found.start()] + " " + cell[found.end() :]).strip()
    if set(around) & set("<>≤≥"):  # a limit, not a value
        return None
    if not around:
        return value
    if set(around) - {"."} and plain(around.strip(" .")) in units():
        own = units()[plain(around.strip(" ."))]
        factor = 1.0 if own == _OWN.get(unit, unit) else FACTORS.get(unit, {}).get(own)
        doubt = own == "um" and _DOUBT.fullmatch(found[0])  # 1.500 µm is 1500 or 1.5
        return None if factor is None or doubt else round(value * factor, 9)
    return None


def range_of(text: str) -> Range | None:
    """Read a class of improvement in percent: both ends, or one end and a limit.

    Examples
    --------
    >>> range_of(">75"), range_of("< 25 %"), range_of("25-49 %"), range_of("25 bis 50")
    ((75.0, 100.0), (0.0, 25.0), (25.0, 49.0), (25.0, 50.0))
    >>> range_of("good (51-75 %)")
    (51.0, 75.0)
    >>> range_of("45 %") is None
    True
    """
    named = re.fullmatch(r"[^\d(]*\(([^()]*\d[^()]*)\)", text.strip())  # good (50-75 %)
    cell = _tidy(named[1] if named else text)
    cell = re.sub(r"%|\b(?:percent|prozent|yüzde)\b", " ", cell).strip(" ()")
    cell = re.sub(r"(?<=\d)\s*(?:-|–|—|\.\.\.?|…)\s*(?=\d)", " - ", cell)
    numbers = [_value(x) for x in _NUMBER.findall(cell)]
    words = _NUMBER.sub(" ", cell)
    if len(numbers) == 1:
        ends = _one_end(numbers[0], words.strip(), trailing=cell.endswith("+"))
    elif len(numbers) == 2 and (words.strip() == "-" or plain(words) in words_of("to")):
        ends = (numbers[0], numbers[1])
    else:
        return None
    return ends if ends and 0 <= ends[0] < ends[1] <= 100 else None


def _one_end(number: float, words: str, *, trailing: bool) -> Range | None:
    if _MORE.match(words) or plain(words) in words_of("more") or trailing:
        return number, 100.0
    if _LESS.match(words) or plain(words) in words_of("less"):
        return 0.0, number
    return None


def classes_of(texts: Iterable[str]) -> dict[str, Range]:
    """Read the classes of a column together, so that one begins where the one before it ends.

    Whole numbers that follow each other ("25-49", "50-74") are one limit: 25 to 50, 50 to 75;
    where the lower class ends on the rounder number ("26-50", "51-75") that one counts.

    Examples
    --------
    >>> classes_of(["<25", "25-49", "50-74", ">=75"])["25-49"]
    (25.0, 50.0)
    >>> classes_of(["1-25", "26-50", "51-75", "76-100"])["51-75"]
    (50.0, 75.0)
    """
    found = {text: ends for text in texts if (ends := range_of(text)) is not None}
    starts, stops = ({ends[i] for ends in found.values()} for i in (0, 1))

    def joined(low: float, high: float) -> Range:
        if low - 1 in stops and low % 5:
            low -= 1
        return low, high + 1 if high + 1 in starts and high % 5 else high

    first = min(starts, default=0)  # "1-25" as the lowest of all: from 0
    moved = {text: joined(*ends) for text, ends in found.items()}
    return {t: (0.0 if low == first == 1 else low, high) for t, (low, high) in moved.items()}


def about(text: str) -> float | None:
    """Read a number that is said to be about right, in percent or without a unit.

    >>> about("ca. 50%"), about("~50"), about("50") is None
    (50.0, 50.0, True)
    """
    cell = _tidy(text)
    rest = re.sub(r"^[~≈∼]\s*", "", cell)
    lead, trail = re.match(r"[^\d%+-]+", cell), re.search(r"[^\d%]+$", cell)
    if rest == cell and lead and plain(lead[0]) in words_of("about"):
        rest = cell[lead.end() :]
    elif rest == cell and trail and plain(trail[0]) in words_of("about"):
        rest = cell[: trail.start()]
    return None if rest == cell else number_with_unit(rest, "percent")


def grade_of(text: str) -> int | None:
    """Read a grade, a stage or a type: a number from 1 to 6 or a Roman one, after its word.

    >>> grade_of("Gr. III"), grade_of("GB 4"), grade_of("evre 2"), grade_of("GB 2-3")
    (3, 4, 2, None)
    """
    if re.search(r"\d\s*[-–/,.]\s*\d", text):
        return None
    words = re.sub(r"(?<=[^\W\d])(?=\d)", " ", plain(text)).split()  # "Gr3"
    if not words or (len(words) > 1 and " ".join(words[:-1]) not in words_of("grade")):
        return None
    return _GRADES.get(words[-1])


@lru_cache(MOST)
def _tidy(text: str) -> str:
    cell = text.strip().lower().replace("−", "-").replace("\u00a0", " ").replace("\u202f", " ")
    cell = cell.replace("&gt;", ">").replace("&lt;", "<")
    return re.sub(r"\s+", " ", cell)


def _value(number: str) -> float:
    return float(number.replace(",", "."))
