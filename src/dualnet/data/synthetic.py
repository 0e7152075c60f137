"""Synthetic data with a known answer: a library of papers and readers for the demo, and small blocks for tests."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import UsageError
from ..ids import IdMap
from ..rng import generator
from .content import Content
from .content_spec import ContentSpec
from .dataset import Dataset
from .interactions import Interactions

FIRST_DAY = 1_577_836_800  # 1 January 2020, in seconds
DAY = 86_400

# twelve words a topic; the first is its name
TOPICS = tuple(
    tuple(line.split())
    for line in """
    genomes sequencing alleles mutation promoter transcription chromatin splicing orthologs regulatory intron methylation
    proteins folding residues binding ligand docking conformations helix enzymes catalytic membrane crystallography
    neurons cortex synaptic spikes dendrites hippocampus plasticity inhibition oscillations stimulus receptive firing
    immunity antibodies antigens lymphocytes cytokines vaccines inflammation pathogens epitopes receptors tolerance serum
    ecology species habitat biodiversity predators foraging migration invasive pollinators canopy grassland extinction
    climate warming aerosols precipitation carbon glaciers ocean monsoon drought forcing circulation emissions
    epidemics infection transmission contact outbreaks quarantine incidence prevalence superspreading surveillance hosts influenza
    networks communities centrality degree motifs modularity hubs percolation assortativity smallworld rewiring cascades
    learning kernels classifiers boosting margins regularization gradient embeddings generalization supervised ensembles features
    vision images segmentation recognition texture edges contours tracking stereo saliency objects pixels
    language parsing grammar corpora translation semantics discourse syntax lexicon morphology dialogue sentences
    retrieval queries ranking relevance indexing documents search snippets folksonomies tagging bookmarks recommendation
    databases transactions joins schemas provenance warehouses consistency replication storage partitioning views workflows
    security encryption signatures protocols authentication malware privacy anonymity intrusion passwords leakage adversaries
    distributed consensus scheduling latency clusters grids peers throughput failover caching gossip overlays
    software testing refactoring compilers debugging verification specifications maintenance patterns repositories defects agile
    interfaces usability touch displays gestures accessibility prototypes participants awareness visualization navigation ethnography
    quantum entanglement qubits decoherence superposition photons interference teleportation spin coherence annealing measurement
    galaxies redshift supernovae quasars dust halos lensing telescopes accretion luminosity mergers spectroscopy
    materials graphene lattice nanotubes alloys phonons conductivity semiconductors polymers thinfilms defects crystals
    statistics bayesian priors likelihood sampling regression inference bootstrap confounding estimators variance hypotheses
    economics markets auctions incentives pricing inequality trade bargaining contracts labour forecasting welfare
    sociology trust collaboration wikipedia blogging identity norms reputation volunteers gender mobility capital
    education students curricula tutoring assessment classrooms literacy scaffolding motivation teachers feedback misconceptions
    """.strip().splitlines()
)
COMMON = tuple(
    [
        "analysis",
        "model",
        "approach",
        "method",
        "evidence",
        "dynamics",
        "structure",
        "framework",
        "evaluation",
        "role",
        "large",
        "scale",
        "study",
        "effects",
        "data",
        "systems",
        "design",
        "theory",
        "simple",
        "robust",
        "efficient",
        "comparative",
        "review",
        "measuring",
        "understanding",
    ]
)
SHAPES = (
    "{a} and {b} in {c} {d}", "A {g} of {a} {b} for {c}", "{g} {a}: {b} and {c} {d}", "{a} {b} under {c}", "On the {g} of {a} in {b} {c}",
    "From {a} to {b}: {g} of {c} {d}", "{a}, {b} and {c}", "{g} and {g2} of {a} {b}",
)  # fmt: skip


def library(
    *,
    n_readers: int = 1_200,
    n_papers: int = 1_800,
    pairs_per_reader: float = 28.0,
    schools: int = 4,
    seed: int = 0,
    text: bool = True,
) -> Dataset:
    """Make a synthetic library of papers and readers, in which content predicts much of the interactions, but not all.

    A paper has a topic, which its title and abstract show, and belongs to a school of its topic, which they only hint at by
    favouring some words. A reader has two or three topics and one favourite school in each: the topic can be read off the
    words, the school has to be learned from what readers have in common. Popularity is skewed, and events carry times.

    Parameters
    ----------
    n_readers, n_papers : int
        Sizes; up to millions.
    pairs_per_reader : float
        Mean number of events of a reader before repeated ones are dropped.
    schools : int
        Schools a topic.
    seed : int
        Seed of everything.
    text : bool
        Make titles and abstracts; without them the content is a one-letter topic code (for very large worlds).

    Returns
    -------
    Dataset
        Ids ``r00001`` and ``p00001``; content columns ``title`` and ``abstract``, or ``topic``.

    Raises
    ------
    UsageError
        If a size is below 1.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.library(n_readers=30, n_papers=50, pairs_per_reader=5)
    >>> data.interactions.n_users, data.interactions.n_items
    (30, 50)
    """
    for name, value in (("n_readers", n_readers), ("n_papers", n_papers), ("schools", schools)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, got {value}")
    rng = generator(seed, "library")
    topic = rng.integers(len(TOPICS), size=n_papers)
    school = rng.integers(schools, size=n_papers)
    appeal = rng.lognormal(0.0, 1.0, n_papers)
    published = rng.integers(0, 1_000, n_papers)

    counts = np.maximum(rng.poisson(pairs_per_reader * rng.lognormal(-0.18, 0.6, n_readers)), 3)
    reader = np.repeat(np.arange(n_readers), counts)
    tastes = np.argsort(rng.random((n_readers, len(TOPICS))), axis=1)[:, :3]
    favourite = rng.integers(schools, size=(n_readers, 3))
    slot = np.minimum(rng.choice(4, size=len(reader), p=[0.5, 0.27, 0.13, 0.1]), 3)
    wandering = slot == 3  # one event in ten is about anything
    at = np.minimum(slot, 2)
    wanted_topic = np.where(wandering, rng.integers(len(TOPICS), size=len(reader)), tastes[reader, at])
    loyal = rng.random(len(reader)) < 0.75
    wanted_school = np.where(loyal, favourite[reader, at], rng.integers(schools, size=len(reader)))
    paper = _draw_papers(wanted_topic * schools + wanted_school, topic * schools + school, appeal, len(TOPICS) * schools, rng)
    found = paper >= 0
    reader, paper = reader[found], paper[found]
    keep = np.unique(reader * np.int64(n_papers) + paper, return_index=True)[1]
    reader, paper = reader[keep], paper[keep]
    times = FIRST_DAY + DAY * published[paper] + rng.exponential(60 * DAY, len(paper)).astype(np.int64)

    users = IdMap([f"r{number:0{len(str(n_readers))}d}" for number in range(1, n_readers + 1)])
    items = IdMap([f"p{number:0{len(str(n_papers))}d}" for number in range(1, n_papers + 1)])
    interactions = Interactions.from_rows(users, items, reader, paper, times=times)
    if text:
        titles, abstracts = _write_papers(topic, school, schools, rng)
        table = pa.table({"title": titles, "abstract": abstracts})
        content = Content(items, table, ContentSpec(text=("title", "abstract"), title="title"))
    else:
        content = Content(items, pa.table({"topic": [TOPICS[t][0] for t in topic]}), ContentSpec(categories=("topic",)))
    return Dataset(interactions, content, name="library")


def blocks_world(*, groups: int = 4, users: int = 10, items: int = 12, density: float = 0.7, seed: int = 0) -> Dataset:
    """Make a world in which everybody likes the items of their own group and nothing else.

    The right answer is known: the items of the group that the user has not taken yet, known or new. Titles name the
    group.

    Parameters
    ----------
    groups : int
        Number of groups.
    users, items : int
        Users and items of each group.
    density : float
        Share of a group's items that each of its users has taken.
    seed : int
        Seed of the gaps.

    Examples
    --------
    >>> import dualnet
    >>> data = dualnet.synthetic.blocks_world(groups=2, users=5, items=6)
    >>> data.interactions.users.keys[:2], data.interactions.items.keys[-2:]
    (['u0-0', 'u0-1'], ['i1-4', 'i1-5'])
    """
    rng = generator(seed, "blocks")
    taken = rng.random((groups, users, items)) < density
    taken[:, :, 0] |= ~taken.any(axis=2)
    group, user, item = np.nonzero(taken)
    user_ids = [f"u{g}-{k}" for g in range(groups) for k in range(users)]
    item_ids = [f"i{g}-{k}" for g in range(groups) for k in range(items)]
    interactions = Interactions.from_rows(IdMap(user_ids), IdMap(item_ids), group * users + user, group * items + item)
    names = [TOPICS[g % len(TOPICS)] for g in range(groups)]
    titles = [" ".join(names[g][(k + step) % 6] for step in range(3)) for g in range(groups) for k in range(items)]
    return Dataset(
        interactions,
        Content(IdMap(item_ids), pa.table({"title": titles}), ContentSpec(text=("title",), min_df=1)),
        name="blocks",
    )


def _draw_papers(
    wanted: NDArray[np.int64], group: NDArray[np.int64], appeal: NDArray[np.float64], n_groups: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw one paper of each wanted group in proportion to appeal; -1 where a group is empty."""
    order = np.argsort(group, kind="stable")
    cumulative = np.concatenate([[0.0], np.cumsum(appeal[order])])
    bounds = np.searchsorted(group[order], np.arange(n_groups + 1))
    low, high = cumulative[bounds[wanted]], cumulative[bounds[wanted + 1]]
    place = np.searchsorted(cumulative, low + rng.random(len(wanted)) * (high - low), side="right") - 1
    empty = bounds[wanted] == bounds[wanted + 1]
    place = np.clip(place, bounds[wanted], np.maximum(bounds[wanted + 1] - 1, 0))
    return np.where(empty, -1, order[np.minimum(place, len(order) - 1)])


def _write_papers(
    topic: NDArray[np.int64], school: NDArray[np.int64], schools: int, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    n = len(topic)
    dialect = max(12 // schools, 1)  # words that a school favours
    own = (school[:, None] * dialect + rng.integers(dialect, size=(n, 16))) % 12
    words = np.where(rng.random((n, 16)) < 0.35, own, rng.integers(12, size=(n, 16)))
    stray = rng.integers(len(TOPICS), size=(n, 16))
    strays = rng.random((n, 16)) < 0.15
    common = rng.integers(len(COMMON), size=(n, 12))
    shape = rng.integers(len(SHAPES), size=n)
    titles, abstracts = [], []
    for k in range(n):
        picked = [TOPICS[stray[k, w] if strays[k, w] else topic[k]][words[k, w]] for w in range(16)]
        general = [COMMON[c] for c in common[k]]
        title = SHAPES[shape[k]].format(a=picked[0], b=picked[1], c=picked[2], d=picked[3], g=general[0], g2=general[1])
        titles.append(title[0].upper() + title[1:])
        abstracts.append(
            f"We present a {general[2]} of {picked[4]} and {picked[5]} based on {picked[6]} {general[3]}. Using {general[4]} from"
            f" {picked[7]} {picked[8]}, the {general[5]} of {picked[9]} is compared with {picked[10]}. The {general[6]} shows"
            f" {general[7]} of {picked[11]} on {picked[12]}, and suggests a {general[8]} {general[9]} for {picked[13]},"
            f" {picked[14]} and {picked[15]}."
        )
    return titles, abstracts
