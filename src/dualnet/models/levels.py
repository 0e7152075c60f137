"""The levels of a DualNet in one vector: solved levels, network levels, and the raw content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..data.content import Matrix
from ..data.space import ItemSpace
from ..errors import ArtifactError
from ..ids import IdMap, Rows
from ..retrieval.vectors import JoinedVectors, Vectors, join, norms, row_products
from .content_cosine import unit_profile, unit_vectors
from .explain.reasons import Reasons, of_profile
from .runtime import DualRuntime
from .saved_arrays import saved_array, saved_number
from .solved.levels import SolvedLevels

Array = NDArray[np.float32]

STANDING = "how new items stand beside known ones"


@dataclass(frozen=True)
class LevelWeights:
    """Weights of the levels beside the solved ones, which count 1.

    Parameters
    ----------
    network : float
        Of the network levels.
    content : float
        Of the cosine of an item's content and the mean content of the history.
    new : float
        What the vector of an item that came after the fit is multiplied by: how new items stand beside known ones.
    unliked : float
        The same for an item that was there at the fit, and that nobody liked.
    further : float
        Of each pair of networks from a further seed, beside the first pair, which counts 1; all share `network`.
    """

    network: float = 1.0
    content: float = 0.0
    new: float = 1.0
    unliked: float = 1.0
    further: float = 1.0

    def of_networks(self, count: int) -> tuple[float, ...]:
        """Return the weight of each of so many pairs of networks; they sum to `network`, so that it means the same for any count."""
        parts = (1.0, *(self.further,) * (count - 1))
        return tuple(self.network * (part / sum(parts)) for part in parts)


@dataclass(frozen=True)
class LevelSizes:
    """Sizes that saved levels have to fit: numbers of items, of features and of user columns, and the reader of histories.

    Parameters
    ----------
    items, features, columns : int, optional
        Training items; width of their features and of the features of users, 0 without. None where any number fits.
    shared : bool
        Whether the user network reads histories through content (``user_input="shared"``).
    """

    items: int | None = None
    features: int | None = None
    columns: int | None = None
    shared: bool = True


@dataclass(frozen=True, eq=False)
class Levels:
    """All levels of a fitted DualNet, whose inner products sum to the score.

    Parameters
    ----------
    solved : SolvedLevels, optional
    runtime : DualRuntime, optional
        The networks, those of the first seed if there are several.
    weights : LevelWeights
    unliked : IdMap
        Items that were there at the fit and that nobody liked.
    further : tuple of DualRuntime
        Networks of further seeds, whose scores are averaged with those of the first.
    """

    solved: SolvedLevels | None
    runtime: DualRuntime | None
    weights: LevelWeights
    unliked: IdMap
    further: tuple[DualRuntime, ...] = ()

    def __str__(self) -> str:
        """Return in one line what was chosen of the levels, for a person."""
        weights = self.weights
        parts = [f"weight of the networks {weights.network:g}"] if self.runtime is not None else []
        parts += [f"of each further pair of networks beside the first {weights.further:g}"] if self.further else []
        parts += [f"of the content's cosine {weights.content:g}"] if weights.content else []
        if self.solved is not None:
            choice = self.solved.choice
            prior = "no prior" if choice.prior is None else f"prior {choice.prior:g}"
            parts.append(
                f"solved levels with zero weight {choice.zero_weight:.3g}, penalty {choice.regularization:.3g}, content as rows"
                f" {choice.relation:g}, {prior}, content scale {choice.content_scale:g}"
            )
        parts.append(f"new items times {weights.new:g}, items that nobody liked times {weights.unliked:g}")
        return "; ".join(parts)

    @property
    def network(self) -> DualRuntime | None:
        """The networks, where they count."""
        return self.runtime if self.weights.network else None

    @property
    def networks(self) -> tuple[tuple[DualRuntime, float], ...]:
        """The networks that count, those of each seed with their weight."""
        if self.runtime is None:
            return ()
        runtimes = (self.runtime, *self.further)
        weighed = zip(runtimes, self.weights.of_networks(len(runtimes)), strict=True)
        return tuple((runtime, weight) for runtime, weight in weighed if weight)

    @property
    def reads_content(self) -> bool:
        """Whether content says anything of an item, so that new ones can be scored."""
        by_network = self.network is not None and "item.content" in self.network.tensors
        by_solution = self.solved is not None and self.solved.reads_content
        return by_network or by_solution or bool(self.weights.content)

    @property
    def reads_vectors_apart(self) -> bool:
        """Whether vectors have a kernel beside that of words, which leaves no meaning to one cosine of all content."""
        return self.solved is not None and self.solved.reader.vectors is not None

    @property
    def n_numbers(self) -> int:
        """Learned numbers of all levels."""
        return sum(int(value.size) for value in self.get_state()[1].values())

    def item_vectors(self, space: ItemSpace, rows: Rows) -> Vectors:
        """Return the vectors of some items of a space, shape (len(rows), width)."""
        dense, content = [], None
        if self.solved is not None:
            solved = self.solved.item_vectors(space, rows)
            content = solved.sparse if isinstance(solved, JoinedVectors) else None
            dense.append(solved.dense if isinstance(solved, JoinedVectors) else solved)
        features = None if space.features is None or not self.networks else space.features[rows]
        dense += [runtime.item_vectors(features, space.known[rows]) for runtime, _ in self.networks]
        if self.weights.content and content is None:
            content = unit_vectors(space, rows)
        return _scaled(_beside(dense, content), self.scale(space, rows))

    def user_vectors(self, history: csr_array, space: ItemSpace, table: Array | None, columns: Matrix | None) -> Vectors:
        """Return the vectors of users, shape (n_users, width).

        Parameters
        ----------
        history : csr_array, shape (n_users, len(space))
            What each user took.
        space : ItemSpace
        table : ndarray, shape (len(space), table width), optional
            From `history_table`, for a caller that keeps it.
        columns : csr_array or ndarray, shape (n_users, n_user_features), optional
            User columns.
        """
        dense, content = [], None
        table = self.history_table(space) if table is None else table
        *of_networks, of_solved = np.split(table, np.cumsum(self.first_widths), axis=1)
        if self.solved is not None:
            solved = self.solved.user_vectors(history, space, of_solved)
            content = solved.sparse if isinstance(solved, JoinedVectors) else None
            dense.append(solved.dense if isinstance(solved, JoinedVectors) else solved)
        for (runtime, weight), own in zip(self.networks, of_networks, strict=True):
            dense.append(runtime.user_vectors(history, own, columns) * np.float32(weight))
        if self.weights.content:
            profile = unit_profile(space, history) * np.float32(self.weights.content)
            content = profile if content is None else csr_array(content + profile)
        return _beside(dense, content)

    def similar_queries(self, vectors: Vectors) -> Vectors:
        """Return the vectors that items ask with for similar ones, shape (n, width).

        The inner product of the query of i and the vector of j is k(i, j), what the score of j gains from i in a history before
        the rest of the history takes its share (`JointSolution`): the kernel of the solved levels, and the content as it is
        times its weight. The networks have no such kernel; they add the covariance of the scores of i and j over users that are
        drawn in all directions alike. Without solved levels the query is the vector itself, for the cosine.

        Parameters
        ----------
        vectors : Vectors, shape (n, width)
            From `item_vectors`.
        """
        if self.solved is None:
            return vectors
        joined = isinstance(vectors, JoinedVectors)
        dense = vectors.dense if joined else vectors
        factors = np.full(dense.shape[1], self.weights.content, np.float32)
        first = len(self.solved.joint.signs)
        factors[:first] = self.solved.joint.signs
        for runtime, weight in self.networks:  # scores of several seeds are much alike, so that their covariances add up
            factors[first : first + runtime.width] = self.weights.network * weight
            first += runtime.width
        if not joined:
            return dense * factors
        return JoinedVectors(dense * factors, vectors.sparse * np.float32(self.solved.beside + self.weights.content))

    def similar_lengths(self, vectors: Vectors, known: Rows) -> NDArray[np.float64]:
        """Return what k(i, j) is divided by, one number of each item, so that it becomes the correlation of two likes.

        To the joint solution a like is the score and noise beside it, whose variance is the diagonal of its system. So the
        length of an item is the root of k(j, j) and that variance: with k(j, j) alone, items of which little is known, whose
        scores hardly vary, would be the nearest to everything that has their words.

        Parameters
        ----------
        vectors : Vectors, shape (n, width)
            From `item_vectors`.
        known : ndarray of int64, shape (n,)
            Training row of each item, -1 for new ones.
        """
        if self.solved is None:
            return norms(vectors)
        own = row_products(self.similar_queries(vectors), vectors)
        return np.sqrt(self.solved.joint.noise(known < 0) + np.maximum(own, 0))

    @property
    def first_widths(self) -> list[int]:
        """Width of the first layer of each of the networks that count: so many columns of `history_table` are theirs."""
        return [runtime.levels[0] for runtime, _ in self.networks]

    def history_table(self, space: ItemSpace) -> Array:
        """Return what each item is in a history: in the first layer of the user network, then in the solved levels.

        Parameters
        ----------
        space : ItemSpace

        Returns
        -------
        ndarray of float32, shape (len(space), sum of `first_widths` + dense width of the solved levels)
        """
        parts = [runtime.history_table(space.features, space.known) for runtime, _ in self.networks]
        parts += [] if self.solved is None else [self.solved.table(space)]
        return np.hstack(parts) if parts else np.zeros((len(space), 0), np.float32)

    def scale(self, space: ItemSpace, rows: Rows) -> Array | None:
        """Return what the vectors of some items are multiplied by, shape (len(rows),); None where that is 1 for all."""
        if self.weights.new == self.weights.unliked == 1:
            return None
        new = space.known[rows] < 0
        if not new.any():
            return None
        scale = np.where(new, np.float32(self.weights.new), np.float32(1))
        if len(self.unliked):
            places = np.flatnonzero(new)
            unliked = self.unliked.find(space.ids.subset(rows[places])) >= 0
            scale[places[unliked]] = self.weights.unliked
        return scale

    def standing(self, reasons: Reasons, space: ItemSpace, rows: Rows) -> Reasons:
        """Return reasons with what the scale of new items adds, as a level of its own."""
        scale = self.scale(space, rows)
        if scale is None:
            return reasons
        factor = scale.astype(np.float64)
        levels = (*reasons.levels, (STANDING, reasons.scores * (factor - 1)))
        content = None if reasons.content is None else reasons.content.scaled(factor)
        return Reasons(levels, reasons.history.scaled(factor), content, reasons.method)

    def profile_reasons(self, history: csr_array, space: ItemSpace, rows: Rows) -> Reasons:
        """Return why the content as it is gives some items their part of the score."""
        return of_profile(history, space, rows, self.weights.content)

    def get_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return JSON-ready settings and arrays, for a model folder."""
        config: dict[str, Any] = {"weights": asdict(self.weights)}
        tensors: dict[str, NDArray[Any]] = {}
        if self.runtime is not None:
            config["runtime"] = self.runtime.config
            tensors |= self.runtime.tensors
        if self.further:
            config["further"] = [runtime.config for runtime in self.further]
            for number, runtime in enumerate(self.further, start=2):
                tensors |= {f"{further_prefix(number)}{name}": value for name, value in runtime.tensors.items()}
        if self.solved is not None:
            config["solved"], arrays = self.solved.get_state()
            tensors |= {f"{SOLVED}{name}": value for name, value in arrays.items()}
        return config, tensors

    @classmethod
    def from_state(
        cls, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], unliked: IdMap, sizes: LevelSizes | None = None
    ) -> Levels:
        """Take back what `get_state` returned, or what version 0.1 wrote: networks and the weight of the content.

        Raises
        ------
        ArtifactError
            If an array is missing or does not fit the items and columns of the model.
        """
        sizes = LevelSizes() if sizes is None else sizes
        if "weights" in config:
            told = config["weights"]
            weights = LevelWeights(**{name: saved_number(told, name) for name in told})
        else:
            weights = LevelWeights(content=saved_number(config, "content_weight"))
        if weights.content and sizes.features == 0:
            raise ArtifactError("the content of the model folder has a weight, and there are no features; it was altered")
        own = {name: value for name, value in tensors.items() if not name.startswith((SOLVED, FURTHER))}
        solved = _under(SOLVED, tensors)
        further = config.get("further", [])
        is_list = isinstance(further, list) and all(isinstance(told, dict) for told in further)
        if not is_list or (further and "runtime" not in config):
            raise ArtifactError(
                "the networks of further seeds are no list, or those of the first are missing; the model folder was altered"
            )
        levels = cls(
            SolvedLevels.from_state(config["solved"], solved, sizes.items, sizes.features) if "solved" in config else None,
            _runtime(config["runtime"], own, sizes) if "runtime" in config else None,
            weights,
            unliked,
            tuple(
                _runtime(told, _under(further_prefix(number), tensors), sizes) for number, told in enumerate(further, start=2)
            ),
        )
        if levels.reads_vectors_apart and weights.content:
            raise ArtifactError(
                "vectors are read beside words, and the cosine of all content has a weight; the model folder was altered"
            )
        return levels


SOLVED = "solved."  # before the names of arrays of the solved levels
FURTHER = "network"  # before the names of arrays of networks of a further seed, with their number: "network2.item.content"


def further_prefix(number: int) -> str:
    """Return what stands before the names of the arrays of the networks of one further seed; the first seed is number 1."""
    return f"{FURTHER}{number}."


def _under(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _runtime(config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], sizes: LevelSizes) -> DualRuntime:
    """Return networks after checking the tables of their first layers, which the towers alone do not tell."""
    runtime = DualRuntime(config, tensors)
    first = runtime.levels[0]
    wide = {
        "item.content": sizes.features,
        "user.content": sizes.features if sizes.shared else 0,
        "user.columns": sizes.columns,
    }
    for name, rows in wide.items():
        if rows or name in tensors:
            saved_array(tensors, name, rows, first)
    for name in ("item.residual", "user.table"):
        alone = sizes.features == 0 or (name == "user.table" and not sizes.shared)
        if name in tensors or alone:
            saved_array(tensors, name, sizes.items, first)
    return runtime


def _beside(dense: list[Array], content: Any | None) -> Vectors:
    parts = dense[0] if len(dense) == 1 else np.hstack(dense)
    return parts if content is None else join(parts, content)


def _scaled(vectors: Vectors, scale: Array | None) -> Vectors:
    if scale is None:
        return vectors
    if isinstance(vectors, JoinedVectors):
        return JoinedVectors(vectors.dense * scale[:, None], csr_array(vectors.sparse.multiply(scale[:, None])))
    return vectors * scale[:, None]
