"""Finding items and users, cards, pictures, filters, the map."""

import base64
import io
import json
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from dualnet import Content, ContentSpec, Dataset
from dualnet.data.synthetic import blocks_world
from dualnet.data.title_search import TitleIndex
from dualnet.errors import DataError, UsageError
from dualnet.models.registry import create
from dualnet.retrieval import filters as filters_module
from dualnet.retrieval.filters import Filters
from dualnet.retrieval.questions import NewItem
from dualnet.serve.cards import card, picture
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.changes import add_events, delete, put
from dualnet.serve.http.request_schemas import ItemsQuery
from dualnet.serve.new_content import content_columns
from dualnet.serve.overviews import item_map, plane
from dualnet.serve.replies import ModelLabel, Picture
from dualnet.serve.search import TitleSearch, find_users


def found(catalogue, query, **page):
    body = TitleSearch().find(catalogue, query, **page)
    return [entry["item"] for entry in body["items"]], body["total"]


def test_titles_are_found_by_words_and_the_beginning_of_the_last(catalogue):
    titles = catalogue.lineage.titles
    expected = {key for key, title in zip(catalogue.lineage.ids, titles, strict=True) if "sequencing" in title.split()}
    keys, total = found(catalogue, "SEQUENCING gen", limit=50)
    assert set(keys) == {key for key in expected if "genomes" in titles[catalogue.row(key)].split()}
    assert total == len(keys) > 0
    assert found(catalogue, "sequencing seque", limit=50)[1] == len(expected)
    assert found(catalogue, "seque sequencing") == ([], 0)  # only the last word may be unfinished
    assert found(catalogue, "nosuchword") == ([], 0)
    everything, total = found(catalogue, "  ", limit=1000)
    assert (total, len(everything)) == (48, 48)
    counts = catalogue.popularity[catalogue.rows(everything)]
    assert counts.tolist() == sorted(counts, reverse=True)
    assert found(catalogue, "", limit=5, offset=46)[0] == everything[46:]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("爱情", ["中国爱情故事"]),
        ("爱", ["中国爱情故事", "我的爱"]),
        ("故事 中国", ["中国爱情故事"]),
        ("รัก", ["ความรักของฉัน"]),
        ("प्रेम", ["प्रेम कहानी"]),
        ("कहानी प्रे", ["प्रेम कहानी"]),
        ("STRASSE", ["Die Straße"]),
        ("crème", ["Cre\u0300me & Cognac"]),
        ("ｃｏｇｎａｃ", ["Cre\u0300me & Cognac"]),
        ("कह", ["प्रेम कहानी"]),
        ("अक", []),
    ],
)
def test_titles_of_every_script_are_found(catalogue, query, titles):
    every = ["中国爱情故事", "我的爱", "ความรักของฉัน", "प्रेम कहानी", "Die Straße", "Cre\u0300me &amp; Cognac"]
    view, _, _ = put(catalogue, [NewItem(f"n{n}", {"title": title}) for n, title in enumerate(every)])
    assert {view.titles([view.row(key)])[0] for key in found(view, query)[0]} == set(titles)


def test_a_page_is_as_long_as_may_be_asked(catalogue):
    view, _, _ = put(catalogue, [NewItem(f"n{n}", {"title": "genomes"}) for n in range(300)])
    longest = ItemsQuery.model_json_schema()["properties"]["limit"]["maximum"]
    first, total = found(view, "", limit=longest)
    rest = [key for start in range(longest, total, longest) for key in found(view, "", limit=longest, offset=start)[0]]
    assert len({*first, *rest}) == total == 348


def test_live_and_deleted_items_in_the_search(catalogue):
    search = TitleSearch()
    view, _, _ = put(catalogue, [NewItem("n1", {"title": "Straße of genomes"})])
    assert [entry["item"] for entry in search.find(view, "strasse")["items"]] == ["n1"]
    changed, _, _ = put(view, [NewItem("n1", {"title": "other"})])
    assert search.find(changed, "strasse")["total"] == 0
    assert search.find(changed, "other")["total"] == 1
    assert search.find(view, "strasse")["total"] == 1
    assert search.find(catalogue, "strasse")["total"] == 0
    gone, _, _ = delete(delete(changed, "n1")[0], "i0-0")
    assert search.find(gone, "")["total"] == 47


def test_users_are_found_by_id_longest_history_first(catalogue):
    lengths = np.diff(catalogue.model.histories_.indptr)
    body = find_users(catalogue, "U2-", limit=3)
    assert body["total"] == 10
    assert [entry["events"] for entry in body["users"]] == sorted(lengths[20:30], reverse=True)[:3]
    view, _, _ = add_events(catalogue, [("zz", "i0-0"), ("zz", "i0-1")])
    assert find_users(view, "zz") == {"users": [{"user": "zz", "events": 2}], "total": 1}
    assert find_users(view, "")["total"] == 41


def test_typical_users_have_histories_nearest_to_the_median(catalogue):
    view, _, _ = add_events(catalogue, [("a", "i0-0"), *(("b", item) for item in catalogue.model.items_.keys[:40])])
    lengths = {one["user"]: one["events"] for one in find_users(view, "", limit=200)["users"]}
    middle = np.median([length for length in lengths.values() if length])
    first = find_users(view, "", limit=5, order="typical")["users"]
    away = sorted(abs(length - middle) for length in lengths.values())
    assert [abs(one["events"] - middle) for one in first] == away[:5]
    assert find_users(view, "", limit=1)["users"] == [{"user": "b", "events": 40}]


def test_cards_are_strict_json(catalogue):
    view, _, _ = put(catalogue, [NewItem("n1", {"title": "x", "tags": ["a"], "year": 2001})])
    body = card(view, view.row("n1"))
    assert body == {
        "item": "n1", "title": "x", "path": "content", "content": {"title": "x", "tags": ["a"], "year": 2001}, "picture": False,
        "picture_link": None, "link": None,
        "taken": 0,
    }  # fmt: skip
    own = card(view, view.row("i0-5"))
    assert (own["path"], own["content"]["year"]) == ("known", None)
    json.dumps([body, own], allow_nan=False)


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"year": {"is": 1991}}, lambda tags, year: year == 1991),
        ({"year": {"min": 2000, "max": 2010}}, lambda tags, year: year is not None and 2000 <= year <= 2010),
        ({"year": {"min": 2000.5}}, lambda tags, year: year is not None and year > 2000),
        ({"year": {"any": [1991, 1992, 5]}}, lambda tags, year: year in (1991, 1992)),
        ({"tags": {"is": "even"}}, lambda tags, year: "even" in tags),
        ({"tags": {"any": ["i1", "i2"]}, "year": {"max": 2010}}, lambda t, y: {"i1", "i2"} & set(t) and y and y <= 2010),
        ({"tags": {"contains": "EVE"}}, lambda tags, year: "even" in tags),
    ],
)
def test_filters_equal_the_slow_twin(catalogue, wanted, passes):
    live = [NewItem("n1", {"title": "x", "tags": ["even"], "year": 1991}), NewItem("n2", {"title": "x"}),
            NewItem("n3", {"title": "x", "tags": [], "year": 2005})]  # fmt: skip
    view, _, _ = put(catalogue, live)
    cards = [card(view, row)["content"] for row in range(len(view))]
    expected = [bool(passes(entry.get("tags") or [], entry.get("year"))) for entry in cards]
    filters = Filters(catalogue.model.catalogue_.content.table)
    for _ in range(2):  # the second time from what was kept
        assert filters.mask(view.n_base, wanted, view.later_contents()).tolist() == expected
    assert filters.mask(48, wanted).tolist() == expected[:48]
    assert any(expected)


def test_what_filters_keep_is_little_and_changed_by_one_thread_at_a_time(catalogue, monkeypatch):
    filters, alone = Filters(catalogue.model.catalogue_.content.table), []

    class Watched(OrderedDict):
        """Two threads that find and drop the same mask at once would fail one of the two questions."""

        def __contains__(self, name):
            alone.append(filters._lock.locked())
            return super().__contains__(name)

        def popitem(self, last=True):
            alone.append(filters._lock.locked())
            return super().popitem(last)

    filters._kept = Watched()
    monkeypatch.setattr(filters_module, "KEPT_BYTES", 48 * 3)
    for year in range(1990, 2000):
        filters.mask(48, {"year": {"any": [year] * 1000}})
    assert len(filters._kept) == 3
    assert {len(name) for name in filters._kept} == {32}  # not a thousand values
    assert len(alone) == 17
    assert all(alone)


@pytest.mark.parametrize(
    ("wanted", "error", "text"),
    [
        ({"yaer": {"is": 1}}, UsageError, "Did you mean 'year'"),
        ({"year": {"equals": 1}}, UsageError, "no filter 'equals'"),
        ({"year": {}}, UsageError, "says not what to compare with; write "),
        ({"year": 5}, UsageError, "says not what to compare with; write "),
        ({"year": {"is": "x"}}, DataError, "does not fit its values, which are int64"),
        ({"year": {"any": 5}}, DataError, "needs a list"),
        ({"year": {"contains": "1"}}, DataError, "does not fit"),
        ({"title": {"contains": ""}}, DataError, "needs a text"),
        ({"year": {"is": True}}, DataError, "does not fit"),
        ({"year": {"is": None}}, DataError, "does not fit"),
        ({"year": {"is": 10**30}}, DataError, "does not fit"),
        ({"year": {"is": [1]}}, DataError, "does not fit"),
    ],
)
def test_filters_that_cannot_be(catalogue, wanted, error, text):
    with pytest.raises(error, match=text):
        Filters(catalogue.model.catalogue_.content.table, content_columns(catalogue.model)).mask(48, wanted)


def png(shade):
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (24, 24), (shade, 255 - shade, 30)).save(out, "PNG")
    return out.getvalue()


def test_pictures_come_from_the_model_or_base64_and_never_from_a_path_in_a_request(tmp_path):
    pytest.importorskip("PIL")
    pytest.importorskip("skimage")
    plain = blocks_world()
    (tmp_path / "a.png").write_bytes(png(1))
    (tmp_path / "secret.png").write_bytes(png(2))
    values = [str(tmp_path / "a.png"), "", *[None] * 46]
    content = Content(plain.items.ids, pa.table({"poster": values}), ContentSpec(images=("poster",)))
    model = create("content-profile").fit(Dataset(plain.interactions, content))
    catalogue = open_catalogue(model, ModelLabel("content-profile", "0"))
    assert picture(catalogue, 0) == Picture(png(1), "image/png")
    assert picture(catalogue, 1) is None
    assert [card(catalogue, row)["picture"] for row in (0, 1)] == [True, False]
    assert card(catalogue, 0)["content"] == {}
    view, _, _ = put(catalogue, [NewItem("n1", {"poster": base64.b64encode(png(3)).decode()})])
    assert picture(view, 48) == Picture(png(3), "image/png")
    for bad in (str(tmp_path / "secret.png"), 5, "file:///etc/passwd"):
        with pytest.raises(DataError, match="in base64"):
            put(catalogue, [NewItem("n2", {"poster": bad})])


def test_the_map_is_that_of_a_full_decomposition():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 6)).astype(np.float32) * np.array([5, 3, 1, 1, 0.5, 0.1], np.float32)
    x, y, explained = plane(values)
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    for places, axis in ((x, 0), (y, 1)):
        expected = left[:, axis] * sizes[axis]
        assert min(np.abs(places - expected).max(), np.abs(places + expected).max()) < 1e-5
    assert explained == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), abs=1e-6)
    assert plane(values[::-1].copy())[0][::-1] == pytest.approx(x, abs=1e-6)  # the sign does not depend on the order
    sparse = plane(csr_array(values))
    np.testing.assert_allclose(sparse[0], x, atol=1e-5)
    assert plane(values[:0]) == ([], [], 0.0)
    assert len(plane(values[:1])[1]) == 1


def test_the_map_shows_popular_items_and_then_new_ones(catalogue, monkeypatch):
    view, _, _ = put(catalogue, [NewItem("n1", {"title": "genomes"})])
    view, _, _ = delete(view, "i0-0")
    whole = item_map(view)
    assert (len(whole["items"]), whole["items"][-1]) == (48, "n1")
    assert "i0-0" not in whole["items"]
    assert len(whole["x"]) == len(whole["y"]) == 48
    assert 0 < whole["explained"] <= 1
    import dualnet.serve.overviews as module

    monkeypatch.setattr(module, "MOST_PLACED", 10)
    best = item_map(view)["items"]
    assert best == view.keys([row for row in view.by_popularity.tolist() if view.listed[row]][:10])
    assert replace(view).n_items == 48


def test_titles_do_not_grow_while_they_are_looked_through(catalogue, monkeypatch):
    """A title that is added in another thread would change the set of words under who looks for a typo in it."""
    search, free = TitleSearch(), []
    real = TitleIndex.find

    def find(index, *given):
        free.append(search._lock.acquire(blocking=False))
        return real(index, *given)

    monkeypatch.setattr(TitleIndex, "find", find)
    search.find(catalogue, "sequencimg")
    assert free == [False]
