"""Draws the diagrams of the method page: `python docs/explanation/diagrams/draw.py` writes the SVG files beside it.

Each has its own background, so that it reads on a light page and on a dark one, and is narrow, so that it reads on a phone.
"""

from __future__ import annotations

from pathlib import Path

WIDTH = 480
STYLE = """
.card { fill: #fcfcfa; stroke: #d5d5cf; } text { font: 14px system-ui, sans-serif; fill: #22262b; }
.small { font-size: 12px; } .head { font-weight: 600; } .faint { fill: #5c636b; }
.item { fill: #cfe3f5; stroke: #2f6da3; } .user { fill: #f8dcc0; stroke: #a9631c; } .match { fill: #d7ebd0; stroke: #43813a; }
.plain { fill: none; stroke: #9aa0a6; } .line { fill: none; stroke: #5c636b; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
.card { fill: #1d2126; stroke: #3a4149; } text { fill: #e6e8ea; } .faint { fill: #aab1b9; }
.item { fill: #1f4465; stroke: #7fb6e6; } .user { fill: #5f3c16; stroke: #e6ac6b; } .match { fill: #2a5023; stroke: #93cf87; }
.plain { stroke: #68717a; } .line { stroke: #aab1b9; }
}
"""


def text(x: float, y: float, words: str, style: str = "", anchor: str = "middle") -> str:
    """Return a line of text; `style` names classes."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{style}">{words}</text>'


def box(x: float, y: float, width: float, height: float, style: str, words: str = "") -> str:
    """Return a rectangle with a word in its middle."""
    drawn = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" class="{style}"/>'
    return drawn + (text(x + width / 2, y + height / 2 + 5, words) if words else "")


def line(x1: float, y1: float, x2: float, y2: float, *, arrow: bool = True) -> str:
    """Return a line, with a point at its end."""
    end = ' marker-end="url(#point)"' if arrow else ""
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" class="line"{end}/>'


def picture(height: int, title: str, parts: list[str]) -> str:
    """Return a whole SVG file."""
    point = (
        '<marker id="point" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 1L7 4L0 7" class="line"/></marker>'
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
            f"<title>{title}</title><style>{STYLE}</style><defs>{point}</defs>",
            f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8" class="card"/>',
            *parts,
            "</svg>\n",
        ]
    )


def towers() -> str:
    """Draw the three designs: which levels are matched, and through what."""
    parts = []
    lefts, width, height = (130, 250, 370), 84, 28
    designs = (
        ("basic", "the top level is matched", (2,), ()),
        ("multi-level", "every level is matched", (0, 1, 2), ()),
        ("branching", "lower levels are matched through a branch of their own", (0, 1, 2), (0, 1)),
    )
    for place, (name, what, matched, branched) in enumerate(designs):
        top = 16 + place * 210
        upper, middle, lower = top + 30, top + 98, top + 138
        parts.append(text(16, top + 12, name, "head", "start"))
        parts.append(text(30 + 8 * len(name), top + 12, what, "small faint", "start"))
        for y, word, style in ((upper, "content", "item"), (lower, "history", "user")):
            parts.append(box(16, y, 84, height, "plain", word))
            for level, left in enumerate(lefts):
                parts.append(line((100 if level == 0 else lefts[level - 1] + width), y + height / 2, left, y + height / 2))
                parts.append(box(left, y, width, height, style, f"level {level + 1}"))
        for level in matched:
            x = lefts[level] + width / 2
            for start, end in ((upper + height, middle - 8), (lower, middle + 8)):
                parts.append(line(x, start, x, end))
                if level in branched:
                    parts.append(f'<rect x="{x - 6:g}" y="{(start + end) / 2 - 8:g}" width="12" height="12" class="match"/>')
            parts.append(f'<circle cx="{x:g}" cy="{middle:g}" r="7" class="match"/>')
    parts.append('<circle cx="24" cy="650" r="7" class="match"/>')
    parts.append(text(38, 655, "inner product; their sum is the score", "small", "start"))
    parts.append('<rect x="286" y="644" width="12" height="12" class="match"/>')
    parts.append(text(306, 655, "branch: a linear map", "small", "start"))
    return picture(674, "Towers of the three designs", parts)


def dual_mini_batches() -> str:
    """Draw the matrix cut into blocks, one of them at work."""
    left, top, wide, high, rows, columns = 130, 96, 62, 50, 4, 5
    order = [7, 13, 2, 18, 10, 16, 4, 11, 20, 6, 1, 9, 15, 3, 12, 19, 8, 5, 14, 17]
    at = (1, 2)
    parts = [text(left + columns * wide / 2, 24, "items, shuffled into batches", "head")]
    parts.append(text(24, 74, "users,", "head", "start") + text(24, 92, "shuffled", "head", "start"))
    for row in range(rows):
        for column in range(columns):
            style = "match" if (row, column) == at else "plain"
            number = order[row * columns + column]
            parts.append(box(left + column * wide, top + row * high, wide, high, style, str(number)))
    x, y = left + at[1] * wide, top + at[0] * high
    parts.append(box(x, 46, wide, 26, "item", "encode"))
    parts.append(line(x + wide / 2, 72, x + wide / 2, top - 2))
    parts.append(box(24, y + 12, 80, 26, "user", "encode"))
    parts.append(line(104, y + high / 2, left - 2, y + high / 2))
    below = top + rows * high
    parts.append(
        text(24, below + 26, "One step: a batch of users times a batch of items. Each is encoded once", "small", "start")
    )
    parts.append(
        text(24, below + 44, "for all the pairs of the block. The numbers are the order of an epoch;", "small", "start")
    )
    parts.append(text(24, below + 62, "after it every pair has been in the loss once, the zeros too.", "small", "start"))
    return picture(below + 80, "Dual mini-batches", parts)


def quadrants() -> str:
    """Draw the four cases and what answers in each."""
    left, top, wide, high = 92, 54, 184, 118
    parts = [text(left + wide / 2, 24, "known item", "head"), text(left + wide * 1.5 + 8, 24, "new item", "head")]
    parts += [
        text(left + wide / 2, 42, "content and residual", "small faint"),
        text(left + wide * 1.5 + 8, 42, "content", "small faint"),
    ]
    cells = (
        ("known-known", ("the block that trains", "every model answers")),
        ("known-new", ("item by its content", "factor models: nothing")),
        ("new-known", ("user by the history", "nobody retrains")),
        ("new-new", ("both at first sight", "same call, same model")),
    )
    for place, (name, words) in enumerate(cells):
        x, y = left + place % 2 * (wide + 8), top + place // 2 * (high + 8)
        parts.append(box(x, y, wide, high, ("match", "item", "user", "plain")[place]))
        parts.append(text(x + wide / 2, y + 36, name, "head"))
        parts += [text(x + wide / 2, y + 64 + 20 * row, word, "small") for row, word in enumerate(words)]
    for row, word in enumerate(("known", "new")):
        middle = top + high / 2 + row * (high + 8)
        parts.append(text(12, middle - 6, word, "head", "start") + text(12, middle + 12, "user", "head", "start"))
        parts.append(text(12, middle + 30, "history", "small faint", "start"))
    return picture(top + 2 * high + 24, "Four quadrants", parts)


DIAGRAMS = {"towers.svg": towers, "dual-mini-batches.svg": dual_mini_batches, "quadrants.svg": quadrants}

if __name__ == "__main__":
    for name, draw in DIAGRAMS.items():
        Path(__file__).with_name(name).write_text(draw(), encoding="utf-8")
