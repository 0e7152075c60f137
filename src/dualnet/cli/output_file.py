"""The file that a command is to write: of the right kind, and not over another by accident."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError


def check_output_file(path: Path, suffix: str, *, overwrite: bool) -> None:
    """Make sure, before any work, that a command may write a file.

    Parameters
    ----------
    path : Path
        What ``--out`` says.
    suffix : str
        Of the format that is written, such as ``.parquet``.
    overwrite : bool
        Whether a file that exists may be replaced.

    Raises
    ------
    UsageError
        For another suffix, a folder, or a file that exists and is to be kept.
    """
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path} does not end in {suffix}, the format that is written; choose another --out")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; choose another --out")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; replace it with --overwrite or choose another --out")
