"""Small saved models for the tests of the server's core, each made once."""

import asyncio

import pyarrow as pa
import pytest

from dualnet import Content, ContentSpec, Dataset
from dualnet.data.synthetic import blocks_world
from dualnet.models.registry import create


@pytest.fixture(scope="session")
def world():
    """Four groups of twelve items with titles, tags (the group, even or odd) and years (every fifth missing)."""
    plain = blocks_world()
    keys = plain.items.ids.keys
    columns = {
        "title": plain.items.table["title"].to_pylist(),
        "tags": [[key[:2], "even" if row % 2 == 0 else "odd"] for row, key in enumerate(keys)],
        "year": pa.array([1990 + row if row % 5 else None for row in range(48)], pa.int64()),
    }
    spec = ContentSpec(text=("title",), tags=("tags",), title="title", min_df=1)
    return Dataset(plain.interactions, Content(plain.items.ids, pa.table(columns), spec), name="blocks")


@pytest.fixture(scope="session")
def folder_of(world, tmp_path_factory):
    """A function from a model name and a seed to the folder of a fitted model."""
    made = {}

    def folder(name="fusion", seed=0):
        if (name, seed) not in made:
            parameters = {"factors": 6, "random_state": seed} if name in ("fusion", "wmf") else {}
            if name == "dualnet":
                parameters = {"levels": (8, 4), "epochs": 2, "random_state": seed}
            made[name, seed] = create(name, **parameters).fit(world).save(tmp_path_factory.mktemp("served") / "model")
        return made[name, seed]

    return folder


@pytest.fixture
def catalogue(folder_of):
    """The catalogue of a model that reads content, as loaded."""
    from dualnet import load
    from dualnet.serve.catalogue import open_catalogue
    from dualnet.serve.replies import ModelLabel

    return open_catalogue(load(folder_of()), ModelLabel("fusion", "0" * 12))


@pytest.fixture(scope="session")
def serving():
    """A function that runs a scenario with a started service of a model folder, and closes it."""
    from dualnet.serve.service import Service

    def run(folder, scenario, state=None):
        async def main():
            service = Service.open(folder, state=state)
            await service.start()
            try:
                return await scenario(service)
            finally:
                await service.close()

        return asyncio.run(asyncio.wait_for(main(), 600))

    return run
