"""The bill of materials that the wheel carries: current, with licences, without anything of the machine that made it."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BILL = json.loads((ROOT / "src/dualnet.cdx.json").read_text())
PARTS = {re.sub(r"[-_.]+", "-", part["name"]).lower(): part for part in BILL["components"]}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, sign, version in (line.partition("==") for line in lines)
        if sign
    }


def test_the_wheel_carries_it():
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["sbom-files"] == ["src/dualnet.cdx.json"]
    assert BILL["bomFormat"] == "CycloneDX"
    assert BILL["metadata"]["component"]["name"] == "dualnet"
    assert BILL["metadata"]["component"]["version"] == PROJECT["project"]["version"]


def test_versions_are_those_that_are_pinned():
    pinned = pins()
    assert {name: part["version"] for name, part in PARTS.items()} == {name: pinned[name] for name in PARTS}


@pytest.mark.parametrize("needed", [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["serve"]])
def test_every_dependency_is_in_it(needed):
    assert re.match(r"[\w.-]+", needed)[0].lower().replace("_", "-") in PARTS


def test_every_part_has_a_licence_that_may_be_passed_on():
    for name, part in PARTS.items():
        told = json.dumps(part.get("licenses", []))
        assert part.get("licenses"), name
        assert not re.search(r"\b(A?GPL|SSPL|BUSL|Commons Clause)\b", told), f"{name}: {told[:200]}"


def test_nothing_of_the_machine_is_in_it():
    assert not re.search(r'file:|"/(?:home|root|tmp|usr|opt|work)|localhost', json.dumps(BILL))
