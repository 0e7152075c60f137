"""Several models behind one address: each person is answered by one of them, always the same, in stated shares."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import DualNetError, ResourceError, UnknownIdError, UsageError, shown
from ..retrieval.questions import Question
from ..runs.forgotten_record import plain_id
from .replies import ModelLabel, Reply
from .service_errors import BusyError

if TYPE_CHECKING:
    from .model_process.remote import RemoteService
    from .service import Service

AnyService: TypeAlias = "Service | RemoteService | Variants"  # what HTTP asks

KEY: Final = "DUALNET_VARIANT_KEY"  # environment variable: another one gives another assignment
MOST: Final = 20
EXAMPLE: Final = "a=run1:90"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
CHANGES: Final = frozenset({
    "put_item", "put_items", "delete_item", "add_events", "take_back_events", "forget_user", "reload", "put_preset", "delete_preset",
})  # fmt: skip
WHOLE: Final = frozenset({"reload", "forget_user", "put_preset"})  # changes that are made in all of them, or told as refused


@dataclass(frozen=True)
class Variant:
    """One of the models of a server, and the share of people that it answers.

    Parameters
    ----------
    name : str
    folder : Path
        Of a run or of a model.
    weight : float
        Its share is this over the sum of all.
    """

    name: str
    folder: Path
    weight: float


def read_variants(given: Sequence[str], flag: str = "--variant") -> list[Variant]:
    """Return the variants that options such as ``a=run1:90`` name; several may stand in one, with commas between.

    Parameters
    ----------
    given : sequence of str
    flag : str
        For error texts.

    Raises
    ------
    UsageError
        For one that has not that form, a name twice, or fewer than two.
    """
    found: list[Variant] = []
    for text in (part.strip() for one in given for part in one.split(",") if part.strip()):
        name, sign, rest = text.partition("=")
        folder, colon, share = rest.rpartition(":")
        try:
            weight = float(share)
        except ValueError:
            weight = 0.0
        if not sign or not colon or not folder or not 0 < weight < float("inf"):
            raise UsageError(f"{flag} wants NAME=RUN:SHARE, such as {EXAMPLE}, with a share above 0; got {shown(text)}")
        if not _NAME.fullmatch(name):
            raise UsageError(f"{flag}: the name {shown(name)} must be letters, digits, dashes and underscores, at most 40")
        if name in {one.name for one in found}:
            raise UsageError(f"{flag}: two variants are called '{name}'; give each a name of its own")
        found.append(Variant(name, Path(folder), weight))
    if not 2 <= len(found) <= MOST:
        raise UsageError(f"{flag}: {len(found)} variant{'' if len(found) == 1 else 's'} cannot be compared; give 2 to {MOST}")
    return found


def place_of(user: str, key: str = "") -> float:
    """Return where somebody stands between 0 and 1: a keyed hash, the same on every server and after every restart.

    Parameters
    ----------
    user : str
        What the person is known by.
    key : str
        Of the hash.
    """
    made = blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8, key=blake2b(key.encode()).digest())
    return int.from_bytes(made.digest(), "big") / 2**64


class Variants:
    """A service of several models, for the front that speaks HTTP; see `Service` for what it answers.

    A user is answered by the variant in whose part of [0, 1) the keyed hash of the id lies; a history without a user by the hash of the
    history. If a share changes, only those people move whose place the border passes. What names nobody is answered by the first
    variant. A change is made in all of them.

    Parameters
    ----------
    services : mapping of str to Service or RemoteService
        By name, in order; opened.
    weights : sequence of float
        Of each.
    shared : bool
        Whether they keep their state in one database, so that a change is made once and the others follow.
    key : str, optional
        Of the hash; by default what the environment variable ``DUALNET_VARIANT_KEY`` says.

    Raises
    ------
    UsageError
        If their ids are of different kinds.
    """

    def __init__(
        self,
        services: Mapping[str, Service | RemoteService],
        weights: Sequence[float],
        *,
        shared: bool = False,
        key: str | None = None,
    ) -> None:
        self._services, self._shared = dict(services), shared
        self._key = os.environ.get(KEY, "") if key is None else key
        total, upto = sum(weights), 0.0
        self._borders: list[tuple[float, str]] = []
        self.shares = {name: weight / total for name, weight in zip(self._services, weights, strict=True)}
        for name, share in self.shares.items():
            upto += share
            self._borders.append((upto, name))
        if len({(one.whole_items, one.whole_users) for one in self._services.values()}) > 1:
            raise UsageError(
                "the variants have ids of different kinds, text and whole numbers; give models that were fitted on the same ids"
            )
        self._first = next(iter(self._services.values()))
        self.whole_items, self.whole_users = self._first.whole_items, self._first.whole_users

    def variant_of(self, question: Any) -> str:
        """Return the name of the variant that answers a question: of its user, of its history, else the first."""
        who = getattr(question, "user", None)
        if who is None:
            history = getattr(question, "history", None)
            if not history:
                return self._borders[0][1]
            who = "history " + json.dumps(list(history))
        else:
            who = plain_id(who)
        place = place_of(str(who), self._key)
        return next((name for upto, name in self._borders if place < upto), self._borders[-1][1])

    async def call(self, name: str, **given: Any) -> Any:
        """Call a method of the variant that answers, or make a change in all of them."""
        if name in CHANGES:
            return await self._change(name, given)
        if name == "recommend_many":
            return await self._many(given["questions"])
        asker = given.get("question", given.get("asker"))
        if asker is None and name == "user_history":
            variant = self._borders[0][1]
        else:
            variant = self.variant_of(asker)
        found = await self._services[variant].call(name, **given)
        if name == "model_summary":
            found = replace(found, body={**found.body, "variants": self._told()})
        return replace(found, variant=variant) if isinstance(found, Reply) and asker is not None else found

    async def _many(self, questions: Sequence[Question]) -> Reply:
        """Answer the questions of several users, each by the variant of the user."""
        places: dict[str, list[int]] = {}
        for place, question in enumerate(questions):
            places.setdefault(self.variant_of(question), []).append(place)
        lists: list[dict[str, Any]] = [{} for _ in questions]
        models = [self.label.to_json()] * len(questions)
        told: Mapping[str, Any] = {}
        for variant, own in places.items():
            reply = await self._services[variant].call("recommend_many", questions=[questions[place] for place in own])
            for place, found in zip(own, reply.body["lists"], strict=True):
                lists[place], models[place] = {**found, "variant": variant}, reply.model.to_json()
            told = reply.told
        return Reply(self.label, {"lists": lists}, told={**told, "models": models})

    async def ask(self, question: Question) -> Reply:
        """Answer one question."""
        found: Reply = await self.call("ask", question=question)
        return found

    async def _change(self, name: str, given: Mapping[str, Any]) -> Any:
        """Make a change in every variant that can take it.

        It is refused if none can, or if one is too busy, full, or cannot write it down: asked again it is made in all.
        """
        services = list(self._services.values())
        if self._shared and name != "reload":
            return await self._change_once(name, given)
        made = [await _tried(service, name, given) for service in services]
        refused = [one for one in made if isinstance(one, Exception)]
        if name == "forget_user" and 0 < len(refused) < len(made) and all(isinstance(one, UnknownIdError) for one in refused):
            for service, one in zip(services, made, strict=True):  # so that each keeps the record of it
                if isinstance(one, Exception):
                    await service.call(name, **given, anyway=True)
        for error in refused:
            if len(refused) == len(made) or not _concerns_one(name, error):
                raise error
        return next(one for one in made if not isinstance(one, Exception))

    async def _change_once(self, name: str, given: Mapping[str, Any]) -> Any:
        """Make a change by the first variant that can take it, from whose database the others have it when this returns.

        It is not confirmed if one of them cannot read the database: that one would answer as if nothing had happened.
        """
        if name == "put_preset":  # it must mean something to each
            for service in self._services.values():
                await service.call("check_preset", key=given["key"], rules=given["rules"])
        refused: list[Exception] = []
        for service in self._services.values():
            found = await _tried(service, name, given)
            if not isinstance(found, Exception):
                await self._told_to_others(service)
                return found
            refused.append(found)
            if not _concerns_one(name, found):
                raise found
        raise refused[0]

    async def _told_to_others(self, maker: Service | RemoteService) -> None:
        """Return when all variants have what one of them has written down; `BusyError` if one cannot read it."""
        others = {name: service for name, service in self._services.items() if service is not maker}
        heard = await asyncio.gather(*(_tried(service, "catch_up", {}) for service in others.values()))
        for (name, service), late in zip(others.items(), heard, strict=True):
            if isinstance(late, DualNetError):
                why = f" ({service.away})" if service.away else ""
                raise BusyError(
                    f"the change is in the database, but variant '{name}' cannot read it yet{why}; ask again later",
                    retry_after=2.0,
                ) from late
            if isinstance(late, Exception):
                raise late

    def _told(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "share": share, "model": self._services[name].label.to_json()} for name, share in self.shares.items()
        ]

    @property
    def labels(self) -> list[tuple[str, ModelLabel]]:
        """Name of each variant and the model that answers for it."""
        return [(name, service.label) for name, service in self._services.items()]

    def notes(self) -> list[str]:
        """Return what whoever starts the server should know, a sentence each."""
        return [f"{name}: {note}" for name, service in self._services.items() for note in service.notes()]

    async def start(self) -> None:
        """Take questions."""
        for service in self._services.values():
            await service.start()

    async def close(self) -> None:
        """Close all of them, also where one fails to."""
        results = await asyncio.gather(*(service.close() for service in self._services.values()), return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException):
                raise error

    @property
    def label(self) -> ModelLabel:
        """Name and version of the first model."""
        return self._first.label

    @property
    def ready(self) -> bool:
        """Whether all of them take questions."""
        return all(service.ready for service in self._services.values())

    async def responds(self) -> bool:
        """Whether all of them say a word."""
        return all([await service.responds() for service in self._services.values()])

    @property
    def away(self) -> str:
        """Why nothing can be changed in one of them; empty while changes are taken."""
        return next((service.away for service in self._services.values() if service.away), "")

    @property
    def failure(self) -> str:
        """Why one of them ended by itself; empty as long as none did."""
        return next((service.failure for service in self._services.values() if service.failure), "")

    async def gauges(self) -> dict[str, float]:
        """Return numbers for /metrics: those of the first, with what waits in all of them."""
        found = [await service.gauges() for service in self._services.values()]
        return {**found[0], "waiting": sum(one["waiting"] for one in found)}

    @property
    def on_batch(self) -> Callable[[int], None] | None:
        """Called with the number of questions of each batch."""
        return self._first.on_batch

    @on_batch.setter
    def on_batch(self, called: Callable[[int], None] | None) -> None:
        """Have all of them call it."""
        for service in self._services.values():
            service.on_batch = called

    @property
    def on_end(self) -> Callable[[], None] | None:
        """Called when one of them ends by itself."""
        return self._first.on_end

    @on_end.setter
    def on_end(self, called: Callable[[], None] | None) -> None:
        """Have all of them call it."""
        for service in self._services.values():
            service.on_end = called


def _concerns_one(name: str, error: Exception) -> bool:
    """Return whether what one variant refuses may be made in the others: its model cannot take it, or does not know the id."""
    if not isinstance(error, DualNetError) or isinstance(error, ResourceError):
        return False
    return name not in WHOLE or isinstance(error, UnknownIdError)


async def _tried(service: Service | RemoteService, name: str, given: Mapping[str, Any]) -> Any:
    try:
        return await service.call(name, **given)
    except Exception as error:
        return error
