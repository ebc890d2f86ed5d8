# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a real browser: as it is seen, in light and dark, without colour, small, printed; and what it asks for.

Pictures are left in tests/output/gates/page.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import LEVELS
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.overview import Check, Overview, Service
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page import page
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.page_marks import WORDS

from tests.gates.staging import OUTPUT
from tests.page.browser import Browser
from tests.page.png import difference, greys
from tests.page.samples import alliance, with_probes

PICTURES = OUTPUT / "page"
BROKEN = ("cluster-a", "cluster-b")
# Three clusters: one edge is broken, one is old, one is not known, the others are well.
THREE = with_probes(alliance(3, {(0, 1): "error", (1, 2): "warning", (2, 0): "unknown"}), [BROKEN])
HOSTILE = (
    "</text></svg><img src=https://evil.example/x onerror=document.title='gone'><script>document.title='gone'</script>"
)

# Every text with its colour and the colours behind it, as the browser computed them.
TEXTS = """
(() => {
  const found = [];
  const rgb = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const solid = (text) => { const c = rgb(text); return c.length === 3 || c[3] === 1; };
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || element.closest('defs, title, desc, style')) continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || box.right < 0) continue;
    const style = getComputedStyle(element);
    const drawn = element instanceof SVGElement;
    let ground = '';
    if (drawn) {
      const shape = element.parentElement.querySelector(':scope > .box');
      if (shape) ground = getComputedStyle(shape).fill;
    }
    for (let at = element; at && !ground; at = at.parentElement)
      if (solid(getComputedStyle(at).backgroundColor)) ground = getComputedStyle(at).backgroundColor;
    found.push([element.textContent.trim().slice(0, 40), rgb(drawn ? style.fill : style.color), rgb(ground)]);
  }
  return found;
})()
"""
BOXES = """
(() => [...document.querySelectorAll('%s')].map(e => {
  const b = e.getBoundingClientRect();
  return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height, name: e.getAttribute('aria-label'),
    level: e.getAttribute('class')};
}))()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Any:
    def opened(overview: Overview, **how: Any) -> Browser:
        file = tmp_path / "page.html"
        file.write_text(page(overview), encoding="utf-8")
        browser.look(**how)
        browser.open(file)
        return browser

    return opened


def boxes(browser: Browser, selector: str) -> list[dict[str, Any]]:
    """The places of what a selector finds."""
    return list(browser.value(BOXES % selector))


def touch(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two places overlap by more than a line's width."""
    return all(
        min(one[start] + one[size], other[start] + other[size]) - max(one[start], other[start]) > 1
        for start, size in (("x", "width"), ("y", "height"))
    )


def contrast(one: list[float], other: list[float]) -> float:
    """As WCAG 2 defines it."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: list[float]) -> float:
    channels = [value / 255 for value in colour[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(value * weight for value, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def keep(browser: Browser, name: str) -> None:
    """Leave a picture for people."""
    (PICTURES / f"{name}.png").write_bytes(browser.picture())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_clusters_with_one_edge_broken(scheme: str, show: Any) -> None:
    browser = show(THREE, scheme=scheme)
    keep(browser, f"three-{scheme}")
    cards, labels = boxes(browser, ".picture .card"), boxes(browser, ".picture .label")
    assert (len(cards), len(labels)) == (3, 6)
    (broken,) = [label for label in labels if "level-error" in label["level"]]
    assert broken["name"].startswith("cluster-a calls cluster-b: Error, ")
    assert broken["width"] > 60
    assert browser.value("document.querySelector('.whole').innerText").strip() == WORDS["error"]
    assert "Remedy: see with kubectl" in browser.value("document.querySelector('#attention').innerText")


def test_it_asks_for_nothing_and_complains_of_nothing(show: Any) -> None:
    browser = show(THREE)
    asked = [event["request"]["url"] for event in browser.events("Network.requestWillBeSent")]
    assert len(asked) == 1
    assert asked[0].startswith("file:///")
    assert browser.events("Log.entryAdded") == []
    assert browser.events("Runtime.exceptionThrown") == []
    assert browser.value("document.scripts.length") == 0
    assert browser.value("performance.getEntriesByType('resource').length") == 0


def test_a_page_that_asked_for_something_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    """What the test before relies on."""
    file = tmp_path / "asking.html"
    file.write_text("<!DOCTYPE html><img src='http://127.0.0.1:1/x.png'><script>nothing()</script>")
    browser.open(file)
    assert "http://127.0.0.1:1/x.png" in [
        event["request"]["url"] for event in browser.events("Network.requestWillBeSent")
    ]
    assert browser.events("Runtime.exceptionThrown")


def test_names_of_strangers_do_nothing(show: Any) -> None:
    edges = tuple(
        replace(
            edge, services=(Service(HOSTILE, (HOSTILE,)),), gateways=(HOSTILE,), checks=(Check("x", "ok", HOSTILE),)
        )
        for edge in THREE.edges
    )
    clusters = tuple(replace(view, trust_domain=HOSTILE, istio=HOSTILE) for view in THREE.clusters)
    browser = show(replace(THREE, title=HOSTILE, edges=edges, clusters=clusters))
    assert browser.value("document.title").startswith(HOSTILE)
    assert browser.value("document.querySelectorAll('img, script, iframe, object, embed').length") == 0
    assert len(browser.events("Network.requestWillBeSent")) == 1
    assert HOSTILE in browser.value("document.body.textContent")


def test_the_policy_stops_what_would_run_all_the_same(browser: Browser, tmp_path: Path) -> None:
    """Were there ever a hole: the page's own policy lets no script run, and nothing be fetched."""
    text = page(THREE).replace(
        "</main>", "<script>document.title='gone'</script><img src='http://127.0.0.1:1/x'></main>"
    )
    file = tmp_path / "holed.html"
    file.write_text(text, encoding="utf-8")
    browser.open(file)
    assert browser.value("document.title") != "gone"
    refused = " ".join(event["entry"]["text"] for event in browser.events("Log.entryAdded"))
    assert "Content Security Policy" in refused


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_legible(scheme: str, show: Any) -> None:
    browser = show(THREE, scheme=scheme)
    browser.value("document.querySelectorAll('details').forEach(e => e.open = true)")
    texts = browser.value(TEXTS)
    assert len(texts) > 150
    faint = [
        (text, round(contrast(colour, ground), 2)) for text, colour, ground in texts if contrast(colour, ground) < 4.5
    ]
    assert faint == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_differ_without_colour(scheme: str, show: Any) -> None:
    """Where no colour is seen: the marks of every two levels differ by their shapes, and those of one level do not."""
    browser = show(THREE, scheme=scheme, deficiency="achromatopsia")
    keep(browser, f"three-{scheme}-without-colour")
    marks: dict[str, list[list[float]]] = {}
    again: list[list[float]] = []
    for mark in boxes(browser, ".legend svg:has(use)"):
        clip = {"x": mark["x"], "y": mark["y"], "width": 18, "height": 18}
        level = LEVELS[len(marks)]
        marks[level] = greys(browser.picture(clip, scale=2))
        again = greys(browser.picture(clip, scale=2)) if level == "error" else again
    assert set(marks) == set(LEVELS)
    assert difference(marks["error"], again) < 1
    differences = {
        (one, other): difference(marks[one], marks[other]) for one, other in itertools.combinations(LEVELS, 2)
    }
    assert min(differences.values()) > 12, differences


def test_lines_differ_without_colour(show: Any) -> None:
    """Each level's line has a pattern or width of its own."""
    browser = show(THREE)
    drawn = browser.value(
        "[...document.querySelectorAll('.picture .wire')].map(e => [e.getAttribute('class').split(' ')[1],"
        " getComputedStyle(e).strokeDasharray + ' ' + getComputedStyle(e).strokeWidth])"
    )
    patterns = dict(drawn)
    assert set(patterns) == set(LEVELS)
    assert len(set(patterns.values())) == len(LEVELS)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_nothing_covers_anything_in_a_small_picture(count: int, show: Any) -> None:
    browser = show(alliance(count, {(0, 1): "error"}))
    keep(browser, f"{count}-clusters")
    things = [*boxes(browser, ".picture .card > rect"), *boxes(browser, ".picture .label > rect")]
    assert len(things) == count + count * (count - 1)
    covered = [(one, other) for one, other in itertools.combinations(things, 2) if touch(one, other)]
    assert covered == []


@pytest.mark.parametrize("count", [5, 10, 50])
def test_a_large_alliance_is_a_matrix(count: int, show: Any) -> None:
    browser = show(alliance(count, {(1, 3): "error", (3, 2): "warning", (2, 4): "unknown"}), height=1500)
    keep(browser, f"{count}-clusters")
    cells = boxes(browser, ".picture .edge > rect")
    assert len(cells) == count * (count - 1)
    assert min(cell["width"] for cell in cells) > 12
    names = boxes(browser, ".picture text")
    assert [(one, other) for one, other in itertools.combinations(names[1 : count + 1], 2) if touch(one, other)] == []
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")


def test_a_narrow_screen_scrolls_in_parts_only(show: Any) -> None:
    browser = show(THREE, width=390, height=844)
    keep(browser, "three-narrow")
    browser.value("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.value("document.documentElement.scrollWidth") <= 390


def test_only_what_is_not_well(show: Any) -> None:
    browser = show(alliance(10, {(1, 3): "error"}))
    shown = "[...document.querySelectorAll('details.cluster')].filter(e => e.offsetHeight).length"
    assert browser.value(shown) == 10
    browser.value("document.querySelector('#only').click()")
    assert browser.value(shown) == 1


def test_a_link_of_the_picture_opens_what_it_leads_to(show: Any) -> None:
    browser = show(alliance(4))
    target = browser.value("document.querySelector('.picture .label').getAttribute('href')")
    opened = f"document.querySelector('{target}').closest('details.cluster').open"
    assert browser.value(opened) is False
    browser.value("document.querySelector('.picture .label').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert browser.value(opened) is True


def test_pictures_and_tables_have_names_for_who_hears_them(show: Any) -> None:
    browser = show(THREE)
    assert browser.value("document.documentElement.lang") == "en"
    for selector, has in (
        ("table", "e.caption && e.tHead"),
        ("tbody > tr:not(.more)", "e.querySelector('th[scope=row]')"),
        (".picture .card, .picture .label", "e.ariaLabel"),
        (".picture > svg", "e.querySelector('title') && e.querySelector('desc')"),
        ("body > svg, .state svg, .legend > li > svg", "e.ariaHidden"),
    ):
        found = browser.value(f"[...document.querySelectorAll('{selector}')].map(e => !!({has}) || e.outerHTML)")
        assert found
        assert [item for item in found if item is not True] == []


def test_on_paper_everything_of_every_cluster_is_there(show: Any) -> None:
    browser = show(THREE, scheme="dark")
    pdf = PICTURES / "three.pdf"
    pdf.write_bytes(browser.printed())
    text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    # Two of the clusters are closed on the screen.
    for view in THREE.clusters:
        assert view.uuid in text
        assert view.roots[0].fingerprint[:16] in text
    assert "gateway-unreachable" in text
    assert "Show only what is not well" not in text
    pages = subprocess.run(["pdfinfo", str(pdf)], capture_output=True, text=True, check=True).stdout
    assert int(pages.partition("Pages:")[2].split()[0]) <= 8
