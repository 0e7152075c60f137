"""Synthetic data with a known answer: a library of papers and readers for the demo, and small blocks for tests."""

from __future__ import annotations

from dataclasses import dataclass

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
from .research_fields import CLOSINGS, FIELDS, METHODS, OPENINGS, RESULTS, REVIEW_SENTENCES, REVIEWS, TOOL_SENTENCES, TOOLS

FIRST_DAY = 1_577_836_800  # 1 January 2020, in seconds
FIRST_YEAR = 2020
DAY = 86_400

# six words a group of `blocks_world`; the first is its name
GROUP_WORDS = tuple(
    tuple(line.split())
    for line in """
    genomes sequencing alleles mutation promoter transcription
    proteins folding residues binding ligand docking
    neurons cortex synaptic spikes dendrites hippocampus
    immunity antibodies antigens lymphocytes cytokines vaccines
    ecology species habitat biodiversity predators foraging
    climate warming aerosols precipitation carbon glaciers
    epidemics infection transmission contact outbreaks quarantine
    networks communities centrality degree motifs modularity
    learning kernels classifiers boosting margins regularization
    vision images segmentation recognition texture edges
    language parsing grammar corpora translation semantics
    retrieval queries ranking relevance indexing documents
    databases transactions joins schemas provenance warehouses
    security encryption signatures protocols authentication malware
    distributed consensus scheduling latency clusters grids
    software testing refactoring compilers debugging verification
    interfaces usability touch displays gestures accessibility
    quantum entanglement qubits decoherence superposition photons
    galaxies redshift supernovae quasars dust halos
    materials graphene lattice nanotubes alloys phonons
    statistics bayesian priors likelihood sampling regression
    economics markets auctions incentives pricing inequality
    sociology trust collaboration wikipedia blogging identity
    education students curricula tutoring assessment classrooms
    """.strip().splitlines()
)
CIRCLES = 2  # circles of authors in a line of research; readers follow one, and no word tells which
KINDS = ("article", "review", "tool")
METHOD_NAMES = tuple(METHODS)
FIELD_METHODS = np.array([[METHOD_NAMES.index(name) for name in field.methods] for field in FIELDS])


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

    A paper belongs to a line of research of a field and to a kind (article, review, tool or data), and uses a method; its title
    and abstract show these. It also comes from a circle of authors that no word shows. A reader has three fields with a
    favourite line in each, follows one circle there, likes one method in any field and one kind of paper, and wanders at times.
    So tastes have several levels: some can be read off the words, the circle has to be learned from what readers have in
    common. Popularity is skewed, and events carry times.

    Parameters
    ----------
    n_readers, n_papers : int
        Sizes; up to millions.
    pairs_per_reader : float
        Mean number of events of a reader before repeated ones are dropped.
    schools : int
        Lines of research in a field; beyond four, some share their words.
    seed : int
        Seed of everything.
    text : bool
        Make titles and abstracts; without them the content is the name of the field (for very large worlds).

    Returns
    -------
    Dataset
        Ids ``r00001`` and ``p00001``; content columns ``title`` and ``abstract``, or ``topic``. The columns ``field`` and
        ``year`` are for filters and for display; models do not read them.

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
    >>> data.items.title(3)
    'Comparing ten methods for citation recommendation for news readers'
    """
    for name, value in (("n_readers", n_readers), ("n_papers", n_papers), ("schools", schools)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, got {value}")
    rng = generator(seed, "library")
    papers = _papers(n_papers, schools, rng)
    reader, paper = _readings(papers, n_readers, pairs_per_reader, schools, rng)
    keep = np.unique(reader * np.int64(n_papers) + paper, return_index=True)[1]
    reader, paper = reader[keep], paper[keep]
    times = FIRST_DAY + DAY * papers.published[paper] + rng.exponential(60 * DAY, len(paper)).astype(np.int64)

    users = IdMap([f"r{number:0{len(str(n_readers))}d}" for number in range(1, n_readers + 1)])
    items = IdMap([f"p{number:0{len(str(n_papers))}d}" for number in range(1, n_papers + 1)])
    interactions = Interactions.from_rows(users, items, reader, paper, times=times)
    fields = pa.array([FIELDS[field].name for field in papers.field])
    if not text:
        return Dataset(
            interactions, Content(items, pa.table({"topic": fields}), ContentSpec(categories=("topic",))), name="library"
        )
    titles, abstracts = _write_papers(papers, rng)
    years = pa.array((FIRST_YEAR + papers.published // 365).astype(np.int64))
    table = pa.table({"title": titles, "abstract": abstracts, "field": fields, "year": years})
    return Dataset(interactions, Content(items, table, ContentSpec(text=("title", "abstract"), title="title")), name="library")


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
    names = [GROUP_WORDS[g % len(GROUP_WORDS)] for g in range(groups)]
    titles = [" ".join(names[g][(k + step) % 6] for step in range(3)) for g in range(groups) for k in range(items)]
    return Dataset(
        interactions,
        Content(IdMap(item_ids), pa.table({"title": titles}), ContentSpec(text=("title",), min_df=1)),
        name="blocks",
    )


@dataclass(frozen=True)
class _Papers:
    """What each paper is about: arrays with an entry for each paper."""

    field: NDArray[np.int64]
    line: NDArray[np.int64]
    circle: NDArray[np.int64]
    method: NDArray[np.int64]
    kind: NDArray[np.int64]
    appeal: NDArray[np.float64]
    published: NDArray[np.int64]


def _papers(n: int, lines: int, rng: np.random.Generator) -> _Papers:
    field = rng.integers(len(FIELDS), size=n)
    place = np.minimum((5 * rng.random(n) ** 1.2).astype(np.int64), 4)  # a field's first methods are its commonest
    return _Papers(
        field=field,
        line=rng.integers(lines, size=n),
        circle=rng.integers(CIRCLES, size=n),
        method=FIELD_METHODS[field, place],
        kind=rng.choice(len(KINDS), size=n, p=[0.74, 0.14, 0.12]),
        appeal=rng.lognormal(0.0, 1.0, n),
        published=rng.integers(0, 1_000, n),
    )


def _readings(
    papers: _Papers, n_readers: int, per_reader: float, lines: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw who reads what, repeated pairs included."""
    counts = np.maximum(rng.poisson(per_reader * rng.lognormal(-0.18, 0.6, n_readers)), 3)
    reader = np.repeat(np.arange(n_readers), counts)
    n = len(reader)
    fields = np.argsort(rng.random((n_readers, len(FIELDS))), axis=1)[:, :3]
    favourite, circle = rng.integers(lines, size=(n_readers, 3)), rng.integers(CIRCLES, size=(n_readers, 3))
    method = FIELD_METHODS[fields[:, 0], rng.integers(5, size=n_readers)]
    kind = rng.integers(len(KINDS), size=n_readers)
    at = rng.choice(3, size=n, p=[0.55, 0.3, 0.15])
    field = fields[reader, at]
    loyal = rng.random(n) < 0.7
    wanted = (
        (field * lines + favourite[reader, at]) * CIRCLES + np.where(loyal, circle[reader, at], rng.integers(CIRCLES, size=n)),
        field * len(METHOD_NAMES) + method[reader],
        method[reader],
        field * len(KINDS) + kind[reader],
        np.zeros(n, np.int64),
    )
    groups = (
        (papers.field * lines + papers.line) * CIRCLES + papers.circle,
        papers.field * len(METHOD_NAMES) + papers.method,
        papers.method,
        papers.field * len(KINDS) + papers.kind,
        np.zeros(len(papers.field), np.int64),
    )
    reason = rng.choice(5, size=n, p=[0.55, 0.12, 0.12, 0.11, 0.1])  # line, method at home, method anywhere, kind, wandering
    paper = np.full(n, -1, np.int64)
    for number, (sought, group) in enumerate(zip(wanted, groups, strict=True)):
        chosen = reason == number
        paper[chosen] = _draw_papers(sought[chosen], group, papers.appeal, rng)
    found = paper >= 0
    return reader[found], paper[found]


def _draw_papers(
    wanted: NDArray[np.int64], group: NDArray[np.int64], appeal: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw one paper of each wanted group in proportion to appeal; -1 where a group is empty."""
    order = np.argsort(group, kind="stable")
    n_groups = max(int(wanted.max(initial=0)), int(group.max())) + 1
    cumulative = np.concatenate([[0.0], np.cumsum(appeal[order])])
    bounds = np.searchsorted(group[order], np.arange(n_groups + 1))
    low, high = cumulative[bounds[wanted]], cumulative[bounds[wanted + 1]]
    place = np.searchsorted(cumulative, low + rng.random(len(wanted)) * (high - low), side="right") - 1
    empty = bounds[wanted] == bounds[wanted + 1]
    place = np.clip(place, bounds[wanted], np.maximum(bounds[wanted + 1] - 1, 0))
    return np.where(empty, -1, order[np.minimum(place, len(order) - 1)])


def _write_papers(papers: _Papers, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Return titles and abstracts; titles differ as long as there are words for it."""
    n = len(papers.field)
    subjects, picks = np.argsort(rng.random((n, 6)), axis=1)[:, :3], rng.integers(2**20, size=(n, 5))
    numbers, shares = rng.integers(12, 400, size=n), rng.integers(5, 45, size=n)
    titles, abstracts, taken = [], [], set()
    for k in range(n):
        field, method = FIELDS[papers.field[k]], METHODS[METHOD_NAMES[papers.method[k]]]
        theme = field.themes[papers.line[k] % 4]
        shapes = {"article": method.titles, "review": REVIEWS, "tool": TOOLS}[KINDS[papers.kind[k]]]
        one, two, three = (theme.subjects[at] for at in subjects[k])
        words = {
            "s": one, "t": two, "u": three, "h": theme.name, "f": field.name, "m": method.name, "n": numbers[k], "p": shares[k]
        }  # fmt: skip
        words |= {"S": _capital(one), "M": _capital(method.name)}
        for step in range(len(field.places)):
            words["w"] = field.places[(picks[k, 0] + step) % len(field.places)]
            shape = (picks[k, 1] + step) % len(shapes)
            title = _capital(shapes[shape].format(**words))
            if title not in taken:
                break
        taken.add(title)
        titles.append(title)
        middle = {"article": method.sentences, "review": REVIEW_SENTENCES, "tool": TOOL_SENTENCES}[KINDS[papers.kind[k]]]
        parts = ((OPENINGS, picks[k, 2]), (middle, shape), (RESULTS, picks[k, 3]), (CLOSINGS, picks[k, 4]))
        sentences = (part[pick % len(part)].format(**words) for part, pick in parts)
        abstracts.append(" ".join(_capital(sentence) for sentence in sentences))
    return titles, abstracts


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
