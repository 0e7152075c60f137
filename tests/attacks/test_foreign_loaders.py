"""Loaders of other libraries get what was checked and nothing else: no class, no code, no pickle, no path of a folder's choice."""

import json
import sys
import types

import numpy as np
import pyarrow as pa
import pytest

import dualnet
from dualnet import Content, ContentSpec, Dataset, IdMap
from dualnet.cli import main
from dualnet.data.features import Featurizer
from dualnet.data.featurizers import descriptors, sentences
from dualnet.data.featurizers.sentence_folder import check_sentence_folder
from dualnet.data.featurizers.sentences import SentenceEncoder
from dualnet.data.split_files import load_split, save_split
from dualnet.errors import ArtifactError, UsageError

GOOD = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.sentence_transformer.modules.Dense"},
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DUALNET_TRUST_PATHS", raising=False)


@pytest.fixture
def folder(tmp_path):
    """A folder of a sentence model as such models are."""
    place = tmp_path / "sentence-model"
    for name in ("", "1_Pooling", "2_Dense"):
        (place / name).mkdir(parents=True, exist_ok=True)
    (place / "modules.json").write_text(json.dumps(GOOD))
    (place / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    (place / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 256, "do_lower_case": False}))
    (place / "tokenizer.json").write_text("{}")
    (place / "model.safetensors").write_bytes(b"x")
    (place / "pytorch_model.bin").write_bytes(b"x")  # many have both; safetensors are opened
    (place / "2_Dense" / "model.safetensors").write_bytes(b"x")
    (place / "2_Dense" / "config.json").write_text(json.dumps({"activation_function": "torch.nn.modules.activation.Tanh"}))
    (place / "payload.py").write_text("import pathlib\npathlib.Path('CODE_RAN').write_text('x')\nclass Module: pass\n")
    return place


@pytest.fixture
def loader(monkeypatch):
    """A stand-in for sentence-transformers that does what version 5 did: it imports the classes that a local folder names."""
    asked = []

    class SentenceTransformer:
        def __init__(self, path, **given):
            asked.append(given)
            sys.path.insert(0, path)
            try:
                for module in json.loads((__import__("pathlib").Path(path) / "modules.json").read_text()):
                    __import__(module["type"].rpartition(".")[0])
            except ModuleNotFoundError:
                pass
            finally:
                sys.path.remove(path)

        def get_embedding_dimension(self):
            return 3

        def encode(self, texts, **given):
            return np.tile(np.array([[1.0, 0, 0]]), (len(texts), 1))

    stand_in = types.ModuleType("sentence_transformers")
    stand_in.SentenceTransformer = SentenceTransformer
    transformers, utils = types.ModuleType("transformers"), types.ModuleType("transformers.utils")
    utils.logging = types.SimpleNamespace(
        is_progress_bar_enabled=lambda: False, disable_progress_bar=lambda: None, enable_progress_bar=lambda: None
    )
    for name, module in {"sentence_transformers": stand_in, "transformers": transformers, "transformers.utils": utils}.items():
        monkeypatch.setitem(sys.modules, name, module)
    sentences.load_model.cache_clear()
    yield asked
    sentences.load_model.cache_clear()


def modules(change):
    """Return a change of one module of `modules.json`."""
    return lambda place: (place / "modules.json").write_text(json.dumps([{**GOOD[0], **change}]))


def settings(file, told):
    return lambda place: (place / file).write_text(json.dumps(told))


def pickle_only(place):
    (place / "model.safetensors").unlink()


EXPLOITS = {
    "class of the folder": modules({"type": "payload.Module"}),
    "class of another package": modules({"type": "os.system"}),
    "package with a like name": modules({"type": "sentence_transformers_evil.models.Transformer"}),
    "function of the package": modules({"type": "sentence_transformers.util.import_from_string"}),
    "module that opens pickles": modules({"type": "sentence_transformers.models.WordEmbeddings"}),
    "module that names further classes": modules({"type": "sentence_transformers.models.Router"}),
    "dots": modules({"type": "sentence_transformers..models.Transformer"}),
    "line feed": modules({"type": "sentence_transformers.models.Transformer\nx"}),
    "type a list": modules({"type": ["payload.Module"]}),
    "path above": modules({"path": "../other"}),
    "path absolute": modules({"path": "/etc"}),
    "path of Windows": modules({"path": "..\\other"}),
    "modules a table": lambda place: (place / "modules.json").write_text('{"type": "payload.Module"}'),
    "modules deep": lambda place: (place / "modules.json").write_text("[" * 100_000),
    "modules large": lambda place: (place / "modules.json").write_text("[" + " " * 2**21 + "]"),
    "remote code of the model": settings("config.json", {"auto_map": {"AutoModel": "payload.Module"}}),
    "remote code of the tokenizer": settings(
        "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["payload.Module", None]}}
    ),
    "trust in settings": settings("sentence_bert_config.json", {"model_args": {"trust_remote_code": True}}),
    "tokenizer elsewhere": settings("sentence_bert_config.json", {"tokenizer_name_or_path": "/evil"}),
    "adapter": settings("adapter_config.json", {"base_model_name_or_path": "/evil"}),
    "activation of the folder": settings("2_Dense/config.json", {"activation_function": "payload.Module"}),
    "activation of builtins": settings("2_Dense/config.json", {"activation_function": "builtins.exec"}),
    "pickle": pickle_only,
}


@pytest.mark.parametrize("exploit", EXPLOITS)
def test_a_sentence_model_runs_no_code(folder, loader, monkeypatch, exploit):
    EXPLOITS[exploit](folder)
    monkeypatch.chdir(folder.parent)
    with pytest.raises(ArtifactError, match="is not opened"):
        _ = SentenceEncoder(str(folder)).width
    assert loader == []
    assert not (folder.parent / "CODE_RAN").exists()


def test_an_ordinary_sentence_model_is_opened_without_remote_code(folder, loader):
    check_sentence_folder(folder)
    assert SentenceEncoder(str(folder)).width == 3
    assert loader == [{"local_files_only": True, "trust_remote_code": False, "model_kwargs": {"use_safetensors": True}}]


@pytest.fixture
def saved(folder, loader, tmp_path):
    """A model that was fitted with a sentence model by its path."""
    table = pa.table({"item_id": [f"p{k}" for k in range(8)], "title": [f"word{k} fox" for k in range(8)]})
    events = pa.table(
        {"user_id": [f"u{k // 3}" for k in range(12)], "item_id": [f"p{(2 * k + k // 3) % 8}" for k in range(12)]}
    )
    data = Dataset.from_tables(events, table, text="title", text_encoder=str(folder))
    dualnet.ContentProfile().fit(data).save(tmp_path / "model")
    return tmp_path / "model", data


NEW = pa.table({"item_id": ["new"], "title": ["something else"]})


def test_a_path_that_a_model_names_is_followed_only_if_told(saved, monkeypatch, loader):
    place, _ = saved
    loader.clear()
    sentences.load_model.cache_clear()
    for told in (None, False):
        with pytest.raises(UsageError, match="--trust-paths.*trust_paths=True"):
            dualnet.load(place, trust_paths=told).add_items(NEW)
    assert loader == []
    assert "new" in dualnet.load(place, trust_paths=True).add_items(NEW).catalogue_.ids
    monkeypatch.setenv("DUALNET_TRUST_PATHS", "1")
    assert "new" in dualnet.load(place).add_items(NEW).catalogue_.ids
    monkeypatch.setenv("DUALNET_TRUST_PATHS", "yes")
    with pytest.raises(UsageError, match="DUALNET_TRUST_PATHS='yes' is not understood"):
        dualnet.load(place)


def test_what_is_known_needs_no_trust(saved):
    place, _ = saved
    assert dualnet.load(place).recommend(history=["p0"], k=2).ids


def test_the_command_line_has_a_word_for_it(saved, tmp_path, capsys):
    place, _ = saved
    (tmp_path / "new.csv").write_text("item_id,title\nnew,something else\n")
    asked = ["recommend", str(place), "--history", "p0", "--new-items", str(tmp_path / "new.csv")]
    assert main(asked) == 2
    assert "--trust-paths" in capsys.readouterr().err
    assert main(["--trust-paths", *asked]) == 0
    assert main(asked) == 2  # said once is not said for ever


def test_a_name_never_becomes_a_folder_beside_the_caller(loader, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sentence-transformers").mkdir()
    folder.rename(tmp_path / "sentence-transformers" / "tiny")
    with pytest.raises(UsageError, match="only if you say so"):
        sentences.find_model("sentence-transformers/tiny", follow=False)


def test_a_split_that_names_a_path_is_read_only_if_told(saved, tmp_path):
    from dualnet.data.tasks import Split

    save_split(Split("none", saved[1], (), None, 0, 0, "train", {}), tmp_path / "split")
    with pytest.raises(UsageError, match="only if you say so"):
        load_split(tmp_path / "split")
    assert load_split(tmp_path / "split", trust_paths=True).train.interactions.n_items == 8


@pytest.fixture
def pictured(tmp_path):
    block = descriptors.GradientsAndColours()
    width = sum(block.parts.values())
    state = {
        "spec": ContentSpec(images=("poster",), image_model="resnet18:w.safetensors").to_json(),
        "blocks": [{"kind": "images", "column": "poster", "model": f"resnet18:{tmp_path}/w.safetensors", "settings": "x",
                    "parts": [["feature", width]]}],
    }  # fmt: skip
    return state, {"0.mean": np.zeros(width, "f4"), "0.deviation": np.ones(width, "f4")}


def test_weights_that_a_model_names_are_not_opened(pictured, tmp_path, monkeypatch):
    def opened(*given):
        raise AssertionError("opened")

    monkeypatch.setattr(descriptors, "PretrainedNetwork", opened)
    content = Content(IdMap(["a"]), pa.table({"poster": [b""]}), ContentSpec(images=("poster",)))
    with pytest.raises(UsageError, match="only if you say so"):
        Featurizer.from_state(*pictured, trust_paths=False).transform(content)


@pytest.mark.parametrize("name", ["hf-hub:evil/model", "../resnet18", "resnet18;x", ""])
def test_a_network_is_one_that_timm_lists(tmp_path, monkeypatch, name):
    (tmp_path / "w.safetensors").write_bytes(b"x")
    made = []
    timm = types.ModuleType("timm")
    timm.data = types.ModuleType("timm.data")
    timm.list_models = lambda: ["resnet18"]
    timm.create_model = lambda *given, **more: made.append(given)
    monkeypatch.setitem(sys.modules, "timm", timm)
    monkeypatch.setitem(sys.modules, "timm.data", timm.data)
    descriptors.load_network.cache_clear()
    with pytest.raises(Exception, match="timm has no network|image_model must be|cannot be read"):
        _ = descriptors.PretrainedNetwork(f"{name}:{tmp_path / 'w.safetensors'}").parts
    assert made == []


def test_weights_from_a_pipe_do_not_hang(tmp_path):
    import os

    os.mkfifo(tmp_path / "w.safetensors")
    with pytest.raises(dualnet.errors.ResourceError, match="cannot be read"):
        descriptors.PretrainedNetwork(f"resnet18:{tmp_path / 'w.safetensors'}")
