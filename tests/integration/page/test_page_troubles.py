"""Keys, failures and broken links: one sentence each, and a way on."""

import hashlib
from urllib.parse import quote

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'dualnet[dev]'")
from playwright.sync_api import expect

KEY = "dn_of-a-test"


@pytest.fixture(scope="module")
def locked(browser, serve, pictures, tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(f"tester {hashlib.sha256(KEY.encode()).hexdigest()}\n")
    yield from serve(pictures, DUALNET_API_KEYS_FILE=str(file))


def test_a_key_is_asked_for_once_and_kept_in_this_tab(browser, locked):
    context = browser.new_context()
    page = context.new_page()
    page.goto(locked.address)
    dialog = page.get_by_role("dialog")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("did not take that key")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recommend anything")
    assert page.evaluate("sessionStorage.getItem('dualnet-key')") == KEY
    assert KEY not in page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recommend anything")
    page.goto(f"{locked.address}/#/recommendations?history=101,103")
    poster = page.locator("canvas.poster:not(.small)").first  # an img element would send no key
    expect(poster).to_be_visible()
    poster.scroll_into_view_if_needed()  # it is fetched when it comes into view
    expect(poster).not_to_have_attribute("aria-busy", "true")
    assert poster.evaluate("canvas => canvas.getContext('2d').getImageData(70, 100, 1, 1).data[3]") == 255
    context.close()


def test_without_a_key_the_page_says_so_and_asks_again(browser, locked):
    context = browser.new_context()
    page = context.new_page()
    page.goto(locked.address)
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("alert")).to_contain_text("This needs a key.")
    page.get_by_role("button", name="Try again").click()
    page.get_by_label("API key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recommend anything")
    context.close()


def test_failures_are_one_sentence_with_a_retry(site, open_page):
    first = site.ask("GET", "/v1/items?limit=1")["items"][0]["item"]
    page = open_page(site, failing=True)
    page.route("**/v1/recommend", lambda route: route.abort())
    page.evaluate(f"location.hash = '#/recommendations?history={first}'")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server cannot be reached.")
    page.unroute("**/v1/recommend")
    page.route(
        "**/v1/recommend",
        lambda route: route.fulfill(
            status=503, json={"error": {"code": "busy", "message": "too many questions wait; ask again"}}
        ),
    )
    page.get_by_role("button", name="Try again").click()
    expect(alert).to_contain_text("Too many questions wait; ask again.")
    page.unroute("**/v1/recommend")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".pick")).to_have_count(10)
    expect(alert).to_have_count(0)


def test_an_unknown_item_in_a_link_is_named(site, open_page):
    page = open_page(site, "/#/recommendations?history=no-such-item", failing=True)
    expect(page.get_by_role("alert")).to_contain_text("no-such-item")
    page.get_by_role("button", name="Remove no-such-item").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recommend anything")


def test_an_exchanged_model_is_told(site, open_page):
    first = site.ask("GET", "/v1/items?limit=1")["items"][0]["item"]
    page = open_page(site)
    answer = site.ask("POST", "/v1/recommend", {"history": [first], "k": 10})
    answer["model"]["version"] = "0" * 12
    page.route("**/v1/recommend", lambda route: route.fulfill(json=answer))
    expect(page.locator(".news")).to_have_count(0)
    page.evaluate(f"location.hash = '#/recommendations?history={first}'")
    expect(page.locator(".news")).to_contain_text("Another version of the model answers now.")
    page.unroute("**/v1/recommend")
    page.get_by_role("button", name="Load the page anew").click()
    expect(page.locator(".pick")).to_have_count(10)
    expect(page.locator(".news")).to_have_count(0)


@pytest.mark.parametrize("address", ["/#/nowhere?user=", "/#/recommendations?history=%E0%A4%A,,", "/#?&=&&", "/#/map?history="])
def test_broken_links_show_a_page(site, open_page, address):
    page = open_page(site, address)
    expect(page.get_by_role("heading", level=1).first).to_be_visible()


def test_a_stopped_server_is_told_where_it_matters_and_can_be_tried_again(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    page = open_page(site, f"/#/recommendations?user={person}", failing=True)
    page.locator(".pick").first.wait_for()
    page.route("**/v1/**", lambda route: route.abort())
    page.locator(".pick").first.get_by_role("button", name="Add to history").click()
    alert = page.locator(".notice[role=alert]")
    expect(alert).to_contain_text("The server cannot be reached.")
    page.unroute("**/v1/**")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(".chip").first).to_be_visible()
    expect(alert).to_have_count(0)


def test_an_unknown_person_in_a_link_is_told_once_with_a_way_on(site, open_page):
    page = open_page(site, "/#/recommendations?user=nobody-at-all", failing=True)
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("Nobody with the id 'nobody-at-all' is known here.")
    page.get_by_role("button", name="Begin anew").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recommend anything")


@pytest.mark.parametrize(
    "filter_text",
    ["%7B", "[1]", "null", '{"a":1}', '{"a":{"any":[]}}', '{"a":{"any":[{}]}}', '{"a":{"what":1}}', '{"a":null}', '"x"'],
)
def test_a_broken_filter_in_a_link_is_left_out(site, open_page, filter_text):
    first = site.ask("GET", "/v1/items?limit=1")["items"][0]["item"]
    page = open_page(site, f"/#/recommendations?history={first}&filter={quote(filter_text)}")
    expect(page.locator(".pick")).to_have_count(10)


def test_links_to_pictures_are_shown_from_allowed_hosts_only(site, open_page):
    shown = open_page(site).evaluate(
        """async () => {
            document.querySelector('meta[name="picture-hosts"]').content = "a.example *.b.example:8443";
            const { postered } = await import("/web/poster.js?anew");
            return ["https://a.example/x.jpg", "https://c.b.example:8443/x", "http://a.example/x", "https://evil-a.example/x",
                "https://b.example:8443/", "https://a.example.evil/x", "javascript:alert(1)", "", null]
                .map((picture_link) => postered({ picture: false, picture_link }));
        }"""
    )
    assert shown == [True, True] + [False] * 7


def test_a_key_that_may_only_read_begins_with_tastes(browser, serve, pictures, tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"reader {hashlib.sha256(KEY.encode()).hexdigest()} read\n")
    for site in serve(pictures, DUALNET_API_KEYS_FILE=str(file)):
        context = browser.new_context()
        context.add_init_script(f"sessionStorage.setItem('dualnet-key', '{KEY}')")
        page = context.new_page()
        page.goto(site.address)
        page.locator(".taste").first.click()
        expect(page.locator(".pick").first).to_be_visible()
        expect(page.locator(".because").first).not_to_be_empty()
        context.close()


@pytest.mark.parametrize(
    ("content", "columns", "line"),
    [
        ({"publisher": "Penguin Books", "genre": "Drama"}, {"publisher": "text", "genre": "categories"}, "Drama"),
        ({"year": 1995.0}, {"year": "numbers"}, "1995"),
        ({"released": 964982703}, {"released": "numbers"}, ""),
        ({"updates": 3, "year": 2001}, {"updates": "numbers", "year": "numbers"}, "2001"),
        ({"published": "2001-05-31T12:00"}, {"published": "dates"}, "2001-05-31"),
        ({"date": "1999"}, {"date": "text"}, "1999"),
        ({"tags": ["a", "b", "c"], "year": 1999}, {"tags": "tags", "year": "numbers"}, "a, b, c \u00b7 1999"),
        ({"tags": ["a", "b", "c", "d"]}, {"tags": "tags"}, "a, b, c, d"),
        ({"tags": ["a", "b", "c"], "genre": "e|f"}, {"tags": "tags", "genre": "categories"}, "a, b, c and 2 more"),
    ],
)
def test_a_year_is_only_what_can_be_one(site, open_page, content, columns, line):
    page = open_page(site)
    said = "([card, columns]) => import('/web/kind-and-year.js').then(({ kindAndYear }) => kindAndYear(card, columns))"
    assert page.evaluate(said, [{"title": "It", "content": content}, columns]) == line


@pytest.mark.parametrize(
    ("likes", "terms", "said"),
    [
        ([], [], "Listed for its content."),
        (["A"], [], "It fits A."),
        ([], ["birds"], "It is about birds."),
        (["A", "B", "C", "D"], ["birds", "nests"], "It fits A and B; about birds and nests."),
        (["A"], [("birds", 0.3), ("know", 0.0004)], "It fits A; about birds."),  # a second term has to count
    ],
)
def test_the_reason_of_a_new_item_is_a_whole_sentence(site, open_page, likes, terms, said):
    page = open_page(site)
    weighed = [(one, 0.2) if isinstance(one, str) else one for one in terms]
    explanation = {"score": 1, "levels": [], "history": {"parts": [{"item": one, "title": one, "score": 0.5} for one in likes]},
                   "content": {"parts": [{"term": term, "score": score} for term, score in weighed]}}  # fmt: skip
    reason = """(explanation) => import('/web/reasons.js').then(({ reasons }) => {
        const node = document.createElement('p');
        node.append(...reasons([{ path: 'content', score: 1, explanation }], 'history').each[0].nodes);
        return node.textContent;
    })"""
    assert page.evaluate(reason, explanation) == said


def test_a_view_that_waits_for_its_first_answer_says_so(site, open_page):
    page, held = open_page(site), []
    page.route("**/v1/map*", lambda route: held.append(route))
    page.goto(f"{site.address}/?waits#/map")
    said = "() => getComputedStyle(document.querySelector('.view-map'), '::after').content"
    page.wait_for_function(f"({said})().includes('One moment')")
    held[0].continue_()
    expect(page.locator("canvas.map")).to_be_visible()
    assert page.evaluate(said) == "none"


def test_the_map_tells_that_an_item_could_not_be_added(site, open_page):
    page = open_page(site, "/#/map", failing=True)
    canvas = page.locator("canvas.map")
    expect(canvas).to_be_visible()
    page.route("**/v1/items/*", lambda route: route.abort())
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_contain_text("The server cannot be reached.")
    page.unroute("**/v1/items/*")
    page.locator(".notice.bad").get_by_role("button", name="Try again").click()
    expect(page.locator(".notice")).to_contain_text("Added ")


def test_presets_that_cannot_be_read_are_told_and_read_again(site, open_page):
    first = site.ask("GET", "/v1/items?limit=1")["items"][0]["item"]
    site.ask("PUT", "/v1/presets/shelf", {"rules": {"diversity": 0.1}})
    try:
        page = open_page(site, failing=True)
        page.route("**/v1/presets", lambda route: route.abort())
        page.goto(f"{site.address}/?anew#/recommendations?history={first}")
        page.get_by_text("Filter and tune").click()
        alert = page.locator(".wishes").get_by_role("alert")
        expect(alert).to_contain_text("The server cannot be reached.")
        page.unroute("**/v1/presets")
        alert.get_by_role("button", name="Try again").click()
        expect(alert).to_have_count(0)
        expect(page.get_by_label("Rules of")).to_contain_text("shelf")
    finally:
        site.ask("DELETE", "/v1/presets/shelf")


def test_a_card_that_cannot_be_read_is_told_on_its_line_and_read_again(site, open_page):
    first = site.ask("GET", "/v1/items?limit=1")["items"][0]["item"]
    page = open_page(site, failing=True)
    page.route("**/v1/items/*", lambda route: route.abort())
    page.evaluate(f"location.hash = '#/recommendations?history={first}'")
    lost = page.locator(".pick .kind").filter(has_text="The server cannot be reached.")
    expect(lost.first).to_be_visible()
    expect(page.locator(".because").last).not_to_be_empty()
    left = lost.count() - 1
    page.unroute("**/v1/items/*")
    lost.first.get_by_role("button", name="Try again").click()
    expect(lost).to_have_count(left)


TAGS = """([text, separator, labels]) => import("/web/fields.js").then(({ tagsOf }) => tagsOf(text, separator, labels))"""


@pytest.mark.parametrize(
    ("text", "separator", "labels", "tags"),
    [
        ("Sci-Fi, Action", "|", [], ["Sci-Fi", "Action"]),
        ("Sci-Fi|Action", "|", [], ["Sci-Fi", "Action"]),
        ("Sci-Fi; Action;; Action", "", [], ["Sci-Fi", "Action"]),
        ("drama, period | film", "|", [], ["drama, period", "film"]),  # what divided the table divides here
        ("Drama, period", "", ["Drama, period"], ["Drama, period"]),
        ("Drama, period; Crime", "", ["Drama, period"], ["Drama, period", "Crime"]),
        ("Drama, period|Film; sound", "", [], ["Drama, period", "Film; sound"]),
        ("one tag", " ", [], ["one", "tag"]),
        ("one tag", "", [], ["one tag"]),
        (" , ", "", [], []),
    ],
)
def test_tags_are_divided_as_in_the_table_or_at_commas(site, open_page, text, separator, labels, tags):
    assert open_page(site).evaluate(TAGS, [text, separator, labels]) == tags
