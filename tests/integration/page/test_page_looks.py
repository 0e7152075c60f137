"""Themes, contrast, names for screen readers, narrow screens; and the pictures for the README."""

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'dualnet[dev]'")
from playwright.sync_api import expect

LARGEST_PICTURE = 300_000  # bytes
VIEWS = ("recommendations", "compare", "map", "new", "model")
OPERATE = "/operate"


def addresses(site):
    items = ",".join(card["item"] for card in site.ask("GET", "/v1/items?limit=2")["items"])
    return ["/"] + [f"/#/{view}?history={items}" for view in VIEWS] + [OPERATE]


def settled(page):
    """Wait until nothing is on its way, and open what can be opened."""
    expect(page.locator("[aria-busy]")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    if page.locator(".more").count() and page.locator(".more").first.is_visible():
        page.locator(".more").first.click()
        expect(page.locator(".reading").first).to_be_visible()


def unfold(page):
    """Open what tunes the list, and dismiss an item, where there is a list."""
    page.evaluate("document.querySelectorAll('.wishes').forEach((node) => { node.open = true; })")
    dismiss = page.get_by_role("button", name="Not this")
    if dismiss.count():
        dismiss.last.click()
        expect(page.locator(".dismissed")).to_be_visible()


UNNAMED = """() => {
  const named = (node) => node.getAttribute('aria-label') || node.labels?.length || node.getAttribute('aria-labelledby')
    || (['BUTTON', 'A'].includes(node.tagName) && node.textContent.trim());
  return [...document.querySelectorAll('input, textarea, select, button, a, canvas, [role=listbox], [role=img], [tabindex="0"]')]
    .filter((node) => !named(node)).map((node) => node.outerHTML.slice(0, 120));
}"""

CONTRAST = """() => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, k) => value * a + under[k] * (1 - a));
  const ground = (node) => {
    if (!node) return [255, 255, 255];
    const own = rgba(getComputedStyle(node).backgroundColor);
    return own[3] > 0.999 ? own.slice(0, 3) : over(own, ground(node.parentElement));
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  let measured = 0;
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data).join('').trim();
    const own = node.value || node.placeholder || text;
    if (!own || !node.checkVisibility() || node.closest('.unseen, .skip, option, noscript, script, [disabled]')) continue;
    const behind = ground(node);
    const ink = over(rgba(getComputedStyle(node).color), behind);
    const [a, b] = [light(ink), light(behind)].sort((p, q) => q - p);
    const ratio = (a + 0.05) / (b + 0.05);
    measured += 1;
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${node.className} ${own.slice(0, 40)}`);
  }
  return { poor, measured };
}"""


def test_text_contrasts_and_controls_have_names(site, open_page):
    for address in addresses(site):
        page = open_page(site, address)
        settled(page)
        unfold(page)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            found = page.evaluate(CONTRAST)
            assert found["measured"] > 10
            assert found["poor"] == [], f"{address}, {theme}"
        assert page.evaluate(UNNAMED) == [], address
        for landmark in ("banner", "main", "navigation"):
            assert page.get_by_role(landmark).count() == 1
        assert page.locator("h1:visible").count() == 1
        assert (
            page.evaluate("(ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map((n) => n.id))")
            == 0
        )
        assert page.locator(".views a[aria-current=page]").count() == (0 if address == OPERATE else 1)


def test_the_theme_follows_the_system_until_it_is_chosen(site, open_page):
    page = open_page(site, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    button = page.get_by_role("button", name="Dark theme")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light
    expect(button).to_have_attribute("aria-pressed", "false")
    page.emulate_media(color_scheme="light")
    button.press("Enter")
    assert page.evaluate(ground) == dark


def test_nothing_is_wider_than_a_phone(site, open_page):
    for address in addresses(site):
        page = open_page(site, address, width=360, height=740, touch=True)
        settled(page)
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, address


def test_the_keyboard_reaches_everything_and_shows_where_it_is(site, open_page):
    page = open_page(site)
    expect(page.locator(".start").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        name, ring = page.evaluate(
            """() => { const node = document.activeElement; const shown = node.type === 'radio' ? node.nextSibling : node;
            return [node.id || node.textContent, getComputedStyle(shown).outlineStyle + getComputedStyle(shown).outlineWidth]; }"""
        )
        if name in reached or name == document_body(page):
            break
        assert ring.startswith("solid"), f"no ring on {name}"
        reached.add(name)
    for link in ("Lists", "Side by side", "Map", "New item", "Model", "Operate", "theme", "kind-known"):
        assert link in reached
    assert len(reached) >= 17  # and each of the beginnings
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def document_body(page):
    return page.evaluate("document.body.textContent")


@pytest.fixture
def showcase(request, browser, serve, tmp_path):
    """What the pictures show: the small model, or, where they are made for keeps, a demo: that of a folder, or one made anew."""
    if "DUALNET_SCREENSHOTS" not in os.environ:
        yield request.getfixturevalue("site")
        return
    folder = os.environ.get("DUALNET_SCREENSHOTS_OF")
    if folder is None:
        from dualnet.data.synthetic import library
        from dualnet.experiments.demo import run_demo

        folder = tmp_path / "demo"
        run_demo(library(), folder, say=lambda _: None)
    yield from serve(folder)


def test_pictures_for_the_readme(showcase, open_page, tmp_path):
    site, folder = showcase, Path(os.environ.get("DUALNET_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    person = site.ask("GET", "/v1/users?limit=1&order=typical")["users"][0]["user"]
    history = ",".join(card["item"] for card in site.ask("GET", "/v1/tastes")["tastes"][0]["items"])
    taken = {}

    def take(name, address, ready, **size):
        page = open_page(site, address, **size)
        expect(page.locator(ready).first).to_be_visible()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        page.mouse.move(0, 0)
        page.screenshot(path=folder / f"{name}.png")
        taken[name] = (folder / f"{name}.png").stat().st_size

    take("page-begin", "/", ".taste", height=860)
    take("page-light", f"/#/recommendations?user={person}", ".pick .because", height=900)
    take("page-dark", f"/#/map?user={person}", ".view-map .list-head .legend li", height=900, dark=True)
    take("page-phone", f"/#/recommendations?history={history}", ".pick .because", width=390, height=844)
    take("page-compare", f"/#/compare?user={person}", ".column", height=860)
    take("page-operate", "/operate", "figure.chart", height=900)
    assert len(taken) == 6
    for name, size in taken.items():
        assert 10_000 < size < LARGEST_PICTURE, f"{name}: {size}"


@pytest.mark.parametrize("width", [360, 641, 700, 800, 900, 961])
def test_the_whole_menu_is_seen_at_any_width(site, open_page, width):
    page = open_page(site, "/#/recommendations")
    settled(page)
    page.set_viewport_size({"width": width, "height": 700})
    hidden = """() => [...document.querySelectorAll('#views a')].filter((link) => {
      const [own, menu] = [link, link.parentElement].map((node) => node.getBoundingClientRect());
      return own.left < menu.left - 1 || own.right > Math.min(menu.right, innerWidth) + 1;
    }).map((link) => link.textContent)"""
    assert page.locator("#views a").count() > 3
    assert page.evaluate(hidden) == []
