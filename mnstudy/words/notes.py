"""Notes as data, and how a note becomes a sentence.

A note is a kind, one of ``sentences.toml``, and the values of its blanks. Counts of people are
``Count`` records: what a number counts stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from string import Formatter
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.packaged import packaged

SENTENCES: Mapping[str, str] = packaged("words/sentences.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number of people or things, alone or of a whole.

    Attributes
    ----------
    n : int
    noun : str
        In the singular; empty where the sentence names it elsewhere.
    plural : str
        Where it is not the noun with an s.
    of : int or None
        The whole of which this is a part.
    most : int or None
        Upper end, where the number is known to lie between two.
    """

    n: int
    noun: str = ""
    plural: str = ""
    of: int | None = None
    most: int | None = None

    @property
    def number(self) -> str:
        """The number alone."""
        if self.most in (None, self.n):
            return f"{self.n:,}"
        return f"between {self.n:,} and {self.most:,}"

    def __str__(self) -> str:
        number = self.number
        if self.of is not None:
            number = f"{number} of {self.of:,}"
        if not self.noun:
            return number
        alone = self.of is None and self.most is None and self.n == 1
        return f"{number} {self.noun if alone else self.plural or self.noun + 's'}"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was decided, or has to be said: a kind and the values of its blanks.

    Make one with ``note``, which checks kind and blanks.

    Attributes
    ----------
    kind : str
        A key of ``sentences.toml``.
    values : tuple of (str, value)
        A value is text of somebody else's (a name, a column, a limit of the study file), a number,
        a ``Count``, another ``Note``, or a tuple of these.
    """

    kind: str
    values: tuple[tuple[str, Any], ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Return the value of a blank."""
        return dict(self.values)[name]

    def having(self, **changed: Any) -> Note:
        """Return the note with other values in some of its blanks."""
        return note(self.kind, **{**dict(self.values), **changed})

    def __str__(self) -> str:
        return sentence(self)


def note(kind: str, **values: Any) -> Note:
    """Return a note of this kind.

    Raises
    ------
    KeyError
        There is no sentence of this kind.
    TypeError
        The sentence has other blanks.

    Examples
    --------
    >>> str(note("left_out_unknown_outcome", sites=Count(n=3, noun="site")))
    '3 sites without a known outcome left out'
    """
    blanks = _blanks(kind)
    if blanks != frozenset(values):
        raise TypeError(f"a note {kind!r} needs {sorted(blanks)}, not {sorted(values)}")
    return Note(kind, tuple(sorted(values.items())))


def as_given(text: str) -> Note:
    """Return text of somebody else's as a note."""
    return note("as_given", text=text)


def sentence(note: Note) -> str:
    """Write a note as a sentence."""
    return _WRITER.format(SENTENCES[note.kind], **dict(note.values))


def sentences(notes: Iterable[Note]) -> tuple[str, ...]:
    """Write notes as sentences, in their order."""
    return tuple(map(sentence, notes))


class _Writer(Formatter):
    """Fill the blanks of a sentence: ``{x:1}`` has one decimal, ``{x:g}`` stands as it was set.

    ``{x:short}`` has six digits, ``{x:{digits}}`` as many decimals as the blank ``digits`` says;
    ``{x:interval}`` is a value with its ends, ``{p:p}`` a p-value, ``{level:%}`` a level of
    confidence; ``{count:n}`` is the number of a count alone, ``{count:of}`` that with its whole.
    Without such a word a blank holds text, a count, another note, or several of these, joined by
    commas (``{names:and}``: by "and"). Text stands as it is, whatever the word.
    """

    def format_field(self, value: Any, spec: str) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, tuple):
            joint = f" {spec} " if spec.isalpha() else spec or ", "
            return joint.join(self.format_field(v, "") for v in value)
        if spec.isdecimal():
            return fmt.number(value, int(spec))
        if spec in _WRITTEN:
            return _WRITTEN[spec](value)
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value:,}"
        return str(value)


_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "g": fmt.as_entered,
    "short": lambda x: f"{x:g}",
    "interval": fmt.interval,
    "interval2": lambda x: fmt.interval(x, 2),
    "p": fmt.p_value,
    "%": fmt.level,
    "n": lambda count: count.number,
    "of": lambda count: str(replace(count, noun="")),
}
_WRITER = _Writer()


@cache
def _blanks(kind: str) -> frozenset[str]:
    """Name the blanks of a sentence, those inside a word of format as well."""
    fields = [(name, spec) for _, name, spec, _ in Formatter().parse(SENTENCES[kind]) if name]
    inside = [inner for _, spec in fields for _, inner, _, _ in Formatter().parse(spec or "")]
    return frozenset([*(name for name, _ in fields), *(x for x in inside if x)])
