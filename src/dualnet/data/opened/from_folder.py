"""`Dataset.open`: a data set from a folder of Parquet parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...typed_values import path_of

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

    from .opening import Ranks


class FromFolder:
    """A data set that can be read from a folder of Parquet parts, larger than memory if need be."""

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        items: IntoDataFrame | str | Path | None = None,
        users: IntoDataFrame | str | Path | None = None,
        cache: str | Path | None = None,
        workers: int = 1,
        ranks: Ranks | None = None,
        **columns: Any,
    ) -> Self:
        """Build a data set from a folder of Parquet parts, on a disk or in object storage, in bounded memory.

        The result is that of `from_tables`. The pairs stay in files, of which only what is used is in memory.

        Parameters
        ----------
        folder : str or Path
            ``events``, ``items`` and ``users``, each a file (``events.parquet``) or a folder of parts, also with folders such as
            ``day=2026-01-31``; or parts of events alone. ``s3://``, ``gs://`` or ``abfs://`` for object storage; who asks is taken from
            the environment, as the store's own tools do.
        items, users : data frame or path, optional
            Tables that are not in the folder. Those of the folder are read if a column of theirs is named.
        cache : str or Path, optional
            A folder that keeps the files, so that the same parts are not read again. It holds the pairs of all users: guard it as the
            parts, and remove it to forget them. By default they lie in the folder for temporary files (``TMPDIR``), without a name.
        workers : int
            Threads that read.
        ranks : optional
            What has a `rank` and a `size`, such as `Collectives`: the result has the users of this process only, and all items.
        **columns
            As for `from_tables`: `user`, `item`, `text`, `rating`, `time`, `missing_content` and so on.

        Returns
        -------
        Dataset

        Raises
        ------
        UsageError
            For an argument that there is not, or that means nothing here.
        DataError
            For a folder, part or value that cannot be used; the text names it and the remedy.
        ResourceError
            If a store does not answer, or a disk is full.

        Examples
        --------
        >>> import dualnet
        >>> import pyarrow as pa
        >>> from dualnet.data.tables import write_table
        >>> _ = write_table(pa.table({"user_id": ["ann", "bob"], "item_id": ["tea", "tea"]}), "shop/events/part-0.parquet")
        >>> _ = write_table(pa.table({"user_id": ["bob"], "item_id": ["jam"]}), "shop/events/part-1.parquet")
        >>> dualnet.Dataset.open("shop").interactions.n_pairs
        3
        """
        from ..table_spec import TableSpec
        from .opening import open_parts

        spec = TableSpec.of(columns, "Dataset.open")
        kept = None if cache is None else path_of(cache, "cache").expanduser()
        if not isinstance(folder, str):
            folder = path_of(folder, "folder")
        parts = open_parts(folder, items, users, spec, cache=kept, workers=workers, ranks=ranks)
        named = str(folder).partition("?")[0].rstrip("/").rpartition("/")[2]
        made: Any = cls  # of interactions, items, users and a name, as the data set that this is a part of
        found: Self = made(*parts, columns.get("name", named), event_weights=spec.weights_of_types)
        return found
