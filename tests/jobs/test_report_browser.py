"""The page in a browser: nothing in a name comes to life, and it is readable everywhere."""

import io
import json

import numpy as np
import pytest
from chromium import Chromium
from result_folders import every_folder

from jaxmargin.jobs import write_report

HARMLESS = [f"name-{number}" for number in range(8)]
HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "javascript:document.title='owned'",
    "nul\x00 and bell\x07",
    "\u202egnp.exe\u2066 right to left \u200f",
    "x" * 10_000,
    "</title></style></svg><svg onload=alert(1)><a href='https://evil.example'>",
    "$\\frac{1}{2}$ &lt;b&gt; {{ 7 * 7 }} ]]> <!--",
]
COUNT = "document.querySelectorAll(':not(svg *)').length"  # figures have as many ticks as fit
DRAWN = "[...new Set([...document.querySelectorAll('svg *')].map(e => e.tagName))].join(' ')"
SHAPES = {"title", "desc", "defs", "g", "path", "text", "tspan", "use", "clipPath", "rect"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The same results, by harmless and by hostile names."""
    root = tmp_path_factory.mktemp("pages")
    found = {}
    for word, names, text in (
        ("harmless", HARMLESS, "words"),
        ("hostile", HOSTILE, HOSTILE[0] + HOSTILE[1] + HOSTILE[6]),
    ):
        found[word] = root / f"{word}.html"
        folders = every_folder(root / word, names, text)
        (folders[0] / "status.json").write_text(json.dumps({"stale": True, "problems": [text]}))
        write_report(folders, found[word])
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    started = Chromium(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


def test_hostile_names_are_inert(pages, browser):
    browser.open(pages["harmless"])
    expected = browser.ask(COUNT)
    attributes = "[...document.querySelectorAll('*')].reduce((n, e) => n + e.attributes.length, 0)"
    browser.open(pages["hostile"])
    assert browser.ask(COUNT) == expected > 800
    assert set(browser.ask(DRAWN).split()) <= SHAPES
    for selector in ("script", "img", "iframe", "object", "link", "form", "[onerror]", "[onload]"):
        assert browser.ask(f"document.querySelectorAll('{selector}').length") == 0
    assert browser.ask("document.querySelectorAll('a:not([href^=\"#\"])').length") == 0
    assert browser.ask("document.title.includes('<script>')")  # as text
    assert browser.ask("document.title") != "owned"
    assert browser.ask(attributes) > expected
    assert browser.requests == [pages["hostile"].as_uri()]
    shown = browser.ask("document.body.innerText")
    assert "\\x00" in shown and "\\u202e" in shown and not {"\x00", "\u202e", "\u200f"} & set(shown)
    assert "7 * 7" in shown and "x" * 400 not in shown


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_the_page_never_scrolls_sideways(pages, browser, width):
    for page in pages.values():
        browser.open(page, width=width)
        browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.ask("document.documentElement.scrollWidth") <= width
        wide = (
            "[...document.querySelectorAll('p,h1,h2,dd,dt,figure,figcaption,.scroll,li,summary')]"
            f".filter(e => e.getBoundingClientRect().right > {width}).length"
        )
        assert browser.ask(wide) == 0


@pytest.mark.parametrize("page", ["harmless", "hostile"])
def test_text_of_figures_stays_within_them_and_is_large_enough_on_a_phone(pages, browser, page):
    browser.open(pages[page], width=390)
    out = """[...document.querySelectorAll('figure svg')].flatMap(svg => {
      const box = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter(t => {
        const b = t.getBoundingClientRect();
        return b.left < box.left - 2 || b.right > box.right + 2 || b.bottom > box.bottom + 2;
      }).map(t => t.textContent)})"""
    assert browser.ask(out) == []
    least = """Math.min(...[...document.querySelectorAll('figure svg text')].map(t =>
      parseFloat(getComputedStyle(t).fontSize) * Math.sqrt(t.getScreenCTM().a ** 2 +
      t.getScreenCTM().b ** 2)))"""
    assert browser.ask(least) >= 7.0


def test_the_page_has_a_light_and_a_dark_look_and_neither_is_blank(pages, browser):
    image = pytest.importorskip("PIL.Image")
    shown = []
    for dark in (False, True):
        browser.open(pages["harmless"], dark=dark)
        browser.ask("document.getElementById('margins').scrollIntoView({behavior: 'instant'})")
        shot = image.open(io.BytesIO(browser.screenshot())).convert("L")
        shown.append(np.asarray(shot, float))
    light, dark = shown
    assert np.median(light) > 240.0 and np.median(dark) < 40.0
    for each in shown:
        assert np.mean(np.abs(each - np.median(each)) > 60.0) > 0.01  # text and bars
    color = "getComputedStyle(document.querySelector('figure svg text')).fill"
    assert browser.ask(color) == "rgb(231, 235, 239)"  # the dark theme's text, within figures too
