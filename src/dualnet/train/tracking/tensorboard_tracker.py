"""Figures to event files that TensorBoard reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import optional_package
from ...typed_values import path_of
from .tracker import Status, as_text


class TensorBoardTracker:
    """Event files of one fit; ``tensorboard --logdir FOLDER`` shows them.

    Written with TensorBoard's own file writer, so that models that need no torch need none to be tracked.

    Parameters
    ----------
    folder : Path
        Of this run's event files.

    Raises
    ------
    MissingExtraError
        Without the package tensorboard.
    """

    def __init__(self, folder: Path) -> None:
        with optional_package("tensorboard", "track", "tracking with TensorBoard"):
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        self._make, self.folder = EventFileWriter, path_of(folder, "folder")
        self._writer: Any = None

    def __reduce__(self) -> tuple[type[TensorBoardTracker], tuple[Path]]:
        """Return what makes the tracker anew in a worker, which may work in another folder."""
        return type(self), (self.folder.absolute(),)

    def start(self, parameters: Mapping[str, Any]) -> None:
        """Open an event file and record the parameters as a table."""
        self._writer = self._make(str(self.folder))
        lines = ["| parameter | value |", "|---|---|"]
        lines += [f"| {name} | {as_text(value)} |" for name, value in parameters.items()]
        self._write_text("parameters", "\n".join(lines))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Record figures, flushed at once."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._add(Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]), step)
        self._writer.flush()

    def finish(self, status: Status) -> None:
        """Record how it ended, and close the file."""
        self._write_text("status", status)
        self._writer.close()

    def _write_text(self, tag: str, text: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
        self._add(Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)]), 0)

    def _add(self, summary: Any, step: int) -> None:
        import time

        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
