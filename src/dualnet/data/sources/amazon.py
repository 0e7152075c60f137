"""Amazon product reviews in McAuley's format: ratings whose texts describe the products."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import DataError
from ...ids import Key
from ..content import Content
from ..content_spec import ContentSpec
from ..dataset import Dataset
from ..filters import NONE, CountFilter
from .ratings import Ratings
from .raw import SourceFolder, assert_totals
from .reviews import with_reviews

ORIGINAL = "Musical_Instruments.json"
PUBLISHED = {"ratings": 10_261, "users": 1_429, "products": 900}
POSITIVE = 4.0  # of 5, as 40 of 50 in the paper's Ciao


def load_amazon_reviews(
    folder: SourceFolder, chosen: CountFilter | None = NONE, *, published: Mapping[str, int] = PUBLISHED
) -> Dataset:
    """Read Amazon reviews (McAuley 2014): Musical Instruments, 5-core, a stand-in for Ciao with its review texts.

    A product is what its reviews say: the content column ``reviews`` joins summary and text of the reviews of its
    positives, 4 and 5 stars, and only of those that train (see `Dataset.with_pair_texts`). Reviews of other ratings are
    not used. Of repeated ratings of a pair the latest counts.

    Parameters
    ----------
    folder : SourceFolder
        Holds ``Musical_Instruments.json``, or a single file ``*.json`` or ``*.jsonl`` (plain or gzip) of another category:
        one object a line with reviewerID, asin, overall, unixReviewTime, reviewText and summary.
    chosen : CountFilter, optional
        None and the default keep all: the file is a 5-core already, and Ciao's filter would leave 188 of its 1,429 users.
    published : mapping of str to int
        Totals to assert where the file is Musical Instruments.

    Raises
    ------
    DataError
        If totals differ, a line is not as described, or the folder holds several files.
    """
    name = _file(folder)
    users, items, stars, times = [], [], [], []
    written: list[str] = []
    for number, line in folder.each_line(name):
        try:
            review = json.loads(line)
            users.append(_key(review["reviewerID"]))
            items.append(_key(review["asin"]))
            stars.append(_finite(review["overall"]))
            times.append(_whole(review["unixReviewTime"]))
            written.append(" ".join(part for key in ("summary", "reviewText") if (part := review.get(key))))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise DataError(
                f"{folder.path / name}, line {number} is not a JSON review with reviewerID, asin, overall and"
                f" unixReviewTime ({type(error).__name__}: {error}); Python literals have to be written as JSON first"
            ) from error
    ratings = Ratings(users, items, np.array(stars), np.array(times, np.int64))
    totals = ratings.totals("products")
    if name == ORIGINAL:
        assert_totals("amazon-reviews", totals, dict(published))
    interactions = ratings.liked(POSITIVE, NONE if chosen is None else chosen)
    texts: dict[tuple[Key, Key], str] = {}
    for place in np.argsort(ratings.times, kind="stable"):
        texts[users[place], items[place]] = written[place]  # the latest counts, as for the rating
    table = pa.table({"product": interactions.items.keys})
    origin = {f"published {what}": total for what, total in totals.items()}
    content = Content(interactions.items, table, ContentSpec(title="product"))
    return with_reviews(Dataset(interactions, content, name="amazon-reviews", origin=origin), texts)


def _file(folder: SourceFolder) -> str:
    """Return the name, without ``.gz``, of the file to read."""
    if folder.has(ORIGINAL) or not folder.path.is_dir():
        return ORIGINAL
    names = sorted({path.name.removesuffix(".gz") for path in folder.path.iterdir()})
    found = [name for name in names if Path(name).suffix in (".json", ".jsonl")]
    if len(found) > 1:
        raise DataError(f"{folder.path} holds several files of reviews ({', '.join(found[:4])}); leave one of them there")
    return found[0] if found else ORIGINAL


def _key(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"id {value!r} is not text")
    return value


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"rating {value!r} is not a number")
    return number


def _whole(value: Any) -> int:
    number = int(value)
    if abs(number) >= 2**63:
        raise ValueError(f"time {value!r} is too large")
    return number
