"""MovieLens with posters on files that the tests make: layouts, filters, odd files and archives."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dualnet.data.filters import CountFilter
from dualnet.data.sources.movielens_1m import load_movielens_1m_posters
from dualnet.data.sources.movielens_20m import load_movielens_20m
from dualnet.data.sources.posters import posters_of_archive
from dualnet.data.sources.raw import SourceFolder
from dualnet.errors import DataError, ResourceError

JPEG = b"\xff\xd8\xff\xe0 not much of a picture"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return SourceFolder(tmp_path / "data")


def pairs(data):
    users, items = data.interactions.pairs()
    return list(zip(data.interactions.users.take(users), data.interactions.items.take(items), strict=True))


def tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


class TestPosters:
    def test_an_archive_is_unpacked_once_into_the_cache(self, folder, tmp_path):
        archive = tar(folder.path / "p.tar", [("posters_128/7.jpg", JPEG), ("posters_128/12.png", b"other")])
        found = posters_of_archive(archive)
        assert set(found) == {7, 12}
        assert Path(found[7]).read_bytes() == JPEG
        assert all(path.startswith(str(tmp_path / "cache")) for path in found.values())
        Path(found[7]).write_bytes(b"mark")  # unpacking again would overwrite it
        assert posters_of_archive(archive) == found
        assert Path(found[7]).read_bytes() == b"mark"
        assert len(list((tmp_path / "cache" / "dualnet" / "posters").iterdir())) == 1

    @pytest.mark.parametrize(
        "name",
        ["../7.jpg", "/etc/7.jpg", "posters/../7.jpg", "posters/deep/7.jpg", "posters/seven.jpg", "posters/7.sh", "7.jpg"],
    )
    def test_odd_names_are_refused_and_nothing_stays(self, folder, tmp_path, name):
        archive = tar(folder.path / "p.tar", [("posters/1.jpg", JPEG), (name, JPEG)])
        with pytest.raises(DataError, match="is not a poster <folder>/<film>.jpg"):
            posters_of_archive(archive)
        assert not list((tmp_path / "cache").rglob("*.jpg"))
        assert not list((tmp_path / "cache" / "dualnet" / "posters").iterdir())

    def test_links_large_and_repeated_members_are_refused(self, folder, monkeypatch):
        with tarfile.open(folder.path / "link.tar", "w") as archive:
            info = tarfile.TarInfo("posters/1.jpg")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
        tar(folder.path / "twice.tar", [("a/1.jpg", JPEG), ("b/1.jpg", JPEG)])
        tar(folder.path / "large.tar", [("a/1.jpg", bytes(2000))])
        (folder.path / "cut.tar").write_bytes((folder.path / "large.tar").read_bytes()[:1000])
        monkeypatch.setattr("dualnet.data.sources.posters.LARGEST_PICTURE", 1999)
        for name, text in (
            ("link", "is not a poster"),
            ("twice", "two posters of one film"),
            ("large", r"\(2,000 bytes\) is not a poster"),
        ):
            with pytest.raises(DataError, match=text):
                posters_of_archive(folder.path / f"{name}.tar")
        monkeypatch.setattr("dualnet.data.sources.posters.LARGEST_PICTURE", 2000)
        with pytest.raises(DataError, match="cannot be read as the archive"):
            posters_of_archive(folder.path / "cut.tar")

    def test_a_bomb_is_not_unpacked(self, folder, tmp_path):
        path = tar(folder.path / "p.tar", [(f"posters/{film}.jpg", bytes(1_000_000)) for film in range(3)])
        path.write_bytes(gzip.compress(path.read_bytes()))
        with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
            posters_of_archive(path)
        assert not list((tmp_path / "cache").rglob("*.jpg"))

    def test_a_cache_that_cannot_be_written_is_said(self, folder, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        with pytest.raises(ResourceError, match="cannot unpack .* set XDG_CACHE_HOME to a folder with space"):
            posters_of_archive(tar(folder.path / "p.tar", [("posters/1.jpg", JPEG)]))


class TestMovieLens1M:
    published = {"five-star pairs": 25, "users with five stars": 3, "films with five stars": 12, "films": 13, "posters": 11}
    filtered = {"users": 2, "films": 11, "pairs": 21}

    def write(self, folder):
        # user 1 has films 1-12, user 2 films 1-10, user 3 films 1-3; film 12 has no poster, film 13 no rating
        rows = [(1, film) for film in range(1, 13)] + [(2, film) for film in range(1, 11)] + [(3, film) for film in (1, 2, 3)]
        text = "user_id,movie_id,spectralcf_split\n" + "".join(f"{user},{film},train\n" for user, film in rows)
        (folder.path / "five_star_pairs.csv.gz").write_bytes(gzip.compress(text.encode()))
        films = "".join(f"{film}::Film {film} é (1999)::Drama|Comedy\n" for film in range(1, 14))
        (folder.path / "movies.dat").write_bytes(films.encode("latin-1"))
        told = "".join(
            f"{film}::Film::1999::R::01 Jan::Drama::{'N/A' if film == 2 else 'Jane Roe, John Doe'}::w::A. Bee, C. Dee::Plot {film}"
            "::http://x\n"
            for film in range(1, 13)
        )
        (folder.path / "movies_extrainfos.dat").write_text(told)
        tar(folder.path / "posters_128.tar", [(f"posters_128/{film}.jpg", JPEG) for film in range(1, 12)])

    def read(self, folder, **options):
        return load_movielens_1m_posters(folder, published=self.published, filtered=self.filtered, **options)

    def test_posters_then_users(self, folder):
        self.write(folder)
        data = self.read(folder)
        assert pairs(data) == [(1, film) for film in range(1, 12)] + [(2, film) for film in range(1, 11)]
        assert data.items.spec.images == ("poster",)
        first = data.items.table.slice(0, 1).to_pylist()[0]
        assert first["poster"].endswith("/1.jpg")
        assert {**first, "poster": ""} == {
            "title": "Film 1 é (1999)", "plot": "Plot 1", "genres": ["Drama", "Comedy"], "director": ["Jane Roe", "John Doe"],
            "actors": ["A. Bee", "C. Dee"], "poster": "",
        }  # fmt: skip
        assert data.items.table["director"][1].as_py() == []
        assert data.origin["published five-star pairs"] == 25

    def test_everything_and_a_filter_of_ones_own(self, folder):
        self.write(folder)
        everything = self.read(folder, chosen=None)
        assert (everything.interactions.n_users, everything.interactions.n_items) == (3, 13)
        assert everything.items.table["poster"].to_pylist()[11:] == [None, None]
        assert everything.items.table["plot"].to_pylist()[11:] == ["Plot 12", None]
        assert self.read(folder, chosen=CountFilter(3)).interactions.n_items == 3

    def test_other_totals_and_odd_files_are_refused(self, folder):
        self.write(folder)
        with pytest.raises(DataError, match="25 five-star pairs instead of 226,310"):
            load_movielens_1m_posters(folder)
        with pytest.raises(DataError, match="movielens-1m-posters, filtered' has 2 users instead of 4,813"):
            load_movielens_1m_posters(folder, published=self.published)
        (folder.path / "movies.dat").write_text("1::Film::Drama\n2;Film;Drama\n")
        with pytest.raises(DataError, match="movies.dat, line 2: expected 3 fields separated by '::'"):
            self.read(folder)
        (folder.path / "five_star_pairs.csv.gz").write_bytes(gzip.compress(b"user,movie\n1,2\n"))
        with pytest.raises(DataError, match="not a table with whole numbers in user_id and movie_id"):
            self.read(folder)


class TestMovieLens20M:
    published = {"ratings": 26, "users": 4, "films": 13}

    def write(self, folder, ratings=None):
        # stars of 5 as above; user 4 only gives 4.5
        rows = [(1, film, 5.0) for film in range(1, 13)] + [(2, film, 5.0) for film in range(1, 11)]
        rows += [(3, 1, 5.0), (3, 2, 0.5), (3, 3, 5.0), (4, 1, 4.5)]
        lines = ratings or "".join(f"{user},{film},{stars},{1_000 * user + film}\n" for user, film, stars in rows)
        films = "".join(
            f'{film},"Film, The {film} (1999)",{"(no genres listed)" if film == 5 else "Drama|War"}\n' for film in range(1, 14)
        )
        with zipfile.ZipFile(folder.path / "ml-20m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("ml-20m/ratings.csv", "userId,movieId,rating,timestamp\n" + lines)
            archive.writestr("ml-20m/movies.csv", "movieId,title,genres\n" + films)
            archive.writestr("ml-20m/links.csv", "movieId,imdbId,tmdbId\n")

    def posters(self, folder, films):
        (folder.path / "posters").mkdir()
        for film in films:
            (folder.path / "posters" / f"{film}.jpg").write_bytes(JPEG)
        (folder.path / "posters" / "notes.txt").write_text("not a poster")

    def vectors(self, folder, films):
        np.save(folder.path / "vectors.npy", np.array([[film, 1.0] for film in films]))
        (folder.path / "vectors_ids.txt").write_text("".join(f"{film}\n" for film in films))

    def read(self, folder, **options):
        return load_movielens_20m(folder, published=self.published, **options)

    @pytest.mark.parametrize("film", ["x,Film,Drama", "1", "1,Film"])
    def test_an_odd_list_of_films_is_named(self, folder, film):
        self.write(folder)
        with zipfile.ZipFile(folder.path / "ml-20m.zip", "w") as archive:
            archive.writestr("ml-20m/ratings.csv", "userId,movieId,rating,timestamp\n1,1,5.0,1\n")
            archive.writestr("ml-20m/movies.csv", f"movieId,title,genres\n{film}\n")
        with pytest.raises(DataError, match=r"ml-20m/movies.csv, line 2 is not movieId,title,genres"):
            self.read(folder, chosen=None)

    @pytest.mark.parametrize("block", [1 << 24, 64])
    def test_posters_of_ones_own(self, folder, monkeypatch, block):
        monkeypatch.setattr("dualnet.data.sources.movielens_20m.BLOCK", block)  # many blocks, the same data
        self.write(folder)
        self.posters(folder, range(1, 12))
        data = self.read(folder)
        assert pairs(data) == [(1, film) for film in range(1, 12)] + [(2, film) for film in range(1, 11)]
        assert data.interactions.times[:2].tolist() == [1_001, 1_002]
        assert data.items.table["poster"][0].as_py() == str(folder.path / "posters" / "1.jpg")
        assert data.items.spec.columns == ("title", "genres", "poster")
        assert data.items.table["genres"].to_pylist()[4] == []
        assert data.items.title(0) == "Film, The 1 (1999)"
        assert dict(data.origin) == {"published ratings": 26, "published users": 4, "published films": 13}

    def test_ready_vectors(self, folder):
        self.write(folder)
        self.vectors(folder, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
        data = self.read(folder)
        assert data.items.spec.vectors == ("vectors",)
        assert data.items.matrices["vectors"].tolist() == [[key, 1.0] for key in data.items.ids]
        assert data.interactions.n_items == 10
        everything = self.read(folder, chosen=None)
        assert everything.interactions.n_users == 4
        assert everything.items.matrices["vectors"][12].tolist() == [0, 0]

    def test_what_is_missing_or_odd_is_said(self, folder):
        with pytest.raises(ResourceError, match=r"is not here: put ml-20m.zip, .*; its filter also needs pictures"):
            self.read(folder)
        self.write(folder)
        with pytest.raises(ResourceError, match=r"no pictures for its filter; put posters into .*posters as <movieId>.jpg"):
            self.read(folder)
        assert self.read(folder, chosen=None).interactions.n_pairs == 24
        self.posters(folder, [1, 2])
        with pytest.raises(DataError, match="is left of items with 0 and users with 10 events"):
            self.read(folder)
        with pytest.raises(DataError, match="26 ratings instead of 20,000,263"):
            load_movielens_20m(folder)
        self.vectors(folder, [1, 1])
        with pytest.raises(DataError, match="line 2: 1 is not a film of movies.csv, or occurs twice"):
            self.read(folder)
        self.vectors(folder, [99])
        with pytest.raises(DataError, match="line 1: 99 is not a film"):
            self.read(folder)
        (folder.path / "vectors_ids.txt").write_text("1\nx\n")
        with pytest.raises(DataError, match="line 2: 'x' is not a movieId"):
            self.read(folder)
        self.write(folder, "1,2,five,4\n")
        with pytest.raises(DataError, match="ratings.csv is not as published"):
            self.read(folder)

    def test_a_damaged_archive_is_refused(self, folder):
        self.write(folder)
        data = bytearray((folder.path / "ml-20m.zip").read_bytes())
        data[60:80] = bytes(20)
        (folder.path / "ml-20m.zip").write_bytes(data)
        with pytest.raises(DataError, match="cannot be read as the archive it should be"):
            self.read(folder, chosen=None)
