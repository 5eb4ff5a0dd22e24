"""A clinician opens the page of reports/ from disk: on a screen, on a phone, in print.

`make report` writes that page; `.ci/run` does so before these tests.
"""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import PHONE, WIDE, tool
from playwright.sync_api import expect

from mnstudy.verdicts.claims.registry import registry

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "reports" / "index.html"
STICKS_OUT = """() => {
  const clips = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const inside = e => e && (clips(e) || inside(e.parentElement));
  const out = e => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
  };
  return [...document.querySelectorAll("body *:not(svg *):not(.skip)")]
    .filter(e => out(e) && !inside(e.parentElement))
    .map(e => `${e.tagName.toLowerCase()}: ${e.textContent.trim().slice(0, 60)}`);
}"""
# The first page, one of a claim with much, one without a number, one of the demonstration.
ADDRESSES = (
    "index.html", "claims/reduces-scarring.html", "claims/blood-flow.html",
    "demo/claims/more-sessions.html",
)  # fmt: skip
PRINTED = ("reduces-scarring", "rare-pih", "treats-acne-scars", "rf-combination")
CONTRAST = "color-contrast"
# Contrast takes axe minutes on a whole page; what has the same styles has the same colours.
THREE_OF_A_KIND = """() => {
  const style = e => `${e.tagName} ${e.className} ${e.style.cssText}`;
  const kind = e => e ? `${kind(e.parentElement)} ${style(e)}` : "";
  const all = [...document.querySelectorAll("body *:not(svg *)")];
  const seen = new Map();
  const kept = new Set();
  for (const e of all) {
    const count = (seen.get(kind(e)) ?? 0) + 1;
    seen.set(kind(e), count);
    for (let up = e; count <= 3 && up && !kept.has(up); up = up.parentElement) kept.add(up);
  }
  for (const e of all) if (!kept.has(e)) e.remove();
  return seen.size;
}"""
PLAIN_GROUND = ".synthetic { background: var(--hatch) !important; }"  # axe cannot judge hatching
MARKS = """() => document.querySelectorAll("figure").forEach((figure, i) => {
  figure.style.position = "relative";
  for (const [edge, side] of [["top", "A"], ["bottom", "Z"]]) {
    const mark = document.createElement("span");
    mark.textContent = `@@${i}${side}@@`;
    mark.style.cssText = `position:absolute;${edge}:0;right:0;font:4px monospace`;
    figure.append(mark);
  }
})"""


def open_details(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")


@pytest.fixture(scope="module")
def page(visit):
    """Open the page on a wide screen; whatever a test changes on it is for all to see."""
    assert PAGE.is_file(), "there is no report yet: run `make report`"
    return visit(PAGE.as_uri())


@pytest.fixture(scope="module")
def phone(visit):
    page = visit(PAGE.as_uri(), width=PHONE)
    open_details(page)
    return page


def sheets_of(page, path):
    """Print a page; return the text of each sheet."""
    page.pdf(path=path, format="A4", print_background=True, prefer_css_page_size=True)
    read = [tool("pdftotext", "poppler-utils"), "-enc", "UTF-8", str(path), "-"]
    text = subprocess.run(read, capture_output=True, text=True, check=True).stdout
    return text.split("\f")[:-1]


@pytest.fixture(scope="module", params=PRINTED)
def printed(request, visit, tmp_path_factory):
    """Print the page of a claim, each figure marked at its top and its bottom, nothing folded."""
    page = visit((PAGE.parent / "claims" / f"{request.param}.html").as_uri())
    open_details(page)
    page.evaluate(MARKS)
    sheets = sheets_of(page, tmp_path_factory.mktemp("print") / "claim.pdf")
    return sheets, page.locator("figcaption").all_inner_texts()


def test_it_opens_without_a_complaint(page):
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.complaints == []


def test_the_first_screen_answers(visit):
    """What was asked, what the data say and how sure stand above the fold, on a phone as well."""
    for width, height in ((1300, 900), (PHONE, 844)):
        page = visit(PAGE.as_uri(), width=width)
        for name in ("Asked", "In short", "Compared", "Result", "How sure"):
            answer = page.locator(f"dt:text-is('{name}') + dd")
            box = answer.bounding_box()
            assert box["y"] + box["height"] <= height, (width, name)


def test_the_first_page_is_short(visit, tmp_path):
    page = visit(PAGE.as_uri(), width=1300)
    assert page.evaluate("document.documentElement.scrollHeight") <= 12_000
    assert PAGE.stat().st_size <= 1_500_000
    assert len(sheets_of(page, tmp_path / "index.pdf")) <= 8


def test_every_claim_has_its_page_and_opens_without_a_complaint(visit, page):
    links = page.locator("#scorecard-table tbody th a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) == len(registry())
    pictures = 0
    for link in links:
        page = visit(link)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        open_details(page)
        assert page.complaints == []
        found = page.evaluate("""() => Promise.all([...document.images].map(async img => {
          await img.decode().catch(() => {});
          return [img.alt, img.naturalWidth, img.closest("figure")?.querySelector("a")?.href];
        }))""")
        assert [where for alt, width, where in found if not width or len(alt) < 40] == []
        pictures += len(found)
        page.context.close()
    assert pictures > len(registry())


def test_every_link_leads_somewhere(page):
    targets = set(page.evaluate("[...document.links].map(a => a.getAttribute('href'))"))
    inside = {t.removeprefix("#") for t in targets if t.startswith("#")}
    anchors = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
    assert inside - anchors == set()
    beside = {t.partition("#")[0] for t in targets if not re.match("#|https://doi.org/", t)}
    assert [t for t in sorted(beside) if not (PAGE.parent / unquote(t)).is_file()] == []
    assert len(inside) > 10
    assert len(beside) > 43


def barriers(page, **options):
    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    nodes = [(rule, node) for rule in found.response["violations"] for node in rule["nodes"]]
    return [f"{rule['impact']}: {rule['help']}: {node['html'][:120]}" for rule, node in nodes]


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("address", ADDRESSES)
def test_axe_finds_no_barrier(visit, address, width):
    page = visit((PAGE.parent / address).as_uri(), width=width)
    open_details(page)
    assert barriers(page, rules={CONTRAST: {"enabled": False}}) == []


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_kind_of_text_stands_out_from_its_ground(visit, address, width, scheme):
    page = visit((PAGE.parent / address).as_uri(), width=width, scheme=scheme)
    open_details(page)
    assert page.evaluate(THREE_OF_A_KIND) > 30
    page.add_style_tag(content=PLAIN_GROUND)
    assert barriers(page, runOnly=[CONTRAST]) == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_overflows_a_phone(visit, address):
    phone = visit((PAGE.parent / address).as_uri(), width=PHONE)
    open_details(phone)
    assert phone.evaluate("document.scrollingElement.scrollWidth") <= PHONE
    assert phone.evaluate(STICKS_OUT) == []


def test_on_a_phone_every_claim_is_a_card_with_every_answer(visit):
    phone = visit(PAGE.as_uri(), width=PHONE)
    for cell in phone.locator("#scorecard-table tbody.claim td:not(.interval)").all():
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE


def test_what_scrolls_sideways_can_be_reached_by_keyboard(phone):
    boxes = phone.evaluate("""() => [...document.querySelectorAll("*")].filter(e =>
      e.scrollWidth > e.clientWidth + 1
      && ["auto", "scroll"].includes(getComputedStyle(e).overflowX)
    ).map(e => [e.tabIndex, e.getAttribute("aria-label") ?? e.getAttribute("aria-labelledby")])""")
    assert boxes
    assert all(index == 0 and name for index, name in boxes)


def test_no_figure_is_cut_in_print(printed):
    sheets, captions = printed
    where = [set(re.findall(r"@@(\d+[AZ])@@", sheet)) for sheet in sheets]
    whole = [i for i in range(len(captions)) if any({f"{i}A", f"{i}Z"} <= s for s in where)]
    assert whole == list(range(len(captions)))
    assert captions


def test_every_caption_is_in_print(printed):
    sheets, captions = printed
    text = squeeze(re.sub(r"@@\d+[AZ]@@", "", "".join(sheets)))
    said = [caption.partition(" Files: ")[0] for caption in captions]  # no files in print
    assert [c for c in said if squeeze(c) not in text] == []


def squeeze(text):
    """Leave out white space and hyphens: lines break elsewhere in print."""
    return re.sub(r"[\s-]+", "", text)


def test_without_javascript_all_claims_are_there_and_nothing_is_dead(visit):
    page = visit(PAGE.as_uri(), javascript=False)
    links = page.locator("#scorecard-table tbody th a")
    assert sorted(links.all_inner_texts()) == sorted(c.title for c in registry().values())
    assert all(link.is_visible() for link in links.all())
    controls = page.locator("button, input, select").all()
    assert not any(control.is_visible() for control in controls)
    assert page.complaints == []


def test_a_word_that_is_explained_leads_to_what_it_means(visit):
    page = visit((PAGE.parent / "claims" / "reduces-scarring.html").as_uri(), javascript=False)
    page.locator("#answers ~ * a.term").first.click()
    expect(page.locator("dt:target")).to_be_in_viewport()
