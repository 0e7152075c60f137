"""A remedy that the library names works: each error is met, and the call as its message says it should be succeeds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import coo_array, csr_array

import dualnet
from dualnet import Content, ContentSpec, Dataset, DualNet, DualNetError, IdMap, Interactions, RunOptions, create, load
from dualnet.data.splits import four_quadrants, out_matrix
from dualnet.data.synthetic import blocks_world

WORLD = blocks_world(density=0.5)
EVENTS = pa.table({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "rating": [1, 5, 4], "when": ["1", "2", "3"]})
ITEMS = pa.table({"item_id": ["x", "y"], "title": ["one two", "two three"]})
TWICE = (["a", "a", "b"], ["x", "x", "y"])
USER, ITEM = WORLD.interactions.users.key(0), WORLD.interactions.items.key(0)
NEW = pa.table({"item_id": ["n1"], "title": ["i0 b0"]})


def fitted(name: str = "content-profile") -> Any:
    return create(name, **({"factors": 2, "iterations": 1} if name == "wmf" else {})).fit(WORLD)


def small(**given: Any) -> DualNet:
    return DualNet(**{"levels": [4], "factors": 0, "epochs": 1, **given})


def weighed(**more: Any) -> Interactions:
    return Interactions.from_pairs(*TWICE, weights=[1, 2, 1], **more)


def tables(**more: Any) -> Dataset:
    return Dataset.from_tables(EVENTS, **more)


def unsplit(words: str) -> list[str]:
    return words.split("/")


WITH = {"items": ITEMS, "text": "title"}
# what is wrong, what the message says, what is right
CASES: dict[str, tuple[Any, str, Any]] = {
    "fit a frame": (lambda: create("popularity").fit(EVENTS), r"Dataset\.from_tables", lambda: create("popularity").fit(tables())),
    "run a dictionary": (lambda: create("popularity").fit(WORLD, run={}), r"write run=RunOptions\(threads=2\)", lambda: create("popularity").fit(WORLD, run=RunOptions(threads=2))),
    "ask before a fit": (lambda: create("popularity").recommend(USER), r"call fit\(data\)", lambda: create("popularity").fit(WORLD).recommend(USER)),
    "misspelt model": (lambda: create("wfm"), r"Did you mean 'wmf'", lambda: create("wmf")),
    "misspelt parameter": (lambda: create("wmf", factor=2), r"factors", lambda: create("wmf", factors=2)),
    "levels a number": (lambda: small(levels=64).fit(WORLD), r"such as \[", lambda: small(levels=[64]).fit(WORLD)),
    "levels of no width": (lambda: small(levels=[0]).fit(WORLD), r"give positive widths", lambda: small(levels=[4]).fit(WORLD)),
    "nothing to fit": (lambda: small(levels=[]).fit(WORLD), r"or factors, such as 300", lambda: small(levels=[], factors=3).fit(WORLD)),
    "no refinement": (lambda: small(stages=["pretrain"]).fit(WORLD), r"add 'refine' or 'optimise'", lambda: small(stages=["pretrain", "refine"], init="random").fit(WORLD)),
    "two first weights": (lambda: small(stages=["pretrain", "refine"], init="spectral").fit(WORLD), r"take init='random'", lambda: small(stages=["pretrain", "refine"], init="random").fit(WORLD)),
    "device": (lambda: small().fit(WORLD, run=RunOptions(device="cuda")), r"use device='auto'", lambda: small().fit(WORLD, run=RunOptions(device="auto"))),
    "block too large": (lambda: small(user_batch=999).fit(WORLD), r"choose 1 to \d+", lambda: small(user_batch=1).fit(WORLD)),
    "seed": (lambda: create("wmf", random_state="a").fit(WORLD), r"random_state=", lambda: create("wmf", factors=2, random_state=1).fit(WORLD)),
    "log a folder": (lambda: RunOptions(log="."), r"such as log\.jsonl", lambda: RunOptions(log="log.jsonl")),
    "one tracker": (lambda: RunOptions(trackers=3), r"write trackers=\(one,\)", lambda: RunOptions(trackers=())),
    "weights differ": (weighed, r"duplicates='last', 'first', 'max' or 'sum'", lambda: [weighed(duplicates=name) for name in ("last", "first", "max", "sum")]),
    "times as dates": (lambda: Interactions.from_pairs(["a"], ["x"], times=np.array(["2020-01-01"], "datetime64[D]")), r"whole seconds since 1970", lambda: Interactions.from_pairs(["a"], ["x"], times=[1_577_836_800])),
    "weights of kind": (lambda: Interactions.from_pairs(*TWICE, weights=["a", "b", "c"]), r"give numbers", lambda: weighed(duplicates="max")),
    "times missing": (lambda: Interactions.from_pairs(["a"], ["x"], times=[1, 2]), r"give one for each pair", lambda: Interactions.from_pairs(["a"], ["x"], times=[1])),
    "a matrix of another kind": (lambda: Interactions(IdMap(["a"]), IdMap(["x"]), coo_array(np.eye(1))), r"convert it with csr_array\(\.\.\.\)", lambda: Interactions(IdMap(["a"]), IdMap(["x"]), csr_array(coo_array(np.eye(1, dtype=np.float32))))),
    "ids of two kinds": (lambda: IdMap([7, "7"]), r"convert the column to one kind", lambda: IdMap(["7", "8"])),
    "ids too large": (lambda: IdMap([2**63]), r"pass such ids as text", lambda: IdMap([str(2**63)])),
    "ids twice": (lambda: IdMap(["a", "a"]), r"remove the repeated rows", lambda: IdMap(["a"])),
    "no threshold": (lambda: tables(rating="rating"), r"give rating= and threshold=", lambda: tables(rating="rating", threshold=4)),
    "threshold too high": (lambda: tables(rating="rating", threshold=9), r"lower it", lambda: tables(rating="rating", threshold=4)),
    "unrated alone": (lambda: tables(unrated=0), r"give rating= and threshold=", lambda: tables(unrated=0, rating="rating", threshold=4)),
    "text without items": (lambda: tables(text="title"), r"pass items=", lambda: tables(**WITH)),
    "items without columns": (lambda: tables(items=ITEMS), r"with text=", lambda: tables(**WITH)),
    "format of no time": (lambda: tables(time_format="s"), r"give time= too", lambda: tables(time_format="s", time="when")),
    "a missing row": (lambda: Dataset.from_tables(EVENTS, ITEMS.slice(0, 1), text="title"), r"missing_content='zero'.*missing_content='drop'", lambda: [Dataset.from_tables(EVENTS, ITEMS.slice(0, 1), text="title", missing_content=how) for how in ("zero", "drop")]),
    "tokenizer without name": (lambda: tables(tokenizer=lambda text: text.split(), **WITH), r"call dualnet\.register_tokenizer\('a-name', function\) and pass it", lambda: tables(tokenizer=dualnet.register_tokenizer("a-name", unsplit), **WITH)),
    "two ways to words": (lambda: tables(tokenizer="characters", token_pattern="x", **WITH), r"give either tokenizer or token_pattern", lambda: tables(token_pattern=r"\w+", **WITH)),
    "no content": (lambda: create("content-profile").fit(tables()), r"add content columns", lambda: create("content-profile").fit(tables(**WITH))),
    "no column of that name": (lambda: tables(items=ITEMS, text="titel"), r"Did you mean 'title'", lambda: tables(**WITH)),
    "new items of a model of pairs": (lambda: fitted("wmf").recommend(USER, new_items=NEW), r"use one that reads content", lambda: fitted().recommend(USER, new_items=NEW)),
    "two ways to choose new items": (lambda: out_matrix(WORLD, cold=0.1, folds=2), r"give one", lambda: out_matrix(WORLD, folds=2)),
    "a fold of none": (lambda: out_matrix(WORLD, fold=1), r"such as folds=5", lambda: out_matrix(WORLD, fold=1, folds=5)),
    "a split without content": (lambda: four_quadrants(Dataset(WORLD.interactions)), r"add content columns", lambda: four_quadrants(WORLD)),
    "an unknown item": (lambda: fitted().recommend(history=[ITEM, "gone"]), r"unknown='ignore'", lambda: fitted().recommend(history=[ITEM, "gone"], unknown="ignore")),
    "an unknown user": (lambda: fitted().recommend("nobody"), r"pass history=\[\.\.\.\]", lambda: fitted().recommend(history=[ITEM])),
    "a user and a history": (lambda: fitted().recommend(USER, history=[ITEM]), r"give either user= .* or history=", lambda: fitted().recommend(history=[ITEM])),
    "a share of one kind": (lambda: fitted().recommend(USER, only="new", new_share=0.5), r"give one of them", lambda: fitted().recommend(USER, new_share=0.5)),
    "an item that is there": (lambda: fitted().add_items(NEW.set_column(0, "item_id", pa.array([ITEM]))), r"give a new item a new id", lambda: fitted().add_items(NEW)),
    "columns of users": (lambda: fitted().recommend(history=[ITEM], user_columns={"town": "r"}), r"was fitted without user columns", lambda: fitted().recommend(history=[ITEM])),
    "nothing to update": (lambda: small().fit(WORLD).update(), r"give new pairs", lambda: small().fit(WORLD).update(WORLD.interactions)),
    "texts of pairs": (lambda: Dataset(WORLD.interactions, None, None, "w", {}, {"review": ["a"] * WORLD.interactions.n_pairs}), r"use Dataset\.with_pair_texts", lambda: WORLD.with_pair_texts("review", ["a"] * WORLD.interactions.n_pairs)),
    "other ids": (lambda: Dataset(WORLD.interactions, Content(IdMap(["x"]), ITEMS.slice(0, 1).drop_columns(["item_id"]), ContentSpec(text=("title",)))), r"use Content\.align first", lambda: Dataset(WORLD.interactions, WORLD.items.align(WORLD.interactions.items))),
    "a filter": (lambda: tables(**WITH) and create("content-profile").fit(tables(**WITH)).recommend("a", filter={"title": "x"}), r'write \{"title": \{"is": "x"\}\}$', lambda: create("content-profile").fit(tables(**WITH)).recommend("b", filter={"title": {"is": "two three"}})),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
def test_the_remedy_works(case: str) -> None:
    wrong, says, right = CASES[case]
    with pytest.raises(DualNetError) as met:
        wrong()
    assert re.search(says, str(met.value)), str(met.value)
    assert right() is not None


def test_a_model_of_another_class(tmp_path: Path) -> None:
    folder = fitted("wmf").save(tmp_path / "m")
    with pytest.raises(DualNetError, match=r"use dualnet\.load"):
        DualNet.load(folder)
    assert load(folder).name == "wmf"


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.txt").write_text("mine")
    with pytest.raises(DualNetError, match="choose another place"):
        fitted("wmf").save(tmp_path / "mine")
    assert load(fitted("wmf").save(tmp_path / "other")).name == "wmf"


def test_a_number_of_items_that_a_table_in_another_encoding_has(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes("user_id,item_id\nü,x\n".encode("latin-1"))
    with pytest.raises(DualNetError, match=r"encoding='latin-1'") as met:
        Dataset.from_tables(path)
    encoding = re.search(r"encoding='([\w-]+)'", str(met.value))
    assert encoding is not None
    assert list(Dataset.from_tables(path, encoding=encoding[1]).interactions.users) == ["ü"]
