"""A model folder from anybody: signed again it is still checked, and whatever is wrong with it is one error of ours."""

import hashlib
import json
import shutil
import struct

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import load_file, save_file

import dualnet
from dualnet import synthetic
from dualnet.errors import ArtifactError
from dualnet.models.registry import MODELS, create

SMALL = {"factors": 4, "epochs": 1, "iterations": 1, "pretrain_epochs": 1, "levels": (4, 2), "width": 3, "layers": (4,)}


def sign(folder):
    """Write the sums of the files as they are now into the manifest: whoever alters a folder can do that too."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change_json(folder, name, change):
    told = json.loads((folder / name).read_text())
    change(told)
    (folder / name).write_text(json.dumps(told))
    sign(folder)


def forget_arrays(folder):
    """Take away the list of arrays, as in a folder of an earlier version, so that the shapes alone have to be right."""
    change_json(folder, "state.json", lambda state: state.pop("arrays"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Every kind of model, fitted on one small library."""
    data, folder = synthetic.library(n_readers=30, n_papers=40), tmp_path_factory.mktemp("models")
    for name in MODELS:
        given = {key: value for key, value in SMALL.items() if key in create(name).get_params()}
        create(name, **given).fit(data).save(folder / name)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    def copy(name="dualnet"):
        return shutil.copytree(saved / name, tmp_path / "model")

    return copy


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("listed", [True, False])
def test_every_array_is_needed_in_its_shape(saved, copied, name, listed):
    folder = copied(name)
    if not listed:
        forget_arrays(folder)
    whole = load_file(folder / "tensors.safetensors")
    assert dualnet.load(folder)
    any_length = "model/fold_sample"
    optional = {"model/item.residual", "model/user.table", "model/solved.axes", "weights", "times", "seen/data"}
    for array, value in whole.items():
        altered = [
            value[:-1] if value.ndim and len(value) else value,
            np.concatenate([value, value[-1:]]),
            value.astype("f8")[None],
        ]
        if value.dtype.kind == "f" and value.size:
            altered.append(np.full_like(value, np.nan))
        for wrong in [None, *altered]:
            if wrong is None and not listed and (array in optional or array.endswith("/shape")):  # what is known without it
                continue
            if wrong is not None and not listed and array == any_length and wrong.ndim == 1:
                continue
            if wrong is not None and wrong.shape == value.shape and wrong.dtype == value.dtype and (wrong == value).all():
                continue
            save_file({**{n: v for n, v in whole.items() if n != array}, **({} if wrong is None else {array: wrong})},
                      folder / "tensors.safetensors")  # fmt: skip
            sign(folder)
            with pytest.raises(ArtifactError):
                dualnet.load(folder)


@pytest.mark.parametrize("name", ["dualnet", "item-knn", "bpr"])
def test_indices_out_of_range_are_refused(copied, name):
    folder = copied(name)
    whole = load_file(folder / "tensors.safetensors")
    for array in [n for n in whole if n.endswith(("indices", "indptr", "shape", "fold_sample"))]:
        for bad in (-1, 2**30, 2**62):
            value = whole[array].copy()
            value[-1] = bad
            save_file({**whole, array: value}, folder / "tensors.safetensors")
            sign(folder)
            with pytest.raises(ArtifactError):
                dualnet.load(folder)


DAMAGES = {
    "ids permuted": ("ids.json", lambda ids: ids.update(catalogue=ids["catalogue"][::-1])),
    "ids repeated": ("ids.json", lambda ids: ids["users"].__setitem__(0, ids["users"][1])),
    "ids of another kind": ("ids.json", lambda ids: ids["items"].__setitem__(0, {"a": 1})),
    "ids with half a character": ("ids.json", lambda ids: ids["users"].__setitem__(0, "a\ud800")),
    "ids null": ("ids.json", lambda ids: ids.update(users=None)),
    "no state": ("state.json", lambda state: state.clear()),
    "model settings a list": ("state.json", lambda state: state.update(model=[1])),
    "weight not finite": ("state.json", lambda state: state["model"]["weights"].update(network=float("inf"))),
    "weight text": ("state.json", lambda state: state["model"]["weights"].update(content="1")),
    "levels text": ("state.json", lambda state: state["model"]["runtime"].update(levels="48")),
    "activation": ("state.json", lambda state: state["model"]["runtime"].update(activation="system")),
    "vocabulary shorter": ("state.json", lambda state: state["items_featurizer"]["blocks"][0]["vocabulary"].pop()),
    "vocabulary of numbers": ("state.json", lambda state: state["items_featurizer"]["blocks"][0].update(vocabulary=[1])),
    "vocabulary repeated": (
        "state.json",
        lambda state: state["items_featurizer"]["blocks"][0]["vocabulary"].__setitem__(
            0, state["items_featurizer"]["blocks"][0]["vocabulary"][1]
        ),
    ),
    "block unknown": ("state.json", lambda state: state["items_featurizer"]["blocks"][0].update(kind="code")),
    "block without column": ("state.json", lambda state: state["items_featurizer"]["blocks"][0].update(column=None)),
    "spec unknown": ("state.json", lambda state: state["content_spec"].update(run="x")),
    "spec of numbers": ("state.json", lambda state: state["content_spec"].update(text=[1])),
    "spec of text": ("state.json", lambda state: state["content_spec"].update(text="title")),
    "parameters unknown": ("manifest.json", lambda manifest: manifest["parameters"].update(shell="x")),
    "model unknown": ("manifest.json", lambda manifest: manifest.update(model="os.system")),
    "model a list": ("manifest.json", lambda manifest: manifest.update(model=["dualnet"])),
    "files none": ("manifest.json", lambda manifest: manifest.pop("files")),
    "files a list": ("manifest.json", lambda manifest: manifest.update(files=["state.json"])),
    "files empty": ("manifest.json", lambda manifest: manifest.update(files={})),
    "info a text": ("manifest.json", lambda manifest: manifest.update(info="x")),
    "parameters a list": ("manifest.json", lambda manifest: manifest.update(parameters=[])),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_settings_and_ids_of_another_kind_are_refused(copied, damage):
    folder = copied()
    name, change = DAMAGES[damage]
    told = json.loads((folder / name).read_text())
    change(told)
    (folder / name).write_text(json.dumps(told))
    if name != "manifest.json":
        sign(folder)
    with pytest.raises(ArtifactError):
        dualnet.load(folder)


@pytest.mark.parametrize("data", [b"", b"[]", b"1", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"NaN", b"9" * 6_000])
@pytest.mark.parametrize("name", ["manifest.json", "state.json", "ids.json", "tensors.safetensors", "content.arrow"])
def test_files_of_any_content_are_refused(copied, name, data):
    folder = copied()
    (folder / name).write_bytes(data)
    if name != "manifest.json":
        sign(folder)
    with pytest.raises(ArtifactError):
        dualnet.load(folder)


@pytest.mark.parametrize("beyond", [1, 100, 10**9])
def test_texts_that_lead_out_of_their_buffer_are_refused(copied, beyond):
    folder = copied()
    table = pa.ipc.open_file(folder / "content.arrow").read_all()
    column = table.column("title").chunk(0)
    offsets = np.frombuffer(column.buffers()[1], "i4")[: len(column) + 1]
    data = bytearray((folder / "content.arrow").read_bytes())
    place = data.find(offsets.tobytes())
    last = place + 4 * len(column)
    data[last : last + 4] = struct.pack("<i", int(offsets[-1]) + beyond)
    (folder / "content.arrow").write_bytes(data)
    sign(folder)
    with pytest.raises(ArtifactError):
        dualnet.load(folder)


@pytest.mark.parametrize("at", ["../x", "/etc/passwd", "a/../b", "..", "sub/state.json"])
def test_no_file_outside_the_folder_is_opened(copied, at):
    folder = copied()
    change_json(folder, "manifest.json", lambda manifest: None)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][at] = {"sha256": "0" * 64, "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="outside the model folder"):
        dualnet.load(folder)


def test_a_pipe_or_a_device_in_the_place_of_a_file_is_not_read(copied):
    import os

    for name in ("manifest.json", "ids.json"):
        folder = copied()
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(ArtifactError, match="a pipe, a socket or a device"):
            dualnet.load(folder)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["solved", "dualnet"])
def test_a_model_with_long_content_is_saved_and_checked(tmp_path, monkeypatch, name):
    from dualnet.models import level_learning as learning
    from dualnet.models.solved import content, joint

    for module, constant in ((learning, "FEW_FEATURES"), (joint, "FEW_FEATURES"), (content, "FEW_FEATURES"), (content, "LONG")):
        monkeypatch.setattr(module, constant, 1)
    given = {key: value for key, value in SMALL.items() if key in create(name).get_params()}
    model = create(name, **given).fit(synthetic.library(n_readers=30, n_papers=40))
    assert any("content_axes" in key for key in model._get_state()[1])
    again = dualnet.load(model.save(tmp_path / "model"))
    user = model.users_.keys[0]
    assert again.recommend(user, k=5).ids == model.recommend(user, k=5).ids
