"""Export of vectors to Qdrant: a collection of named vectors, and an alias that is switched when all of them are there."""

from __future__ import annotations

import contextlib
import os
import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ResourceError, UsageError, optional_package
from ..ids import Key
from .source import VectorBlock, VectorSource
from .store_names import check_store_name

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

ROWS = 256  # points a request: servers refuse requests of more than 32 MB
MARK = "-dualnet-"  # in the name of every collection of ours, between its alias and a random part
NAMESPACE = uuid.UUID("6f1c0a52-7d0b-5d0e-9a39-3a1f6f0f0c11")


@contextmanager
def open_qdrant(
    folder: str | Path | None = None,
    *,
    url_variable: str = "QDRANT_URL",
    key_variable: str = "QDRANT_API_KEY",
    environment: Mapping[str, str] = os.environ,
) -> Iterator[QdrantClient]:
    """Open Qdrant in a local folder, or a server whose URL and key are in environment variables.

    Parameters
    ----------
    folder : str or Path, optional
        For Qdrant without a server; ``":memory:"`` keeps nothing.
    url_variable, key_variable : str
        Environment variables of a server's URL and, optionally, key; never shown.
    environment : mapping
        Where the variables are looked up.

    Raises
    ------
    UsageError
        If there is neither a folder nor a URL.
    ResourceError
        If it cannot be opened.
    """
    with optional_package("qdrant-client", "export", "writing to Qdrant", module="qdrant_client"):
        from qdrant_client import QdrantClient
    url = environment.get(url_variable, "")
    if folder is None and not url:
        raise UsageError(
            f"say where Qdrant is: --out FOLDER without a server, or a server's URL in environment variable {url_variable}"
        )
    try:
        if folder is None:
            client = QdrantClient(url=url, api_key=environment.get(key_variable) or None, check_compatibility=False)
        else:
            client = QdrantClient(":memory:") if str(folder) == ":memory:" else QdrantClient(path=str(folder))
    except Exception as error:  # a ValueError for a bad URL, a RuntimeError for a locked folder, an OSError
        where = f"the server of environment variable {url_variable}" if folder is None else f"folder {folder}"
        said = "" if folder is None else f": {error}"  # a URL may hold a secret
        raise ResourceError(f"cannot open Qdrant in {where}{said}") from None
    with contextlib.closing(client):
        yield client


def write_qdrant(source: VectorSource, client: QdrantClient, collection: str, *, overwrite: bool = False) -> int:
    """Write vectors to Qdrant and return their number; `collection` appears, or changes, when all of them are there.

    A point has the named vector ``embedding`` (inner product) and, where content is matched as it is, the sparse vector
    ``content``; its payload has ``id`` and, for items, ``title``. Point ids are those of `point_id`. The points are in a
    collection of a random name, and `collection` is its alias; an older one of ours is deleted after the switch.

    Parameters
    ----------
    source : VectorSource
        From `items_of` or `users_of`.
    client : QdrantClient
        From `open_qdrant`, or any other.
    collection : str
        Name to ask for.
    overwrite : bool
        Replace what an earlier export wrote; a collection of somebody else is left alone.

    Raises
    ------
    UsageError
        If the name is taken.
    ResourceError
        If Qdrant refuses; what was written is deleted again.
    """
    from qdrant_client import models

    check_store_name(collection, "--collection")
    layout, fresh = source.layout, f"{collection}{MARK}{secrets.token_hex(6)}"
    dense = {"embedding": models.VectorParams(size=layout.width, distance=models.Distance.DOT)} if layout.width else {}
    sparse = {layout.sparse_name: models.SparseVectorParams()} if layout.sparse_width else None
    with _reported(client, fresh, collection):
        old = _replaced(client, collection, overwrite)
        client.create_collection(fresh, vectors_config=dense, sparse_vectors_config=sparse)
        for block in source.blocks(ROWS):
            if block.ids:
                client.upsert(fresh, _points(block, layout.sparse_name), wait=True)
        switch: list[Any] = []
        if old is not None:
            switch.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=collection)))
        created = models.CreateAlias(collection_name=fresh, alias_name=collection)
        client.update_collection_aliases([*switch, models.CreateAliasOperation(create_alias=created)])
    if old is not None:
        client.delete_collection(old)
    return len(source)


def qdrant_query(query: VectorBlock, *, k: int = 10, seen: Sequence[Key] = (), candidates: int = 1_000) -> dict[str, Any]:
    """Return the arguments of ``client.query_points(collection, ...)`` that list points by score, best first.

    Where vectors have two pieces, the best `candidates` of each piece are fetched and ordered by the sum of the two scores
    (a formula query; Qdrant 1.14 or newer). With `candidates` of at least the size of the collection that is the library's
    own score for every point; with fewer, a point that is among the best of one piece alone lacks the score of the other.

    Parameters
    ----------
    query : VectorBlock
        From `query_vectors`; the first row is asked for.
    k : int
        Length of the list.
    seen : sequence of str or int
        Ids not to list, such as those of the history.
    candidates : int
        Points to fetch for each piece.
    """
    from qdrant_client import models

    hidden = models.Filter(must_not=[models.HasIdCondition(has_id=[point_id(key) for key in seen])]) if seen else None
    exact = models.SearchParams(exact=True)
    pieces: list[tuple[str, Any]] = []
    if query.dense is not None:
        pieces.append(("embedding", query.dense[0].tolist()))
    if query.sparse is not None and (query.sparse.nnz or not pieces):
        pieces.append(("embedding" if query.dense is None else "content", _sparse(query, 0)))
    if len(pieces) == 1:
        name, vector = pieces[0]
        return {"query": vector, "using": name, "limit": k, "query_filter": hidden, "search_params": exact}
    fetched = [
        models.Prefetch(query=vector, using=name, limit=max(candidates, k), filter=hidden, params=exact)
        for name, vector in pieces
    ]
    scores = ["$score[0]", "$score[1]"]
    formula = models.FormulaQuery(formula=models.SumExpression(sum=list(scores)), defaults=dict.fromkeys(scores, 0.0))
    return {"prefetch": fetched, "query": formula, "limit": k}


def point_id(key: Key) -> int | str:
    """Return the id of a point: whole numbers from 0 are their own, anything else becomes a UUID made from its text."""
    if isinstance(key, int) and 0 <= key < 2**63:
        return key
    return str(uuid.uuid5(NAMESPACE, str(key)))


def _points(block: VectorBlock, sparse_name: str) -> Any:
    from qdrant_client import models

    vectors: dict[str, Any] = {}
    if block.dense is not None:
        vectors["embedding"] = block.dense.tolist()
    if block.sparse is not None:
        vectors[sparse_name] = [_sparse(block, row) for row in range(len(block.ids))]
    payloads: list[dict[str, Any]] = [{"id": key} for key in block.ids]
    if block.titles is not None:
        payloads = [{**payload, "title": title} for payload, title in zip(payloads, block.titles, strict=True)]
    return models.Batch(ids=[point_id(key) for key in block.ids], payloads=payloads, vectors=vectors)


def _sparse(block: VectorBlock, row: int) -> Any:
    from qdrant_client import models

    matrix = block.sparse
    part = slice(int(matrix.indptr[row]), int(matrix.indptr[row + 1]))  # type: ignore[union-attr]
    return models.SparseVector(indices=matrix.indices[part].tolist(), values=matrix.data[part].tolist())  # type: ignore[union-attr]


def _replaced(client: QdrantClient, collection: str, overwrite: bool) -> str | None:
    """Return the collection behind the alias, to be deleted after the switch; raises if the name may not be taken."""
    aliases = {alias.alias_name: alias.collection_name for alias in client.get_aliases().aliases}
    old = aliases.get(collection)
    if old is None and not client.collection_exists(collection):
        return None
    if old is None or not old.startswith(collection + MARK):
        raise UsageError(
            f"'{collection}' is in Qdrant already and was not written by dualnet export; choose another --collection"
        )
    if not overwrite:
        raise UsageError(f"collection '{collection}' exists; replace it with --overwrite or choose another --collection")
    return old


@contextmanager
def _reported(client: QdrantClient, fresh: str, collection: str) -> Iterator[None]:
    """Delete a half-written collection, and turn the client's errors into one of ours."""
    from qdrant_client.http.exceptions import ApiException, ResponseHandlingException

    try:
        yield
    except UsageError:
        raise
    except BaseException as error:
        with contextlib.suppress(Exception):
            client.delete_collection(fresh)
        if isinstance(error, ResponseHandlingException):
            raise ResourceError("the Qdrant server does not answer; check its URL and key; nothing was changed") from None
        if isinstance(error, ApiException | ValueError | OSError):
            said = f"{getattr(error, 'status_code', '')} {getattr(error, 'reason_phrase', '') or type(error).__name__}".strip()
            raise ResourceError(f"Qdrant did not take collection '{collection}': {said}; nothing was changed") from error
        raise
