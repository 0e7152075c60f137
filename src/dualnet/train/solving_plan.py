"""Cost of the solved levels beneath the networks: bytes at their peak, FLOP and bytes moved, once and with the search."""

from __future__ import annotations

from dataclasses import dataclass

FLOAT, PAIR = 4, 8  # bytes of a number, and of a pair in a sparse matrix
ITERATIONS, ROUNDS = 8, 3  # alternations without a prior from content and with one, as in `models.solved.factors`
STEPS = 3  # of conjugate gradients in a half-step
ROTATIONS = 4  # products of all rows with a square matrix in a half-step: into the basis, out of it, and the Gram matrix twice
COPIES = 3  # of the rows of a half-step: start, solution in the basis, solution; measured
AXES, OVERSAMPLING, AXIS_ROUNDS = 200, 30, 4  # leading axes of the content
LONG, LONG_AXES = 200, 500  # content of more numbers an item is read along so many axes, and by nothing else
FEW_FEATURES = 600  # up to which content is kept whole instead of its axes
RIDGE_STEPS, RIDGE_COPIES = 15, 5  # usual steps to the map from content to factors, and arrays of its size
NARROW, NARROW_ITERATIONS, NARROW_TRIALS, NARROW_PAIRS = 64, 5, 14, 1_000_000  # of the search, without content
WIDER, WIDER_TRIALS = 100, 10  # and beside it


@dataclass(frozen=True)
class Solving:
    """The cost of the solved levels.

    Parameters
    ----------
    flop, traffic : float
        Operations, and bytes moved, of one solution whose numbers are given.
    search_flop, search_traffic : float
        The same of the search for the numbers on validation, without the ranking of its users.
    peak, kept : float
        Bytes while they are solved, and for good.
    """

    flop: float = 0.0
    traffic: float = 0.0
    search_flop: float = 0.0
    search_traffic: float = 0.0
    peak: float = 0.0
    kept: float = 0.0


def solving(users: int, items: int, pairs: int, terms: int, vocabulary: int, factors: int) -> Solving:
    """Return what the solved levels cost.

    Parameters
    ----------
    users, items, pairs : int
        Of the training matrix.
    terms, vocabulary : int
        Non-zeros of an item's content, and its width; 0 for none.
    factors : int
        Width; 0 for no solved levels.
    """
    if not factors:
        return Solving()
    width = min(factors, users, items)
    content = _Content.of(items, terms, vocabulary)
    whole, moved = _alternations(users, items, pairs, width, ITERATIONS + (ROUNDS if terms else 0))
    if terms:
        maps = 4.0 * content.read * width * RIDGE_STEPS * (ROUNDS + 1)
        axes = content.axes_flop + 2.0 * items * (width + content.dense) ** 2
        whole, moved = whole + maps + axes, moved + maps + axes
    few = min(pairs, NARROW_PAIRS)
    narrow = _alternations(max(1, users * few // pairs), items, few, min(NARROW, width), NARROW_ITERATIONS * NARROW_TRIALS)
    wider = _alternations(users, items, pairs, min(WIDER, width), ITERATIONS * WIDER_TRIALS) if terms else (0.0, 0.0)
    matrix = 2 * PAIR * (pairs + content.entries)  # by rows and by columns, each in order of length
    if terms:
        matrix += (
            2 * PAIR * (pairs + content.entries)
        )  # and in the search with the content as further rows, beside what they are made of
    kept = FLOAT * (items + content.features) * width + FLOAT * vocabulary * content.axes
    halves = FLOAT * width * (COPIES * max(users, items) + min(users, items))
    return Solving(
        whole,
        moved,
        narrow[0] + wider[0],
        narrow[1] + wider[1],
        matrix + content.size + max(halves, RIDGE_COPIES * FLOAT * content.features * width) + kept,
        kept,
    )


@dataclass(frozen=True)
class _Content:
    """Form of content in the solved levels: whole if it has few features, else beside its leading axes, or along these alone.

    Parameters
    ----------
    entries, read : int
        Non-zeros of the content, and numbers that a product with it reads.
    features : int
        Rows of a map from content to factors.
    axes, dense : int
        Leading axes, and columns of the dense part.
    axes_flop : float
        Operations to find the axes, and to read long content along them.
    size : float
        Bytes.
    """

    entries: int
    read: int
    features: int
    axes: int
    dense: int
    axes_flop: float
    size: float

    @classmethod
    def of(cls, items: int, terms: int, vocabulary: int) -> _Content:
        """Return how content of so many non-zeros an item and so many features is read; `terms` 0 is none."""
        entries = items * terms
        if not terms or vocabulary <= FEW_FEATURES:
            return cls(entries, entries, vocabulary, 0, vocabulary if terms else 0, 0.0, 2.0 * PAIR * entries)
        is_long = terms > LONG
        axes = LONG_AXES if is_long else AXES
        flop = 4.0 * entries * (axes + OVERSAMPLING) * AXIS_ROUNDS + (2.0 * entries * axes if is_long else 0.0)
        read, features = (items * axes, axes) if is_long else (entries, vocabulary)
        return cls(entries, read, features, axes, axes, flop, 2.0 * PAIR * entries + FLOAT * (vocabulary + 2 * items) * axes)


def _alternations(users: int, items: int, pairs: int, width: int, count: int) -> tuple[float, float]:
    """Return FLOP and bytes moved of so many alternations."""
    by_row = 2.0 * ROTATIONS * width**2 * (users + items)
    by_pair = 2 * 4.0 * (STEPS + 1) * pairs * width  # on both sides
    gathered = 2 * 2.0 * FLOAT * pairs * width  # read where it lies and written together; then it is in the cache
    return count * (by_row + by_pair), count * gathered
