"""Write a proposed study file: TOML that loads, what has to be decided as comments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mnstudy.cohort.loading.privacy import HIDDEN
from mnstudy.cohort.loading.vocabulary import ASK, CERTAIN, REFUSED
from mnstudy.cohort.proposing.proposal import EMPTY, Proposal, Proposed
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.design import ARMS

_MISSPELT = 'ids = "ignore capitals and leading zeros"   # or "as written": see below'


def quoted(value: Any) -> str:
    """Write a value as TOML: text, numbers, lists and tables on one line.

    >>> quoted({"weeks": 4, "site_id": "left"})
    '{ weeks = 4, site_id = "left" }'
    """
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(k)} = {quoted(v)}" for k, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(quoted(v) for v in value) + "]"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = json.dumps(value, ensure_ascii=False)  # a JSON text is a TOML one, but for DEL
    return text.replace("\x7f", "\\u007f").encode("utf-8", "replace").decode()


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else quoted(name)


def _comment(text: str) -> str:
    return "# " + " ".join("".join(c if c.isprintable() else " " for c in text).split())


def study_text(found: Proposed) -> str:
    """Write the study file that was proposed for a sheet."""
    parts = [
        _head(found),
        _columns(found),
        _table("units", [_unit(p) for p in found.columns if p.unit and not p.held]),
        *(_level_table(found, column) for column in _worded(found)),
        _missing_table(found),
        _dates(found),
        *(_block(block, found) for block in found.rows),
        [] if found.rows or not found.lacking else _commented([*_set_for_all(found)]),
        *(_commented(_block(block, found)) for block in found.other_rows),
        _arms(found),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(found: Proposed) -> list[str]:
    asks = [_comment(f"- {ask}") for ask in found.asks]
    stem = found.name.rpartition(".")[0] or found.name
    design = f"design = {quoted(found.design)}"
    why = f"     # {found.design_reason}" if found.design_reason else ""
    return [
        "# Proposed by looking at the sheet: correct it, then run: mnstudy validate study.toml",
        *(["# To decide:", *asks] if asks else []),
        f"title = {quoted(stem)}",
        (design if found.design_clear else f"# {design}") + why,
        "#          or single_arm, parallel, split_body, crossover, registry",
        "randomised = false",
        'assessor = "unclear"              # blinded, unblinded, self or unclear',
        '# blinded = "double"              # where patients did not know their treatment either',
        f"file = {quoted(found.name)}",
        *(f"{key} = {quoted(value)}" for key, value in _plain_keys(found.reading)),
        *([f"# {_MISSPELT}"] if "ids" in found.reading else []),
    ]


def _plain_keys(reading: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in reading.items():
        if key != "ids" and not isinstance(value, Mapping):
            yield key, value


def _columns(found: Proposed) -> list[str]:
    lines = ["[columns]                         # heading of the sheet = column of the contract"]
    for p in (p for p in found.columns if p.reasons != (EMPTY,)):
        name = quoted(p.heading)
        if p.certainty == REFUSED or p.heading == HIDDEN:
            lines.append(f"# {name}: {p.reason}")
        elif not p.column:
            target = "" if p.certainty == CERTAIN else ' = "?"'
            lines.append(f"# {name}{target}    # {p.reason}")
        elif p.place != "columns":
            lines.append(
                f"# {name}: see [[rows]]" if p.place == "rows" else f"# {name}: see [dates]"
            )
        elif p.held:
            lines.append(f"# {name} = {quoted(p.column)}    # {p.certainty}: {p.reason}")
        elif p.heading != p.column:
            lines.append(f"{name} = {quoted(p.column)}    # {p.certainty}")
    return lines + [
        f"# nothing was found for {c}: name its heading, or set it for all rows under [[rows]]"
        for c in found.lacking
    ]


def _table(name: str, lines: Sequence[str]) -> list[str]:
    return [f"[{name}]", *lines] if lines else []


def _unit(p: Proposal) -> str:
    check = '     # or "percent"' if p.unit == "fraction" else ""
    return f"{p.column} = {quoted(p.unit)}{check}"


def _worded(found: Proposed) -> list[str]:
    """Return columns some of whose words need a meaning, in their order."""
    return list(dict.fromkeys(p.column for p in found.columns if _words(p)))


def _words(p: Proposal) -> bool:
    return bool(p.fit.unsure or (not p.held and (p.levels or p.fit.unknown)))


def _level_table(found: Proposed, column: str) -> list[str]:
    spec = columns()[column]
    lines: dict[str, str] = {}
    for p in (p for p in found.columns if p.column == column and _words(p)):
        for word, value in p.levels.items():
            lines[word] = f"{quoted(word)} = {quoted(value)}{_beside(p, word)}"
        for word, value in p.fit.unsure.items():
            lines[word] = f"# {quoted(word)} = {quoted(value)}     # or another number"
        for word in p.fit.unknown:
            lines[word] = f'# {quoted(word)} = "?"{_beside(p, word)}'
    stubs = any(line.startswith("# ") and ' = "?"' in line for line in lines.values())
    head = [_comment(f"one of {', '.join(spec.levels)}")] if stubs and spec.levels else []
    held = all(p.held for p in found.columns if p.column == column)
    return [f"{'# ' if held else ''}[levels.{column}]", *head, *lines.values()]


def _beside(p: Proposal, word: str) -> str:
    """Say beside a code what the file calls it, or that its meaning is to be checked."""
    label = p.fit.labels.get(word, "check" if p.certainty == ASK else "")
    return f"     {_comment(label)}" if label else ""


def _missing_table(found: Proposed) -> list[str]:
    named = found.reading.get("missing", {})
    codes = {p.column: p.fit.codes for p in found.columns if p.fit.codes and not p.held}
    table = named if isinstance(named, Mapping) else {}
    lines = []
    for column in dict.fromkeys([*table, *codes]):
        words = [*table.get(column, ())]
        lines += [f"{column} = {quoted(words)}"] if words else []
        if column in codes:
            instead = "     # in place of the line above" if words else ""
            lines.append(f"# {column} = {quoted([*words, *codes[column]])}{instead}")
    return _table("missing", lines) if table else ["# [missing]", *lines] if lines else []


def _dates(found: Proposed) -> list[str]:
    lines = [f"{key} = {quoted(value)}" for key, value in found.dates.items()]
    return _table("dates", lines)


def _block(block: Mapping[str, Any], found: Proposed) -> list[str]:
    lines = ["[[rows]]"]
    if block.get("sheet"):
        lines.append(f"sheet = {quoted(block['sheet'])}")
    if block.get("set"):
        lines.append(f"set = {quoted(block['set'])}")
    have = {p.column for p in found.columns} | set(block.get("set", {}))
    sets = [other.get("set", {}) for other in found.rows if not other.get("sheet")]
    timed = any("weeks" in x for x in sets) or any("site_id" not in x for x in sets[1:])
    own = ("weeks", "session_count") if timed else ()
    lacking = [c for c in dict.fromkeys((*found.lacking, *own)) if c not in have]
    if lacking:
        names = " and ".join(f"{c} = ?" for c in lacking)
        lines.append(f"# add {names} to what is set, where it is known")
    if block.get("columns"):
        lines.append(f"columns = {quoted(block['columns'])}")
    return lines


def _set_for_all(found: Proposed) -> Iterator[str]:
    yield "[[rows]]     # where a value is the same in all rows"
    yield "set = { " + ", ".join(f"{c} = ?" for c in found.lacking) + " }"


def _commented(lines: Sequence[str]) -> list[str]:
    return [f"# {line}" for line in lines]


def _arms(found: Proposed) -> list[str]:
    """Offer the sheet's own words as names of the arms, one word for each."""
    lines = []
    for column in ARMS:
        words = found.levels.get(column, {})
        for level in dict.fromkeys(words.values()):
            own = [w for w, v in words.items() if v == level]
            known = level in columns()[column].levels  # no arm of two columns
            if len(own) == 1 and known and level != "none" and not own[0].isdigit():
                lines.append(f"{level} = {quoted(own[0])}")
    head = ["# names of the arms in figures and tables, where yours are wanted", "# [arms]"]
    return [*head, *_commented(lines)] if lines else []
