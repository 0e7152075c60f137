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


LOCKED = {"server.txt": ["serve"], "trainer.txt": ["train", "sql"]}


def name_of(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def locked(file):
    """Return {package: (version, marker, hashes)} of a file that `make lock` wrote."""
    text = (ROOT / "locked" / file).read_text().replace("\\\n", " ")
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        name_of(row): (
            re.search(r"==([\w.]+)", row)[1],
            re.sub(r"--hash.*", "", row.partition(";")[2]).strip(),
            re.findall(r"--hash=sha256:([0-9a-f]{64})(?: |$)", row),
        )
        for row in rows
    }


@pytest.mark.parametrize("file", LOCKED)
def test_what_is_installed_by_hash_is_what_is_pinned(file):
    pinned, rows = pins(), locked(file)
    for name, (version, marker, hashes) in rows.items():
        assert hashes, name
        assert pinned.get(name) == version or (name not in pinned and "win32" in marker), name
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [*PROJECT["project"]["dependencies"], *(need for extra in LOCKED[file] for need in extras[extra])]
    assert {name_of(need) for need in needed} - {"torch"} <= set(rows)


def test_the_bill_of_materials_is_what_a_server_installs_by_hash():
    here = {
        name: version for name, (version, marker, _) in locked("server.txt").items() if "win32'" not in marker or "!=" in marker
    }
    assert here == {name: part["version"] for name, part in PARTS.items()}


def test_a_file_of_hashes_names_no_index():
    for file in LOCKED:
        text = (ROOT / "locked" / file).read_text()
        assert not re.search(r"//|index-url|find-links|^-", text, flags=re.M)


def test_nothing_of_the_machine_is_in_it():
    assert not re.search(r'file:|"/(?:home|root|tmp|usr|opt|work)|localhost', json.dumps(BILL))
