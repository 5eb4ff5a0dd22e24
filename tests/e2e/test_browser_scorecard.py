"""A reader filters and orders the scorecard with the keyboard alone."""

import pytest
from playwright.sync_api import expect

import mnstudy as mn
from mnstudy.reporting.page.claims import bands
from mnstudy.reporting.page.page import leading_finding, pages
from mnstudy.reporting.run.sources import cohort_source
from mnstudy.verdicts.claims.registry import ARTICLES, GROUPS, registry

pytestmark = pytest.mark.e2e

CLAIMS = list(registry().values())
MANY_STOPS = 300


@pytest.fixture(scope="module")
def bodies(patients, clinic, clinic_findings):
    return [cohort_source(patients, mn.evaluate(patients)), cohort_source(clinic, clinic_findings)]


@pytest.fixture(scope="module")
def address(bodies, tmp_path_factory):
    """The first page on two sources of data, without figures."""
    path = tmp_path_factory.mktemp("page") / "index.html"
    html = pages(bodies, {}, versions={}, register_sha256="0" * 64)["index.html"]
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def claims(bodies):
    """The claims in the order of the page."""
    by_id = {c.id: c for c in CLAIMS}
    shown = bands(CLAIMS, bodies, first=leading_finding(bodies[0]).claim.id)
    return [by_id[row["id"]] for band in shown for row in band["rows"]]


@pytest.fixture
def page(visit, address):
    page = visit(address)
    yield page
    assert page.complaints == []
    page.context.close()


@pytest.fixture
def filters(page):
    press(page, page.locator("summary", has_text="Filter and order"))
    return page.get_by_role("search", name="Filter the scorecard")


def go_to(page, target):
    """Press Tab until the target has the focus."""
    for _ in range(MANY_STOPS):
        if target.evaluate("e => e === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {target}")


def choose(page, filters, option):
    """Go to the list that holds the option and press the down arrow until it is chosen."""
    select = filters.get_by_role("combobox").filter(has_text=option)
    go_to(page, select)
    for _ in select.locator("option").all():
        if option in select.evaluate("e => e.selectedOptions[0].text"):
            return
        page.keyboard.press("ArrowDown")
    pytest.fail(f"the arrow keys do not reach {option!r}")


def write(page, filters, words):
    go_to(page, filters.get_by_role("searchbox"))
    page.keyboard.type(words)


def press(page, button, key="Enter"):
    go_to(page, button)
    page.keyboard.press(key)


def shown(page):
    """Return the titles of the claims that are left, from the top down."""
    links = page.locator("#scorecard-table tbody th a")
    return links.filter(visible=True).all_inner_texts()


def titles(claims):
    return [claim.title for claim in claims]


def status(page):
    return page.get_by_role("status")


def test_all_claims_are_there_at_first(page, claims):
    assert shown(page) == titles(claims)
    expect(status(page)).to_have_text("")


@pytest.mark.parametrize("letter", ["A", "E"])
def test_filter_by_article(page, filters, claims, letter):
    choose(page, filters, f"{letter}: {ARTICLES[letter]}")
    wanted = [c for c in claims if letter in (*c.articles, *c.against)]
    assert shown(page) == titles(wanted)
    expect(status(page)).to_contain_text(f"{len(wanted)} of {len(claims)} claims")


def test_filter_by_verdict_of_any_source(page, filters, claims, bodies):
    choose(page, filters, "contradicted")
    found = {f.claim.id for b in bodies for f in b.findings if f.verdict == "contradicted"}
    assert shown(page) == titles(c for c in claims if c.id in found)
    assert found


def test_filter_by_topic_and_by_words(page, filters, claims):
    topic = next(key for key in GROUPS if any(c.group == key for c in claims))
    choose(page, filters, GROUPS[topic])
    own = [c for c in claims if c.group == topic]
    assert shown(page) == titles(own)
    write(page, filters, "BURN")
    assert shown(page) == titles(c for c in own if "burn" in c.title.lower())


def test_what_is_not_found_is_said_and_reset_shows_all(page, filters, claims):
    write(page, filters, "no such words")
    assert shown(page) == []
    expect(status(page)).to_contain_text(f"0 of {len(claims)} claims")
    assert page.locator("tbody.band").filter(visible=True).count() == 0
    press(page, filters.get_by_role("button", name="Reset"))
    assert shown(page) == titles(claims)
    expect(status(page)).to_have_text("")


def test_order_by_title_and_back(page, filters, claims):
    choose(page, filters, "by title")
    assert shown(page) == sorted(titles(claims), key=str.casefold)
    expect(status(page)).to_contain_text("order by title")
    assert page.locator("tbody.band").filter(visible=True).count() == 0
    press(page, filters.get_by_role("button", name="Reset"))
    assert shown(page) == titles(claims)
    assert page.locator("tbody.band").filter(visible=True).count() > 1


def test_a_filter_stays_when_the_order_changes(page, filters, claims):
    write(page, filters, "rare")
    before = shown(page)
    choose(page, filters, "by title")
    assert 1 < len(before) < len(claims)
    assert shown(page) == sorted(before, key=str.casefold)


def test_an_address_keeps_what_was_chosen(visit, address):
    page = visit(f"{address}?group=safety&sort=title")
    assert 1 < len(shown(page)) < len(CLAIMS)
    expect(page.get_by_role("search", name="Filter the scorecard")).to_be_visible()
    page.context.close()


def test_the_focus_is_seen_on_every_control(page, filters):
    controls = filters.locator("input, select, button:enabled").all()
    assert len(controls) > 5
    for control in controls:
        go_to(page, control)
        assert control.evaluate(
            "e => { const s = getComputedStyle(e);"
            " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0; }"
        )
