"""Files that unpack to far more than they hold, that are no files, or that are damaged: one sentence, at once."""

import gzip
import io
import os
import random
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dualnet.data.arrow_files import read_parquet
from dualnet.data.read_table import load_table, read_table
from dualnet.data.ready_vectors import read_matrix
from dualnet.data.write_table import write_table, write_tables
from dualnet.errors import DataError

TABLE = pa.table({"user_id": [f"u{k % 50}" for k in range(4000)], "item_id": [f"i{k * 7 % 70}" for k in range(4000)]})


def test_rows_that_are_only_counted_are_refused(tmp_path):
    rows = 30_000_000
    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "i1")), pa.array(["u1"]))
    pq.write_table(pa.table({"user_id": one, "item_id": one}), tmp_path / "rows.parquet")
    assert (tmp_path / "rows.parquet").stat().st_size < 2**20
    with pytest.raises(DataError, match="claims 30,000,000 rows"):
        load_table(tmp_path / "rows.parquet")


def test_one_text_for_all_rows_is_refused(tmp_path):
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1500, "i4")), pa.array(["x" * 10**6]))
    pq.write_table(pa.table({"item_id": pa.array(range(1500)), "title": text}), tmp_path / "text.parquet", compression="zstd",
                   store_schema=False)  # fmt: skip
    assert (tmp_path / "text.parquet").stat().st_size < 2**20
    with pytest.raises(DataError, match="unpacked"):
        load_table(tmp_path / "text.parquet")


def test_large_ordinary_parquet_is_read(tmp_path):
    table = pa.table(
        {"user_id": pa.array(np.arange(2_000_000) // 20), "item_id": pa.array(np.arange(2_000_000) * 7919 % 50_000)}
    )
    pq.write_table(table, tmp_path / "events.parquet")
    assert read_parquet(tmp_path / "events.parquet").num_rows == 2_000_000


@pytest.mark.parametrize("sparse", [False, True])
def test_arrays_that_unpack_to_much_more_are_refused(tmp_path, sparse):
    names = ("format.npy", "data.npy") if sparse else ("a.npy",)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(name, "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (75_000, 1000)})
                for _ in range(300):
                    member.write(bytes(1_000_000))
    with pytest.raises(DataError, match="unpacks from"):
        read_matrix(tmp_path / "bomb.npz", "vectors", 75_000)


def test_a_sparse_file_that_leads_outside_is_refused(tmp_path):
    parts = {"indices": np.array([0, 10**6], "i4"), "indptr": np.array([0, 1, 2], "i4"), "format": b"csr", "shape": (2, 2),
             "data": np.ones(2, "f4")}  # fmt: skip
    np.savez(tmp_path / "bad.npz", **parts)
    with pytest.raises(DataError):
        read_matrix(tmp_path / "bad.npz", "words", 2)


def test_no_array_file_of_objects_is_opened(tmp_path):
    ran = tmp_path / "CODE_RAN"

    class Payload:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    objects = np.array([[Payload()]], object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "b.npz", a=objects)
    np.savez(tmp_path / "c.npz", format=np.array(Payload(), object), shape=(1, 1), data=objects[0], indices=[0], indptr=[0, 1])
    for name in ("a.npy", "b.npz", "c.npz"):
        with pytest.raises(DataError):
            read_matrix(tmp_path / name, "vectors", 1)
    assert not ran.exists()


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".pt", ".pth"])
def test_no_table_is_a_pickle(tmp_path, suffix):
    (tmp_path / f"t{suffix}").write_bytes(b"cos\nsystem\n(S'touch CODE_RAN'\ntR.")
    with pytest.raises(DataError, match="never opened"):
        load_table(tmp_path / f"t{suffix}")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz", ".npz", ".npy"])
def test_what_is_no_file_is_not_read(tmp_path, suffix):
    read = (lambda path: read_matrix(path, "v", 1)) if suffix.startswith(".np") else load_table
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    (tmp_path / f"loop{suffix}").symlink_to(tmp_path / f"loop{suffix}")
    for name in ("pipe", "zero", "loop", "missing"):
        with pytest.raises(DataError):
            read(tmp_path / f"{name}{suffix}")


def flips(data, count, seed):
    drawn = random.Random(seed)
    for _ in range(count):
        altered = bytearray(data)
        altered[drawn.randrange(len(data))] ^= 1 << drawn.randrange(8)
        yield bytes(altered)


def test_every_flipped_bit_of_a_packed_table_is_told(tmp_path):
    plain = io.BytesIO()
    plain.write(b"user_id,item_id\n" + b"".join(b"u%d,i%d\n" % (k % 50, k * 7 % 70) for k in range(4000)))
    packed = gzip.compress(plain.getvalue(), mtime=0)
    for altered in flips(packed, 400, 1):
        (tmp_path / "t.csv.gz").write_bytes(altered)
        try:
            table = read_table(tmp_path / "t.csv.gz")
        except DataError:
            continue
        assert table.num_rows == 4000  # a bit of the header that says nothing


@pytest.mark.parametrize("parts", [False, True])
def test_a_flipped_bit_of_our_parquet_never_gives_other_data(tmp_path, parts):
    path = tmp_path / "t.parquet"
    if parts:
        write_tables([TABLE.slice(0, 2000), TABLE.slice(2000)], path)
    else:
        write_table(TABLE, path)
    for altered in flips(path.read_bytes(), 300, 2):
        (tmp_path / "f.parquet").write_bytes(altered)
        try:
            table = read_parquet(tmp_path / "f.parquet")
        except DataError:
            continue
        assert table.num_rows == TABLE.num_rows
        for name, column in zip(table.column_names, table.columns, strict=True):
            if name in TABLE.column_names:
                assert column.to_pylist() == TABLE.column(name).to_pylist()
