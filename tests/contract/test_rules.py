"""Rules in Python: every model, every rule, in one list; what the answer says; pages that repeat nothing."""

import datetime
import hashlib
import json

import numpy as np
import pyarrow as pa
import pytest

import dualnet
from dualnet import Boost, Pin, Quota, Rules, UsageError, Which, Window
from dualnet.data.kinds import comparable
from dualnet.errors import DataError
from dualnet.retrieval.item_columns import ItemColumns
from dualnet.retrieval.pages import page_token, shown_before
from dualnet.retrieval.questions import RecommendQuestion
from dualnet.serve.catalogue import open_catalogue
from dualnet.serve.replies import ModelLabel

N = 30


def table(first, last):
    numbers = range(first, last)
    return pa.table({
        "item_id": [f"i{k:02}" for k in numbers],
        "title": [f"{['red', 'blue', 'green'][k % 3]} {['wine', 'hat', 'boat', 'song'][k % 4]}" for k in numbers],
        "genre": [["comedy", "drama", "war"][k % 3] for k in numbers],
        "author": [None if k % 11 == 0 else f"a{k % 4}" for k in numbers],
        "tags": [["sea", "sea"] if k % 5 == 0 else ["sea", "war"] if k % 2 else [] for k in numbers],
        "year": pa.array([None if k == 7 else 1990 + k for k in numbers], pa.int64()),
        "opened": [f"{2000 + k}-01-01" for k in numbers],
        "released": [datetime.datetime(2000 + k, 1, 1) for k in numbers],
        "begins": [None if k % 3 else datetime.datetime(2030 if k == 3 else 2001, 1, 1) for k in numbers],
        "ends": [datetime.datetime(2020, 1, 1) if k == 4 else None for k in numbers],
    })  # fmt: skip


EVENTS = pa.table({"user_id": [f"u{k % 9}" for k in range(90)], "item_id": [f"i{(k * 7 + k // 9) % N:02}" for k in range(90)]})


@pytest.fixture(scope="module")
def models():
    data = dualnet.Dataset.from_tables(EVENTS, table(0, N), text="title", categories=["genre"], tags="tags")
    made = {
        "profile": dualnet.ContentProfile().fit(data),
        "wmf": dualnet.WMF(factors=6, iterations=4).fit(data),
        "popularity": dualnet.Popularity().fit(data),
        "knn": dualnet.ItemKNN().fit(data),
        "ease": dualnet.EASE().fit(data),
        "lsa": dualnet.LsaProfile(width=5).fit(data),
    }
    made["profile"].add_items(table(N, N + 6))
    return made


def served(model):
    """A function that answers a question as a server does, whose catalogue knows an id in any form."""
    catalogue = open_catalogue(model, ModelLabel("model", "0"))

    def ask(question):
        (found,) = model._answering()(catalogue, [question])
        if isinstance(found, Exception):
            raise found
        return found

    return ask


pytestmark = pytest.mark.filterwarnings("ignore:k=.* is more than:dualnet.DualNetWarning")
NAMES = ["profile", "wmf", "popularity", "knn", "ease", "lsa"]
COLUMNS = {
    name: dict(zip(table(0, N + 6)["item_id"].to_pylist(), table(0, N + 6)[name].to_pylist(), strict=True))
    for name in table(0, 1).column_names
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("who", [{"user": "u1"}, {"history": ["i03", "i08"]}, {"history": [], "fallback": "popularity"}])
def test_every_model_takes_every_rule(models, name, who):
    model = models[name]
    plain = model.recommend(**who, k=20)
    best = plain.ids
    rules = Rules(
        pin=[Pin(item=best[9], place=2)],
        hide=[Which(items=[best[0]])],
        quotas=[Quota(each="author", at_most=2), Quota(where={"genre": {"is": "war"}}, at_least=2)],
        diversity=0.2,
    )
    found = model.recommend(**who, k=6, rules=rules)
    assert found.ids[1] == best[9]
    assert found.rules[1] == ["pin: place 2"]
    assert best[0] not in found.ids
    assert found.resolved == plain.resolved
    authors = [COLUMNS["author"][key] for key in found.ids]
    assert max(authors.count(one) for one in set(authors) - {None}) <= 2
    assert sum(COLUMNS["genre"][key] == "war" for key in found.ids) >= 2
    assert len(found) == len(found.rules) == 6
    assert [entry["score_rank"] for entry in found.to_json()["items"]] == found.ruled.score_ranks


@pytest.mark.parametrize("name", NAMES)
def test_rules_without_effect_change_nothing(models, name):
    plain = models[name].recommend("u2", k=12)
    for rules in ({}, {"diversity": 0}, {"pin": []}, Rules(), {"hide": [{"items": ["i00"], "kind": "new"}]}):
        found = models[name].recommend("u2", k=12, rules=rules)
        assert (found.ids, found.scores) == (plain.ids, plain.scores)
        assert found.ruled is None
    ruled = models[name].recommend("u2", k=12, rules={"quotas": [{"each": "author", "at_most": 99}]})
    assert ruled.ids == plain.ids
    assert ruled.ruled.score_ranks[0] == 1


def test_columns_that_are_kept_have_an_end(models, monkeypatch):
    columns = ItemColumns(table(0, N), ["year", "opened", "released"], comparable)
    monkeypatch.setattr("dualnet.retrieval.item_columns.KEPT_BYTES", 2 * 8 * N)
    wanted = {name: columns.numbers(name) for name in ("year", "opened", "released", "year")}
    assert len(columns._kept) == 2
    for name, values in wanted.items():
        assert np.array_equal(columns.numbers(name), values, equal_nan=True)


def test_boosts_add_standard_deviations_of_the_scores(models):
    model = models["wmf"]
    everything = model.recommend("u1", k=40, filter_seen=False)
    scores = dict(everything)
    spread = np.std(list(scores.values()))
    rules = Rules(
        boost=[Boost(where={"genre": {"is": "war"}}, weight=1.5), Boost(column="year", weight=-2, low=2000, high=2010)]
    )
    found = model.recommend("u1", k=40, filter_seen=False, rules=rules)

    def value(key):
        year = COLUMNS["year"][key]
        share = 0 if year is None else min(max((year - 2000) / 10, 0), 1)
        return scores[key] + spread * (1.5 * (COLUMNS["genre"][key] == "war") - 2 * share)

    assert found.ids == sorted(scores, key=lambda key: -value(key))
    by = dict(zip(found.ids, found.rules, strict=True))
    assert by["i02"] == ["boost +1.5: genre is war"]
    assert by["i07"] == []  # no year, a drama


@pytest.mark.parametrize(
    ("ends", "share"),
    [({"low": 2500}, 0), ({"high": 1500}, 1), ({"low": 2500, "high": 2600}, 0), ({"low": 1400, "high": 1500}, 1)],
)
def test_a_scale_beyond_all_values_gives_all_or_nothing(models, ends, share):
    rules = {"boost": [{"column": "year", "weight": 50, **ends}]}
    plain = models["profile"].recommend("u1", k=40, only="known")
    found = models["profile"].recommend("u1", k=40, only="known", rules=rules)
    boosted = {key for key, by in zip(found.ids, found.rules, strict=True) if by}
    assert boosted == ({key for key in plain.ids if COLUMNS["year"][key] is not None} if share else set())
    assert [key for key in found.ids if key in boosted] == [key for key in plain.ids if key in boosted]


@pytest.mark.parametrize("column", ["year", "released", "opened"])
@pytest.mark.parametrize("ends", [{}, {"low": 2005}, {"low": "2005-01-01", "high": "2025"}])
def test_number_columns_and_dates_boost(models, column, ends):
    if column != "year" and ends:
        ends = {name: f"{str(value)[:4]}-01-01" for name, value in ends.items()}
    elif ends:
        ends = {name: int(str(value)[:4]) for name, value in ends.items()}
    rules = {"boost": [{"column": column, "weight": 50, **ends}]}
    found = models["profile"].recommend("u1", k=3, rules=rules, only="known")
    values = [COLUMNS[column][key] for key in found.ids if COLUMNS[column][key] is not None]
    assert len(values) == 3
    assert min(values) >= sorted(value for key, value in COLUMNS[column].items() if key < "i30" and value is not None)[-12]


def test_quotas_of_new_items_and_of_lists(models):
    model = models["profile"]
    for least in (1, 3):
        found = model.recommend(
            "u1", k=5, rules={"quotas": [{"kind": "new", "at_least": least}, {"kind": "known", "at_least": 2}]}
        )
        assert sum(path == "content" for path in found.paths) >= least
    found = model.recommend("u1", k=20, rules={"quotas": [{"each": "tags", "at_most": 2}]})
    tags = [tag for key in found.ids for tag in set(COLUMNS["tags"][key])]
    assert max(tags.count(tag) for tag in ("sea", "war")) <= 2
    shared = model.recommend("u1", k=10, new_share=0.3, rules={"quotas": [{"each": "author", "at_most": 10}]})
    assert shared.ids == model.recommend("u1", k=10, new_share=0.3).ids
    brought = model.recommend(
        "u1", k=5, new_items=table(40, 44), rules={"pin": [{"item": "i41", "place": 1}], "diversity": 0.4}
    )
    assert brought.ids[0] == "i41"


def test_windows_are_looked_at_when_the_question_is_answered(models):
    model = models["profile"]
    everything = {"k": 40, "filter_seen": False}
    now = model.recommend("u1", **everything, rules=Rules(window=Window(starts="begins", ends="ends"))).ids
    assert set(model.recommend("u1", **everything).ids) - set(now) == {"i03", "i04"}
    then = model.recommend(
        "u1", **everything, rules={"window": {"from": "begins", "until": "ends", "now": "2019-12-31T23:59:59Z"}}
    ).ids
    assert "i04" in then
    edge = model.recommend("u1", **everything, rules={"window": {"until": "ends", "now": "2020-01-01T01:00:00+01:00"}}).ids
    assert "i04" not in edge
    later = model.recommend("u1", **everything, rules={"window": {"from": "begins", "now": "2030-01-01"}}).ids
    assert "i03" in later
    early = model.recommend("u1", **everything, rules={"window": {"from": "begins", "now": "2000-12-31T23:00:00-02:00"}}).ids
    assert "i00" in early


@pytest.mark.parametrize(
    "rules", [None, {"quotas": [{"each": "author", "at_most": 2}]}, {"diversity": 0.5}, {"pin": [{"item": "i20", "place": 7}]}]
)
def test_pages_repeat_nothing_and_end(models, rules):
    model, page, seen, pages = models["profile"], "", [], 0
    while page is not None:
        found = model.recommend("u1", k=4, rules=rules, page=page)
        assert not set(found.ids) & set(seen)
        seen += found.ids
        page = found.next_page
        pages += 1
        assert pages < 20
    if rules is None or "quotas" not in rules:
        assert set(seen) == set(model.recommend("u1", k=N + 6 - 10).ids)
    if rules and "pin" in rules:
        assert seen[6] == "i20"
    if rules is None:
        assert seen == model.recommend("u1", k=len(seen)).ids
    assert model.recommend("u1", k=4).to_json().keys() == {"resolved", "ignored", "items"}
    similar = model.similar_items("i05", k=3, page="", rules=rules)
    assert not set(similar.ids) & set(model.similar_items("i05", k=3, page=similar.next_page, rules=rules).ids)


@pytest.mark.parametrize(
    "token", ["x", "1.", "1.AAAA", "2.eJyLjgUAARUAuQ", page_token(["a"])[:-2], page_token(["a"]) + "A", "é", "1." + "A" * 99]
)
def test_a_token_that_is_none_is_refused(models, token):
    with pytest.raises(UsageError, match="is no page of a list"):
        models["profile"].recommend("u1", page=token)


@pytest.mark.parametrize("ids", [[], ["a", "b,c", "é"], [1, -5, 2**62], ["x" * 5000] * 3])
def test_tokens_hold_ids(ids):
    assert shown_before(page_token(ids)) == ids
    assert page_token(["a"] * 20_000) is None
    long = [hashlib.sha512(str(number).encode()).hexdigest() for number in range(9_000)]
    assert page_token(long) is None  # no server would take it in a request
    assert len(page_token(long[:5_000])) < 2**19


BAD = [
    ({"boots": []}, "Did you mean 'boost'"),
    ({"pin": [{"item": "a"}]}, "needs 'place'"),
    ({"pin": [{"item": "a", "place": 0}]}, "whole number from 1"),
    ({"pin": [{"item": "a", "place": True}]}, "whole number from 1"),
    ({"pin": [{"item": "i01", "place": 1}, {"item": "i02", "place": 1}]}, "two pins have the place 1"),
    ({"pin": [{"item": "i01", "place": 1}, {"item": "i01", "place": 2}]}, "two pins have the item"),
    ({"hide": [{}]}, "leaves no list"),
    ({"hide": {"items": ["a"]}}, "list of rules"),
    ({"hide": [{"items": "a"}]}, "list of ids"),
    ({"quotas": [{"kind": "new"}]}, "needs at_least or at_most"),
    ({"quotas": [{"at_least": 1}]}, "which items it counts"),
    ({"quotas": [{"kind": "new", "at_least": 5, "at_most": 4}]}, "cannot be met"),
    ({"quotas": [{"each": "author", "at_least": 1}]}, "does not go with each"),
    ({"quotas": [{"kind": "new", "at_least": 5}]}, "calls for at least 5 items, but k is 4"),
    ({"quotas": [{"kind": "fresh", "at_least": 1}]}, "'known' or 'new'"),
    ({"quotas": [{"each": "autor", "at_most": 1}]}, "there is no item column 'autor'"),
    ({"boost": [{"column": "title", "weight": 1}]}, "no column of numbers or dates"),
    ({"boost": [{"column": "tags", "weight": 1}]}, "no column of numbers or dates"),
    ({"boost": [{"column": "year", "weight": "1"}]}, "must be a number"),
    ({"boost": [{"column": "year", "weight": float("nan")}]}, "must be a number"),
    ({"boost": [{"column": "year", "weight": 10**400}]}, "must be a number"),
    ({"diversity": float("inf")}, "number from 0 to 1"),
    ({"boost": [{"column": "year", "weight": 1, "low": 10**400}]}, "does not fit the column"),
    ({"boost": [{"column": "opened", "weight": 1, "low": "2005"}]}, "does not fit the column"),
    ({"boost": [{"column": "year", "weight": 1, "low": "soon"}]}, "does not fit the column"),
    ({"boost": [{"column": "year", "weight": 1, "low": 5, "high": 5}]}, "low must be below high"),
    ({"boost": [{"weight": 1}]}, "which items it is for"),
    ({"boost": [{"where": {"gendre": {"is": "war"}}, "weight": 1}]}, "there is no item column 'gendre'"),
    ({"diversity": 2}, "number from 0 to 1"),
    ({"diversity": "0.5"}, "number from 0 to 1"),
    ({"among": 0}, "whole number from 1"),
    ({"window": {}}, "needs the column 'from'"),
    ({"window": {"form": "begins"}}, "Did you mean 'from'"),
    ({"window": {"from": "begins", "now": "tomorrow"}}, "as ISO text such as"),
    ({"window": {"from": "genre"}}, "no column of numbers or dates"),
    ([], "must be an object"),
    ({"pin": [{"item": f"i{k}", "place": k + 1} for k in range(99)]}, "at most 50"),
    ({"quotas": [{"items": ["i01"], "at_most": 1}] * 21}, "at most 20"),
    ({"quotas": [{"items": ["i01"], "at_least": 1}] * 9}, "at most 8"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "told"), BAD, ids=[told for _, told in BAD])
def test_rules_that_mean_nothing_are_refused(models, rules, told):
    with pytest.raises((UsageError, DataError), match=told):
        models["profile"].recommend("u1", k=4, rules=rules)


def test_what_could_not_be_done_is_said(models):
    model = models["profile"]
    taken = model.recommend("u1", k=40).ids
    seen = next(key for key in COLUMNS["title"] if key not in taken)
    rules = {
        "pin": [{"item": seen, "place": 1}, {"item": "nowhere", "place": 2}],
        "quotas": [
            {"items": taken[:2], "at_least": 3},
            {"where": {"genre": {"any": ["war", "comedy", "drama"]}}, "at_most": 3},
        ],
    }
    with pytest.warns(dualnet.DualNetWarning, match="the items that may be listed allow 2 only"):
        found = model.recommend("u1", k=5, rules=rules)
    assert len(found) == 3
    assert found.ignored == ["nowhere"]
    assert [text.split(":")[0] for text in found.unmet] == ["pin", "pin", "at least 3", "the list ends after 3 of 5 places"]
    assert "not met" in str(found)
    assert found[:2].to_json()["unmet"] == found.unmet


def test_rules_survive_json_and_joining():
    rules = Rules(
        boost=[Boost(column="year", weight=1, low="1990-01-01"), Boost(items=["a"], weight=-1, name="less of it")],
        pin=[Pin(item=5, place=2)], hide=[Which(kind="new")], quotas=[Quota(each="author", at_most=3)],
        diversity=0.3, among=50, window=Window(starts="from", now="2020-01-01"),
    )  # fmt: skip
    assert Rules.from_json(rules.to_json()) == rules
    assert Rules.from_json({}) == Rules()
    both = rules.joined(Rules(pin=[Pin(item=6, place=1)], diversity=0.5))
    assert [pin.item for pin in both.pin] == [5, 6]
    assert (both.diversity, both.among, both.window) == (0.5, 50, rules.window)
    assert (rules.joined(Rules(among=70)).diversity, rules.joined(Rules(among=70)).among) == (0.3, 70)
    with pytest.raises(UsageError, match="two pins"):
        rules.joined(rules)


def test_many_users_have_the_lists_of_one(models):
    rules = {"quotas": [{"each": "author", "at_most": 2}], "diversity": 0.3}
    model = models["wmf"]
    users = list(model.users_)
    lists = model.recommend(users, k=5, rules=rules)
    quotas, profile = {"quotas": rules["quotas"]}, models["profile"]  # near ties of WMF round as the batch is
    together = profile.recommend(users, k=5, rules=quotas)
    assert [found.scores for found in together] == [
        pytest.approx(profile.recommend(user, k=5, rules=quotas).scores) for user in users
    ]
    rows = model.recommend_all(k=5, rules=rules)
    assert [row["item"] for row in rows] == [key for found in lists for key in found.ids]
    with pytest.raises(UsageError, match="one user or history"):
        model.recommend(users, page="")


def test_the_command_line_reads_the_same_rules(models, tmp_path, capsys):
    from dualnet.cli import main

    models["wmf"].save(tmp_path / "model")
    (tmp_path / "home.toml").write_text(
        'diversity = 0.3\n[[quotas]]\neach = "author"\nat_most = 2\n[[hide]]\nitems = ["i02"]\n'
    )
    command = ["recommend", str(tmp_path / "model"), "--user", "u1", "-k", "5", "--rules", str(tmp_path / "home.toml")]
    assert main([*command, "--pin", "2=i20", "--hide", "i03", "--json"]) == 0
    rules = Rules.from_json(
        {
            "diversity": 0.3,
            "quotas": [{"each": "author", "at_most": 2}],
            "hide": [{"items": ["i02", "i03"]}],
            "pin": [{"item": "i20", "place": 2}],
        }
    )
    assert json.loads(capsys.readouterr().out) == json.loads(
        json.dumps(models["wmf"].recommend("u1", k=5, rules=rules).to_json())
    )
    assert main(command) == 0
    assert "by score]" in capsys.readouterr().out
    for more, told in (
        (["--pin", "i20"], "PLACE=ITEM"), (["--diversity", "3"], "number from 0 to 1"), (["--rules", "no.toml"], "no.toml"),
        (["--pin", "0=i20"], "from 1"), (["--pin", "1=i20,i21"], "names 2 items for one place"),
    ):  # fmt: skip
        assert main([*command, *more]) in (2, 3)
        assert told in capsys.readouterr().err
    (tmp_path / "home.toml").write_text("diversity = \n")
    assert main(command) == 3
    (tmp_path / "home.toml").write_text("[[boots]]\n")
    assert main(command) == 2
    assert "home.toml: there is no rule 'boots'. Did you mean 'boost'" in capsys.readouterr().err


def test_ids_of_a_file_are_read_as_those_of_the_items(tmp_path):
    from dualnet.cli.rule_options import RuleOptions

    (tmp_path / "r.toml").write_text('[[pin]]\nitem = "7"\nplace = 1\n[[hide]]\nitems = [8, "9"]\n')
    found = RuleOptions(rules=tmp_path / "r.toml", hide="10").read(dualnet.IdMap([7, 8, 9]))
    assert found.pin[0].item == 7
    assert [list(which.items) for which in found.hide] == [[8, 9], [10]]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9, 1.0, "1", "1000", "1000000000"])
def test_windows_of_numbers_are_read_by_their_size(unit):
    starts = [1_577_836_800 * int(unit), 1_893_456_000 * int(unit)]
    starts = [str(one) for one in starts] if isinstance(unit, str) else [type(unit)(one) for one in starts]
    table = pa.table({"item_id": ["a", "b", "c"], "title": ["red hat", "red boat", "hat boat"], "from": [*starts, None]})
    data = dualnet.Dataset.from_tables(pa.table({"user_id": ["u", "v", "w"], "item_id": ["a", "b", "c"]}), table, text="title")
    model = dualnet.ContentProfile().fit(data)
    for now, there in (("2019-12-31", {"c"}), ("2020-01-01", {"a", "c"}), ("2031-01-01", {"a", "b", "c"})):
        rules = {"window": {"from": "from", "now": now}}
        assert set(model.recommend(history=["a"], filter_seen=False, k=9, rules=rules).ids) == there


@pytest.mark.parametrize("other", ["i20", " i20", "i20\t"])
def test_one_item_has_one_pin_however_its_id_is_written(models, other):
    rules = {"pin": [{"item": "i20", "place": 1}, {"item": other, "place": 3}]}
    with pytest.raises(UsageError, match="two pins have the item"):
        served(models["wmf"])(RecommendQuestion(user="u1", k=4, rules=rules))
