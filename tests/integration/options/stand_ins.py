"""What stands in for work that takes minutes or does not end: a demo, a study, a server, a download. Each notes what it is told."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dualnet.data.trusted_paths import VARIABLE
from dualnet.models import registry

LOAD = registry.load


def stand_ins(told: list[Any]) -> dict[str, Any]:
    """Return what takes the place of what, by dotted name.

    Parameters
    ----------
    told : list
        Gets what each is told.
    """

    def demo(data: Any, out: Path, **more: Any) -> Any:
        told.append(("demo", data.fingerprint(), more["seed"], more["epochs"]))
        out.mkdir()
        (out / "report.html").write_text("a page")
        found = SimpleNamespace(to_json=dict, ids=["p1", "p2"])
        return SimpleNamespace(
            split=SimpleNamespace(fingerprint=str, train=SimpleNamespace(name="library")), reports={}, reader="r1", shown=found, rows=lambda cut: [],
            served_table=lambda cut: (["one"], []), summary=str, stories=(), legend=lambda cut: [],
        )  # fmt: skip

    def study(plan: Any, results: Any, *, hours: float | None, run: Any, **more: Any) -> dict[str, str]:
        told.append(("study", plan.name, hours, run.device))
        return {}

    def load(folder: Path, **more: Any) -> Any:
        told.append(("trusts", os.environ.get(VARIABLE)))
        return LOAD(folder, **more)

    def bind(host: str, port: int) -> Any:
        told.append(("bind", host, port))
        return SimpleNamespace(close=lambda: None, getsockname=lambda: (host, port))

    def serve(app: Any, listener: Any, draining: Any, options: Any, service: Any) -> None:
        told.append(("serve", repr(options)))

    def open_service(folder: Path, state: Path | None, settings: Any, model_process: bool) -> Any:
        told.append(("state", state is not None, repr(settings), model_process))
        label = SimpleNamespace(name="m", version="1", to_json=dict)
        return SimpleNamespace(notes=list, label=label, failure=None, whole_items=False, whole_users=False)

    def replicas(wanted: Any, ready: Any) -> None:
        told.append(("replicas", repr(wanted)))

    def build(service: Any, guards: Any, options: Any) -> None:
        told.append(("front", repr(options), repr(vars(guards.hosts)) if guards.hosts else None, guards.keys, guards.rate))

    def answers(job: Any, parts: Any, workers: int, address: str | None, purpose: str) -> Any:
        told.append(("workers", workers, address))
        return [(part, job.answer(part)) for part in parts]

    def trials(lines: Any, proposer: Any, workers: int) -> None:
        told.append(("workers", workers))
        while len(lines.found) < lines.limit and (params := proposer.propose(lines.found)) is not None:
            lines.end("t", params, {"record": lines.search.tried(params, proposer.hopeless)})

    return {
        "dualnet.batch.jobs.answers": answers,
        "dualnet.batch.jobs.cluster": lambda address, workers, **more: nullcontext(),
        "dualnet.experiments.shared_search.cluster": lambda address, workers, **more: nullcontext(),
        "dualnet.experiments.shared_search._run": trials,
        "dualnet.experiments.demo.run_demo": demo,
        "dualnet.experiments.reproduction.runner.run_study": study,
        "dualnet.models.registry.load": load,
        "dualnet.data.sources.registry.fetch": lambda name: Path("cache") / name,
        "dualnet.serve.http.server.bind": bind,
        "dualnet.serve.http.server.address": lambda listener: "http://here",
        "dualnet.serve.http.server.run": serve,
        "dualnet.serve.http.app.build_app": build,
        "dualnet.serve.replicas.serve_replicas": replicas,
        "dualnet.serve.http.keys.make_key": lambda name, role=None: (f"key of {name}", f"{role} {name}"),
        "dualnet.cli.serve._open": open_service,
    }
