"""The options of each command but those of tables: what each changes, or with what it is refused."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.options.outcomes import Refused, Shown, Spared
from tests.integration.options.tables import ITEMS, READ, SHARED, E

OUT = "--out {out}/x"
WMF = f"{E} --model wmf --set factors=2 --set iterations=1"
NEEDED = "Missing option"
NEW = f"{ITEMS} --protocol out-matrix"
DRAWN = {
    "--protocol": Shown("--protocol out-matrix", ITEMS, "--protocol citeulike2"),
    "--content": Shown("--content title", f"{ITEMS} --tags tags"),
    "--cold": Shown("--cold 0.5", NEW),
    "--fit-on": Shown("--fit-on train+validation", f"{ITEMS} --protocol citeulike2"),
    "--fold": Shown("--fold 1", f"{NEW} --folds 3", "--fold 0"),
    "--folds": Shown("--folds 3", f"{NEW} --fold 0", "--folds 2"),
    "--candidates": Shown("--candidates all", f"{NEW} --cold 0.3"),
    "--json": Shown("--json", E),
}
TINY = "--set levels=[4] --set factors=0"
STOPPED = f"{ITEMS} --model dualnet {TINY} --protocol citeulike2 --set epochs=6"
BENCHED = f"{ITEMS} --models dualnet --set dualnet.levels=[4] --set dualnet.factors=0 --set dualnet.epochs=6"
TUNED = f"{ITEMS} --model dualnet {TINY} --grid epochs=[6]"
FILES = f"{E} --protocol files --train train.csv --test test.csv"
NUMBERED = "numbered.csv --protocol files --train train.lists --test test.lists"
NAMES = "--column-names item_id,title,tags,year"


def written(beside: str, option: str) -> dict[str, Shown]:
    """Return the entries of a command for how a table of what is new is written."""
    said = f"{beside} {option}"
    return {
        "--separator": Shown("--separator §", f"{said} fresh.txt", alone="--separator"),
        "--encoding": Shown("--encoding latin-1", f"{said} fresh_latin.csv", alone="--encoding latin-1"),
        "--comment": Shown("--comment %", f"{said} fresh_notes.csv", alone="1 fields where"),
        "--decimal": Shown("--decimal comma", f"{said} fresh_commas.csv", instead="--decimal point"),
        "--column-names": Shown(NAMES, f"{said} fresh_bare.csv", alone="item_id"),
        "--item-column": Shown("--item-column book", f"{said} fresh_books.csv"),
    }


ALONE = {
    "": {
        "--version": Shown("--version", "", alone="Usage"),
        "--trust-paths": Shown("--trust-paths inspect run", "", "inspect run"),
        "--install-completion": Spared("Typer's own; it would write to the shell's own files"),
        "--show-completion": Spared("Typer's own"),
    },
    "fit": {
        "--out": Shown("--out {out}/y", WMF, OUT),
        "--model": Shown("--model item-knn", E, "--model popularity"),
        "--set": Shown("--set factors=3", f"{E} --model wmf --set iterations=1", "--set factors=2"),
        "--resume": Shown("--resume", f"{WMF} {OUT}", alone="holds a fitted model already", before=f"fit {WMF} {OUT}"),
        "--overwrite": Shown("--overwrite", f"{WMF} {OUT}", alone="holds a fitted model already", before=f"fit {WMF} {OUT}"),
        "--half-life": Shown("--half-life 1h", f"{WMF} --time when"),
        "--threads": Shown("--threads 1", WMF),
        "--device": Refused("--device cpu", "means nothing for model 'wmf'", WMF),
        "--monitor": Shown("--monitor recall@50", STOPPED, "--monitor recall@200"),
        "--patience": Shown("--patience 1", STOPPED, "--patience 6"),
        "--validate-every": Shown("--validate-every 3", STOPPED),
        "--validation-users": Shown("--validation-users 1", STOPPED),
        "--protocol": Shown("--protocol citeulike2", WMF),
        "--seed": Shown("--seed 1", f"{WMF} --protocol citeulike2"),
        "--content": Shown("--content title", f"{ITEMS} --tags tags --model content-profile"),
        "--compare": Shown("--no-compare", f"{WMF} --protocol citeulike2"),
        "--verbose": Shown("--verbose", f"{WMF} --protocol citeulike2"),
        "--track": Shown("--track tensorboard", WMF, needs="tensorboard"),
        "--track-to": Shown("--track-to {out}/board", f"{WMF} --track tensorboard", needs="tensorboard"),
        "--workers": Refused("--workers 2", "means nothing for model 'wmf'", WMF),
        "--address": Refused("--address 127.0.0.1:1", "--workers", WMF),
        "--json": Shown("--json", WMF),
    },
    "split": {
        **DRAWN,
        "--out": Shown("--out {out}/y", E, OUT),
        "--seed": Shown("--seed 1", E),
        "--train": Shown("--train train2.csv", f"{E} --protocol files --test test.csv", "--train train.csv"),
        "--test": Shown("--test valid.csv", f"{E} --protocol files --train train.csv", "--test test.csv"),
        "--validation": Shown("--validation valid.csv", FILES),
        "--shown": Shown("--shown shown.csv", f"{E} --protocol files --train train.csv --test newer.csv"),
        "--layout": Shown("--layout counted-lists", NUMBERED, "--layout lists"),
        "--base": Shown("--base 1", f"{NUMBERED} --layout lists", "--base 0"),
        "--header": Shown("--no-header", "numbered.csv --protocol files --train bare_train.csv --test bare_test.csv", "--header"),
        "--kind": Refused("--kind cold", "not cold", FILES, code=3),
    },
    "bench": {
        **DRAWN,
        "--out": Shown("--out {out}/y", E, OUT),
        "--folds": Shown("--folds 2", NEW),
        "--models": Shown("--models item-knn", E, "--models popularity"),
        "--seeds": Shown("--seeds 1,2", E),
        "--at": Shown("--at 3", E),
        "--set": Shown("--set item-knn.neighbours=2", f"{E} --models item-knn"),
        **{option: Refused(SHARED[option].given, "where figures are shown", ITEMS) for option in ("--title", "--picture", "--link")},
        "--presets": Refused("--no-presets", "there are no presets", E),
        "--device": Refused("--device cpu", "means nothing for model 'popularity'", f"{E} --models popularity"),
        "--monitor": Shown("--monitor recall@50", BENCHED, "--monitor recall@200"),
        "--patience": Shown("--patience 1", BENCHED, "--patience 6"),
        "--validate-every": Shown("--validate-every 3", BENCHED),
        "--validation-users": Shown("--validation-users 1", BENCHED),
    },
    "tune": {
        **DRAWN,
        "--out": Shown("--out {out}/y", E, OUT),
        "--model": Shown("--model ease --grid regularization=[100]", E, "--model item-knn --grid neighbours=[3]"),
        "--grid": Shown("--grid neighbours=[2]", f"{E} --model item-knn", "--grid neighbours=[3]"),
        "--set": Shown("--set factors=3", f"{E} --model wmf --grid iterations=[1]", "--set factors=2"),
        **{option: replace(SHARED[option], kept=True) for option in ("--title", "--picture", "--link")},
        "--method": Shown("--method optuna --trials 1", f"{E} --model item-knn --grid neighbours=[3,4]", "--trials 1", needs="optuna"),
        "--trials": Shown("--trials 1", f"{E} --model item-knn --grid neighbours=[3,4]"),
        "--prune": Refused("--no-prune", "tries every combination", E),
        "--seeds": Shown("--seeds 1", E),
        "--at": Shown("--at 3", E),
        "--fit-on": Shown("--fit-on train+validation", E, kept=True),  # both are of the test, which no trial sees
        "--candidates": Shown("--candidates all", f"{NEW} --cold 0.3", kept=True),
        "--device": Shown("--device cpu", TUNED, kept=True),
        "--monitor": Shown("--monitor recall@50", TUNED, "--monitor recall@200"),
        "--patience": Shown("--patience 1", TUNED, "--patience 6"),
        "--validate-every": Shown("--validate-every 3", TUNED),
        "--validation-users": Shown("--validation-users 1", TUNED),
        "--workers": Shown("--workers 2", E),
        "--address": Refused("--address 127.0.0.1:1", "say also how many with --workers", E),
    },
    "data list": {"--json": Shown("--json", "")},
    "data fetch": {"--json": Shown("--json", "citeulike-a")},
    "data check": {"--json": Shown("--json", E)},
    "data convert": {
        "--json": Shown("--json", E),
        "--out": Shown("--out {out}/y", E, OUT),
        "--text": Shown("--text title", f"{E} --items i.csv", alone="no content column"),
        "--numbers": Shown("--numbers year", f"{E} --items i.csv", alone="no content column"),
        "--user-numbers": Shown("--user-numbers age", f"{E} --users u.csv", alone="with --user-categories or --user-numbers"),
        **{option: Refused(SHARED[option].given, "are written as they are", ITEMS)
           for option in ("--text-encoder", "--tokenizer", "--stop-words", "--token-pattern")},
        **{option: Refused(SHARED[option].given, "every column is written", ITEMS) for option in ("--title", "--picture", "--link")},
    },
    "plan": {
        "--users": Shown("--users 200", "--items 50 --pairs 900 --gpus 1", "--users 100"),
        "--items": Shown("--items 60", "--users 100 --pairs 900 --gpus 1", "--items 50"),
        "--pairs": Shown("--pairs 950", "--users 100 --items 50 --gpus 1", "--pairs 900"),
        "--terms": Shown("--terms 9"),
        "--vocabulary": Shown("--vocabulary 900"),
        "--levels": Shown("--levels 8,4"),
        "--factors": Shown("--factors 7"),
        "--epochs": Shown("--epochs 3"),
        "--ensemble": Shown("--ensemble 2"),
        "--gpus": Shown("--gpus 2", "--users 100 --items 50 --pairs 900", "--gpus 1"),
        "--workers": Shown("--workers 2", "--users 100 --items 50 --pairs 900", "--gpus 1"),
        "--network": Shown("--network 9", "--users 100 --items 50 --pairs 900 --gpus 2"),
        "--json": Shown("--json"),
    },
    "update": {
        "--events": Shown("--events more.csv", "users --items fresh.csv"),
        "--items": Shown("--items fresh.csv"),
        "--users": Shown("--users newcomers.csv"),
        "--forget": Shown("--forget u1"),
        "--out": Shown("--out {out}/y", "users --events more.csv", OUT),
        "--overwrite": Shown(
            "--overwrite", "{out}/x --events more.csv", alone="--overwrite",
            before=f"fit {ITEMS} --set levels=[4] --set epochs=1 --set factors=0 {OUT}",
        ),
        "--epochs": Shown("--epochs 0"),
        "--learning-rate": Shown("--learning-rate 0.001"),
        "--hold-out": Shown("--hold-out 0.5", "users --events many.csv"),
        "--separator": Shown("--separator §", "users --events bar.txt", alone="--separator"),
        "--encoding": Shown("--encoding latin-1", "users --events latin.csv", alone="--encoding latin-1"),
        "--comment": Shown("--comment %", "users --events notes.csv"),
        "--decimal": Shown("--decimal comma", "users --events stars.csv --rating rating --threshold 3", "--decimal point"),
        "--column-names": Shown("--column-names user_id,item_id", "users --events bare.csv", alone="user_id"),
        "--user-column": Shown("--user-column reader", "users --events more.csv"),
        "--item-column": Shown("--item-column book", "users --events older.csv"),
        "--rating": Shown("--rating rating --threshold 3"),
        "--threshold": Shown("--threshold 2", "users --events more.csv --rating rating", "--threshold 5"),
        "--event-column": Shown("--event-column kind"),
        "--likes": Shown("--likes dislike", "users --events more.csv --event-column kind"),
        "--event-weights": Shown("--event-weights dislike=3", "users --events more.csv --event-column kind"),
        "--time": Refused("--time when", "means nothing to a model"),
        "--time-format": Refused("--time-format ms", "means nothing to a model"),
        "--weight": Shown("--weight plays"),
        "--threads": Shown("--threads 1"),
        "--device": Refused("--device cpu", "means nothing for model 'wmf'", f"rated --events more.csv {OUT}"),
        "--track": Shown("--track tensorboard", needs="tensorboard"),
        "--track-to": Shown("--track-to {out}/board", "users --events more.csv --track tensorboard", needs="tensorboard"),
        "--json": Shown("--json"),
    },
    "evaluate": {
        "--at": Shown("--at 5"),
        "--log": Shown("--log shown.jsonl"),
        "--workers": Shown("--workers 2"),
        "--address": Refused("--address 127.0.0.1:1", "say also how many with --workers"),
        "--json": Shown("--json"),
    },
    "recommend": {
        **written("run --user u1 -k 40", "--new-items"),
        "--user": Shown("--user u2", "run", "--user u1"),
        "--history": Shown("--history i3,i4", "run", "--history i5"),
        "--all": Shown("--all --out {out}/all.parquet", "run", "--user u1"),
        "-k": Shown("-k 3"),
        "--new-items": Shown("--new-items fresh.csv", "run --user u1 -k 40"),
        "--exclude": Shown("--exclude i4"),
        "--candidates": Shown("--candidates i4,i5,i6"),
        "--filter": Shown("--filter '{\"genre\": {\"is\": \"g1\"}}'"),
        "--only": Shown("--only new", "run --user u1 --new-items fresh.csv"),
        "--new-share": Shown("--new-share 0.9", "run --user u1 --new-items fresh.csv -k 2"),
        "--times": Refused("--times 1,2", "means nothing to a model", "run --history i3,i4"),
        "--popularity": Shown("--popularity 0.2"),
        "--explore": Shown("--explore 1", "run --user u1 --new-items fresh.csv -k 1"),
        "--draw": Shown("--draw a", "run --user u1 --new-items fresh.csv -k 1 --explore 0.5", "--draw c"),
        "--user-columns": Shown("--user-columns town=c1", "users --history i3"),
        "--seen": Shown("--seen i4"),
        "--keep-seen": Shown("--keep-seen"),
        "--rules": Shown("--rules rules.toml"),
        "--diversity": Shown("--diversity 0.9", "run --user u1 -k 3"),
        "--pin": Shown("--pin 1=i9"),
        "--hide": Shown("--hide i9,i4,i5"),
        "--boost": Shown("--boost genre=g1:5", "run --user u1 -k 3"),
        "--at-most": Shown("--at-most genre=g1:0"),
        "--at-least": Shown("--at-least genre=g1:3", "run --user u1 -k 3"),
        "--unknown": Shown("--unknown ignore", "run --history i3,gone", alone="gone"),
        "--out": Shown("--out {out}/y.parquet", "run --all", "--out {out}/x.parquet"),
        "--overwrite": Shown(
            "--overwrite", "run --all --out {out}/x.parquet", alone="--overwrite", before="recommend run --all --out {out}/x.parquet"
        ),
        "--workers": Shown("--workers 2", "run --all --out {out}/x.parquet"),
        "--address": Refused("--address 127.0.0.1:1", "say also how many with --workers", "run --all --out {out}/x.parquet"),
        "--json": Shown("--json"),
    },
    "similar": {
        "--item": Shown("--item i5", "run", "--item i4"),
        "-k": Shown("-k 3"),
        "--exclude": Shown("--exclude i7,i8,i12,i16,i20"),
        "--candidates": Shown("--candidates i5,i6"),
        "--filter": Shown("--filter '{\"genre\": {\"is\": \"g1\"}}'"),
        "--only": Shown("--only new"),
        "--new-share": Shown("--new-share 0.9"),
        "--unknown": Shown("--unknown ignore", "run --item i4 --exclude gone"),
        "--rules": Shown("--rules rules.toml"),
        "--diversity": Shown("--diversity 0.9", "run --item i4 -k 3"),
        "--pin": Shown("--pin 1=i9"),
        "--hide": Shown("--hide i8,i16,i20,i12"),
        "--boost": Shown("--boost genre=g1:5", "run --item i4 -k 3"),
        "--at-most": Shown("--at-most genre:1", "run --item i4 -k 3"),
        "--at-least": Shown("--at-least genre=g1:3", "run --item i4 -k 3"),
        "--json": Shown("--json"),
    },
    "explain": {
        **{name: replace(entry, beside=f"{entry.beside} --item f1") for name, entry in written("run --user u1", "--new-items").items()},
        "--item-column": Shown("--item-column book", "run --user u1 --item g1 --new-items fresh_books.csv", alone="g1"),
        "--item": Shown("--item i5", "users --user u1", "--item i4"),
        "--user": Shown("--user u2", "users --item i4", "--user u1"),
        "--history": Shown("--history i3,i5", "users --item i4", "--history i6"),
        "--user-columns": Shown("--user-columns town=c1", "users --history i3 --item i4"),
        "--new-items": Shown("--new-items fresh.csv", "users --user u1 --item f1", alone="--new-items"),
        "--times": Refused("--times 1,2", "means nothing to a model", "run --history i3,i4 --item i5"),
        "--method": Shown("--method leave-one-out"),
        "--top": Shown("--top 1"),
        "--unknown": Shown("--unknown ignore", "users --history i3,gone --item i4", alone="gone"),
        "--json": Shown("--json"),
    },
    "encode": {
        **written("run", "--items"),
        "--user-column": Shown("--user-column reader", "run --histories more.csv"),
        "--out": Shown("--out {out}/y.parquet", "run", "--out {out}/x.parquet"),
        "--items": Shown("--items fresh.csv"),
        "--histories": Shown("--histories many.csv"),
        "--users": Shown("--users"),
        "--overwrite": Shown(
            "--overwrite", "run --out {out}/x.parquet", alone="--overwrite", before="encode run --out {out}/x.parquet"
        ),
        "--workers": Shown("--workers 2"),
        "--address": Refused("--address 127.0.0.1:1", "say also how many with --workers"),
        "--json": Shown("--json"),
    },
    "export": {
        "--to": Shown("--to parquet --out {out}/x.parquet", "run", "--to npz --out {out}/x.npz"),
        "--out": Shown("--out {out}/y.npz", "run --to npz", "--out {out}/x.npz"),
        "--what": Shown("--what users"),
        "--database-url-env": Refused("--to pgvector --database-url-env NOWHERE", "NOWHERE is not set", "run"),
        "--table": Shown("--table mine", "users --to lancedb --out {out}/x", needs="lancedb"),
        "--index": Refused("--index hnsw", "--index means nothing for --to npz"),
        "--collection": Shown("--collection mine", "run --to qdrant --out {out}/x", needs="qdrant_client"),
        "--qdrant-url-env": Refused("--to qdrant --qdrant-url-env NOWHERE", "NOWHERE", "run"),
        "--qdrant-key-env": Refused("--qdrant-key-env NOWHERE", "--qdrant-key-env means nothing for --to npz"),
        "--overwrite": Shown(
            "--overwrite", "run --to npz --out {out}/x.npz", alone="--overwrite", before="export run --to npz --out {out}/x.npz"
        ),
        "--json": Shown("--json"),
    },
    "inspect": {"--json": Shown("--json")},
    "doctor": {"--json": Shown("--json")},
    "demo": {
        "--out": Shown("--out {out}/y", "", OUT),
        "--content": Shown("--content title"),
        "--seed": Shown("--seed 1"),
        "--epochs": Shown("--epochs 2"),
        "--threads": Shown("--threads 1"),
        "--json": Shown("--json"),
    },
    "reproduce": {
        "--datasets": Shown("--datasets demo", f"table3 --report-only {OUT}", "--datasets citeulike-a"),
        "--seeds": Shown("--seeds 7"),
        "--quick": Shown("--quick"),
        "--hours": Shown("--hours 2", f"table3 --datasets demo {OUT}"),
        "--set": Shown("--set wmf.factors=3", f"table3 --datasets demo --json {OUT}"),
        "--out": Shown("--out {out}/y", "table3 --datasets demo", OUT),
        "--report-only": Shown("--report-only", f"table3 --datasets demo {OUT}"),
        "--threads": Shown("--threads 1", f"table3 --datasets demo {OUT}"),
        "--device": Shown("--device cpu", f"table3 --datasets demo {OUT}"),
        "--json": Shown("--json"),
    },
    "serve": {
        "--host": Shown("--host localhost"),
        "--port": Shown("--port 8123"),
        "--state": Shown("--state {out}/state"),
        "--store": Shown("--store postgresql://me@db/shop"),
        "--replicas": Shown("--replicas 2", "run --store postgresql:///x"),
        "--address": Shown("--address auto", "run --store postgresql:///x --replicas 2"),
        "--allow-host": Shown("--allow-host books.example"),
        "--picture-host": Shown("--picture-host images.example"),
        "--insecure": Shown("--insecure", "run --host 0.0.0.0", alone="--insecure"),
        "--rate": Refused("--rate 3", "means nothing without keys"),
        "--timeout": Shown("--timeout 3"),
        "--connections": Shown("--connections 7"),
        "--grace": Shown("--grace 1"),
        "--max-body": Shown("--max-body 2048"),
        "--most-items": Shown("--most-items 5"),
        "--most-events": Shown("--most-events 5"),
        "--most-bytes": Shown("--most-bytes 4096"),
        "--model-process": Shown("--model-process"),
        "--quiet": Shown("--quiet"),
        "--variant": Shown("--variant a=run:1 --variant b=of_split:3", "", "run"),
        "--shown-log": Shown("--shown-log {out}/shown.jsonl"),
        "--make-key": Shown("--make-key me", "", "--make-key you"),
        "--admin": Shown("--admin", "--make-key me"),
        "--role": Shown("--role read", "--make-key me"),
        "--json": Shown("--json"),
    },
}  # fmt: skip
USUAL = {  # what is on the command line where an entry does not say otherwise
    "plan": "--users 100 --items 50 --pairs 900 --gpus 1",
    "update": "users --events more.csv",
    "evaluate": "of_split",
    "recommend": "run --user u1",
    "similar": "run --item i4",
    "explain": "users --user u1 --item i4",
    "encode": "run",
    "export": "run --to npz --out {out}/x.npz",
    "inspect": "run",
    "demo": OUT,
    "reproduce": f"table3 --datasets demo --report-only {OUT}",
    "serve": "run",
}
ENTRIES = {name: {**(SHARED if name in READ else {}), **ALONE[name]} for name in ALONE}


def words(command: str, said: str) -> str:
    """Return a whole command: with a model for `fit`, models for `bench` and so on where nothing is said of them."""
    content, new = "--items" in said, "out-matrix" in said
    usual = {
        "fit": ("--model", "--model content-profile" if content else "--model wmf --set factors=2 --set iterations=1"),
        "split": ("--protocol", "--protocol citeulike2"),
        "bench": ("--models", "--models content-profile" if content else "--models popularity"),
        "tune": ("--grid", "--model lsa-profile --grid width=[2]" if new else "--model item-knn --grid neighbours=[3]"),
    }
    option, more = usual.get(command, ("", ""))
    if option not in said.split():
        said += f" {more}"
    if "--out" not in said.split() and command in WRITING:
        said += f" --out {{out}}/x{WRITING[command]}"
    return f"{command} {said}".strip()


WRITING = {"fit": "", "split": "", "bench": "", "tune": "", "data convert": "", "update": "", "encode": ".parquet"}
