"""What a key may do: ask, also change and see who the users are, or also exchange the model and forget people; the table of docs/how-to/serve.md."""

from __future__ import annotations

from typing import Literal

Role = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = ("read", "write", "admin")  # each may do what those before it may

QUESTIONS = frozenset(
    {
        "/v1/recommend", "/v1/score", "/v1/explain", "/v1/similar/items", "/v1/encode/user", "/v1/encode/item", "/v1/compare",
    }
)  # fmt: skip
ADMINISTRATION = frozenset({"/v1/model:reload"})
PERSON = "/v1/users/"  # to forget somebody cannot be undone
PEOPLE = "/v1/users"  # who the users are and what they did: also /v1/users-for-item


def role_for(method: str, path: str) -> Role:
    """Return the least role that a request needs; what is not listed as a question or a look changes something.

    Parameters
    ----------
    method : str
        HTTP method.
    path : str
        Path of the request, decoded.
    """
    if path in ADMINISTRATION or (method == "DELETE" and path.startswith(PERSON)):
        return "admin"
    if path.startswith(PEOPLE):
        return "write"
    if method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and path in QUESTIONS):
        return "read"
    return "write"


def may(role: Role, needed: Role) -> bool:
    """Return whether a role is enough."""
    return ROLES.index(role) >= ROLES.index(needed)
