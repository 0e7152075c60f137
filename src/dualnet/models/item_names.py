"""Items of a model by the titles that they are called by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..data.title_names import TitleNames

if TYPE_CHECKING:
    from ..data.content import Content
    from .core import Core


def item_names(model: Core, fresh: Content | None = None) -> TitleNames | None:
    """Return the titles of a catalogue as names, and those of new items with them; None where nothing has a title.

    Parameters
    ----------
    model : Core
        Fitted.
    fresh : Content, optional
        New items.
    """
    space = model.catalogue_
    if space.content is None:
        return None
    known = np.asarray(space.known, np.int64)
    popularity = np.where(known >= 0, model.popularity_[np.maximum(known, 0)], 0).tolist() if len(known) else []
    ids, titles = space.ids, space.content.all_titles()
    if fresh is not None:
        new = [row for row, key in enumerate(fresh.ids) if key not in ids]
        ids = ids.extend([fresh.ids.key(row) for row in new])
        titles, popularity = titles + fresh.titles(np.array(new, np.int64)), popularity + [0] * len(new)
    return TitleNames(ids, titles, popularity)
