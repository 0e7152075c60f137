"""Readers of Parquet, Feather and Arrow files: bounded when decoded, and validated in full before anything uses the data.

Arrow's readers believe offsets and lengths as they stand: a crafted file makes them read beyond a buffer, or ends the process.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import feather

from ..errors import DataError, DualNetError
from .open_input import check_regular, reading

LARGEST_RATIO = 100  # decoded / stored size; more is a bomb
SMALLEST_BOMB = 256 * 2**20  # bytes, decoded, that any file may have
MOST_ROWS_A_BYTE = 20  # of the file; a million rows are always fine
ROWS_ALWAYS_FINE = 1_000_000


def checked_table(table: pa.Table, what: object, error: type[DualNetError] = DataError) -> pa.Table:
    """Return a table after checking offsets, lengths and text encodings of every column.

    Parameters
    ----------
    table : pyarrow.Table
        From a reader that checks nothing.
    what : object
        Where it came from, for the text.
    error : type of DualNetError
        The kind of error.

    Raises
    ------
    DualNetError
        If a column leads outside its data, or text is not UTF-8.
    """
    try:
        table.validate(full=True)
    except pa.ArrowException as cause:
        raise error(f"{what} is damaged: {str(cause).splitlines()[0][:200]}; write or copy it again") from cause
    return table


def parquet_of(data: bytes, path: Path) -> pa.Table:
    """Return the table of a Parquet file held in memory, validated in full."""
    with reading(path, DataError, "write or copy it again", "is not a whole Parquet file"):
        return checked_table(pq.read_table(pa.BufferReader(data), page_checksum_verification=True), path)


def feather_of(data: bytes, path: Path) -> pa.Table:
    """Return the table of a Feather file held in memory, validated in full."""
    with reading(path, DataError, "write or copy it again", "is not a whole Feather file"):
        return checked_table(feather.read_table(pa.BufferReader(data)), path)


def read_arrow(data: bytes, what: object) -> pa.Table:
    """Return the table of an Arrow file held in memory, validated in full."""
    with pa.ipc.open_file(pa.BufferReader(data)) as reader:
        return checked_table(reader.read_all(), what)


def read_parquet(path: Path) -> pa.Table:
    """Return the table of one Parquet file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    DataError
        If it is none, is damaged (pages with checksums are compared with them), or is far larger decoded than stored.
    """
    size = check_regular(path)
    with reading(path, DataError, "write or copy it again", "is not a whole Parquet file"):
        _refuse_bomb(path, size)
        # keys of folders are read by `find_parts`
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
    return checked_table(table, path)


def _refuse_bomb(path: Path, size: int) -> None:
    """Refuse a file that decodes to far more than it holds; few pages can stand for any number of rows."""
    with pq.ParquetFile(path) as opened:
        metadata, schema = opened.metadata, opened.schema_arrow
        limit, claimed = refuse_claims(path, size, metadata)
        texts = [field.name for field in schema if _is_text(field.type)]
    # one text may stand for all rows: its lengths are summed before it is written out a row at a time
    if not texts or claimed * metadata.num_rows <= limit:
        return
    decoded = 0
    with pq.ParquetFile(path, read_dictionary=texts) as opened:
        for group in range(opened.num_row_groups):
            for column in opened.read_row_group(group, columns=texts).columns:
                decoded += sum(decoded_size(chunk) for chunk in column.chunks)
                if decoded > limit:
                    raise _bomb(path, f"has texts of more than {limit:,} bytes, unpacked, in {size:,}")


def refuse_claims(name: object, size: int, metadata: pq.FileMetaData) -> tuple[int, int]:
    """Refuse a Parquet file of `size` bytes whose footer claims far more; return the most bytes it may have, and those it claims."""
    limit = max(size * LARGEST_RATIO, SMALLEST_BOMB)
    if metadata.num_rows > max(size * MOST_ROWS_A_BYTE, ROWS_ALWAYS_FINE):
        raise _bomb(name, f"claims {metadata.num_rows:,} rows in {size:,} bytes")
    claimed = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if claimed > limit:
        raise _bomb(name, f"claims {claimed:,} bytes, unpacked, in {size:,}")
    return limit, claimed


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_binary(kind)


def decoded_size(chunk: pa.Array) -> int:
    """Return the bytes of a column's chunk when each row has its own value."""
    if not pa.types.is_dictionary(chunk.type):
        return int(chunk.nbytes)
    lengths = pc.take(pc.cast(pc.binary_length(chunk.dictionary), pa.int64()), chunk.indices)
    return int(pc.sum(lengths).as_py() or 0)


def _bomb(name: object, what: str) -> DataError:
    return DataError(f"{name} {what}: far more than it holds; if that is right, write it again in parts of a plain size")
