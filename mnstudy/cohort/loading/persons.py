"""What in a text identifies a person: mails, phones, dates of birth, numbers, addresses, names."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib import import_module
from itertools import pairwise

from mnstudy.cohort.loading.vocabulary import MOST, plain, words_in, words_of
from mnstudy.cohort.scales import registry
from mnstudy.cohort.schema.columns import columns

MAIL, PHONE, BIRTH, NUMBER = "a mail address", "a phone number", "a date of birth", "a number"
ADDRESS, NAME = "an address", "a name"
REFUSED = (MAIL, PHONE, BIRTH, NUMBER)  # wherever they stand; the others in ids alone
_CAP = "[A-ZÀ-ÖØ-ÞĀ-ſЀ-Я]"  # of ſ and its like only every second is one: enough for a hint
_REGIONS = ("DE", "AT", "CH", "FR", "GB", "ES", "IT", "TR", "CN", "US", "NL", "BE")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_MAIL = re.compile(
    r"[\w.+-]+ ?(?:@|[(\[] ?at ?[)\]]) ?[\w-]+(?: ?(?:\.|[(\[] ?dot ?[)\]]) ?[\w-]+)+", re.I
)
_CITED = re.compile(r"https?://\S+|\b10\.\d{4,}/\S+|\bdoi:\S+", re.I)
_RUN = re.compile(r"(?<![\w.,])\(?\+?\d[\d ()/.-]{5,}\d(?!\w)")
# phone numbers as they are written without the sign of a country: mobile ones as digits alone
_MOBILE = re.compile(r"0(?:1[5-7]|[5-7])\d{8,9}|1[3-9]\d{9}")
_AMERICAN = re.compile(r"(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}")
_SPACED = re.compile(r"\(?0[1-9].*[ /()].*|[67]\d\d(?: \d{2,3}){2,3}|5\d\d \d{3} \d\d \d\d")
_HYPHENED = re.compile(r"0[1-9]\d+[.-]\d[\d.-]{4,}|0[1-9](?:[.-]\d\d){4}")
_BIRTH = r"(?:19\d\d|200\d|201[0-2])"
_MD = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_DM = r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])"
DIGITS = rf"{_BIRTH}{_MD}|{_DM}{_BIRTH}|[3-9]\d{_MD}|{_DM}[3-9]\d"
DATES = (
    re.compile(r"(?<![\d.])(?P<d>\d{1,2})(?P<s>[./-])(?P<m>\d{1,2})(?P=s)(?P<y>\d{4}|\d\d)(?!\d)"),
    re.compile(r"(?<!\d)(?P<y>\d{4})[./年-] ?(?P<m>\d{1,2})[./月-] ?(?P<d>\d{1,2})(?!\d)日?"),
    re.compile(
        r"\b(?P<d>\d{1,2})\.?[ -]*(?:de )?(?P<w>[^\W\d_]{3,})\.?,?[ -]*(?:del? )?"
        r"(?P<y>\d{4}|\d\d)(?!\d)"
    ),
    re.compile(r"\b(?P<w>[^\W\d_]{3,})\.?[ -](?P<d>\d{1,2})(?:st|nd|rd|th)?,?[ -](?P<y>\d{4})\b"),
)
# numbers of registers: their form, and the module of stdnum that knows their check digits
_REGISTERS = tuple(
    (re.compile(rf"(?<![\w.])(?:{form})(?!\w)"), module)
    for form, module in (
        (r"[A-Z]{2}\d\d(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?", "iban"),
        (r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "de.idnr"),
        (r"\d{11}", "tr.tckimlik"),
        (r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d", "ch.ssn"),
        (r"\d{4} ?\d{6}", "at.vnr"),
        (r"\d{3}[ -]?\d{3}[ -]?\d{4}", "gb.nhs"),
        (r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d", "fr.nir"),
        (r"[12] \d\d (?:0\d|1[0-2]) \d[\dAB] \d{3} \d{3} \d\d", "-"),
        (r"\d{8}[ -]?[A-Z]", "es.dni"),
        (r"[XYZ][ -]?\d{7}[ -]?[A-Z]", "es.nie"),
        (r"\d{3}-(?!0\d-00)\d\d-\d{4}", "us.ssn"),
        (r"\d{17}[\dX]", "cn.ric"),
        (r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", "it.codicefiscale"),
        (r"[A-Z]\d{9}", ""),
        (r"\d\d ?(?:[04][1-9]|[1256]\d|[37][01]|8[01])(?:0[1-9]|1[0-2])\d\d ?[A-Z] ?\d{3}", "-"),
    )
)
_LONG = re.compile(r"(?:\d[ -]?[A-Z]?){7}|756\.")  # what every such number holds
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
CAMEL = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")
HAN = re.compile("[\u4e00-\u9fff]{2,4}")
# endings of words that are no names: Leichte Rötung, Buena evolución
_NO_NAME = re.compile(
    r"(?:e[nms]|ung(?:en)?|heit|keit|schaft|[tsc]ion(?:es)?|tät|ment|ing|isch|lich|frei|ado|ada"
    r"|idad|eux|euse|ique|able|al|ive|ed|ly|lar|ler|l[iı]k|ness|ity|ous|ar|id|ic|ico|ica)$"
)


@lru_cache(MOST)
def identifying(text: str, *, prose: bool = False) -> str:
    """Say what in a text identifies a person, or an empty text.

    Parameters
    ----------
    text : str
        An id; with ``prose`` any other cell, a heading, or a text of a study file, where single
        words and dates of today are no names and no dates of birth.

    Examples
    --------
    >>> identifying("Hans_Mueller"), identifying("12-Mar-1985"), identifying("01-701-1000")
    ('a name', 'a date of birth', '')
    >>> identifying("Kontrolle am 12.03.2024", prose=True), identifying("Frau Schmidt", prose=True)
    ('', 'a name')
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    text = _OTHER_DIGIT.sub(lambda found: str(unicodedata.digit(found[0])), text)
    bare = _CITED.sub(" ", text)
    digits = len(re.findall("[0-9]", bare))
    if any(sign in text for sign in "@([") and _MAIL.search(text):
        return MAIL
    if digits >= 4 and ((digits >= 7 and _register(bare)) or _record(bare)):
        return NUMBER
    if digits >= 5 and _birth(bare, prose=prose):
        return BIRTH
    if digits >= 7 and _phone(bare, prose=prose):
        return PHONE
    if digits and _may_be_street(text) and any(p.search(text) for p in _streets()):
        return ADDRESS
    return NAME if (_name_in(bare) if prose else _name_as_id(text)) else ""


def _register(text: str) -> bool:
    for form, module in _REGISTERS if _LONG.search(text) else ():
        for found in form.finditer(text):
            number = found[0]
            if module == "-" or (not module and _german_or_taiwanese(number)):
                return True
            if module == "iban":  # words in capitals may follow it
                whole = number.replace(" ", "")
                known = import_module("stdnum.iban").is_valid
                if any(known(whole[:size]) for size in range(len(whole), 14, -1)):
                    return True
            elif len(module) > 1 and import_module(f"stdnum.{module}").is_valid(number):
                return True
    return False


def _german_or_taiwanese(number: str) -> bool:
    """Tell whether a letter and nine digits are a KVNR, or a number of an identity card."""
    place = ord(number[0]) - ord("A") + 1
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(f"{place:02d}{number[1:9]}")]
    if sum(d // 10 + d % 10 for d in doubled) % 10 == int(number[9]):
        return True
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0]) + 10
    rest = sum(int(d) * w for d, w in zip(number[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True))
    return number[1] in "12" and (code // 10 + code % 10 * 9 + rest) % 10 == 0


def _record(text: str) -> bool:
    """Tell whether a number stands behind the word for a record or a register."""
    numbers = re.finditer(r"\d[\d ]{3,}", text)
    return any(_records().search(text[max(0, n.start() - 30) : n.start()]) for n in numbers)


@cache
def _records() -> re.Pattern[str]:
    words = sorted(set(_raw("record")) - set(_han("record")), key=len, reverse=True)
    latin = "|".join(r"[\W_]{0,2}".join(map(re.escape, word.split())) for word in words)
    return re.compile(rf"(?i)(?:\b(?:{latin})\b|{'|'.join(_han('record'))})\D{{0,8}}$")


def _birth(text: str, *, prose: bool) -> bool:
    """Tell whether a date is one of birth: in ids any, else by its year or the word before it."""
    if not prose and re.fullmatch(DIGITS, text):
        return True
    for pattern in DATES:
        for found in pattern.finditer(text):
            year = _year(found)
            before = text[: found.start()][-30:]
            words = set(plain(before).split()[-4:])
            born = not words.isdisjoint(words_of("persons", "birth")) or before.rstrip()[-1:] == "*"
            whole = not re.search(r"[^\W\d]", text[: found.start()] + text[found.end() :])
            old = year <= (2004 if prose else 2012)
            if year and (old or born or (whole and not prose)):
                return True
    found_digits = re.search(rf"\b(?:{DIGITS})\b", text)
    if prose and found_digits:
        before = plain(text[: found_digits.start()])[-30:]
        return not set(before.split()[-3:]).isdisjoint(words_of("persons", "birth"))
    return any(word in text for word in _han("birth")) and bool(re.search(r"\d{4}", text))


def _year(found: re.Match[str]) -> int:
    """Return the year of a date that may be one of birth, or 0."""
    parts = found.groupdict()
    day, year = int(parts["d"]), int(parts["y"])
    if "w" in parts:
        word = plain(parts["w"])
        months = words_of("persons", "months")
        if not any(m == word or (len(word) in (3, 4) and m.startswith(word)) for m in months):
            return 0
        month = 1
    else:
        month = int(parts["m"])
    if len(parts["y"]) == 2:  # 12-05-21 is an id, 12.3.85 none
        year = 0 if year < 30 or parts.get("s") == "-" else 1900 + year
    good = 1 <= day <= 31 and 1 <= month <= 31 and min(day, month) <= 12
    return year if good and 1900 <= year <= 2035 else 0


def _phone(text: str, *, prose: bool) -> bool:
    if not any(len(re.findall(r"\d", run)) >= 9 for run in _RUN.findall(text)):
        return False
    for pattern in DATES:
        text = pattern.sub(" ", text)
    return any(_is_phone(run.strip(" -/."), prose=prose) for run in _RUN.findall(text))


def _is_phone(run: str, *, prose: bool) -> bool:
    regions: tuple[str, ...]
    digits = "".join(c for c in run if c.isdigit())
    if run.startswith(("+", "(+", "00")):
        number, regions = "+" + digits.removeprefix("00"), _REGIONS[:1]
        forms = 9 <= len(digits) <= 15
    else:
        number, regions = run, _REGIONS
        loose = _MOBILE.fullmatch(digits) or _AMERICAN.fullmatch(run) or _SPACED.fullmatch(run)
        forms = 9 <= len(digits) <= 13 and bool(loose or (prose and _HYPHENED.fullmatch(run)))
    if not forms:
        return False
    import phonenumbers

    strict = phonenumbers.Leniency.VALID
    return any(phonenumbers.PhoneNumberMatcher(number, r, strict).has_next() for r in regions)


def _may_be_street(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.lower())
    around = not set(words).isdisjoint((*_raw("street_before"), *_raw("street_after")))
    return around or any(w.endswith(_raw("street_ending")) for w in words) or "号" in text


@cache
def _streets() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of addresses: a street and its number."""
    end, after, before = (
        "|".join(sorted(map(re.escape, _raw("street_" + x)), key=len, reverse=True))
        for x in ("ending", "after", "before")
    )
    apart = "|".join(
        word.capitalize() for word in _raw("street_ending") if len(word) > 3 or word == "weg"
    )
    no = r",?\s?(?:n[o°º]?[.:]?\s?)?\d{1,4}\b"
    joint = r"[./]?\s?(?:(?:de|du|des|del|la|le|les|los|las)\s|l['’]|d['’])*"
    return (
        re.compile(
            rf"(?<!\w){_CAP}[^\W\d_]*(?:-[^\W\d_]+)*?(?:-?(?i:{end})| (?:{apart}))"
            r"\.?\s?\d{1,4}[a-z]?\b"
        ),
        re.compile(rf"\b\d{{1,4}}\s?(?:bis|ter)?,?\s(?i:{before})\b{joint}{_CAP}"),
        re.compile(rf"\b(?i:{before})\b{joint}{_CAP}[\w .'’-]{{1,30}}?(?i:{no})"),
        re.compile(rf"\b\d{{1,5}}[a-zA-Z]?,?\s(?:{_CAP}[\w'’.-]+\s){{1,3}}(?i:{after})\b"),
        re.compile(rf"{_CAP}\w+\s(?i:{after})\b\.?[^\d\n]{{0,15}}\d{{1,4}}\b"),
        re.compile("[\u4e00-\u9fff](?:路|街|道|巷|弄)\\d+号"),
    )


def _raw(key: str) -> tuple[str, ...]:
    return words_in("persons", key)


@cache
def _han(key: str) -> tuple[str, ...]:
    return tuple(word for word in _raw(key) if not word.isascii() and HAN.match(word))


# Names


@cache
def _names() -> frozenset[str]:
    """Return given and family names that are no words of a sheet, plain."""
    every = {*words_of("persons", "given"), *words_of("persons", "family")}
    return frozenset(w for w in every if w in words_of("persons", "given") or w not in _known())


@cache
def _known() -> frozenset[str]:
    """Return all words of the vocabulary, the contract and the scales that are no names."""
    texts = [w for w in words_in() if w not in (*_raw("given"), *_raw("family"))]
    for spec in columns().values():
        texts += [spec.name, *spec.levels]
    for scale in registry().values():
        texts += [scale.name, *scale.aliases]
    return frozenset(word for text in texts for word in plain(text).split())


def _strange(word: str) -> bool:
    return plain(word) not in _known() and not set(plain(word).split()) <= _known()


def _speakable(word: str) -> bool:
    """Tell whether letters may be a word of a language, and no code."""
    sounds = re.sub("t?sch|[cpst]h|ck|st", "s", plain(word))
    return bool(re.search("[aeiouy]|[^a-z]", sounds)) and not re.search(
        "[b-df-hj-np-tv-xz]{4}", sounds
    )


def _name_as_id(text: str) -> bool:
    words = _WORD.findall(CAMEL.sub(" ", text))
    places = words_of("persons", "places")
    if re.fullmatch(rf"{_CAP}\.\s?-?{_CAP}\.?", text) or re.fullmatch(rf"{_CAP}[a-zß-ÿ]", text):
        return True
    if any(_is_name(w) and len(w) > 2 for w in words):
        return len(re.findall(r"\d+", text)) <= 1 or " " in text
    if any(plain(w) in places for w in words):
        return False
    numbers = re.findall(r"\d+", text)
    dated = len(numbers) == 1 and re.fullmatch(r"19\d\d|200\d|[4-9]\d", numbers[0])
    if numbers and not dated:
        return False
    return any(_like_a_name(w) for w in words if _strange(w))


def _like_a_name(word: str) -> bool:
    if word.lower() == word.upper():  # no capitals in this script
        return 2 <= len(word) <= 4 if HAN.match(word) else len(word) > 2
    if "'" in word or "’" in word:
        return word[0].isupper()
    if word[0].isupper() and word[1:].islower():
        return len(word) > 2
    return len(word) >= (5 if word.isupper() else 4) and _speakable(word)


@cache
def _titles() -> re.Pattern[str]:
    before, after = ("|".join({w.capitalize() for w in _raw(x)}) for x in ("before", "after"))
    name = rf"({_CAP}[^\W\d_]+(?:['’-]{_CAP}?[^\W\d_]+)*)"
    return re.compile(
        rf"\b(?:{before})\b\.?\s(?:(?:{before}|med|{_CAP})\b\.?\s)*{name}|{name}\s(?:{after})\b"
        rf"|[\u4e00-\u9fff]{{1,2}}(?:{after})"
    )


def _name_in(text: str) -> bool:
    for found in _titles().finditer(text):
        if not any(found.groups()) or _strange(found[1] or found[2]):
            return True
    return _named_pair(text) or _named_cell(text)


def _named_pair(text: str) -> bool:
    """Tell whether a known name stands beside a capital or another one."""
    found = list(_WORD.finditer(text))
    given = words_of("persons", "given")
    for i in [i for i, word in enumerate(found) if plain(word[0]) in given]:
        name = found[i][0]
        for one, two in pairwise(found[max(0, i - 1) : i + 2]):
            other = two[0] if one is found[i] else one[0]
            beside = text[one.end() : two.start()] in (" ", ", ", "-", "_", ".", ". ")
            capital = name[0] == name[0].upper() and other[0] == other[0].upper()
            if beside and capital and (_strange(other) or len(other) == 1 or _is_name(other)):
                return True
    return False


def _is_name(word: str) -> bool:
    return plain(word) in _names()


def _named_cell(text: str) -> bool:
    """Tell whether a whole text is a name: one that is known, or several words with capitals."""
    if re.search(r"[^\w\s,.'’_-]|\d", text):
        return False
    words = _WORD.findall(CAMEL.sub(" ", text))
    if HAN.fullmatch(text):
        first = text[:1] in _raw("family") or text[:2] in _raw("family")
        return first and _strange(text) and not any(w in text for w in _han("ordinary"))
    if not 1 <= len(words) <= 4:
        return False
    known = [_is_name(w) for w in words]
    if len(words) == 1:
        return known[0] and len(words[0]) > 2
    strange = all(_strange(w) or k for w, k in zip(words, known, strict=True))
    if any(known):
        return strange
    capitals = all((w.istitle() or w.isupper()) and len(w) > 2 for w in words)
    spaced = re.fullmatch(r"[^\W\d_'’]+(?:[,\s]+[^\W\d_'’]+)+", text)
    wordlike = any(_NO_NAME.search(plain(w)) for w in words)
    return bool(strange and capitals and spaced and not wordlike and all(map(_speakable, words)))
