"""From ratings and event types of tables to likes and other events, and back."""

import warnings

import pandas as pd
import pytest

from dualnet import ContentProfile, Dataset, ItemKNN
from dualnet.data.check import check_dataset
from dualnet.data.event_types import say_events
from dualnet.data.event_weights import DISLIKE, SEEN
from dualnet.data.tables import dataset_tables
from dualnet.errors import DataError, DualNetWarning, UsageError
from dualnet.ids import IdMap
from dualnet.models.new_tables import read_new_pairs

RATED = "user_id,item_id,rating\nann,x,5\nann,y,2\nbob,y,4\nbob,z,\neve,z,1\n"
TYPED = "user_id,item_id,what,time\nann,x,like,5\nann,y,dislike,6\nbob,y,like,7\nbob,z,seen,8\n"
ITEMS = "item_id,title\nx,one\ny,two\nz,three\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="events.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def kinds(data):
    found = data.interactions
    rows, columns = found.others.pairs()
    names = zip(found.users.take(rows), found.items.take(columns), strict=True)
    return dict(zip(names, found.others.kinds.data.tolist(), strict=True))


def test_ratings_below_the_threshold_are_dislikes_and_missing_ones_were_seen(file):
    with pytest.warns(DualNetWarning, match=r"events.csv: 1 of 5 events have no rating; they count as seen, not as likes"):
        data = Dataset.from_tables(file(RATED), rating="rating", threshold=4)
    assert data.interactions.n_pairs == 2
    assert kinds(data) == {("ann", "y"): DISLIKE, ("bob", "z"): SEEN, ("eve", "z"): DISLIKE}
    assert list(data.interactions.users) == ["ann", "bob", "eve"]  # who likes nothing is there too
    assert say_events(data.interactions, 4) == (
        "2 likes; beside them 2 dislikes (ratings below 4) and 1 view, never listed to the same user again"
    )


def test_a_data_frame_says_the_same_as_its_file(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DualNetWarning)
        read = Dataset.from_tables(file(RATED), rating="rating", threshold=4)
        given = Dataset.from_tables(pd.read_csv(file(RATED)), rating="rating", threshold=4)
    assert given.fingerprint() == read.fingerprint()


def test_a_column_of_event_types(file):
    data = Dataset.from_tables(file(TYPED), event="what", time="time")
    assert data.interactions.n_pairs == 2
    assert kinds(data) == {("ann", "y"): DISLIKE, ("bob", "z"): SEEN}
    assert data.interactions.others.times.tolist() == [6, 8]


def test_what_is_no_event_type_is_named_with_its_line_and_the_remedy(file):
    with pytest.raises(
        DataError,
        match=r"events.csv, line 3: 'dislikes' in column 'what' is no event type; an event is one of like, seen, dislike:"
        r" rename the value, leave the row out, or say which values are likes with likes= \(--likes\). Did you mean 'dislike'\?",
    ):
        Dataset.from_tables(file(TYPED.replace("y,dislike", "y,dislikes")), event="what")
    with pytest.raises(DataError, match="line 2: '' in column 'what'"):
        Dataset.from_tables(file(TYPED.replace("x,like", "x,")), event="what")
    with pytest.raises(UsageError, match="by a rating or by a type, not by both"):
        Dataset.from_tables(file(TYPED), event="what", rating="time", threshold=4)
    with pytest.raises(DataError, match=r"no event column 'kind'.*\(--event-column on the command line\)"):
        Dataset.from_tables(file(TYPED), event="kind")
    with pytest.raises(DataError, match="no event in column 'what' is a like"):
        Dataset.from_tables(file("user_id,item_id,what\nann,x,seen\n"), event="what")


def test_other_events_of_items_without_a_row_are_no_reason_to_refuse(file):
    items = file(ITEMS.replace("z,three\n", ""), "items.csv")
    for missing in ("error", "zero", "drop"):
        data = Dataset.from_tables(file(TYPED), items, text="title", event="what", missing_content=missing)
        assert kinds(data) == {("ann", "y"): DISLIKE}
        assert list(data.interactions.items) == ["x", "y"]


def test_tables_and_back(file):
    data = Dataset.from_tables(file(TYPED), file(ITEMS, "items.csv"), text="title", event="what", time="time")
    tables = dataset_tables(data)
    assert sorted(tables["events"].column("type").to_pylist()) == ["dislike", "like", "like", "seen"]
    again = Dataset.from_tables(tables["events"], tables["items"], text="title", event="type", time="time")
    assert again.fingerprint() == data.fingerprint()
    plain = Dataset.from_tables(file(TYPED), time="time")
    assert "type" not in dataset_tables(plain)["events"].column_names


def test_new_rows_may_hold_no_like_at_all(file):
    found = read_new_pairs(
        file("user_id,item_id,rating\nann,x,1\n"), IdMap(["ann"]), IdMap(["x"]), rating="rating", threshold=4
    )
    assert found.n_pairs == 0
    assert found.others.n_disliked == 1


def test_a_model_says_how_many_it_keeps(file):
    model = ContentProfile().fit(Dataset.from_tables(file(TYPED), file(ITEMS, "items.csv"), text="title", event="what"))
    assert (model.info_["disliked"], model.info_["seen"]) == (1, 1)
    assert "disliked" not in ItemKNN().fit(Dataset.from_tables(file(TYPED))).info_


def test_a_check_tells_who_has_no_event_from_who_has_no_like(file):
    items = file(ITEMS + "w,four\n", "items.csv")
    events = file(RATED + "joe,x,1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DualNetWarning)
        data = Dataset.from_tables(events, items, text="title", rating="rating", threshold=4)
    found = {finding.code: finding.count for finding in check_dataset(data).findings}
    assert found["users-without-likes"] == 2  # eve and joe
    assert "users-without-events" not in found
    assert (found["items-without-likes"], found["items-without-events"]) == (1, 1)  # z was seen, nobody ever saw w


def test_a_list_where_an_event_type_is_wanted_is_refused(file):
    frame = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "what": [["like"], ["seen"]]})
    with pytest.raises(
        DataError, match=r"\['like'\] in column 'what' is no event type; an event is one of like, seen, dislike"
    ):
        Dataset.from_tables(frame, event="what")


@pytest.mark.parametrize(
    ("values", "likes"),
    [
        ([1, 0, 1], "1"),
        ([1.0, 0.0, 1.0], "1"),
        ([1.0, None, 1.0], 1),
        (["1", "1.5", " 1 "], "1.0"),
        ([True, False, True], "true"),
        (["TRUE", "no", "true"], "True"),
        (["buy", "Buy", " buy"], " buy "),
    ],
)
def test_words_for_likes_are_the_same_in_every_type_of_table(values, likes):
    table = pd.DataFrame({"user_id": ["a", "b", "c"], "item_id": ["x", "y", "z"], "what": values})
    read = Dataset.from_tables(table, event="what", likes=likes).interactions
    assert read.users.take(read.pairs()[0]) == ["a", "c"]
