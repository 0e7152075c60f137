"""The command line: parse, call the library, print a table or JSON."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper

from ..errors import DualNetError, DualNetWarning
from .spelling import as_options

INTERNAL = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Codes: 0 done, 1 a defect of ours, 2 usage, 3 bad data, 4 training failed, 5 bad model folder, 6 something outside is
    missing (disk, permission, network, package), 128 + n stopped by signal n.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    from .app import app

    with warnings.catch_warnings(), _interruptible(), _any_console():
        warnings.simplefilter("default", DualNetWarning)
        warnings.showwarning = _show_each_warning_once()
        try:
            app(list(sys.argv[1:] if argv is None else argv), prog_name="dualnet")
        except DualNetError as error:
            sys.stderr.write(f"dualnet: {as_options(str(error))}\n")
            return error.exit_code
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 0
        except Exception as error:
            if os.environ.get("DUALNET_DEBUG"):
                raise
            sys.stderr.write(
                f"dualnet: this should not have happened ({type(error).__name__}: {error}); set DUALNET_DEBUG=1 to see where,"
                " and please report it\n"
            )
            return INTERNAL
    return 0


def run() -> None:
    """Entry point of the installed command."""
    sys.exit(main())


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the command with code 130 and one line."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        sys.stderr.write("dualnet: interrupted\n")
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _any_console() -> Iterator[None]:
    """Show what the console's encoding lacks, such as an emoji of a title where there is Latin-1, as a question mark."""
    changed = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
            changed.append(stream)
    try:
        yield
    finally:
        for stream in changed:
            if not stream.closed:
                stream.reconfigure(errors="strict")


def _show_each_warning_once() -> Callable[..., None]:
    """Return what prints our warnings; a command that fits many models says the same of its data once."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *rest: object, **more: object) -> None:
        if issubclass(category, DualNetWarning) and str(message) not in said:
            said.add(str(message))
            sys.stderr.write(f"dualnet: warning: {as_options(str(message))}\n")

    return show
