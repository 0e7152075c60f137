"""A real server and a real browser; every page is watched for errors and for requests that leave the server."""

import importlib.util
import io
import json
import signal
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from dualnet.data.content import Content
from dualnet.data.content_spec import ContentSpec
from dualnet.data.dataset import Dataset
from dualnet.data.interactions import Interactions
from dualnet.data.synthetic import blocks_world, library
from dualnet.ids import IdMap
from dualnet.models.registry import create
from tests.server_process import PATIENCE, ServerProcess

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LONGEST = 60_000  # milliseconds before a test gives up waiting for the page


@pytest.fixture(scope="module")
def browser():
    """Chromium of this system; skips where it or Playwright is missing.

    For one file at a time: while Playwright runs no other test can start an event loop.
    """
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: pip install 'dualnet[dev]'")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: install the system's chromium to test the page")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=LONGEST)

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS, timeout=1000 * PATIENCE)
        yield running
        running.close()


class Site:
    """A running server, asked directly: what the page shows is compared with it."""

    def __init__(self, address):
        self.address = address

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def titles(self, body):
        return [entry["title"] for entry in self.ask("POST", "/v1/recommend", body)["items"]]


def serving(model, **environment):
    """Run `dualnet serve` on a free port; yields the site."""
    with ServerProcess(model, "--quiet", **environment) as server:
        yield Site(server.address())
        server.ended(signal.SIGINT)


@pytest.fixture(scope="session")
def serve():
    """The function that serves a model, for a test with a server of its own."""
    return serving


@pytest.fixture(scope="session")
def papers(tmp_path_factory):
    """The demo's library, small, with figures; DualNet on titles and abstracts."""
    data = library(n_readers=240, n_papers=320, pairs_per_reader=24)
    model = create("dualnet", levels=(48, 32), epochs=6, random_state=0).fit(data)
    figures = {"cuts": [10], "protocol": "Recall@M per user.", "tasks": [
        {"task": "known-new", "users": 1234, "metrics": {"recall@10": {"mean": 0.3456, "ci95": [0.3356, 0.3556]}}},
        {"task": "known-all", "users": 1234, "question": "One list.", "metrics": {
            "recall@10": {"mean": 0.2, "ci95": [0.1, 0.3]}, "precision@10": {"mean": 0.123}, "unliked_share@10": {"mean": 0.25}}}]}  # fmt: skip
    return model.save(tmp_path_factory.mktemp("papers") / "model", metrics=figures)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Whole-number ids, tags, numbers, and a painted cover on every other item; a content profile."""
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed: pip install 'dualnet[images]'")
    pytest.importorskip("skimage", reason="scikit-image is not installed: pip install 'dualnet[images]'")
    world = blocks_world()
    n_users, n_items = world.interactions.matrix.shape

    def cover(k):
        held = io.BytesIO()
        image.new("RGB", (60, 90), (40 + 4 * k, 90, 200 - 4 * k)).save(held, "PNG")
        return held.getvalue()

    users, items = IdMap(list(range(1, n_users + 1))), IdMap(list(range(100, 100 + n_items)))
    pairs = world.interactions.matrix.tocoo()
    table = pa.table({
        "title": [f"{title} {k}" for k, title in enumerate(world.items.table["title"].to_pylist())],
        "tags": [["even" if k % 2 == 0 else "odd", f"group{k // 12}"] for k in range(n_items)],
        "year": [2000 + k for k in range(n_items)],
        "cover": [cover(k) if k % 2 == 0 else None for k in range(n_items)],
    })  # fmt: skip
    spec = ContentSpec(text=("title",), tags=("tags",), numbers=("year",), images=("cover",), title="title", min_df=1)
    data = Dataset(Interactions.from_rows(users, items, pairs.row, pairs.col), Content(items, table, spec), name="covers")
    return create("content-profile").fit(data).save(tmp_path_factory.mktemp("covers") / "model")


@pytest.fixture(scope="module")
def site(browser, papers):
    yield from serving(papers)


@pytest.fixture(scope="module")
def gallery(browser, pictures):
    yield from serving(pictures)


@pytest.fixture
def open_page(browser):
    """Return a function that opens a watched page; at the end nothing may have gone wrong on any of them."""
    contexts, wrong = [], []

    def opened(site, address="/", *, width=1280, height=860, dark=False, density=1, touch=False, failing=False):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            device_scale_factor=density,
            has_touch=touch,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LONGEST)
        home = urlsplit(site.address).netloc
        page.on("pageerror", lambda error: wrong.append(f"error on the page: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"a script opened a dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda asked: urlsplit(asked.url).netloc != home and wrong.append(f"left the server: {asked.url}"))
        if not failing:  # the browser itself notes every answer that is an error
            page.on("console", lambda line: line.type in ("error", "warning") and wrong.append(f"console: {line.text}"))
        page.goto(site.address + address)
        page.locator("main section").first.wait_for(state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
