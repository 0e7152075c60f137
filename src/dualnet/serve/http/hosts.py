"""Which Host headers a server on the loopback address takes: its own names only, against DNS rebinding."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def is_loopback(host: str) -> bool:
    """Return whether an address to bind reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class HostCheck:
    """Take requests for known names only.

    A page of another site can make a browser resolve that site's name to 127.0.0.1 and then read answers as if they were
    its own; the browser still sends the site's name as Host, and that is refused.

    Parameters
    ----------
    host : str
        Address bound.
    also : iterable of str
        Further names, such as the one a proxy on this machine passes on.
    """

    def __init__(self, host: str, also: Iterable[str] = ()) -> None:
        own = f"[{host}]" if ":" in host else host
        self._names = frozenset(name.lower().encode() for name in {*LOCAL_NAMES, own, *also})
        self._passed: frozenset[bytes] = frozenset()

    def passes(self, header: bytes | None) -> bool:
        """Return whether a Host header, with or without a port, is one of ours."""
        if header is None:
            return False
        if header in self._passed:
            return True
        name, colon, port = header.rpartition(b":")
        if not colon or header.endswith(b"]"):
            name, port = header, b"0"
        if name.lower() not in self._names or not port.isdigit() or len(port) > 5:
            return False
        if len(self._passed) < 16:
            self._passed |= {header}
        return True
