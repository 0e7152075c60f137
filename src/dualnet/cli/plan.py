"""`dualnet plan`: what training will cost, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from . import arguments as arg
from .output import JsonFlag, print_json, print_table, say

if TYPE_CHECKING:
    from ..train.plan import Machine, Plan, Workload
    from ..train.shared_plan import SharedPlan


def plan(
    users: Annotated[float, typer.Option("--users", help="Users of the training data; 1e6 is a number too.")],
    items: Annotated[float, typer.Option("--items", help="Items.")],
    pairs: Annotated[float, typer.Option("--pairs", help="Positive pairs.")],
    terms: Annotated[float, typer.Option("--terms", help="Non-zeros in the content of an item; 0 for no content.")] = 50,
    vocabulary: Annotated[float, typer.Option("--vocabulary", help="Width of the content.")] = 50_000,
    levels: Annotated[str, typer.Option("--levels", help="Widths of the embedding levels.")] = "450,200,50",
    factors: Annotated[
        int, typer.Option("--factors", help="Width of the solved levels beneath the networks; 0 for none.", min=0)
    ] = 300,
    epochs: Annotated[int, typer.Option("--epochs", help="Epochs of training.", min=1)] = 10,
    ensemble: Annotated[
        int,
        typer.Option("--ensemble", help="Pairs of networks that are trained from different seeds, one after the other.", min=1),
    ] = 1,
    gpus: Annotated[
        int, typer.Option("--gpus", help="Plan for so many H100 GPUs, at assumed rates; 0 measures this machine.", min=0)
    ] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", help="Workers that share the training, each a machine like this one, or with one GPU each.", min=1
        ),
    ] = None,
    network: Annotated[
        float | None, typer.Option("--network", help="GB a second that a worker sends (1.25 by default, 50 with GPUs).")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what training will cost, before it starts.

    Prints memory, arithmetic, memory traffic and time of the solved levels and of the networks, and what limits an epoch.
    The formulas are in docs/explanation/speed.md and scale.md. With --workers, or several GPUs, also what each worker holds and sends,
    and whether the network is the limit.

    Examples
    --------
      dualnet plan --users 1e6 --items 1e5 --pairs 2e7
      dualnet plan --users 1e6 --items 1e5 --pairs 2e7 --gpus 1
      dualnet plan --users 1e7 --items 1e6 --pairs 1e9 --workers 4
    """
    from dataclasses import asdict

    from ..experiments.machine import measure_machine
    from ..train.plan import Machine, Workload
    from ..train.plan import plan as make_plan
    from ..train.shared_plan import GPU_NETWORK, NETWORK, share

    sizes = _checked({"users": users, "items": items, "pairs": pairs}, {"terms": terms, "vocabulary": vocabulary})
    widths = tuple(arg.whole_numbers(levels, "--levels", repeats=True))
    work = Workload(*sizes, widths, epochs=epochs, factors=factors, ensemble=ensemble)
    sharing = _workers(workers, gpus, network)
    machine = Machine.of_gpus(gpus) if gpus else measure_machine()
    made = make_plan(work, machine)
    rate = network * 1e9 if network else GPU_NETWORK if gpus else NETWORK
    shared = share(work, made, Machine.of_gpus(1) if gpus else machine, sharing, rate) if sharing > 1 else None
    if as_json:
        told = {"workload": asdict(work), "machine": asdict(machine), "plan": {**asdict(made), "peak": made.peak}}
        print_json(told if shared is None else {**told, "shared": {**asdict(shared), "peak": shared.peak}})
        return
    _print(work, machine, made, f"{gpus} x H100, assumed" if gpus else "this machine, measured")
    if shared is not None:
        _print_shared(shared, work, rate)


def _workers(workers: int | None, gpus: int, network: float | None) -> int:
    """Return how many workers there are: as many as GPUs, of which each has one."""
    if workers is not None and gpus and workers != gpus:
        raise UsageError(
            f"--workers {workers} and --gpus {gpus} do not go together: a worker has one GPU; give --workers {gpus}"
        )
    sharing = workers or gpus or 1
    if network is not None and sharing == 1:
        raise UsageError("--network means nothing for one process; say how many share the training, such as --workers 4")
    if network is not None and not 0 < network < 1e6:
        raise UsageError(f"--network {network:g} must be above 0 and below 1,000,000 GB a second")
    return sharing


def _checked(counts: dict[str, float], of_content: dict[str, float]) -> tuple[int, int, int, int, int]:
    """Return users, items, pairs, terms of an item and vocabulary as whole numbers; content is both of the last or none."""
    for least, sizes in ((1, counts), (0, of_content)):
        for name, value in sizes.items():
            if not least <= value <= (1e13 if least else 1e12) or value != int(value):
                raise UsageError(f"--{name} {value:g} must be a whole number of at least {least}")
    users, items, pairs = counts.values()
    if pairs > users * items:
        raise UsageError(f"--pairs {pairs:g} is more than the {users * items:g} cells of {users:g} users x {items:g} items")
    terms, vocabulary = of_content.values() if all(of_content.values()) else (0, 0)
    return int(users), int(items), int(pairs), int(terms), int(vocabulary)


def _print(work: Workload, machine: Machine, made: Plan, kind: str) -> None:
    rows = [[f"memory: {name}", _bytes(size)] for name, size in made.memory.items() if name not in ("reading", "solving")]
    rows.append(["memory: training", _bytes(made.training)])
    if work.factors:
        rows.append(["memory: solving the levels", _bytes(made.solving)])
    rows.append(["memory: reading the tables", _bytes(made.memory["reading"])])
    rows += [[f"FLOP an epoch: {name}", f"{count:.2e}"] for name, count in made.flop.items()]
    rows += [[f"bytes an epoch: {name}", f"{count:.2e}"] for name, count in made.traffic.items()]
    print_table(["what", "how much"], rows)
    content = f"{work.terms:,} terms an item of a vocabulary of {work.vocabulary:,}" if work.terms else "no content"
    widths = ",".join(str(width) for width in work.levels)
    say(f"planned for: {content} (--terms, --vocabulary), levels {widths} (--levels)")
    say(f"{kind}: {machine.flops / 1e9:,.0f} GFLOP/s, {machine.bandwidth / 1e9:,.0f} GB/s")
    say(f"{made.steps} blocks of {made.user_batch:,} users x {made.item_batch:,} items an epoch")
    say(f"peak memory {_bytes(made.peak)}")
    if work.factors:
        say(
            f"the solved levels take about {_time(made.solve_seconds)} with numbers that are given; the search for them on a validation"
            f" about {_time(made.search_seconds)} more, and the ranking of its users"
        )
    say(
        f"an epoch takes about {_time(made.seconds)} (no less than {_time(made.seconds_floor)}; {made.bottleneck} is the"
        f" limit), {work.epochs} epochs{_each(work)} about {_time(made.seconds * work.epochs * work.ensemble)}"
    )


def _print_shared(shared: SharedPlan, work: Workload, rate: float) -> None:
    rows = [[f"memory of a worker: {name}", _bytes(size)] for name, size in shared.memory.items()]
    rows += [[f"sent by a worker an epoch: {name}", _bytes(size)] for name, size in shared.sent.items()]
    rows += [[f"seconds an epoch: {name}", _time(seconds)] for name, seconds in shared.parts.items()]
    say("")
    print_table([f"{shared.workers} workers", "how much"], rows)
    say(
        f"{shared.workers} workers: {_bytes(shared.peak)} each, {_bytes(sum(shared.sent.values()))} sent by each an epoch at"
        f" {rate / 1e9:g} GB/s (--network); an epoch takes"
        f" about {_time(shared.seconds)} ({shared.bottleneck} is the limit), {work.epochs} epochs{_each(work)} about"
        f" {_time(shared.seconds * work.epochs * work.ensemble)}"
    )


def _each(work: Workload) -> str:
    return f" of each of {work.ensemble} pairs of networks" if work.ensemble > 1 else ""


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"


def _time(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.2f} s" if seconds < 10 else f"{seconds:,.0f} s"
