"""What each analysis estimates and which settings it takes, read from ``settings.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from string import Formatter
from typing import Any

from mnstudy.packaged import packaged

DEPTHS = {"needle_depth_at_most": "up to", "needle_depth_over": "over"}
_NOT_ALONE = {"untreated", "sham", "topical"}  # what nothing was added to, or is alone by its name
_NAMES: Mapping[str, Mapping[str, str]] = {
    "treatment": {
        "rf_needling": "radiofrequency needling",
        "peel": "chemical peel",
        "topical": "topical alone",
        "prp_injection": "injection of PRP",
        "other": "another treatment",
    },
    "adjunct": {"prp": "PRP", "tca": "TCA", "other": "another topical", "none": "no topical"},
    "setting": {"home": "at home", "clinic": "in the clinic"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimand:
    """What is estimated, by the five attributes of ICH E9(R1).

    Attributes
    ----------
    population : str
        Of whom.
    treatments : str
        What is compared with what.
    variable : str
        What is measured, and when.
    intercurrent_events : str
        What happens to a result after drop-out, further treatment, fewer sessions or a missed
        visit.
    summary : str
        The number that sums it up over the population.

    Notes
    -----
    ICH E9(R1), 2019: addendum on estimands and sensitivity analysis in clinical trials,
    https://www.ich.org/page/efficacy-guidelines. As an analysis and a claim state them, the texts
    have blanks for settings, which ``filled`` fills.
    """

    population: str
    treatments: str
    variable: str
    intercurrent_events: str
    summary: str

    def filled(self, params: Mapping[str, Any], own: Mapping[str, str] | None = None) -> Estimand:
        """Return the estimand under these settings, in words; ``own`` are names of arms."""
        arms = {k: arm_name(v, own) for k, v in params.items() if isinstance(v, Mapping)}
        said = {**(own or {}), **params, **arms}
        texts = {name: _PHRASE.vformat(text, (), said) for name, text in asdict(self).items()}
        return Estimand(**texts)

    def attributes(self) -> dict[str, str]:
        """Return each attribute by its name in words."""
        return {name.replace("_", " "): text for name, text in asdict(self).items()}

    def lines(self) -> list[str]:
        """Return the five attributes as lines of text."""
        return [f"{name}: {text}" for name, text in self.attributes().items()]

    def __str__(self) -> str:
        """Write the estimand in one line; what happens to intercurrent events is left out."""
        return f"{self.summary}: {self.variable}; {self.treatments}; {self.population}"


class _Phrase(Formatter):
    """Fill the blanks of an estimand: ``{name}`` is a setting in words.

    ``{name: more words}`` are words that stand only where the setting is given, ``{name=word:
    more words}`` only where it is this word, ``{name=:more words}`` only where it is not given;
    they may have blanks themselves.
    """

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        name, asked, word = str(key).partition("=")
        return kwargs.get(name, "") == word if asked else kwargs.get(name)

    def format_field(self, value: Any, spec: str) -> str:
        if value is None or value is False:
            return ""
        return spec or _in_words(value)


_PHRASE = _Phrase()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of an analysis; the attributes are explained in ``settings.toml``."""

    name: str
    kind: str
    required: bool = False
    of: str = ""
    holds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    default: str = ""
    depth: bool = False
    together: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an analysis estimates, and the settings it takes by name.

    ``unit`` is empty where it follows from the outcome or has to be given; ``null`` is the value of
    no effect.
    """

    analysis: str
    estimand: Estimand
    unit: str = ""
    null: float = 0.0
    rules: tuple[str, ...]
    columns: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def columns_for(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Return every column the analysis cannot do without under these settings."""
        named = [c for s in self.settings.values() for c in _columns_of(s, params)]
        return tuple(dict.fromkeys([*self.columns, *named]))

    def with_defaults(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings, and those not given at their usual value where they have one."""
        return {n: s.default for n, s in self.settings.items() if s.default} | dict(params)


@cache
def forms() -> Mapping[str, Form]:
    """Return what every analysis takes, by its name.

    Examples
    --------
    >>> list(forms()["share"].settings)
    ['outcome', 'at_least', 'when']
    """
    raw = dict(packaged("verdicts/claims/settings.toml"))
    events = raw.pop("intercurrent_events")
    return {analysis: _form(analysis, entry, events) for analysis, entry in raw.items()}


def form_of(analysis: str, params: Mapping[str, Any]) -> Form:
    """Return what an analysis takes; two arms with an outcome of one's own are a change."""
    own = analysis == "arm_contrast" and "better" in params
    return forms()["change" if own else analysis]


def _form(analysis: str, raw: Mapping[str, Any], events: Mapping[str, str]) -> Form:
    settings = {n: Setting(name=n, **_tuples(s)) for n, s in raw["settings"].items()}
    handled = "; ".join(events[name] for name in raw["estimand"]["intercurrent_events"])
    estimand = Estimand(**{**raw["estimand"], "intercurrent_events": handled})
    return Form(analysis=analysis, **{**_tuples(raw), "settings": settings, "estimand": estimand})


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}


def _columns_of(setting: Setting, params: Mapping[str, Any]) -> Iterator[str]:
    """Name the columns that one setting speaks of."""
    value = params.get(setting.name, setting.default)
    if not value:
        return
    if setting.kind == "column":
        yield value
    elif setting.kind == "events":
        yield from value
    elif setting.kind == "levels" and setting.of not in params:
        yield setting.of
    elif setting.kind == "arm":
        # a sheet without the column has no adjuncts, so that "none" needs no column
        free = value.get("adjunct") in (["none"], ("none",))
        yield from (column_of(key) for key in sorted(value) if key != "adjunct" or not free)


def column_of(key: str) -> str:
    """Return the column that a key of an arm speaks of."""
    return "needle_depth_mm" if key in DEPTHS else key.removesuffix("_not")


def word_name(column: str, word: object, own: Mapping[str, str] | None = None) -> str:
    """Return a word of the contract for people: by the study's own name where it has one.

    The word "other" of [arms] is that of a treatment.
    """
    named = {} if column == "adjunct" and word == "other" else own or {}
    return named.get(str(word)) or _NAMES.get(column, {}).get(str(word)) or _in_words(word)


def arm_name(
    arm: Mapping[str, Any], own: Mapping[str, str] | None = None, topical: str = ""
) -> str:
    """Name an arm of a claim.

    Parameters
    ----------
    arm : mapping
        Allowed words by column, as in the claims.
    own : mapping, optional
        The study's own names by word, ``Study.arms``.
    topical : str
        What the topical is called, where that is known better than from the arm.

    Examples
    --------
    >>> arm_name({"treatment": ["needling"], "adjunct_not": ["none"]})
    'needling with a topical'
    >>> arm_name({"treatment": ["peel"], "adjunct": ["none"]}, {"peel": "TCA peel"})
    'TCA peel alone'
    """
    rest = {k: v for k, v in arm.items() if k not in ("treatment", "adjunct")}
    name = _either("treatment", arm.get("treatment", ()), own) or "treated"
    added = list(arm.get("adjunct", ()))
    if added and added != ["none"]:
        name += f" with {topical or _either('adjunct', added, own)}"
    elif added and not set(arm.get("treatment", ())) & _NOT_ALONE:
        name += " alone"
    elif list(rest.get("adjunct_not", ())) == ["none"]:
        del rest["adjunct_not"]
        name += f" with {topical or 'a topical'}"
    return " ".join([name, *(_rest_name(key, rest[key], own) for key in sorted(rest))])


def _either(column: str, words: Any, own: Mapping[str, str] | None) -> str:
    return " or ".join(word_name(column, word, own) for word in words)


def _rest_name(key: str, words: Any, own: Mapping[str, str] | None) -> str:
    if key in DEPTHS:
        return f"{DEPTHS[key]} {words:g} mm"
    column, negated = column_of(key), key.endswith("_not")
    named = f"{'not ' if negated else ''}{_either(column, words, own)}"
    return named if column == "setting" else f"{column.replace('_', ' ')} {named}"


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " or ".join(_in_words(word) for word in value)
    return f"{value:.10g}" if isinstance(value, int | float) else str(value).replace("_", " ")
