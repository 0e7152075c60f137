"""`dualnet export`: vectors to files and vector stores, encoders to ONNX."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import UsageError
from ..runs.folder import model_folder
from .option_groups import with_options
from .output import JsonFlag, check_output_file, note, print_json, say

if TYPE_CHECKING:
    from ..models.base import Recommender

Target = Literal["parquet", "npz", "pgvector", "qdrant", "lancedb", "onnx"]
Index = Literal["hnsw", "none"]

# options that mean something for a target only; given for another they are a mistake
USED = {
    "--out": {"parquet", "npz", "qdrant", "lancedb", "onnx"},
    "--what": {"parquet", "npz", "pgvector", "qdrant", "lancedb"},
    "--database-url-env": {"pgvector"},
    "--table": {"pgvector", "lancedb"},
    "--index": {"pgvector"},
    "--collection": {"qdrant"},
    "--qdrant-url-env": {"qdrant"},
    "--qdrant-key-env": {"qdrant"},
    "--overwrite": {"parquet", "npz", "pgvector", "qdrant", "lancedb", "onnx"},
}
FILES = {"parquet", "npz"}  # the target is the suffix
NEED_OUT = {"parquet", "npz", "lancedb", "onnx"}
STORES = {"pgvector", "qdrant", "lancedb"}  # whose users may be tempted to ask for the dense piece alone
CUT = 10  # of the overlap that is measured


@dataclass(frozen=True)
class StoreOptions:
    """Address of a store and the names in it; the fields are options of the command."""

    database_url_env: Annotated[
        str | None,
        typer.Option("--database-url-env", help="pgvector: environment variable with the URL (default: DATABASE_URL)."),
    ] = None
    table: Annotated[
        str | None, typer.Option("--table", help="pgvector, lancedb: name (default: dualnet_items or dualnet_users).")
    ] = None
    index: Annotated[Index | None, typer.Option("--index", help="pgvector: an HNSW index, or none (default).")] = None
    collection: Annotated[
        str | None, typer.Option("--collection", help="qdrant: name (default: dualnet_items or dualnet_users).")
    ] = None
    qdrant_url_env: Annotated[
        str | None,
        typer.Option("--qdrant-url-env", help="qdrant: environment variable with the server's URL (default: QDRANT_URL)."),
    ] = None
    qdrant_key_env: Annotated[
        str | None,
        typer.Option("--qdrant-key-env", help="qdrant: environment variable with the key, if any (default: QDRANT_API_KEY)."),
    ] = None


@with_options(StoreOptions, "store")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run or of a model.")],
    to: Annotated[Target, typer.Option("--to", help="Where the vectors, or with onnx the encoders, go.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File (parquet, npz) or folder (qdrant without a server, lancedb, onnx).")
    ] = None,
    what: Annotated[
        Literal["items", "users"] | None, typer.Option("--what", help="The catalogue (default), or the users seen in training.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the file at --out, or what an earlier export wrote to a store or folder."),
    ] = False,
    as_json: JsonFlag = False,
    *,
    store: StoreOptions,
) -> None:
    """Write item or user vectors to a file or a vector store, or the encoders as ONNX graphs.

    The score of a pair is the inner product of its vectors. Where content is matched as it is, a vector has two pieces, a
    dense embedding and sparse content, and the score is the sum of two inner products.

    Examples
    --------
      dualnet export run --to parquet --out items.parquet
      dualnet export run --to pgvector --database-url-env DATABASE_URL
      dualnet export run --to onnx --out encoders
    """
    from ..models.registry import load

    given = _given(to, {"--out": out, "--what": what, "--overwrite": overwrite or None}, store)
    model = load(model_folder(run))
    if to == "onnx":
        from ..exports.onnx_folder import write_onnx

        report = {"to": to, "where": str(out), **write_onnx(model, given["--out"], overwrite=overwrite)}
        pieces = _pieces(report["width"], report["content_width"])
        line = f"wrote item and user encoders (opset {report['opset']}, {pieces}) to {out}"
        remark = report["score"] if report["content_width"] else None
    else:
        report = {"to": to, **_write_vectors(model, to, what or "items", given)}
        pieces = _pieces(report["width"], report["sparse_width"])
        line = f"wrote the vectors of {report['written']:,} {report['what']} ({pieces}) to {report['where']}"
        remark = None
        if report["embedding_overlap"] is not None:
            remark = (
                f"the dense piece alone keeps {report['embedding_overlap']:.0%} of the exact top {CUT}; for the exact score ask"
                " for both pieces (docs/how-to/export-embeddings.md)"
            )
    if remark is not None:
        note(f"dualnet: {remark}")
    if as_json:
        print_json(report)
    else:
        say(line)


def _given(to: Target, own: dict[str, Any], store: StoreOptions) -> dict[str, Any]:
    """Return the options that were given, after making sure that each means something for the target."""
    from ..exports.store_names import check_store_name

    named = {f"--{field.name.replace('_', '-')}": getattr(store, field.name) for field in fields(store)}
    given = {option: value for option, value in {**own, **named}.items() if value is not None}
    for option in given:
        if to not in USED[option]:
            raise UsageError(f"{option} means nothing for --to {to}; leave it out")
    if to in NEED_OUT and "--out" not in given:
        raise UsageError(f"--to {to} needs --out, the file or folder to write")
    if "--out" in given and to in FILES:
        check_output_file(given["--out"], f".{to}", overwrite="--overwrite" in given)
    for option in {"lancedb": ("--table",), "qdrant": ("--collection",)}.get(to, ()):
        if option in given:
            check_store_name(given[option], option)  # before the store makes a folder
    return given


def _pieces(dense: int, sparse: int) -> str:
    return " and ".join(f"{width:,} {kind} numbers" for width, kind in ((dense, "dense"), (sparse, "sparse")) if width)


def _write_vectors(model: Recommender, to: str, what: str, given: dict[str, Any]) -> dict[str, Any]:
    """Write to a file or store; return where, and what can be said of it."""
    from ..exports.source import items_of, users_of

    source = items_of(model) if what == "items" else users_of(model)
    where, overwrite = f"dualnet_{what}", "--overwrite" in given
    if to == "parquet":
        from ..exports.parquet import write_parquet

        where, written = str(given["--out"]), write_parquet(source, given["--out"])
    elif to == "npz":
        from ..exports.npz import write_npz

        where, written = str(given["--out"]), write_npz(source, given["--out"])
    elif to == "pgvector":
        from ..exports.postgresql import write_postgresql

        where, variable = given.get("--table", where), given.get("--database-url-env", "DATABASE_URL")
        index = given.get("--index", "none")
        written = write_postgresql(source, where, url_variable=variable, overwrite=overwrite, index=index)
    elif to == "qdrant":
        from ..exports.qdrant import open_qdrant, write_qdrant

        where = given.get("--collection", where)
        url, key = given.get("--qdrant-url-env", "QDRANT_URL"), given.get("--qdrant-key-env", "QDRANT_API_KEY")
        with open_qdrant(given.get("--out"), url_variable=url, key_variable=key) as client:
            written = write_qdrant(source, client, where, overwrite=overwrite)
    else:
        from ..exports.lancedb import open_lancedb, write_lancedb

        where = given.get("--table", where)
        written = write_lancedb(source, open_lancedb(given["--out"]), where, overwrite=overwrite)
    overlap = None
    if to in STORES:
        from ..exports.source import embedding_overlap

        overlap = embedding_overlap(model, k=CUT)
    layout = source.layout
    widths = {"width": layout.width, "sparse_width": layout.sparse_width}
    return {"what": what, "where": where, "written": written, **widths, "embedding_overlap": overlap}
