"""Writer of tables to files: a file appears whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UsageError
from ..files import new_file, writing
from ..typed_values import path_of

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs cells that start so


def write_table(table: pa.Table, path: str | Path) -> Path:
    """Write a table; the format follows the suffix (.parquet, .csv, .tsv, .jsonl).

    Text cells of CSV and TSV that a spreadsheet would run as a formula get a leading apostrophe.

    Parameters
    ----------
    table : pyarrow.Table
        What to write.
    path : str or Path
        Where; appears only when whole. Missing folders are made.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        For another suffix.
    ResourceError
        If the file cannot be written; nothing is left behind.
    """
    target = path_of(path, "path")
    kind = target.suffix.lower()
    if kind not in (".parquet", ".csv", ".tsv", ".jsonl"):
        raise UsageError(f"cannot tell the format of {target}; end its name in .parquet, .csv, .tsv or .jsonl")
    with writing(target), new_file(target) as temporary:
        _write(table, temporary, kind)
    return target


def write_tables(tables: Iterable[pa.Table], path: str | Path) -> int:
    """Write tables of one schema as one Parquet file in bounded memory, whole or not at all; return the number of rows.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        Parts of the file, made one after another; at least one.
    path : str or Path
        Where; appears only when whole. Missing folders are made.

    Raises
    ------
    ResourceError
        If the file cannot be written; nothing is left behind.
    """
    target = path_of(path, "path")
    written = 0
    writer: pq.ParquetWriter | None = None
    with writing(target), new_file(target) as temporary:
        try:
            for table in tables:
                writer = writer or pq.ParquetWriter(temporary, table.schema, write_page_checksum=True)
                writer.write_table(table)
                written += table.num_rows
        finally:
            if writer is not None:
                writer.close()
    return written


def _write(table: pa.Table, path: Path, kind: str) -> None:
    if kind == ".parquet":
        pq.write_table(table, path, write_page_checksum=True)
    elif kind == ".jsonl":
        with path.open("w", encoding="utf-8") as handle:
            handle.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in table.to_pylist())
    else:
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, delimiter="\t" if kind == ".tsv" else ",")
            writer.writerow(table.column_names)
            for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                writer.writerow([_cell(value) for value in row])


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = "|".join(str(part) for part in value)
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value
