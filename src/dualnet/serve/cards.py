"""Data of an item that a page shows: its title, its columns as JSON, its picture."""

from __future__ import annotations

import base64
import math
from datetime import date
from typing import Any

from ..data.picture_files import picture_bytes
from ..data.values import date_text, is_address
from ..errors import DataError
from ..ids import Key
from ..retrieval.questions import Columns, NewItem
from .catalogue import LiveCatalogue
from .new_content import content_columns
from .replies import Picture

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)  # fmt: skip


def card(catalogue: LiveCatalogue, row: int) -> dict[str, Any]:
    """Return ``{"item","title","path","content","picture","picture_link","link","taken"}`` of a row."""
    raw, pictures = _raw(catalogue, row), _picture_columns(catalogue)
    content = catalogue.model.catalogue_.content
    columns = (None, None) if content is None else (content.spec.picture, content.spec.link)
    picture_link, link = (raw.get(name) if name is not None and is_address(raw.get(name)) else None for name in columns)
    return {
        "item": catalogue.lineage.ids[row],
        "title": catalogue.lineage.titles[row],
        "path": "known" if catalogue.known[row] >= 0 else "content",
        "content": {name: _plain(value) for name, value in raw.items() if name not in pictures},
        "picture": any(raw.get(name) not in (None, "", b"") for name in pictures),
        "picture_link": picture_link,
        "link": link,
        "taken": int(catalogue.popularity[row]),
    }


def picture(catalogue: LiveCatalogue, row: int) -> Picture | None:
    """Return the first picture of a row; None if there is none or it is not a picture.

    A path is followed only where the model's own table holds it, never one that came with a request.
    """
    raw = _raw(catalogue, row)
    for name in _picture_columns(catalogue):
        value = raw.get(name)
        try:
            data = base64.b64decode(value) if row >= catalogue.n_base and value else picture_bytes(value, name)
        except DataError:
            continue
        if data and (kind := _media_type(data)):
            return Picture(data, kind)
    return None


def warm_up_item(catalogue: LiveCatalogue) -> NewItem | None:
    """Return the content of the first item under another id, to try out what a new item goes through."""
    if not len(catalogue) or catalogue.model.featurizer_ is None:
        return None
    spec, raw = catalogue.model.featurizer_.spec, _raw(catalogue, 0)
    raw = {name: value for name, value in raw.items() if name not in spec.images}
    content = catalogue.model.catalogue_.content
    for name, matrix in {} if content is None else content.matrices.items():
        raw[name] = [0.0] * matrix.shape[1]
    if not any(raw.get(name) is not None for name in spec.columns):
        return None
    key: Key = -(2**60) if catalogue.model.catalogue_.ids.is_integer else "warm-up"
    return NewItem(key, raw)


def _raw(catalogue: LiveCatalogue, row: int) -> Columns:
    if row >= catalogue.n_base:
        return catalogue.lineage.contents[row - catalogue.n_base]
    content = catalogue.model.catalogue_.content
    if content is None:
        return {}
    return {name: content.table.column(name)[row].as_py() for name in content.table.column_names}


def _picture_columns(catalogue: LiveCatalogue) -> list[str]:
    return [name for name, kind in content_columns(catalogue.model).items() if kind == "images"]


def _media_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in SIGNATURES if data.startswith(start)), None)


def _plain(value: Any) -> Any:
    """Return a cell as strict JSON."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, date):
        return date_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(name): _plain(entry) for name, entry in value.items()}
    return None if isinstance(value, bytes) else str(value)
