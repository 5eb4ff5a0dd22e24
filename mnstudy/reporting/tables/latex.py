"""A printed table as LaTeX: booktabs, over several pages where long, every special escaped."""

from __future__ import annotations

import unicodedata

from mnstudy.reporting.tables.printed_table import PrintedTable, Row, RowGroup, sentence

PACKAGES = "booktabs, longtable, array"
SIDEWAYS = "pdflscape"
SEPARATION = 0.02  # of the line, kept free beside each column
ALIGN = {"left": r"\raggedright", "right": r"\raggedleft", "center": r"\centering"}
ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": "$<$", ">": "$>$", "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}",
    # at the start of a row a bracket or a star would be read as an option of the row above
    "[": "{[}", "]": "{]}", "*": "{*}",
    "\N{MINUS SIGN}": "$-$", "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$", "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{NOT EQUAL TO}": r"$\neq$", "\N{ALMOST EQUAL TO}": r"$\approx$", "\N{INFINITY}": r"$\infty$",
    "\N{DEGREE SIGN}": r"$^{\circ}$", "\N{MIDDLE DOT}": r"$\cdot$", "\N{MICRO SIGN}": r"$\mu$",
    "\N{SUPERSCRIPT TWO}": "$^{2}$", "\N{SUPERSCRIPT THREE}": "$^{3}$",
    "\N{EN DASH}": "--", "\N{EM DASH}": "---", "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~", "\N{NARROW NO-BREAK SPACE}": r"\,", "\N{THIN SPACE}": r"\,",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{LEFT SINGLE QUOTATION MARK}": r"`{}",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''", "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$", "\N{SECTION SIGN}": r"\S{}",
    "\N{N-ARY CIRCLED PLUS OPERATOR}": r"$\oplus$", "\N{LARGE CIRCLE}": r"$\bigcirc$",
}  # fmt: skip
GREEK = {
    "\u03b1": "alpha", "\u03b2": "beta", "\u03b3": "gamma", "\u03b4": "delta", "\u03b8": "theta",
    "\u03ba": "kappa", "\u03bb": "lambda", "\u03bc": "mu", "\u03c0": "pi", "\u03c1": "rho",
    "\u03c3": "sigma", "\u03c4": "tau", "\u03c6": "phi", "\u03c7": "chi", "\u0394": "Delta",
}  # fmt: skip


def to_latex(table: PrintedTable) -> str:
    r"""Write a table as LaTeX, to be taken in by ``\input``.

    Parameters
    ----------
    table : PrintedTable

    Returns
    -------
    str
        A ``longtable``, whose head is repeated on every page; on its side where it is wide. Notes
        stand below it. The first lines name the packages it needs. Labelled ``tab:<key>``.

    Notes
    -----
    Letters beyond Latin (U+0180 and up, but for what medical tables use) are written as their
    number in brackets, as pdfTeX has no glyph for them.

    Examples
    --------
    >>> escape(r"50 % \input{x} < 5_a & \N{MINUS SIGN}3".replace(r"\N{MINUS SIGN}", "\u2212"))
    '50 \\% \\textbackslash{}input\\{x\\} $<$ 5\\_a \\& $-$3'
    """
    packages = f"{PACKAGES}, {SIDEWAYS}" if table.wide else PACKAGES
    lines = [
        f"% {_comment(table.caption)}",
        f"% needs the packages {packages}; the numbers are written as in the profile "
        f"{_comment(table.profile)}",
        *([r"\begin{landscape}"] if table.wide else []),
        r"\begingroup\footnotesize\setlength{\tabcolsep}{" + f"{SEPARATION / 2:g}" + r"\linewidth}",
        r"\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{{_columns(table)}}}",
        *_head(table),
        r"\bottomrule",
        r"\endfoot",
        r"\bottomrule",
        r"\endlastfoot",
        *(line for group in table.groups for line in _group(table, group)),
        r"\end{longtable}",
        *_notes(table),
        r"\par\endgroup",
        *([r"\end{landscape}"] if table.wide else []),
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Write text so that LaTeX prints it as it is, whatever it holds."""
    return "".join(_written(letter) for letter in text)


def _written(letter: str) -> str:
    if letter in ESCAPES:
        return ESCAPES[letter]
    if letter in GREEK:
        return rf"$\{GREEK[letter]}$"
    if letter.isspace():
        return " "
    if letter == "-":
        return "{-}"  # two of them would be joined to a dash
    if ord(letter) < 0x180 and unicodedata.category(letter)[0] != "C":
        return letter
    return f"{{[}}U+{ord(letter):04X}{{]}}"


def _comment(text: str) -> str:
    """Return text for a comment: one line, printable ASCII."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "replace").decode()
    return " ".join(plain.split())


def _columns(table: PrintedTable) -> str:
    free = 1 - SEPARATION * len(table.columns)
    kinds = []
    for column, share in zip(table.columns, table.shares, strict=True):
        align = rf"{ALIGN[column.align]}\arraybackslash"
        kinds.append(rf">{{{align}}}p{{{share * free:.4f}\linewidth}}")
    return "@{}" + "".join(kinds) + "@{}"


def _head(table: PrintedTable) -> list[str]:
    key = "".join(c for c in table.file if c.isalnum() or c in "-_")
    heads = " & ".join(rf"\textbf{{{escape(c.head)}}}" for c in table.columns)
    rows = [*_over(table), rf"{heads} \\", r"\midrule"]
    again = rf"\multicolumn{{{len(table.columns)}}}{{@{{}}l}}{{\emph{{continued}}}} \\"
    return [
        rf"\caption{{{escape(table.caption)}}}\label{{tab:{key}}} \\",
        r"\toprule", *rows, r"\endfirsthead", again, r"\toprule", *rows, r"\endhead",
    ]  # fmt: skip


def _over(table: PrintedTable) -> list[str]:
    """Return the row of heads above the heads, ruled below each of them."""
    if not table.over:
        return []
    cells, rules, at = [], [], 1
    for text, span in table.over:
        cells.append(
            rf"\multicolumn{{{span}}}{{c}}{{{escape(text)}}}" if text else "&" * (span - 1)
        )
        if text:
            rules.append(rf"\cmidrule(lr){{{at}-{at + span - 1}}}")
        at += span
    return [rf"{' & '.join(cells)} \\", " ".join(rules)]


def _group(table: PrintedTable, group: RowGroup) -> list[str]:
    lines = []
    if group.title:
        text = rf"\textbf{{{escape(group.title)}}}"
        span = rf"\multicolumn{{{len(table.columns)}}}{{@{{}}p{{0.98\linewidth}}}}{{{text}}}"
        lines.append(rf"\addlinespace {span} \\*")
    return [*lines, *(_row(row) for row in group.rows)]


def _row(row: Row) -> str:
    cells = []
    for i, cell in enumerate(row.cells):
        text = escape(cell)
        if row.strong and i == 0:
            text = rf"\textbf{{{text}}}"
        if row.mark(i):
            text += rf"\textsuperscript{{{escape(row.mark(i))}}}"
        cells.append(rf"\hspace*{{{row.indent}em}}{text}" if i == 0 and row.indent else text)
    return rf"{' & '.join(cells)} \\" + ("*" if row.strong else "")


def _notes(table: PrintedTable) -> list[str]:
    notes = [
        rf"\textsuperscript{{{escape(x)}}}\,{escape(sentence(text))}" for x, text in table.lettered
    ]
    notes += [f"{escape(sentence(text))}" for text in table.notes]
    return [rf"\noindent {note}\par" for note in notes]
