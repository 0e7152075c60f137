"""Rules on a list: what each costs in recall and in milliseconds, and what it gives; MovieLens latest-small as downloaded."""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from . import record

K, USERS, TIMED = 20, 400, 150
RULES: dict[str, dict[str, Any]] = {
    "none": {},
    "hide: children's films": {"hide": [{"where": {"genres": {"is": "Children"}}}]},
    "window: `until` of every third film is past": {"window": {"until": "until"}},
    "pin: one film at place 3": {"pin": [{"item": 0, "place": 3}]},
    "boost +0.5: comedies": {"boost": [{"where": {"genres": {"is": "Comedy"}}, "weight": 0.5}]},
    "boost +0.5: year of the film": {"boost": [{"column": "year", "weight": 0.5, "low": 1950}]},
    "at least 5 documentaries": {"quotas": [{"where": {"genres": {"is": "Documentary"}}, "at_least": 5}]},
    "at most 4 of each genre": {"quotas": [{"each": "genres", "at_most": 4}]},
    "diversity 0.1 among 200": {"diversity": 0.1},
    "diversity 0.3 among 200": {"diversity": 0.3},
    "diversity 0.5 among 200": {"diversity": 0.5},
    "diversity 0.3, at most 6 of each genre, 2 documentaries": {
        "diversity": 0.3,
        "quotas": [{"each": "genres", "at_most": 6}, {"where": {"genres": {"is": "Documentary"}}, "at_least": 2}],
    },
}


def run() -> None:
    """Measure and write results/rules.jsonl."""
    warnings.simplefilter("ignore")
    from dualnet import WMF, RunOptions, splits
    from dualnet.serve.service import Service

    data = _films()
    split = splits.citeulike2(data, seed=0)
    model = WMF(factors=64, iterations=10, random_state=0).fit(split.train, run=RunOptions(progress=False))
    task = split.tasks[0]
    with tempfile.TemporaryDirectory(prefix="dualnet-rules-") as name:
        service = Service.open(model.save(Path(name) / "model"))
        rows = [{"rules": rule, **_measured(service, model, task, given)} for rule, given in RULES.items()]
    for row in rows:
        row["recall_change"] = row["recall@20"] - rows[0]["recall@20"]
        row["ms_more"] = row["ms"] - rows[0]["ms"]
    record.write("rules", rows)


def _films() -> Any:
    """Return films with genres, year and a made-up end of every third."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv

    from dualnet import Dataset

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "ml-latest-small")
    if not (folder / "ratings.csv").is_file():
        raise SystemExit(f"'{folder}' has no ratings.csv; name the folder of MovieLens latest-small as it is downloaded")
    films = pyarrow.csv.read_csv(folder / "movies.csv")
    years = pc.extract_regex(films["title"], r"\((?P<year>\d{4})\)\s*$")
    ends = pa.array([1_000_000_000 if place % 3 == 0 else None for place in range(len(films))], pa.int64())
    films = films.append_column("year", pc.cast(pc.struct_field(years, "year"), pa.int64())).append_column("until", ends)
    films = films.set_column(2, "genres", pc.split_pattern(films["genres"], "|"))
    return Dataset.from_tables(
        pyarrow.csv.read_csv(folder / "ratings.csv"), films, user="userId", item="movieId", tags="genres", title="title",
        rating="rating", threshold=4.0,
    )  # fmt: skip


def _measured(service: Any, model: Any, task: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return recall, variety and milliseconds of lists under some rules."""
    from dualnet.retrieval.questions import RecommendQuestion

    who = np.flatnonzero(np.diff(task.truth.indptr))[:USERS]
    held = [set(task.items.take(task.truth[[row]].indices)) for row in who]
    if "pin" in given:
        given = {"pin": [{"item": int(model.items_.take(np.argsort(-model.popularity_)[500:501])[0]), "place": 3}]}
    asked = [RecommendQuestion(user=key, k=K, rules=given or None) for key in task.users.take(who)]
    lists = []
    seconds = []
    for question in [*asked[:20], *asked]:  # the first are to warm up
        started = time.thread_time()  # of this thread: what others do on the machine does not count
        (reply,) = service.answer_batch([question])
        seconds.append(time.thread_time() - started)
        lists.append([entry["item"] for entry in reply.body["items"]])
    lists, seconds = lists[20:], seconds[20:][:TIMED]
    vectors = model.encode_items(model.space(model.items_, None))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    spread = []
    for keys in lists:
        mine = unit[model.items_.rows(keys)]
        n = len(mine)
        spread.append(1 - (float((mine.sum(axis=0) ** 2).sum()) - n) / (n * (n - 1)))
    return {
        "recall@20": float(np.mean([len(wanted & set(keys)) / len(wanted) for wanted, keys in zip(held, lists, strict=True)])),
        "diversity@20": float(np.mean(spread)),
        "coverage@20": len({key for keys in lists for key in keys}) / len(model.items_),
        "ms": 1000 * float(np.median(seconds)),
        "ms_p99": 1000 * float(np.percentile(seconds, 99)),
    }


if __name__ == "__main__":
    run()
