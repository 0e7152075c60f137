"""Answers of a fitted model: lists of recommendations, similar items, users for an item, new items, scores.

How they are answered is in `retrieval.answering`; here they are asked of a model in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, Unpack, cast, overload

import numpy as np
from numpy.typing import NDArray

from ..data.content import Content
from ..data.space import ItemSpace
from ..errors import CapabilityError, DataError, UnknownIdError, UsageError, listing
from ..ids import Key
from ..retrieval.answering import check_k
from ..retrieval.askers import check_one_asker
from ..retrieval.questions import (
    Filter,
    ItemKind,
    ScoreQuestion,
    Scores,
    SimilarQuestion,
    UsersQuestion,
)
from ..retrieval.recommendations import RecommendationLists, Recommendations
from ..retrieval.unknown_ids import Unknown, check_id, listed_ids
from ..retrieval.vectors import stack_vectors
from ..rules.rules import Rules, as_rules
from ..scorer import check_scored
from ..typed_values import path_of
from .asking import Asks, Fallback, Listed, Others, Wanted, askers_of, check_block, say_what_was_not_as_asked, warn_of_unknown
from .catalogue import kept_vectors
from .item_names import item_names
from .one_writer import one_writer
from .question_content import as_content, cannot_score_new, user_rows


class Answers(Asks):
    """The answers of a model, which follow from two encoders and a catalogue."""

    @overload
    def recommend(
        self, user: Key | None = None, *, history: Sequence[Key] | None = None, **wanted: Unpack[Wanted]
    ) -> Recommendations: ...

    @overload
    def recommend(self, *, users: Sequence[Key], **wanted: Unpack[Wanted]) -> RecommendationLists: ...

    @overload
    def recommend(self, *, histories: Sequence[Sequence[Key]], **wanted: Unpack[Wanted]) -> RecommendationLists: ...

    def recommend(
        self,
        user: Key | Sequence[Key] | None = None,
        *,
        history: Sequence[Key] | None = None,
        users: Sequence[Key] | None = None,
        histories: Sequence[Sequence[Key]] | None = None,
        user_columns: Any = None,
        seen: Sequence[Key] = (),
        k: int = 10,
        exclude: Sequence[Key] = (),
        candidates: Sequence[Key] | None = None,
        filter: Filter | None = None,  # noqa: A002  # the word that HTTP has
        only: ItemKind | None = None,
        new_share: float | None = None,
        popularity: float = 1.0,
        filter_seen: bool = True,
        new_items: Content | Any | None = None,
        fallback: Fallback = "popularity",
        unknown: Unknown | None = None,
        rules: Rules | Mapping[str, Any] | None = None,
        page: str | None = None,
        times: Sequence[int] | None = None,
        explore: float = 0.0,
        draw: str | int | None = None,
    ) -> Recommendations | RecommendationLists:
        """Return the best items for a known or a new user, or for several users at once.

        Parameters
        ----------
        user : str or int, optional
            A user seen in training, whose stored history is used. A list of ids means the same as `users`.
        history : sequence of str or int, optional
            A history instead of `user`: items of the catalogue or of `new_items`.
        users : sequence of str or int, optional
            Several users seen in training, answered together, which is faster than one by one.
        histories : sequence of sequence of str or int, optional
            Several histories, answered together.
        user_columns : mapping, or table, optional
            Columns of the user (column to value), for models fitted with user columns; they take the place of stored ones.
            With several users or histories a table or a sequence of mappings, a row for each. Columns alone, without user
            and history, are enough for an answer.
        seen : sequence of str or int
            Items that are never listed and are not part of the history: dismissed, or seen and not liked.
        k : int
            Length of the list; clipped with a warning to what may be listed.
        exclude : sequence of str or int
            Items not to list.
        candidates : sequence of str or int, optional
            List only these.
        filter : mapping, optional
            Conditions on item columns that must all hold, such as ``{"year": {"min": 2000}}``; a condition is ``is``,
            ``any``, ``min``, ``max`` or ``contains``.
        only : {"known", "new"}, optional
            List only items seen in training, or only items that were not.
        new_share : float, optional
            From 0 to 1: this share of the k places, rounded half up, goes to the best new items, the others to the best
            known ones; where one kind runs out, the other fills the list. Not together with `only`.
        popularity : float
            From 0 to 1: share of the average user's score that stays in the scores. At 0 the scores show only how this user
            differs from the average.
        filter_seen : bool
            Do not list items of the history, nor items that the user saw or disliked (`seen`, `seen_`).
        new_items : Content or data frame, optional
            Items for this question only, as for `add_items`; they can be recommended and can be part of the history.
        fallback : {"popularity", "error"}
            What to do when nothing is known of the user.
        unknown : {"error", "ignore"}, optional
            Treatment of ids that are not in the catalogue. By default such ids of a history are refused, and those of `exclude`,
            `candidates` and `seen` are left out with a warning. Under ``"ignore"`` all are left out and listed as `ignored`.
        rules : Rules or mapping, optional
            Boosts, pins, hidden items, quotas, diversity and availability: see `dualnet.Rules`. A mapping is read by
            `Rules.from_json`.
        page : str, optional
            An empty text for the first page of a list; for the next one `next_page` of the answer before. No page repeats
            an item of those before. For one user or history.
        times : sequence of int, optional
            When each item of `history` happened, in seconds since 1970; for models fitted with a half-life.
        explore : float
            From 0 to 1: this share of the places, the last ones without a pin, goes to new items that are drawn from the best new
            items beyond the list (ten times as many as it is long); quotas that these could break are refused.
            `Recommendations.probabilities` has the probability of each entry.
        draw : str or int, optional
            The draw follows from it: the same word draws the same. Another draw each time by default.

        Returns
        -------
        Recommendations
            For `user` or `history`.
        RecommendationLists
            For `users` or `histories`: one list each, in their order, and all of them as one table.

        Raises
        ------
        UnknownIdError
            For a user or item that is not known; the text names it.
        UsageError
            For none or more than one of `user`, `history`, `users` and `histories`, k below 1, or both of `only` and
            `new_share`.
        DataError
            For an empty history under ``fallback="error"``.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> [item[:2] for item in model.recommend("u0-0", k=3).ids]  # a user of the training data
        ['i0', 'i0', 'i0']
        >>> [item[:2] for item in model.recommend(history=["i1-0", "i1-1"], k=2).ids]  # somebody new
        ['i1', 'i1']
        >>> lists = model.recommend(["u0-0", "u3-0"], k=2, exclude=["i0-0"])
        >>> [len(found) for found in lists]
        [2, 2]
        """
        self._require_fitted()
        if users is None and not isinstance(user, str | bytes) and isinstance(user, Iterable):
            user, users = None, user
        one = users is None and histories is None
        if not (one and user is None and history is None and user_columns is not None):
            check_one_asker(user, history, users, histories)
        wanted = Listed(
            seen=seen, k=k, exclude=exclude, candidates=candidates, filter=filter, only=only, new_share=new_share,
            popularity=popularity, filter_seen=filter_seen, new_items=new_items, fallback=fallback, unknown=unknown,
            rules=as_rules(rules),
            explore=explore, draw=draw,
        )  # fmt: skip
        question = replace(self._question(wanted), page=page)
        if one:
            asked = replace(question, user=cast(Key, user), history=history, user_columns=user_columns, times=times)
            found = cast(Recommendations, self._ask([asked])[0])
            say_what_was_not_as_asked(question, [found])
            return found
        askers = askers_of(users, histories, page=page, times=times)
        columns = [None] * len(askers)
        if user_columns is not None:
            rows = user_rows(self, user_columns, users)
            if rows.shape[0] != len(askers):
                raise UsageError(f"user_columns has {rows.shape[0]:,} rows for {len(askers):,} users; give one row each")
            columns = [rows[[at]] for at in range(len(askers))]
        questions = [
            replace(question, user=key, history=taken, user_columns=row)
            for (key, taken), row in zip(askers, columns, strict=True)
        ]
        lists = [cast(Recommendations, answer) for part in self._batches(questions) for answer in part]
        say_what_was_not_as_asked(question, lists)
        return RecommendationLists(list(range(len(lists))) if users is None else listed_ids(users), lists)

    def recommend_all(
        self,
        path: str | Path | None = None,
        *,
        users: Sequence[Key] | None = None,
        exclude: Sequence[Key] = (),
        candidates: Sequence[Key] | None = None,
        block: int | None = None,
        **wanted: Unpack[Others],
    ) -> int | list[dict[str, Any]]:
        """Recommend for every user seen in training, or for some of them, streamed.

        Parameters
        ----------
        path : str or Path, optional
            Parquet file to write (columns user, rank, item, score), in bounded memory, whole or not at all. Without it a
            list of row dictionaries is returned.
        users : sequence of str or int, optional
            Only these, in this order.
        exclude, candidates
            As in `recommend`, for everybody.
        block : int, optional
            Users at a time.
        **wanted
            The other arguments of `recommend` that are of lists, for everybody: `k`, `filter_seen`, `filter`, `only` and so on.

        Returns
        -------
        int or list of dict
            Rows written, or the rows.

        Raises
        ------
        ResourceError
            If the file cannot be written.
        UnknownIdError, UsageError
            As `recommend`.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> model.recommend_all("lists.parquet", k=3)  # 40 users
        120
        >>> rows = model.recommend_all(users=["u0-0"], k=2)
        >>> [row["rank"] for row in rows]
        [1, 2]
        """
        from ..data.write_table import write_tables

        self._require_fitted()
        question = self._question(cast(Listed, {"exclude": exclude, "candidates": candidates, **wanted}))
        check_k(question.k)
        check_block(block)
        everybody = list(self.users_) if users is None else listed_ids(users)
        self.users_.rows(everybody, "user")
        said = iter([True])
        names = iter(everybody)

        def told(part: list[Recommendations]) -> list[Recommendations]:
            if next(said, False):
                warn_of_unknown(question, part)  # the ids are the same for all
            return part

        parts = (
            told(cast("list[Recommendations]", part))
            for part in self._batches((replace(question, user=user) for user in everybody), block)
        )
        tables = (
            RecommendationLists([next(names) for _ in part], part).to_arrow().select(["user", "rank", "item", "score"])
            for part in parts
        )  # fmt: skip
        return (
            [row for table in tables for row in table.to_pylist()]
            if path is None
            else write_tables(tables, path_of(path, "path"))
        )

    def find_item(self, title: str) -> Key:
        """Return the id of the item that has a title, for questions that a person asks; an id is returned as it is.

        Case, accents, the place of an article ("Matrix, The"), a year and what stands in brackets do not count unless they
        tell two items apart; if no title fits then, one typo that is not in a number is forgiven.

        Parameters
        ----------
        title : str
            A title of the catalogue, whole; or the id of an item.

        Raises
        ------
        UnknownIdError
            If no item has this title, or several have it; the text lists the nearest titles with their ids.

        Examples
        --------
        >>> import dualnet
        >>> likes = {"user_id": ["ann", "bob", "bob"], "item_id": [7, 7, 9]}
        >>> names = {"item_id": [7, 9], "title": ["The Matrix (1999)", "Green matrix"]}
        >>> model = dualnet.ContentProfile().fit(dualnet.Dataset.from_tables(likes, names, text="title"))
        >>> model.find_item("matirx")
        7
        """
        self._require_fitted()
        check_id(title, "title")
        ids = self.catalogue_.ids
        key = ids.parse(title) if isinstance(title, str) else title
        if key in ids:
            return key
        names = item_names(self)
        found = None if names is None else names.find(str(title))
        if found is None:
            raise UnknownIdError(
                f"there is no item with the id or title {key!r}.{'' if names is None else names.nearest(str(title))}"
            )
        return found

    def similar_items(
        self,
        item: Key,
        *,
        k: int = 10,
        exclude: Sequence[Key] = (),
        candidates: Sequence[Key] | None = None,
        filter: Filter | None = None,  # noqa: A002  # the word that HTTP has
        only: ItemKind | None = None,
        new_share: float | None = None,
        unknown: Unknown | None = None,
        rules: Rules | Mapping[str, Any] | None = None,
        page: str | None = None,
    ) -> Recommendations:
        """Return the items most similar to one item of the catalogue.

        Models with solved levels return the correlation of two likes under the joint solution: how likely somebody who likes
        the one item is to like the other. All other models return the cosine of the two vectors.

        Parameters
        ----------
        item : str or int
            An item of the catalogue.
        k : int
            Length of the list.
        exclude, candidates, filter, only, new_share, unknown, rules, page
            As in `recommend`.

        Raises
        ------
        UnknownIdError
            If the item is not in the catalogue.
        CapabilityError
            If the model has no vector for it.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> [item[:2] for item in model.similar_items("i2-0", k=3).ids]
        ['i2', 'i2', 'i2']
        """
        question = SimilarQuestion(
            item=item, k=k, exclude=exclude, candidates=candidates, filter=filter, only=only, new_share=new_share,
            unknown=unknown, rules=as_rules(rules), page=page,
        )  # fmt: skip
        found = cast(Recommendations, self._ask([question])[0])
        say_what_was_not_as_asked(question, [found])
        return found

    def recommend_users(
        self,
        item: Key,
        *,
        k: int = 10,
        exclude: Sequence[Key] = (),
        candidates: Sequence[Key] | None = None,
        filter_seen: bool = True,
        unknown: Unknown | None = None,
    ) -> Recommendations:
        """Return the users seen in training with the highest scores for one item of the catalogue, known or new.

        Parameters
        ----------
        item : str or int
            An item of the catalogue.
        k : int
            Length of the list.
        exclude : sequence of str or int
            Users not to list.
        candidates : sequence of str or int, optional
            List only these users.
        filter_seen : bool
            Leave out users whose history holds the item, and those who saw or disliked it.
        unknown : {"error", "ignore"}, optional
            As in `recommend`, for the users of `exclude` and `candidates`.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> model.recommend_users("i0-0", k=1).what
        'user'
        """
        question = UsersQuestion(
            item=item, k=k, exclude=exclude, candidates=candidates, keep_seen=not filter_seen, unknown=unknown
        )
        found = cast(Recommendations, self._ask([question])[0])
        say_what_was_not_as_asked(question, [found])
        return found

    def score(
        self,
        items: Sequence[Key],
        *,
        user: Key | None = None,
        history: Sequence[Key] | None = None,
        user_columns: Any = None,
        times: Sequence[int] | None = None,
        unknown: Unknown | None = None,
    ) -> NDArray[np.float32]:
        """Return the score of each given item for one user or history; shape (len(items),).

        Parameters
        ----------
        items : sequence of str or int
            Items of the catalogue.
        user, history, user_columns, times, unknown
            As in `recommend`; an item to score must be known.

        Raises
        ------
        DataError
            If nothing is known of the user.

        Examples
        --------
        >>> import dualnet
        >>> model = dualnet.WMF(factors=4, iterations=5).fit(dualnet.synthetic.blocks_world())
        >>> own, other = model.score(["i0-0", "i1-0"], user="u0-0")
        >>> bool(own > other)
        True
        """
        check_scored(items)
        if user is not None or history is not None or user_columns is None:
            check_one_asker(user, history)
        asker: Any = {"user": user, "history": history, "user_columns": user_columns, "times": times, "unknown": unknown}
        found = cast(Scores, self._ask([ScoreQuestion(**asker, items=list(items))])[0])
        return np.array(found.scores, np.float32)

    def add_items(self, content: Content | Any) -> Self:
        """Add new items to the catalogue from their content; they can be recommended at once, without training.

        Several threads may add items at the same time; one thread waits for the other. Questions do not wait.

        Parameters
        ----------
        content : Content or data frame
            New rows with the columns the model was fitted with; a data frame (pandas, Polars, Arrow) has the id column
            ``item_id``.

        Returns
        -------
        Recommender
            The model itself.

        Raises
        ------
        CapabilityError
            If the model cannot score new items.
        DataError
            If an id is already in the catalogue, or a column is missing.

        Examples
        --------
        >>> import dualnet
        >>> import pyarrow as pa
        >>> model = dualnet.ContentProfile().fit(dualnet.synthetic.blocks_world())
        >>> new = pa.table({"item_id": ["new"], "title": ["genomes alleles promoter"]})
        >>> model.add_items(new).recommend("u0-0", only="new", k=1).ids
        ['new']
        """
        self._require_fitted()
        content = as_content(content, self)
        if not self.capabilities.new_items or self.featurizer_ is None:
            raise CapabilityError(cannot_score_new(self))
        with one_writer(self):
            before = self.catalogue_
            present = [key for key in content.ids if key in before.ids]
            if present:
                raise DataError(f"item {listing(present)} is already in the catalogue; give a new item a new id")
            fresh = stack_vectors(before.features, self.featurizer_.transform(content))
            known = np.concatenate([before.known, np.full(len(content), -1)])
            raw = None if before.content is None else before.content.append(content)
            after = ItemSpace(before.ids.extend(content.ids), known, fresh, raw)
            vectors = kept_vectors(self)
            kept = vectors.extended(self, before, after)
            self.catalogue_ = after  # at once: whoever asks meanwhile has the one catalogue or the other
            vectors.keep(kept)
        return self
