"""Every option changes something or is refused: options that mean nothing where they stand, ids with commas, unknown ids."""

import json

import pyarrow.parquet as pq
import pytest

import dualnet
from dualnet.cli import main

EVENTS = "".join(f"u{n % 10},i{n * 7 % 20},{n % 5 - 2},{1 + n % 3}\n" for n in range(60) if n % 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("options")
    (place / "e.csv").write_text(
        "user_id,item_id,rating,plays\n" + EVENTS + 'u1,"Dune, Part Two",2,1\nu2,"Dune, Part Two",2,1\n'
    )
    (place / "c.toml").write_text(
        '[data]\nsource = "e.csv"\nduplicates = "max"\nweight = "plays"\n[model]\nname = "popularity"\n'
    )
    read = [str(place / "e.csv"), "--duplicates", "last"]
    assert main(["fit", *read, "--model", "item-knn", "--out", str(place / "run")]) == 0
    assert main(["split", *read, "--protocol", "citeulike2", "--out", str(place / "split")]) == 0
    (place / "s.toml").write_text('[data]\nsource = "split"\nrating = "rating"\n[split]\nprotocol = "temporal"\n')
    return place


def call(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


SPLIT_OPTIONS = [["--protocol", "citeulike2"], ["--rating", "rating"], ["--items", "i.csv"], ["--weight", "plays"]]


@pytest.mark.parametrize(
    "words",
    [
        *(["fit", "split", *more, "--out", "x"] for more in [*SPLIT_OPTIONS, ["--seed", "0"]]),
        *(["bench", "split", *more] for more in [*SPLIT_OPTIONS, ["--cold", "0.1"], ["--folds", "3"], ["--fold", "0"],
          ["--candidates", "all"], ["--fit-on", "train"], ["--presets"]]),
        *(["tune", "split", "--model", "wmf", *more, "--out", "x"] for more in [*SPLIT_OPTIONS, ["--cold", "0.1"], ["--no-prune"]]),
        *(["data", "check", "split", *more] for more in SPLIT_OPTIONS[1:]),
        *(["fit", "c.toml", *more, "--out", "x"] for more in [*SPLIT_OPTIONS, ["--seed", "1"], ["--content", "title"]]),
        ["fit", "s.toml", "--out", "x"],
        ["fit", "e.csv", "--seed", "1", "--out", "x"],
        ["fit", "e.csv", "--protocol", "temporal", "--seed", "1", "--out", "x"],
        ["fit", "e.csv", "--protocol", "files", "--out", "x"],
        ["fit", "demo", "--items", "i.csv", "--out", "x"],
        ["split", "demo", "--rating", "rating", "--threshold", "1", "--out", "x"],
        ["split", "e.csv", "--protocol", "temporal", "--seed", "1", "--out", "x"],
        ["bench", "e.csv", "--protocol", "files"],
        ["bench", "demo", "--user-column", "reader"],
        ["bench", "e.csv", "--no-presets"],
        ["recommend", "run", "--all", "--user-columns", "a=b", "--out", "x.parquet"],
        ["recommend", "run", "--user", "u1", "--overwrite"],
        ["recommend", "run", "--user", "u1", "--candidates", ""],
        ["recommend", "run", "--user", "u1", "--candidates", " , "],
        ["recommend", "run", "--user", "u1", "--filter", ""],
        ["recommend", "run", "--user", "u1", "--user-columns", ""],
        ["recommend", "run", "--user", "u1", "--only", ""],
        ["recommend", "run", "--user", "u1", "--unknown", "drop"],
        ["recommend", "run", "--user", "u1", "--exclude", '"i1'],
        ["explain", "run", "--user", "u1", "--item", "i1", "--top", "3", "--json"],
        ["update", "run", "--items", "i.csv", "--weight", "plays", "--out", "x"],
        ["serve", "run", "--admin"],
        ["serve", "run", "--role", "write"],
        ["serve", "--make-key", "me", "--admin", "--role", "read"],
        ["serve", "run", "--make-key", "me"],
        ["serve", "run", "--rate", "3"],
        ["reproduce", "table1", "--report-only", "--hours", "2", "--datasets", "demo"],
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_in_a_sentence(capsys, folder, monkeypatch, words):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("dualnet.serve.http.server.bind", lambda *_: pytest.fail("the server would start"))
    before = sorted(path.name for path in folder.iterdir())
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, ""), err
    assert err.splitlines()[-1].startswith("dualnet: ")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_all_obeys_what_may_be_listed(capsys, folder, tmp_path):
    def listed(*more):
        out = tmp_path / "all.parquet"
        assert call(capsys, "recommend", folder / "run", "--all", "-k", 20, "--out", out, "--overwrite", *more)[0] == 0
        return pq.read_table(out)["item"].to_pylist()

    everything = listed()
    assert {"i3", "i4"} & set(everything)
    assert set(listed("--exclude", "i3,i4")) == set(everything) - {"i3", "i4"}
    assert set(listed("--seen", "i3")) == set(everything) - {"i3"}
    assert set(listed("--candidates", "i3,i4")) <= {"i3", "i4"}
    assert listed("--only", "new") == []
    assert len(listed("--keep-seen")) > len(everything)


def test_ids_with_commas_and_unknown_ones(capsys, folder):
    ask = ("recommend", folder / "run", "--history", '"Dune, Part Two",i3', "-k", 30, "--json")
    found = json.loads(call(capsys, *ask)[1])
    assert found["ignored"] == []
    assert "Dune, Part Two" not in {entry["item"] for entry in found["items"]}
    code, out, err = call(capsys, *ask, "--exclude", "gone, i5", "--candidates", 'i5,i6,"also, gone"')
    assert code == 0
    assert json.loads(out)["ignored"] == ["gone", "also, gone"]
    assert "exclude has 1 id that is not known, which was left out: 'gone'" in err
    assert call(capsys, *ask, "--exclude", "gone", "--unknown", "error")[0] == 3
    code, _, err = call(capsys, "recommend", folder / "run", "--history", "i3,gone")
    assert code == 3
    assert "--unknown ignore" in err
    assert json.loads(call(capsys, "recommend", folder / "run", "--history", "i3,gone", "--unknown", "ignore", "--json")[1])[
        "items"
    ]


@pytest.mark.parametrize(
    ("more", "code"), [([], 3), (["--duplicates", "sum"], 0), (["--duplicates", "first"], 0), (["--duplicates", "x"], 2)]
)
def test_weights_and_duplicates_of_a_fit(capsys, tmp_path, more, code):
    (tmp_path / "e.csv").write_text("user_id,item_id,plays\nu1,i1,3\nu1,i2,40\nu1,i1,2\nu2,i1,1\nu2,i3,7\n")
    fit = ["fit", tmp_path / "e.csv", "--weight", "plays", "--model", "wmf", "--set", "factors=2", "--out", tmp_path / "run"]
    assert call(capsys, *fit, *more)[0] == code


def test_negative_ratings_and_missing_ones(capsys, tmp_path):
    (tmp_path / "e.csv").write_text("user_id,item_id,rating\na,x,-1\na,y,8\nb,x,9\nb,z,-7.5\nb,w,\n")
    fit = [
        "fit",
        tmp_path / "e.csv",
        "--rating",
        "rating",
        "--threshold",
        "7",
        "--model",
        "popularity",
        "--out",
        tmp_path / "run",
    ]
    code, _, err = call(capsys, *fit)
    assert code == 0
    assert "of 2 users for 2 items" in err
    assert "1 of 5 events have no rating" in err


def test_a_named_data_set_takes_a_text_encoder_and_keeps_it_for_evaluate(tmp_path, capsys):
    out = tmp_path / "run"
    fit = ["fit", "demo", "--model", "content-profile", "--protocol", "citeulike2", "--out", str(out)]
    code, printed, told = call(capsys, *fit, "--text-encoder", "hashing", "--verbose")
    assert code == 0, told
    assert {block.kind for block in dualnet.load(out / "model").featurizer_.blocks} >= {"hashed"}
    code, again, told = call(capsys, "evaluate", out)
    assert code == 0, told
    figures = [line for line in again.splitlines() if "recall" in line]
    assert figures
    assert all(line in printed for line in figures)
    code, _, told = call(capsys, *fit[:-1], tmp_path / "other", "--text", "title", "--text-encoder", "hashing")
    assert code == 2
    assert "--text means nothing for 'demo'" in told
