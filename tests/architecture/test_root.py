"""The root of the repository holds what is listed here: a stray file of somebody's trial is not committed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {".ci", "benchmarks", "campaign", "docker", "docs", "examples", "locked", "src", "tests"}
FILES = {
    ".dockerignore", ".gitattributes", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE",
    "Makefile", "README.md", "SECURITY.md", "compose.yaml", "pyproject.toml",
}  # fmt: skip


def test_only_what_is_listed_stands_in_the_root():
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is not a clone, or there is no git: there is no list of committed files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    entries = {Path(name).parts[0] for name in listed if name}
    assert not {entry for entry in entries if entry not in FOLDERS | FILES and not entry.startswith("constraints")}
