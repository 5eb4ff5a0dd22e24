"""The page of a report: what sorts and filters it, its cohorts, its checklists, its files."""

import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from importlib import resources

import pandas as pd
import pytest
from made_bodies import bodies, body
from made_checks import checked_bodies
from made_findings import HOSTILE, estimate, finding, part
from outline import Outline

from mnstudy.reporting.figures.chart import Chart
from mnstudy.reporting.figures.style import VERDICT_STYLES
from mnstudy.reporting.page import checklists as module
from mnstudy.reporting.page import page as page_module
from mnstudy.reporting.page.checklists import OPEN, PARTLY, checklist_frame, checklists, places
from mnstudy.reporting.page.claims import bands, compared
from mnstudy.reporting.page.downloads import downloads
from mnstudy.reporting.page.page import headline, pages
from mnstudy.reporting.page.scorecard import claims_of
from mnstudy.reporting.page.sections import PageFigure, cohort_sections, other_tables
from mnstudy.reporting.tables.printed_table import Column, PrintedTable, Row, RowGroup
from mnstudy.verdicts.claims.registry import GROUPS

DESIGNS = {
    "randomised": {"design": "parallel", "randomised": True},
    "split": {"design": "split_body", "randomised": True},
    "clinic": {"design": "registry", "randomised": False},
    "series": {"design": "single_arm", "randomised": False},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub(Chart):
    """A chart of which only the words are asked."""

    name: str

    @property
    def key(self):
        return f"stub/{self.name}"

    @property
    def caption(self):
        return f"Caption of <{self.name}>"

    @property
    def alt(self):
        return f"Bars. What {self.name} shows, in words for those who do not see it."

    def data(self):
        return pd.DataFrame()

    def plan(self, look):
        raise NotImplementedError


def drawn(path):
    return PageFigure(width=690, height=300, path=path, files=("svg", "column.svg"))


def printed(key, dataset="clinic", **more):
    rows = (RowGroup(title="", rows=(Row(cells=("a < b", "1")),)),)
    heads = (Column(head="what"), Column(head="n", align="right"))
    given = {"title": f"{key} of {dataset}", "synthetic": False, "dataset": dataset}
    given["section"] = {"baseline": "table1"}.get(key, key)
    return PrintedTable(
        key=f"{key}_{dataset}", columns=heads, groups=rows, **(given | more)
    )  # fmt: skip


def study(design, key="clinic", **more):
    asked = [
        finding("reduces-scarring", estimate(22, 14, 30), "supported", planned=True),
        finding("rare-pih", estimate(1.5, 0.4, 4.1, unit="percent"), "inconclusive"),
    ]
    one = body(key, asked, heading=f"{key} (real)")
    tables = tuple(printed(name, key) for name in ("baseline", "outcomes", "harms"))
    return replace(one, name=key, tables=tables, **DESIGNS[design], **more)


def made(some, pictures=None, **more):
    return pages(some, pictures or {}, versions={"mnstudy": "0"}, register_sha256="ab", **more)


def shown(some, pictures=None, **more):
    return made(some, pictures, **more)["index.html"]


@pytest.fixture(scope="module")
def two():
    """A clinic and a split-face trial, each with tables and charts, the second with more."""
    more = {"charts": {"rare-pih": (Stub(name="doses"),)}, "harms": Stub(name="harms")}
    return [study("clinic"), study("split", key="faces", **more)]


PICTURES = {("faces", f"stub/{name}"): drawn(f"figures/faces/{name}")
            for name in ("doses", "harms")}  # fmt: skip


@pytest.fixture(scope="module")
def page(two):
    return shown(two, PICTURES)


def ids(page):
    return Outline(page).ids


def addresses(some):
    """Return every address that can be pointed to, from the first page."""
    return {
        f"#{anchor}" if path == "index.html" else f"{path}#{anchor}"
        for path, page in made(some).items()
        for anchor in ids(page)
    }


def test_sections_of_cohorts_are_folded_on_the_page(page):
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    for key, title in (("table1", "Table 1"), ("outcomes", "Outcomes"), ("harms", "Harms")):
        assert f'<details class="section"><summary><h2 id="{key}">{title}</h2>' in page
        for cohort in ("clinic", "faces"):
            section = page.split(f'<h3 id="{key}-{cohort}">')[1].split("</section>")[0]
            assert "a &lt; b" in section
            assert "<caption" in section
    assert "Caption of &lt;harms&gt;" in page.split('id="harms-faces"')[1].split("</section>")[0]
    assert "<figure>" not in page.split('id="harms-clinic"')[1].split("</section>")[0]


def test_each_claim_has_a_page_that_links_back_and_on(two):
    found = made(two, PICTURES)
    assert list(found) == ["index.html", "claims/reduces-scarring.html", "claims/rare-pih.html"]
    for address in list(found)[1:]:
        own = found[address]
        assert f'<a href="{address}">' in found["index.html"]
        assert '<a href="../index.html">' in own
        outline = Outline(own)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        steps = zip(outline.levels, outline.levels[1:], strict=False)
        assert all(after - before <= 1 for before, after in steps)
    assert 'rel="next"' in found["claims/reduces-scarring.html"]
    assert 'rel="prev"' in found["claims/rare-pih.html"]


def test_further_charts_stand_with_their_claim_where_they_were_drawn(two):
    address = "claims/rare-pih.html"
    answer = made(two, PICTURES)[address].split('<h3 id="rare-pih-faces">')[1]
    assert "Caption of &lt;doses&gt;" in answer
    assert 'src="../figures/faces/doses.svg"' in answer
    assert 'srcset="../figures/faces/doses.column.svg"' in answer
    assert "&lt;doses&gt;" not in made(two)[address]


def test_estimand_and_week_stand_beside_an_estimate():
    asked = [
        finding("reduces-scarring", estimate(22, 14, 30), "supported", week=24.0),
        finding("rare-pih", estimate(1.5, 0.4, 4.1, unit="percent"), "inconclusive"),
        finding("more-sessions", estimate(2.5, 2.1, 3), "supported", n_studies=2),
    ]
    found = made([body("clinic", asked, heading="clinic")])
    own = {f.claim.id: found[f"claims/{f.claim.id}.html"] for f in asked}
    assert f"<dd>{asked[0].claim.estimand}</dd>" in own["reduces-scarring"]
    assert "<dt>Analysis week</dt><dd>24</dd>" in own["reduces-scarring"]
    assert f"<dd>{asked[1].claim.estimand}</dd>" in own["rare-pih"]
    assert "Analysis week" not in own["rare-pih"]
    # published trials were not made to estimate what a cohort is asked
    assert f"<dd>{asked[2].claim.estimand}</dd>" not in own["more-sessions"]
    for f in asked:
        for name, text in f.claim.attributes.attributes().items():
            assert f"<dt>{name.capitalize()}</dt><dd>{text}</dd>" in own[f.claim.id]


def lines(some):
    return dict(headline(claims_of([(b.heading, b.findings) for b in some]), some))


def test_the_first_lines_answer_what_was_asked_what_was_found_and_how_sure():
    asked = [
        finding("more-sessions", estimate(2.5, 2.1, 3), "supported"),
        finding("reduces-scarring", estimate(22, 14, 30), "partly supported", lacking=("cause",)),
        finding("rare-pih", None, "not testable"),
    ]
    said = lines([body("clinic", asked, heading="clinic")])
    assert list(said) == ["Asked", "In short", "Compared", "Result", "How sure", "All claims"]
    assert said["In short"] == (
        "The data support in part that needling makes scars less noticeable; not shown: the cause."
    )
    assert said["Compared"] == "Before and after, no comparison group: 57 patients, 61 sites."
    assert "22.0 (14.0 to 30.0) points, 95 % CI; worth having from 10 points." in said["Result"]
    assert said["How sure"].startswith("57 patients. Why this verdict: ")
    assert said["All claims"] == "3 claims: 1 supported, 1 partly supported, 1 not testable."
    planned = [replace(asked[0], planned=True), *asked[1:]]
    assert "several sessions" in lines([body("clinic", planned, heading="x")])["Asked"]


def test_where_nothing_could_be_tested_the_first_line_says_why():
    none = finding("reduces-scarring", None, "not testable")
    said = lines([body("clinic", [none], heading="clinic")])
    assert list(said) == ["In short"]
    assert none.reason in said["In short"]


def test_rows_come_by_how_much_is_known_primary_claims_first():
    def of(claim_id, certainty, n, **more):
        one = finding(claim_id, estimate(22, 14, 30), "inconclusive", certainty=certainty, **more)
        return replace(one, n_patients=n)

    asked = [
        of("rare-pih", "very low", 90), of("little-pain", "low", 10),
        of("satisfies-patients", "very low", 100), of("results-last", "", 5, planned=True),
        finding("treats-acne-scars", None, "not testable"), of("more-sessions", "high", 3),
    ]  # fmt: skip
    some = [body("clinic", asked, heading="clinic")]
    found = bands(claims_of([(b.heading, b.findings) for b in some]), some)
    assert [(band["title"], [row["id"] for row in band["rows"]]) for band in found] == [
        ("Primary claims of the plan", ["results-last"]),
        ("What patients ask most",
         ["little-pain", "satisfies-patients", "rare-pih", "treats-acne-scars"]),
        ("All other claims", ["more-sessions"]),
    ]  # fmt: skip


def test_arms_are_called_by_their_names():
    arms = [part("arm", "needling alone", 20, 18, 22), part("arm", "laser", 25, 21, 29)]
    one = finding("comparable-to-laser", estimate(-5, -9, -1), "inconclusive", parts=tuple(arms))
    source = body("clinic", [one], heading="clinic")
    assert compared(source, one) == "needling alone against laser"
    bare = replace(one, parts=(), comparison="uncontrolled")
    assert compared(source, bare) == "before and after, no comparison group"


def test_every_word_that_is_explained_leads_to_the_glossary(two):
    for address, page in made(two).items():
        words = re.findall(r'class="term" href="([^"#]*)#([^"]+)"', page)
        assert words
        assert {where for where, _ in words} == {"" if address == "index.html" else "../index.html"}
        assert {key for _, key in words} <= set(ids(made(two)["index.html"]))


def test_text_of_a_study_is_escaped_on_every_page():
    own = "<script>alert(1)</script> A & B"
    asked = finding("reduces-scarring", estimate(22, 14, 30), "supported")
    claim = replace(asked.claim, title=own, says=own)
    source = replace(
        body("clinic", [replace(asked, claim=claim)], heading=own), title=own, banner=own
    )
    for page in made([source]).values():
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; A &amp; B" in page


def test_tables_of_published_trials_stand_with_the_trials(two):
    trials = replace(two[0], trials=object(), tables=(printed("evidence", "published"),))
    assert [t["path"] for t in other_tables([*two, trials])] == ["tables/clinic/evidence_published"]
    assert cohort_sections([trials], {}) == []


def test_a_report_without_cohorts_has_no_section_for_them():
    plain = shown(bodies())
    assert not {"table1", "outcomes", "harms", "downloads"} & set(ids(plain))


class Controls(HTMLParser):
    """Collect what can be pressed or filled in, and whether it waits in a template."""

    def __init__(self, text):
        super().__init__()
        self.depth, self.found = 0, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.depth += tag == "template"
        if tag in ("button", "input", "select"):
            self.found.append((tag, self.depth > 0, dict(attrs)))

    def handle_endtag(self, tag):
        self.depth -= tag == "template"


def test_without_the_script_there_is_no_control_and_no_row_is_hidden(page):
    found = Controls(page).found
    assert len(found) > 5
    assert all(waits for _, waits, _ in found)
    assert all(a["type"] in ("button", "reset") for tag, _, a in found if tag == "button")
    table = page.split('id="scorecard-table"')[1].split("</table>")[0]
    assert "hidden>" not in table.replace('class="hidden">', "")
    assert table.count('<tbody class="claim" data-claim=') == 2


def test_the_script_is_small_strict_and_asks_nobody():
    text = resources.files("mnstudy.reporting.page").joinpath("templates/report.js").read_text()
    assert len(text.splitlines()) <= 110
    assert '"use strict"' in text
    for word in ("http", "import", "fetch", "eval", "innerHTML", "document.write", "</script"):
        assert word not in text, word


def test_filters_offer_only_what_some_claim_has(page):
    form = page.split('<form id="scorecard-filters"')[1].split("</form>")[0]
    offered = re.findall(r'<option value="([^"]+)">([^<]+)', form)
    words = [text for value, text in offered if value.isdigit()]
    assert words == ["supported", "inconclusive"]
    assert ("safety", GROUPS["safety"]) in offered
    assert "modifiers" not in dict(offered)


def test_rows_carry_what_they_are_sorted_and_filtered_by_escaped():
    page = shown(bodies())
    row = re.search(r'<tbody class="claim" data-claim="rare-pih".*?>', page, re.S)
    assert row is None or 'data-group="safety"' in row[0]
    letters = re.findall(r'data-letters="([^"]*)"', page)
    assert all(re.fullmatch(r"([A-E]( [A-E])*)?", text) for text in letters)
    assert HOSTILE not in page


def test_landmarks_are_few_and_headings_in_order(page):
    assert 'role="region"' not in page
    outline = Outline(page)
    labelled = re.findall(r'<section aria-labelledby="([^"]+)"', page)
    assert len(labelled) == len(set(labelled)) < 20
    steps = zip(outline.levels, outline.levels[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    boxes = re.findall(r'<div class="scroll"[^>]*>', page)
    assert all('tabindex="0"' in box and "aria-label" in box for box in boxes)


@pytest.mark.parametrize(
    ("design", "names"),
    [
        ("randomised", ["CONSORT 2025", "CONSORT Harms 2022", "SAMPL"]),
        ("split", ["CONSORT 2025", "CONSORT within-person", "CONSORT Harms 2022", "SAMPL"]),
        ("clinic", ["CONSORT Harms 2022", "STROBE", "SAMPL"]),
        ("series", ["CONSORT Harms 2022", "STROBE", "SAMPL"]),
    ],
)
def test_the_design_decides_which_checklists_apply(design, names):
    assert [one.name for one in checklists([study(design)])] == names


def test_without_harms_or_a_study_there_is_less_to_check():
    plain = replace(study("clinic"), tables=())
    only = replace(plain, findings=plain.findings[:1])
    assert [one.name for one in checklists([only])] == ["STROBE", "SAMPL"]
    assert [one.name for one in checklists(bodies())] == ["SAMPL"]


@pytest.mark.parametrize("design", DESIGNS)
def test_every_place_a_checklist_points_to_is_on_the_page(design):
    some = [study(design), *bodies()[1:]]
    there = addresses(some)
    pointed = {p.address for one in checklists(some) for i in one.items for p in i.where}
    assert pointed <= there
    assert {"#table1-clinic", "#outcomes-clinic", "#harms-clinic", "#methods"} <= pointed


def test_other_choices_and_those_who_were_lost_are_pointed_to_where_there_are_any():
    some = [replace(b, **DESIGNS["clinic"]) for b in checked_bodies()]
    pointed = {p.address for one in checklists(some) for i in one.items for p in i.where}
    page = "claims/reduces-scarring.html"
    assert {f"{page}#reduces-scarring-clinic-choices", "#lost-clinic"} <= pointed
    assert pointed <= addresses(some)


def test_what_a_report_lacks_is_yours_to_write():
    bare = replace(study("clinic"), tables=())
    item = next(i for one in checklists([bare]) for i in one.items if i.number == "14a")
    assert [place.address for place in item.where] == ["#data-clinic"]
    gone = next(i for one in checklists([bare]) for i in one.items if i.number == "14c")
    assert (gone.where, gone.answered) == ((), OPEN)
    assert {i.answered for one in checklists([bare]) for i in one.items} >= {OPEN, PARTLY}


def test_items_are_numbered_as_in_the_checklists_and_each_says_something():
    raw = {one["key"]: one["items"] for one in module._raw()}
    numbers = {key: {re.sub(r"\D", "", i["number"]) for i in own} for key, own in raw.items()}
    assert numbers["consort-2025"] == {str(n) for n in range(1, 31)}
    assert numbers["strobe"] == {str(n) for n in range(1, 23)}
    for key in ("consort-2025", "strobe"):
        listed = [i["number"] for i in raw[key]]
        assert len(listed) == len(set(listed))
        assert listed == sorted(listed, key=lambda n: (int(re.sub(r"\D", "", n)), n))
    known = set(places([], []))
    for own in raw.values():
        for item in own:
            assert item.get("at") or item.get("hint"), item
            assert set(item.get("at", ())) <= known, item


def test_the_table_of_checklists_has_one_row_an_item(two):
    table = checklist_frame(two)
    assert list(table.columns) == list(module.COLUMNS)
    assert len(table) == sum(len(one.items) for one in checklists(two))
    flow = table[(table["checklist"] == "CONSORT 2025") & (table["number"] == "25")].iloc[0]
    assert flow["where"] == "index.html#table1-faces"
    assert flow["studies"] == "faces (real)"
    both = table[table["checklist"] == "SAMPL"]
    assert set(both["studies"]) == {"clinic (real); faces (real)"}


def test_downloads_list_every_file_once_with_what_it_is(two, tmp_path):
    for name in (
        "results.csv", "scorecard.svg", "scorecard.png", "checklist.csv", "index.html",
        "tables/faces/outcomes_faces.docx", "tables/faces/outcomes_faces.csv",
        "figures/faces/rare-pih.svg", "figures/faces/rare-pih.csv",
        "figures/faces/rare-pih.column.svg",
        "figures/faces/specifications/rare-pih.svg", "notebooks/02_does_it_work.ipynb", "odd.txt",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = {one.path: one for one in downloads(tmp_path, two)}
    assert found["tables/faces/outcomes_faces"].formats == ("csv", "docx")
    assert found["tables/faces/outcomes_faces"].what == "outcomes of faces, faces (real)"
    assert found["figures/faces/rare-pih"].formats == ("svg", "column.svg", "csv")
    title = two[0].findings["rare-pih"].claim.title
    assert found["figures/faces/rare-pih"].what == f"{title}, faces (real)"
    assert "every combination" in found["figures/faces/specifications/rare-pih"].what
    assert found["odd"].group == "Other files"
    files = {f"{one.path}.{ending}" for one in found.values() for ending in one.formats}
    there = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == there - {"index.html"} | {"manifest.json"}
    page = shown(two, downloads=tuple(found.values()))
    section = page.split('<h2 id="downloads">')[1].split('<h2 id="versions">')[0]
    assert set(re.findall(r'href="([^"]+)"', section)) == files
    assert 'href="checklist.csv"' in page.split('<h2 id="checklists">')[1]
    assert 'href="tables/faces/outcomes_faces.docx"' in page.split('id="outcomes-faces"')[1]
    own = made(two, downloads=tuple(found.values()))["claims/rare-pih.html"]
    assert 'href="../figures/faces/rare-pih.column.svg"' in own.split('<h2 id="files">')[1]


def test_the_page_is_the_same_each_time(two):
    assert shown(two) == shown(two)
    assert page_module.TITLE in shown(two)
    assert "<h1>Her clinic</h1>" in shown([replace(two[0], title="Her clinic"), two[1]])


COLOURED = ("supported", "partly", "inconclusive", "inconclusive-edge", "contradicted",
            "untestable")  # fmt: skip


def test_the_page_has_the_colours_of_the_figures():
    css = resources.files("mnstudy.reporting.page").joinpath("templates/report.css").read_text()
    light, printed = css.partition("@media")[0], css.partition("@media print")[2]
    named, on_paper = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in (light, printed)
    )
    assert {k: v for k, v in on_paper.items() if k in COLOURED} == {k: named[k] for k in COLOURED}
    styles = VERDICT_STYLES
    assert named["supported"] == styles["supported"].colour
    assert named["partly"] == styles["partly supported"].colour
    assert named["inconclusive"] == styles["inconclusive"].colour
    assert named["inconclusive-edge"] == styles["inconclusive"].edge
    assert named["contradicted"] == styles["contradicted"].colour
    assert named["untestable"] == styles["not testable"].edge
