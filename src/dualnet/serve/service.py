"""The server without HTTP: everything that can be asked of a model, and every change to what it knows.

Errors and the HTTP status of each:

- `service_errors.BusyError` (503, `retry_after`), `service_errors.ClosedError` (503), `service_errors.ConflictError` (409),
  `service_errors.RefusedModelError` (409);
- `UnknownIdError` (404 where the id came in the path, 422 in a body), `UsageError`, `CapabilityError`, `DataError` (422),
  `ResourceError` (503: the journal cannot be written).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from threadpoolctl import threadpool_limits

from ..errors import DataError, UnknownIdError
from ..ids import Key
from ..models.explain.explaining import explain
from ..retrieval.answering import Answering
from ..retrieval.questions import Asker, Columns, NewItem, Question, RecommendQuestion, UsersQuestion
from ..runs.forgotten_record import signed
from .batcher import Batcher
from .cards import card, picture
from .catalogue import LiveCatalogue, reopened
from .changes import add_events, delete, put, replay
from .event_notes import told_event
from .explained import explained
from .facets import facets
from .following import apply_told, follow
from .forgetting import forget, release, take_back
from .kept_state import listener_of, open_state
from .live_state import Event, LiveState
from .memory import give_back_memory
from .overviews import compare, item_map, model_summary, tastes
from .presets import KeepsPresets, told_rules, with_presets
from .replies import ModelLabel, Picture, Reply
from .search import UserOrder, find_users
from .service_errors import BusyError, ConflictError, RefusedModelError
from .settings import ServiceSettings
from .several import asked_together
from .store import News, Store, StoreAddress
from .versions import Version, load_version, try_out
from .writer import Change, Writer

MOST_PUT = 1_000  # items of one batch
MOST_DEAD = 1_000  # rows of replaced items that are put up with, and a quarter of all; then the view is made anew
MOST_FOLLOWED = 1_000  # changes of others that are brought in one by one; of more the view is made anew
MOST_OVERVIEWS = 4  # that are kept: the map in some colours, what columns hold, tastes
MOST_BESIDE = 64  # questions that are answered outside the batches at a time


@dataclass(frozen=True, eq=False)
class Live:
    """The present version and a view of its catalogue; both are exchanged together."""

    version: Version
    catalogue: LiveCatalogue


class Service(KeepsPresets):
    """One served model: a live catalogue, scoring threads, a journal, versions.

    Use as ``service = Service.open(folder, state=...)``, ``await service.start()``, ..., ``await service.close()``.
    Methods that are coroutines may be awaited from one event loop; the others return at once and may be called anywhere.

    Attributes
    ----------
    left_out : int
        Kept items that the served model cannot take.
    away : str
        Why nothing can be changed at present, as far as `responds` knows; empty while changes are taken.
    on_batch : callable, optional
        Called with the number of questions of each batch; it runs in the event loop.
    on_end, failure
        As in `model_process.remote.RemoteService`; a service in this process does not end by itself.
    """

    on_batch: Callable[[int], None] | None = None
    on_end: Callable[[], None] | None = None
    failure: str = ""
    away: str = ""

    def __init__(self, folder: Path, version: Version, store: Store | None, state: LiveState, settings: ServiceSettings):
        self._folder, self._settings = folder, settings
        catalogue, self.left_out = replay(reopened(version.base), state)
        self._live = Live(version, catalogue)
        self._previous: Version | None = None
        self._reloading = asyncio.Lock()
        self._writer = Writer(state, store, lambda: self._live.catalogue, self._publish, self._follow, settings.allowance)
        self._listener = listener_of(store, self._writer.catch_up)
        self._scoring = ThreadPoolExecutor(settings.threads, "dualnet-scoring")
        self._batcher: Batcher[Question, Reply] = Batcher(
            self._answer, batch=settings.batch, waiting=settings.waiting, at_once=settings.threads
        )
        self._started, self._beside = False, 0
        self._overviews: dict[str, tuple[LiveCatalogue, dict[str, Any]]] = {}

    @classmethod
    def open(cls, folder: Path, *, state: Path | StoreAddress | None = None, settings: ServiceSettings | None = None) -> Self:
        """Load and check a model folder and read what is kept of changes; blocks for seconds.

        Parameters
        ----------
        folder : Path
            Of the model.
        state : Path or StoreAddress, optional
            Folder of this server alone, or a database that several servers share; without it changes end with the server.
        settings : ServiceSettings, optional
            Limits.

        Raises
        ------
        ArtifactError
            If the folder is not a model, is damaged, or does not answer as a model should.
        UsageError
            If another server has the state folder, or the URL of the database cannot be understood.
        DataError
            If the journal is damaged before its last line, or a later version wrote the tables of the database.
        ResourceError
            If the state folder cannot be used, or the database does not answer.
        """
        store, live = open_state(state)
        try:
            version = load_version(folder)
            release(store, live, version.base)
            if store is not None:
                store.note_model(version.label.version)
                store.settle(live)
            return cls(folder, version, store, live, settings or ServiceSettings())
        except BaseException:
            if store is not None:
                store.close()
            raise

    def notes(self) -> list[str]:
        """Return what whoever starts the server should know of what is kept, a sentence each."""
        notes = [] if self._writer.journal is None else self._writer.journal.notes()
        if self.left_out:
            notes.append(f"{self.left_out:,} added items do not fit this model and are left out; they are kept for another")
        return notes

    async def start(self) -> None:
        """Take questions; before it `ask` raises `ClosedError`.

        The linear algebra libraries get one thread: several of them fight over the cores with everything else here.
        """
        threadpool_limits(limits=1, user_api="blas")
        give_back_memory()
        self._batcher.start()
        if self._listener is not None:
            self._listener.start()
        self._started = True

    async def close(self) -> None:
        """Answer what waits, take no more, let go of the state."""
        self._started = False
        await self._batcher.close()
        self._scoring.shutdown()
        if self._listener is not None:
            await asyncio.to_thread(self._listener.close)
        await asyncio.to_thread(self._writer.close)

    @property
    def ready(self) -> bool:
        """Whether questions are taken (for /readyz)."""
        return self._started

    async def responds(self) -> bool:
        """Whether whoever answers is there; in one process always. It brings `away` up to date. See `RemoteService.responds`."""
        self.away = await self.trouble()
        return True

    async def trouble(self) -> str:
        """Return why nothing can be changed at present, in one sentence; empty while changes are taken."""
        away = "" if self._writer.journal is None else self._writer.journal.away
        return f"the database that keeps the state is away: {away}" if away else ""

    @property
    def label(self) -> ModelLabel:
        """Name and version of the model that answers now."""
        return self._live.version.label

    @property
    def whole_items(self) -> bool:
        """Whether the ids of items are whole numbers, not text; a later version of another kind is refused."""
        return self._live.version.model.catalogue_.ids.is_integer

    @property
    def whole_users(self) -> bool:
        """Whether the ids of users are whole numbers, not text."""
        return self._live.version.model.users_.is_integer

    async def ask(self, question: Question) -> Reply:
        """Answer one question in a batch with others; the body is that of the HTTP contract without model and request id."""
        if isinstance(question, UsersQuestion):  # the first of them encodes everybody: the others must not wait for it
            return await self._aside(lambda live: _single(live, question))
        return await self._batcher.ask(question)

    async def call(self, name: str, **given: Any) -> Any:
        """Call a method by its name, as a row of `http.operations` has it; `RemoteService.call` is the same from afar."""
        return await getattr(self, name)(**given)

    async def recommend(self, question: RecommendQuestion, explain: bool = False) -> Reply:
        """Answer a question for a list of items; with `explain` each entry has its explanation."""
        return await (explained(self, question) if explain else self.ask(question))

    async def recommend_many(self, questions: Sequence[RecommendQuestion]) -> Reply:
        """Return ``{"lists": [...]}``, a list for the user of each question."""
        return await asked_together(self, questions)

    async def explain(self, asker: Asker, item: Key) -> Reply:
        """Return ``{"explanation": ...}`` of one score; not batched, takes milliseconds."""
        return await self._aside(lambda live: {"explanation": explain(live.catalogue, asker, [item])[0].to_json()})

    async def explain_many(self, asker: Asker, items: Sequence[Key]) -> Reply:
        """Return ``{"explanations": [...]}`` of some scores, such as a whole list; much cheaper than one by one."""
        return await self._aside(
            lambda live: {"explanations": [one.to_json() for one in explain(live.catalogue, asker, items)]}
        )

    async def compare(self, asker: Asker, k: int = 10) -> Reply:
        """Return ``{"models": [...], "pending": [names of baselines still being built]}``."""
        return await self._aside(lambda live: compare(live.version, live.catalogue, asker, k))

    async def put_item(self, key: Key, content: Columns, by: str = "") -> Reply:
        """Add or replace a live item, durably; ``{"item": id, "state": "added" | "replaced" | "restored", "understood": bool}``.

        `by` is here and below the name of the API key that asks, whose allowance counts; "" where there are no keys.
        """
        catalogue, outcome = await self._change(lambda view: put(view, [NewItem(key, content)]), by)
        understood = not catalogue.not_understood([key])
        return Reply(catalogue.label, {"item": key, "state": outcome[0], "understood": understood})

    async def put_items(self, items: Sequence[NewItem], by: str = "") -> Reply:
        """Add or replace up to 1,000 live items, all or none; ``{"added": n, "replaced": m, "restored": r, "not_understood": ids}``."""
        if len(items) > MOST_PUT:
            raise DataError(f"{len(items):,} items are more than the {MOST_PUT:,} of one batch; send several")
        catalogue, outcome = await self._change(lambda view: put(view, items), by)
        counts = {name: outcome.count(name) for name in ("added", "replaced", "restored")}
        return Reply(catalogue.label, {**counts, "not_understood": catalogue.not_understood([item.id for item in items])})

    async def delete_item(self, key: Key, by: str = "") -> Reply:
        """Remove a live item, or hide one the model was trained on; ``{"item": id, "state": "deleted" | "hidden"}``."""
        catalogue, outcome = await self._change(lambda view: delete(view, key), by)
        return Reply(catalogue.label, {"item": key, "state": outcome})

    async def add_events(self, events: Sequence[Event], by: str = "") -> Reply:
        """Append events to what is stored; ``{"added": n, "repeated": m, "new_users": u}``."""
        catalogue, outcome = await self._change(lambda view: add_events(view, events), by)
        weights = catalogue.model.event_weights_
        return Reply(catalogue.label, outcome, told={"means": [told_event(weights, event)[2] for event in events]})

    async def take_back_events(self, pairs: Sequence[tuple[Key, Key]], by: str = "") -> Reply:
        """Take events of users back, whatever they were, also those that the model was trained on; ``{"taken_back": n}``."""
        catalogue, outcome = await self._change(lambda view: take_back(view, pairs), by)
        return Reply(catalogue.label, outcome)

    async def forget_user(self, key: Key, anyway: bool = False) -> Reply:
        """Make somebody unknown at once; when this returns, no file of the state folder and no row of the database holds the id.

        Raises
        ------
        UnknownIdError
            If nothing is stored of the user.
        ResourceError
            If the journal cannot be written, or not be compacted: then the user is unknown, and asking again erases the id.
        """
        future = self._writer.change(lambda view: forget(view, self._writer.state, key, anyway=anyway), erases=True)
        catalogue, outcome = await asyncio.wrap_future(future)
        return Reply(catalogue.label, {"user": key, "state": outcome})

    async def forgotten(self) -> Reply:
        """Return ``{"key", "forgotten": [{"time", "user", "signature"}]}``: keyed hashes of everybody who was forgotten, in order."""
        state = self._writer.state
        return Reply(self.label, signed(state.salt, list(state.record)).to_json())

    async def catch_up(self) -> None:
        """Return when all that other servers told before is known here, if any share the state; `BusyError` if it is away."""
        if self._listener is not None:
            await asyncio.to_thread(self._writer.catch_up)

    async def reload(self, rollback: bool = False) -> Reply:
        """Load the model folder anew, check it aside and swap it in; ``{"model": ..., "previous": ...}``.

        With `rollback` the previous version, which was kept, is swapped in instead.

        Raises
        ------
        RefusedModelError
            If the new version is damaged, does not answer as it should, or has ids of another kind; the old one goes on.
        ConflictError
            If another reload is running, or there is no previous version.
        """
        if not rollback:
            return await self._swap(lambda: load_version(self._folder, self._live.version))
        previous = self._previous
        if previous is None:
            raise ConflictError("there is no previous version to go back to; none was replaced since the server started")
        return await self._swap(lambda: previous)

    async def model_summary(self) -> Reply:
        """Return the body of ``GET /v1/model``."""
        return await self._aside(lambda live: model_summary(live.version, live.catalogue, self._previous))

    async def search_items(self, query: str, *, limit: int = 20, offset: int = 0) -> Reply:
        """Return ``{"items": [cards], "total": n}``: titles with all words, the last as a prefix; popular first."""
        return await self._aside(lambda live: live.version.titles.find(live.catalogue, query, limit=limit, offset=offset))

    async def item_card(self, key: Key) -> Reply:
        """Return one item's card: ``{"item","title","path","content","picture"}``; `UnknownIdError` if not there."""
        live = self._live
        return Reply(live.version.label, card(live.catalogue, _shown(live.catalogue, key)))

    async def picture(self, key: Key) -> Picture | None:
        """Return an item's picture; None where there is none."""
        live = self._live
        return await asyncio.to_thread(picture, live.catalogue, _shown(live.catalogue, key))

    async def search_users(self, query: str, *, limit: int = 20, order: UserOrder = "longest") -> Reply:
        """Return ``{"users": [{"user","events"}], "total": n}``: ids that contain the text, in the order of `find_users`."""
        return await self._aside(lambda live: find_users(live.catalogue, query, limit=limit, order=order))

    async def user_history(self, key: Key) -> Reply:
        """Return ``{"items": [cards]}`` of a stored history, the newest first; `UnknownIdError` if the user is not there."""
        return await self._aside(
            lambda live: {"items": [card(live.catalogue, row) for row in live.catalogue.history_by_time(key).tolist()]}
        )

    async def map(self, colour: str = "") -> Reply:
        """Return ``{"items","x","y","explained","regions","colours"}`` of at most 5,000 items, the most popular first."""
        return await self._aside(lambda live: self._kept_overview(f"map {colour}", live, lambda view: item_map(view, colour)))

    async def facets(self) -> Reply:
        """Return ``{"columns": [...]}``: labels and ranges by which items can be filtered."""
        return await self._aside(lambda live: self._kept_overview("facets", live, facets))

    async def tastes(self) -> Reply:
        """Return ``{"tastes": [{"items": [cards]}]}``: groups of well-known items that are alike, to begin with."""
        return await self._aside(lambda live: self._kept_overview("tastes", live, tastes))

    async def gauges(self) -> dict[str, float]:
        """Return numbers for /metrics: waiting questions, items, users, live and hidden items, bytes kept, whether changes are refused."""
        catalogue, store = self._live.catalogue, self._writer.journal
        return {
            "waiting": float(len(self._batcher)),
            "items": float(catalogue.n_items),
            "users": float(catalogue.n_users),
            "items_live": float(catalogue.size - catalogue.n_base - sum(row >= catalogue.n_base for row in catalogue.dead)),
            "items_hidden": float(len(catalogue.hidden)),
            "journal_bytes": float(0 if store is None else store.size),
            "state_away": float(store is not None and store.away != ""),
        }

    def answer_batch(self, questions: Sequence[Question]) -> list[Reply | Exception]:
        """Answer questions together, in this thread; one answer or exception for each."""
        live = self._live  # one reference, read once: a batch is of one version
        ready = with_presets(self._writer.state.presets, questions)
        found = iter(live.version.answering(live.catalogue, [one for one in ready if not isinstance(one, Exception)]))
        answers = [one if isinstance(one, Exception) else next(found) for one in ready]
        return [
            answer
            if isinstance(answer, Exception)
            else Reply(live.version.label, answer.to_json(), told=told_rules(question, as_asked))
            for answer, question, as_asked in zip(answers, ready, questions, strict=True)
        ]

    async def _answer(self, questions: list[Question]) -> list[Reply | Exception]:
        if self.on_batch is not None:
            self.on_batch(len(questions))
        return await asyncio.get_running_loop().run_in_executor(self._scoring, self.answer_batch, questions)

    def _publish(self, catalogue: LiveCatalogue) -> None:
        if len(catalogue.dead) > MOST_DEAD and 4 * len(catalogue.dead) > catalogue.size:
            with contextlib.suppress(Exception):  # the view as it is answers as well; it only takes more room
                catalogue, self.left_out = replay(reopened(self._live.version.base), self._writer.state)
        self._live = Live(self._live.version, catalogue)

    def _follow(self, news: News) -> None:
        """Bring changes of other servers into the state and the view that answers."""
        store, live = self._writer.journal, self._live
        assert store is not None
        try:
            if news.whole:
                state = store.new_state()
                for change in news.changes:
                    apply_told(live.version.base, state, change)
                self._writer.state = state
                self._renew()
                return
            changes = list(news.changes)
            if not changes:
                return
            if len(changes) > MOST_FOLLOWED:
                for change in changes:
                    apply_told(live.version.base, self._writer.state, change)
                self._renew()
                return
            catalogue, left_out = follow(live.catalogue, self._writer.state, changes)
        except BaseException:
            store.lose_track()
            raise
        self.left_out += left_out
        self._publish(catalogue)

    def _renew(self) -> None:
        """Make the view that answers anew from the state."""
        version = self._live.version
        catalogue, self.left_out = replay(reopened(version.base), self._writer.state)
        self._live = Live(version, catalogue)

    async def _aside(self, work: Callable[[Live], dict[str, Any]]) -> Reply:
        """Do one thing in another thread, on what is live at this moment."""
        if self._beside >= MOST_BESIDE:
            raise BusyError(f"{self._beside} longer questions are being answered; ask again later")
        self._beside += 1
        try:
            live = self._live
            return Reply(live.version.label, await asyncio.to_thread(work, live))
        finally:
            self._beside -= 1

    async def _change(self, change: Change, by: str) -> tuple[LiveCatalogue, Any]:
        future: Future[tuple[LiveCatalogue, Any]] = self._writer.change(change, by)
        return await asyncio.wrap_future(future)

    def _kept_overview(self, name: str, live: Live, make: Callable[[LiveCatalogue], dict[str, Any]]) -> dict[str, Any]:
        """Return what is made of the whole catalogue; it is kept until that changes, a few at a time."""
        kept = self._overviews.get(name)
        if kept is None or kept[0] is not live.catalogue:
            kept = (live.catalogue, make(live.catalogue))
            others = {other: one for other, one in self._overviews.items() if one[0] is live.catalogue and other != name}
            self._overviews = {**dict(list(others.items())[-(MOST_OVERVIEWS - 1) :]), name: kept}
        return kept[1]

    def _answering(self) -> Answering[LiveCatalogue]:
        return self._live.version.answering

    def _view(self) -> LiveCatalogue:
        return self._live.catalogue

    async def _swap(self, get: Callable[[], Version]) -> Reply:
        if self._reloading.locked():
            raise ConflictError("another reload is running; wait for it")
        async with self._reloading:
            return await asyncio.to_thread(self._swap_now, get)

    def _swap_now(self, get: Callable[[], Version]) -> Reply:
        try:
            self._bring_in(get())
        except RefusedModelError:
            raise
        except Exception as error:  # whatever is wrong with it, the old one goes on
            raise RefusedModelError(f"the new model was refused, the old one goes on: {error}") from error
        finally:
            give_back_memory()
        previous = self._previous
        body = {"model": self.label.to_json(), "previous": None if previous is None else previous.label.to_json()}
        return Reply(self.label, body | {"left_out": self.left_out})

    def _bring_in(self, version: Version) -> None:
        old = self._live.version
        if version.label.version != old.label.version:
            self._writer.alone(lambda: self._take(version)).result()
            self._previous, self._overviews = old, {}

    def _take(self, version: Version) -> None:
        """Bring a version to the live state and let it answer; runs while no change is made."""
        catalogue, left_out = replay(reopened(version.base), self._writer.state)
        try_out(version, catalogue)
        if self._writer.journal is not None:
            self._writer.journal.note_model(version.label.version)
        release(self._writer.journal, self._writer.state, version.base, self._live.version.base)
        self._live, self.left_out = Live(version, catalogue), left_out


def _single(live: Live, question: Question) -> dict[str, Any]:
    answer = live.version.answering(live.catalogue, [question])[0]
    if isinstance(answer, Exception):
        raise answer
    return answer.to_json()


def _shown(catalogue: LiveCatalogue, key: Key) -> int:
    """Return the row of an item that may be shown."""
    row = catalogue.row(key)
    if row in catalogue.hidden:
        raise UnknownIdError(f"item {str(key)[:80]!r} was deleted")
    return row
