"""Titles from BibTeX and HTML are shown as a person reads them; other braces stay, and what a model reads stays as it is."""

import pytest

from dualnet import Dataset
from dualnet.data.values import readable


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("On the Optimality of the Simple {B}ayesian Classifier", "On the Optimality of the Simple Bayesian Classifier"),
        (
            "{Structure of growing networks with preferential linking}",
            "Structure of growing networks with preferential linking",
        ),
        ("{RDFPeers}: A Scalable Distributed {RDF} Repository", "RDFPeers: A Scalable Distributed RDF Repository"),
        ("Human micro{RNA}s that can function as m{RNA}s", "Human microRNAs that can function as mRNAs"),
        ("{Anchored {C}onversations}: {A} {S}urvey", "Anchored Conversations: A Survey"),
        ("{T}he an{\u00e1}lisis", "The an\u00e1lisis"),
        ("{One} and {Two}", "One and Two"),
        ("Lifelong \\& 5 \\% of R\\&amp;D", "Lifelong & 5 % of R&D"),
        ("Protein&#8211;Protein", "Protein\u2013Protein"),
        ("Hello {name}, {0:x} and {}", "Hello {name}, {0:x} and {}"),
        ("<b>{x}</b> &#27; &nothing;&nbsp;{", "<b>{x}</b> &#27; &nothing; {"),
        (
            r"A study of \emph{Drosophila} and \'{E}tudes",
            r"A study of \emph{Drosophila} and \'{E}tudes",
        ),  # a command needs its braces
        ("{{on the way}}", "on the way"),
        (r"\textit{On {DNA}}", r"\textit{On DNA}"),
        (r"(\$100, {C\#} or {R}\&{D})", "($100, C# or R&D)"),
        (r"¯\_(ツ)_/¯ in C:\_old", r"¯\_(ツ)_/¯ in C:\_old"),  # a face and a path
        ("", ""),
    ],
)
def test_a_title_is_shown_without_the_marks_of_a_catalogue(title, shown):
    assert readable(title) == shown


def test_lists_show_it_and_models_read_the_cell():
    import pyarrow as pa

    items = pa.table({"item_id": ["a", "b"], "title": ["The {B}ayesian way", "Another"]})
    data = Dataset.from_tables(pa.table({"user_id": ["u", "u"], "item_id": ["a", "b"]}), items, text=["title"])
    assert data.items.titles(data.items.ids.rows(["a"])) == data.items.all_titles()[:1] == ["The Bayesian way"]
    assert data.items.table["title"][0].as_py() == "The {B}ayesian way"


@pytest.mark.parametrize("title", ["&nbsp;", "{}", "{ }", "{{}}", " &nbsp;&#8195; "])
def test_a_title_with_nothing_to_show_is_the_id(title):
    import pyarrow as pa

    items = pa.table({"item_id": ["a", "b"], "title": [title, "Another"]})
    data = Dataset.from_tables(pa.table({"user_id": ["u", "u"], "item_id": ["a", "b"]}), items, text=["title"])
    assert data.items.all_titles() == ["a", "Another"]


def test_a_long_title_is_looked_through_once():
    blanks = "{" + 3_000_000 * "\u00a0"  # 10^13 steps if each of them is tried as the first letter
    assert readable(blanks) == blanks
