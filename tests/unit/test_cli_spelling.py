"""Messages on the command line are in its own spelling."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dualnet
from dualnet.cli import main
from dualnet.cli.spelling import _flags, as_options, command_of

TEXTS = {
    "say base=1, or base=0 if they count from 0": "say --base 1, or --base 0 if they count from 0",
    "no items table was given; pass items= (--items on the command line)": "no items table was given; pass --items",
    "say what separates with separator= (--separator), or mend": "say what separates with --separator, or mend",
    "pass time_format='s' (--time-format s) if 1970 is right": "pass --time-format s if 1970 is right",
    "or pass missing_content='drop'": "or pass --missing-content drop",
    "use unknown='ignore' to leave them out": "use --unknown ignore to leave them out",
    "new_items need a column": "--new-items need a column",
    "use new_items=": "use --new-items",
    "name them with text=, tags= or images=": "name them with --text, --tags or --images",
    "name it with user= or event=": "name it with --user-column or --event-column",
    "set factors=300 or fewer": "give --set factors=300 or fewer",
    "set threads=2": "give --threads 2",
    "use device='auto'": "use --device auto",
    "write --set levels=[4]": "write --set levels=[4]",
    "column 'new_items' of 'time_format'": "column 'new_items' of 'time_format'",  # what is quoted is somebody's own name
    "run/new_items/x.csv is empty": "run/new_items/x.csv is empty",
    "DualNet(epochs=2, base=1)": "DualNet(epochs=2, base=1)",
    "DUALNET_TRUST_PATHS=1": "DUALNET_TRUST_PATHS=1",
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), TEXTS.items())
def test_one_boundary_translates(text: str, told: str) -> None:
    assert as_options(text) == told
    assert as_options(as_options(text)) == as_options(text)


@pytest.mark.parametrize(
    ("command", "text", "told"),
    [
        ("recommend", "give either user= or history=", "give either --user or --history"),
        ("explain", "name it with item=", "name it with --item"),
        ("fit", "name it with user= or event=", "name it with --user-column or --event-column"),
        ("update", "name it with user=", "name it with --user-column"),
        ("bench", "use device='auto'", "use --device auto"),
        ("bench", "use init='random'", "use --set MODEL.init=random"),
        ("fit", "set factors=300 or fewer", "give --set factors=300 or fewer"),
        ("plan", "set factors=300 or fewer", "give --factors 300 or fewer"),
        ("data check", "say separator=tab", "say --separator tab"),
    ],
)
def test_one_argument_is_another_option_of_another_command(command: str, text: str, told: str) -> None:
    assert as_options(text, command) == told
    assert as_options(told, command) == told


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["fit", "x.csv", "--out", "recommend"], "fit"),
        (["data", "check", "fit"], "data check"),
        (["--trust-paths", "serve", "run"], "serve"),
        (["--version"], ""),
        ([], ""),
        (["nothing"], ""),
    ],
)
def test_the_command_of_some_words(words: list[str], command: str) -> None:
    assert command_of(words) == command


def test_every_option_that_has_another_name_in_python_is_translated() -> None:
    for name, (flag, switch) in _flags().items():
        if "_" in name:
            assert as_options(f"give {name} a value") == f"give {flag} a value"
        assert as_options(f"pass {name}='a'") == (f"pass {flag}" if switch else f"pass {flag} a")


def test_no_message_of_the_library_keeps_the_spelling_of_python() -> None:
    advice = re.compile(r"(?:pass|say|give|with|use) ([a-z_]+)=")
    said = [
        line for path in Path(dualnet.__file__).parent.rglob("*.py") for line in path.read_text().splitlines() if '"' in line
    ]
    proposed = {name for line in said for name in advice.findall(line)} & set(_flags())
    assert proposed >= {"base", "items", "separator", "missing_content", "time_format"}
    for name in proposed:
        assert f"{name}=" not in as_options(f"pass {name}='x'")


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e.csv").write_text("user_id,item_id\na,x\n")
    assert main(["fit", str(tmp_path / "e.csv"), "--text", "title", "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert "--items" in told
    assert "items=" not in told


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("fit", "lower --set learning_rate=0.1 and give --set epochs=3"),
        ("bench", "lower --set MODEL.learning_rate=0.1 and give --set MODEL.epochs=3"),
        ("tune", "lower --set learning_rate=0.1 and give --set epochs=3"),
        ("update", "lower --learning-rate 0.1 and give --epochs 3"),
        ("plan", "lower --set learning_rate=0.1 and give --epochs 3"),
    ],
)
def test_parameters_of_a_model_are_options_of_an_update_alone(command: str, told: str) -> None:
    assert as_options("lower learning_rate=0.1 and set epochs=3", command) == told
