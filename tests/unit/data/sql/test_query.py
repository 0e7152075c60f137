"""One statement, its parameters, and positions that lead back to the file."""

from pathlib import Path

import pytest

from dualnet.data.sql.query import Query
from dualnet.errors import DataError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT 1", ()),
        ("SELECT a FROM t WHERE b >= :since AND c < :until AND d >= :since", ("since", "until")),
        ("SELECT a::text, :n::int FROM t", ("n",)),
        ("SELECT ':no', \":no\", `:no`, 'it''s :no', E'\\':no' -- :no\n, /* :no ; */ :yes", ("yes",)),
        ("SELECT $$ :no ; $$, $x$ :no $$ ; $x$, :yes", ("yes",)),
        ("SELECT arr[1:2], arr[:2]", ()),
    ],
)
def test_parameters_are_found_in_code_alone(text, names):
    assert Query(text, "q.sql").parameters == names


@pytest.mark.parametrize(
    "text", ["SELECT 1;", "SELECT 1 ; -- done\n", "SELECT 1;;\n/* the end */", "SELECT ';'", "SELECT 1 -- a; b"]
)
def test_one_statement_may_end_with_a_semicolon(text):
    assert Query(text, "q.sql").text.startswith("SELECT")
    assert not Query(text, "q.sql").text.endswith(";")


@pytest.mark.parametrize("text", ["SELECT 1; DROP TABLE t", "SELECT ';'; SELECT 2;", "COMMIT; DELETE FROM t"])
def test_a_second_statement_is_refused(text):
    with pytest.raises(DataError, match="q.sql holds more than one statement"):
        Query(text, "q.sql")


@pytest.mark.parametrize("text", [";", "-- nothing\n", "/* nothing */ ;"])
def test_no_statement_is_refused(text):
    with pytest.raises(DataError, match="q.sql holds no statement"):
        Query(text, "q.sql")


def test_positions_lead_back_to_the_file():
    query = Query("SELECT *\nFROM t WHERE a = :a_long_name AND bad = :b AND 1", "q.sql")
    order = {}
    statement, original = query.written(lambda name: order.setdefault(name, f"${len(order) + 1}"))
    assert statement == "SELECT *\nFROM t WHERE a = $1 AND bad = $2 AND 1"
    for word in ("SELECT", "FROM", "bad", "AND 1"):
        assert query.text[original(statement.index(word)) :].startswith(word)
    assert query.at(query.text.index("bad")) == "q.sql, line 2, column 35"


def test_a_reading_statement_is_known_behind_remarks_and_brackets():
    assert Query("-- why\n/* how */ (select 1)", "q").reads
    assert not Query("DELETE FROM t", "q").reads
    assert not Query("(", "q").reads


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "q.sql is empty"),
        (b"SELECT '\xff'", "byte 0xff"),
        (b"SELECT 1\0", "NUL bytes"),
        (b"S" * (2**20 + 1), "1,048,577 bytes"),
    ],
)
def test_bad_files(tmp_path, content, text):
    path = tmp_path / "q.sql"
    path.write_bytes(content)
    with pytest.raises(DataError, match=text):
        Query.of(path, "events")


def test_a_missing_file_is_named_and_text_is_text():
    with pytest.raises(DataError, match=r"the events query nowhere.sql cannot be read: No such file"):
        Query.of(Path("nowhere.sql"), "events")
    assert Query.of("SELECT 1", "events").place == "the events query"
