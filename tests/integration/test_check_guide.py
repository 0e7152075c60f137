"""`data check` says what the columns of tables seem to be, and prints a `fit` command that runs as it is printed."""

import csv
import gzip
import json
import re
import shlex
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dualnet.cli import main
from dualnet.data.column_guesses import guess_columns
from dualnet.data.read_table import load_source

USERS, ITEMS = 8, 6


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ratings(here, values=(0.5, 3.5, 4, 5)):
    pairs = [(user, item) for user in range(USERS) for item in range(ITEMS) if (user + item) % 2 == 0 or user == item]
    write(here / "ratings.csv", ["userId", "movieId", "rating", "timestamp"],
          [(u + 1, i + 1, values[(u + i * 3) % len(values)], 964982703 + u * 86400) for u, i in pairs])  # fmt: skip
    write(here / "movies file.csv", ["movieId", "title", "genres"],
          [(i + 1, f"The great film, part {i} ({1990 + i})", "Drama|Comedy" if i % 2 else "Drama") for i in range(ITEMS)])  # fmt: skip
    return ["ratings.csv", "--items", "movies file.csv"]


def orders(here):
    write(here / "orders.csv", ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "CustomerID"],
          [(n, f"S{n % ITEMS}", n % 3 + 1, f"{n % 12 + 1}/{n % 27 + 1}/2011 8:26", 100 + n % USERS) for n in range(60)])  # fmt: skip
    write(here / "products.csv", ["StockCode", "Description", "department", "price", "image_url", "page"],
          [(f"S{n}", f"Red cotton shirt number {n}", "ab"[n % 2], 2.5 + n, f"https://x.org/{n}.jpg", f"https://x.org/{n}")
           for n in range(ITEMS)])  # fmt: skip
    return ["orders.csv", "--items", "products.csv"]


def reviews(here):
    lines = [{"reviewerID": f"A{n % USERS}", "asin": f"B{n % ITEMS}", "overall": float(n % 5 + 1), "reviewText": f"I like it {n}",
              "summary": "Fine thing", "unixReviewTime": 1400000000 + n * 86400} for n in range(40)]  # fmt: skip
    with gzip.open(here / "reviews.json.gz", "wt") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    (here / "meta.json").write_text("".join(
        json.dumps({"asin": f"B{n}", "title": f"Guitar string set {n}", "categories": ["Music", "ab"[n % 2]], "imUrl": f"http://x.org/{n}.jpg"})
        + "\n" for n in range(ITEMS - 1)))  # fmt: skip
    return ["reviews.json.gz", "--items", "meta.json"]


WORLDS = {
    "ratings": (ratings, ["in half steps; from 4 on", "tags with '|' between them (2 different)", "as the name of an item"],
                {"--rating": "rating", "--threshold": "4", "--text": "title", "--tags": "genres", "--time": "timestamp"}),
    "orders": (orders, ["taken as its weight", "of a pair that occurs before", "addresses of pictures", "not used"],
               {"--weight": "Quantity", "--duplicates": "sum", "--time-format": "%m/%d/%Y %H:%M", "--text": "Description",
                "--numbers": "price", "--categories": "department", "--picture": "image_url", "--link": "page"}),
    "reviews": (reviews, ["gives the answer away", "lists of tags", "1 of 6 items of the events has no row; empty content stands for it"],
                {"--rating": "overall", "--tags": "categories", "--picture": "imUrl", "--missing-content": "zero"}),
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_the_suggested_command_runs_as_it_is_printed(here, world, capsys):
    make, says, options = WORLDS[world]
    words = make(here)
    assert main(["data", "check", *words]) == 0
    printed = capsys.readouterr().out
    for sentence in says:
        assert sentence in printed
    command = shlex.split(printed.splitlines()[-1])
    assert command[:2] == ["dualnet", "fit"]
    assert {name: command[command.index(name) + 1] for name in options} == options
    assert main([*command[1:], "--model", "content-profile"]) == 0
    assert (here / "run" / "model" / "manifest.json").exists()
    capsys.readouterr()
    assert main(["data", "check", *words, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert shlex.split(body["command"]) == command
    assert body["found"]


@pytest.mark.parametrize(
    "told",
    [
        ["--user-column", "userId", "--item-column", "movieId", "--tags", "genres"], ["--user-column", "userId"], ["--item-column", "movieId"],
        ["--rating", "rating", "--threshold", "3.5"], ["--time", "timestamp"], ["--text", "title,genres"], ["--title", "title"],
    ],
    ids=lambda words: " ".join(words[::2]),
)  # fmt: skip
def test_what_is_told_is_kept_and_the_rest_is_found(here, capsys, told):
    words = [*ratings(here), *told]
    assert main(["data", "check", *words]) == 0
    printed = capsys.readouterr().out
    command = shlex.split(printed.splitlines()[-1])
    options = dict(zip(command[3::2], command[4::2], strict=True))
    every = {
        "--user-column": "userId",
        "--item-column": "movieId",
        "--rating": "rating",
        "--threshold": "4",
        "--time": "timestamp",
    }
    content = {} if {"--text", "--tags"} & set(told) else {"--text": "title", "--tags": "genres"}
    wanted = {**every, **content, **dict(zip(told[::2], told[1::2], strict=True))}
    assert options == {"--items": "movies file.csv", "--out": "run", **wanted}
    assert "beside them" in printed  # the figures are those of the command
    assert "--title" in told or not any(f"found: '{name}'" in printed for name in told[1::2])
    assert main([*command[1:], "--model", "content-profile"]) == 0


def test_a_table_of_events_is_no_table_of_items(here, capsys):
    reviews(here)
    assert main(["data", "check", "reviews.json.gz", "--items", "reviews.json.gz"]) == 0
    printed = capsys.readouterr().out
    assert "has the users in it, so it has a row for each event" in printed
    assert "--items" not in printed.splitlines()[-1]


def guessed(events, items=None):
    return guess_columns(load_source(events, "events"), None if items is None else load_source(items, "items")).columns


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        ([1, 2, 3, 4, 5], {"rating": "rating", "threshold": 4.0}),
        ([0.5, 2.5, 4.5, 5.0], {"rating": "rating", "threshold": 4.5}),
        ([2, 5, 7, 8, 10], {"rating": "rating", "threshold": 8.0}),
        ([-1, 7, 9, 10], {"rating": "rating", "threshold": 9.0, "unrated": -1.0}),
        ([0, 5, 8, 10], {"rating": "rating", "threshold": 8.0, "unrated": 0.0}),
        ([0, 1, 0, 1], {"rating": "rating", "threshold": 1.0}),
        (["1", "5", "3", "4"], {"rating": "rating", "threshold": 4.0}),
        ([-5, -4, -2, -1], {"rating": "rating", "threshold": -1.0}),
        ([-10, -4, -2, 0], {"rating": "rating", "threshold": 0.0}),
        ([-10, 4, 8, 10], {"rating": "rating", "threshold": 8.0}),
        ([5, 5, 5, 5], {}),
        (["good", "bad", "good", "fine"], {}),
    ],
)
def test_ratings(values, columns):
    n = len(values)
    found = guessed({"user_id": [f"u{k}" for k in range(n)], "item_id": [f"i{k}" for k in range(n)], "rating": values})
    assert found == {"user": "user_id", "item": "item_id", **columns}


@pytest.mark.parametrize(
    ("user", "item"),
    [
        ("kunde", "artikelnummer"), ("Kunden-Nr.", "Artikel-Nr."), ("customer_key", "product_code"), ("user_uuid", "sku"), ("idUser", "idItem"),
        ("cust_id", "prod_id"), ("client", "produit"), ("cliente", "artículo"), ("email", "isbn"), ("fk_customer", "fk_product"), ("Käufer", "Stück-ID"),
    ],
)  # fmt: skip
def test_names_of_ids(user, item):
    found = guessed({"order_no": [1, 2, 3, 4], user: list("abcd"), item: list("wxyz"), "price": [1.5, 2, 3, 4]})
    assert found == {"user": user, **({} if item == "Stück-ID" else {"item": item})}


@pytest.mark.parametrize(
    ("name", "values", "columns"),
    [
        ("ordered_at", ["2024-01-31 10:00:00", "2024-02-01 11:00:00"], {}),
        ("ordered_at", [1706695200, 1706781600], {}),
        ("ordered_at", [1706695200000, 1706781600000], {}),
        ("bestelldatum", ["31.01.2024", "01.02.2024"], {"time_format": "%d.%m.%Y"}),
        ("Zeitpunkt", ["31.01.2024 10:15", "01.02.2024 08:00"], {"time_format": "%d.%m.%Y %H:%M"}),
        ("Zeitpunkt", ["31.01.2024 10:15:30", "01.02.2024 08:00:00"], {"time_format": "%d.%m.%Y %H:%M:%S"}),
        ("x", ["31.01.24", "01.02.24"], {"time_format": "%d.%m.%y"}),
        ("x", ["2024-01-31T10:00:00Z", "2024-02-01T10:00:00+02:00"], {}),
        ("x", ["31 Jan 2024", "1 Feb 2024"], {}),
        ("x", [1706695200, 1706781600], {}),
        ("x", ["1706695200", "1706781600"], {}),
        ("kaufdatum", [20240131, 20240201], {}),
        ("x", [datetime(2024, 1, 31), datetime(2024, 2, 1)], {}),
        ("x", [date(2024, 1, 31), date(2024, 2, 1)], {}),
        ("order_id", [1706695200, 1706781600], None),
        ("order_no", ["20240131", "20240201"], None),
        ("price", [12.5, 3.0], None),
        ("x", [20240131, 20240201], None),
        ("phone", ["0170-1234", "0171-2345"], None),
        ("account_created_on", [1706695200, 1706781600], {}),
        ("phone", [1706695200, 1706781600], None),
        ("Telefon", ["1706695200", "1706781600"], None),
        ("barcode", [4006381333931, 4006381333932], None),
        ("price_cents", [1706695200, 1706781600], None),
        ("birth_date", ["1980-01-31", "1990-02-01"], None),
        ("Geburtstag", ["31.01.1980", "01.02.1990"], None),
        ("signup_date", ["2020-01-31", "2020-02-01"], None),
        ("note", ["1-2", "3-4"], None),
    ],
)
def test_times_are_known_by_name_or_by_value(name, values, columns):
    found = guessed({"kunde": ["a", "b"], "sku": ["x", "y"], name: values})
    assert found == {"user": "kunde", "item": "sku", **({} if columns is None else {"time": name, **columns})}


def test_of_two_columns_of_times_that_of_the_event_is_taken():
    table = {
        "user": ["a", "b"],
        "item": ["x", "y"],
        "shipped_at": ["2024-02-01", "2024-02-02"],
        "bought_at": ["2024-01-01", "2024-01-02"],
    }
    assert guessed(table)["time"] == "bought_at"
    assert guessed({**table, "date": ["2024-01-01", "2024-01-02"]})["time"] == "date"
    del table["bought_at"]
    assert guessed(table)["time"] == "shipped_at"


def test_the_range_of_times_is_that_of_the_whole_column(here, capsys):
    days = [f"{day % 28 + 1:02}.{day % 12 + 1:02}.{2000 + day // 3000}" for day in range(30_000)]
    write(here / "log.csv", ["user", "item", "date"], [(f"u{k % 40}", f"i{k % 30}", day) for k, day in enumerate(days)])
    assert main(["data", "check", "log.csv"]) == 0
    assert "'date' has times, from 2000-01-01 to 2009-12-28, read as %d.%m.%Y\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (["01/02/2024", "03/04/2024"], "read as %m/%d/%Y; %d/%m/%Y would fit as well"),
        (["01/02/2024", "13/04/2024"], "read as %d/%m/%Y\n"),
        (["01/02/2024", "03/14/2024"], "read as %m/%d/%Y\n"),
    ],
)
def test_a_day_that_may_be_a_month_is_told(here, capsys, days, said):
    write(here / "log.csv", ["user", "item", "date"], [("a", "x", days[0]), ("b", "x", days[1]), ("b", "y", days[1])])
    assert main(["data", "check", "log.csv"]) == 0
    assert said in capsys.readouterr().out


SHOP = "Kunde;Artikel;Menge;Preis;Bestelldatum\n" + "".join(
    f"K{k % 9};A{k % 7};{k % 3 + 1};{k},50;{k % 27 + 1:02}.03.2024\n" for k in range(80)
)
WARES = "Artikel;Bezeichnung;Warengruppe;Preis\n" + "".join(
    f"A{k};Röstkaffee Nr. {k} fein;{'ab'[k % 2]};{k + 1},90\n" for k in range(7)
)


def packed(path, text):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)


def as_parquet(path, text):
    header, *rows = (line.split(";") for line in text.splitlines())
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    if "Menge" in columns:
        columns["Menge"] = [int(cell) for cell in columns["Menge"]]
        columns["Bestelldatum"] = [datetime.strptime(cell, "%d.%m.%Y") for cell in columns["Bestelldatum"]]
    pq.write_table(pa.table(columns), path)


FORMS = {
    "log.csv": lambda path, text: path.write_text(text, encoding="utf-8"),
    "log.tsv": lambda path, text: path.write_text(text.replace(";", "\t"), encoding="utf-8"),
    "log.csv.gz": packed,
    "log.parquet": as_parquet,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_german_shop_in_every_form(here, capsys, name):
    FORMS[name](here / name, SHOP)
    FORMS[name](here / f"wares_{name}", WARES)
    assert main(["data", "check", name, "--items", f"wares_{name}"]) == 0
    printed, told = capsys.readouterr()
    assert f"'Preis' of wares_{name} has numbers from 1.9 to 7.9" in printed
    assert f"wares_{name}: the numbers in column 'Preis' are read with a decimal comma, 1,90 as 1.90; if that is wrong" in told
    command = shlex.split(printed.splitlines()[-1])
    options = dict(zip(command[3::2], command[4::2], strict=True))
    wanted = {"--user-column": "Kunde", "--item-column": "Artikel", "--weight": "Menge", "--time": "Bestelldatum", "--duplicates": "sum",
              "--text": "Bezeichnung", "--categories": "Warengruppe"}  # fmt: skip
    assert wanted.items() <= options.items()
    assert options["--numbers"] == "Preis"
    assert main([*command[1:], "--model", "content-profile"]) == 0
    capsys.readouterr()
    assert main(["recommend", "run", "--user", "K1", "--keep-seen", "--filter", '{"Preis": {"max": 4.5}}', "--json"]) == 0
    assert {line["item"] for line in json.loads(capsys.readouterr().out)["items"]} <= {"A0", "A1", "A2", "A3"}


def test_a_comma_in_doubt_is_left_out_with_a_remedy_that_works(here, capsys):
    write(here / "log.csv", ["user", "item"], [(f"u{k % 5}", f"i{k % 7}") for k in range(35)])
    (here / "wares.csv").write_text("item;title;price\n" + "".join(f"i{k};tea {k};1,{k}00\n" for k in range(7)))
    assert main(["data", "check", "log.csv", "--items", "wares.csv"]) == 0
    assert (
        "'price' of wares.csv is left out: '1,000' in column 'price' has a comma that may begin the decimals or divide thousands; say"
        " which sign begins the decimals, with --decimal comma or --decimal point\n"
    ) in capsys.readouterr().out
    for sign, highest in (("comma", "1 to 1.6"), ("point", "1000 to 1600")):
        assert main(["data", "check", "log.csv", "--items", "wares.csv", "--decimal", sign]) == 0
        printed = capsys.readouterr().out
        assert f"'price' of wares.csv has numbers from {highest}\n" in printed
        assert f"--decimal {sign}" in printed.splitlines()[-1]


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        ([1, 2, 1, 3], {"weight": "plays"}),
        ([1, 1, 1, 1], {}),
        ([2, 0, 1, 3], {}),
        ([2, -1, 1, 3], {}),
        (["a", "b", "c", "d"], {}),
    ],
)
def test_weights(values, columns):
    found = guessed({"user_id": list("abcd"), "item_id": list("wxyz"), "plays": values})
    assert found == {"user": "user_id", "item": "item_id", **columns}


@pytest.mark.parametrize(
    ("kinds", "columns"),
    [
        (["view", "buy", "view", "cart"], {"event": "behavior", "likes": ("buy", "cart")}),
        (["like", "seen", "dislike", "like"], {"event": "behavior"}),
        (["pv", "x", "pv", "y"], {}),
        (["view"] * 4, {}),
    ],
)
def test_types_of_events(kinds, columns):
    found = guessed({"visitor": list("abcd"), "sku": list("wxyz"), "behavior": kinds})
    assert found == {"user": "visitor", "item": "sku", **columns}


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("title", ["Deep nets", "Long walks on graphs", "Graphs"], {"text": ("title",)}),
        ("name", ["Deep nets", "Long walks", "Graphs"], {"text": ("name",)}),
        ("about", ["a | b", "b", "c|a"], {"tags": ("about",)}),
        ("genres", ["a, b", "b", "c, a"], {"tags": ("genres",)}),
        ("title", ["Red, white and blue all over", "Up and down and up", "x"], {"text": ("title",)}),
        ("tags", [["a"], ["b", "c"], []], {"tags": ("tags",)}),
        ("vec", [[1.0, 2.0], [0.5, 0.1], [3.0, 1.0]], {"vectors": ("vec",)}),
        ("year", ["1990", "2000", "1985"], {"numbers": ("year",)}),
        ("imdbId", ["114709", "113497", "113228"], {}),
        ("cover", ["https://x.org/1", "https://x.org/2", ""], {"picture": "cover"}),
        ("url", ["https://x.org/1", "https://x.org/2", None], {"link": "url"}),
        ("shop", ["one", "one", "one"], {}),
        ("empty", [None, None, None], {}),
        ("review_text", ["I like it", "so good", "a bad one"], {}),
    ],
)
def test_kinds_of_columns_of_items(name, cells, kind):
    events = {"user_id": ["u1", "u1", "u2"], "item_id": ["i1", "i2", "i3"]}
    found = guessed(events, {"item_id": ["i1", "i2", "i3"], name: cells})
    found.pop("title", None)
    assert found == {"user": "user_id", "item": "item_id", **kind}


def test_items_that_nothing_tells_apart_are_left_out(here, capsys):
    write(here / "log.csv", ["user", "item"], [(f"u{k % 5}", f"i{k % 4}") for k in range(20)])
    write(here / "wares.csv", ["item", "title"], [(f"i{k}", "") for k in range(4)])
    assert main(["data", "check", "log.csv", "--items", "wares.csv"]) == 0
    printed = capsys.readouterr().out
    assert "wares.csv has no column that tells its items apart, so it is left out" in printed
    assert "--items" not in printed.splitlines()[-1]


@pytest.mark.parametrize("value", [1, 5, 2.5])
def test_ratings_that_are_all_the_same_are_told(here, capsys, value):
    write(here / "log.csv", ["user", "item", "rating"], [(f"u{k % 5}", f"i{k % 4}", value) for k in range(20)])
    assert main(["data", "check", "log.csv"]) == 0
    printed = capsys.readouterr().out
    assert f"'rating' is {value:g} everywhere, so it tells no likes from others: each row is a like" in printed
    assert "not used" not in printed


def test_a_table_of_items_that_cannot_be_read_is_what_is_told(here, capsys):
    (here / "log.csv").write_text(SHOP)
    (here / "wares.csv").write_bytes(WARES.encode("latin-1"))
    assert main(["data", "check", "log.csv", "--items", "wares.csv"]) == 3
    said = capsys.readouterr().err
    assert "wares.csv" in said.splitlines()[-1]
    assert "--encoding latin-1" in said.splitlines()[-1]
    assert main(["data", "check", "log.csv", "--items", "wares.csv", "--encoding", "latin-1"]) == 0


def test_what_cannot_be_told_is_an_error_as_before(here, capsys):
    write(here / "e.csv", ["a", "b"], [("x", "y"), ("x", "z")])
    assert main(["data", "check", "e.csv"]) == 3
    assert "has no user column 'user_id'" in capsys.readouterr().err


def test_columns_of_a_log_that_say_what_items_are_are_told(here, capsys):
    rows = [(f"u{k % 9}", f"i{k % 5}", ["tea", "cup"][k % 5 % 2], k, "shop", "12,50") for k in range(40)]
    write(here / "log.csv", ["customer", "sku", "category", "line", "place", "price"], rows)
    assert main(["data", "check", "log.csv"]) == 0
    printed = capsys.readouterr().out
    assert (
        "'category' of log.csv is the same in every row of an item: a table with a row for each item (sku, category)" in printed
    )
    assert "'line', 'place' and 'price' of log.csv are not used" in printed
    assert "says what the items are" not in printed
    write(here / "log.csv", ["customer", "sku"], [row[:2] for row in rows])
    assert main(["data", "check", "log.csv"]) == 0
    assert "items that nobody has liked yet cannot be recommended; a table with a row for each item" in capsys.readouterr().out


def test_enough_data_has_a_command_for_a_model_to_use_and_one_for_figures(here, capsys):
    pairs = [(user, item) for user in range(110) for item in range(40) if (user * 7 + item * 3) % 4 == 0]
    write(here / "log.csv", ["user_id", "item_id"], [(f"u{user}", f"i{item}") for user, item in pairs])
    assert main(["data", "check", "log.csv"]) == 0
    use, why, measured = capsys.readouterr().out.splitlines()[-3:]
    assert why.endswith(
        "for figures (citeulike2: a fifth of all likes, drawn, is to be found; every item has likes that train):"
    )
    for command, folder, held in ((use, "run", False), (measured, "measured", True)):
        words = shlex.split(command)
        assert words[:3] == ["dualnet", "fit", "log.csv"]
        assert words[-2:] == ["--out", folder]
        assert ("--protocol" in words) == held
        assert main([*words[1:], "--model", "popularity"]) == 0
    capsys.readouterr()
    assert main(["recommend", "run", "--user", "u0"]) == 0  # whoever is in the table
    assert main(["evaluate", "measured"]) == 0
    capsys.readouterr()
    assert main(["data", "check", "log.csv", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["command"], body["measured_command"]) == (use.strip(), measured.strip())


@pytest.mark.parametrize("values", [(0.1111111, 0.8666667, 0.95), (1, 1234567, 1234568), (-5, -2, -1)])
def test_the_suggested_threshold_is_the_one_that_was_used(here, capsys, values):
    words = ratings(here, values)
    assert main(["data", "check", *words, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    command = shlex.split(body["command"])
    used = guessed({"user_id": list("abc"), "item_id": list("xyz"), "rating": list(values)})["threshold"]
    assert float(command[command.index("--threshold") + 1]) == used
    assert main(["data", "check", *command[2:-2], "--json"]) == 0  # without --out run
    assert json.loads(capsys.readouterr().out)["totals"]["pairs"] == body["totals"]["pairs"]


@pytest.mark.parametrize(
    "beside",
    [
        ["--users", "people.csv", "--user-numbers", "age"], ["--forget", "gone.txt"], ["--stop-words", "none"], ["--text-encoder", "hashing"],
        ["--duplicates", "first"], ["--missing-content", "zero"],
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_options_beside_the_columns_leave_the_columns_to_the_guide(here, capsys, beside):
    words = [*ratings(here), *beside]
    write(here / "people.csv", ["userId", "age"], [(user + 1, 20 + user) for user in range(USERS)])
    (here / "gone.txt").write_text("1\n")
    assert main(["data", "check", *words]) == 0
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert {"--user-column", "--rating", "--text", *beside} <= set(command)
    assert main([*command[1:], "--model", "content-profile"]) == 0


def test_repeated_pairs_are_told_as_they_count(here, capsys):
    rows = [(f"u{k % 4}", f"i{k % 3}", kind) for kind in ("view", "buy", "view") for k in range(12) if kind == "view" or k % 2]
    write(here / "log.csv", ["user", "item", "event"], rows)
    assert main(["data", "check", "log.csv"]) == 0
    printed = capsys.readouterr().out
    assert "each pair counts once, as a like if one of its events is a like" in printed
    assert re.search(r"  likes \(pairs of a user and an item\) +6\n", printed)
    assert "--duplicates" not in printed


def test_ids_are_never_objects(here, capsys):
    (here / "log.json").write_text("".join(json.dumps({"user": {"id": k % 3}, "item": f"i{k % 4}"}) + "\n" for k in range(12)))
    assert main(["data", "check", "log.json"]) == 3
    assert "has no user column 'user_id'" in capsys.readouterr().err
