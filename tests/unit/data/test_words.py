"""Text is Unicode: every script has words, one form, no markup; tokenizers of choice; old models as they were."""

import json
import pickle
import random

import numpy as np
import pyarrow as pa
import pytest

import dualnet
from dualnet import Content, ContentProfile, ContentSpec, DataError, Dataset, IdMap, UsageError
from dualnet.data.check import check_dataset, script_of
from dualnet.data.features import Featurizer
from dualnet.data.featurizers import words as words_module
from dualnet.data.featurizers.words import Words, plain_text, search_words, stop_words_of

# love and war in ten languages, and what stands between words
LANGUAGES = {
    "English": ("love rose wedding heart", "war soldier tank front", " "),
    "German": ("Liebe Rösen Hochzeit Straße", "Krieg Söldner Panzer Größe", " und der "),
    "Russian": ("любовь роза свадьба сердце", "война солдат танк фронт", " и "),
    "Greek": ("έρωτας ρόδο γάμος καρδιά", "πόλεμος στρατιώτης τανκ μέτωπο", " "),
    "Chinese": ("爱情 玫瑰 婚礼 心动", "战争 士兵 坦克 前线", ""),
    "Japanese": ("恋愛 薔薇 結婚式 花嫁", "戦争 兵士 戦車 前線", "の"),
    "katakana": ("ラブ バラ ウェディング ハート", "ミサイル ソルジャー タンク フロント", "と"),
    "Korean": ("사랑 장미 결혼식 꽃", "전쟁 군인 탱크 적", " "),
    "Hindi": ("प्रेम गुलाब शादी दिल", "युद्ध सैनिक टैंक मोर्चा", " "),
    "Tamil": ("காதல் ரோஜா திருமணம் இதயம்", "போர் சிப்பாய் டாங்கி முன்னணி", " "),
    "Arabic": ("حُبّ وَرْدَة زِفَاف قَلْب", "حَرْب جُنْدِيّ دَبَّابَة جَبْهَة", " "),
    "Hebrew": ("אַהֲבָה וֶרֶד חֲתֻנָּה לֵב", "מִלְחָמָה חַיָּל טַנְק חֲזִית", " "),
    "Thai": ("ความรัก กุหลาบ แต่งงาน หัวใจ", "สงคราม ทหาร รถถัง แนวหน้า", ""),
    "Lao": ("ຄວາມຮັກ ກຸຫຼາບ ແຕ່ງງານ ຫົວໃຈ", "ສົງຄາມ ທະຫານ ລົດຖັງ ແນວໜ້າ", ""),
    "Khmer": ("ស្នេហា ផ្កាកុលាប មង្គលការ បេះដូង", "សង្គ្រាម ទាហាន រថក្រោះ សមរភូមិ", ""),
    "Burmese": ("အချစ် နှင်းဆီ မင်္ဂလာဆောင် နှလုံး", "စစ်ပွဲ စစ်သား တင့်ကား ရှေ့တန်း", ""),
}


def world(love, war, between):
    draw = random.Random(0)
    titles = [between.join(draw.sample((love if n % 2 == 0 else war).split(), 3)) for n in range(60)]
    events = [(f"u{u}", f"i{i}") for u in range(40) for i in draw.sample([i for i in range(50) if i % 2 == u % 2], 8)]
    table = pa.table({"user_id": [u for u, _ in events], "item_id": [i for _, i in events]})
    return table, pa.table({"item_id": [f"i{n}" for n in range(60)], "title": titles})


@pytest.mark.parametrize("encoder", ["tfidf", "hashing"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_new_books_of_the_right_topic_come_first_in_every_language(language, encoder):
    events, items = world(*LANGUAGES[language])
    model = ContentProfile().fit(Dataset.from_tables(events, items, text="title", text_encoder=encoder))
    new = [key for key in model.catalogue_.ids if key not in model.items_]
    right = [int(i[1:]) % 2 == u % 2 for u in range(40) for i in model.recommend(f"u{u}", candidates=new, k=5).ids]
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ＡＢＣ abc", ["abc", "abc"]),
        ("cre\u0300me cr\u00e8me", ["cr\u00e8me", "cr\u00e8me"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("İstanbul ISTANBUL", ["istanbul", "istanbul"]),
        ("ﬁne ﬁsh", ["fine", "fish"]),
        ("co\u00adoperate word\u2060joiner", ["cooperate", "wordjoiner"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("ﺳﻼﻡ", ["سلام"]),  # presentation forms
        ("ｶﾞｰﾄﾞ", ["ガー", "ード"]),  # half-width katakana
        ("हिन्दी किताब", ["हिन्दी", "किताब"]),
        ("العَرَبِيَّةُ لُغَةٌ", ["العَرَبِيَّةُ", "لُغَةٌ"]),
        ("爱", ["爱"]),
        ("我爱你", ["我爱", "爱你"]),
        ("iPhone手机 2020年", ["iphone", "手机", "2020", "年"]),
        ("책 한 권", ["책", "한", "권"]),
        ("C++ and C# in R", ["c++", "c#"]),
        ("Modern C++20 für Größen", ["modern", "c++", "20", "für", "grössen"]),
        ("<p>Red&nbsp;<b>wine</b><br/>&amp; <a href='http://shop.example/x?a=1'>cheese</a></p>", ["red", "wine", "cheese"]),
        ("&lt;br&gt;dry &amp;amp; white", ["dry", "white"]),
        ("<style>p {color: red}</style>hat<!-- note --><script>alert(1)</script>", ["hat"]),
        ("vector<int> if a <b", ["vector", "int"]),
        ("AT&T caf&eacute; &#233;t&#xE9;", ["café", "été"]),
        ("see https://www.example.org now", ["see", "example", "org"]),
        ("", []),
        ("☃ ❤️ — !", []),
    ],
)  # fmt: skip
def test_words(text, found):
    words = Words(stop_words="english")
    assert [word for word in words(text) if word != "at"] == found


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        (Words("whitespace", "none"), "的 爱情 C", ["的", "爱情", "c"]),
        (Words("characters", "none"), "Hat 爱", ["ha", "at", "爱"]),
        (Words("classic"), "The Straße प्रेम", ["straße"]),
        (Words(token_pattern=r"\w+", stop_words="none"), "R und C", ["r", "und", "c"]),
        (Words(token_pattern=r"#(\w+)"), "#Red wine #dry", ["red", "dry"]),
        (Words(stop_words="german"), "der Wein und die Rose", ["wein", "rose"]),
        (Words(stop_words="english, german"), "the Wein und", ["wein"]),
        (Words(stop_words="none"), "The Hat", ["the", "hat"]),
        (Words(stop_words=("WEIN",)), "der wein", ["der"]),
        (Words(stop_words=()), "the", ["the"]),
    ],
)
def test_words_of_choice(words, text, found):
    assert words(text) == found
    for again in (Words.from_json(json.loads(json.dumps(words.to_json()))), pickle.loads(pickle.dumps(words))):
        assert again == words
        assert again(text) == found


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tokenizer": "unicod"}, "no tokenizer 'unicod'. Did you mean 'unicode'"),
        ({"tokenizer": "jieba"}, "dualnet.register_tokenizer"),
        ({"stop_words": "germn"}, "no stop words for 'germn'. Did you mean 'german'"),
        ({"stop_words": "nowhere.txt"}, "nowhere.txt cannot be read"),
        ({"stop_words": ["a", 1]}, "stop words must be text, got 1"),
        ({"token_pattern": "("}, "is no regular expression"),
        ({"token_pattern": r"\w*"}, "no empty match"),
        ({"token_pattern": r"(\w)(\w)"}, "one group"),
        ({"token_pattern": r"\w+", "tokenizer": "whitespace"}, "either tokenizer or token_pattern"),
        ({"tokenizer": lambda text: text.split()}, "register_tokenizer"),
    ],
)
def test_choices_that_cannot_be_used_are_told_before_anything_is_learned(given, message):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        Dataset.from_tables(*world(*LANGUAGES["English"]), text="title", **given)


def cut(text):
    return text.split("/")


def test_a_tokenizer_of_ones_own_is_saved_by_name_and_never_run_from_a_folder(tmp_path, monkeypatch):
    events, items = world("love/rose heart/rose red/rose", "war/tank army/tank gun/tank", "/")
    data = Dataset.from_tables(events, items, text="title", tokenizer=cut, stop_words="none")
    model = ContentProfile().fit(data)
    assert "tank" in model.featurizer_.names()
    model.save(tmp_path / "m")
    assert dualnet.load(tmp_path / "m").recommend("u0", k=3).ids == model.recommend("u0", k=3).ids
    monkeypatch.setattr("dualnet.data.featurizers.words._TOKENIZERS", {})
    with pytest.raises(dualnet.DualNetError, match="register_tokenizer"):
        dualnet.load(tmp_path / "m")
    dualnet.register_tokenizer(data.items.spec.tokenizer, lambda text: "not a list")
    with pytest.raises(DataError, match="must return a list of words"):
        dualnet.load(tmp_path / "m").featurizer_.transform(data.items)
    with pytest.raises(UsageError, match="cannot be called 'unicode'"):
        dualnet.register_tokenizer("unicode", cut)


def test_stop_words_from_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("\ufeffWein\n\nund \n", "utf-8")
    assert stop_words_of(tmp_path / "words.txt") == stop_words_of(str(tmp_path / "words.txt")) == ("Wein", "und")


@pytest.mark.parametrize("encoder", ["tfidf", "hashing"])
def test_models_that_were_saved_before_encode_as_before(encoder):
    titles = ["Straße zum C++ &amp; प्रेम", "straße ＡＢＣ amp", "the road c"]
    content = Content(IdMap(["a", "b", "c"]), pa.table({"title": titles}), ContentSpec(text=("title",), min_df=1, text_encoder=encoder, tokenizer="classic", max_features=512))  # fmt: skip
    featurizer = Featurizer.fit(content)
    config, tensors = featurizer.to_state()
    if encoder == "tfidf":
        assert featurizer.names() == ["amp", "road", "straße", "zum", "ａｂｃ"]
    for block in config["blocks"]:  # as it was written then
        del block["words"]
    for name in ("tokenizer", "stop_words", "token_pattern"):
        del config["spec"][name]
    old = Featurizer.from_state(json.loads(json.dumps(config)), tensors)
    np.testing.assert_array_equal(old.transform(content).toarray(), featurizer.transform(content).toarray())
    assert old.spec.tokenizer == "classic"
    new = Content(content.ids, content.table, ContentSpec(text=("title",), min_df=1))
    assert "strasse" in Featurizer.fit(new).names()
    assert new.fingerprint() == Content(content.ids, content.table, ContentSpec(text=("title",), min_df=1)).fingerprint()
    assert new.fingerprint() != content.fingerprint()


def test_data_check_says_scripts_rare_words_and_markup():
    events = pa.table({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"]})
    items = pa.table({"item_id": ["x", "y"], "title": ["爱情故事 love<br>", "战争 love"], "note": ["one two", "three four"]})
    report = check_dataset(Dataset.from_tables(events, items, text=("title", "note")))
    assert report.totals["words of title"].startswith("5, of them 80.0% in one item only; scripts: Latin 57.1%, Han 42.9%")
    found = {finding.code: finding for finding in report.findings}
    assert found["rare-words-note"].level == "warning"
    assert found["rare-words-note"].count == 4
    assert found["markup-title"].count == 1
    assert "rare-words-title" not in found


@pytest.mark.parametrize(("letter", "script"), list(zip("aжαअก漢ひカーحא한", ["Latin", "Cyrillic", "Greek", "Devanagari", "Thai", "Han", "Hiragana", "Katakana", "Katakana", "Arabic", "Hebrew", "Hangul"])))  # fmt: skip
def test_scripts(letter, script):
    assert script_of(letter) == script


def test_words_of_a_search():
    assert search_words("Das Große 战争与和平 R!") == [("das", False), ("grosse", False), ("战争与和平", True), ("r", False)]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a<script>b</script>c", "a c"),
        ("a<SCRIPT src=x>b</script\n>c<script>d</Script>e", "a c e"),
        ("a<style>b<i></style>c<!-- d <script> -->e</script>f", "a c e f"),
        ("a<!--b--><!---->c<!-->d", "a  c<!-->d"),
        ("a<script>b", "a b"),  # never closed: only the tag goes
        ("a<script>b</scripts>c</script>d", "a d"),
        ("a<script>b</style>c", "a b c"),
    ],
)
def test_scripts_styles_and_comments_are_no_text(text, plain):
    assert plain_text(text) == plain


@pytest.mark.parametrize("begin", ["<script ", "<script>", "<style ", "<!--", "&lt;script "])
@pytest.mark.parametrize("end", ["", "</script x", "</style x"])
def test_text_full_of_beginnings_costs_no_more_than_its_length(begin, end, monkeypatch):
    calls = 0
    ends = {}
    for kind, pattern in words_module._SHOWING.items():

        class Counted:
            def search(self, text, place, pattern=pattern):
                nonlocal calls
                calls += 1
                return pattern.search(text, place)

        ends[kind] = Counted()
    monkeypatch.setattr(words_module, "_SHOWING", ends)
    plain_text(begin * 3_000 + end)  # each beginning looked through the rest of the text: minutes for 100 kB
    assert 0 < calls <= 6
