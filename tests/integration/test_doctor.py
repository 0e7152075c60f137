"""`doctor` names every extra that a user may want, and the GPUs."""

import json
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from dualnet.cli import main
from dualnet.cli.doctor import EXTRAS, FOR_DEVELOPERS

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def packages(extra):
    """Return the names of the packages of an extra, those of extras that it takes in with them."""
    found = set()
    for line in PROJECT["optional-dependencies"][extra]:
        name, _, inner = re.match(r"([\w-]+)(\[([\w,-]+)\])?", line).groups()
        found |= set().union(*map(packages, inner.split(","))) if name == "dualnet" else {name}
    return found


def test_every_extra_is_known_with_its_packages():
    assert set(EXTRAS) | set(FOR_DEVELOPERS) == set(PROJECT["optional-dependencies"])
    for extra, names in EXTRAS.items():
        assert set(names) | ({"uvloop"} if extra == "serve" else set()) == packages(extra), extra


def gpu(name):
    return SimpleNamespace(name=name, total_memory=80 * 2**30)


@pytest.mark.parametrize(
    ("torch", "gpus", "said"),
    [
        (SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False, device_count=lambda: 0)), [], "none that PyTorch can use"),
        (
            SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True, device_count=lambda: 2, get_device_properties=lambda at: gpu(f"H{at}"))),
            ["H0, 80 GiB", "H1, 80 GiB"], "H0, 80 GiB; H1, 80 GiB",
        ),
        (None, None, "not known without PyTorch"),
    ],
)  # fmt: skip
def test_gpus(monkeypatch, capsys, torch, gpus, said):
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["gpus"] == gpus
    assert set(report["extras"]) == set(EXTRAS)
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert said in printed
    assert all(f"extra '{extra}'" in printed for extra in EXTRAS)
