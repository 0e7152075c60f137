"""axe-core finds no serious fault on any view, in light and dark, wide and narrow; and the console stays silent."""

from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'dualnet[dev]'")
from playwright.sync_api import expect

HERE = Path(__file__).parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = {"serious", "critical"}
VIEWS = ("/", "/#/recommendations?{asked}", "/#/compare?{asked}", "/#/map?{asked}", "/#/new", "/#/model", "/operate")

RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, impact, nodes }) => [impact, `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`]);
}"""


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/integration/page")
    return AXE.read_text()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.split("?")[0].strip("/#") or "empty")
def test_no_serious_fault(axe, site, open_page, view):
    asked = "history=" + ",".join(card["item"] for card in site.ask("GET", "/v1/items?limit=2")["items"])
    for width, dark in ((1280, False), (390, True)):
        page = open_page(site, view.format(asked=asked), width=width, dark=dark)
        expect(page.locator("[aria-busy]")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        for name in ("Details", "Choose somebody", "Change the history", "Filter and tune"):
            for button in page.get_by_text(name).all()[:1]:
                if button.is_visible():
                    button.click()
        page.evaluate(f"() => {{ {axe} }}")
        found = page.evaluate(RUN)
        assert [text for impact, text in found if impact in SERIOUS] == [], f"{view} at {width}"


def test_a_fault_would_be_found(axe, site, open_page):
    page = open_page(site)
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/web/icon.svg><button></button>')")
    page.evaluate(f"() => {{ {axe} }}")
    found = {text.split(":")[0] for impact, text in page.evaluate(RUN) if impact in SERIOUS}
    assert {"image-alt", "button-name"} <= found
