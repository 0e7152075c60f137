"""The server without HTTP: everything that can be asked of a model, and every change to what it knows.

Errors for the front to map:

- `refusals.BusyError` (503, `retry_after`), `refusals.ClosedError` (503), `refusals.ConflictError` (409),
  `refusals.RefusedModelError` (409);
- `UnknownIdError` (404 where the id came in the path, 422 in a body), `UsageError`, `CapabilityError`, `DataError` (422),
  `ResourceError` (503: the journal cannot be written).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..ids import Key
from .questions import Asker, Columns, ModelLabel, NewItem, Question, Reply


@dataclass(frozen=True)
class ServiceSettings:
    """Limits of a service.

    Parameters
    ----------
    batch : int
        Questions answered at once.
    waiting : int
        Questions that may wait; more are refused with `BusyError`.
    """

    batch: int = 32
    waiting: int = 1024


class Service:
    """One served model: a live catalogue, a scoring thread, a journal, versions.

    Use as ``service = Service.open(folder, state=...)``, ``await service.start()``, ..., ``await service.close()``.
    Methods that are coroutines may be awaited from one event loop; the others return at once and may be called anywhere.
    """

    @classmethod
    def open(cls, folder: Path, *, state: Path | None = None, settings: ServiceSettings | None = None) -> Service:
        """Load and check a model folder and replay the journal of the state folder; blocks for seconds."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start the scoring thread; before it `ask` raises `ClosedError`."""
        raise NotImplementedError

    async def close(self) -> None:
        """Answer what waits, take no more, release the state folder."""
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether questions are taken (for /readyz)."""
        raise NotImplementedError

    @property
    def label(self) -> ModelLabel:
        """Name and version of the model that answers now."""
        raise NotImplementedError

    def item_key(self, text: str) -> Key:
        """Turn an item id from a path or query into a key of the model's kind (whole number or text)."""
        raise NotImplementedError

    def user_key(self, text: str) -> Key:
        """Turn a user id from a path or query into a key of the model's kind."""
        raise NotImplementedError

    async def ask(self, question: Question) -> Reply:
        """Answer one question in a batch with others; the body is that of the HTTP contract without model and request id."""
        raise NotImplementedError

    async def explain(self, asker: Asker, item: Key) -> Reply:
        """Return ``{"explanation": ...}`` of one score; not batched, takes tens of milliseconds."""
        raise NotImplementedError

    async def compare(self, asker: Asker, k: int = 10) -> Reply:
        """Return ``{"models": [...], "pending": [names of baselines still being built]}``."""
        raise NotImplementedError

    async def put_item(self, key: Key, content: Columns) -> tuple[Reply, bool]:
        """Add or replace a live item, durably; the bool says whether it is new (201) or not (200)."""
        raise NotImplementedError

    async def put_items(self, items: Sequence[NewItem]) -> Reply:
        """Add or replace up to 1,000 live items, all or none; ``{"added": n, "replaced": m}``."""
        raise NotImplementedError

    async def delete_item(self, key: Key) -> Reply:
        """Remove a live item, or hide one the model was trained on; ``{"item": id, "state": "deleted" | "hidden"}``."""
        raise NotImplementedError

    async def add_events(self, events: Sequence[tuple[Key, Key]]) -> Reply:
        """Append (user, item) events to stored histories; ``{"added": n, "repeated": m, "new_users": u}``."""
        raise NotImplementedError

    async def reload(self) -> Reply:
        """Load the model folder anew, check it aside and swap it in; ``{"model": ..., "previous": ...}``."""
        raise NotImplementedError

    async def rollback(self) -> Reply:
        """Go back to the previous version, which was kept; `ConflictError` if there is none."""
        raise NotImplementedError

    async def model_summary(self) -> Reply:
        """Return the body of ``GET /v1/model``."""
        raise NotImplementedError

    async def search_items(self, query: str, *, limit: int = 20, offset: int = 0) -> Reply:
        """Return ``{"items": [cards], "total": n}``: titles with all words, the last as a prefix; popular first."""
        raise NotImplementedError

    async def item_card(self, key: Key) -> Reply:
        """Return one item's card: ``{"item","title","path","content","picture"}``; `UnknownIdError` if not there."""
        raise NotImplementedError

    async def picture(self, key: Key) -> tuple[bytes, str] | None:
        """Return the bytes and media type (``image/png``, ...) of an item's picture; None where there is none."""
        raise NotImplementedError

    async def search_users(self, query: str, *, limit: int = 20) -> Reply:
        """Return ``{"users": [{"user","events"}], "total": n}``: ids that contain the text, longest histories first."""
        raise NotImplementedError

    async def user_history(self, key: Key) -> Reply:
        """Return ``{"items": [cards]}`` of a stored history; `UnknownIdError` if the user is not there."""
        raise NotImplementedError

    async def map(self) -> Reply:
        """Return ``{"items","x","y","explained"}`` of at most 5,000 items, the most popular first."""
        raise NotImplementedError

    def gauges(self) -> dict[str, float]:
        """Return numbers for /metrics: ``waiting``, ``items``, ``users``, ``items_live``, ``items_hidden``, ``journal_bytes``."""
        raise NotImplementedError
