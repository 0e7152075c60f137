"""Writes changes from several threads' worth of groups for ever, saying each key once it is safe; made to be killed."""

import sys
from pathlib import Path

from dualnet.serve.journal import Journal
from dualnet.serve.live_state import LiveState


def write_for_ever(folder: Path, name: str) -> None:
    journal, changes = Journal.open(folder)
    state = LiveState()
    for change in changes:
        state.apply(change)
    number = 0
    while True:
        keys = [f"{name}-{number}-{place}" for place in range(1 + number % 5)]
        group = [{"put": [[key, {"title": f"title of {key}"}]]} for key in keys]
        journal.append(group)
        for change in group:
            state.apply(change)
        if number % 9 == 8:
            journal.compact(state.changes())
        sys.stdout.write("".join(f"{key}\n" for key in keys))
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), sys.argv[2])
