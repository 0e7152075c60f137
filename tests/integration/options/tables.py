"""The options that say how tables are read: what each changes in every command that reads tables."""

from __future__ import annotations

from tests.integration.options.outcomes import Refused, Shown

E = "e.csv --duplicates last"
ITEMS = f"{E} --items i.csv --text title"
PAGES = f"{E} --items pages.csv --text title"
SQL = "--sql e.sql --database-url-env OPTIONS_DATABASE --duplicates last"
USERS = f"{ITEMS} --users u.csv"
SHARED = {
    "--sql": Shown(SQL, "", alone="name the data"),
    "--items-sql": Shown("--items-sql i.sql --text title", SQL),
    "--users-sql": Shown("--users-sql u.sql --user-categories town", SQL),
    "--database-url-env": Shown("--database-url-env OPTIONS_DATABASE", "--sql e.sql --duplicates last", alone="--database-url-env"),
    "--sql-param": Shown("--sql-param least=3", "--sql since.sql --database-url-env OPTIONS_DATABASE --duplicates last", instead="--sql-param least=1"),
    "--sql-timeout": Refused("--sql-timeout 5", "sql", E),
    "--items": Shown("--items i.csv --text title", E),
    "--user-column": Shown("--user-column reader", E),
    "--item-column": Shown("--item-column book", f"{E} --items i.csv --text title"),
    "--text": Shown("--text title,genre", ITEMS),
    "--tags": Shown("--tags tags", ITEMS),
    "--categories": Shown("--categories genre", ITEMS),
    "--numbers": Shown("--numbers year", ITEMS),
    "--vectors": Shown("--vectors v=v.npy", ITEMS),
    "--images": Shown("--images pic", f"{E} --items i.parquet --text title", needs="skimage"),
    "--image-model": Refused("--image-model resnet18:w.safetensors", "means nothing", ITEMS),
    "--text-encoder": Shown("--text-encoder hashing", ITEMS),
    "--tokenizer": Shown("--tokenizer characters", ITEMS),
    "--stop-words": Shown("--stop-words none", ITEMS),
    "--token-pattern": Shown("--token-pattern [a-m]+", ITEMS),
    "--title": Shown("--title name", PAGES),
    "--picture": Shown("--picture cover", PAGES),
    "--link": Shown("--link page", PAGES),
    "--rating": Shown("--rating rating --threshold 3", E),
    "--threshold": Shown("--threshold 3", f"{E} --rating rating", instead="--threshold 4"),
    "--unrated": Shown("--unrated 1", f"{E} --rating rating --threshold 3"),
    "--event-column": Shown("--event-column kind", E),
    "--likes": Shown("--likes like,seen", f"{E} --event-column kind"),
    "--event-weights": Shown("--event-weights like=2,seen=1", f"{E} --event-column kind"),
    "--weight": Shown("--weight plays", E),
    "--duplicates": Shown("--duplicates sum", "e.csv --weight plays", instead="--duplicates max"),
    "--time": Shown("--time when", E),
    "--time-format": Shown("--time-format ms", f"{E} --time when"),
    "--users": Shown("--users u.csv --user-categories town", ITEMS),
    "--user-categories": Shown("--user-categories town", USERS + " --user-numbers age"),
    "--user-numbers": Shown("--user-numbers age", USERS + " --user-categories town"),
    "--forget": Shown("--forget gone.txt", E),
    "--separator": Shown("--separator §", "bar.txt --duplicates last", alone="separate"),
    "--encoding": Shown("--encoding latin-1", "latin.csv --duplicates last", alone="--encoding"),
    "--comment": Shown("--comment %", "notes.csv --duplicates last"),
    "--decimal": Shown("--decimal comma", f"{E} --items commas.csv --text title --numbers price", instead="--decimal point"),
    "--column-names": Shown("--column-names user_id,item_id", "bare.csv --duplicates last", alone="column"),
    "--item-column-names": Shown("--item-column-names item_id,title", f"{E} --items bare_items.csv --text title", alone="column"),
    "--user-column-names": Shown("--user-column-names user_id,town", f"{E} --users bare_users.csv --user-categories town", alone="column"),
    "--missing-content": Shown("--missing-content drop", f"{E} --items half.csv --text title", instead="--missing-content zero"),
}  # fmt: skip
READ = ("fit", "split", "bench", "tune", "data check", "data convert")
