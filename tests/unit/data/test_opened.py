"""`Dataset.open`: a folder of Parquet parts gives what the same rows give as tables, part by part, and says what is wrong with a part."""

import errno
import functools
import operator
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dualnet import Dataset, DualNetWarning
from dualnet import ids as ids_module
from dualnet.data.opened import batches, matrix, opening, tasks, vocabulary
from dualnet.data.opened.layout import layout_of
from dualnet.data.opened.mapped import MappedFolder
from dualnet.data.opened.places import Place, is_opened, place_of
from dualnet.errors import DataError, ResourceError, UsageError

N = 400


def events(**columns):
    rng = np.random.default_rng(3)
    table = {"user_id": rng.integers(60, size=N) * 7, "item_id": rng.integers(30, size=N)}
    return pa.table({**table, **columns})


def text_ids(prefix="u-"):
    rng = np.random.default_rng(3)
    return {
        "user_id": [f"{prefix}{n}" for n in rng.integers(60, size=N)],
        "item_id": [f"i{n}é" for n in rng.integers(30, size=N)],
    }


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Make batches, tasks and merges so small that a little table passes through many."""
    monkeypatch.setattr(batches, "ROWS", 16)
    monkeypatch.setattr(tasks, "ROWS", 40)
    monkeypatch.setattr(matrix, "AT_ONCE", 50)
    monkeypatch.setattr(vocabulary, "PENDING", 10)


def write(folder, table, parts=3, name="events", group=20):
    (folder / name).mkdir(parents=True, exist_ok=True)
    size = -(-table.num_rows // parts)
    for part in range(parts):
        pq.write_table(table.slice(part * size, size), folder / name / f"part-{part}.parquet", row_group_size=group)
    return folder


RATINGS = [float(n % 5 + 1) for n in range(N)]
ITEMS = pa.table({"item_id": range(25), "title": [f"green tea {n}" for n in range(25)]})
CASES = {
    "integers": ({}, {}),
    "text": (text_ids(), {}),
    "odd text": (text_ids(" u "), {}),
    "ratings": ({"stars": RATINGS}, {"rating": "stars", "threshold": 4}),
    "unrated": ({"stars": RATINGS}, {"rating": "stars", "threshold": 4, "unrated": 1}),
    "types": ({"what": [("like", "seen", "dislike")[n % 3] for n in range(N)]}, {"event": "what"}),
    "own words": (
        {"what": [("buy", "view", "cart")[n % 3] for n in range(N)]},
        {"event": "what", "likes": ["buy", "cart"]},
    ),
    "times": ({"at": [1_700_000_000 + n for n in range(N)]}, {"time": "at"}),
    "milliseconds": ({"at": [1_700_000_000_000 + n for n in range(N)]}, {"time": "at"}),
    "ISO times": ({"at": [f"2026-01-{n % 28 + 1:02}T10:00:00Z" for n in range(N)]}, {"time": "at"}),
    "weights, last": ({"w": RATINGS}, {"weight": "w", "duplicates": "last"}),
    "weights, first": ({"w": RATINGS}, {"weight": "w", "duplicates": "first"}),
    "weights, sum": ({"w": RATINGS}, {"weight": "w", "duplicates": "sum"}),
    "ratings and times": (
        {"stars": RATINGS, "at": [1_700_000_000 + n for n in range(N)]},
        {"rating": "stars", "threshold": 3, "time": "at"},
    ),
    "another name": ({"who": [f"x{n % 40}" for n in range(N)]}, {"user": "who"}),
    "dictionaries": ({"item_id": pa.array([f"i{n % 30}" for n in range(N)]).dictionary_encode()}, {}),
    "large text": ({"item_id": pa.array([f"i{n % 30}" for n in range(N)], pa.large_string())}, {}),
    "small integers": ({"item_id": pa.array([n % 30 for n in range(N)], pa.int8())}, {}),
}


def both(folder, table, items=None, users=None, opened=None, **columns):
    """Return the data set of a folder and that of its table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DualNetWarning)
        whole = Dataset.from_tables(table, items, users=users, **columns)
        return Dataset.open(folder, **(opened or {}), **columns), whole


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("columns", "spec"), CASES.values(), ids=CASES)
def test_parts_give_what_the_table_gives(tmp_path, columns, spec, workers):
    table = events(**columns)
    found, whole = both(write(tmp_path, table), table, opened={"workers": workers}, **spec)
    assert found.fingerprint() == whole.fingerprint()
    assert found.interactions.users == whole.interactions.users


@pytest.mark.parametrize("kind", ["integers", "text"])
@pytest.mark.parametrize("missing", ["zero", "drop"])
@pytest.mark.parametrize("spec", [{}, {"rating": "stars", "threshold": 4}], ids=["likes", "ratings"])
def test_items_and_users_come_from_the_folder(tmp_path, kind, missing, spec):
    table = events(stars=RATINGS)
    items, users = ITEMS, pa.table({"user_id": [n * 7 for n in range(50)], "city": ["Bonn", "Rom"] * 25})
    if kind == "text":
        items = items.set_column(0, "item_id", items.column("item_id").cast(pa.string()))
        users = users.set_column(0, "user_id", users.column("user_id").cast(pa.string()))
    write(write(write(tmp_path, table), items, 2, "items"), users, 2, "users")
    named = {"text": "title", "user_categories": "city", "missing_content": missing, **spec}
    found, whole = both(tmp_path, table, items, users, **named)
    assert found.fingerprint() == whole.fingerprint()
    kept, _ = both(tmp_path, table, items, users, opened={"cache": tmp_path / "kept"}, **named)
    again, _ = both(tmp_path, table, items, users, opened={"cache": tmp_path / "kept"}, **named)
    assert kept.fingerprint() == again.fingerprint() == whole.fingerprint()


@pytest.mark.parametrize("layout", ["one file", "several files", "keys", "plain parts"])
def test_each_layout_is_read(tmp_path, layout):
    table = events(day=["1", "2"] * (N // 2))
    folder = tmp_path / "shop"
    folder.mkdir()
    if layout == "one file":
        pq.write_table(table, folder / "events.parquet")
        (folder / "notes.txt").write_text("of somebody")
    elif layout == "several files":
        pq.write_table(table.slice(0, 100), folder / "events-0.parquet")
        pq.write_table(table.slice(100), folder / "events-1.parquet")
    else:
        for day in "12":
            part = table.filter(pa.compute.equal(table.column("day"), day)).drop_columns(["day"])
            write(folder if layout == "plain parts" else folder / "events", part, 2, f"day={day}")
    found, whole = both(folder, table, event="day", likes=["2"])
    assert found.fingerprint() == whole.fingerprint()


def test_what_convert_writes_is_opened(tmp_path):
    from dualnet import synthetic
    from dualnet.data.tables import dataset_tables, write_table

    data = synthetic.library(n_readers=20, n_papers=30, pairs_per_reader=5)
    for name, table in dataset_tables(data).items():
        write_table(table, tmp_path / f"{name}.parquet")
    whole = Dataset.from_tables(tmp_path / "events.parquet", tmp_path / "items.parquet", text="title", weight="weight")
    assert Dataset.open(tmp_path, text="title", weight="weight").fingerprint() == whole.fingerprint()


def test_each_process_has_its_users_and_all_items(tmp_path):
    from types import SimpleNamespace

    folder = write(tmp_path, events())
    whole = Dataset.open(folder).interactions
    parts = [Dataset.open(folder, ranks=SimpleNamespace(rank=rank, size=3)).interactions for rank in range(3)]
    assert functools.reduce(operator.iadd, (part.users.keys for part in parts), []) == whole.users.keys
    assert all(part.items == whole.items for part in parts)
    assert (
        functools.reduce(operator.iadd, (part.matrix.indices.tolist() for part in parts), []) == whole.matrix.indices.tolist()
    )


def test_many_ids_are_held_without_objects(tmp_path, monkeypatch):
    table = events(**text_ids())
    whole = Dataset.from_tables(table)
    monkeypatch.setattr(ids_module, "MANY", 5)
    found = Dataset.open(write(tmp_path, table))
    assert found.fingerprint() == whole.fingerprint()
    assert type(found.interactions.users._keys).__name__ == "ManyTexts"


def test_pairs_lie_in_a_file_and_leave_none_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "there"))
    (tmp_path / "there").mkdir()
    found = Dataset.open(write(tmp_path / "shop", events())).interactions
    base = found.matrix.indices
    while not isinstance(base, np.memmap):
        base = base.base
    assert not list((tmp_path / "there").iterdir())


def test_the_room_of_files_is_taken_before_they_are_written(tmp_path):
    """A disk that runs full under a mapped file ends the process without a word."""
    MappedFolder(tmp_path).array("some", 10**6, np.int64)
    assert (tmp_path / "some.npy").stat().st_blocks * 512 >= 8 * 10**6


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told(tmp_path, monkeypatch, code):
    taken = []

    def fallocate(*_):
        taken.append(1)
        if len(taken) == 2:
            raise OSError(code, "no room")

    monkeypatch.setattr("os.posix_fallocate", fallocate, raising=False)
    with pytest.raises(ResourceError, match="GB free; give a folder with more room"):
        Dataset.open(write(tmp_path, events(w=RATINGS)), weight="w")


def test_a_file_system_that_reserves_nothing_is_used(tmp_path, monkeypatch):
    def fallocate(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr("os.posix_fallocate", fallocate, raising=False)
    assert Dataset.open(write(tmp_path, events())).interactions.n_pairs


def test_a_warning_of_many_parts_is_one(tmp_path):
    folder = write(tmp_path, events(**text_ids(" ")))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        Dataset.open(folder)
    texts = [str(one.message) for one in found]
    assert [text.split(" ids")[0] for text in texts if "lost blanks" in text] == [f"{N} user"]
    assert sum("collapsed" in text for text in texts) == 1


@pytest.mark.parametrize("harm", ["changed parts", "cut short", "index outside", "nothing"])
def test_a_cache_is_used_only_where_it_is_whole_and_of_these_parts(tmp_path, monkeypatch, harm):
    folder, cache = write(tmp_path / "shop", events()), tmp_path / "kept"
    first = Dataset.open(folder, cache=cache).interactions.fingerprint()
    (kept,) = cache.iterdir()
    counted, count = [], opening._count
    monkeypatch.setattr(opening, "_count", lambda *given: counted.append(1) or count(*given))
    if harm == "changed parts":
        pq.write_table(events().slice(0, 10), folder / "events" / "part-2.parquet")
    elif harm == "cut short":
        (kept / "indices.npy").write_bytes((kept / "indices.npy").read_bytes()[:-4])
    elif harm == "index outside":
        indices = np.load(kept / "indices.npy")
        indices[3] = 10**6
        np.save(kept / "indices.npy", indices)
        with pytest.raises(DataError, match=r"the cache .*kept.* is damaged \(.*column index 1000000.*remove it"):
            Dataset.open(folder, cache=cache)
        return
    found = Dataset.open(folder, cache=cache).interactions.fingerprint()
    assert len(counted) == (harm != "nothing")
    assert found == Dataset.open(folder).interactions.fingerprint()
    assert (found == first) == (harm != "changed parts")


@pytest.mark.parametrize("name", ["indices.npy", "pointers.npy", "weights.npy", "users.arrow", "items.arrow"])
@pytest.mark.parametrize("start", [0, 12, 60], ids=["magic", "header", "shape"])
def test_a_damaged_cache_is_named(tmp_path, name, start):
    folder, cache = write(tmp_path / "shop", events(**text_ids())), tmp_path / "kept"
    Dataset.open(folder, cache=cache)
    (path,) = cache.glob(f"*/{name}")
    data = bytearray(path.read_bytes())
    data[start : start + 60] = b"\x00" * 60  # of the same length, so that only reading it shows
    data[-60:] = b"\xff" * 60
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"the cache .*kept.* is damaged \(.*; remove it, and it is made anew"):
        Dataset.open(folder, cache=cache)


def broken(folder, harm):
    """Harm the second part of a folder in one way."""
    path = folder / "events" / "part-1.parquet"
    table = pq.read_table(path)
    if harm == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif harm == "empty file":
        path.write_bytes(b"")
    elif harm == "no Parquet":
        path.write_bytes(b"user_id,item_id\n1,2\n" * 50)
    elif harm == "missing column":
        pq.write_table(table.drop_columns(["item_id"]), path)
    elif harm == "other type":
        pq.write_table(table.set_column(0, "user_id", table.column("user_id").cast(pa.string())), path)
    elif harm == "missing id":
        pq.write_table(table.set_column(0, "user_id", pa.array([None, *table.column("user_id").to_pylist()[1:]])), path)
    elif harm == "empty id":
        pq.write_table(pa.table({"user_id": [""], "item_id": [1]}), path)
    elif harm == "flipped byte":
        data = bytearray(path.read_bytes())
        data[60] ^= 0xFF
        path.write_bytes(bytes(data))
    elif harm == "CSV beside":
        (folder / "events" / "more.csv").write_text("user_id,item_id\n1,2\n")
    elif harm == "folder without a key":
        write(folder / "events", table, 1, "more")


HARMS = {
    "half": "part-1.parquet is not a whole Parquet file .*write or copy it again",
    "empty file": "part-1.parquet is not a whole Parquet file .*write or copy it again",
    "no Parquet": "part-1.parquet is not a whole Parquet file",
    "missing column": "part-1.parquet has no column 'item_id', which .*part-0.parquet has.*write it again",
    "other type": "part-1.parquet has column 'user_id' as string, and .*part-0.parquet as int64; write all parts",
    "missing id": "part-1.parquet, row 1: the user id in column 'user_id' is missing",
    "empty id": "part-1.parquet has column 'user_id' as string",
    "flipped byte": "part-1.parquet",
    "CSV beside": "more.csv is no Parquet file",
    "folder without a key": "part-0.parquet is in a folder whose name is no key and value",
}


@pytest.mark.parametrize(("harm", "told"), HARMS.items(), ids=HARMS)
def test_a_wrong_part_is_named(tmp_path, harm, told):
    folder = write(tmp_path, events())
    broken(folder, harm)
    with pytest.raises(DataError, match=told):
        Dataset.open(folder)


@pytest.mark.parametrize(
    ("columns", "spec", "told"),
    [
        ({"w": [*RATINGS[:300], float("nan"), *RATINGS[301:]]}, {"weight": "w"}, r"part-2.parquet, row 33: .*'w'"),
        (
            {"at": [1_700_000_000] * 200 + [1_700_000_000_000] * 200},
            {"time": "at"},
            r"part-1.parquet, row \d+: times in column 'at' look like milli",
        ),
        ({}, {"user": "uid"}, "part-0.parquet has no user column 'uid'; found user_id, item_id"),
        ({}, {"weight": "w"}, "has no weight column 'w'"),
        ({"stars": RATINGS}, {"rating": "stars", "threshold": 9}, "no rating in column 'stars' reaches the threshold 9"),
        ({"what": ["buy"] * N}, {"event": "what", "likes": ["by"]}, "no event has 'by' in column 'what'"),
    ],
)
def test_a_wrong_value_is_placed(tmp_path, columns, spec, told):
    with pytest.raises(DataError, match=told):
        Dataset.open(write(tmp_path, events(**columns)), **spec)


@pytest.mark.parametrize(
    ("argument", "error", "told"),
    [
        ({"separator": ";"}, UsageError, "separator= says how text tables are written"),
        ({"usr": "who"}, UsageError, "Dataset.open has no argument 'usr'. Did you mean 'user'"),
        ({"workers": 0}, UsageError, "workers must be a whole number"),
        ({"text": "title"}, UsageError, "content columns were named, but .* has no items"),
        ({"user_categories": "city"}, UsageError, "columns of users were named, but .* has no users"),
        ({"rating": "stars"}, UsageError, "a rating column needs a threshold"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(tmp_path, argument, error, told):
    with pytest.raises(error, match=told):
        Dataset.open(write(tmp_path, events()), **argument)


def test_events_that_all_drop_out_are_an_error(tmp_path):
    folder = write(write(tmp_path, events()), pa.table({"item_id": [1000], "title": ["green tea"]}), 1, "items")
    with pytest.raises(DataError, match="no event is left"):
        Dataset.open(folder, text="title", missing_content="drop")


@pytest.mark.parametrize("folder", [None, 7, ["a"]])
def test_what_is_no_folder_is_refused(folder):
    with pytest.raises(UsageError, match="folder"):
        Dataset.open(folder)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere", "there is no folder"),
        ("file.parquet", "is a file; name the folder"),
        ("empty", "holds no Parquet files"),
        ("delta", "is a Delta table"),
    ],
)
def test_another_place_is_refused(tmp_path, name, told):
    (tmp_path / "empty").mkdir()
    pq.write_table(events(), tmp_path / "file.parquet")
    write(tmp_path / "delta", events(), 1, "_delta_log")
    with pytest.raises(DataError, match=told):
        Dataset.open(tmp_path / name)


def test_items_that_nobody_named_are_left_out_and_said(tmp_path):
    folder = write(write(tmp_path, events()), ITEMS, 1, "items")
    with pytest.warns(DualNetWarning, match="items of .* are not read, as no column of theirs was named; say which of 'title'"):
        assert Dataset.open(folder).items is None


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Start a real S3 server on this machine, with a folder of parts in a bucket."""
    server = pytest.importorskip("moto.server", reason="moto is the S3 server of the tests: pip install 'moto[server]'")
    from pyarrow import fs

    patch = pytest.MonkeyPatch()
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    address = f"127.0.0.1:{running.get_host_and_port()[1]}"
    keys = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secret-of-tests", "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in {**keys, "AWS_ENDPOINT_URL": f"http://{address}", "AWS_REGION": "us-east-1"}.items():
        patch.setenv(name, value)
    here = fs.S3FileSystem(endpoint_override=address, scheme="http", region="us-east-1", allow_bucket_creation=True)
    here.create_dir("shop")
    local = write(tmp_path_factory.mktemp("shop"), events(stars=RATINGS))
    pq.write_table(ITEMS, local / "items.parquet")
    for path in sorted(local.rglob("*.parquet")):
        with here.open_output_stream(f"shop/spring/{path.relative_to(local)}") as out:
            out.write(path.read_bytes())
    yield local, here
    running.stop()
    patch.undo()


def test_object_storage_gives_what_the_disk_gives(store):
    spec = {"rating": "stars", "threshold": 3, "text": "title", "missing_content": "zero"}
    found, there = (Dataset.open(folder, **spec) for folder in ("s3://shop/spring", store[0]))
    assert found.fingerprint() == there.fingerprint()
    assert found.name == "spring"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("s3://nowhere/spring", "there is no folder s3://nowhere/spring; check the bucket 'nowhere'"),
        ("s3://shop/autumn", "there is no folder s3://shop/autumn; check the bucket 'shop'"),
    ],
)
def test_an_absent_bucket_or_folder_is_named(store, address, told):
    with pytest.raises(DataError, match=told):
        Dataset.open(address)


def test_a_half_written_part_in_object_storage_is_named(store):
    local, here = store
    data = (local / "events" / "part-0.parquet").read_bytes()
    for name, content in (("part-0", data), ("part-1", data[: len(data) // 2])):
        with here.open_output_stream(f"shop/half/events/{name}.parquet") as out:
            out.write(content)
    with pytest.raises(
        DataError, match="s3://shop/half/events/part-1.parquet is not a whole Parquet file .*write or copy it again"
    ):
        Dataset.open("s3://shop/half")


def test_the_command_line_reads_object_storage(store, tmp_path):
    from typer.testing import CliRunner

    from dualnet.cli.app import app

    done = CliRunner().invoke(app, ["data", "check", "s3://shop/spring", "--rating", "stars", "--threshold", "3"])
    assert done.exit_code == 0, done.output
    fitted = [
        "fit",
        "s3://shop/spring",
        "--rating",
        "stars",
        "--threshold",
        "3",
        "--model",
        "popularity",
        "--out",
        str(tmp_path / "run"),
    ]
    done = CliRunner().invoke(app, fitted)
    assert done.exit_code == 0, done.output
    assert "secret-of-tests" not in done.output


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("AWS Error ACCESS_DENIED during ListObjectsV2", DataError, "S3 refuses to show it .*AWS_ACCESS_KEY_ID"),
        ("AWS Error INVALID_ACCESS_KEY_ID during HeadObject", DataError, "S3 refuses to show it"),
        (
            "AWS Error NO_SUCH_BUCKET during ListObjectsV2",
            DataError,
            "there is no folder s3://shop/spring; check the bucket 'shop'",
        ),
        (
            "Check for Hierarchical Namespace support failed: AuthenticationException: Failed to get token from DefaultAzureCredential",
            DataError,
            "S3 refuses to show it",
        ),
        ("AWS Error NETWORK_CONNECTION: Could not resolve host", ResourceError, "S3 does not answer .*check the network"),
    ],
)
@pytest.mark.parametrize("kind", [OSError, pa.lib.ArrowException])  # Azure's file system raises the second
def test_what_a_store_says_becomes_a_sentence(text, error, told, kind):
    place = Place("s3://shop/spring", None, "shop/spring", "s3")
    with pytest.raises(error, match=told), place.asking():
        raise kind(text)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("AWS Error NETWORK_CONNECTION during GetObject operation: curlCode: 7", ResourceError, "part-1.parquet: S3 does not answer"),
        ("AWS Error ACCESS_DENIED during GetObject operation", DataError, "part-1.parquet: S3 refuses to show it"),
        ("AWS Error NO_SUCH_KEY during GetObject operation", DataError, "part-1.parquet is no longer there"),
        ("Couldn't deserialize thrift", DataError, "part-1.parquet cannot be read: Couldn't deserialize thrift; write or copy it again"),
    ],
)  # fmt: skip
def test_a_store_that_fails_while_a_part_is_read_is_not_taken_for_a_wrong_part(tmp_path, monkeypatch, text, error, told):
    place = place_of(write(tmp_path, events()))
    place = Place("s3://shop", place.system, place.path, "s3")
    part = layout_of(place).events[1]

    def broken(*_, **__):
        raise OSError(text)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", broken)
    with pytest.raises(error, match=told):
        list(batches.batches(part, ["user_id"]))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("s3://KEY:hunter2@shop/spring", "may not hold a secret"),
        ("abfs://c:hunter2@account.dfs.core.windows.net/x", "may not hold a secret"),
        ("ftp://shop/spring", "ftp:// is not known; give a folder, or an address that begins with s3://, gs:// or abfs://"),
        ("https://shop/spring", "https:// is not known"),
        ("s3://", "s3:// names no bucket; write s3://bucket/folder"),
        ("gs:///spring?x=hunter2", "gs:///spring names no bucket"),
    ],
)
def test_other_addresses_are_refused_without_their_secrets(address, told):
    with pytest.raises(UsageError, match=told) as error:
        Dataset.open(address)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("address", ["gs://shop/spring", "abfs://shop@account.dfs.core.windows.net/spring"])
def test_other_stores_are_known(address):
    place = place_of(address)
    assert (place.name, place.path) == (address, "shop/spring")


@pytest.mark.parametrize("query", ["", "?scheme=http"])
def test_google_s_store_is_not_asked_for_a_quarter_of_an_hour(monkeypatch, query):
    from types import SimpleNamespace

    from pyarrow.fs import LocalFileSystem

    asked = []

    def from_uri(address):
        asked.append(address)
        return LocalFileSystem(), "shop/spring"

    monkeypatch.setattr("pyarrow.fs.FileSystem", SimpleNamespace(from_uri=from_uri))
    place_of(f"gs://shop/spring{query}")
    place_of("gs://shop/spring?retry_limit_seconds=3")
    assert asked == [
        f"gs://shop/spring{query or '?'}{'&' if query else ''}retry_limit_seconds=60",
        "gs://shop/spring?retry_limit_seconds=3",
    ]


@pytest.mark.parametrize(
    ("names", "opened"),
    [
        (("events.parquet", "items.parquet", "notes.txt"), True), (("events/part-0.parquet",), True), (("part-0.parquet", "_SUCCESS"), True),
        (("day=1/part-0.parquet",), True), (("part-0.csv",), False), (("part-0.parquet", "part-1.csv"), False), ((), False), (("events.csv",), False),
    ],
)  # fmt: skip
def test_folders_that_are_opened(tmp_path, names, opened):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert is_opened(str(tmp_path)) == opened


@pytest.mark.parametrize("users", [None, [3, 0, 5]])
@pytest.mark.parametrize("items", [None, [7, 2, 9, 0]])
def test_a_selection_is_the_same_with_and_without_times(users, items):
    table = events(at=[1_700_000_000 + n for n in range(N)])
    chosen = {name: None if rows is None else np.array(rows) for name, rows in (("users", users), ("items", items))}
    timed, plain = (Dataset.from_tables(table, **spec).interactions.select(**chosen) for spec in ({"time": "at"}, {}))
    assert (timed.matrix != plain.matrix).nnz == 0
    assert plain.matrix.has_sorted_indices
    assert (timed.users, timed.items) == (plain.users, plain.items)


def test_a_fingerprint_does_not_depend_on_how_much_is_hashed_together(monkeypatch):
    data = Dataset.from_tables(events(at=[1_700_000_000 + n for n in range(N)]), time="at")
    whole = data.fingerprint()
    monkeypatch.setattr("dualnet.data.interactions.AT_ONCE", 7)
    assert data.fingerprint() == whole


@pytest.mark.scale
def test_ten_million_pairs_need_little_more_than_themselves(tmp_path):
    """A process that opens 10^7 pairs stays far below what a table of them would need (105 bytes a pair)."""
    import subprocess
    import sys

    rng = np.random.default_rng(0)
    for part in range(10):
        table = pa.table(
            {
                "user_id": np.repeat(np.arange(part * 10_000, (part + 1) * 10_000), 100),
                "item_id": rng.integers(10**5, size=10**6),
            }
        )
        (tmp_path / "events").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "events" / f"part-{part}.parquet")
    code = (
        "import resource, warnings; warnings.simplefilter('ignore'); from dualnet import Dataset\n"
        "import numpy, scipy.sparse, pyarrow.parquet, pyarrow.compute, dualnet.data.opened.opening\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"assert Dataset.open({str(tmp_path)!r}).interactions.n_users == 10**5\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 70 * 10**7
