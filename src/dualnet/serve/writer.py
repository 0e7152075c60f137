"""All changes go through one thread: in order, journalled in groups, published by one reference."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import DualNetError, ResourceError
from .catalogue import LiveCatalogue
from .holdings import Ledger
from .live_state import LiveState, by_key
from .service_errors import ClosedError
from .settings import Allowance
from .store import News, Store

GROUP = 64  # changes that share one synchronisation of the disk
LARGE = 16 * 2**20  # bytes of a journal that is worth compacting while serving

Outcome: TypeAlias = Any
Change: TypeAlias = Callable[[LiveCatalogue], tuple[LiveCatalogue, Sequence[Mapping[str, Any]], Outcome]]


@dataclass(eq=False)
class _Job:
    run: Any
    exclusive: bool
    future: Future[Any]
    by: str = ""
    erases: bool = False


class Writer:
    """The only one that changes the live state.

    Concurrent changes are gathered: each is applied to the view the one before left, then all are written with one
    synchronisation, then the last view is published, and only then is anybody told. A change that fails fails alone.

    Parameters
    ----------
    state : LiveState
        What the store holds.
    journal : Store, optional
        What keeps the changes; without it they are forgotten when the server stops.
    read, publish : callable
        Return, and replace, the view that answers.
    follow : callable
        Brings changes of other servers into `state` and the view that answers.
    allowance : Allowance, optional
        What each key may add.
    """

    def __init__(
        self,
        state: LiveState,
        journal: Store | None,
        read: Callable[[], LiveCatalogue],
        publish: Callable[[LiveCatalogue], None],
        follow: Callable[[News], None],
        allowance: Allowance | None = None,
    ) -> None:
        self.state, self.journal = state, journal
        self._allowance = allowance or Allowance()
        self._read, self._publish, self._follow = read, publish, follow
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="dualnet-writing", daemon=True)
        self._thread.start()

    def change(self, change: Change, by: str = "", *, erases: bool = False) -> Future[tuple[LiveCatalogue, Outcome]]:
        """Queue a change; the future holds the view that has it and its outcome, once it is durable and published.

        Parameters
        ----------
        change : callable
            From a view to the view after it, what the journal has to remember, and an outcome.
        by : str
            Name of the API key that asks; "" without keys.
        erases : bool
            Whether ids must be gone from the store before it is confirmed.
        """
        return self._queue(_Job(change, False, Future(), by, erases))

    def alone(self, task: Callable[[], Outcome]) -> Future[Outcome]:
        """Queue something that must not run beside a change, such as swapping the model."""
        return self._queue(_Job(task, True, Future()))

    def close(self) -> None:
        """Make the changes that wait, take no more, and close the store."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._jobs.put(None)
        self._thread.join()
        if self.journal is not None:
            self.journal.close()

    def catch_up(self) -> None:
        """Bring in what other servers changed, and return when it answers; not for the thread that writes."""
        self.alone(self._hear).result()

    def _hear(self) -> None:
        if self.journal is not None:
            with self.journal.news() as news:
                self._follow(news)

    def _queue(self, job: _Job) -> Future[Any]:
        with self._lock:
            if self._closed.is_set():
                raise ClosedError("the server takes no more changes; it is shutting down")
            self._jobs.put(job)
        return job.future

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job]
            ending = False
            while len(group) < GROUP:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ending = True
                    break
                group.append(following)
            self._work(group)
            if ending:
                return

    def _work(self, group: list[_Job]) -> None:
        """Do jobs in order; changes between two exclusive ones form a group."""
        changes: list[_Job] = []
        for job in group:
            if not job.future.set_running_or_notify_cancel():
                continue
            if not job.exclusive:
                changes.append(job)
                continue
            self._make(changes)
            changes = []
            try:
                job.future.set_result(job.run())
            except BaseException as error:
                job.future.set_exception(error)
        self._make(changes)

    def _make(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            if self.journal is None:
                catalogue, records, made = self._apply(jobs)
            else:
                with self.journal.turn() as news:  # nobody else changes anything until the end of the block
                    self._follow(news)
                    catalogue, records, made = self._apply(jobs)
                    if records:
                        self.journal.append(records)
        except Exception as error:  # whatever it is: who waits must be told, and the thread must live
            for job in jobs:
                if not job.future.done():
                    job.future.set_exception(error)
            return
        for record in records:
            self.state.apply(record)
        self._publish(catalogue)
        not_erased = self._erase()
        for job, outcome in made:
            if job.erases and not_erased is not None:
                job.future.set_exception(not_erased)
            else:
                job.future.set_result((catalogue, outcome))
        self._compact_if_large()

    def _apply(self, jobs: list[_Job]) -> tuple[LiveCatalogue, list[Mapping[str, Any]], list[tuple[_Job, Outcome]]]:
        """Return the view after jobs, what has to be remembered of them, and what came of each; one that fails is told here."""
        catalogue = self._read()
        records: list[Mapping[str, Any]] = []
        made: list[tuple[_Job, Outcome]] = []
        ledger = Ledger(self.state, self._allowance)
        for job in jobs:
            try:
                changed, changes, outcome = job.run(catalogue)
                ledger.charge(job.by, changes)
            except Exception as error:
                job.future.set_exception(error)
                continue
            catalogue = changed
            records += [by_key(job.by, change) for change in changes]
            made.append((job, outcome))
        return catalogue, records, made

    def _erase(self) -> ResourceError | None:
        """Make sure that no id of somebody who was forgotten is kept; return why it could not be done."""
        if not self.state.unerased:
            return None
        try:
            if self.journal is not None:
                self.journal.erase(self.state.changes())
        except DualNetError as error:
            return ResourceError(
                f"the user is forgotten in all answers, but the id is still in the journal: {error}; ask again"
            )
        self.state.unerased = False
        return None

    def _compact_if_large(self) -> None:
        store = self.journal
        if store is None or store.size < max(LARGE, 4 * store.settled):
            return
        try:
            store.compact(self.state.changes())
        except DualNetError:
            return  # what is there goes on; nothing is lost but room
