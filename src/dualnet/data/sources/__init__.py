"""Named data sets: found in a folder, else fetched; every reader asserts the authors' published totals."""

from .registry import SourceInfo, known, load

__all__ = ["SourceInfo", "known", "load"]
