"""Refusals by the server itself: too busy, in conflict, or a model that is not good enough."""

from __future__ import annotations

from ..errors import ArtifactError, DataError, ResourceError


class BusyError(ResourceError):
    """More questions are waiting than can be answered in time (HTTP 503 with Retry-After).

    Parameters
    ----------
    message : str
        One sentence for the caller.
    retry_after : float
        Seconds after which it is worth asking again.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ClosedError(ResourceError):
    """The service is shutting down, or was never started (HTTP 503)."""


class ConflictError(DataError):
    """A change that what is there forbids, such as other content for an item the model was trained on (HTTP 409)."""


class QuotaError(ResourceError):
    """A key has added as much as one key may (HTTP 413)."""


class RefusedModelError(ArtifactError):
    """A new version that did not pass its checks; the old one goes on answering (HTTP 409)."""
