"""Rows 4, 5, 9 to 12, 27 to 30, 32 and 64: questions, arrays, parameters and configurations that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .case import EVENTS, Case, config, question, table


def asked(row: int, what: str, policy: Any, told: str, options: list[str], body: Any, **wanted: Any) -> Case:
    """Return a case of a question for recommendations by library, command line and HTTP."""
    return question(
        row, what, policy, told, ask=lambda model: model.recommend(**wanted),
        command=["recommend", "model", *options], request=("POST", "/v1/recommend", body),
    )  # fmt: skip


def pairs(row: int, what: str, policy: Any, told: str, matrix: Callable[[], Any], n: int = 2) -> Case:
    """Return a case of a matrix that is given as interactions, and fitted where it is taken."""

    def library() -> object:
        from dualnet import Dataset, IdMap, Interactions, create

        made = matrix()
        ids = IdMap([f"x{k}" for k in range(n)])
        return create("item-knn").fit(Dataset(Interactions(ids, ids, made)))

    return Case(row, what, policy, told, {}, library)


def rows(row: int, what: str, users: Any, items: Any) -> Case:
    """Return a case of row numbers that are refused."""

    def library() -> object:
        from dualnet import IdMap, Interactions

        return Interactions.from_rows(IdMap(["a", "b"]), IdMap(["c", "d"]), users, items)

    return Case(row, what, "refused", "", {}, library)


def csr(data: Any, indices: Any, indptr: Any, kind: str = "f4", shape: tuple[int, int] = (2, 2)) -> Callable[[], Any]:
    """Return what makes a matrix without the checks of its own constructor."""

    def made() -> Any:
        import numpy as np
        from scipy.sparse import csr_array

        matrix = csr_array(shape, dtype=kind)
        matrix.data, matrix.indices, matrix.indptr = np.array(data, kind), np.array(indices), np.array(indptr)
        return matrix

    return made


def whole(form: str) -> Callable[[], Any]:
    """Return what makes the same small matrix in another form."""

    def made() -> Any:
        import numpy as np
        import scipy.sparse as sp

        dense = np.array([[1, 1], [1, 0]], "f4")
        if form in ("bool", "float16", "float64", "int8", "object"):
            return sp.csr_array(dense.astype(form)) if form != "float16" else csr([1, 1, 1], [0, 1, 0], [0, 2, 3], "f2")()
        if form == "read-only":
            matrix = sp.csr_array(dense)
            for part in (matrix.data, matrix.indices, matrix.indptr):
                part.flags.writeable = False
            return matrix
        return {"csc": sp.csc_array, "coo": sp.coo_array, "lil": sp.lil_array, "csr_matrix": sp.csr_matrix}[form](dense)

    return made


def tables(text: str) -> str:
    """Return a configuration with these lines behind its data."""
    return f'[data]\nsource = "events.csv"\n{text}\n'


def setting(told: str, name: str, value: str, model: str = "wmf") -> Case:
    """Return a case of a parameter: in the library as TOML reads it, and with ``--set``."""

    def library() -> object:
        from dualnet import Dataset
        from dualnet.config import build_model, parse_settings

        return build_model(model, parse_settings([f"{name}={value}"]), "here").fit(Dataset.from_tables("events.csv"))

    row = 64 if name not in ("a", "b") else 4 if value == "0" else 5
    command = ["fit", "events.csv", "--model", model, f"--set={name}={value}", "--out", "run"]
    return Case(row, f"{model} {name}={value[:20]}", "refused", told, {"events.csv": EVENTS}, library, command)


QUESTIONS = [
    asked(9, "an unknown item in the history", "refused", "zz", ["--history", "zz"], {"history": ["zz"]}, history=["zz"]),
    asked(9, "the same, to be ignored", "accepted", "", ["--history", "zz,i01", "--unknown", "ignore"], {"history": ["zz", "i01"], "unknown": "ignore"}, history=["zz", "i01"], unknown="ignore"),
    asked(9, "a policy that there is not", "refused", "unknown|ignore", ["--history", "i01", "--unknown", "skip"], {"history": ["i01"], "unknown": "skip"}, history=["i01"], unknown="skip"),
    *(asked(9, f"an item id {value!r:.20}", "refused", "", ["--history", str(value)], {"history": [value]}, history=[value]) for value in ("x" * 10_000, "../../etc/passwd", "%2e%2e", "i01'--", "\u202ei01", 10**30, -1)),
    *(question(9, f"an item of another kind: {value!r}", "refused", "", ask=lambda model, v=value: model.recommend(history=[v]), request=("POST", "/v1/recommend", {"history": [value]})) for value in (True, 1.5, None, [], {}, ["i01"])),
    asked(10, "an unknown user", "refused", "nobody", ["--user", "nobody"], {"user": "nobody"}, user="nobody"),
    question(10, "an unknown user in a path", "refused", "nobody", request=("GET", "/v1/users/nobody/history", None)),
    question(10, "an unknown item in a path", "refused", "zz", request=("DELETE", "/v1/items/zz", None)),
    question(11, "a user without a history", "refused", "empty", ask=lambda model: model.recommend(history=[], fallback="error"), request=("POST", "/v1/recommend", {"history": []})),
    asked(11, "nobody at all", "refused", "", [], {}),
    asked(11, "a user and a history", "refused", "", ["--user", "u01", "--history", "i01"], {"user": "u01", "history": ["i01"]}, user="u01", history=["i01"]),
    question(32, "k of 10^9", "warned", "only|more than", ask=lambda model: model.recommend(user="u01", k=10**9), command=["recommend", "model", "--user", "u01", "-k", "1000000000"]),
    question(32, "k of 10^9 over HTTP", "refused", "k", request=("POST", "/v1/recommend", {"user": "u01", "k": 10**9})),
    *(asked(32, f"k of {k}", "refused", "k", ["--user", "u01", "-k", k], {"user": "u01", "k": float(k) if "." in k else int(k)}, user="u01", k=float(k) if "." in k else int(k)) for k in ("0", "-1", "1.5", "-1000000000000000000000000000000")),
    *(question(32, f"k of {k!r}", "refused", "k", ask=lambda model, k=k: model.recommend(user="u01", k=k), request=("POST", "/v1/recommend", {"user": "u01", "k": k})) for k in ("3", True, None, [3], {})),
    *(question(32, f"k of {k.decode()} in JSON", "refused", "", request=("POST", "/v1/recommend", b'{"user": "u01", "k": %s}' % k)) for k in (b"NaN", b"Infinity", b"1e999", b"9" * 5000, b"-0.0")),
]  # fmt: skip


def held_out() -> object:
    """Evaluate users all of whose items are held out."""
    import numpy as np
    from scipy.sparse import csr_array

    from dualnet import Dataset, Interactions, RankingTask, create, evaluate

    data = Dataset(Interactions.from_pairs(["u1", "u1", "u2"], ["i1", "i2", "i1"]))
    model = create("popularity").fit(data)
    inter = data.interactions
    task = RankingTask(
        "known-known", inter.users, inter.items, history=csr_array((2, 2), dtype="f4"), seen=csr_array((2, 2), dtype="f4"),
        candidates=np.arange(2), truth=csr_array(np.array([[0, 1], [0, 0]], "f4")),
    )  # fmt: skip
    return evaluate(model, task)


BIG = 2**33
ARRAYS = [
    rows(27, "a row of 2^33", [0, BIG], [0, 1]),
    rows(27, "a row below 0", [0, -1], [0, 1]),
    rows(27, "rows that are no numbers", ["a", "b"], [0, 1]),
    rows(27, "rows that are not whole", [0.5, 1.0], [0, 1]),
    rows(27, "rows that are NaN", [float("nan"), 1.0], [0, 1]),
    rows(27, "rows of a table", [[0, 1]], [[0, 1]]),
    rows(27, "fewer rows than items", [0], [0, 1]),
    pairs(28, "an index out of range", "refused", "", csr([1, 1, 1], [0, 99, 0], [0, 2, 3])),
    pairs(28, "an index below 0", "refused", "", csr([1, 1, 1], [0, -1, 0], [0, 2, 3])),
    pairs(28, "an index of 2^33", "refused", "", csr([1, 1, 1], [0, BIG, 0], [0, 2, 3])),
    pairs(28, "indices twice", "refused", "", csr([1, 1, 1], [0, 0, 0], [0, 2, 3])),
    pairs(28, "pointers that go down", "refused", "", csr([1, 1, 1], [0, 1, 0], [0, 3, 1])),
    pairs(28, "pointers beyond the data", "refused", "", csr([1, 1, 1], [0, 1, 0], [0, 2, 10**8])),
    pairs(28, "too few pointers", "refused", "", csr([1, 1, 1], [0, 1, 0], [0, 3])),
    pairs(28, "another shape", "refused", "shape", csr([1], [0], [0, 1, 1, 1], shape=(3, 3))),
    *(pairs(28, f"a weight of {v}", "refused", "", csr([1, v, 1], [0, 1, 0], [0, 2, 3])) for v in (float("nan"), float("inf"), -1, 0)),
    *(pairs(29, f"a matrix of {form}", "accepted", "", whole(form)) for form in ("bool", "float64", "int8", "read-only")),
    *(pairs(29, f"a matrix that is {form}", "refused", "", lambda form=form: form() if callable(form) else form) for form in (None, 5, "x", [[1, 0], [0, 1]], {}, object)),
    pairs(29, "complex weights", "refused", "", csr([1, 1, 1], [0, 1, 0], [0, 2, 3], "c8")),
    table(30, "one user, one item, one pair", "accepted", events="user_id,item_id\nu1,i1\n", model="wmf"),
    table(30, "one user", "accepted", events="user_id,item_id\nu1,i1\nu1,i2\n", model="item-knn"),
    Case(12, "users all of whose items are held out", "accepted", "", {}, held_out),
]  # fmt: skip

SETTINGS = [
    setting("b", "b", "0"),
    setting("b", "b", "2.0"),
    setting("b", "b", "-1"),
    *(setting("", name, value) for name, value in (
        ("factors", "0"), ("factors", "-1"), ("factors", "1.5"), ("factors", '"8"'), ("factors", "true"), ("factors", "nan"), ("factors", "[]"),
        ("iterations", "0"), ("random_state", "-1"), ("random_state", "1.5"), ("random_state", str(2**70)),
        ("l2", "nan"), ("l2", "inf"), ("l2", "-1"), ("l2", '"1e-3"'), ("factor", "8"), ("", "8"), ("factors.x", "8"),
    )),
    *(setting("", name, value, "dualnet") for name, value in (
        ("learning_rate", "-1"), ("learning_rate", "0"), ("learning_rate", "nan"), ("learning_rate", '"1e-3"'), ("lerning_rate", "1"), ("levels", "[0]"), ("levels", "[-1]"), ("levels", "64"),
        ("levels", "[1.5]"), ("levels", "[1000000000]"), ("user_batch", "0"), ("item_batch", "0"), ("item_batch", "-1"), ("user_batch", "true"), ("epochs", "true"), ("epochs", "-1"), ("activation", "no"),
    )),
    setting("popularity|Known|Did you mean", "x", "1", "popularty"),
    *(config(64, what, told, text) for what, told, text in (
        ("an unknown section", "section", tables("[sytem]\nx = 1")),
        ("an unknown key", "source", '[data]\nsauce = "events.csv"'),
        ("an unknown parameter", "factors", tables('[model]\nname = "wmf"\nfactor = 8')),
        ("a word of YAML", "", tables('[model]\nname = "wmf"\nfactors = no')),
        ("a number as text", "l2|factors", tables('[model]\nname = "wmf"\nfactors = "8"')),
        ("no data", "data|source", '[model]\nname = "wmf"'),
        ("an option of no protocol", "", tables('[split]\nprotocol = "citeulike2"\nfoldz = 3')),
        ("a protocol that there is not", "Did you mean|Known", tables('[split]\nprotocol = "citeulik2"')),
    )),
]  # fmt: skip

CASES: list[Case] = QUESTIONS + ARRAYS + SETTINGS
