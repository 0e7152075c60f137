"""Explanations of the server are those of the library, also for what came after training."""

import pytest

from dualnet import Content, load
from dualnet.errors import CapabilityError, UnknownIdError
from dualnet.retrieval.questions import Asker, NewItem, RecommendQuestion

TITLE = {"title": "genomes sequencing alleles"}


@pytest.mark.parametrize("name", ["fusion", "content-profile", "wmf", "dualnet"])
def test_explanations_are_those_of_the_library(folder_of, name, serving):
    model = load(folder_of(name))

    async def scenario(service):
        listed = (await service.ask(RecommendQuestion(user="u0-0", k=5))).body["items"]
        keys = [entry["item"] for entry in listed]
        found = (await service.explain_many(Asker(user="u0-0"), keys)).body["explanations"]
        for entry, served, own in zip(listed, found, model.explain_many(keys, user="u0-0"), strict=True):
            same_numbers(served, own.to_json())
            assert (served["item"], served["title"]) == (entry["item"], entry["title"])
            assert served["score"] == pytest.approx(entry["score"], abs=1e-5)
        asker = Asker(history=["i0-1", "i2-1"])
        reply = await service.explain(asker, "i0-2")
        same_numbers(reply.body["explanation"], model.explain("i0-2", history=["i0-1", "i2-1"]).to_json())
        nothing = (await service.explain(Asker(history=[]), "i0-2")).body["explanation"]
        same_numbers(nothing, model.explain("i0-2", history=[]).to_json())
        with pytest.raises(UnknownIdError):
            await service.explain(Asker(user="u0-0"), "gone")
        await service.delete_item("i0-2")
        with pytest.raises(CapabilityError, match="'i0-2' has no score to explain: it was deleted"):
            await service.explain(asker, "i0-2")

    serving(folder_of(name), scenario)


def same_numbers(served, own):
    assert list(served) == list(own)
    assert served["levels"] == [{"name": e["name"], "score": pytest.approx(e["score"], abs=1e-6)} for e in own["levels"]]
    assert {**served, "levels": 0, "history": 0, "content": 0, "score": 0} == {
        **own,
        "levels": 0,
        "history": 0,
        "content": 0,
        "score": 0,
    }
    assert served["score"] == pytest.approx(own["score"], abs=1e-6)
    for view in ("history", "content"):
        if own[view] is None:
            assert served[view] is None
            continue
        assert served[view]["base"] == pytest.approx(own[view]["base"], abs=1e-6)
        first, second = ({tuple(p.values())[:-1]: p["score"] for p in one[view]["parts"]} for one in (served, own))
        assert first == pytest.approx(second, abs=1e-6)


def test_explanations_know_live_items_and_those_of_the_question(folder_of, serving):
    model = load(folder_of())
    words = "genomes of the deep sea"
    new = Content.from_rows(
        ["n1", "n2", "q"], {"title": [TITLE["title"], words, words], "tags": [["i0"], ["i1"], ["i0"]]}, model.featurizer_.spec
    )

    async def scenario(service):
        await service.put_items([NewItem("n1", {**TITLE, "tags": ["i0"]}), NewItem("n2", {"title": words, "tags": ["i1"]})])
        await service.add_events([("new", "n1"), ("new", "i0-1")])
        reply = await service.explain(Asker(user="new"), "n2")
        own = model.explain("n2", history=["n1", "i0-1"], new_items=new).to_json()
        same_numbers(reply.body["explanation"], {**own, "resolved": "known"})
        asker = Asker(history=["q", "i0-1"], new_items=[NewItem("q", {"title": words, "tags": ["i0"]})])
        found = (await service.explain_many(asker, ["i0-2", "n1", "q"])).body["explanations"]
        for served, own in zip(
            found, model.explain_many(["i0-2", "n1", "q"], history=["q", "i0-1"], new_items=new), strict=True
        ):
            same_numbers(served, own.to_json())
        assert {part["item"] for part in found[0]["history"]["parts"]} == {"q", "i0-1"}

    serving(folder_of(), scenario)
