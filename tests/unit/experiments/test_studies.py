"""The paper's tables as data: every cell is whole, and every figure is the paper's."""

import pytest

from dualnet.data import splits
from dualnet.errors import UsageError
from dualnet.experiments.studies.cells import CONTENT_FREE
from dualnet.experiments.studies.costs import estimate_seconds
from dualnet.experiments.studies.registry import STUDIES, build_study
from dualnet.experiments.studies.scope import Scope
from dualnet.models.registry import MODELS, model_class

DATA = {"citeulike-a", "movielens-1m-posters", "ciao", "ciao-dvd", "amazon-reviews", "movielens-100k"}


def everything():
    for name in STUDIES:
        for quick in (False, True):
            study = build_study(name, Scope(("citeulike-a",) if quick else None, None, quick))
            for block in study.blocks:
                yield pytest.param(block, id=f"{name}{'-quick' if quick else ''}/{block.name}")


@pytest.mark.parametrize("block", list(everything()))
def test_every_cell_is_whole(block):
    labels = [row.label for row in block.rows]
    assert len(set(labels)) == len(labels)
    for label in (*block.order, *(label for pair in block.contrasts for label in pair)):
        assert block.row(label).label == label
    for row in block.rows:
        assert set(row.paper) <= set(block.cuts)
        for cell in block.cells(row):
            assert cell.protocol in splits.PROTOCOLS
            assert cell.dataset in DATA
            assert cell.model in MODELS
            assert estimate_seconds(cell, {}) > 0
            if cell.model in MODELS and not {"loss", "skip_empty"} & set(cell.parameters):
                assert cell.build().get_params().get("random_state", cell.seed) == cell.seed


def figures(study, block, label):
    chosen = next(b for b in study.blocks if b.name == block)
    return list(chosen.row(label).paper.values())


@pytest.mark.parametrize(
    ("study", "block", "label", "expected"),
    [
        ("table1", "citeulike-a-citeulike1-title-tags", "WMF", [0.2214, 0.3258, 0.4365]),
        ("table1", "citeulike-a-citeulike1-title-tags", "CDL, the paper's preset", [0.2502, 0.3657, 0.4832]),
        ("table1", "citeulike-a-citeulike1-title", "DualNet, networks alone", [0.3041, 0.4171, 0.5224]),
        ("table1", "citeulike-a-citeulike2-title-tags", "WMF", [0.4045, 0.5028, 0.5995]),
        ("table1", "citeulike-a-citeulike2-title-tags", "BPR", [0.3911, 0.4916, 0.5996]),
        ("table1", "citeulike-a-citeulike2-title-tags", "CDL, the paper's preset", [0.3949, 0.5202, 0.6441]),
        ("table1", "citeulike-a-citeulike2-title-tags", "DualNet, networks alone", [0.4126, 0.5380, 0.6521]),
        ("table1", "movielens-1m-posters-citeulike2", "DualNet, networks alone", [0.4495, 0.5915, 0.7256]),
        ("table1", "ciao-citeulike2", "CDL, the paper's preset", [0.1790, 0.2455, 0.3253]),
        ("table1", "ciao-citeulike2", "DualNet, networks alone", []),
        ("table2", "citeulike-a-out-matrix-title-tags-cold-0.1", "DualNet, networks alone", [0.4751, 0.5659, 0.6636]),
        ("table2", "citeulike-a-out-matrix-title-tags-cold-0.1", "CDL, the paper's preset", [0.3218, 0.4390, 0.5636]),
        ("table3", "citeulike-a-citeulike2-title-tags", "basic", [0.1586, 0.3886, 0.5103]),
        ("table3", "citeulike-a-citeulike2-title-tags", "multi-level", [0.1689, 0.3992, 0.5126]),
        ("table3", "citeulike-a-citeulike2-title-tags", "multi-level branching", [0.1743, 0.4031, 0.5178]),
        ("noise", "citeulike-a-citeulike2-title-tags", "noise", [0.712]),
        ("noise", "citeulike-a-citeulike2-title-tags", "no noise", [0.673]),
        ("noise", "citeulike-a-out-matrix-title-tags", "noise", [0.475]),
        ("noise", "citeulike-a-out-matrix-title-tags", "no noise", [0.386]),
        ("tactics", "citeulike-a-citeulike2-ranking", "WMF", [0.4045, 0.5025, 0.5995]),
    ],
)  # fmt: skip
def test_the_papers_figures(study, block, label, expected):
    assert figures(build_study(study, Scope()), block, label) == pytest.approx(expected)


def test_the_plan_keeps_the_budget():
    table1 = build_study("table1", Scope())
    by_label = {}
    for _, row, cell in table1.cells():
        by_label.setdefault((cell.dataset, cell.protocol, cell.content, row.label), []).append(cell)
    assert len(by_label[("citeulike-a", "citeulike2", ("title", "tags"), "DualNet")]) == 5
    assert len(by_label[("citeulike-a", "citeulike2", ("title", "tags"), "CDL")]) == 5
    assert len(by_label[("citeulike-a", "citeulike2", ("title", "tags"), "CDL, the paper's preset")]) == 1
    table2 = build_study("table2", Scope())
    folds = next(block for block in table2.blocks if block.name.endswith("five-folds"))
    assert folds.repeats == tuple((0, fold) for fold in range(5))
    assert folds.candidates == ("task", "all")
    users = build_study("unknown-users", Scope()).blocks[0]
    assert [fold for _, fold in users.repeats] == list(range(10))


def test_models_without_content_run_once_for_all_content():
    assert {name for name in MODELS if not model_class(name).uses_content} <= CONTENT_FREE
    assert not {name for name in CONTENT_FREE & set(MODELS) if model_class(name).uses_content}
    keys = [cell.key for _, row, cell in build_study("table1", Scope(("citeulike-a",))).cells() if row.label == "WMF"]
    assert len(keys) == 10  # two protocols, five seeds, not twice for two sets of columns
    assert len(set(keys)) == 10


def test_scope_narrows_and_settings_win():
    study = build_study("table3", Scope(("demo",), (3, 4), quick=True), {"dualnet": {"epochs": 1, "levels": [8, 4]}})
    (block,) = study.blocks
    assert block.dataset == "demo"
    assert block.repeats == ((3, None), (4, None))
    assert {cell.build().epochs for _, _, cell in study.cells()} == {1}
    assert {cell.build().design for _, _, cell in study.cells()} == {"basic", "multi-level", "branching"}


def test_a_quick_run_without_data_takes_the_embedded_world(monkeypatch, tmp_path):
    monkeypatch.delenv("DUALNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in STUDIES:
        assert {block.dataset for block in build_study(name, Scope(quick=True)).blocks} == {"demo"}


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="no study 'tabel1'. Did you mean 'table1'"):
        build_study("tabel1", Scope())
    with pytest.raises(UsageError, match="no data set 'citeulike-b'. Did you mean 'citeulike-"):
        build_study("table1", Scope(("citeulike-b",)))
    for names in ((), ("demo", "demo")):
        with pytest.raises(UsageError, match="at least one name, and each once"):
            build_study("table1", Scope(names))
    with pytest.raises(UsageError, match="--set: model 'dualnet' has no parameter 'epochz'. Did you mean 'epochs'"):
        build_study("table1", Scope(("demo",)), {"dualnet": {"epochz": 3}})


def test_dualnet_is_measured_as_it_is_given_and_its_networks_alone():
    cells = {row.label: cell for _, row, cell in build_study("table1", Scope(("ciao",), (0,))).cells()}
    assert cells["DualNet"].build().get_params() == model_class("dualnet")(random_state=0).get_params()
    assert cells["DualNet, networks alone"].build().factors == 0
    assert cells["fusion, solved jointly"].build().prior == float("inf")
