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


@pytest.fixture(scope="module")
def printed(visit, tmp_path_factory):
    """Print the page, each figure marked at its top and its bottom; returns the sheets' text."""
    page = visit(PAGE.as_uri())
    page.evaluate(MARKS)
    path = tmp_path_factory.mktemp("print") / "report.pdf"
    page.pdf(path=path, format="A4", print_background=True, prefer_css_page_size=True)
    read = [tool("pdftotext", "poppler-utils"), "-enc", "UTF-8", str(path), "-"]
    text = subprocess.run(read, capture_output=True, text=True, check=True).stdout
    captions = page.locator("figcaption").all_inner_texts()
    return text.split("\f")[:-1], captions


def test_it_opens_without_a_complaint(page):
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.complaints == []


def test_every_picture_decodes_and_is_described(page):
    pictures = page.evaluate("""() => Promise.all([...document.images].map(async img => {
      await img.decode().catch(() => {});
      return [img.alt, img.naturalWidth, img.closest("figure")?.querySelector("a")?.href];
    }))""")
    assert len(pictures) > 43
    assert [where for alt, width, where in pictures if not width or len(alt) < 40] == []


def test_every_link_leads_somewhere(page):
    targets = set(page.evaluate("[...document.links].map(a => a.getAttribute('href'))"))
    inside = {t.removeprefix("#") for t in targets if t.startswith("#")}
    anchors = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
    assert inside - anchors == set()
    beside = {t for t in targets if not re.match("#|https://doi.org/", t)}
    assert [t for t in sorted(beside) if not (PAGE.parent / unquote(t)).is_file()] == []
    assert len(inside) > 43
    assert len(beside) > 43


def barriers(page, **options):
    found = Axe().run(page, options={"resultTypes": ["violations"], **options})
    nodes = [(rule, node) for rule in found.response["violations"] for node in rule["nodes"]]
    return [f"{rule['impact']}: {rule['help']}: {node['html'][:120]}" for rule, node in nodes]


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_axe_finds_no_barrier(visit, width):
    page = visit(PAGE.as_uri(), width=width)
    open_details(page)
    assert barriers(page, rules={CONTRAST: {"enabled": False}}) == []


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_of_text_stands_out_from_its_ground(visit, width, scheme):
    page = visit(PAGE.as_uri(), width=width, scheme=scheme)
    open_details(page)
    assert page.evaluate(THREE_OF_A_KIND) > 100
    page.add_style_tag(content=PLAIN_GROUND)
    assert barriers(page, runOnly=[CONTRAST]) == []


def test_nothing_overflows_a_phone(phone):
    assert phone.evaluate("document.scrollingElement.scrollWidth") <= PHONE
    assert phone.evaluate(STICKS_OUT) == []


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
    assert len(captions) > 43


def test_every_caption_is_in_print(printed):
    sheets, captions = printed
    text = squeeze(re.sub(r"@@\d+[AZ]@@", "", "".join(sheets)))
    assert [c for c in captions if squeeze(c) not in text] == []


def squeeze(text):
    """Leave out white space and hyphens: lines break elsewhere in print."""
    return re.sub(r"[\s-]+", "", text)


def test_without_javascript_all_claims_are_there_and_nothing_is_dead(visit):
    page = visit(PAGE.as_uri(), javascript=False)
    table = page.get_by_role("table", name="Claims by body of data")
    links = table.locator("th[scope=row] a")
    expect(links).to_have_text([claim.title for claim in registry().values()])
    assert all(link.is_visible() for link in links.all())
    controls = page.locator("button, input, select").all()
    assert not any(control.is_visible() for control in controls)
    assert page.complaints == []
