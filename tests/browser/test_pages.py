"""The pages to read, in a browser: search, quizzes, dark and light, a narrow screen, the keyboard, and axe."""

import re

import pytest
from playwright.sync_api import expect

from gluon_lessons.files import fetch

pytestmark = pytest.mark.browser
AXE = ("axe-core", "4.14.1", "package/axe.min.js", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745")


def names(site):
    return sorted(path.name for path in site.glob("*.html"))


def test_no_page_reaches_out_complains_or_scrolls_sideways_on_a_narrow_screen(tab, address, site, keep):
    page = tab(360, 740)
    wide = []
    for name in names(site):
        page.goto(f"{address}/{name}")
        if page.evaluate("document.documentElement.scrollWidth") > 360:
            wide.append(name)
    assert page.strangers == []
    assert page.complaints == []
    assert wide == []
    page.goto(f"{address}/index.html")
    keep(page, "narrow")


def test_the_gate_sees_what_a_page_asks_of_another_machine(tab, address):
    page = tab()
    page.goto(f"{address}/index.html")
    page.evaluate("fetch('http://example.org/x.png').catch(() => {})")
    assert page.strangers == ["http://example.org/x.png"]


def test_the_menu_of_a_narrow_screen_leads_to_every_lesson(tab, address, keep):
    page = tab(360, 740)
    page.goto(f"{address}/index.html")
    link = page.locator("#pst-primary-sidebar-modal, #pst-primary-sidebar").get_by_role("link", name="04. Keep what")
    expect(link).not_to_be_visible()
    page.locator("button.primary-toggle").first.click()
    expect(link).to_be_visible()
    keep(page, "narrow-menu")
    link.click()
    expect(page.locator("h1").last).to_contain_text("Keep what matters")


def test_the_search_is_opened_used_and_followed_by_keyboard(tab, address, keep):
    page = tab()
    page.goto(f"{address}/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("non-maximum suppression")
    page.keyboard.press("Enter")
    results = page.locator("#search-results ul.search li")
    expect(results.filter(has_text="What is where: detect objects").first).to_be_visible()
    keep(page, "search")
    page.goto(f"{address}/search.html?q=zeppelin")
    expect(page.locator("#search-results")).to_contain_text("did not match any documents")
    assert results.count() == 0


def test_a_quiz_answers_to_the_keyboard_and_to_a_click(tab, address, keep):
    page = tab()
    page.goto(f"{address}/00-start-here.html")
    right = page.locator("details", has_text="Semantic segmentation").filter(has_text="Correct.").first
    wrong = page.locator("details", has_text="Not this one.").first
    for choice, verdict in ((right, "Correct."), (wrong, "Not this one.")):
        answer = choice.locator("p", has_text=verdict)
        expect(answer).not_to_be_visible()
        if choice is right:
            choice.locator("summary").focus()
            page.keyboard.press("Enter")
        else:
            choice.locator("summary").click()
        expect(answer).to_be_visible()
    keep(page, "quiz")


def test_a_page_remembers_which_choices_were_opened(tab, address):
    page = tab()
    page.goto(f"{address}/00-start-here.html")
    choices = page.locator(".cell_output details")
    opened = "choices => choices.map(choice => choice.open)"
    assert not any(choices.evaluate_all(opened))
    choices.nth(1).locator("summary").click()
    choices.nth(4).locator("summary").click()
    page.reload()
    assert [index for index, is_open in enumerate(choices.evaluate_all(opened)) if is_open] == [1, 4]
    choices.nth(1).locator("summary").click()
    page.reload()
    assert [index for index, is_open in enumerate(choices.evaluate_all(opened)) if is_open] == [4]
    page.goto(f"{address}/01-ndarray.html")
    assert not any(choices.evaluate_all(opened))


def test_dark_is_a_click_away_and_stays(tab, address, keep):
    page = tab(color_scheme="light")
    page.goto(f"{address}/00-start-here.html")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    keep(page, "light")
    root = page.locator("html")
    button = page.get_by_role("button", name="Light or dark")
    for _ in range(3):
        if root.get_attribute("data-mode") != "dark":
            button.click()
    expect(root).to_have_attribute("data-theme", "dark")
    dark = page.evaluate(background)
    assert brightness(dark) < 60 < 200 < brightness(light)
    page.goto(f"{address}/11-detect.html")
    expect(root).to_have_attribute("data-theme", "dark")
    keep(page, "dark")


def brightness(colour):
    return max(int(number) for number in re.findall(r"\d+", colour)[:3])


def test_code_is_copied_as_it_stands_and_outputs_are_not_offered(tab, address):
    page = tab(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/00-start-here.html")
    cell = page.locator("div.cell", has_text='found = predict.detect("street")').first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[:2] == ['found = predict.detect("street")', "print(found.table())"]
    assert page.locator(".cell_output button.copybtn").count() == 0


def test_the_keyboard_skips_to_the_content(tab, address):
    page = tab()
    page.goto(f"{address}/11-detect.html")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to main content")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"


@pytest.mark.network
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab, address, site, scheme):
    package, version, member, archive = AXE
    script = fetch.npm(package, version, member, archive)
    page = tab(color_scheme=scheme)
    found = {}
    for name in names(site):
        page.goto(f"{address}/{name}")
        found |= {f"{name}: {problem}": place for problem, place in axe(page, script)}
    assert found == {}
    page.goto(f"{address}/index.html")
    page.locator("article").evaluate("article => article.append(new Image(10, 10))")
    assert {problem for problem, _ in axe(page, script)} == {"image-alt"}


def axe(page, script):
    page.add_script_tag(path=script)
    violations = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        (found["id"], found["nodes"][0]["html"]) for found in violations if found["impact"] in ("serious", "critical")
    ]
