"""Named data sets: where they are looked for, how they are fetched (from a local server), how odd files are refused."""

import gzip
import hashlib
import http.server
import threading
import zipfile

import numpy as np
import pytest

from dualnet.data.filters import CIAO, CountFilter
from dualnet.data.sources import known, load, registry
from dualnet.data.sources.citeulike import _abstracts
from dualnet.data.sources.fetch import fetch_file
from dualnet.data.sources.raw import SourceFolder, assert_totals
from dualnet.data.synthetic import library
from dualnet.errors import DataError, ResourceError, UsageError

CONTENT = bytes(range(256)) * 4000
SUM = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file, with ranges; /cut breaks off half way, /no-range ignores ranges."""

    requests: list[tuple[str, str | None]] = []

    def do_GET(self):
        asked = self.headers.get("Range")
        Handler.requests.append((self.path, asked))
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int(asked.split("=")[1].rstrip("-")) if asked and self.path != "/no-range" else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = len(CONTENT) // 2 if self.path == "/cut" and not start else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_file_is_fetched_verified_and_whole(server, tmp_path):
    target = fetch_file(f"{server}/file", tmp_path / "deep" / "file", sha256=SUM, progress=True)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("path", ["file", "no-range"])
def test_a_broken_fetch_goes_on_where_it_stopped(server, tmp_path, path):
    with pytest.raises(ResourceError, match="cannot fetch .*goes on where it stopped"):
        fetch_file(f"{server}/cut", tmp_path / "file", sha256=SUM)
    assert not (tmp_path / "file").exists()
    assert (tmp_path / "file.part").stat().st_size == len(CONTENT) // 2
    Handler.requests.clear()
    assert fetch_file(f"{server}/{path}", tmp_path / "file", sha256=SUM).read_bytes() == CONTENT
    assert Handler.requests == [(f"/{path}", f"bytes={len(CONTENT) // 2}-")]


def test_a_whole_part_file_needs_nothing_more(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    assert fetch_file(f"{server}/file", tmp_path / "file", sha256=SUM).read_bytes() == CONTENT


def test_wrong_content_too_much_and_missing(server, tmp_path):
    with pytest.raises(ResourceError, match="is not the published file and was thrown away"):
        fetch_file(f"{server}/file", tmp_path / "file", sha256="0" * 64)
    with pytest.raises(ResourceError, match="more than the 1,000 allowed"):
        fetch_file(f"{server}/file", tmp_path / "file", sha256=SUM, limit=1000)
    with pytest.raises(ResourceError, match="cannot fetch .*Not Found"):
        fetch_file(f"{server}/missing", tmp_path / "file", sha256=SUM)
    with pytest.raises(UsageError, match="only http and https"):
        fetch_file("file:///etc/passwd", tmp_path / "file", sha256=SUM)
    assert list(tmp_path.iterdir()) == []


def test_offline_says_where_to_put_the_files(monkeypatch, tmp_path):
    monkeypatch.delenv("DUALNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DUALNET_MIRROR", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(
        ResourceError,
        match=r"data set 'citeulike-a': cannot fetch .*set DUALNET_DATA to a folder that holds citeulike-a/users.dat",
    ):
        load("citeulike-a")
    with pytest.raises(UsageError, match="no data set 'citeulike-b'. Did you mean"):
        load("citeulike-b")
    with pytest.raises(ResourceError, match="users.dat is missing"):
        load("citeulike-a", folder=tmp_path)


def test_a_mirror_fills_the_cache(server, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DUALNET_MIRROR", server)
    info = registry.SourceInfo("toy", "toy", "", lambda folder: None, {"file": registry.SourceFile(SUM, "http://127.0.0.1:9/")})
    monkeypatch.setitem(registry.SOURCES, "toy", info)
    Handler.requests.clear()
    assert (registry.fetch("toy") / "file").read_bytes() == CONTENT
    assert Handler.requests == [("/toy/file", None)]
    registry.fetch("toy")
    assert len(Handler.requests) == 1  # what is there is not fetched again


def test_original_formats(tmp_path):
    folder = SourceFolder(tmp_path)
    (tmp_path / "users.dat").write_text("2 5 7\n0\n1 3\n")
    assert [row.tolist() for row in folder.counted_lists("users.dat")] == [[5, 7], [], [3]]
    (tmp_path / "mult.dat.gz").write_bytes(gzip.compress(b"2 0:1 3:2\n0\n"))
    np.testing.assert_array_equal(folder.bag_of_words("mult.dat", 4).toarray(), [[1, 0, 0, 2], [0, 0, 0, 0]])
    header = '"doc.id","title","citeulike.id","raw.title","raw.abstract"\n'
    (tmp_path / "raw-data.csv").write_bytes((header + '2,"b",9,"B","of b"\n1,"a",8,"A","caf\xe9, a"\n').encode("latin-1"))
    assert _abstracts(folder, 2) == ["café, a", "of b"]  # ids count from 1
    with pytest.raises(DataError, match="renumbered ids cannot be matched"):
        _abstracts(folder, 3)


@pytest.mark.parametrize(
    ("name", "content", "read", "text"),
    [
        ("u", "3 5 7\n", lambda f: f.counted_lists("u"), "line 1: the first number should count the 2 that follow"),
        ("u", "1 x\n", lambda f: f.counted_lists("u"), "line 1: '1 x' is not a list of whole numbers"),
        ("m", "1 0:1 2:2\n", lambda f: f.bag_of_words("m", 3), "line 1: expected 'n word:count"),
        ("m", "1 9:1\n", lambda f: f.bag_of_words("m", 3), "word 9 is not one of the 3 words"),
    ],
)
def test_odd_files_are_named(tmp_path, name, content, read, text):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=text):
        read(SourceFolder(tmp_path))


def test_bombs_and_wrong_totals(tmp_path):
    (tmp_path / "users.dat.gz").write_bytes(gzip.compress(bytes(5_000_000)))
    with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
        SourceFolder(tmp_path).read("users.dat")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big", bytes(5_000_000))
    with pytest.raises(DataError, match="unpacks to 5,000,000 bytes"):
        SourceFolder(tmp_path).member("a.zip", "big")
    with pytest.raises(DataError, match="cannot be read as the archive"):
        SourceFolder(tmp_path).member("a.zip", "nothing")
    with pytest.raises(DataError, match="204,987 pairs instead of 204,986"):
        assert_totals("citeulike-a", {"pairs": 204_987}, {"pairs": 204_986})


def test_every_source_names_its_files():
    for info in known().values():
        assert info.files
        assert all(len(file.sha256) == 64 for file in info.files.values())
        assert all(file.url is None or file.url.startswith("https://") for file in info.files.values())
        assert info.by_hand or all(file.url for file in info.files.values())


def test_files_without_an_address_are_said_before_anything_is_fetched(server, monkeypatch, tmp_path):
    monkeypatch.delenv("DUALNET_DATA", raising=False)
    monkeypatch.delenv("DUALNET_MIRROR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = (
        r"data set 'movielens-1m-posters': five_star_pairs.csv, movies.dat, posters_128.tar cannot be fetched \(movies.dat is"
        r" that of GroupLens' ml-1m.zip, .*\); put them into .*movielens-1m-posters, or set DUALNET_DATA"
    )
    with pytest.raises(ResourceError, match=text):
        registry.fetch("movielens-1m-posters")
    with pytest.raises(ResourceError, match=r"five_star_pairs.csv cannot be fetched .* put it into"):
        load("movielens-1m-posters")
    assert list(tmp_path.rglob("*.*at")) == []


def test_a_filter_of_ones_own_is_used_where_the_data_set_has_none(monkeypatch, tmp_path):
    world = library(n_readers=30, n_papers=300, pairs_per_reader=20)
    monkeypatch.setitem(registry.SOURCES, "toy", registry.SourceInfo("toy", "toy", "", lambda folder: world, {}))
    assert load("toy", folder=tmp_path).interactions.n_pairs == world.interactions.n_pairs
    kept = load("toy", folder=tmp_path, filtered=CountFilter(user_events=5))
    assert 0 < kept.interactions.n_users < 30
    given = []
    info = registry.SourceInfo("toy", "toy", "", lambda folder, chosen: given.append(chosen), {}, CIAO)
    monkeypatch.setitem(registry.SOURCES, "toy", info)
    for filtered in (True, False, CountFilter(2)):
        load("toy", folder=tmp_path, filtered=filtered)
    assert given == [CIAO, None, CountFilter(2)]


def films(folder):
    """A stand-in of ml-latest-small of the published size, made up, as the archive and as the folder that it unpacks to."""
    unpacked = folder / "ml-latest-small"
    unpacked.mkdir(parents=True)
    pairs = [(k % 610 + 1, k % 9_724 + 1) for k in range(100_836)]
    tables = {
        "ratings": ["userId,movieId,rating,timestamp", *(f"{u},{i},{3 + (u + i) % 3},9{u:08d}" for u, i in pairs)],
        "movies": ["movieId,title,genres", *(f"{i},Film {i} (1999),{'Drama|War' if i % 2 else '(no genres listed)'}" for i in range(1, 9_743))],
        "tags": ["userId,movieId,tag,timestamp", "1,1,Funny,900000000"],
    }  # fmt: skip
    with zipfile.ZipFile(folder / "ml-latest-small.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in tables.items():
            (unpacked / f"{name}.csv").write_text("\n".join(lines) + "\n")
            archive.write(unpacked / f"{name}.csv", f"ml-latest-small/{name}.csv")
    return folder


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return films(tmp_path_factory.mktemp("downloads"))


@pytest.mark.parametrize("place", ["own folder", "beside others", "unpacked", "unpacked in its own folder"])
def test_an_archive_is_found_as_a_person_has_it(downloads, place, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    inner = tmp_path / "data" / ("movielens-small" if "own" in place else "")
    inner.mkdir(parents=True)
    name = "ml-latest-small" if "unpacked" in place else "ml-latest-small.zip"
    (inner / name).symlink_to(downloads / name)
    monkeypatch.setenv("DUALNET_DATA", str(tmp_path / "data"))
    data = load("movielens-latest-small")
    assert data.interactions.n_users == 610
    assert data.items.table["genres"][0].as_py() == ["Drama", "War"]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("here", [False, True], ids=["by name", "as a dot"])
def test_the_unpacked_folder_itself_may_be_named(downloads, here, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(downloads / "ml-latest-small")
    monkeypatch.setenv("DUALNET_DATA", "." if here else str(downloads / "ml-latest-small"))
    assert load("movielens-latest-small").interactions.n_users == 610


def test_a_folder_that_is_not_the_archive_is_named(monkeypatch, tmp_path):
    (tmp_path / "ml-latest-small").mkdir()
    with pytest.raises(DataError, match=r"ml-latest-small is not the unpacked ml-latest-small.zip .*ratings.csv"):
        load("movielens-latest-small", folder=tmp_path)


def test_the_archive_comes_from_a_server_with_one_command(downloads, monkeypatch, tmp_path, capsys):
    """Fetched, verified and kept: the second time the server is not asked."""
    asked = []
    packed = (downloads / "ml-latest-small.zip").read_bytes()

    class Owner(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Owner) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("DUALNET_DATA", raising=False)
        address = f"http://127.0.0.1:{running.server_port}/ml-latest-small.zip"
        source = registry.SourceFile(hashlib.sha256(packed).hexdigest(), address)
        monkeypatch.setitem(registry.SOURCES["movielens-latest-small"].files, "ml-latest-small.zip", source)
        for _ in range(2):
            assert load("movielens-latest-small").interactions.n_users == 610
        running.shutdown()
    assert asked == ["/ml-latest-small.zip"]
