"""The diagrams of the documentation are what their script draws, and are pictures that need nothing from elsewhere."""

import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "explanation" / "diagrams"
DIAGRAMS = runpy.run_path(str(FOLDER / "draw.py"))["DIAGRAMS"]


def test_every_diagram_has_a_script_and_a_page():
    assert {path.name for path in FOLDER.glob("*.svg")} == set(DIAGRAMS)
    pages = "".join(path.read_text() for path in FOLDER.parent.glob("*.md"))
    assert all(f"(diagrams/{name})" in pages for name in DIAGRAMS)


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagram_is_as_drawn_and_stays_within_its_card(name):
    written = (FOLDER / name).read_text()
    assert written == DIAGRAMS[name](), "run python docs/explanation/diagrams/draw.py"
    assert "prefers-color-scheme: dark" in written
    assert "href" not in written
    root = ElementTree.fromstring(written)
    width, height = float(root.get("width")), float(root.get("height"))
    for shape in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(shape.get("x")) + float(shape.get("width")) <= width
        assert float(shape.get("y")) + float(shape.get("height")) <= height
