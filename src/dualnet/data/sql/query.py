"""One SQL statement from a file or text: its ``:name`` parameters are found and written as a driver wants them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError, near_path
from ..read_table import read_text

LARGEST_QUERY = 2**20  # bytes; a longer file is a dump, not a question

# what is not code (strings, quoted names, comments), then casts, then parameters, then the end of a statement
TOKENS = re.compile(
    r"""
      (?P<quoted> (?<![A-Za-z0-9_])[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
                | \$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$ )
    | (?P<remark> --[^\n]* | /\*.*?\*/ )
    | (?P<cast> :: )
    | :(?P<name>[A-Za-z_]\w*)
    | (?P<end> ; )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Query:
    """A statement and where it came from.

    Parameters
    ----------
    text : str
        SQL; values stand as ``:name``. Quoted text and comments are left alone, and so are casts (``::``).
    place : str
        File name, or ``the events query``, for error texts.

    Raises
    ------
    DataError
        If there is no statement, or more than one.
    """

    text: str
    place: str

    def __post_init__(self) -> None:
        end = next((token.start() for token in self._tokens() if token["end"]), None)
        if end is None:
            end = len(self.text)
        elif not self._is_blank(self.text[end + 1 :].replace(";", " ")):
            raise DataError(f"{self.place} holds more than one statement; keep a single one that reads rows")
        object.__setattr__(self, "text", self.text[:end].rstrip())
        if self._is_blank(self.text):
            raise DataError(f"{self.place} holds no statement; write one that reads rows, such as SELECT or WITH")

    @classmethod
    def of(cls, source: str | Path, what: str) -> Query:
        """Return the query that a path names, or that a text is.

        Parameters
        ----------
        source : str or Path
            A `Path` is a UTF-8 file of at most 1 MiB; a `str` is SQL itself.
        what : str
            ``events``, ``items`` or ``users``, for error texts.

        Raises
        ------
        DataError
            If the file is missing, too large, or not text.
        """
        if isinstance(source, str):
            return cls(source, f"the {what} query")
        try:
            size = source.stat().st_size
        except OSError as error:
            raise DataError(
                f"the {what} query {source} cannot be read: {error.strerror or error}{near_path(source)}"
            ) from error
        if size > LARGEST_QUERY:
            raise DataError(f"{source} has {size:,} bytes; a query file holds one statement of at most 1 MiB")
        return cls(read_text(source), source.name)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters in order of their first use."""
        return tuple(dict.fromkeys(token["name"] for token in self._tokens() if token["name"]))

    @property
    def reads(self) -> bool:
        """Whether it begins as a reading statement does; what it really does is for the database to judge."""
        words = TOKENS.sub(lambda token: " " if token["remark"] else token[0], self.text).replace("(", " ").split()
        return bool(words) and words[0].lower() in ("select", "with", "values", "table", "from")

    def written(self, style: Callable[[str], str]) -> tuple[str, Callable[[int], int]]:
        """Return the statement with every parameter written by `style`, and what maps a position in it back to the file.

        Parameters
        ----------
        style : callable of str to str
            From a name to the driver's placeholder, such as ``lambda name: f"${name}"``.

        Returns
        -------
        statement : str
        original : callable of int to int
            From a position (from 0) in the statement to one in `text`.
        """
        parts: list[str] = []
        shifts: list[tuple[int, int]] = []  # behind each parameter: position in the statement, what to add
        done = length = 0
        for token in self._tokens():
            if token["name"]:
                parts += [self.text[done : token.start()], style(token["name"])]
                length += len(parts[-2]) + len(parts[-1])
                done = token.end()
                shifts.append((length, done - length))
        parts.append(self.text[done:])

        def original(position: int) -> int:
            return position + next((shift for start, shift in reversed(shifts) if position >= start), 0)

        return "".join(parts), original

    def at(self, position: int) -> str:
        """Return file, line and column of a position (from 0) in `text`, for error texts."""
        before = self.text[:position]
        return f"{self.place}, line {before.count(chr(10)) + 1}, column {position - before.rfind(chr(10))}"

    def near(self, word: str) -> str:
        """Return where a word stands if it stands in one place alone, else the file; for drivers that tell no position."""
        found = [match.start() for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", self.text)] if word else []
        return self.at(found[0]) if len(found) == 1 else self.place

    def _tokens(self) -> list[re.Match[str]]:
        return list(TOKENS.finditer(self.text))

    @staticmethod
    def _is_blank(text: str) -> bool:
        return not TOKENS.sub(lambda token: "" if token["remark"] else token[0], text).strip()
