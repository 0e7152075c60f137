"""The page as a person uses it, by mouse and by keyboard, against a real server."""

import re

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'dualnet[dev]'")
from playwright.sync_api import expect

LEVELS = {"content": "What it is about"} | dict.fromkeys(["level 1", "level 2"], "What the network adds")
HOSTILE = "<img src=x onerror=alert(1)>"


def shown(page):
    """Titles of the recommendations on the page, once they are there."""
    page.locator(".view-recommendations .listed:not([aria-busy]) .pick").first.wait_for()
    return page.locator(".pick-title > span:first-child").all_inner_texts()


def chips(page):
    return page.locator(".chip-text").all_inner_texts()


def test_a_known_person_by_keyboard_alone(site, open_page):
    people = [one["user"] for one in site.ask("GET", "/v1/users?query=7&limit=8")["users"]]
    person = people[1]
    page = open_page(site)
    page.get_by_role("combobox", name="Find them by id").focus()
    page.keyboard.type("7")
    options = page.locator("#asker-known [role=option]")
    expect(options.locator(".option-title")).to_have_text(people)
    expect(page.locator("#asker-known [aria-disabled]")).to_contain_text("type on")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    assert shown(page) == site.titles({"user": person, "k": 10})
    expect(page).to_have_url(f"{site.address}/#/recommendations?user={person}")
    taken = site.ask("GET", f"/v1/users/{person}/history")["items"]
    expect(page.locator(".person")).to_contain_text(f"{len(taken)} items")
    expect(page.locator("#announcements")).to_contain_text("10 recommendations")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recommend anything to anyone")


def test_a_history_is_built_changed_shared_and_undone(site, open_page):
    first, second = site.ask("GET", "/v1/items?limit=2")["items"]
    page = open_page(site)
    page.get_by_label("Someone we know").focus()
    page.keyboard.press("ArrowRight")
    for length, card in enumerate((first, second), 1):
        page.get_by_role("combobox", name="What did they like?").fill(card["title"])
        page.keyboard.press("Enter")  # before the options are there: it takes the first of those that come
        expect(page.locator(".chip")).to_have_count(length)
    assert chips(page) == [second["title"], first["title"]]  # the newest first
    both = site.titles({"history": [first["item"], second["item"]], "k": 10})
    expect(page.locator(".pick-title").first).to_contain_text(both[0])
    assert shown(page) == both
    page.reload()
    assert shown(page) == both  # the address says it all
    assert chips(page) == [second["title"], first["title"]]  # the newest first
    page.get_by_role("button", name=f"Remove {first['title']}").click()
    expect(page.locator(".chip")).to_have_count(1)
    expect(page.get_by_role("button", name=f"Remove {second['title']}")).to_be_focused()
    page.go_back()
    expect(page.locator(".chip")).to_have_count(2)
    page.locator(".pick").first.get_by_role("button", name="Add to history").click()
    expect(page.locator(".chip")).to_have_count(3)
    assert chips(page)[0] == both[0]


def test_typical_people_are_offered_first_with_something_they_took(site, open_page):
    longest, typical = (site.ask("GET", f"/v1/users?limit=4&order={order}")["users"] for order in ("longest", "typical"))
    assert typical[0]["events"] < longest[0]["events"]
    page = open_page(site)
    offered = page.locator(".welcome section").first.locator(".start")
    expect(offered.locator(".start-name")).to_have_text([one["user"] for one in typical])
    taken = site.ask("GET", f"/v1/users/{typical[0]['user']}/history")["items"]
    expect(offered.first).to_contain_text(f"{typical[0]['events']} items, such as {taken[0]['title'][:30]}")
    offered.first.click()
    assert shown(page) == site.titles({"user": typical[0]["user"], "k": 10})


def test_enter_waits_for_the_answer_to_what_was_typed(site, open_page):
    card = site.ask("GET", "/v1/items?limit=9")["items"][8]  # not among what an empty text offers
    page = open_page(site)
    page.get_by_label("Someone new").check(force=True)
    held = []
    page.route("**/v1/items?limit=8&query=", lambda route: held.append(route))
    with page.expect_request("**/v1/items?limit=8&query="):
        page.get_by_role("combobox", name="What did they like?").focus()
    page.keyboard.insert_text(card["title"])
    page.keyboard.press("Enter")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    for route in held:
        route.continue_()
    expect(page.locator(".chip-text")).to_have_text([card["title"]])
    page.unroute_all(behavior="ignoreErrors")


def test_changing_a_known_history_starts_a_copy(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    taken = [card["item"] for card in site.ask("GET", f"/v1/users/{person}/history")["items"]]
    page = open_page(site, f"/#/recommendations?user={person}")
    title = shown(page)[0]
    page.locator(".pick").first.get_by_role("button", name="Add to history").click()
    expect(page.locator(".chip")).to_have_count(len(taken) + 1)
    assert chips(page)[0] == title


def test_not_this_goes_at_once_and_comes_back_by_keyboard(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    page = open_page(site, f"/#/recommendations?user={person}")
    before = shown(page)
    row = page.locator(".pick").first
    row.get_by_role("button", name="Not this").focus()
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Undo")).to_be_focused()
    expect(row).to_contain_text(f"{before[0]} will not be listed again")
    expect(page.locator("#announcements")).to_contain_text("Press Undo to take that back")
    assert before[0] not in site.titles({"user": person, "k": 10})
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Not this")).to_be_focused()
    assert site.titles({"user": person, "k": 10}) == before
    assert shown(page) == before


def test_not_this_holds_for_a_history_made_here_until_it_is_cleared(site, open_page):
    first, second = (card["item"] for card in site.ask("GET", "/v1/items?limit=2")["items"])
    page = open_page(site, f"/#/recommendations?history={first}")
    title = shown(page)[0]
    page.locator(".pick").first.get_by_role("button", name="Not this").click()
    expect(page.locator(".dismissed")).to_have_count(1)
    page.get_by_role("combobox", name="What did they like?").fill(site.ask("GET", f"/v1/items/{second}")["title"])
    page.keyboard.press("Enter")
    expect(page.locator(".dismissed")).to_have_count(0)
    assert title not in shown(page)


def test_reasons_add_up_and_are_marked(site, open_page):
    assert site.ask("GET", "/v1/model")["capabilities"]["explain"]
    items = [card["item"] for card in site.ask("GET", "/v1/items?limit=3")["items"]]
    page = open_page(site, f"/#/recommendations?history={','.join(items)}")
    answer = site.ask("POST", "/v1/recommend", {"history": items, "k": 10, "explain": True})["items"][0]
    card, pick = site.ask("GET", f"/v1/items/{answer['item']}"), page.locator(".pick").first
    best = answer["explanation"]["history"]["parts"][0]
    expect(pick.locator(".because")).to_contain_text(f"Because of {best['title']}")
    levels = [level["name"] for level in answer["explanation"]["levels"]]
    assert {"level 1", "level 2"} < set(levels)
    words = list(dict.fromkeys(LEVELS.get(name, name.capitalize()) for name in levels))
    expect(page.locator(".list-key li")).to_have_text(words)
    for word in words:
        expect(pick.locator(".bar")).to_have_attribute("aria-label", re.compile(word))
    pick.get_by_role("button", name="Why this").press("Enter")
    expect(pick.locator(".reading")).to_contain_text(card["content"]["abstract"])
    tables = pick.locator("table.sum").all()
    assert len(tables) == 3
    for table in tables:
        parts = [float(text.replace("\u2212", "-")) for text in table.locator("tbody td").all_inner_texts()]
        total = float(table.locator("tfoot td").inner_text())
        assert total == pytest.approx(answer["score"], abs=6e-4)
        assert sum(parts) == pytest.approx(total, abs=6e-4 * len(parts))  # shown with three decimals
    assert "With an empty history" in tables[1].inner_text()
    assert "Without any content" in tables[2].inner_text()
    strongest = answer["explanation"]["content"]["parts"][0]
    marks = [text.lower() for text in pick.locator("mark").all_inner_texts()]
    assert strongest["term"] in marks
    pick.get_by_role("button", name="Why this").press("Enter")
    expect(pick.locator(".why")).to_be_hidden()


def test_any_term_can_be_marked(site, open_page):
    page = open_page(site)
    found = page.evaluate(
        """async () => {
            const { marked } = await import("/web/marked-text.js");
            const terms = ["sci-fi", "c++", "a.b", "(x)", "[y]", "a/b", "$1", "^", "{2}", "|", "\\\\d", "<b>"];
            const scores = new Map(terms.map((term) => [term, 1]));
            return terms.map((term) => marked(`one ${term} two`, { largest: 1, scores }).map((node) => node.textContent ?? node));
        }"""
    )
    assert [nodes[1] for nodes in found] == ["sci-fi", "c++", "a.b", "(x)", "[y]", "a/b", "$1", "^", "{2}", "|", "\\d", "<b>"]


def test_a_late_answer_to_an_old_question_is_dropped(site, open_page):
    first, second = (card["item"] for card in site.ask("GET", "/v1/items?limit=2")["items"])
    page = open_page(site)
    held = []

    def hold(route):
        body = route.request.post_data_json
        held.append(route) if body.get("history") == [first] else route.continue_()

    page.route("**/v1/recommend", hold)
    with page.expect_request("**/v1/recommend"):
        page.evaluate(f"location.hash = '#/recommendations?history={first}'")
    expect(page.locator(".view-recommendations .listed")).to_have_attribute("aria-busy", "true")
    page.evaluate(f"location.hash = '#/recommendations?history={second}'")
    wanted = site.titles({"history": [second], "k": 10})
    expect(page.locator(".pick-title").first).to_contain_text(wanted[0])
    for route in held:
        route.fulfill(json={"resolved": "history", "ignored": [], "items": []})
    assert shown(page) == wanted
    page.unroute_all(behavior="ignoreErrors")


def test_the_lists_side_by_side_mark_what_they_share(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    page = open_page(site, f"/#/compare?user={person}")
    expect(page.locator(".column")).to_have_count(4)
    expect(page.locator(".column[aria-busy]")).to_have_count(0)
    models = site.ask("POST", "/v1/compare", {"user": person, "k": 10})["models"]
    mine = {entry["item"] for entry in models[0]["items"]}
    for place, model in enumerate(models[1:], 1):
        column = page.locator(".column").nth(place)
        common = [entry["item"] for entry in model["items"] if entry["item"] in mine]
        expect(column).to_contain_text(f"{len(common)} of {len(model['items'])} in common")
        assert column.locator("li.common").evaluate_all("lines => lines.map((line) => line.dataset.item)") == common
        assert column.locator("li").evaluate_all("lines => lines.map((line) => line.dataset.item)") == [
            entry["item"] for entry in model["items"]
        ]
    assert mine & {entry["item"] for entry in models[1]["items"]}
    page.locator(".column").first.locator("li.common").first.hover()
    assert page.locator("li.same").count() >= 2


def test_the_map_by_keyboard_and_by_mouse(site, open_page):
    page = open_page(site, "/#/map", density=2)
    canvas = page.locator("canvas.map")
    expect(canvas).to_be_visible()
    page.get_by_label("Someone we know").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.locator(".map-tools button").first.focus()
    page.keyboard.press("Shift+Tab")
    expect(canvas).to_be_focused()
    tip, said = page.locator(".tip"), page.locator("#announcements")
    expect(tip).to_contain_text(" ")  # a title, which comes after the id
    seen = tip.inner_text()
    page.keyboard.press("ArrowRight")
    expect(tip).not_to_have_text(seen)
    expect(tip).to_contain_text(" ")
    seen = tip.inner_text()
    expect(said).to_have_text(seen)
    page.keyboard.press("Enter")
    expect(page.locator(".chip-text")).to_have_text([seen])
    expect(page.locator(".view-map .legend")).to_contain_text("Recommended (10)")
    assert canvas.evaluate("c => [c.width / c.clientWidth, c.height / c.clientHeight]") == [2, 2]
    expect(page.get_by_role("listitem").filter(has_text="History (1)")).to_be_visible()
    for name in ("--map-taken", "--map-listed"):
        assert canvas.evaluate(PIXELS, name) > 100, f"nothing in the colour {name}"
    box = canvas.bounding_box()
    found = None
    for step in range(400):
        x, y = box["x"] + 40 + (step * 37) % (box["width"] - 120), box["y"] + 60 + (step * 53) % (box["height"] - 120)
        page.mouse.move(x, y)
        page.evaluate("() => new Promise(requestAnimationFrame)")
        if tip.is_visible() and tip.inner_text() != seen and " " in tip.inner_text():
            found = tip.inner_text()
            page.mouse.click(x, y)
            break
    assert found, "no dot was found under the mouse"
    expect(page.locator(".chip-text")).to_have_text([found, seen])
    page.get_by_role("button", name="Closer").click()
    page.get_by_role("button", name="Whole map").click()


PIXELS = """(canvas, name) => {
  const style = getComputedStyle(canvas);
  const probe = document.createElement('span');
  probe.style.color = style.getPropertyValue(name);
  document.body.append(probe);
  const wanted = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
  probe.remove();
  const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
  const paint = copy.getContext('2d', { willReadFrequently: true });
  paint.drawImage(canvas, 0, 0);
  const { data } = paint.getImageData(0, 0, copy.width, copy.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) if (wanted.every((value, k) => Math.abs(value - data[at + k]) < 3)) found += 1;
  return found;
}"""


def test_something_new_is_wanted_added_found_used_and_deleted(site, open_page):
    known = site.ask("GET", "/v1/items?limit=1")["items"][0]
    content = {"title": f"Fresh {known['title'].lower()}", "abstract": known["content"]["abstract"]}
    page = open_page(site, "/#/new")
    page.get_by_label("Title", exact=True).fill(content["title"])
    page.get_by_label("Abstract").fill(content["abstract"])
    wanted = site.ask("POST", "/v1/users-for-item", {"content": content, "k": 8})["users"]
    expect(page.locator(".people li button")).to_have_text([user["title"] for user in wanted])
    page.get_by_label("Id", exact=True).fill("fresh-1")
    page.get_by_role("button", name="Put it in the catalogue").press("Enter")
    expect(page.locator(".outcome")).to_contain_text("is in the catalogue")
    assert site.ask("GET", "/v1/items/fresh-1")["content"]["title"] == content["title"]
    # it is recommended to somebody at once, and listed as new
    page.get_by_role("link", name="Recommendations").click()
    page.get_by_label("Someone new").check(force=True)
    page.get_by_role("combobox", name="What did they like?").fill(known["title"])
    page.locator("#asker-new [role=option]").filter(has_text=known["item"]).click()
    expect(page.locator(".pick").first).to_contain_text(content["title"])
    expect(page.locator(".pick").first.locator(".badge")).to_have_text("new")
    # it can be found, and counts in a history
    page.get_by_role("link", name="Something new").click()
    page.get_by_role("button", name="Use in a history").click()
    expect(page.locator(".chip-text")).to_have_text([content["title"], known["title"]])
    assert shown(page) == site.titles({"history": [known["item"], "fresh-1"], "k": 10})
    page.get_by_role("link", name="Something new").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    assert site.ask("GET", "/v1/items?query=fresh")["total"] == 0
    page.get_by_role("link", name="Recommendations").click()
    expect(page.locator(".chip-text")).to_have_text([known["title"]])


def test_nothing_described_is_told_in_one_sentence(site, open_page):
    page = open_page(site, "/#/new")
    page.get_by_role("button", name="Put it in the catalogue").click()
    expect(page.locator(".outcome")).to_have_text("Describe it first: give at least one of the fields above.")


def test_a_hostile_title_is_only_text(site, open_page):
    site.ask("PUT", "/v1/items/hostile", {"content": {"title": HOSTILE, "abstract": "proteins and folding"}})
    try:
        page = open_page(site, "/#/recommendations?history=hostile")
        expect(page.locator(".chip-text")).to_have_text([HOSTILE])
        shown(page)
        page.get_by_role("combobox", name="What did they like?").fill("img src")
        expect(page.locator("#asker-new [role=option]").first).to_contain_text(HOSTILE)
        page.keyboard.press("Escape")
        other = site.ask("POST", "/v1/similar/items", {"item": "hostile", "k": 1})["items"][0]["item"]
        page.goto(f"{site.address}/#/recommendations?history={other}")
        line = page.locator(".pick").filter(has_text=HOSTILE)
        expect(line.first).to_be_visible()
        line.first.get_by_role("button", name="Wh").click()
        page.goto(f"{site.address}/#/compare?history=hostile")
        expect(page.locator(".column").first).to_be_visible()
        page.goto(f"{site.address}/#/map?history=hostile")
        expect(page.locator(".view-map .legend")).to_contain_text("History (1)")
        page.locator("canvas.map").press("ArrowRight")  # the first step goes to the history
        expect(page.locator(".tip")).to_have_text(HOSTILE)
        assert page.locator("img").count() == 0
    finally:
        site.ask("DELETE", "/v1/items/hostile")


def test_pictures_tags_numbers_and_whole_number_ids(gallery, open_page):
    page = open_page(gallery, "/#/recommendations?history=101,103")
    titles = shown(page)
    assert titles == gallery.titles({"history": [101, 103], "k": 10})
    items = gallery.ask("POST", "/v1/recommend", {"history": [101, 103], "k": 10})["items"]
    pictured = [entry for entry in items if entry["item"] % 2 == 0]
    assert pictured
    posters = page.locator("img.poster")
    expect(posters).to_have_count(len(pictured))
    expect(posters.first).to_have_attribute("alt", f"Picture of {pictured[0]['title']}")
    expect(posters.first).to_have_attribute("loading", "lazy")
    expect(posters.first).to_have_js_property("naturalWidth", 60)
    page.locator(".pick").first.get_by_role("button").first.click()
    expect(page.locator(".why .pairs").first).to_contain_text("Year")
    page.get_by_role("link", name="Something new").click()
    page.get_by_label("Tags", exact=True).fill("even, group1")
    expect(page.locator(".people li")).to_have_count(8)
    page.get_by_label("Id", exact=True).fill("one")
    page.get_by_role("button", name="Put it in the catalogue").click()
    expect(page.locator(".outcome")).to_have_text("The id has to be a whole number.")
    page.get_by_label("Id", exact=True).fill("900")
    page.get_by_label("Title", exact=True).fill("A tagged thing")
    page.get_by_label("Year", exact=True).fill("2024")
    page.get_by_role("button", name="Put it in the catalogue").click()
    expect(page.locator(".outcome")).to_contain_text("is in the catalogue")
    made = gallery.ask("GET", "/v1/items/900")["content"]
    assert (made["tags"], made["year"]) == (["even", "group1"], 2024)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)


def test_the_model_card_shows_what_is_served(site, open_page):
    model = site.ask("GET", "/v1/model")
    page = open_page(site, "/#/model")
    card = page.locator(".view-model")
    expect(card).to_contain_text(model["version"])
    expect(card.get_by_role("heading", level=1)).to_have_text("DualNet")
    expect(card.locator(".facts")).to_contain_text(f"{model['items']:,}")
    row = card.get_by_role("row").filter(has_text="known people, new items")
    expect(row).to_contain_text("0.346 \u00b1 0.010")
    expect(row).to_contain_text("1,234")
    expect(card.get_by_role("row").filter(has_text="known people, all items")).to_contain_text("0.200")
    expect(card).to_contain_text(
        "of the first ten places 12.3 % hold something held out that they like, 25.0 % something that nobody"
    )
    expect(card).to_contain_text("48, 32")  # the levels


def test_a_list_is_tuned(site, open_page):
    first, second = [card["item"] for card in site.ask("GET", "/v1/items?limit=2")["items"]]
    page = open_page(site, f"/#/recommendations?history={first},{second}")
    assert shown(page) == site.titles({"history": [first, second], "k": 10})
    page.get_by_text("Tune this list").click()
    dial = page.get_by_label("How much popularity counts")
    dial.focus()
    page.keyboard.press("Home")
    expect(page.locator("#popularity-says")).to_have_text("0 %")
    expect(page.locator(".listed")).to_contain_text("Popularity counts 0 %")
    assert shown(page) == site.titles({"history": [first, second], "k": 10, "popularity": 0})
    page.get_by_label("New items", exact=True).select_option("known")
    expect(page).to_have_url(re.compile("popularity=0&kinds=known"))
    assert shown(page) == site.titles({"history": [first, second], "k": 10, "popularity": 0, "only": "known"})
