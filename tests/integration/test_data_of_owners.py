"""Public data as their owners ship them: ten made lines in the exact form of each are read by the documented command."""

import gzip
import json
import shlex
from pathlib import Path

import pytest

from dualnet.cli import main

HOW_TO = Path(__file__).parents[2] / "docs/how-to/public-data-sets.md"


def gz(text):
    return gzip.compress(text.encode())


def lines(rows, dump=json.dumps):
    return "".join(dump(row) + "\n" for row in rows)


def amazon_2018():
    reviews = [
        {
            "overall": float(1 + n % 5), "vote": "3", "verified": True, "reviewTime": f"09 {n + 1}, 2009", "reviewerID": f"A{n % 4}Z",
            "asin": f"000001371{n % 5}", "style": {"Format:": " Hardcover"}, "reviewerName": "J. \u2028 McDonald",
            "reviewText": "I bought this.", "summary": "Heavenly", "unixReviewTime": 1252800000 + n * 86_400,
        }
        for n in range(10)
    ]  # fmt: skip
    items = [
        {
            "category": ["Office", "Pens &amp; Ink"], "tech1": "", "description": [f"<b>A fine pen</b> number {n}", "blue"], "fit": "",
            "title": f"Pen {n}", "also_buy": ["B1"], "brand": "Pilot", "feature": [], "rank": ["1 in Office", "2 in Pens"] if n else "",
            "details": {} if n % 2 else [], "main_cat": "Office", "price": f"${n}.50" if n else "", "asin": f"000001371{n}",
        }
        for n in range(5)
    ]  # fmt: skip
    return {"reviews.json.gz": gz(lines(reviews)), "meta.json.gz": gz(lines(items))}


def amazon_2023():
    reviews = [
        {
            "rating": float(1 + n % 5), "title": "Such a lovely scent", "text": "Really<br />nice", "images": [], "asin": f"B00YQ6X8E{n % 5}",
            "parent_asin": f"B00YQ6X8E{n % 5}", "user_id": f"AGKHLEW2SOWHNMFQIJGBECAF7IN{n % 4}", "timestamp": 1588687728923 + n,
            "helpful_vote": 0, "verified_purchase": True,
        }
        for n in range(10)
    ]  # fmt: skip
    items = [
        {
            "main_category": "All Beauty", "title": f"Scent {n}", "average_rating": 4.8, "rating_number": 10, "features": ["fresh"],
            "description": [] if n else ["Smells"], "price": 15.99 if n else None, "images": [{"thumb": "https://x/y.jpg", "hi_res": None}],
            "videos": [], "store": "Howard", "categories": [], "details": {"UPC": "6171"} if n else {}, "parent_asin": f"B00YQ6X8E{n}",
            "bought_together": None,
        }
        for n in range(5)
    ]  # fmt: skip
    return {"All_Beauty.jsonl.gz": gz(lines(reviews)), "meta_All_Beauty.jsonl.gz": gz(lines(items))}


def goodreads():
    reviews = [
        {
            "user_id": f"8842281e1d1347389f2ab93d60773d4{n % 4}", "book_id": f"13058{n % 5}", "review_id": f"r{n}", "is_read": False,
            "rating": n % 6, "review_text_incomplete": "", "date_added": f"Mon Jul {10 + n} 19:56:42 -0700 2017",
            "date_updated": "Mon Jul 24 19:56:42 -0700 2017", "read_at": "", "started_at": "",
        }
        for n in range(10)
    ]  # fmt: skip
    books = [
        {
            "isbn": "", "text_reviews_count": "1", "series": ["189911"], "country_code": "US", "language_code": "eng",
            "popular_shelves": [{"count": "58", "name": "to-read"}, {"count": "15", "name": "fantasy"}], "asin": "B00071IKUY",
            "average_rating": "4.03", "description": "Omnibus book club edition", "authors": [{"author_id": "10333", "role": ""}],
            "book_id": f"13058{n}", "title": f"The Unschooled Wizard {n}", "num_pages": "600" if n else "",
        }
        for n in range(5)
    ]  # fmt: skip
    return {"goodreads_interactions.json.gz": gz(lines(reviews)), "goodreads_books.json.gz": gz(lines(books))}


def yelp():
    reviews = [
        {
            "review_id": f"KU_O5udG6zpxOg-VcAEod{n}", "user_id": f"mh_-eMZ6K5RLWhZyISBhw{n % 4}", "business_id": f"XQfwVwDr-v0ZS3_CbbE5X{n % 5}",
            "stars": float(1 + n % 5), "useful": 0, "funny": 0, "cool": 0, "text": "Nice.\n\nReally", "date": f"2018-07-0{n % 9 + 1} 22:09:11",
        }
        for n in range(10)
    ]  # fmt: skip
    places = [
        {
            "business_id": f"XQfwVwDr-v0ZS3_CbbE5X{n}", "name": f"Café {n}", "address": "", "city": "Philadelphia", "state": "PA",
            "latitude": 39.9, "stars": 4.0, "review_count": 80, "is_open": 1, "attributes": {"WiFi": "u'free'"} if n else None,
            "categories": "Coffee & Tea, Food" if n else None, "hours": None,
        }
        for n in range(5)
    ]  # fmt: skip
    return {"yelp_academic_dataset_review.json": lines(reviews), "yelp_academic_dataset_business.json": lines(places)}


def steam():
    reviews = [
        f"{{u'username': u'Chaos Syren {n % 4}', u'hours': 0.{n}, u'products': 41, u'product_id': u'72528{n % 5}', u'page_order': 0,"
        f" u'date': u'2017-12-1{n}', u'text': u\"It's good\", u'early_access': False, u'page': 1}}\n"
        for n in range(10)
    ]
    return {"steam_reviews.json.gz": gz("".join(reviews))}


def steam_200k():
    rows = [f'15160371{n % 4},"The Elder Scrolls {n % 5}, Skyrim",{"play" if n % 2 else "purchase"},{n}.0,0' for n in range(10)]
    return {"steam-200k.csv": "\n".join(rows)}


def mind():
    news = [
        f'N5552{n}\tlifestyle\tlifestyleroyals\t"Best of" brands {n}, shop\tShop the notebooks\thttps://assets.msn.com/{n}.html\t'
        '[{"Label": "Prince Philip", "Type": "P"}]\t[]'
        for n in range(5)
    ]
    clicks = [f"{n + 1}\tU{n % 4}\t11/1{n}/2019 9:05:58 AM\tN5552{n % 5} N55521\tN5552{n % 5}-1 N55522-0" for n in range(10)]
    return {"behaviors.tsv": "\n".join(clicks) + "\n", "news.tsv": "\n".join(news) + "\n"}


def book_crossing():
    ratings = ['"User-ID";"ISBN";"Book-Rating"', *(f'"27672{n % 4}";"034545104{n % 5}";"{n}"' for n in range(10))]
    header = '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S"'
    books = [header, *(f'"034545104{n}";"Real \\"J. P\\" &amp; Co {n}";"José Müller";"200{n}";"HarperFlamingo";"http://images.amazon.com/{n}.jpg"' for n in range(5))]  # fmt: skip
    return {
        "BX-Book-Ratings.csv": "\r\n".join(ratings).encode("latin-1"),
        "BX-Books.csv": ("\r\n".join(books) + "\r\n").encode("latin-1"),
    }


def last_fm():
    plays = ["userID\tartistID\tweight", *(f"{n % 4}\t{50 + n % 5}\t{13_883 - n}" for n in range(10))]
    artists = ["id\tname\turl\tpictureURL", *(f'{50 + n}\tMALICE "MIZER" {n}\thttp://www.last.fm/music/{n}\thttp://u.last.fm/{n}.jpg' for n in range(5))]  # fmt: skip
    return {"user_artists.dat": "\n".join(plays), "artists.dat": "\n".join(artists)}


def last_fm_360k():
    rows = [f"00000c289a1829a808ac09c00daf10bc3c4e223{n % 4}\t{'' if n == 3 else 'mbid' + str(n)}\tthe \"killers\" {n % 5}\t{2137 - n}" for n in range(10)]  # fmt: skip
    return {"usersha1-artmbid-artname-plays.tsv": "\n".join(rows)}


def last_fm_1k():
    rows = [f'user_00000{n % 4}\t2009-05-04T23:0{n}:57Z\tmbid{n % 5}\tDeep Dish {n % 5}\t\tIt\'s "Famous"' for n in range(10)]
    return {"userid-timestamp-artid-artname-traid-traname.tsv": "\n".join(rows)}


def jester():
    return {"jester_ratings.dat": "".join(f"{n % 4}\t\t{n % 5}\t\t{(n - 5) * 1.219:.3f}\n" for n in range(10))}


def anime():
    ratings = ["user_id,anime_id,rating", *(f"{n % 4},{20 + n % 5},{-1 if n % 3 == 0 else n}" for n in range(10))]
    series = ["anime_id,name,genre,type,episodes,rating,members"]
    series += [
        f'{20 + n},Gintama&#039;{n},"Action, Comedy, Sci-Fi",TV,{"Unknown" if n else 51},9.{n},11426{n}' for n in range(5)
    ]
    return {"rating.csv": "\n".join(ratings), "anime.csv": "\n".join(series)}


OWNERS = {
    "Amazon 2018": amazon_2018, "Amazon 2023": amazon_2023, "Goodreads": goodreads, "Yelp": yelp, "Steam, reviews": steam,
    "Steam, 200k": steam_200k, "Book-Crossing": book_crossing, "Last.FM, HetRec 2011": last_fm, "Last.FM, 360K": last_fm_360k,
    "Last.FM, 1K": last_fm_1k, "Jester": jester, "Anime": anime,
}  # fmt: skip


def command_of(name):
    """Return the documented arguments of `dualnet data check` for one owner's files."""
    part = HOW_TO.read_text("utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]
    command = part.split("```console\n")[1].split("```")[0].replace("\\\n", " ").strip().split("\n")[0]
    words = shlex.split(command)
    assert words[:3] == ["dualnet", "data", "check"]
    return words[1:]


@pytest.mark.filterwarnings("ignore::dualnet.errors.DualNetWarning")
@pytest.mark.parametrize("name", OWNERS)
def test_the_documented_command_reads_what_the_owner_ships(name, tmp_path, monkeypatch, capsys):
    for file, data in OWNERS[name]().items():
        (tmp_path / file).write_bytes(data if isinstance(data, bytes) else data.encode())
    monkeypatch.chdir(tmp_path)
    code = main([*command_of(name), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    totals = json.loads(out)["totals"]
    assert (totals["users"], totals["items"]) == (4, 5) or name in (
        "Last.FM, 360K",
        "Anime",
        "Jester",
        "Goodreads",
        "Book-Crossing",
    ), totals
    assert totals["users"] >= 2
    if "first event, last event" in totals:
        assert totals["first event, last event"][0][:4] in ("2009", "2017", "2018", "2020")


def test_impressions_of_mind_are_told_how_to_become_events(tmp_path, monkeypatch, capsys):
    for file, data in mind().items():
        (tmp_path / file).write_text(data)
    monkeypatch.chdir(tmp_path)
    names = "impression,user_id,time,history,impressions"
    for column in ("impressions", "history"):
        assert main(["data", "check", "behaviors.tsv", "--column-names", names, "--item-column", column]) == 3
        message = capsys.readouterr().err
        assert "hold several ids" in message
        assert "one event a row" in message
    (tmp_path / "clicks.csv").write_text("user_id,item_id,time\n" + "".join(f"U{n % 4},N5552{n % 5},11/1{n}/2019 9:05:58 AM\n" for n in range(10)))  # fmt: skip
    command = command_of("MIND")
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["first event, last event"][0] == "2019-11-10T09:05:58"
