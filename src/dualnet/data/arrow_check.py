"""Arrow and Parquet data that somebody else wrote, validated in full before anything looks into it.

Arrow's readers believe offsets and lengths as they stand: a crafted file makes them read beyond a buffer, or ends the process.
"""

from __future__ import annotations

import pyarrow as pa

from ..errors import DataError, DualNetError


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


def read_arrow(data: bytes, what: object) -> pa.Table:
    """Return the table of an Arrow file held in memory, validated in full."""
    with pa.ipc.open_file(pa.BufferReader(data)) as reader:
        return checked_table(reader.read_all(), what)
