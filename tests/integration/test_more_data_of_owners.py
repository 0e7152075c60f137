"""More public data as their owners ship them: ratings, logs, plays, bookmarks and divisions, in ten made lines of each."""

import gzip
import json
import re
import runpy
from pathlib import Path

import pytest

from dualnet.cli import main
from tests.integration.test_data_of_owners import HOW_TO, command_of

TEN = range(10)
COUNTED = {"users": 4, "items": 5}


def rows(line, count=10):
    return "".join(line(n) for n in range(count))


FILES = {
    "MovieLens 100K": lambda: {
        "u.data": rows(lambda n: f"{196 + n % 4}\t{242 + n % 5}\t{1 + n % 5}\t{881250949 + n}\n"),
        "u.item": rows(
            lambda n: (
                f"{242 + n}|Misérables, Les {n} (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|"
                + "|".join("01" * 9 + str(n % 2))
                + "\n"
            ),
            5,
        ).encode("latin-1"),
    },
    "MovieLens 1M": lambda: {
        "ratings.dat": rows(lambda n: f"{1 + n % 4}::{1193 + n % 5}::{1 + n % 5}::{978300760 + n}\n"),
        # three genres each: split at "|" the lines have as many fields as there are columns, too
        "movies.dat": rows(lambda n: f"{1193 + n}::Misérables, Les: {n} (1995)::Animation|Children's|Comedy\n", 5).encode(
            "latin-1"
        ),
        "users.dat": rows(lambda n: f"{1 + n}::{'MF'[n % 2]}::{1 + n}::10::48067\n", 4),
    },
    "MovieLens 10M": lambda: {
        "ratings.dat": rows(lambda n: f"{1 + n % 4}::{122 + n % 5}::{0.5 + n % 5}::{838985046 + n}\n"),
        "movies.dat": rows(
            lambda n: f"{122 + n}::Toy Story {n} (1995)::{'(no genres listed)' if n == 2 else 'Adventure|Animation'}\n", 5
        ),
    },
    "MovieLens 20M, 25M, 32M, latest": lambda: {
        "ratings.csv": "userId,movieId,rating,timestamp\n"
        + rows(lambda n: f"{1 + n % 4},{2 + n % 5},{0.5 + n % 5},{1112486027 + n}\n"),
        "movies.csv": "movieId,title,genres\n"
        + rows(
            lambda n: (
                f'{2 + n},"American President, The {n} (1995)",{"(no genres listed)" if n == 2 else "Adventure|Children"}\n'
            ),
            5,
        ),
    },
    "Netflix prize": lambda: {
        "netflix.csv": "user_id,item_id,rating,date\n"
        + rows(lambda n: f"{1488844 + n % 4},{1 + n % 5},{1 + n % 5},2005-09-{10 + n}\n"),
        "movie_titles.csv": rows(lambda n: f"{n + 1},{'NULL' if n == 2 else 2003},Café {n}\n", 5).encode("latin-1"),
    },
    "Epinions": lambda: {"ratings_data.txt": rows(lambda n: f"{1 + n % 4} {100 + n % 5} {1 + n % 5}\n")},
    "CiaoDVD": lambda: {
        "movie-ratings.txt": rows(lambda n: f"{1 + n % 4},{1 + n % 5},{5 + n},{1 + n % 5},{1 + n % 5},2013-06-{10 + n}\n")
    },
    "Taobao, user behaviour": lambda: {
        "UserBehavior.csv": rows(
            lambda n: (
                f"{1 + n % 4},{2268318 + n % 5},2520377,{('pv', 'cart', 'buy', 'pv', 'fav', 'pv', 'buy')[n % 7]},{1511544070 + n}\n"
            ),
            40,
        ),
    },
    "Tmall": lambda: {
        "user_log_format1.csv": "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type\n"
        + rows(
            lambda n: (
                f"{328862 + n % 4},{323294 + n % 5},833,2882,{'' if n == 2 else '2661.0'},{'0829' if n % 2 else '1111'},{n % 7 % 4}\n"
            ),
            28,
        ),
    },
    "RetailRocket": lambda: {
        "events.csv": "timestamp,visitorid,event,itemid,transactionid\n"
        + rows(
            lambda n: (
                f"{1433221332117 + n},{257597 + n % 4},{('view', 'addtocart', 'transaction')[n % 3]},{355908 + n % 5},{4000 + n if n % 3 == 2 else ''}\n"
            ),
            30,
        ),
    },
    "H&M": lambda: {
        "transactions_train.csv": "t_dat,customer_id,article_id,price,sales_channel_id\n"
        + 2
        * rows(
            lambda n: (
                f"2018-09-{20 + n},000058a12d5b43e67d225668fa1f8d618c13dc232df0cad8ffe7ad4a1091e31{n % 4},066354100{n % 5},0.0508,2\n"
            )
        ),
        "articles.csv": "article_id,product_code,prod_name,product_type_no,product_type_name,colour_group_name,detail_desc\n"
        + rows(
            lambda n: (
                f"066354100{n},0663541,Strap top {n},253,Vest top,{'Black' if n else 'White'},{'' if n == 1 else f'{chr(34)}Jersey top, with {n}{chr(34)}'}\n"
            ),
            5,
        ),
    },
    "Million Song, taste profiles": lambda: {
        "train_triplets.txt": rows(
            lambda n: f"b80344d063b5ccb3212f76538f3d9e43d87dca9{n % 4}\tSOAKIMP12A8C13099{n % 5}\t{1 + n}\n"
        ),
        "unique_tracks.txt": rows(
            lambda n: f"TRMMMYQ128F932D90{n}<SEP>SOAKIMP12A8C13099{n}<SEP>Faster Pussy cat<SEP>Silent Night, {n}\n", 5
        ),
    },
    "BeerAdvocate": lambda: {
        "beeradvocate.json.gz": gzip.compress(
            rows(
                lambda n: (
                    repr(
                        {
                            "beer/name": f"Sausa Weizen {n % 5}",
                            "beer/beerId": str(47986 + n % 5),
                            "beer/ABV": "5.00",
                            "review/overall": str(1.0 + n % 5),
                            "review/time": str(1234817823 + n),
                            "review/profileName": f"stcules{n % 4}",
                            "review/text": "A lot's of foam",
                        }
                    )
                    + "\n"
                )
            ).encode()
        ),
    },
    "Delicious, HetRec 2011": lambda: {
        "user_taggedbookmarks-timestamps.dat": "userID\tbookmarkID\ttagID\ttimestamp\r\n"
        + rows(lambda n: f"{8 + n % 4}\t{1 + n % 5}\t{1 + n}\t{1289255362000 + n}\r\n", 30),
        "bookmarks.dat": (
            "id\tmd5\ttitle\turl\tmd5Principal\turlPrincipal\r\n"
            + rows(
                lambda n: (
                    f'{1 + n}\tac2d6{n}\tIFLA - The official "site" café {n}\thttp://www.ifla.org/{n}\t7f{n}\t{"www.ifla.org" if n else "ala.org"}\r\n'
                ),
                5,
            )
        ).encode("latin-1"),
    },
    "Gowalla, check-ins": lambda: {
        "loc-gowalla_totalCheckins.txt": rows(
            lambda n: f"{n % 4}\t2010-10-{10 + n}T23:55:27Z\t30.2359091167\t-97.7951395833\t{22847 + n % 5}\n"
        )
    },
    "YooChoose": lambda: {
        "yoochoose-clicks.dat": rows(lambda n: f"{1 + n % 4},2014-04-07T10:5{n}:09.277Z,{214536502 + n % 5},0\n")
    },
}


def written(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
@pytest.mark.parametrize("name", FILES)
def test_the_documented_command_reads_what_the_owner_ships(name, here, capsys):
    written(here, FILES[name]())
    code = main([*command_of(name), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    totals = json.loads(out)["totals"]
    assert {what: totals[what] for what in COUNTED} == COUNTED
    if "first event, last event" in totals and name != "Tmall":
        assert 1996 <= int(totals["first event, last event"][0][:4]) <= 2018


def test_the_netflix_prize_is_told_and_the_documented_code_mends_it(here, capsys, monkeypatch):
    """Also where somebody says what separates: the file is no table whatever it is."""
    Path("combined_data_1.txt").write_text(
        "".join(f"{film}:\n" + rows(lambda n: f"{1488844 + n},{1 + n % 5},2005-09-{10 + n}\n", 4) for film in range(1, 6))
    )
    for more in ([], ["--separator", ","], ["--column-names", "user_id,rating,date"]):
        assert main(["data", "check", "combined_data_1.txt", *more]) == 3
        message = capsys.readouterr().err
        assert "first line '1:' is the heading of the lines below it" in message
        assert "write one row for each event first" in message
    code = HOW_TO.read_text("utf-8").split("## Netflix prize")[1].split("```python\n")[1].split("```")[0]
    Path("convert.py").write_text(re.sub(r"io\.StringIO\(.*", 'open("combined_data_1.txt")', code))
    runpy.run_path("convert.py")
    written(here, {"movie_titles.csv": FILES["Netflix prize"]()["movie_titles.csv"]})
    assert main([*command_of("Netflix prize"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["users"] == 4


@pytest.mark.parametrize(
    "text",
    [
        "beer/name: Sausa\nbeer/beerId: 47986\nreview/overall: 1.5\n\n",
        "product/productId: B1\nreview/userId: A1\nreview/score: 5.0\nreview/text: good: very\n\n",
    ],
)
def test_records_of_one_field_a_line_are_told(here, capsys, text):
    Path("beeradvocate.txt").write_text(text * 3)
    assert main(["data", "check", "beeradvocate.txt", "--user-column", "review/profileName"]) == 3
    message = capsys.readouterr().err
    assert "has one field a line" in message
    assert "write one row for each record first" in message


def test_a_header_beside_given_names_is_left_out_with_a_word_and_a_row_of_words_is_not(here, capsys):
    Path("events.csv").write_text("who,what\n" + rows(lambda n: f"{n % 4},{n % 5}\n"))
    assert main(["data", "check", "events.csv", "--column-names", "user_id,item_id", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["totals"]["users"] == 4
    assert "its first line (who, what) names columns, and was left out" in err
    Path("events.csv").write_text("".join(f"{user},{item}\n" for user in ("ann", "bob") for item in ("x", "y")))
    assert main(["data", "check", "events.csv", "--column-names", "user_id,item_id", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["pairs"] == 4
    Path("events.csv").write_text("1,x,12\n2,y,13\n3,x,14\n")
    assert main(["data", "check", "events.csv", "--column-names", "user_id,item_id,n", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["pairs"] == 3


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--likes", "buys"], 3, "no event has 'buys' in column 'behavior'. Did you mean 'buy'?"),
        ([], 3, "'pv' in column 'behavior' is no event type"),
    ],
)
def test_words_of_a_log_that_are_not_told(here, capsys, more, code, words):
    written(here, FILES["Taobao, user behaviour"]())
    command = [*command_of("Taobao, user behaviour")]
    place = command.index("--likes")
    assert main([*command[:place], *command[place + 2 :], *more]) == code
    assert words in capsys.readouterr().err


def test_what_a_log_calls_a_like_is_kept_for_an_update(here, capsys):
    """New events need not hold every word, and a pair that was seen and bought is a like."""
    log = [(user, item, "buy" if (user + item) % 2 else "pv") for user in range(12) for item in range(9)]
    Path("log.csv").write_text("user_id,item_id,behavior\n" + "".join(f"u{u},i{i},{w}\n" for u, i, w in [*log, (0, 2, "buy")]))
    how = ["--event-column", "behavior", "--likes", "buy"]
    assert main(["fit", "log.csv", *how, "--model", "popularity", "--out", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["info"]["pairs"] == sum(word == "buy" for *_, word in log) + 1
    Path("new.csv").write_text("user_id,item_id,behavior\nu0,i4,pv\nu13,i4,pv\n")
    assert main(["update", "run", "--events", "new.csv", "--out", "run2", "--json"]) == 0
    Path("newer.csv").write_text("user_id,item_id,behavior\nu0,i4,buy\nu1,i3,pv\n")
    assert main(["update", "run", "--events", "newer.csv", "--out", "run3", "--json"]) == 0
    assert main(["fit", "log.csv", "--likes", "buy", "--out", "run4"]) == 2
    assert "it needs a column of types; give --event-column" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
@pytest.mark.parametrize("name", ["Pinterest, as a division", "Lists of items, as LightGCN has Gowalla, Yelp and Amazon"])
def test_published_divisions_are_divided_by_the_documented_command(name, here, capsys):
    written(
        here,
        {
            "pinterest-20.train.rating": "".join(f"{u}\t{(u + k) % 5}\t1\t1\n" for u in range(4) for k in range(3)),
            "pinterest-20.test.rating": "".join(f"{u}\t{(u + 3) % 5}\t1\t1\n" for u in range(4)),
            "pinterest-20.test.negative": "".join(f"({u},{(u + 3) % 5})\t5\t6\t7\n" for u in range(4)),
            "train.txt": "".join(f"{u} {u % 5} {(u + 1) % 5} {(u + 2) % 5}\n" for u in range(4)),
            "test.txt": "".join(f"{u} {(u + 3) % 5}\n" for u in range(4)),
            "events.csv": "user_id,item_id\n0,0\n1,1\n",
        },
    )
    part = HOW_TO.read_text("utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]
    command = part.split("```console\n")[1].split("\n```")[0].split()[1:]
    assert main([*command, "--json"]) == 0, capsys.readouterr().err
    made = json.loads(capsys.readouterr().out)
    assert made["train"] == {"users": 4, "items": 5, "pairs": 12}
    assert sum(task["hidden_pairs"] for task in made["tasks"]) == 4
    assert main([*command[:-1], "other", "--candidates", "pinterest-20.test.negative"]) == 3
    assert "lists that differ from user to user are not ranked" in capsys.readouterr().err
