"""The operators' page: what the server does, which model answers, items and people looked up, added, hidden, forgotten."""

import hashlib

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'dualnet[dev]'")
from playwright.sync_api import expect

KEYS = {"reader": "read", "clerk": "write", "boss": "admin"}


def section(page, name):
    return page.get_by_role("region", name=name, exact=True)


def test_numbers_and_plots_follow_what_the_server_does(site, open_page):
    person = site.ask("GET", "/v1/users?limit=1")["users"][0]["user"]
    site.ask("POST", "/v1/recommend", {"user": person, "k": 3})
    page = open_page(site, "/operate")
    now = section(page, "Now")
    report = site.ask("GET", "/v1/activity")
    assert report["today"]["lists"] > 0
    expect(now.locator(".facts > div").filter(has_text="lists today").locator("dd")).to_have_text(
        f"{report['today']['lists']:,}"
    )
    expect(now.locator("figure.chart")).to_have_count(4)
    expect(now.locator("figure.chart.empty")).to_have_text(["No events were told in the last hour."])
    expect(now.get_by_role("img", name="for people we know: last")).to_be_visible()
    version = site.ask("GET", "/v1/model")["version"]
    row = section(page, "Model").get_by_role("row").filter(has_text=version)
    expect(row).to_contain_text("answers now")
    now.get_by_label("Follow").uncheck()


def test_an_item_is_looked_up_hidden_and_listed_again(site, open_page):
    card = site.ask("GET", "/v1/items?limit=9")["items"][8]
    page = open_page(site, "/operate")
    items = section(page, "Items")
    items.get_by_label("Look up by title or id").fill(card["item"])
    line = items.locator(".found > li").first
    expect(line).to_contain_text(card["title"])
    line.get_by_role("button", name="Hide").click()
    page.get_by_role("dialog").get_by_role("button", name="No").click()
    assert site.ask("GET", f"/v1/items/{card['item']}")["item"] == card["item"]
    line.get_by_role("button", name="Hide").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Hide it").click()
    again = line.get_by_role("button", name="List it again")
    expect(again).to_be_focused()
    assert card["item"] not in {one["item"] for one in site.ask("GET", "/v1/items?limit=200")["items"]}
    again.press("Enter")
    expect(line.get_by_role("button", name="Hide")).to_be_focused()
    assert site.ask("GET", f"/v1/items/{card['item']}")["title"] == card["title"]


def test_a_hidden_item_is_found_by_its_id_and_listed_again(site, open_page):
    card = site.ask("GET", "/v1/items?limit=12")["items"][11]
    site.ask("DELETE", f"/v1/items/{card['item']}")
    page = open_page(site, "/operate", failing=True)
    items = section(page, "Items")
    items.get_by_label("Look up by title or id").fill(card["item"])
    line = items.locator(".found > li").first
    expect(line).to_contain_text("hidden from all lists")
    line.get_by_role("button", name="List it again").click()
    expect(line).to_contain_text(card["title"])
    expect(line.get_by_role("button", name="Hide")).to_be_focused()
    assert site.ask("GET", f"/v1/items/{card['item']}")["title"] == card["title"]


def test_ids_that_are_whole_numbers_are_never_guessed_or_rounded(gallery, open_page):
    page = open_page(gallery, "/operate")
    people = section(page, "People")
    people.get_by_role("combobox", name="Item", exact=True).focus()
    people.get_by_role("listbox").get_by_role("option").first.click()
    for given in ["1e3", "0x10", "007", "ann"]:
        people.get_by_label("Person", exact=True).fill(given)
        people.get_by_role("button", name="Tell the model").click()
        expect(page.locator(".notice.bad")).to_contain_text("has to be a whole number")
        page.get_by_role("button", name="Close this notice").click()
    large = "9007199254740993"  # a browser's number would be that of somebody else
    people.get_by_label("Person", exact=True).fill(large)
    people.get_by_role("button", name="Tell the model").click()
    expect(page.locator(".notice")).to_contain_text(f"Noted: {large}")
    assert [one["user"] for one in gallery.ask("GET", "/v1/users?query=90071992")["users"]] == [large]
    page.goto(f"{gallery.address}/#/recommendations?user={large}")
    expect(page.locator(".person")).to_contain_text(large)
    expect(page.locator(".pick").first).to_be_visible()
    page.close()  # it may still ask about who is forgotten now
    gallery.ask("DELETE", f"/v1/users/{large}")


def test_somebody_is_added_corrected_and_forgotten(site, open_page):
    card = site.ask("GET", "/v1/items?limit=1")["items"][0]
    page = open_page(site, "/operate")
    people = section(page, "People")
    people.get_by_role("button", name="Tell the model").click()
    expect(people).to_contain_text("Name a person and choose an item first.")
    people.get_by_label("Person", exact=True).fill("newcomer-1")
    people.get_by_role("combobox", name="Item", exact=True).fill(card["title"])
    page.keyboard.press("Enter")
    expect(people).to_contain_text(f"Chosen: {card['title']}")
    people.get_by_role("button", name="Tell the model").click()
    expect(page.locator(".notice")).to_contain_text("Noted: newcomer-1, like")
    people.get_by_label("Look up by id").fill("newcomer")
    line = people.locator(".found > li").first
    expect(line).to_contain_text("newcomer-1")
    line.get_by_role("button", name="History").click()
    expect(line.get_by_role("list", name="History of newcomer-1")).to_contain_text(card["title"][:60])
    line.get_by_role("button", name="Take back").click()
    expect(page.locator(".notice")).to_contain_text("no longer counts for newcomer-1")
    assert site.ask("GET", "/v1/users/newcomer-1/history")["items"] == []
    line.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget for good").click()
    expect(page.locator(".notice")).to_contain_text("The person is forgotten.")
    assert site.ask("GET", "/v1/users?query=newcomer")["total"] == 0


def test_the_model_is_loaded_anew_and_what_cannot_be_is_told(site, open_page):
    page = open_page(site, "/operate", failing=True)
    model = section(page, "Model")
    model.get_by_role("button", name="Load the model folder anew").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(page.locator(".notice")).to_contain_text("answers now.")
    model.get_by_role("button", name="Go back to the version before").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(page.locator(".notice.bad")).to_contain_text("There is no previous version to go back to")


def test_a_stopped_server_is_told_and_comes_back(site, open_page):
    page = open_page(site, "/operate", failing=True)
    expect(section(page, "Now").locator(".facts")).to_be_visible()
    page.route("**/v1/**", lambda route: route.abort())
    section(page, "People").get_by_label("Look up by id").fill("r0")
    alert = section(page, "People").get_by_role("alert")
    expect(alert).to_contain_text("The server cannot be reached.")
    page.unroute("**/v1/**")
    alert.get_by_role("button", name="Try again").click()
    expect(section(page, "People").locator(".found > li").first).to_be_visible()


def test_numbers_that_cannot_be_read_are_told_once_and_come_back_by_themselves(site, open_page):
    page = open_page(site, "/operate", failing=True)
    now = section(page, "Now")
    expect(now.locator(".facts")).to_be_visible()
    asked = []
    page.route("**/v1/activity", lambda route: (asked.append(1), route.abort()))
    alert = now.get_by_role("alert")
    expect(alert).to_be_visible()
    told = alert.element_handle()
    heard = len(asked)
    page.wait_for_event("requestfailed", lambda request: len(asked) > heard)
    assert told.evaluate("node => node.isConnected")  # a screen reader hears it once
    page.unroute("**/v1/activity")
    expect(now.locator(".facts")).to_be_visible()


@pytest.fixture(scope="module")
def locked(browser, serve, pictures, tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text("".join(f"{name} {hashlib.sha256(name.encode()).hexdigest()} {role}\n" for name, role in KEYS.items()))
    yield from serve(pictures, DUALNET_API_KEYS_FILE=str(file))


@pytest.mark.parametrize(("key", "people", "forget"), [("reader", False, False), ("clerk", True, False), ("boss", True, True)])
def test_each_key_may_do_what_the_roles_table_says(browser, locked, key, people, forget):
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(f"sessionStorage.setItem('dualnet-key', '{key}')")
    page = context.new_page()
    page.goto(f"{locked.address}/operate")
    expect(section(page, "Now").locator(".facts")).to_be_visible()
    expect(section(page, "Items").locator(".found > li").first).to_be_visible()
    found = section(page, "People")
    if not people:
        expect(found.get_by_role("alert")).to_contain_text("needs a write key")
    else:
        found.locator(".found > li").last.get_by_role("button", name="Forget").click()
        page.get_by_role("dialog").get_by_role("button", name="Forget for good").click()
        expect(page.locator(".notice")).to_contain_text("The person is forgotten." if forget else "This needs an admin key.")
    context.close()
