"""The notebook in examples/ runs as it is, and what is committed with it is short and small."""

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed: pip install 'dualnet[dev]'")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install 'dualnet[dev]'")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install 'dualnet[dev]'")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
LONGEST = 25  # lines of a text that stands for a result
LARGEST = 100_000  # bytes of a notebook with its outputs


def is_result(output):
    return output.output_type == "execute_result" or output.get("name") == "stdout"


def shown(notebook):
    """Return the kinds of data in the results and prints of each cell of code; how progress is told depends on the machine."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [[sorted(output.get("data", {})) for output in cell.outputs if is_result(output)] for cell in cells]


def check_outputs(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            assert len(text.splitlines()) < LONGEST, cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_committed_outputs_are_there_short_and_small(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    check_outputs(notebook)
    assert path.stat().st_size < LARGEST
    assert all(shown(notebook)), "a cell has no output; run the notebook before committing it"
    assert str(ROOT) not in path.read_text()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    before = shown(notebook)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(tmp_path)}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute(
        env=environment
    )
    check_outputs(notebook)
    assert shown(notebook) == before


def test_there_is_a_notebook():
    assert NOTEBOOKS
