"""A step of the networks in several processes: error and gradient are those of one process, and of the readable twin."""

import itertools

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from dualnet.distributed.collectives import Alone
from dualnet.nn.dual import DualNetwork, DualShape
from dualnet.train.batches import DualBatches
from dualnet.train.division import Division
from dualnet.train.inputs import InputSettings
from dualnet.train.objective import DualObjective, LossSettings
from dualnet.train.plan import Machine, Workload, plan
from dualnet.train.shared_plan import share
from tests.unit.train.test_objective import FORMS, ITEMS, USERS, assert_same, gradients, objective, world
from tests.worlds import SIZES

NOISY = {"noise": 0.4, "dropout": 0.3}
SHAPES = {  # of the networks: each design, normalisation, input of the user network
    "branching": {"norm": "batch"},
    "branching-top": {"top_branch": True, "norm": "layer", "user_input": "reference"},
    "multi-level": {"design": "multi-level", "norm": "batch", "item_residual": False},
    "basic": {"design": "basic", "norm": "none", "popular": True},
    "one-level": {"levels": (5,), "norm": "batch", "disliked": True},
    "noisy": {"norm": "batch", "disliked": True, "popular": True, **NOISY},
    "noisy-layer": {"norm": "layer", "user_input": "reference", **NOISY},
}
BLOCKS = {"whole": (USERS, ITEMS), "part": (4, 4), "few": (2, 3), "wide": (3, ITEMS)}
PARTS = {
    "one": {},
    "several": {"users_at_once": 3, "items_at_once": 4},
    "twice": {"users_at_once": 3, "items_at_once": 4, "items_kept": 4},
}
MASKS = ("none", "leave-one-out", "fold")


def block(name):
    users, items = BLOCKS[name]
    return DualBatches(world()[0], user_batch=users, item_batch=items, seed=1).batch(0, 1 if name in ("part", "few") else 0)


def steps(group, cases):
    """Return error and gradients of each case, with the rows of all ranks."""
    return [step(group, *case) for case in cases]


def step(group, mask, form, shape, name, parts, **changes):
    target = objective(mask, form, **SHAPES[shape], **changes, parts={"group": group, **PARTS[parts]})
    target.tables.divide()
    error, found = gradients(target, block(name), twin=False)
    counts, tables = target.inputs.division.counts, list(target.network.item_tables().values())
    whole = []
    for parameter, gradient in zip(target.network.parameters(), found, strict=True):
        if gradient is not None and group.size > 1 and any(parameter is table for table in tables):
            assert len(gradient) == counts[group.rank]
            gradient = group.all_gather(gradient, counts)
        whole.append(gradient if gradient is None else gradient.numpy())
    return error, whole


def of_arrays(found):
    return found[0], [None if gradient is None else torch.from_numpy(gradient) for gradient in found[1]]


def covering(size):
    """Every loss with every shape, each with one mask and one block; another number of processes has others."""
    masks, blocks = itertools.cycle(MASKS), itertools.cycle(BLOCKS)
    for _ in range(size):
        next(masks), next(blocks)
    return [(next(masks), form, shape, next(blocks), "one") for form, shape in itertools.product(FORMS, SHAPES)]


def check_twins(world, size, cases):
    """The twin is the loss by its definition; parts with noise are a loss of their own, that of one process."""
    found = world.run(steps, cases, size=size)
    for case, *by_rank in zip(cases, *found, strict=True):
        mask, form, shape, name, parts = case
        target = objective(mask, form, **SHAPES[shape], parts=PARTS[parts])
        wanted = gradients(target, block(name), twin=parts == "one")
        for rank in by_rank:
            assert_same(of_arrays(rank), wanted)


@pytest.mark.parametrize("size", SIZES)
def test_error_and_gradient_do_not_depend_on_the_number_of_processes(world, size):
    check_twins(world, size, covering(size))


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES[-1:])  # some ranks have no rows of a block then; `covering` is for every number
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_mask_and_block_with_every_loss_and_shape(world, form, shape, size):
    check_twins(world, size, [(mask, form, shape, name, "one") for mask, name in itertools.product(MASKS, BLOCKS)])


@pytest.mark.parametrize("size", SIZES[1:])
def test_parts_of_a_block_do_not_depend_on_the_number_of_processes(world, size):
    forms, shapes = itertools.cycle(FORMS), itertools.cycle(("noisy", "branching", "noisy-layer"))
    cases = itertools.product(("several", "twice"), MASKS, ("whole", "wide"))
    check_twins(world, size, [(mask, next(forms), next(shapes), name, parts) for parts, mask, name in cases])


COARSE = {"dtype": torch.float32, "precision": "bfloat16"}


def coarse_step(group):
    return step(group, "none", "exact", "branching", "whole", "one", **COARSE)


def test_products_with_eight_bits_are_divided_too(world):
    """Rounding differs with the rows that are multiplied at once, by as much as eight bits are."""
    wanted_error, wanted = coarse_step(Alone())
    for error, found in world.run(coarse_step, size=2):
        assert error == pytest.approx(wanted_error, rel=0.01)
        for one, other in zip(wanted, found, strict=True):
            assert other is None if one is None else np.linalg.norm(one - other) <= 0.08 * np.linalg.norm(one) + 1e-4


class Ranked:
    """A rank without others: what it has is all that is asked."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("rows", [[], [3], [0, 1, 2, 7, 9, 10], list(range(12)), [8, 9, 10, 11]], ids=str)
def test_every_row_of_a_block_is_in_one_part_of_one_process(rows, at_once, size):
    rows, seen = np.array(rows, np.int64), []
    for rank in range(size):
        division = Division(12, Ranked(rank, size))
        parts = division.parts(rows, at_once)
        own = rows[(rows >= division.own.start) & (rows < division.own.stop)]
        assert division.counts_of(rows)[rank] == len(own)
        assert all(len(part.rows) <= at_once for part in parts)
        placed = np.full(len(own), -1)
        for part in parts:
            placed[part.places] = part.own_rows
        np.testing.assert_array_equal(placed, own)
        seen += placed.tolist()
    assert seen == rows.tolist()


def sent_in_an_epoch(group, users, items, words, levels):
    """Return the bytes that this rank sends in an epoch, by call."""
    rng = np.random.default_rng(0)
    matrix = csr_array((rng.random((users, items)) < 0.1).astype(np.float32))
    features = csr_array((rng.random((items, words)) < 0.1).astype(np.float32))
    shape = DualShape(items, words, 0, levels, "branching", "tanh", "batch", 0.1, False, "shared", True, 0.3)
    target = DualObjective(
        DualNetwork(shape, torch.Generator().manual_seed(0)), matrix, features, None, np.ones(1, np.float32),
        InputSettings("none", 0.3, 0.3, 0.3, 0.5, 0), LossSettings(0.01, zeros="exact"), group=group,
    )  # fmt: skip
    target.tables.divide()
    target.network.train()
    group.traffic.clear()
    batches = DualBatches(matrix, user_batch=users // 2, item_batch=items // 2, seed=0)
    for number in range(len(batches)):
        target.backward(batches.batch(0, number))
    return {kind: found.sent for kind, found in group.traffic.items()}


@pytest.mark.parametrize("size", SIZES[1:])
def test_the_bytes_that_are_sent_are_those_of_the_plan(world, size):
    users, items, words, levels = 80, 200, 150, (48, 16)
    work = Workload(users, items, 1600, 15, words, levels, users // 2, items // 2)
    machine = Machine(1e9, 1e9)
    planned = share(work, plan(work, machine), machine, size, 1e9).sent
    of_rows = planned["embeddings of items and their gradients"] + planned["what items add to histories, and its gradients"]
    for sent in world.run(sent_in_an_epoch, users, items, words, levels, size=size):
        assert sent["all_gather"] + sent["reduce_scatter"] == pytest.approx(of_rows, rel=0.1)
        assert sent["all_reduce"] == pytest.approx(
            planned["gradients of replicated weights"] + planned["Gram matrices"], rel=0.1
        )
