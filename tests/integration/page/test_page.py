"""The page as a person uses it, by mouse and by keyboard, against a real server."""

import csv
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'dualnet[dev]'")
from playwright.sync_api import expect

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


def test_tastes_and_typical_people_are_offered_by_what_they_took(site, open_page):
    longest, typical = (site.ask("GET", f"/v1/users?limit=4&order={order}")["users"] for order in ("longest", "typical"))
    assert typical[0]["events"] < longest[0]["events"]
    page = open_page(site)
    people = page.locator(".welcome .start")
    for place, one in enumerate(typical):
        taken = site.ask("GET", f"/v1/users/{one['user']}/history")["items"]
        best = max(taken, key=lambda card: card["taken"])
        expect(people.nth(place)).to_contain_text(best["title"][:30])
        expect(people.nth(place)).to_contain_text(f"{one['user']} \u00b7 {one['events']} items")
    tastes = site.ask("GET", "/v1/tastes")["tastes"]
    offered = page.locator(".taste")
    expect(offered).to_have_count(len(tastes))
    history = [card["item"] for card in tastes[1]["items"]]
    expect(offered.nth(1)).to_contain_text(tastes[1]["items"][0]["title"][:30])
    offered.nth(1).click()
    assert shown(page) == site.titles({"history": history, "k": 10})
    page.go_back()
    people.first.click()
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


def test_a_card_has_a_reason_in_a_sentence_and_numbers_only_in_its_details(site, open_page):
    assert site.ask("GET", "/v1/model")["capabilities"]["explain"]
    items = [card["item"] for card in site.ask("GET", "/v1/items?limit=3")["items"]]
    page = open_page(site, f"/#/recommendations?history={','.join(items)}")
    answer = site.ask("POST", "/v1/recommend", {"history": items, "k": 10, "explain": True})["items"][0]
    card, pick = site.ask("GET", f"/v1/items/{answer['item']}"), page.locator(".pick").first
    titles = {part["title"][:40] for part in answer["explanation"]["history"]["parts"]} | {"any of the three"}
    expect(pick.locator(".because")).to_contain_text(re.compile("|".join(map(re.escape, titles))))
    text = page.locator(".view-recommendations").inner_text()
    assert not re.search(r"\d\.\d|[Ll]evel \d", text), text
    widths = [
        float(style.split(":")[1].strip(" %;"))
        for style in page.locator(".fit-fill").evaluate_all("all => all.map((one) => one.getAttribute('style'))")
    ]
    assert widths[0] == 100
    assert widths == sorted(widths, reverse=True)
    pick.get_by_role("button", name="Details").press("Enter")
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
    pick.get_by_role("button", name="Details").press("Enter")
    expect(pick.locator(".why")).to_be_hidden()


REASONS = """async () => {
  const { reasons } = await import("/web/reasons.js");
  const others = [["what others took", 0.9], ["what it is about", 0.1]];
  const content = [["what others took", 0.1], ["content", 0.9]];
  const labels = { A: ["Crime", "Drama"], B: ["Comedy", "Drama"], C: [], "D\u2026": [] };
  const entry = (levels, likes, terms = [], more = {}) => ({
    path: "known", score: 1, popular: null, labels: [], taken: 5, ...more,
    explanation: levels && {
      score: 1, levels: levels.map(([name, score]) => ({ name, score })),
      history: { parts: likes.map(([title, score]) => ({ item: title, title, score })) },
      content: { parts: terms.map(([term, score]) => ({ term, score })) },
    },
  });
  const text = (nodes) => {
    const line = document.createElement("p");
    line.append(...nodes);
    return line.textContent;
  };
  const say = (entries, resolved = "history") => {
    const { shared, each } = reasons(entries, resolved, (item) => labels[item] ?? []);
    return [...(shared ? [text(shared)] : []), ...each.map(({ nodes, popular }) => text(nodes) + (popular ? " [popular]" : ""))];
  };
  const fresh = { path: "content" };
  const three = (a, b, c, tags = []) => entry(others, [["A", a], ["B", b], ["C", c]], [], { labels: tags });
  return [
    say([entry(null, [], [], { path: "popularity" }), entry(null, [], [], { taken: 1234 }), entry(null, [], [], { taken: 0 })], "fallback"),
    say([three(0.5, 0.3, 0.2, ["Drama", "Crime"]), three(0.4, 0.38, 0.22, ["Drama", "Comedy"]), three(0.33, 0.33, 0.34, ["Drama"])]),
    say([entry(others, [["A", 0.6]], [], { popular: 0.7 }), entry(others, [["D\u2026", 0.6]])]),
    say([entry(others, [["A", 0.03], ["B", 0.02], ["C", 0.02], ["X", 0.001]]), entry(others, [["A", 0.05], ["B", 0.01], ["C", 0.05], ["X", -1]])]),
    say([entry(content, [["A", 0.5]], [["birds", 0.4], ["1995", 0.3], ["sea", 0.2], ["x", -1]]), entry(others, [["A", 0.5]], [["birds", 0.01]])]),
    say([entry(content, [["A", 0.5]], [["birds", 0.4]], fresh), entry(null, [], [], fresh), entry(content, [["A", -0.5]], [["birds", 0.4]]), entry(others, [])]),
    say([three(0.5, 0.2, 0.1, ["Crime"]), three(0.5, 0.2, 0.1), three(0.6, 0.2, 0.1), entry(others, [["A", 0.6]], [], { taken: 1 })]),
    say([three(0.5, 0.2, 0.1), three(0.5, 0.2, 0.1), entry(others, [["A", 0.5], ["B", 0.2], ["C", 0.1]], [], { taken: 7 }), three(0.1, 0.5, 0.1)]),
    say([entry(others, [["A", 0.5]], [["Birds", 0.4], ["birds", 0.3], ["sea", 0.1]])]),
  ];
}"""


def test_reasons_are_true_sentences_that_set_the_items_of_a_list_apart(site, open_page):
    popular, short, single, long, content, other, shared, twice, word = open_page(site).evaluate(REASONS)
    assert popular == ["5 people took it.", "1,234 people took it.", "Popular with everybody."]
    assert short == [  # what all have in common is not said, nor whom all speak for
        "People who took A took this too; in common: Crime.",
        "People who took B and A took this too; in common: Comedy.",
        "People who took any of the three took this too.",
    ]
    assert single == ["People who took A took this too. [popular]", "People who took D\u2026 took this too."]
    # only what counts nearly as much as the strongest is named: of the first entry 0.03, but not 0.02
    assert long == ["Fits A and more of their history.", "Fits C, A and more of their history."]
    assert content == ["It is like A; about birds and sea.", "People who took A took this too."]
    assert other == ["It fits A; about birds.", "Listed for its content.", "About birds.", ""]
    # what all begin with is said once; what is left to say of each is what sets it apart, or how many took it
    assert shared == [
        "These were taken by people who took A.",
        "In common: Crime.",
        "5 people took it.",
        "5 people took it.",
        "People who took A took this too.",  # nothing else is known of it
    ]
    again = "People who took A took this too; {} people took it."  # the same sentence thrice would set nothing apart
    assert twice == [again.format(5), again.format(5), again.format(7), "People who took B took this too."]
    assert word == ["People who took A took this too; about Birds and sea."]  # a word of two columns is one


def test_the_details_hold_what_the_reason_names_however_small(site, open_page):
    said = open_page(site).evaluate(
        """async () => {
            const [{ sums }, { content }] = await Promise.all([import("/web/sums.js"), import("/web/content.js")]);
            const parts = (name) => "abcdefghij".split("").map((letter, at) => ({ item: name + letter, title: name + letter, term: name + letter, column: "text", score: 0.1 / (at + 1) }));
            const [history, terms] = [{ parts: parts("item "), base: 0 }, { parts: [...parts("term "), { term: "dust", column: "text", score: 1e-6 }], base: 0 }];
            const named = new Set([history.parts[8], terms.parts[9], terms.parts[10]]);
            const tables = sums({ levels: [{ name: "factors", score: 1 }], history, content: terms, score: 1, method: "x" }, named);
            const names = [...tables.querySelectorAll("table")].slice(1).map((table) => [...table.querySelectorAll(".sum-name")].map((node) => node.textContent));
            const card = { title: "It", content: { title: "{I}t", tags: [...Array(30).keys()].map((at) => `tag${at}`) } };
            const read = document.createElement("div");
            read.append(...content(card, { tags: "tags", title: "text" }, [], new Set(["tag29"])).flat().filter(Boolean));
            return [...names, [...read.querySelectorAll("li")].map((node) => node.textContent).slice(0, 2), read.textContent.includes("{I}t")];
        }"""
    )
    assert said[0] == [f"item {letter}" for letter in "abcdei"] + ["4 more", "What no single item explains"]
    assert said[1] == [f"term {letter}" for letter in "abcdj"] + ["dust", "5 more", "What no single term explains"]
    assert said[2] == ["tag29", "tag0"]
    assert said[3] is False  # the title stands above, also where the server shows it without braces


def test_of_all_cells_only_the_title_is_left_out_of_the_details(site, open_page):
    told = open_page(site).evaluate(
        """async () => {
            const { content } = await import("/web/content.js");
            const told = (title, cell) => {
                const read = document.createElement("div");
                read.append(...content({ title, content: { cell } }, { cell: "plain" }).flat().filter(Boolean));
                return read.textContent.includes(cell);
            };
            const titles = [["Bj\u00f6rk", "Bj&#246;rk"], ["Caf\u00e9 {x}", "Caf&eacute; {x}"], ["R&D of mRNAs", "R\\\\&amp;D of {mRNA}s"], ["A", "A"]];
            const others = [["C++", "C"], ["C++", "C#"], ["?!", "..."], ["R&D", "R&B"], ["Anna", "A&D"], ["7", "{}"], ["7", 7]];
            return [titles, others].map((pairs) => pairs.map(([title, cell]) => told(title, cell)));
        }"""
    )
    assert told == [[False] * 4, [True] * 7]


def test_a_person_whom_nobody_finds_by_id_is_asked_for_by_what_they_took(site, open_page):
    page = open_page(site)
    page.get_by_role("combobox", name="Find them by id").fill("r99999")
    expect(page.get_by_role("listbox")).to_contain_text("choose \u201cSomeone new\u201d and add what they took")


def test_the_map_says_how_many_of_a_list_are_not_on_it(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    listed = [entry["item"] for entry in site.ask("POST", "/v1/recommend", {"user": person, "k": 10})["items"]]

    def without_two(route):
        found = site.ask("GET", "/v1/map")
        kept = [at for at, item in enumerate(found["items"]) if item not in listed[:2]]
        route.fulfill(json={**found, "regions": [], **{name: [found[name][at] for at in kept] for name in ("items", "x", "y")}})

    page = open_page(site)
    page.route("**/v1/map", without_two)
    page.evaluate(f"location.hash = '#/map?user={person}'")
    legend = page.locator(".view-map .list-head .legend")
    expect(legend).to_contain_text("Recommended (8 of 10)")
    expect(legend).to_contain_text("The others are not among the")
    page.unroute_all(behavior="ignoreErrors")


def test_pictures_are_shown_side_by_side_and_on_the_map(gallery, open_page):
    person = gallery.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    page = open_page(gallery, f"/#/compare?user={person}")
    expect(page.locator(".column[aria-busy]")).to_have_count(0)
    items = gallery.ask("POST", "/v1/compare", {"user": person, "k": 10})["models"][0]["items"]
    covers = sum(gallery.ask("GET", f"/v1/items/{entry['item']}")["picture"] for entry in items)
    assert covers > 0
    expect(page.locator(".column").first.locator(".poster")).to_have_count(covers)
    page.get_by_role("link", name="Map").click()
    page.locator("canvas.map").focus()
    for key in ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"] * 6:
        page.locator("canvas.map").press(key)
        page.wait_for_load_state("networkidle")
        if page.locator(".tip .poster").count():
            break
    expect(page.locator(".tip .poster")).to_be_visible()


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
    page.locator(".map-tools button").last.focus()
    page.keyboard.press("Tab")
    expect(canvas).to_be_focused()
    tip = page.locator(".tip")
    expect(tip).to_contain_text(" ")  # a title, which comes after the id
    seen = tip.inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(  # for a title, not the id before it, that the tip shows and a screen reader hears
        """(seen) => {
            const [tip, said] = [".tip", "#announcements"].map((name) => document.querySelector(name).textContent);
            return tip !== seen && tip.includes(" ") && said === tip;
        }""",
        arg=seen,
    )
    seen = tip.inner_text()
    page.keyboard.press("Enter")
    expect(page.locator(".chip-text")).to_have_text([seen])
    expect(page.locator(".view-map .list-head .legend")).to_contain_text("Recommended (10)")
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
    expect(page.locator(".people li p").first).to_contain_text("They took ")
    page.get_by_label("Id", exact=True).fill("fresh-1")
    page.get_by_role("button", name="Put it in the catalogue").press("Enter")
    expect(page.locator(".outcome")).to_contain_text("is in the catalogue")
    assert site.ask("GET", "/v1/items/fresh-1")["content"]["title"] == content["title"]
    # it is recommended to somebody at once, and listed as new
    page.get_by_role("link", name="Lists", exact=True).click()
    page.get_by_label("Someone new").check(force=True)
    page.get_by_role("combobox", name="What did they like?").fill(known["title"])
    page.locator("#asker-new [role=option]").filter(has_text=known["title"]).filter(has_not_text="Fresh").first.click()
    expect(page.locator(".pick").first).to_contain_text(content["title"])
    expect(page.locator(".pick").first.locator(".badge")).to_have_text("nobody took it yet")
    # it can be found, and counts in a history
    page.get_by_role("link", name="New item").click()
    page.get_by_role("button", name="Use in a history").click()
    expect(page.locator(".chip-text")).to_have_text([content["title"], known["title"]])
    assert shown(page) == site.titles({"history": [known["item"], "fresh-1"], "k": 10})
    page.get_by_role("link", name="New item").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    assert "fresh-1" not in {one["item"] for one in site.ask("GET", "/v1/items?query=fresh")["items"]}
    page.get_by_role("link", name="Lists", exact=True).click()
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
        line.first.get_by_role("button", name="Details").click()
        page.goto(f"{site.address}/#/compare?history=hostile")
        expect(page.locator(".column").first).to_be_visible()
        page.goto(f"{site.address}/#/map?history=hostile")
        expect(page.locator(".view-map .list-head .legend")).to_contain_text("History (1)")
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
    page.get_by_role("link", name="New item").click()
    page.get_by_role("textbox", name="Tags").fill("even, group1, strange")
    expect(page.locator(".field").filter(has_text="Taken as")).to_contain_text(
        "Taken as 3 tags: even \u00b7 group1 \u00b7 strange"
    )
    expect(page.locator(".wanted")).to_contain_text("Not known to the model, so not counted: strange.")
    page.get_by_role("group", name="Frequent in Tags").get_by_role("button", name="odd").press("Enter")
    page.get_by_role("textbox", name="Tags").fill("even, group1")
    expect(page.locator(".people li")).to_have_count(8)
    page.get_by_label("Id", exact=True).fill("one")
    page.get_by_role("button", name="Put it in the catalogue").click()
    expect(page.locator(".outcome")).to_have_text("The id has to be a whole number.")
    page.get_by_label("Id", exact=True).fill("900")
    page.get_by_label("Title", exact=True).fill("A tagged thing")
    page.get_by_role("spinbutton", name="Year", exact=True).fill("2024")
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
    beside = page.evaluate(
        """async () => {
            const { figures } = await import("/web/model-figures.js");
            const tasks = (known, all) => [["known-known", known], ["known-all", all]].map(([task, mean]) => ({ task, users: 5, metrics: mean === null ? undefined : { "recall@10": { mean } } }));
            const made = figures({ cuts: [10], tasks: tasks(0.3, 0.2), against: [{ model: "item-knn", tasks: tasks(0.4, null) }] }, "dualnet");
            const rows = [...made.querySelectorAll("table")].at(-1).querySelectorAll("tr");
            return [...rows].map((row) => [...row.cells].map((cell) => cell.textContent + (cell.className === "best" ? "*" : "")));
        }"""
    )
    assert beside == [["People, items", "DualNet", "Item neighbours"], ["known people, known items", "0.300", "0.400*"],
                      ["known people, all items", "0.200*", "n/a"]]  # fmt: skip
    expect(card).to_contain_text(
        "of the first ten places 12.3 % hold something held out that they like, 25.0 % something that nobody"
    )
    expect(card).to_contain_text("Made on ")
    card.get_by_text("Parameters", exact=True).click()
    expect(card.locator("section").last).to_contain_text("48, 32")  # the levels


def test_a_list_is_tuned(site, open_page):
    first, second = [card["item"] for card in site.ask("GET", "/v1/items?limit=2")["items"]]
    page = open_page(site, f"/#/recommendations?history={first},{second}")
    assert shown(page) == site.titles({"history": [first, second], "k": 10})
    page.get_by_text("Filter and tune").click()
    dial = page.get_by_label("How much popularity counts")
    dial.focus()
    page.keyboard.press("Home")
    expect(page.locator("#popularity-says")).to_have_text("0 %")
    expect(page.locator(".listed")).to_contain_text("Popularity counts 0 %")
    assert shown(page) == site.titles({"history": [first, second], "k": 10, "popularity": 0})
    page.get_by_label("Taken before", exact=True).check(force=True)
    expect(page).to_have_url(re.compile("popularity=0&kinds=known"))
    assert shown(page) == site.titles({"history": [first, second], "k": 10, "popularity": 0, "only": "known"})


def test_a_keyboard_stays_where_a_condition_was_taken_away(gallery, open_page):
    page = open_page(gallery, '/#/recommendations?history=101,103&filter={"tags":{"any":["group1"]},"year":{"min":2001}}')
    shown(page)
    page.get_by_role("button", name="Take away group1").press("Enter")
    expect(page.get_by_role("button", name="Take away Year from 2001")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".wishes > summary")).to_be_focused()


def test_only_dials_that_the_server_has_are_shown(site, open_page):
    dials = site.ask("GET", "/v1/model")["dials"]
    page = open_page(site, f"/#/recommendations?history={site.ask('GET', '/v1/items?limit=1')['items'][0]['item']}")
    shown(page)
    assert page.locator(".wishes input[type=range]").evaluate_all("all => all.map((one) => one.id)") == ["new-share", *dials]


def test_a_list_is_narrowed_by_labels_and_numbers_and_shared(gallery, open_page):
    page = open_page(gallery, "/#/recommendations?history=101,103")
    shown(page)
    page.get_by_text("Filter and tune").click()
    page.get_by_role("button", name="group1", exact=True).press("Enter")
    wanted = {"history": [101, 103], "k": 10, "filter": {"tags": {"any": ["group1"]}}}
    chip = page.locator(".chosen").get_by_role("button", name="Take away group1")
    expect(chip).to_be_visible()
    expect(page.get_by_role("button", name="group1", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="group1", exact=True)).to_be_focused()
    assert shown(page) == gallery.titles(wanted)
    page.get_by_label("Year from").fill("2015")
    page.keyboard.press("Enter")
    wanted["filter"]["year"] = {"min": 2015}
    expect(page.locator(".chosen")).to_contain_text("Year from 2015")
    assert shown(page) == gallery.titles(wanted)
    page.reload()  # the link says it all
    assert shown(page) == gallery.titles(wanted)
    page.get_by_label("Nobody yet", exact=True).check(force=True)
    expect(page.get_by_text("Nothing fits what was chosen.")).to_be_visible()
    page.get_by_role("button", name="List everything").click()
    assert shown(page) == gallery.titles({"history": [101, 103], "k": 10})


def test_a_list_is_taken_away_as_a_table(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    page = open_page(site, f"/#/recommendations?user={person}")
    titles = shown(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download as CSV").click()
    rows = list(csv.reader(Path(waiting.value.path()).read_text("utf-8-sig").splitlines()))
    assert rows[0] == ["rank", "item", "title", "kind"]
    assert [row[2] for row in rows[1:]] == titles
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".notice")).to_contain_text("The link to this list is")


def test_a_table_holds_nothing_that_a_spreadsheet_runs(site, open_page):
    made = open_page(site).evaluate(
        """async () => (await import("/web/take-away.js")).table(
            [{ rank: 1, item: -3, title: '=cmd("a"),b', path: "known" }, { rank: 2, item: "x", title: "-1 \\n y", path: "content" }])"""
    )
    assert made.splitlines()[1] == '1,-3,"\'=cmd(""a""),b",known'
    assert made.splitlines()[2].startswith("2,x,")
    assert "'-1" in made


def test_seen_it_is_not_listed_again(site, open_page):
    person = site.ask("GET", "/v1/users?limit=2")["users"][1]["user"]
    page = open_page(site, f"/#/recommendations?user={person}")
    before = shown(page)
    row = page.locator(".pick").first
    row.get_by_role("button", name="Seen it").press("Enter")
    expect(row).to_contain_text(f"{before[0]} is noted as seen")
    assert before[0] not in site.titles({"user": person, "k": 10})
    row.get_by_role("button", name="Undo").press("Enter")
    expect(row.get_by_role("button", name="Seen it")).to_be_focused()
    assert site.titles({"user": person, "k": 10}) == before


def test_a_search_forgives_a_typo_and_says_so(site, open_page):
    card = site.ask("GET", "/v1/items?limit=1")["items"][0]
    word = max(card["title"].split(), key=len)
    page = open_page(site)
    page.get_by_label("Someone new").check(force=True)
    page.get_by_role("combobox", name="What did they like?").fill(word[:2] + word[3] + word[2] + word[4:])
    options = page.locator("#asker-new [role=option][aria-selected]")
    expect(options.first).to_be_visible()
    expect(page.locator("#asker-new .option-note").first).to_contain_text("nearest to it")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_have_count(1)


def test_the_map_has_names_and_takes_colours(gallery, open_page):
    page = open_page(gallery, "/#/map")
    canvas = page.locator("canvas.map")
    expect(canvas).to_be_visible()
    page.get_by_label("Colour by").select_option("tags")
    legend = page.get_by_role("list", name="Colours")
    names = gallery.ask("GET", "/v1/map?colour=tags")["colours"]["names"]
    expect(legend.locator("li")).to_have_text(names)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert canvas.evaluate(PIXELS, "--level-2") > 20  # of several labels the rarest
    page.get_by_label("Colour by").select_option("")
    expect(legend.locator("li")).to_have_count(0)


def test_what_is_not_understood_is_told_and_wanted_by_nobody(site, open_page):
    page = open_page(site, "/#/new")
    page.get_by_label("Title", exact=True).fill("zzxqy blorb")
    expect(page.locator(".wanted")).to_contain_text("The model understands nothing of what is written here")
    expect(page.locator(".people")).to_have_count(0)


def test_side_by_side_says_who_is_better_by_the_figures(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    page = open_page(site, f"/#/compare?user={person}")
    expect(page.locator(".list-head")).to_contain_text("Measured on held-out pairs, DualNet has a recall at 10 of 0.200")
    said = page.evaluate(
        """async () => {
            const { verdict } = await import("/web/verdict.js");
            const task = (own, rival, ci95) => ({ cuts: [10], tasks: [{ task: "known-all", metrics: { "recall@10": { mean: own } } }],
                against: [["popularity", 0.1], ["item-knn", rival]].map(([model, mean]) => ({ model,
                    tasks: [{ task: "known-all", metrics: { "recall@10": { mean } } }], differences: { "known-all": { "recall@10": { ci95 } } } })) });
            return [verdict(task(0.3, 0.2), "dualnet"), verdict(task(0.1, 0.2), "dualnet"), verdict({}, "dualnet"),
                verdict(task(0.3, 0.29, [-0.01, 0.03]), "dualnet")].map((node) => node.textContent);
        }"""
    )
    assert (
        said[0]
        == "Measured on held-out pairs, DualNet is ahead of Item neighbours, with a recall at 10 of 0.300 against 0.200."
    )
    assert (
        said[1] == "Measured on held-out pairs, DualNet is behind Item neighbours, with a recall at 10 of 0.100 against 0.200."
    )
    assert said[2].startswith("Which list is better was not measured")
    assert (
        said[3]
        == "Measured on held-out pairs, DualNet is level with Item neighbours, with a recall at 10 of 0.300 against 0.290."
    )


CURVES = """async () => {
  const { learningCurve } = await import("/web/learning-curve.js");
  const trials = [0.2, 0.5, 0.3].map((recall, at) => ({ phase: "choose", trial: at + 1, recall }));
  const epochs = [0.9, 0.4].map((loss, at) => ({ epoch: at + 1, loss }));
  const twice = [...epochs.map((one) => ({ ...one, phase: "choose/optimise" })), ...[0.8, 0.5, 0.3].map((loss) => ({ loss, phase: "final/optimise" }))];
  return [[...trials, ...epochs], epochs, twice, [], [{ recall: 0.1 }], [{ epoch: 1 }]].map((log) => {
    const made = learningCurve(log);
    return made ? [made.querySelectorAll("svg").length, made.textContent, made.querySelector("svg").getAttribute("aria-label")] : null;
  });
}"""


def test_the_log_of_a_run_becomes_curves(site, open_page):
    both, epochs, twice, *nothing = open_page(site).evaluate(CURVES)
    assert both[0] == 2
    assert "Recall on the validation in 3 trials; the best was 0.500." in both[1]
    assert (
        both[2] == "each trial: last 0.300, lowest 0.200, highest 0.500; best so far: last 0.500, lowest 0.200, highest 0.500"
    )
    assert epochs[0] == 1
    assert "Loss on the training data in 2 epochs" in epochs[1]
    assert twice[0] == 1
    assert twice[2] == (
        "on a part, to choose by the rest: last 0.400, lowest 0.400, highest 0.900;"
        " on all, for the model that is kept: last 0.300, lowest 0.300, highest 0.800"
    )
    assert "Loss on the training data in 3 epochs" in twice[1]  # not one curve of five that jumps
    assert nothing == [None, None, None]


def test_diversity_and_the_rules_of_the_server_are_dials_too(site, open_page):
    item = site.ask("GET", "/v1/items?limit=1")["items"][0]["item"]
    pinned = site.ask("GET", "/v1/items?limit=40")["items"][39]
    site.ask("PUT", "/v1/presets/front%20page", {"rules": {"pin": [{"item": pinned["item"], "place": 1}]}})
    try:
        page = open_page(site, f"/#/recommendations?history={item}")
        shown(page)
        page.get_by_text("Filter and tune").click()
        page.get_by_label("Rules of").select_option("front page")
        expect(page.locator(".pick").first).to_contain_text("Here by a rule: pin")
        wanted = {"history": [item], "k": 10, "preset": "front page"}
        assert shown(page) == site.titles(wanted)
        assert shown(page)[0] == pinned["title"]
        page.get_by_label("How different the items are").focus()
        page.keyboard.press("End")
        expect(page).to_have_url(re.compile("diversity=1"))
        page.reload()
        assert shown(page) == site.titles({**wanted, "rules": {"diversity": 1}})
    finally:
        site.ask("DELETE", "/v1/presets/front%20page")


def test_items_with_pictures_are_laid_out_as_posters_until_lines_are_chosen(gallery, site, open_page):
    page = open_page(gallery, "/#/recommendations?history=101,103")
    shown(page)
    expect(page.locator(".picks.posters")).to_be_visible()
    expect(page.locator(".posters .poster.none").first).to_be_visible()  # an item without a picture
    page.locator(".pick").first.get_by_role("button", name="Details").press("Enter")
    expect(page.locator(".pick").first.locator(".reading")).to_be_visible()
    page.get_by_label("Posters").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".picks.posters")).to_have_count(0)
    page.reload()
    shown(page)
    expect(page.get_by_label("Lines")).to_be_checked()
    expect(page.locator(".poster.none").first).to_be_hidden()
    plain = open_page(site, f"/#/recommendations?history={site.ask('GET', '/v1/items?limit=1')['items'][0]['item']}")
    shown(plain)
    expect(plain.locator(".because").first).not_to_be_empty()
    expect(plain.locator(".picks.posters, .segments.two-ways:visible")).to_have_count(0)


def test_newer_items_and_the_share_of_new_ones_are_dials(gallery, open_page):
    model = gallery.ask("GET", "/v1/model")
    assert (model["dials"], model["recency_column"]) == (["popularity", "recency", "diversity"], "year")
    page = open_page(gallery, "/#/recommendations?history=101,103")
    before = shown(page)
    page.get_by_text("Filter and tune").click()
    page.get_by_label("How much newer items are lifted").focus()
    page.keyboard.press("End")
    expect(page).to_have_url(re.compile("recency=1"))
    boost = {"boost": [{"column": "year", "weight": 2, "name": "newer items"}]}
    wanted = gallery.titles({"history": [101, 103], "k": 10, "rules": boost})
    expect(page.locator(".pick-title").first).to_contain_text(wanted[0])
    assert shown(page) == wanted != before
    expect(page.locator(".listed")).not_to_contain_text("Here by a rule")
    page.reload()
    assert shown(page) == wanted
    page.get_by_label("How much of the list are items that nobody took yet").focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("kinds=0.1"))
    expect(page.locator(".tuning-line")).to_contain_text("10 % of the list are items that nobody took yet")


def test_a_known_history_is_listed_and_copied_the_newest_first(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1&order=typical")["users"][0]["user"]
    titles = [card["title"] for card in site.ask("GET", f"/v1/users/{person}/history")["items"]]
    page = open_page(site, f"/#/recommendations?user={person}")
    expect(page.locator(".taken li").first).to_have_text(titles[0][:79])
    page.get_by_role("button", name="Change this history").click()
    expect(page.locator(".chip")).to_have_count(len(titles))
    assert chips(page) == titles
