"""Words are shown as a text writes them: its capitals, its letters, its accents, in every script and by every tokenizer."""

import unicodedata

import pytest

from dualnet import Content, ContentProfile, ContentSpec, Dataset, Interactions, register_tokenizer
from dualnet.data.featurizers.words import Words
from dualnet.data.featurizers.written_words import WrittenWords


def shown(text, words=None):
    words = words or Words(stop_words="none")
    written = WrittenWords(text, words)
    return [written(word) for word in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Große STRASSE und groß", ["Große", "STRASSE", "und", "groß"]),
        ("Straße, STRASSE", ["Straße", "Straße"]),  # one word, as it stands first
        ("İstanbul Łódź Ångström", ["İstanbul", "Łódź", "Ångström"]),
        ("ΣΟΦΟΣ σοφός", ["ΣΟΦΟΣ", "σοφός"]),
        (unicodedata.normalize("NFD", "Café Müller"), ["Café", "Müller"]),
        ("Donau\u00addampf\u200bschiff", ["Donaudampf", "schiff"]),
        ("ＡＢＣ ﬁre C++", ["ＡＢＣ", "ﬁre", "C++"]),
        ("Gro&szlig;e <b>Fr&uuml;chte</b>", ["Große", "Früchte"]),
        ("Party art ART", ["Party", "art", "art"]),  # not the art of the party
        ("iPhone手機", ["iPhone", "手機"]),
        ("ｶﾞｲﾄﾞ", ["ｶﾞｲ", "ｲﾄﾞ"]),
        ("हिन्दी नमस्ते", ["हिन्दी", "नमस्ते"]),
        (unicodedata.normalize("NFD", "한국어"), ["한국어"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("", []),
    ],
)
def test_words_of_every_script(text, expected):
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (Words("whitespace", "none"), ["Große,", "Früchte!"]),
        (Words("classic", "none"), ["Große", "Früchte"]),
        (Words("characters", "none"), ["Gr", "ro", "oß", "ß", "ße", "Fr", "rü", "üc", "ch", "ht", "te"]),
        (Words(token_pattern=r"fr\w+", stop_words="none"), ["Früchte"]),
    ],
)
def test_every_tokenizer(words, expected):
    assert shown("Große, Früchte!", words) == expected


def test_a_tokenizer_of_ones_own_may_cut_endings():
    register_tokenizer("without-endings", lambda text: [word.strip(".,()")[:4] for word in text.split()])
    words = Words("without-endings", "none")
    assert shown("(Running) runs, Straßen run", words) == ["Running", "runs", "Straßen", "run"]


def test_a_word_that_is_not_there_stays():
    written = WrittenWords("Große", Words())
    assert (written("klein"), written("")) == ("klein", "")


@pytest.mark.parametrize("encoder", ["tfidf", "hashing"])
def test_reasons_have_the_words_of_the_item(encoder):
    titles = ["Große Straßen", "Grosse Häuser", "GROSSE Brücken", "Kleine Gärten"]
    spec = ContentSpec(text=("title",), text_encoder=encoder, min_df=1)
    items = Content.from_rows(list("abcd"), {"title": titles}, spec)
    model = ContentProfile().fit(Dataset(Interactions.from_pairs(list("uvvu"), list("abcd")), items))
    assert {part.term for part in model.explain("c", history=["a"]).content.parts} == {"GROSSE"}
    assert {part.term for part in model.explain("a", history=["c"]).content.parts} == {"Große"}
    fresh = Content.from_rows(["n"], {"title": ["Die größte STRASSEN, straßen"]}, spec)
    assert [part.term for part in model.explain("n", history=["a"], new_items=fresh).content.parts] == ["STRASSEN"]
