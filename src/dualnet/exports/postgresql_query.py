"""Search in a table that `write_postgresql` wrote: exact, or exact among the candidates of an index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, optional_package
from ..ids import Key
from .source import Layout, VectorBlock

if TYPE_CHECKING:
    from psycopg import sql


def nearest_query(layout: Layout, table: str, *, titles: bool = True, candidates: int | None = None) -> sql.Composed:
    """Return the SELECT that lists the rows of a table by score, best first: columns id, title, score.

    The score is the sum of the pieces' inner products, the library's own. Without `candidates` every row is scored. With
    it, the rows nearest by embedding alone are fetched first, which an HNSW index does fast, and only those are scored
    exactly: a good row that the embedding alone puts further back is missed.

    Parameters
    ----------
    layout : Layout
        ``layout_of(model)``.
    table : str
        ``name`` or ``schema.name``.
    titles : bool
        Whether the table has titles: true for items, false for users.
    candidates : int, optional
        Rows to fetch by the embedding alone; set ``hnsw.ef_search`` to as many.

    Returns
    -------
    psycopg.sql.Composed
        With the parameters of `nearest_parameters`; ``as_string(None)`` is its text.

    Raises
    ------
    UsageError
        If there are fewer than one candidates.
    """
    with optional_package("psycopg", "export", "asking PostgreSQL"):
        from psycopg import sql

    if candidates is not None and candidates < 1:
        raise UsageError(f"candidates={candidates} must be at least 1")
    embedding = sql.SQL("(embedding <#> {})").format(sql.Placeholder("embedding"))
    both = bool(layout.width and layout.sparse_width)
    distance = sql.SQL("{} + (content <#> {})").format(embedding, sql.Placeholder("content")) if both else embedding
    shown = sql.SQL("id, title" if titles else "id")
    rows: sql.Composable = sql.Identifier(*table.split("."))
    unseen: sql.Composable = sql.SQL("WHERE id <> ALL({}) ").format(sql.Placeholder("seen"))
    if candidates is not None:
        pieces = sql.SQL("{}, embedding, content" if both else "{}, embedding").format(shown)
        rows = sql.SQL("(SELECT {} FROM {} {}ORDER BY {} LIMIT {}) AS near").format(
            pieces, rows, unseen, embedding, sql.Literal(candidates)
        )
        unseen = sql.SQL("")
    return sql.SQL("SELECT {}, -({}) AS score FROM {} {}ORDER BY {}, id LIMIT {}").format(
        shown, distance, rows, unseen, distance, sql.Placeholder("k")
    )


def nearest_parameters(query: VectorBlock, *, k: int = 10, seen: Sequence[Key] = ()) -> dict[str, Any]:
    """Return the parameters of `nearest_query` for one user or history.

    The connection must know pgvector's types: ``pgvector.psycopg.register_vector(connection)``.

    Parameters
    ----------
    query : VectorBlock
        From `query_vectors`; the first row is asked for.
    k : int
        Length of the list.
    seen : sequence of str or int
        Ids not to list, such as those of the history.
    """
    from .postgresql import sparse_values

    sparse = sparse_values(query)
    found: dict[str, Any] = {"k": k, "seen": list(seen)}
    if query.dense is None:
        return {**found, "embedding": sparse[0]}
    found["embedding"] = query.dense[0]
    return {**found, "content": sparse[0]} if sparse else found
