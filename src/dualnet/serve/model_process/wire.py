"""Messages over a socket between two processes of one server: four bytes of length, then JSON."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import IO

HEAD = struct.Struct("<I")
LIMIT = 2**20  # bytes that are read ahead of what is asked for


def send(channel: socket.socket, data: bytes) -> None:
    """Send one message, blocking."""
    channel.sendall(HEAD.pack(len(data)) + data)


def receive(stream: IO[bytes]) -> bytes | None:
    """Return the next message, blocking; None where the other side has gone."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (length,) = HEAD.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


class Frames:
    """The same in an event loop.

    Parameters
    ----------
    reader, writer : asyncio streams
        Over one socket.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, channel: socket.socket) -> Frames:
        """Take a socket over; it is closed with the frames."""
        return cls(*await asyncio.open_unix_connection(sock=channel, limit=LIMIT))

    def write(self, data: bytes) -> None:
        """Send one message; what the other side does not take at once is held, and nothing is sent if it has gone."""
        if not self._writer.is_closing():  # uvloop fails otherwise; who waits for an answer learns it from `read`
            self._writer.write(HEAD.pack(len(data)) + data)

    async def read(self) -> bytes | None:
        """Return the next message; None where the other side has gone."""
        try:
            (length,) = HEAD.unpack(await self._reader.readexactly(HEAD.size))
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def flush(self) -> None:
        """Wait until what is held is on its way; says nothing if the other side has gone."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
