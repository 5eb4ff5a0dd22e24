"""Tables for a paper: five formats that say the same, hostile text, small counts, same bytes."""

import csv
import io
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from docx import Document
from docx.enum.section import WD_ORIENT
from fpdf import FPDF
from scipy.stats import norm

import mnstudy as mn
from mnstudy.cohort.describe.table_one import table_one
from mnstudy.reporting.tables import latex as table_latex
from mnstudy.reporting.tables.baseline import baseline_table
from mnstudy.reporting.tables.docx import to_docx
from mnstudy.reporting.tables.evidence import evidence_printed, summary_printed
from mnstudy.reporting.tables.harms import harms_table
from mnstudy.reporting.tables.latex import to_latex
from mnstudy.reporting.tables.outcomes import outcome_table
from mnstudy.reporting.tables.pdf import to_pdf
from mnstudy.reporting.tables.printed_table import (
    Column,
    Lettered,
    PrintedTable,
    Row,
    RowGroup,
    to_html,
)
from mnstudy.reporting.tables.write import cohort_tables, trials_tables, write_csv, write_tables
from mnstudy.verdicts.claims.registry import MATTER_MOST
from mnstudy.verdicts.evidence.certainty import LEVELS

HOSTILE = (
    "<script>alert('x')</script>",
    r"\input{x} \end{longtable}",
    "=1+1",
    "_%&#$~^{}|",
    "[b]*",
    '"quoted" -- ``ticks``',
    "line\nbreak\x00\x07",
    "\u22123 \u00d7 \N{GREATER-THAN OR EQUAL TO} 5\N{DEGREE SIGN} < µ \u03c4²",
    "Müller \u4e2d\u6587 \U0001f600",
)


def made(cells=HOSTILE, **more):
    heads = tuple(Column(head=c, over="over " + c if i > 1 else "") for i, c in enumerate(cells))
    basis = {
        "key": "../x <b>",
        "title": HOSTILE[0] + HOSTILE[1],
        "dataset": "=cmd()",
        "synthetic": False,
        "columns": heads,
        "groups": (
            RowGroup(title=HOSTILE[3], rows=(Row(cells=tuple(cells)),)),
            RowGroup(title="", rows=(Row(cells=tuple(reversed(cells)), indent=1),)),
        ),
        "lettered": (("a", HOSTILE[1]),),
        "notes": (HOSTILE[0],),
    }
    return PrintedTable(**(basis | more))


@pytest.fixture(scope="module")
def face_tables(split_face):
    findings = mn.evaluate(split_face, ["topical-adjunct", "rare-infection", "rare-bruising"])
    return cohort_tables(split_face, findings)


class Read(HTMLParser):
    """What a browser makes of a page: tags, and the text of cells."""

    def __init__(self):
        super().__init__()
        self.tags, self.cells, self.scopes, self._open = [], [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self.scopes.append(dict(attrs).get("scope"))
            self._open = True

    def handle_endtag(self, tag):
        self._open = self._open and tag not in ("td", "th")

    def handle_data(self, data):
        if self._open:
            self.cells[-1] += data


def read_html(table):
    page = Read()
    page.feed(to_html(table, standalone=True))
    return page


def test_hostile_text_stays_text_in_html():
    page = read_html(made())
    assert "script" not in page.tags
    for cell in HOSTILE:
        assert cell in [c.strip("\xa0") for c in page.cells]


def test_heads_of_a_table_say_what_they_stand_for():
    page = read_html(made())
    assert page.tags.count("caption") == 1
    assert page.scopes.count("col") == len(HOSTILE)
    assert page.scopes.count("colgroup") == len(HOSTILE) - 2
    assert page.scopes.count("row") == 2
    assert page.scopes.count("rowgroup") == 1


def test_hostile_text_stays_text_in_latex():
    text = to_latex(made())
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert r"\input" not in body
    assert body.count(r"\end{longtable}") == 1
    assert r"\textbackslash{}input\{x\}" in body
    assert r"\_\%\&\#\$\textasciitilde{}\textasciicircum{}\{\}\textbar{}" in body
    assert r"$-$3 $\times$ $\geq$ 5$^{\circ}$ $<$ $\mu$ $\tau$$^{2}$" in body
    assert "Müller {[}U+4E2D{]}{[}U+6587{]} {[}U+1F600{]}" in body
    assert "U+0000" in body
    assert "`" not in table_latex.escape("`")
    assert not re.search(r"\\\\\s*[\[*](?!\s*$)", re.sub(r"\\\\\*\n", "", body))
    assert all(ord(c) < 0x180 for c in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_braces_of_latex_are_closed(text):
    shown = re.sub(r"\\[{}]", "", table_latex.escape(text))
    assert shown.count("{") == shown.count("}")
    assert shown.replace(r"\$", "").count("$") % 2 == 0


def test_hostile_text_stays_text_in_a_spreadsheet(tmp_path):
    path = tmp_path / "t.csv"
    write_csv(made().to_frame(), path)
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [c for c in cells if c.lstrip(" ").startswith(("=", "+", "-", "@", "\t"))]
    assert "'=1+1" in cells
    table = made(("=1+1", "x"), groups=(one_row("=1+1", "x", indent=2),))
    write_csv(table.to_frame(), path)
    assert "    '=1+1" in path.read_text()


def one_row(*cells, **more):
    return RowGroup(title="", rows=(Row(cells=cells, **more),))


def test_hostile_text_stays_text_in_word():
    document = Document(io.BytesIO(to_docx(made())))
    grid = document.tables[0]
    shown = [cell.text for cell in grid.rows[3].cells]
    assert shown[:6] == list(HOSTILE[:6])
    assert shown[6] == "line\nbreak"  # what XML cannot hold is left out
    assert shown[7:] == list(HOSTILE[7:])


def test_a_word_table_has_heads_on_every_page_and_turns_when_wide():
    narrow = Document(io.BytesIO(to_docx(made(("a", "b")))))
    wide = Document(io.BytesIO(to_docx(made())))
    assert narrow.sections[0].orientation == WD_ORIENT.PORTRAIT
    assert wide.sections[0].orientation == WD_ORIENT.LANDSCAPE
    assert wide.sections[0].page_width > wide.sections[0].page_height
    rows = wide.tables[0]._tbl.tr_lst
    repeated = [row.xpath("./w:trPr/w:tblHeader") for row in rows]
    assert [bool(x) for x in repeated] == [True, True, False, False, False]
    assert all(row.xpath("./w:trPr/w:cantSplit") for row in rows)
    assert wide.paragraphs[0].text == HOSTILE[0] + HOSTILE[1]
    assert wide.paragraphs[-1].text == HOSTILE[0] + "."


def test_a_word_file_has_the_same_bytes_each_time(face_tables, monkeypatch):
    first = [to_docx(table) for table in face_tables]
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert [to_docx(table) for table in face_tables] == first
    with zipfile.ZipFile(io.BytesIO(first[0])) as packed:
        assert {part.date_time for part in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert packed.testzip() is None
    assert Document(io.BytesIO(first[0])).core_properties.created.year == 2000


def test_synthetic_data_are_named_in_every_format(face_tables, tmp_path):
    for path in write_tables(tmp_path, face_tables):
        assert "synthetic" in path.name
        if path.suffix == ".docx":
            document = Document(path)
            assert "SYNTHETIC" in document.core_properties.title
            assert "SYNTHETIC" in document.sections[0].header.paragraphs[0].text
            assert "SYNTHETIC" in document.paragraphs[0].text
        elif path.suffix == ".csv":
            assert pd.read_csv(path)["synthetic"].all()
        elif path.suffix == ".pdf":
            assert b"SYNTHETIC DATA, not evidence" in path.read_bytes()  # the title of the file
        else:
            assert "SYNTHETIC DATA, not evidence" in path.read_text(encoding="utf-8")


def test_a_pdf_is_the_same_each_time_and_on_its_side_where_it_is_wide(face_tables):
    first = [to_pdf(table) for table in face_tables]
    assert [to_pdf(table) for table in face_tables] == first
    assert b"/MediaBox [0 0 595.28 841.89]" in to_pdf(made(("a", "b")))
    assert b"/MediaBox [0 0 841.89 595.28]" in to_pdf(made())


def test_a_long_table_has_its_head_on_every_page(face_tables):
    rows = tuple(Row(cells=(f"row {i}", "1")) for i in range(120))
    long = replace(made(("a", "b")), groups=(RowGroup(title="", rows=rows),))
    assert to_pdf(long).count(b"/Type /Page\n") == 2


def test_all_formats_show_the_same_cells(face_tables):
    for table in face_tables:
        page = [cell.strip("\xa0") for cell in read_html(table).cells]
        grid = Document(io.BytesIO(to_docx(table))).tables[0]
        word = [cell.text for row in grid.rows for cell in row.cells]
        latex = to_latex(table)
        for row in table.rows:
            for i, cell in enumerate(row.cells):
                marked = cell + row.mark(i)
                assert marked in page
                assert marked in word
                assert table_latex.escape(cell) in latex


def test_files_of_tables_are_refused_where_they_would_be_lost(face_tables, tmp_path):
    with pytest.raises(ValueError, match="no format odt"):
        write_tables(tmp_path, face_tables, ["odt"])
    with pytest.raises(ValueError, match="rename their key"):
        write_tables(tmp_path, [*face_tables, face_tables[0]])
    assert not list(tmp_path.iterdir())


def test_a_row_that_does_not_fit_its_head_is_refused():
    with pytest.raises(ValueError, match="2 cells, its head has 1"):
        made(("a",), groups=(one_row("a", "b"),))


def test_letters_of_notes():
    letters = Lettered()
    given = [letters(f"note {i}") for i in range(28)]
    assert given[:2] + given[-2:] == ["a", "b", "aa", "ab"]
    assert letters("note 1") == "b"
    assert len(letters.notes) == 28


def test_a_broad_head_spans_its_columns():
    columns = (Column(head="a"), Column(head="n", over="arm"), Column(head="%", over="arm"))
    table = made(columns=columns, groups=(one_row("x", "1", "2"),))
    assert table.over == [("", 1), ("arm", 2)]
    assert 'colspan="2"' in to_html(table)
    assert r"\multicolumn{2}{c}{arm}" in to_latex(table)
    assert list(table.to_frame())[3:] == ["a", "arm: n", "arm: %"]


def test_table_one_is_printed_as_it_is_computed(clinic):
    printed, computed = baseline_table(clinic, by="arm"), table_one(clinic)
    shown = [c for row in printed.rows for c in row.cells[1:] if c]
    assert sorted(shown) == sorted(computed["shown"][computed["shown"].ne("")])
    assert not any("p =" in note or "p-value" in note for note in printed.notes)


def test_table_one_shows_treatments_where_arms_are_too_many(clinic):
    heads = [c.head for c in baseline_table(clinic).columns]
    assert heads == ["Characteristic", "All", "Laser", "Needling", "Peel", "RF needling",
                     "Untreated"]  # fmt: skip


def cells_of(table, name):
    return next(row.cells for row in table.rows if row.cells[0] == name)


def test_profiles_change_how_numbers_look(split_face):
    shown = [
        cells_of(baseline_table(split_face, profile=p), "female")[1]
        for p in ("default", "annals", "jama")
    ]
    assert shown == ["27 (68\xa0%)", "27 (68%)", "27 (68%)"]
    with pytest.raises(ValueError, match="choose from"):
        baseline_table(split_face, profile="bmj")


def test_outcomes_by_hand(face_tables):
    outcome = face_tables[1]
    assert [group.title for group in outcome.groups] == [
        "Primary claims of the plan",
        "Other claims (exploratory)",
    ]
    first = outcome.groups[0].rows
    assert first[0].cells[3] == "7.9 (5.3 to 10.5)"
    assert first[1].cells[:3] == ("needling with PRP", "40/40", "42.2 (15.1)")
    assert first[3].cells[3:5] == ("0.0 (\N{MINUS SIGN}9.2 to 9.2)", "1.00 (0.95 to 1.05)")
    assert first[4].cells[2] == "38/40 (95\xa0%)"
    letters = dict(outcome.lettered)
    assert letters[first[3].mark(4)].startswith("pairs, Bonett-Price")
    assert letters[first[0].mark(3)].startswith("differences between the two sides")


def test_harms_by_hand(face_tables):
    harm = face_tables[2]
    assert [row.cells[1] for row in harm.rows[:2]] == ["0/40 (0\xa0%)", "up to 8.8"]
    bruised = [row.cells[1] for row in harm.rows if row.cells[0] == "Bruising"]
    assert bruised == ["3/40 (8\xa0%)"]
    assert any("how harms were defined" in note for note in harm.notes)


def test_every_row_of_the_evidence_is_printed():
    evidence = mn.evidence_table(["topical-adjunct", "comparable-to-laser", "home-riskier"])
    _, printed = trials_tables(evidence, profile="jama")
    assert len(printed.rows) == len(evidence)
    assert [row.strong for row in printed.rows] == evidence["decides"].tolist()
    conditions = {row.cells[0].rpartition("; ")[2] for row in printed.rows[:-1]}
    assert {
        "acne scars, with prp",
        "burn scars",
        "melasma, with depigmentation solution",
    } < conditions
    assert dict(printed.lettered)[printed.rows[-1].mark(0)].startswith("no usable published number")
    assert evidence_printed(evidence.iloc[:0]) is None
    assert trials_tables(evidence.iloc[:0]) == []


def test_an_end_that_says_nothing_is_written_as_such():
    evidence = mn.evidence_table("comparable-to-peel").assign(ci_high=7.6e10)
    printed = evidence_printed(evidence)
    assert printed.rows[0].cells[4] == "5.3 (1.60 to over 10,000)"


@pytest.fixture(scope="module")
def evidence():
    return mn.evidence_table()


@pytest.fixture(scope="module")
def sheet_of_ten(evidence):
    return trials_tables(evidence)[0]


def test_the_summary_of_findings_can_have_a_row_for_every_claim(evidence):
    summary = summary_printed(evidence)
    assert len(summary.rows) == evidence["claim"].nunique() == 43
    assert not summary.one_page
    shown = {row.cells[0].split(":")[0].split("?")[0]: row for row in summary.rows}
    risk = shown["Works on surgical scars"].cells
    assert risk[1] == "1,\xa0randomised (30)"
    assert (risk[2], risk[4]) == ("73.3 (54.1 to 87.7) %", "")  # no risk
    odds = shown["An alternative to chemical peels"].cells
    assert odds[2].startswith("odds ratio ")
    assert odds[3] == "333"  # 10 of 30 after the peel
    value = evidence.query("claim == 'comparable-to-peel' and decides").iloc[0]
    expected = 1000 * value["estimate"] / 3 / (2 / 3 + value["estimate"] / 3)
    assert odds[4].startswith(f"{expected:.0f} (")
    notes = dict(summary.lettered)
    assert "credible" in notes[shown["Softens fine lines and wrinkles"].mark(2)]
    assert "nothing on needling alone" in shown["Heals acne itself"].cells[6]


def test_the_summary_of_findings_is_the_ten_questions_that_matter_most(evidence, sheet_of_ten):
    assert len(MATTER_MOST) == 10
    assert [row.cells[0].split("?")[0] + "?" for row in sheet_of_ten.rows] == [
        *MATTER_MOST.values()
    ]
    shown = dict(zip(MATTER_MOST, sheet_of_ten.rows, strict=True))
    # 10 of 20, exact limits
    assert shown["satisfies-patients"].cells[3:5] == ("", "500 (272 to 728)")
    assert shown["topical-adjunct"].cells[3] == "179"  # 5 of 28 sides with saline
    assert (
        "against CO2 laser, 13 weeks after the last session"
        in (shown["comparable-to-laser"].cells[0])
    )
    assert shown["short-downtime"].cells[6].endswith("(claimed: below 2 days)")
    assert shown["results-last"].cells[1:3] == ("0", "no estimate")
    assert shown["results-last"].cells[6].startswith("not testable: an effect at the last visit")
    only = evidence[evidence["claim"] == "home-riskier"]
    assert [table.key for table in trials_tables(only)] == ["evidence"]


def test_a_difference_in_sd_is_also_a_chance_to_do_better(evidence, sheet_of_ten):
    laser = evidence.query("claim == 'comparable-to-laser' and decides").iloc[0]
    ends = laser[["estimate", "ci_low", "ci_high"]].astype(float)
    value, low, high = 100 * norm.cdf(ends / 2**0.5)  # McGraw & Wong 1992, equation 4
    cell = sheet_of_ten.rows[5].cells[2]
    assert cell.endswith(
        f" SD; better in {value:.0f} of 100 pairs ({low:.0f} to {high:.0f}; 50 is no difference)"
    )
    changes = evidence.query("measure == 'smc'")  # before and after: nobody to do better than
    assert "better in" not in "".join(r.cells[2] for r in summary_printed(changes).rows)


def test_footnotes_of_the_summary_are_steps_and_short(evidence, sheet_of_ten):
    assert sheet_of_ten.lettered[0] == ("a", (
        "risk of bias \u22121, people lost \u22121, too few people \u22122, "
        "publication bias \u22121"
    ))  # fmt: skip
    assert max(len(text) for _, text in sheet_of_ten.lettered) < 120
    steps = evidence[[c for c in evidence if c.startswith("steps_")]]
    rated = evidence["certainty"].fillna("") != ""
    level = steps.sum(axis=1).clip(lower=-3).map(dict(zip((0, -1, -2, -3), LEVELS, strict=True)))
    assert (level == evidence["certainty"])[rated].all()
    assert steps[~rated].isna().all(axis=None)


def test_the_summary_is_one_page_in_pdf_and_turned_everywhere(sheet_of_ten):
    assert to_pdf(sheet_of_ten).count(b"/Type /Page\n") == 1
    assert "@page{size:A4 landscape" in to_html(sheet_of_ten, standalone=True)
    section = Document(io.BytesIO(to_docx(sheet_of_ten))).sections[0]
    assert section.orientation == WD_ORIENT.LANDSCAPE
    latex = to_latex(sheet_of_ten)
    assert "[U+" not in latex.replace("{[}", "[")
    assert r"$\oplus$$\bigcirc$$\bigcirc$$\bigcirc$ very~low" in latex


def test_a_sheet_too_long_for_its_letters_gets_smaller_ones():
    rows = tuple(Row(cells=(f"row {i}", "1")) for i in range(33))
    long = made(("a", "b"), one_page=True, groups=(RowGroup(title="", rows=rows),))
    assert to_pdf(long).count(b"/Type /Page\n") == 1
    assert to_pdf(replace(long, one_page=False)) != to_pdf(long)


def pages_of(table, monkeypatch):
    """Return the page of each text of a PDF: where it is set last, as cells are measured first."""
    tried, given = {}, []
    cell, output = FPDF.multi_cell, FPDF.output

    def kept(self, w, h=None, text="", *more, **how):
        if not how.get("dry_run"):
            tried.setdefault(self, {})[text.strip("\xa0")] = self.page
        return cell(self, w, h, text, *more, **how)

    def told(self, *more):
        given.append(self)
        return output(self, *more)

    monkeypatch.setattr(FPDF, "multi_cell", kept)
    monkeypatch.setattr(FPDF, "output", told)
    to_pdf(table)
    return tried[given[-1]]


@pytest.mark.parametrize("before", [48, 52, 54, 58])
def test_a_heading_stands_on_the_page_of_its_first_row(before, monkeypatch):
    rows = tuple(Row(cells=(f"row {i}", "1")) for i in range(before))
    under = tuple(Row(cells=(f"under {i}", "1"), indent=1) for i in range(30))
    parent = Row(cells=("parent", "1"), strong=True)
    groups = (RowGroup(title="", rows=rows), RowGroup(title="heading", rows=(parent, *under)))
    pages = pages_of(made(("a", "b"), groups=groups), monkeypatch)
    assert pages["heading"] == pages["parent"] == pages["under 0"]


@pytest.mark.parametrize("rows", [56, 58, 62, 70])
def test_the_last_page_is_not_left_nearly_blank(rows, monkeypatch):
    many = tuple(Row(cells=(f"row {i}", "1")) for i in range(rows))
    pages = pages_of(made(("a", "b"), groups=(RowGroup(title="", rows=many),)), monkeypatch)
    last = [text for text, page in pages.items() if page == max(pages.values())]
    assert len(last) > 12


def test_where_a_page_is_too_narrow_text_wraps_before_numbers():
    heads = (Column(head="what"), *(Column(head=f"n{i}", align="right") for i in range(9)))
    long = Row(cells=("some words " * 9, *["1,000 (900 to 1,100)"] * 9))
    table = made(columns=heads, groups=(RowGroup(title="", rows=(long,)),))
    assert table.shares[0] < table.shares[1]
    assert sum(table.shares) == pytest.approx(1)


@pytest.fixture(scope="module")
def few():
    """A real clinic: 24 needled patients of 26; 3 got dark spots, 22 are satisfied, 2 not known."""
    rows = []
    for i in range(26):
        visit = {
            "patient_id": f"P{i:03}",
            "scar_type": "acne_rolling",
            "needle_depth_mm": 1.5 if i < 24 else None,
            "treatment": "needling" if i < 24 else "laser",
            "adjunct": "none",
            "sex": "male" if i in (0, 9) else "female",
        }
        after = {"improvement_score": None if i in (3, 5) else 20 + (7 * i) % 30}
        after |= {"pih": i in (1, 4, 8), "infection": False}
        after |= {"satisfaction_score": 3 if i in (2, 6) else 8}
        rows.append(visit | {"session_count": 0, "improvement_score": 0})
        rows.append(visit | {"session_count": 3} | after)
    return mn.load(pd.DataFrame(rows), study={"design": "single_arm", "title": "x"})


@pytest.fixture(scope="module")
def few_tables(few):
    claims = ["reduces-scarring", "rare-pih", "rare-infection", "satisfies-patients"]
    return cohort_tables(few, mn.evaluate(few, claims), profile="annals")


def test_small_counts_of_a_real_cohort_are_exact(few_tables):
    baseline, outcome, harm = few_tables
    assert cells_of(baseline, "male")[1] == "2 (8%)"
    shown = [row.cells for row in outcome.rows]
    at = {cells[0].split(",")[0]: i for i, cells in enumerate(shown)}
    assert shown[at["Makes scars less noticeable"]][3] == "34.4 (30.3 to 38.4)"
    assert shown[at["needling alone"]][1] == "22/24"
    dark = at["Hyperpigmentation is rare"]
    assert shown[dark][3] == "12.5 (2.7 to 32.4)"
    assert shown[dark + 1][1:3] == ("24/24", "3/24 (12%)")
    satisfied = at["Patients themselves report clear improvement"]
    assert shown[satisfied + 1][2] == "22/24 (92%)"
    assert cells_of(harm, "Hyperpigmentation")[1] == "3/24 (12%)"


def test_a_real_cohort_shows_what_a_synthetic_one_does(split_face):
    real = replace(split_face, provenance=replace(split_face.provenance, synthetic=False))
    tables = [
        outcome_table(cohort, mn.evaluate(cohort, ["topical-adjunct", "rare-pih"]))
        for cohort in (split_face, real)
    ]
    assert tables[0].rows == tables[1].rows


def test_a_cohort_without_events_or_answers_has_no_such_table(sheet):
    cohort = mn.load(sheet, study={"design": "single_arm"})
    assert harms_table(cohort) is None
    assert outcome_table(cohort, mn.evaluate(cohort, "home-riskier")) is None
    assert [t.key for t in cohort_tables(cohort, [])] == [f"baseline_{cohort.name}"]


MARKUP = "A & B <b>$x_1$</b> <script>alert(1)</script>"


@pytest.fixture(scope="module")
def marked(split_face):
    """A cohort whose study file asks a claim of its own with markup in its title."""
    own = {"mine": {"like": "topical-adjunct", "title": MARKUP, "margin": 4}}
    study = {"design": "split_body", "randomised": True, "claims": own}
    return mn.load(split_face.data, study=study)


def test_markup_in_the_title_of_an_own_claim_stays_text_in_tables(marked):
    table = cohort_tables(marked, mn.evaluate(marked, ["mine"]))[1]
    assert table.rows[0].cells[0] == f"{MARKUP}, points"
    page = to_html(table, standalone=True)
    assert "A &amp; B &lt;b&gt;$x_1$&lt;/b&gt; &lt;script&gt;" in page
    assert not re.search(r"<(script|b)\b", page)
    assert table_latex.escape(MARKUP) in to_latex(table)
    grid = Document(io.BytesIO(to_docx(table))).tables[0]
    assert f"{MARKUP}, points" in [cell.text for row in grid.rows for cell in row.cells]
    assert to_pdf(table).startswith(b"%PDF")


def test_markup_in_the_title_of_an_own_claim_stays_text_in_a_figure(marked):
    svg = io.BytesIO()
    mn.plot(mn.evaluate(marked, ["mine"])[0]).savefig(svg, format="svg")
    text = svg.getvalue().decode()
    assert "A &amp; B &lt;b&gt;$x_1$&lt;/b&gt; &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert not re.search(r"<(script|b)\b", text)


def test_a_study_without_a_title_is_headed_by_its_sheet_and_design(marked):
    assert marked.study.title == ""
    assert marked.heading == "table: split body, randomised"
    titled = replace(marked, study=replace(marked.study, title=f" {MARKUP} "))
    assert titled.heading == MARKUP
