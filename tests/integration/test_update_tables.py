"""Several tables in one update, and lists of users to forget, as their owners write them: each option is about a table, or refused."""

import gzip

import pyarrow as pa
import pytest

from dualnet import load
from dualnet.cli import main
from dualnet.data.tables import write_table

pytestmark = pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("shop")
    pairs = "".join(
        f"u{user},i{(3 * user + step) % 12},{'view' if step == 3 else 'buy'}\n" for user in range(10) for step in range(4)
    )
    (place / "events.csv").write_text(f"user_id,item_id,kind\n{pairs}")
    (place / "items.csv").write_text("item_id,title\n" + "".join(f"i{item},word{item % 4} thing{item}\n" for item in range(12)))
    (place / "new.csv").write_text("user_id;item_id;kind\nu1;i9;buy\nu2;i10;view\nu77;i4;buy\n")
    (place / "more.csv").write_text("item_id,title\nn1,word1 thing2\n")
    write_table(pa.table({"item_id": ["n1"], "title": ["word1 thing2"]}), place / "more.parquet")
    words = [
        "--items",
        "items.csv",
        "--text",
        "title",
        "--event-column",
        "kind",
        "--likes",
        "buy",
        "--model",
        "content-profile",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main(["fit", "events.csv", *words, "--out", "run"]) == 0
    return place / "run"


@pytest.fixture
def ask(run, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(run.parent)

    def ask(words):
        capsys.readouterr()
        code = main(words.format(out=tmp_path / "next").split(" "))
        return code, " ".join(capsys.readouterr().err.split())

    return ask


@pytest.mark.parametrize(
    "how",
    [
        "--events new.csv --items more.parquet --separator ;",
        "--events new.csv --items more.parquet --encoding utf-8 --comment %",
        "--items more.csv --events new.csv",
    ],
)
def test_what_is_said_of_one_table_is_no_fault_of_another(ask, how):
    assert ask(f"update run {how} --out {{out}}")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("update run --items more.parquet --separator ; --out {out}", 2, "--separator says how text tables are written"),
        ("update run --items more.csv --user-column x --out {out}", 2, "--user-column means nothing"),
        ("update run --items more.csv --item-column x --out {out}", 3, "need an id column 'x'"),
        ("update run --items more.csv --likes buy --out {out}", 2, "--likes means nothing without --events"),
        ("update run --forget u1 --item-column x --out {out}", 2, "--item-column means nothing with --forget alone"),
        ("update run --forget u1 --separator ; --out {out}", 2, "--separator means nothing with --forget alone"),
        ("recommend run --history i1 --new-items more.csv --item-column x", 3, "need an id column 'x'"),
        ("explain run --history i1 --item n1 --new-items more.csv --item-column x", 3, "need an id column 'x'"),
        ("encode run --items more.csv --item-column x --out {out}.parquet", 3, "need an id column 'x'"),
        ("encode run --items more.csv --user-column x --out {out}.parquet", 2, "--user-column means nothing without --histories"),
        ("encode run --histories events.csv --user-column x --out {out}.parquet", 3, "has no column 'x'"),
        ("encode run --histories events.csv --item-column x --out {out}.parquet", 3, "has no column 'x'"),
    ],
)  # fmt: skip
def test_what_would_be_dropped_is_refused(ask, words, code, says):
    got, told = ask(words)
    assert (got, says in told) == (code, True), told


def test_an_update_says_which_values_are_likes(ask, tmp_path):
    code, told = ask("update run --events new.csv --likes view,buy --out {out}")
    assert (code, "3 new pairs" in told) == (0, True), told
    code, told = ask("update run --events new.csv --event-column item_id --out {out} --overwrite")
    assert (code, "--likes" in told) == (3, True), told  # and the remedy works
    assert ask("update run --events new.csv --event-column item_id --likes i9 --out {out} --overwrite")[0] == 0


@pytest.mark.parametrize("name", ["gone.txt.gz", "gone.csv.gz"])
def test_packed_lists_of_users_to_forget(ask, run, tmp_path, name):
    gone = tmp_path / name
    gone.write_bytes(gzip.compress(b"u1\nu3\n" if ".txt" in name else b"user_id\nu1\nu3\n"))
    code, told = ask(f"update run --forget {gone} --out {{out}}")
    assert code == 0, told
    assert not {"u1", "u3"} & set(load(tmp_path / "next" / "model").users_)


@pytest.mark.parametrize(
    ("given", "says"), [("", "names nobody"), ("u1,u2\nu3\n", "holds several ids; write one id a line")]
)  # fmt: skip
def test_lists_that_would_forget_nobody_are_refused(ask, tmp_path, given, says):
    gone = tmp_path / "gone.txt"
    gone.write_text(given)
    code, told = ask(f"update run --forget {gone if given else ''} --out {{out}}")
    assert (code, says in told) == (3 if given else 2, True), told
