import re
from tests.integration.options.tables import *
def test_it(player, capsys):
    def show(*a):
        with capsys.disabled(): print(*a)
    for c, w in COMMANDS.items():
        if c=="fit": continue
        for o, e in SHARED.items():
            beside=e.beside
            a=player.play(w.replace("{read}", f"{beside} {e.given}"), capsys)
            if isinstance(e, Shown):
                b=player.play(w.replace("{read}", f"{beside} {e.instead}"), capsys)
                same = (a.code,a.out,a.err,a.files,a.told)==(b.code,b.out,b.err,b.files,b.told)
                if a.code or (b.code and e.alone is None) or same:
                    show("##",c,o,"SAME" if same else "", a.code,a.err[-200:].replace("\n"," / ")," |", b.code, b.err[-200:].replace("\n", " / "))
            elif a.code != e.code: show("##",c,o,a.code,a.err)
    orphans = ["--time-format ms","--missing-content drop","--item-column-names item_id,title","--user-column-names user_id,town",
      "--user-categories town","--users u.csv","--image-model x:y","--text-encoder hashing",
      "--tokenizer characters","--separator ,","--items i.csv --tags tags --tokenizer characters", "--items i.csv --text title --image-model x:y","--items i.csv"]
    for o in orphans:
        a=player.play(f"data check e.csv --duplicates last {o}", capsys); show("orphan",o,a.code,a.err[-300:].replace("dualnet: warning: 2 repeated user-item pairs were collapsed to one each\n",""))
    for o in ["--separator ,","--encoding latin-1","--comment %","--column-names user_id,item_id"]:
        a=player.play(f"data check more.parquet {o}", capsys); show("parquet",o,a.code,a.err[-300:])
        a=player.play(f"data check {SQL} {o}", capsys); show("sql",o,a.code,a.err[-300:])
