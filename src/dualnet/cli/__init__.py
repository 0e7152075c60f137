"""The command line: parse, call the library, print a table or JSON."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper

from ..errors import DualNetError, DualNetWarning, UsageError
from .interruption import stopped_by
from .spelling import as_options, command_of, command_tree
from .visible import visible

INTERNAL, OUTSIDE = 1, 6
_ENDLESS = re.compile(r"\S{400,}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Codes: 0 done, 1 a defect of ours, 2 usage, 3 bad data, 4 training failed, 5 bad model folder, 6 something outside is
    missing (disk, permission, network, package), 7 training diverged, 128 + n stopped by signal n.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    with warnings.catch_warnings(), stopped_by(signal.SIGINT, signal.SIGTERM), _any_console():
        warnings.simplefilter("default", DualNetWarning)
        warnings.showwarning = _show_each_warning_once(words)
        try:
            command_tree()(list(words), prog_name="dualnet")
            sys.stdout.flush()
        except DualNetError as error:
            sys.stderr.write(visible(f"dualnet: {_readable(as_options(str(error), command_of(words)))}\n"))
            return error.exit_code
        except SystemExit as stop:
            if not _flushed():
                sys.stderr.write(
                    "dualnet: the output cannot be written: no space is left or nobody reads it; write it elsewhere\n"
                )
                return OUTSIDE
            return stop.code if isinstance(stop.code, int) else 0
        except BrokenPipeError:  # whoever reads has what it wants
            _forget_output()
            return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else OUTSIDE
        except (OSError, MemoryError) as error:
            if os.environ.get("DUALNET_DEBUG"):
                raise
            sys.stderr.write(visible(f"dualnet: {_outside(error)}\n"))
            return UsageError.exit_code if getattr(error, "errno", None) == errno.ENAMETOOLONG else OUTSIDE
        except Exception as error:
            if os.environ.get("DUALNET_DEBUG"):
                raise
            sys.stderr.write(
                f"dualnet: this should not have happened ({type(error).__name__}: {error}); set DUALNET_DEBUG=1 to see where,"
                " and please report it\n"
            )
            return INTERNAL
    return 0


def _outside(error: OSError | MemoryError) -> str:
    """Return one sentence on what the system refused."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; use smaller settings or tables, or a larger machine"
    where = "the output" if error.filename is None else str(error.filename)
    if error.errno == errno.ENAMETOOLONG:
        return f"{where[:80]}... is too long for the name of a file ({len(where):,} characters); give a shorter one"
    return f"{where} cannot be read or written: {error.strerror or error}; free space, mend the permission, or choose another place"


def _readable(text: str) -> str:
    """Return a message in which names and values that nobody reads to their end are cut."""
    return _ENDLESS.sub(lambda found: f"{found[0][:80]}...", text)


def _flushed() -> bool:
    """Write out what waits, and say whether that went well."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    except OSError:
        _forget_output()
        return False
    return True


def _forget_output() -> None:
    """Let nothing more be written to a standard output that takes nothing: the interpreter would complain at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # a test's own stream
        return


def run() -> None:
    """Entry point of the installed command."""
    sys.exit(main())


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


def _show_each_warning_once(words: Sequence[str]) -> Callable[..., None]:
    """Return what prints our warnings; a command that fits many models says the same of its data once."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *rest: object, **more: object) -> None:
        if issubclass(category, DualNetWarning) and str(message) not in said:
            said.add(str(message))
            sys.stderr.write(visible(f"dualnet: warning: {as_options(str(message), command_of(words))}\n"))

    return show
