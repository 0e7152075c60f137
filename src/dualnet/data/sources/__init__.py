"""Named data sets: found in a folder or fetched; every reader checks the totals that the authors published."""

from .registry import SourceInfo, known, load

__all__ = ["SourceInfo", "known", "load"]
