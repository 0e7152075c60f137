"""A self-contained report page: table, plots, one reader's recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..files import write_text

STYLE = """
:root { color-scheme: light dark; --ink: #111827; --paper: #ffffff; --soft: #f3f4f6; --line: #d1d5db; --best: #065f46; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e5e7eb; --paper: #111827; --soft: #1f2937; --line: #374151; --best: #6ee7b7; }
  .plot { background: #f9fafb; border-radius: 8px; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); } td { white-space: nowrap; } th { vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; } td:first-child, td:last-child { white-space: normal; min-width: 5rem; } td small { display: block; opacity: .65; font-weight: 400; } td.best { color: var(--best); font-weight: 600; }
ol { padding-left: 2rem; } li small { opacity: .65; } .plot svg { width: 100%; height: auto; } .note { opacity: .75; font-size: .9rem; }
"""


class ReportPage:
    """An HTML page that collects sections and is written as one file; every text is escaped.

    Parameters
    ----------
    title, subtitle : str
        Head of the page.
    """

    def __init__(self, title: str, subtitle: str) -> None:
        self._title = title
        self._parts = [f"<h1>{escape(title)}</h1><p class=note>{escape(subtitle)}</p>"]

    def table(
        self,
        heading: str,
        header: Sequence[str],
        rows: Sequence[Sequence[tuple[str, str, bool]]],
        note: str | Sequence[str] = "",
    ) -> None:
        """Add a table.

        Parameters
        ----------
        heading : str
            Section heading.
        header : sequence of str
            Column names.
        rows : sequence of rows of (text, small print, whether best)
            Cells.
        note : str or sequence of str
            Small print below, a line each.
        """
        head = "".join(f"<th>{escape(name)}</th>" for name in header)
        body = "".join("<tr>" + "".join(_cell(*cell) for cell in row) + "</tr>" for row in rows)
        notes = "".join(f"<p class=note>{escape(line)}</p>" for line in ([note] if isinstance(note, str) else note))
        self._parts.append(f"<h2>{escape(heading)}</h2><div class=scroll><table><tr>{head}</tr>{body}</table></div>{notes}")

    def plot(self, heading: str, svg: str) -> None:
        """Add a plot that `dualnet.experiments.plots` drew."""
        self._parts.append(f"<h2>{escape(heading)}</h2><div class=plot>{svg}</div>")

    def entries(self, heading: str, lines: Sequence[tuple[str, str]], note: str = "") -> None:
        """Add a numbered list of (text, small print)."""
        body = "".join(f"<li>{escape(text)} <small>{escape(small)}</small></li>" for text, small in lines)
        self._parts.append(f"<h2>{escape(heading)}</h2><p class=note>{escape(note)}</p><ol>{body}</ol>")

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all.

        Raises
        ------
        ResourceError
            If it cannot be written.
        """
        page = (
            f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"
            f"<title>{escape(self._title)}</title><style>{STYLE}</style></head><body>{''.join(self._parts)}</body></html>\n"
        )
        return write_text(path, page)


def _cell(text: str, small: str, best: bool) -> str:
    mark = " class=best" if best else ""
    return f"<td{mark}>{escape(text)}" + (f" <small>{escape(small)}</small>" if small else "") + "</td>"
