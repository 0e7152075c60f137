"""Metrics for Prometheus: latency by route, requested quadrants, batches, queue, catalogue, model, unknown ids."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client import Counter as Meter
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from .activity import Activity

QUESTIONS, SELF = "/v1/", "/v1/activity"  # what counts as an answer: not the page's files, nor looking at the counts
CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
MOST_RECENT = 20_000  # lists that are remembered, so that what was taken of them can be counted
MOST_ENTRIES = 500_000  # of all these lists: long ones are remembered for less time
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Meters:
    """The meters of one server, in a registry of their own, and what it did lately (`activity`).

    No label ever holds an id, a user or a text of a request: labels are routes, statuses and words of ours.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._latency = Histogram(
            "dualnet_request_seconds", "Time to answer.", ["route", "method"], buckets=_SECONDS, registry=self._registry
        )
        self._answers = Meter("dualnet_requests", "Answers.", ["route", "method", "status"], registry=self._registry)
        self._quadrants = Meter(
            "dualnet_recommended",
            "Entries listed, by how user and item were resolved.",
            ["user", "item"],
            registry=self._registry,
        )
        self._unknown = Meter("dualnet_unknown_ids", "Requests with an id that is not known.", registry=self._registry)
        self._batches = Histogram("dualnet_batch_size", "Questions answered together.", buckets=_SIZES, registry=self._registry)
        self._model = Gauge("dualnet_model_info", "The model that answers.", ["name", "version"], registry=self._registry)
        self.activity = Activity()
        self._lists = Meter("dualnet_lists", "Lists of recommendations.", ["variant"], registry=self._registry)
        self._taken = Meter(
            "dualnet_taken",
            "Entries of lists that were taken, by events that name the request.",
            ["variant", "type"],
            registry=self._registry,
        )
        self._recent: OrderedDict[str, tuple[str, list[str]]] = OrderedDict()
        self._entries = 0  # of the lists in it
        ProcessCollector(registry=self._registry)
        self._children: dict[tuple[str, str, int], tuple[Histogram, Meter]] = {}
        self._pairs: dict[tuple[str, str], Meter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._now: Callable[[], tuple[str, str]] | None = None
        self._variants: Callable[[], Mapping[tuple[str, str, str], float]] = dict
        self._shares = Gauge(
            "dualnet_variant_share",
            "Share of people that a variant answers.",
            ["variant", "name", "version"],
            registry=self._registry,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is the template of the path, never the path."""
        found = self._children.get((route, method, status))
        if found is None:
            found = (self._latency.labels(route, method), self._answers.labels(route, method, str(status)))
            self._children[route, method, status] = found
        found[0].observe(seconds)
        found[1].inc()
        if route.startswith(QUESTIONS) and route != SELF:
            self.activity.answered(status, seconds)
            if self._now is not None:
                self.activity.serves(*self._now())

    def listed(self, answer: Mapping[str, Any]) -> None:
        """Count a recommended list by variant and its entries by quadrant, and remember it until its entries are taken."""
        variant = answer.get("variant", "")
        self._remember(answer["request_id"], variant, [str(entry["item"]) for entry in answer["items"]])
        self.activity.listed(answer)
        self._lists.labels(variant).inc()
        resolved, counts = answer["resolved"], Counter(entry["path"] for entry in answer["items"])
        for path, count in counts.items():
            child = self._pairs.get((resolved, path))
            if child is None:
                child = self._pairs[resolved, path] = self._quadrants.labels(resolved, path)
            child.inc(count)

    def _remember(self, request: str, variant: str, items: list[str]) -> None:
        self._entries += len(items) - len(self._recent.pop(request, ("", []))[1])
        self._recent[request] = (variant, items)
        while len(self._recent) > MOST_RECENT or self._entries > MOST_ENTRIES:
            self._entries -= len(self._recent.popitem(last=False)[1][1])

    def listed_many(self, answer: Mapping[str, Any]) -> None:
        """Count several lists, each of which has an id of its own."""
        for found in answer["lists"]:
            self.listed(found)

    def told(self, answer: Mapping[str, Any]) -> None:
        """Count events that were told."""
        self.activity.events(answer["added"] + answer["repeated"])

    def put(self, answer: Mapping[str, Any]) -> None:
        """Count items that were put: one, or a batch."""
        self.activity.items_put(answer["added"] if "added" in answer else int(answer["state"] == "added"))

    def taken(self, request: str, item: str | int, kind: str) -> None:
        """Count an event on an item that was shown lately, once."""
        variant, items = self._recent.get(request, ("", []))
        if str(item) in items:
            items.remove(str(item))
            self._entries -= 1
            self._taken.labels(variant, kind).inc()
            self.activity.taken_up(request)

    def unknown_id(self) -> None:
        """Count a request that named something unknown."""
        self._unknown.inc()

    def batch(self, size: int) -> None:
        """Count a batch of questions answered together."""
        self._batches.observe(size)

    def watch_model(self, now: Callable[[], tuple[str, str]]) -> None:
        """Say where name and version of the present model are read."""
        self._now = now
        self.activity.serves(*now())

    def report(self) -> dict[str, Any]:
        """Return what the server did lately, as `Activity.report`."""
        if self._now is not None:
            self.activity.serves(*self._now())
        return self.activity.report()

    def watch_variants(self, now: Callable[[], Mapping[tuple[str, str, str], float]]) -> None:
        """Say where name, model and version of the variants are read, and the share of each."""
        self._variants = now

    def text(self, gauges: Mapping[str, float]) -> bytes:
        """Return everything in Prometheus's text format.

        Parameters
        ----------
        gauges : mapping of str to float
            Present numbers of the service.
        """
        for name, value in gauges.items():
            if name not in self._gauges:
                text = f"Present number of {name.replace('_', ' ')}."
                self._gauges[name] = Gauge(f"dualnet_{name}", text, registry=self._registry)
            self._gauges[name].set(value)
        if self._now is not None:
            self._model.clear()
            self._model.labels(*self._now()).set(1)
        self._shares.clear()
        for labels, share in self._variants().items():
            self._shares.labels(*labels).set(share)
        return generate_latest(self._registry)
