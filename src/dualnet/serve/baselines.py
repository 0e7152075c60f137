"""Simple models beside the served one, from its own histories and features: is the network worth it?"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from ..models.base import Recommender
from ..models.neighbours import ItemKNN
from ..models.popularity import Popularity
from ..models.profile import ContentProfile
from .catalogue import LiveCatalogue


class Baselines:
    """Built when first asked for: cheap ones at once, item neighbours in a thread of their own.

    Parameters
    ----------
    model : Recommender
        The served model.
    """

    def __init__(self, model: Recommender) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._built: dict[str, Recommender] = {}
        self._thread: threading.Thread | None = None
        self._views: dict[str, tuple[LiveCatalogue, LiveCatalogue]] = {}
        reads = model.featurizer_ is not None and model.catalogue_.features is not None
        names = ["content-profile", "item-knn", "popularity"] if reads else ["item-knn", "popularity"]
        self.names = [name for name in names if name != model.name]

    def views(self, catalogue: LiveCatalogue) -> tuple[Mapping[str, LiveCatalogue], list[str]]:
        """Return the catalogue as each finished baseline sees it, and the names of those still being built."""
        with self._lock:
            self._start()
            ready = {name: self._built[name] for name in self.names if name in self._built}
            for name, model in ready.items():
                kept = self._views.get(name)
                if kept is None or kept[0] is not catalogue:
                    self._views[name] = (catalogue, catalogue.with_model(model))
            return {name: self._views[name][1] for name in ready}, [name for name in self.names if name not in ready]

    def wait(self) -> None:
        """Wait until all are built."""
        with self._lock:
            self._start()
        assert self._thread is not None
        self._thread.join()

    def _start(self) -> None:
        if self._thread is not None:
            return
        if "popularity" in self.names:
            self._built["popularity"] = _borrowed(Popularity(), self._model)
        if "content-profile" in self.names:
            self._built["content-profile"] = _borrowed(ContentProfile(), self._model)
        self._thread = threading.Thread(target=self._build_neighbours, name="dualnet-baselines", daemon=True)
        self._thread.start()

    def _build_neighbours(self) -> None:
        if "item-knn" not in self.names:
            return
        built = ItemKNN()
        _borrowed(built, self._model)
        built._find_neighbours()
        with self._lock:
            self._built["item-knn"] = built


def _borrowed(model: Recommender, served: Recommender) -> Recommender:
    """Return a model with what every model has of the served one: the same users, items and histories."""
    model.users_, model.items_ = served.users_, served.items_
    stored = served.histories_
    model.histories_ = csr_array((np.ones(stored.nnz, np.float32), stored.indices, stored.indptr), shape=stored.shape)
    model.seen_ = served.seen_
    model.popularity_, model.catalogue_, model.info_ = served.popularity_, served.catalogue_, dict(served.info_)
    model.featurizer_, model.user_featurizer_ = served.featurizer_, None
    return model
