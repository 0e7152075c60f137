"""Options of a run on the command line and in a configuration: heard, checked before anything is read, and kept by a search."""

import json
from functools import partial

import pytest

from dualnet.cli import main
from dualnet.config import read_config
from dualnet.data import synthetic

BPR = ["--model", "bpr", "--set", "epochs=6", "--set", "factors=4"]


def looks(folder) -> int:
    """Return how often a fit looked at its validation before its last phase."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return sum("recall@50" in line for line in lines)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    folder = tmp_path_factory.mktemp("split") / "s"
    with pytest.MonkeyPatch.context() as smaller:
        smaller.setattr(synthetic, "library", partial(synthetic.library, n_readers=150, n_papers=200))
        assert main(["split", "demo", "--protocol", "citeulike2", "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    ("given", "expected"), [([], 1), (["--validate-every", "1", "--patience", "9"], 6), (["--validate-every", "3"], 2)], ids=str
)
def test_fit_hears_them(tmp_path, split, given, expected):
    assert main(["fit", str(split), "--out", str(tmp_path / "run"), *BPR, *given]) == 0
    assert looks(tmp_path / "run") == expected


def test_a_configuration_has_a_section_for_them_and_the_command_line_wins(tmp_path, split):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[data]\nsource = "{split}"\n[model]\nname = "bpr"\nepochs = 6\nfactors = 4\n[run]\nvalidate_every = 2\nmonitor = "recall@50"\n'
    )
    assert main(["fit", str(config), "--out", str(tmp_path / "a")]) == 0
    assert looks(tmp_path / "a") == 3
    assert main(["fit", str(config), "--out", str(tmp_path / "b"), "--validate-every", "6"]) == 0
    assert looks(tmp_path / "b") == 1


@pytest.mark.parametrize(
    ("section", "told"),
    [("[run]\npatiens = 3\n", "[run] has no key 'patiens'. Did you mean 'patience'"), ("[run]\npatience = 0\n", "[run] patience = 0 should be at least 1"),
     ("[run]\npatience = 2.5\n", "[run] patience = 2.5"), ('[run]\ndevice = "gpu"\n', "[run] device = 'gpu' is not known"),
     ('[run]\nmonitor = "recall@7"\n', "[run] monitor = 'recall@7' is not known"), ("[run]\nthreads = 2\n", "no key 'threads'"),
     ("[runs]\n", "unknown section 'runs'. Did you mean 'run'"), ("run = 3\n", "expected a section [run]"),
     ("[model]\npatience = 3\n", "write --patience 3, or patience in the section [run] of a configuration"),
     ("[run]\npatience = 3\n", "[run] patience means nothing without a validation, which a section [split] draws"),
     ('[model]\nname = "wmf"\n[run]\ndevice = "cpu"\n', "[run] device means nothing for model 'wmf'"),
     ('user_column = "userId"\n', "has no key 'user_column'. Here it is called 'user'."), ('[split]\nprotocl = "temporal"\n', "found protocl"),
     ('[model]\nloss = "exact"\n', 'write loss = "squares" and zeros = "exact"')],
)  # fmt: skip
def test_what_is_wrong_in_a_configuration_is_said(tmp_path, capsys, section, told):
    config, data = tmp_path / "config.toml", '[data]\nsource = "demo"\n'
    config.write_text(section + data if section.startswith("run =") else data + section)
    assert main(["fit", str(config), "--out", str(tmp_path / "run")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["fit", "tune", "bench"])
@pytest.mark.parametrize(
    ("given", "told"),
    [(["--monitor", "recall@7"], "--monitor recall@7"), (["--patience", "0"], "patience"), (["--device", "gpu"], "device")],
)
def test_what_is_wrong_on_the_command_line_is_said(tmp_path, capsys, command, given, told):
    place = [] if command == "bench" else ["--out", str(tmp_path / "run")]
    assert main([command, "demo", *place, *given]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", ["fit", "tune", "bench"])
def test_a_parameter_of_an_older_version_is_told_where_it_went(tmp_path, capsys, command):
    place = [] if command == "bench" else ["--out", str(tmp_path / "run"), "--model", "bpr"]
    setting = "bpr.patience=3" if command == "bench" else "patience=3"
    assert main([command, "demo", *place, *(["--models", "bpr"] if command == "bench" else []), "--set", setting]) == 2
    assert "--patience 3" in capsys.readouterr().err


def test_a_search_keeps_them_with_what_it_found(tmp_path, split):
    asked = ["tune", str(split), *BPR, "--grid", "learning_rate=[0.05]", "--out", str(tmp_path / "t"), "--validate-every", "2"]
    assert main(asked) == 0
    assert read_config(tmp_path / "t" / "best.toml")["run"] == {"validate_every": 2}
    trial = json.loads((tmp_path / "t" / "trials.jsonl").read_text().splitlines()[0])
    assert [epoch for epoch, _ in trial["curve"]] == [2, 4, 6]
    assert main([*asked[:-1], "3"]) == 2  # trials of another search


def test_bench_hears_them_and_runs_again_what_was_run_otherwise(tmp_path, split):
    asked = ["bench", str(split), "--models", "bpr", "--set", "bpr.epochs=2", "--set", "bpr.factors=2", "--out", str(tmp_path)]

    def keys() -> set[str]:
        assert main(asked) == 0
        return {json.loads(line)["key"] for line in (tmp_path / "results.jsonl").read_text().splitlines()}

    assert len(keys()) == len(keys()) == 1
    asked += ["--validation-users", "5"]
    assert len(keys()) == 2
