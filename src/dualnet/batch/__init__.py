"""Work on many users or items by several processes, through Ray Data: lists for everybody, vectors, an evaluation."""

from __future__ import annotations

from .jobs import encode, evaluate, recommend_all

__all__ = ["encode", "evaluate", "recommend_all"]
