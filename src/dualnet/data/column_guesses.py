"""What the columns of two tables seem to be: a guess that is told, from their names and their values."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import DataError, DualNetWarning, UsageError, counted
from .decimal_commas import doubt_of, with_points, writing_of
from .frames import column_at
from .list_text import as_list, separator_of
from .read_table import LoadedTable
from .times import UNITS, times_of
from .values import UnfitError, is_address, is_missing, number_of, number_text

SAMPLE = 20_000  # rows that are looked at
LABELS = 100  # distinct values of a column of categories, at most
LIKED = 0.8  # of the highest rating, from where on a rating is a like

USERS = ("userid", "user", "uid", "username", "customerid", "customer", "reviewerid", "reviewer", "memberid", "member", "accountid",
         "account", "visitorid", "visitor", "personid", "person", "readerid", "reader", "buyerid", "buyer", "clientid", "client", "cust",
         "shopper", "subscriber", "patron", "viewer", "listener", "student", "player", "kunde", "kunden", "nutzer", "benutzer", "besteller",
         "kaeufer", "kaufer", "leser", "utilisateur", "usuario", "cliente", "utente", "sessionid", "session", "email", "mail")  # fmt: skip
ITEMS = ("itemid", "item", "movieid", "productid", "product", "parentasin", "asin", "sku", "stockcode", "articleid", "article", "isbn",
         "bookid", "book", "songid", "trackid", "paperid", "docid", "documentid", "businessid", "gameid", "postid", "listingid", "adid",
         "movie", "film", "filmid", "ean", "gtin", "upc", "prod", "song", "track", "paper", "doc", "document", "business", "game", "post",
         "listing", "recipe", "course", "video", "show", "artist", "news", "story", "offer", "artikel", "art", "produkt", "ware", "buch",
         "material", "produit", "livre", "producto", "articulo", "libro", "prodotto", "articolo")  # fmt: skip
KEYS = re.compile(
    r"(?:id|ids|nr|no|num|number|nummer|key|code|uuid|guid|hash|ref|sk)$"
)  # what ends the name of a column of ids
RATINGS = ("rating", "ratings", "stars", "overall", "starrating", "reviewscore", "bookrating", "score",
           "userrating", "bewertung", "sterne", "wertung", "punkte", "evaluation", "puntuacion", "calificacion", "voto", "valutazione")  # fmt: skip
TIMES = ("timestamp", "time", "date", "datetime", "unixreviewtime", "when", "createdat", "eventtime", "invoicedate", "orderdate", "orderedat",
         "purchasedate", "ts", "day")  # fmt: skip
OF_TIME = re.compile(
    r"time|date|datum|zeit|tag$|day|when|(?:ed|at|[dt]on|(?<!n)ts)$|fecha|heure|jour|data$|epoch|unix"
)  # in the name of a column of times
LATER = re.compile(r"ship|deliver|liefer|versand|updat|modif|geaendert|geandert|expir|ablauf|due|cancel|return")
OF_PEOPLE = re.compile(r"birth|born|geburt|naissance|nacimiento|nascita|registr|signup|joined|membersince")  # times of no event
NO_TIMES = re.compile(
    r"phone|telefon|mobil|fax|barcode|strichcode|ean|gtin|upc|isbn|account|konto|card|karte|price|preis|amount|betrag|total|summe"
)  # numbers of so many digits that are no times
WEIGHTS = ("plays", "playcount", "quantity", "qty", "count", "listens", "weight", "hours", "playtime", "purchases", "views", "clicks", "units",
           "menge", "anzahl", "stueck", "stuck", "stueckzahl", "stuckzahl", "quantite", "cantidad", "quantita")  # fmt: skip
EVENTS = ("event", "eventtype", "action", "behavior", "behaviour", "type", "interaction", "kind")
LIKES = ("like", "buy", "bought", "purchase", "purchased", "order", "ordered", "transaction", "checkout", "cart", "addtocart", "save",
         "saved", "favorite", "favourite", "wishlist", "share", "play", "watch", "download", "subscribe")  # fmt: skip
TITLES = ("title", "name", "itemname", "productname", "producttitle", "movietitle", "booktitle", "headline",
          "titel", "bezeichnung", "artikelname", "artikelbezeichnung", "produktname", "titre", "nom", "titulo", "nombre", "titolo", "nome")  # fmt: skip
TAGS = ("tags", "tag", "genres", "genre", "categories", "keywords", "labels", "topics", "authors", "actors", "features",
        "schlagworte", "schlagwoerter", "kategorien", "stichworte")  # fmt: skip
REVIEWS = ("review", "reviews", "reviewtext", "summary", "comment", "comments", "verdict", "opinion", "kommentar", "rezension")
TIME_FORMATS = ("auto", "%m/%d/%Y", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%m %d, %Y",
                "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%y", "%d.%m.%y %H:%M", "%d-%m-%Y", "%d-%m-%Y %H:%M",
                "%m/%d/%y", "%m/%d/%y %H:%M", "%d/%m/%y", "%d/%m/%y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p")  # fmt: skip

SINCE_1970 = (6.3e8, 4.1e9)  # seconds from 1990 to 2100: numbers below and above are no times of events
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?!\d)|\d{1,2}[ -][A-Za-z]{3}|[A-Za-z]{3,9},? \d{1,2}\b"
)
_PICTURES = re.compile(r"image|img|cover|poster|photo|thumb|picture", re.IGNORECASE)
_PICTURE_FILE = re.compile(r"\.(?:png|jpe?g|gif|webp)(?:\?.*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Guesses:
    """What columns seem to be.

    Parameters
    ----------
    columns : dict
        Arguments of `Dataset.from_tables`, as far as they can be told.
    said : list of (str, tuple of str)
        A sentence for each thing that was found, and the arguments that follow from it.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    said: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def add(self, sentence: str, **columns: Any) -> None:
        """Note a sentence and what follows from it."""
        self.said.append((sentence, tuple(columns)))
        for name, value in columns.items():
            if isinstance(value, tuple):
                self.columns[name] = (*self.columns.get(name, ()), *value)
            else:
                self.columns[name] = value

    def leave_out_items(self, sentence: str) -> None:
        """Note why the table of items is not used, and forget what follows from it."""
        gone = {"title", "picture", "link", "missing_content"}
        self.said[:] = [(said, names) for said, names in self.said if not names or not set(names) <= gone]
        for name in gone & set(self.columns):
            del self.columns[name]
        self.add(sentence, items=None)


def guess_columns(
    events: LoadedTable, items: LoadedTable | None = None, given: Mapping[str, str | tuple[str, ...]] | None = None
) -> Guesses:
    """Return what the columns of a table of events, and of one of items, seem to be.

    Parameters
    ----------
    events, items : LoadedTable
        As they were read; of long tables the first rows are looked at, of times all.
    given : mapping, optional
        Arguments of `Dataset.from_tables` that somebody said; their columns are not looked at.
    """
    found = Guesses(dict(given or {}))
    told = {name for value in found.columns.values() for name in ((value,) if isinstance(value, str) else value)}
    user, item = _ids(found, events.table, None if items is None else items.table, told)
    events, items = _numbered(events, (user, item)), None if items is None else _numbered(items, (user, item))
    left = [name for name in events.table.column_names if name not in (user, item, *told)]
    left = _ratings(found, events, left)
    left = _times(found, events, left)
    left = _repeats(found, events, user, item, left)
    reviews = [name for name in left if _plain(name) in REVIEWS and _is_text(_cells(events.table, name))]
    if reviews:
        found.add(
            f"{_named(reviews)} of {events.name} {_is(reviews)} left out: what people wrote after they had an item gives the answer away"
            " where it becomes content"
        )
        left = [name for name in left if name not in reviews]
    if items is None and item is not None:
        left = _of_items(found, events, item, left)
    left = [name for name in left if not _say_comma(found, name, _cells(events.table, name), events)]
    if left:
        found.add(f"{_named(left)} of {events.name} {_is(left)} not used")
    if items is not None:
        _content(found, items, item, user, told)
        _rows(found, events.table, items.table)
    return found


def _ids(found: Guesses, events: pa.Table, items: pa.Table | None, told: Collection[str]) -> tuple[str | None, str | None]:
    """Find the columns of users and items; both tables have the latter. Objects and lists are no ids."""
    names = [
        name for name in events.column_names if not pa.types.is_nested(events.schema.field(name).type) and name not in told
    ]
    shared = names if items is None else [name for name in names if name in items.column_names]
    user = found.columns.get("user") or _id_column(names, USERS)
    item = found.columns.get("item") or _id_column([name for name in shared if name != user], ITEMS)
    if item is None and items is not None and len(others := [name for name in shared if name != user]) == 1:
        item = others[0]
    fresh = {what: name for what, name in (("user", user), ("item", item)) if name is not None and what not in found.columns}
    if fresh:
        said = [f"'{name}' names the {what}s" for what, name in fresh.items()]
        found.add(" and ".join((said[0], *(text.replace(" names ", " ") for text in said[1:]))), **fresh)
    return user, item


def _id_column(names: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the column that names users or items: by a known word, else by one that a word for a key follows (``kunden_nr``)."""
    if (found := _first(names, known)) is not None:
        return found
    stems = {KEYS.sub("", re.sub(r"^(?:id|fk)(?=.{3})", "", _plain(name))): name for name in reversed(names)}
    return next((stems[word] for word in known if word in stems), None)


def _ratings(found: Guesses, events: LoadedTable, left: list[str]) -> list[str]:
    """Find ratings, or types of events, and what of them is a like."""
    name = _first(left, RATINGS)
    numbers = None if name is None else _numbers(_cells(events.table, name))
    if name is not None and numbers is not None and 1 < len(np.unique(numbers)) <= 101:
        values = np.unique(numbers)
        unrated = float(values[0]) if values[0] in (-1.0, 0.0) and values[-1] > 2 and values[1] >= 1 else None
        scale = values if unrated is None else values[1:]
        least = scale[-1] - (1 - LIKED) * abs(scale[-1])
        threshold = float(scale[scale >= least][0])
        steps = " in half steps" if (scale % 1 == 0.5).any() else ""
        none = "" if unrated is None else f"; {unrated:g} seems to mean that there is no rating"
        found.add(
            f"'{name}' has ratings from {number_text(float(scale[0]))} to {number_text(float(scale[-1]))}{steps}{none}; from {number_text(threshold)} on they are taken as likes, lower"
            f" ones as dislikes, which are never listed to the same user ({np.mean(numbers >= threshold):.0%} are likes)",
            rating=name, threshold=threshold, **({} if unrated is None else {"unrated": unrated}),
        )  # fmt: skip
        return [other for other in left if other != name]
    if name is not None and numbers is not None and len(numbers) and (numbers == numbers[0]).all():
        found.add(
            f"'{name}' is {number_text(float(numbers[0]))} everywhere, so it tells no likes from others: each row is a like"
        )
        left = [other for other in left if other != name]
    name = _first(left, EVENTS)
    words = Counter(str(value) for value in (_cells(events.table, name) if name is not None else ()) if not is_missing(value))
    if name is None or not 1 < len(words) <= 20:
        return left
    if set(words) <= {"like", "seen", "dislike"}:
        found.add(f"'{name}' has types of events: {_counted(words)}", event=name)
    else:
        likes = tuple(word for word in words if _plain(word) in LIKES)
        if not likes:
            found.add(
                f"'{name}' may have types of events ({_counted(words)}); if some of them are likes, add --event-column and --likes"
            )
            return [other for other in left if other != name]
        found.add(
            f"'{name}' has types of events ({_counted(words)}); {_named(likes)} {_is(likes)} taken as likes",
            event=name,
            likes=likes,
        )
    return [other for other in left if other != name]


def _times(found: Guesses, events: LoadedTable, left: list[str]) -> list[str]:
    """Find when the events happened: in a column that is called so, else in one whose values are times."""
    named = [name for name in left if _plain(name) in TIMES]
    others = [name for name in left if name not in named and _may_be_times(name, _cells(events.table, name))]
    for name in (*named, *sorted(others, key=lambda name: LATER.search(_plain(name)) is not None)):
        forms = [form for form in TIME_FORMATS if _read_times(_head(events), name, form) is not None]
        for form in forms:
            times = _read_times(events, name, form)
            if times is None:  # read in the first rows and not behind them: another form, or not all are times
                continue
            first, last = (str(np.datetime64(int(end), "s"))[:10] for end in (times.min(), times.max()))
            swapped = form.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
            doubt = swapped != form and swapped in forms and _read_times(events, name, swapped) is not None
            written = "" if form == "auto" else f", read as {form}"
            or_else = f"; {swapped} would fit as well: see which of the two is the day, and add --time-format" if doubt else ""
            found.add(
                f"'{name}' has times, from {first} to {last}{written}{or_else}",
                time=name, **({} if form == "auto" else {"time_format": form}),
            )  # fmt: skip
            return [other for other in left if other != name]
    return left


def _read_times(events: LoadedTable, name: str, form: str) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Return a column of times; None where they are not written so. What is odd is told when the table is read for good."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DualNetWarning)
        try:
            return times_of(events, name, form)
        except (DataError, UsageError):
            return None


def _may_be_times(name: str, cells: Sequence[Any]) -> bool:
    """Return whether values look like times: dates, text with a date, or numbers since 1970 in a column that is not one of ids."""
    some = [cell for cell in cells[:100] if not (is_missing(cell) or cell == "")]
    plain = _plain(name)
    if not some or isinstance(some[0], bool) or OF_PEOPLE.search(plain):
        return False
    if all(isinstance(cell, date) for cell in some):
        return True
    numbers = _numbers(some)
    if numbers is None:
        return all(isinstance(cell, str) and _DATE.match(cell.strip()) for cell in some)
    size = np.abs(numbers[numbers != 0])
    if not len(size):
        return False
    unit = next(
        (unit for unit in UNITS.values() if (size >= SINCE_1970[0] * unit).all() and (size < SINCE_1970[1] * unit).all()), None
    )
    day = bool(((size >= 1970_01_01) & (size < 2101_01_01) & (size % 100 <= 31) & (size // 100 % 100 <= 12)).all())
    if OF_TIME.search(plain):
        return unit is not None or day
    return unit is not None and not (KEYS.search(plain) or NO_TIMES.search(plain))


def _repeats(found: Guesses, events: LoadedTable, user: str | None, item: str | None, left: list[str]) -> list[str]:
    """Find weights, and pairs that occur again."""
    name = None if "rating" in found.columns else _first(left, WEIGHTS)
    numbers = None if name is None else _numbers(_cells(events.table, name))
    if name is not None and numbers is not None:
        left = [other for other in left if other != name]
        if numbers.min() == numbers.max():
            found.add(f"'{name}' is {numbers.min():g} everywhere, so it is not used")
        elif numbers.min() > 0:
            found.add(f"'{name}' has a number above 0 for each event, taken as its weight", weight=name)
        else:
            low = int((numbers <= 0).sum())
            found.add(f"'{name}' is no weight as it is: {low:,} of its values are 0 or less; leave such rows out, or mend them")
    if user is not None and item is not None:
        pairs = events.table.select([user, item]).group_by([user, item]).aggregate([])
        again = events.table.num_rows - pairs.num_rows
        told = f"{again:,} of {events.table.num_rows:,} events {'is' if again == 1 else 'are'} of a pair that occurs before"
        if again and "weight" in found.columns:
            found.add(f"{told}; their weights are added", duplicates="sum")
        elif again:
            typed = "rating" in found.columns or "event" in found.columns
            found.add(f"{told}; each pair counts once{', as a like if one of its events is a like' if typed else ''}")
    return left


def _content(found: Guesses, items: LoadedTable, item: str | None, user: str | None, told: Collection[str]) -> None:
    """Find the kind of each column of the items."""
    if user is not None and user in items.table.column_names:
        found.add(
            f"{items.name} has the users in it, so it has a row for each event: give a table with a row for each item, or leave it"
            " out; what people wrote about an item gives the answer away where it becomes content", items=None,
        )  # fmt: skip
        return
    left_out = []
    for name in items.table.column_names:
        if name == item or name in told:
            continue
        cells = [value for value in _cells(items.table, name) if not (is_missing(value) or value == "")]
        if _say_comma(found, name, cells, items):
            continue
        if "review" in _plain(name) and _is_text(cells):
            found.add(f"'{name}' of {items.name} is left out: what people wrote after they had an item gives the answer away")
        elif not cells or not _as_kind(found, name, cells, items.name):
            left_out.append(name)
    if left_out:
        found.add(
            f"{_named(left_out)} of {items.name} {_is(left_out)} left out: empty, the same everywhere, or an id of another kind"
        )
    names = items.table.column_names
    texts = found.columns.get("text", ())
    title = _first([name for name in names if name != item], TITLES)
    if title is not None and texts[:1] != (title,):
        found.add(f"'{title}' is what lists show as the name of an item", title=title)
    elif title is not None:
        found.add(f"'{title}' is also what lists show as the name of an item")


def _of_items(found: Guesses, events: LoadedTable, item: str, left: list[str]) -> list[str]:
    """Tell of columns that say what items are, which belong into a table of their own; return the others."""
    own = [name for name in left if _tells_of_items(events.table, item, name)]
    if own:
        found.add(
            f"{_named(own)} of {events.name} {_is(own)} the same in every row of an item: a table with a row for each item"
            f" ({', '.join([item, *own])}), given as --items, would tell the model what the items are, also new ones"
        )
    else:
        found.add(
            f"no column of {events.name} says what the items are, so that items that nobody has liked yet cannot be recommended;"
            " a table with a row for each item, given as --items, tells it"
        )
    return [name for name in left if name not in own]


def _tells_of_items(table: pa.Table, item: str, name: str) -> bool:
    """Whether a column of events has one value for each item, and not the same for all."""
    if pa.types.is_nested(table.schema.field(name).type):
        return False
    values = table.group_by(item).aggregate([(name, "count_distinct")]).column(f"{name}_count_distinct")
    repeated = table.num_rows > len(values)
    return repeated and pc.max(values).as_py() == 1 and len(pc.unique(table.column(name))) > 1


def _numbered(loaded: LoadedTable, ids: Collection[str | None]) -> LoadedTable:
    """Return a table whose numbers have no decimal comma, as far as they can be told; reading it for good says so."""
    others = [name for name in loaded.table.column_names if name not in ids and _plain(name) not in TAGS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DualNetWarning)
        return with_points(loaded, others, needed=False)


def _say_comma(found: Guesses, name: str, cells: Sequence[Any], table: LoadedTable) -> bool:
    """Tell of numbers such as 1,234, which could be another number elsewhere, and are no text; False for another column."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    doubt = doubt_of(writing_of(texts), name, table, ("--decimal comma", "--decimal point"))
    if doubt and _numbers(texts) is None:
        found.add(f"'{name}' of {table.name} is left out: {doubt}")
    return bool(doubt) and _numbers(texts) is None


def _rows(found: Guesses, events: pa.Table, items: pa.Table) -> None:
    """Count the items of the events that have no row of their own."""
    column = found.columns.get("item")
    if column is None or "items" in found.columns:
        return
    taken, there = (set(map(str, column_at(table, column).cells.unique().to_pylist())) for table in (events, items))
    if missing := len(taken - there):
        how = "drop" if "vectors" in found.columns else "zero"
        what = "such events are left out" if how == "drop" else "empty content stands for it"
        found.add(
            f"{missing:,} of {counted(len(taken), '{item|items}')} of the events {'has' if missing == 1 else 'have'} no row; {what}",
            missing_content=how,
        )


def _as_kind(found: Guesses, name: str, cells: list[Any], table: str) -> bool:
    """Note what kind of content a column is; False for one that says nothing."""
    distinct = len({str(cell) for cell in cells})
    if sum(map(is_address, cells)) > len(cells) / 2:
        picture = _PICTURES.search(name) or sum(bool(_PICTURE_FILE.search(str(cell))) for cell in cells) > len(cells) / 2
        what = "picture" if picture else "link"
        if what not in found.columns:
            found.add(f"'{name}' of {table} has addresses of {'pictures' if picture else 'pages'} to show", **{what: name})
        return True
    if all(as_list(cell) is not None for cell in cells):
        lists = [as_list(cell) or [] for cell in cells]
        if all(isinstance(part, float | int) for values in lists for part in values):
            found.add(f"'{name}' of {table} has vectors of {len(lists[0]):,} numbers", vectors=(name,))
        else:
            found.add(
                f"'{name}' of {table} has lists of tags ({len({str(p) for v in lists for p in v}):,} different)", tags=(name,)
            )
        return True
    numbers = _numbers(cells)
    if numbers is not None:
        if distinct == 1 or (_plain(name).endswith("id") and distinct > len(cells) / 2):
            return False
        found.add(f"'{name}' of {table} has numbers from {numbers.min():g} to {numbers.max():g}", numbers=(name,))
        return True
    if distinct == 1 and len(cells) > 1:
        return False
    separator = _separator(name, cells)
    if separator:
        tags = {part.strip() for cell in cells for part in re.split(f"[{re.escape(separator)}]", str(cell))}
        found.add(f"'{name}' of {table} has tags with {separator[0]!r} between them ({len(tags):,} different)", tags=(name,))
    elif distinct <= LABELS and distinct < len(cells) / 2 and _words_a_cell(cells) < 4:
        found.add(f"'{name}' of {table} has one label each ({distinct:,} different)", categories=(name,))
    elif _plain(name).endswith("id") and _words_a_cell(cells) < 1.1:
        return False
    else:
        found.add(f"'{name}' of {table} has text, {_words_a_cell(cells):.1f} words on average", text=(name,))
    return True


def _separator(name: str, cells: Sequence[Any]) -> str:
    """Return what divides the tags of a column; empty where it has none."""
    found = separator_of(cells)
    holding = sum(any(character in str(cell) for character in found) for cell in cells) if found else 0
    short = (
        _words_a_cell(part for cell in cells for part in re.split(f"[{re.escape(found)}]", str(cell))) < 3 if found else False
    )
    likely = _plain(name) in TAGS or (found[:1] == "|" and holding > len(cells) / 4)
    return found if likely and holding and short else ""


def _words_a_cell(cells: Iterable[Any]) -> float:
    counts = [len(str(cell).split()) for cell in cells]
    return sum(counts) / max(len(counts), 1)


def _head(loaded: LoadedTable) -> LoadedTable:
    return loaded if loaded.table.num_rows <= SAMPLE else LoadedTable(loaded.table.slice(0, SAMPLE), loaded.name)


def _cells(table: pa.Table, name: str) -> list[Any]:
    return list(column_at(table.slice(0, SAMPLE), name).values())


def _numbers(cells: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return the numbers of a column in which there is nothing else, None for any other."""
    try:
        read = [number_of(cell) for cell in cells if not isinstance(cell, bool)]
    except UnfitError:
        return None
    numbers = np.array([number for number in read if number is not None], np.float64)
    return numbers if len(numbers) else None


def _is_text(cells: Sequence[Any]) -> bool:
    return any(isinstance(cell, str) for cell in cells) and _numbers(cells) is None


def _plain(name: str) -> str:
    """Return a name without case, accents and what is no letter or digit: Stück is stuck."""
    bare = "".join(mark for mark in unicodedata.normalize("NFKD", name.replace("ß", "ss")) if not unicodedata.combining(mark))
    return re.sub(r"[\W_]+", "", bare).lower()


def _first(names: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the column whose name stands first among known ones."""
    found = {_plain(name): name for name in reversed(names)}
    return next((found[word] for word in known if word in found), None)


def _named(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names[:6]] + ([f"{len(names) - 6} more"] if len(names) > 6 else [])
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _counted(words: Counter[str]) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in words.most_common(6))
