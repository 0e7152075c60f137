"""Ciao, CiaoDVD and Amazon on files that the tests make: ratings, reviews, filters, odd files."""

import gzip
import io
import json

import numpy as np
import pytest
from scipy.io import savemat

from dualnet.data import splits
from dualnet.data.filters import NONE, CountFilter
from dualnet.data.sources.amazon import load_amazon_reviews
from dualnet.data.sources.ciao import load_ciao, load_ciao_dvd
from dualnet.data.sources.raw import SourceFolder
from dualnet.errors import DataError, ResourceError


@pytest.fixture
def folder(tmp_path):
    return SourceFolder(tmp_path)


def pairs(data):
    users, items = data.interactions.pairs()
    return list(zip(data.interactions.users.take(users), data.interactions.items.take(items), strict=True))


# user, product, category, stars, time; product 20 has two categories, (1, 10) is revised down, (2, 10) up
CIAO = [
    (1, 10, 3, 5, 100), (2, 10, 3, 2, 100), (3, 10, 3, 4, 100), (1, 20, 7, 4, 100), (2, 20, 8, 5, 100), (1, 30, 7, 0, 100),
    (1, 10, 3, 3, 200), (2, 10, 3, 4, 300), (3, 40, 7, 3, 50),
]  # fmt: skip


class TestCiao:
    published = {"ratings": 9, "users": 3, "products": 4}

    def write(self, folder):
        rows = [(user, product, category, stars, 4, time) for user, product, category, stars, time in CIAO]
        buffer = io.BytesIO()
        savemat(buffer, {"rating": np.array(rows, np.int32)})
        (folder.path / "rating_with_timestamp.mat.gz").write_bytes(gzip.compress(buffer.getvalue()))

    def read(self, folder, chosen=None):
        return load_ciao(folder, chosen, published=self.published)

    def test_the_latest_rating_of_a_pair_counts(self, folder):
        self.write(folder)
        data = self.read(folder)
        assert pairs(data) == [(1, 20), (2, 10), (2, 20), (3, 10)]
        assert data.interactions.times.tolist() == [100, 300, 100, 100]
        assert data.interactions.items.keys == [10, 20, 30, 40]
        assert data.items.table["category"].to_pylist() == [["3"], ["7", "8"], ["7"], ["7"]]
        assert data.items.spec.columns == ("category",)

    def test_the_filter_counts_every_rating(self, folder):
        self.write(folder)
        data = self.read(folder, CountFilter(2, 3))
        assert (data.interactions.users.keys, data.interactions.items.keys) == ([1, 2], [10, 20])  # 3 has one rating left
        assert pairs(data) == [(1, 20), (2, 10), (2, 20)]
        first = self.read(folder, CountFilter(2, 3, first="users"))
        assert first.interactions.users.keys == [1, 2]
        with pytest.raises(DataError, match="no rating of 4 or more is left after the filter"):
            self.read(folder, CountFilter(99))

    def test_reviews_where_the_user_has_them(self, folder):
        self.write(folder)
        (folder.path / "reviews.tsv").write_text(
            "user\titem\ttext\n1\t20\tlovely lamp\n2\t10\tsharp knife\n2\t10\tstill sharp\n1\t10\tblunt\n9\t9\tnobody\n"
        )
        data = self.read(folder)
        assert data.pair_texts["reviews"].to_pylist() == ["lovely lamp", "sharp knife still sharp", None, None]
        assert data.items.table["reviews"].to_pylist() == ["sharp knife still sharp", "lovely lamp", None, None]
        assert data.items.spec.columns == ("reviews", "category")
        assert data.items.title(0) == "10"

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("user,text\n1,x\n", "reviews.csv has no column 'item'"),
            ("user,item,text\n1,2,x\nu,2,x\n", "line 3: user 'u' and item '2' must be whole numbers"),
        ],
    )
    def test_odd_reviews_are_named(self, folder, text, found):
        self.write(folder)
        (folder.path / "reviews.csv").write_text(text)
        with pytest.raises(DataError, match=found):
            self.read(folder)

    def test_odd_files_are_refused(self, folder):
        self.write(folder)
        with pytest.raises(DataError, match="9 ratings instead of 284,086"):
            load_ciao(folder)
        (folder.path / "rating_with_timestamp.mat").write_bytes(b"not MATLAB" * 50)
        with pytest.raises(DataError, match="is not the MATLAB file it should be"):
            self.read(folder)
        savemat(folder.path / "rating_with_timestamp.mat", {"rating": np.ones((3, 4))})
        with pytest.raises(DataError, match=r"'rating' has shape \(3, 4\), expected 6 columns"):
            self.read(folder)


class TestCiaoDVD:
    published = {"ratings": 3, "users": 2, "films": 2}

    def test_genres_and_days(self, folder):
        (folder.path / "movie-ratings.txt").write_text("1,5,1,1,5,2000-07-12\n2,5,1,2,4,2001-01-01\n2,6,17,3,3,2001-01-02\n")
        data = load_ciao_dvd(folder, None, published=self.published)
        assert pairs(data) == [(1, 5), (2, 5)]
        assert data.interactions.times.astype("datetime64[s]").astype(str).tolist()[0] == "2000-07-12T00:00:00"
        assert data.items.table["genre"].to_pylist() == ["Action & Adventure", "Anime"]
        with pytest.raises(DataError, match="3 ratings instead of 72,665"):
            load_ciao_dvd(folder, None)
        (folder.path / "movie-ratings.txt").write_text("1,5,1,1,5,2000-07-12\n2,5,1,2,4,12.7.2000\n")
        with pytest.raises(DataError, match=r"line 2: '2,5,1,2,4,12.7.2000' is not user,film,genre,review,rating,date"):
            load_ciao_dvd(folder, None, published=self.published)


class TestAmazon:
    def write(self, folder, name="Toys.json.gz", reviews=None):
        # everybody rates five products; user 0 has a low rating and a rating that was revised
        rows = [
            (f"U{user}", f"P{(user + step) % 12}", 5.0, f"fine{user}of{(user + step) % 12}")
            for user in range(20)
            for step in range(6)
        ]
        rows += [("U0", "P9", 2.0, "dreadful"), ("U0", "P0", 4.0, "revised")]
        reviews = reviews or [
            {
                "reviewerID": user,
                "asin": item,
                "overall": stars,
                "reviewText": text,
                "summary": "Says",
                "unixReviewTime": 1_000 + place,
            }
            for place, (user, item, stars, text) in enumerate(rows)
        ]
        content = "".join(json.dumps(review) + "\n" for review in reviews).encode()
        (folder.path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    def test_reviews_of_positives_describe_a_product(self, folder):
        self.write(folder)
        data = load_amazon_reviews(folder)
        assert data.interactions.n_pairs == 120
        texts = dict(zip(data.items.ids, data.items.table["reviews"].to_pylist(), strict=True))
        assert "dreadful" not in " ".join(texts.values())  # not a positive, so it never trains
        assert "revised" in texts["P0"]
        assert "fine0of0" not in texts["P0"]
        assert texts["P1"].split().count("Says") == sum(item == "P1" for _, item in pairs(data))
        assert data.items.title(0) == "P0"

    def test_a_planted_word_of_a_held_out_review_is_nowhere(self, folder):
        self.write(folder)
        split = splits.citeulike2(load_amazon_reviews(folder), seed=0)
        for train, tasks in ((split.train, split.tasks), (split.validation.train, split.validation.tasks)):
            for task in tasks:
                held = task.truth.tocoo()
                planted = {
                    f"fine{task.users.key(int(u))[1:]}of{task.items.key(int(i))[1:]}" for u, i in zip(*held.coords, strict=True)
                }
                for content in (train.items, task.content):
                    read = " ".join(text or "" for text in content.table["reviews"].to_pylist()).split()
                    assert len(planted - {"fine0of0"}) > 10
                    assert not planted & set(read)

    def test_the_file_may_have_another_name_but_must_be_the_only_one(self, folder):
        with pytest.raises(ResourceError, match="Musical_Instruments.json is missing"):
            load_amazon_reviews(folder)
        self.write(folder, "Musical_Instruments.json")
        with pytest.raises(DataError, match="122 ratings instead of 10,261"):
            load_amazon_reviews(folder)
        assert load_amazon_reviews(folder, NONE, published={"ratings": 122}).interactions.n_users == 20
        (folder.path / "Musical_Instruments.json").rename(folder.path / "a.jsonl")
        assert load_amazon_reviews(folder, CountFilter(user_events=7)).interactions.users.keys == ["U0"]
        self.write(folder, "b.json")
        with pytest.raises(DataError, match=r"holds several files of reviews \(a.jsonl, b.json\)"):
            load_amazon_reviews(folder)

    @pytest.mark.parametrize(
        "line",
        [
            b"{'reviewerID': 'python'}",
            b'{"asin": "a"}',
            b'{"reviewerID": 3, "asin": "a"}',
            b"[1]",
            b'{"reviewerID": "a", "asin": "a", "overall": NaN, "unixReviewTime": 1}',
            b'{"reviewerID": "a", "asin": "a", "overall": 5, "unixReviewTime": 1e400}',
            b'{"reviewerID": "a", "asin": "a", "overall": 5, "unixReviewTime": 1e30}',
        ],
    )
    def test_odd_lines_are_named(self, folder, line):
        good = {"reviewerID": "u", "asin": "a", "overall": 5.0, "unixReviewTime": 1}
        (folder.path / "x.json").write_bytes(json.dumps(good).encode() + b"\n" + line + b"\n")
        with pytest.raises(DataError, match=r"x.json, line 2 is not a JSON review with reviewerID"):
            load_amazon_reviews(folder)

    def test_a_bomb_is_not_read(self, folder):
        (folder.path / "x.json.gz").write_bytes(gzip.compress(b" " * 5_000_000))
        with pytest.raises(DataError, match="line 1 is longer than 1 MiB"):
            load_amazon_reviews(folder)
        (folder.path / "x.json.gz").write_bytes(
            gzip.compress(b'{"reviewerID": "u", "asin": "a", "overall": 5, "unixReviewTime": 1}\n' * 90_000)
        )
        with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
            load_amazon_reviews(folder)
