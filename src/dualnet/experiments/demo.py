"""The demo: one world is trained on, all four quadrants are answered, and a page shows the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.splits import four_quadrants
from ..data.tasks import Split
from ..evaluation import evaluate
from ..models.base import Recommender
from ..models.registry import create
from ..report import FIRST, PROTOCOL_TEXT, SERVED_TEXT, Report
from ..retrieval.recommendations import UNTAKEN, Recommendations
from ..retrieval.vectors import JoinedVectors, to_dense
from ..train.options import RunOptions
from .demo_story import Story, known_user, new_item, new_user, nouns_of
from .plots import item_map, recall_by_history, training_curves
from .report_page import ReportPage

QUADRANTS = ("known-known", "known-new", "new-known", "new-new")
SERVED_COLUMNS = {f"precision@{FIRST}": f"precision@{FIRST}", f"new_share@{FIRST}": f"new@{FIRST}"}
MODELS = ("popularity", "item-knn", "content-profile", "dualnet")
CUTS = (10, 20, 50)


@dataclass(frozen=True, eq=False)
class DemoResult:
    """Results of the demo.

    Parameters
    ----------
    split : Split
        The four quadrants.
    models : dict of str to Recommender
        Fitted, by name.
    reports : dict of str to Report
        Figures of each model.
    reader : str or int
        The reader whose list is shown.
    shown : Recommendations
        Ten recommendations for that reader.
    stories : tuple of Story
        In words: that reader, a new reader, a new paper; those that the data allow.
    """

    split: Split
    models: dict[str, Recommender]
    reports: dict[str, Report]
    reader: str | int
    shown: Recommendations
    stories: tuple[Story, ...]

    def summary(self) -> str:
        """Return what was trained on and what was kept back, in a sentence for each."""
        nouns, train = nouns_of(self.split.train.name), self.split.train.interactions
        liked, task = len(self.split.train.known_items()), self.split.task("known-new")
        others = f", and {train.n_items - liked:,} that nobody has {nouns.taken} there" if train.n_items > liked else ""
        new = len(np.setdiff1d(task.candidates, task.items.find(train.items)))
        return (
            f"Training: {train.n_users:,} {nouns.user}s and {train.n_items:,} {nouns.item}s: {liked:,} that they have {nouns.taken}"
            f" ({train.n_pairs:,} pairs of a {nouns.user} and a {nouns.item}){others}."
            f" A fifth of the {nouns.item}s ({new:,} more) and a tenth of the {nouns.user}s are kept back: the model meets them for the first"
            f" time. As far as it knows, nobody has {nouns.taken} these {nouns.item}s; lists mark them with ({UNTAKEN})."
        )

    def headings(self) -> list[str]:
        """Return what each quadrant is about, in the words of the data set."""
        nouns = nouns_of(self.split.train.name)
        kinds = (quadrant.split("-") for quadrant in QUADRANTS)
        return [f"{user} {nouns.user}s, {item} {nouns.item}s" for user, item in kinds]

    def rows(self, cut: int) -> list[list[tuple[str, str, bool]]]:
        """Return one row a model: recall in each quadrant, its interval, and whether it is the best."""
        best = {q: max(r[q].mean(f"recall@{cut}") for r in self.reports.values() if r[q].reason is None) for q in QUADRANTS}
        rows = []
        for name, report in self.reports.items():
            row = [(name, "", False)]
            for quadrant in QUADRANTS:
                result = report[quadrant]
                if result.reason is not None:
                    row.append(("n/a", "", False))
                    continue
                mean, (low, high) = result.mean(f"recall@{cut}"), result.intervals[f"recall@{cut}"]
                row.append((f"{mean:.3f}", f"{low:.3f}-{high:.3f}", mean == best[quadrant]))
            rows.append(row)
        return rows

    def served_table(self, cut: int) -> tuple[list[str], list[list[tuple[str, str, bool]]]]:
        """Return header and a row a model: recall and the first 10 places of one list of all items, as known readers get it."""
        results = {name: report["known-all"] for name, report in self.reports.items()}
        columns = {f"recall@{cut}": f"recall@{cut}", **SERVED_COLUMNS}
        there = [name for name in columns if all(name in result.per_user for result in results.values())]
        best = {name: max(result.mean(name) for result in results.values()) for name in there if "share" not in name}
        rows = [
            [(label, "", False), *((f"{result.mean(name):.3f}", "", result.mean(name) == best.get(name)) for name in there)]
            for label, result in results.items()
        ]
        return ["model", *(columns[name] for name in there)], rows

    def legend(self, cut: int) -> list[str]:
        """Return what each column of both tables says, a line each."""
        nouns = nouns_of(self.split.train.name)
        sought = f"{nouns.item}s that a {nouns.user} went on to {nouns.do}"
        share = self.reports["dualnet"]["known-all"].new_to_find
        of_sought = "" if share is None else f"; of the {sought} {share:.3f} are"
        return [
            f"recall@{cut}: of the {sought}, the share among the first {cut} of the list",
            f"known-new and its like: {nouns.user}s known from the training or new, then {nouns.item}s known or new (kept back)",
            f"precision@{FIRST}: of the first {FIRST} of the list, the share of {sought}",
            f"new@{FIRST}: of the first {FIRST} of the list, the share of {nouns.item}s that nobody {nouns.did} in the training data{of_sought}",
        ]


def run_demo(
    data: Dataset,
    out: Path,
    *,
    seed: int = 0,
    epochs: int | None = None,
    run: RunOptions | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> DemoResult:
    """Fit every model on a four-quadrant split, evaluate, and write model, log and report page.

    Parameters
    ----------
    data : Dataset
        With item content.
    out : Path
        Folder to write.
    seed : int
        Seed of split and training.
    epochs : int, optional
        Epochs of DualNet; its default otherwise.
    run : RunOptions, optional
        Progress.
    say : callable
        Told what happens, for people.
    """
    split = four_quadrants(data, seed=seed)
    models: dict[str, Recommender] = {}
    options = run or RunOptions(log=out / "log.jsonl")
    for place, name in enumerate(MODELS, 1):
        say(f"Model {place} of {len(MODELS)}: {name}")
        parameters: dict[str, Any] = {"random_state": seed} if name == "dualnet" else {}
        if name == "dualnet" and epochs is not None:
            parameters["epochs"] = epochs
        models[name] = create(name, **parameters).fit(split.train, split.validation, run=options)
    say("All of them are measured now")
    model = models["dualnet"]
    measured = evaluate(model, split, at=CUTS, against={name: each for name, each in models.items() if each is not model})
    reports = {**{other.model: other.report for other in measured.against}, "dualnet": replace(measured, against=())}
    task = split.task("known-new")
    fresh = np.sort(np.setdiff1d(task.candidates, task.items.find(model.items_)))
    added: list[Any] = []
    if task.content is not None:
        model.add_items(task.content.take(fresh))
        added = list(task.items.take(fresh))
    known = known_user(model, split, _telling_reader(split))
    stories = (known, new_user(model, split), new_item(model, split, added))
    model.save(out / "model", metrics=measured.to_json())
    result = DemoResult(
        split, models, reports, known.subject, known.found, tuple(story for story in stories if story is not None)
    )
    write_page(result, out / "report.html")
    return result


def write_page(result: DemoResult, path: Path) -> Path:
    """Write the report page of a demo."""
    split, model = result.split, result.models["dualnet"]
    nouns = nouns_of(split.train.name)
    page = ReportPage(
        f"DualNet on {split.train.name}: four quadrants from one model",
        f"{result.summary()} Seed {split.seed}, split {split.fingerprint()[:12]}.",
    )
    for cut in CUTS[:2]:
        page.table(
            f"Recall@{cut}",
            ["model", *result.headings()],
            result.rows(cut),
            PROTOCOL_TEXT + " Small: 95 % interval over users.",
        )
    page.table(
        f"One list of all {nouns.item}s, as known {nouns.user}s are served it",
        *result.served_table(CUTS[1]),
        [SERVED_TEXT, *result.legend(CUTS[1])[2:]],
    )
    for story in result.stories:
        page.entries(story.heading, story.lines, "; ".join(story.given) + ". " + story.answer)
    training = model.choice_.training or model.training_  # type: ignore[attr-defined]
    page.plot("Training", training_curves(training.history, "recall@auto"))
    by_history = {name: report["known-known"].by_history for name, report in result.reports.items()}
    page.plot("Who gains", recall_by_history(by_history, result.reports["dualnet"]["known-known"].breakdown_cut))
    vectors = model.encode_items(model.catalogue_)
    vectors = vectors.dense if isinstance(vectors, JoinedVectors) else to_dense(vectors)
    marked = [model.catalogue_.ids.row(key) for key in result.shown.ids]
    page.plot("The catalogue", item_map(vectors, ~model.catalogue_.is_known, marked))
    return page.write(path)


def _telling_reader(split: Split) -> Any:
    """Return the first reader with about the median number of training events: an ordinary case, not a chosen one."""
    lengths = np.diff(split.train.interactions.matrix.indptr)
    return split.train.interactions.users.key(int(np.argmin(np.abs(lengths - np.median(lengths)))))
