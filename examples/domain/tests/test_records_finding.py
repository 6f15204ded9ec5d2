"""Lists and searches: what is found, in which order, and page by page."""

from pathlib import Path

import pytest
from sanctuary_host import ToolError

from sanctuary_domain.kinds import Status
from sanctuary_domain.ranking import SNIPPET_LENGTH, fold
from sanctuary_domain.records import Records


@pytest.fixture
def five(records: Records) -> Records:
    records.create_task("Write the guide", "How to install PostgreSQL.", ("docs",), "Ann")
    records.create_task("Upgrade PostgreSQL", "To 17.", ("storage",), "ann")
    records.create_task("Buy storage", "Disks. " * 100 + "Perhaps tape instead? " + "Disks. " * 100, ("ops", "storage"))
    records.create_task("Fix login", "Users in São Paulo cannot log in on the Straße page.", (), "Bob")
    records.create_adr(
        "Use PostgreSQL", "We need storage.", "PostgreSQL, since PostgreSQL is known.", tags=("storage",)
    )
    records.set_task_status(2, "doing")
    return records


@pytest.mark.parametrize(
    ("status", "tag", "assignee", "numbers"),
    [
        ("any", "", "", [1, 2, 3, 4]),
        ("todo", "", "", [1, 3, 4]),
        ("doing", "", "", [2]),
        ("done", "", "", []),
        ("any", "Storage", "", [2, 3]),
        ("any", "stor", "", []),
        ("any", "", "ANN", [1, 2]),
        ("any", "", "nobody", [3]),
        ("todo", "storage", "nobody", [3]),
    ],
)
def test_a_list_takes_all_filters_together(
    five: Records, status: Status, tag: str, assignee: str, numbers: list[int]
) -> None:
    listing = five.list_records("task", status=status, tag=tag, assignee=assignee)

    assert [record.number for record in listing.records] == numbers
    assert (listing.total, listing.next_after) == (len(numbers), None)


def test_pages_join_to_the_whole_list(five: Records) -> None:
    first = five.list_records("task", limit=3)
    second = five.list_records("task", limit=3, after=first.next_after or 0)

    assert [record.number for record in (*first.records, *second.records)] == [1, 2, 3, 4]
    assert (first.total, first.next_after, second.total, second.next_after) == (4, 3, 4, None)


def test_a_status_of_the_other_kind_is_refused_with_those_of_this(five: Records) -> None:
    with pytest.raises(ToolError, match="tasks are never accepted; they are todo, doing, blocked, done"):
        five.list_records("task", status="accepted")


def test_nothing_yet_is_an_empty_list_and_makes_no_folder(records: Records, folder: Path) -> None:
    assert records.list_records("adr").records == ()
    assert records.search_records("anything").total == 0
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("postgresql", [("adr", 1), ("task", 2), ("task", 1)]),
        ("POSTGRES storage", [("adr", 1), ("task", 2), ("task", 3), ("task", 1)]),
        ("tape", [("task", 3)]),
        ("sao strasse", [("task", 4)]),
        ("SÃO", [("task", 4)]),
        ("bob", [("task", 4)]),
        ("nowhere", []),
        (".*", []),
        ("(((", []),
        ("17.", [("task", 2)]),
    ],
)
def test_the_best_record_comes_first(five: Records, words: str, found: list[tuple[str, int]]) -> None:
    hits = five.search_records(words)

    assert [(hit.kind, hit.number) for hit in hits.hits] == found
    assert hits.total == len(found)


def test_one_kind_can_be_searched_alone(five: Records) -> None:
    assert [hit.kind for hit in five.search_records("postgresql", "adr").hits] == ["adr"]


def test_a_snippet_shows_the_passage_with_the_word(five: Records) -> None:
    hit = five.search_records("tape").hits[0]

    assert "Perhaps tape instead?" in hit.snippet
    assert hit.snippet[0] == hit.snippet[-1] == "…"
    assert len(hit.snippet) <= SNIPPET_LENGTH + 2


def test_pages_of_a_search_join(five: Records) -> None:
    whole = five.search_records("storage postgresql").hits
    pages = [five.search_records("storage postgresql", offset=offset, limit=2) for offset in (0, 2, 4)]

    assert tuple(hit for page in pages for hit in page.hits) == whole
    assert [page.next_offset for page in pages] == [2, None, None]
    assert five.search_records("storage", offset=10**30).hits == ()


@pytest.mark.parametrize("words", ["", " \n", "a b c d e f g h i j k"])
def test_no_words_and_too_many_are_refused(five: Records, words: str) -> None:
    with pytest.raises(ToolError, match="between 1 and 10 words"):
        five.search_records(words)


def test_a_search_reads_only_so_much_and_says_where_it_stopped(records: Records, folder: Path) -> None:
    (folder / "tasks").mkdir()
    text = "---\ntitle: big\nstatus: todo\n---\n" + "x" * 130_000
    for number in range(1, 270):
        (folder / f"tasks/{number:04d}.md").write_text(text, encoding="utf-8")

    hits = records.search_records("big")

    assert 200 < hits.total < 269
    assert hits.problems == (f"tasks/{hits.total + 1:04d}.md and those after it are not searched: too much text",)


def test_a_text_of_combining_marks_is_folded_piece_by_piece() -> None:
    marks = "\u0301\u0323" * 30_000

    assert fold("Ã" + marks + "É") == "ae"


def test_what_a_reader_sees_says_the_same_as_the_data(five: Records) -> None:
    assert str(five.list_records("task", limit=2)).splitlines() == [
        "4 in all",
        "1 (todo): Write the guide [docs] @Ann",
        "2 (doing): Upgrade PostgreSQL [storage] @ann",
        "more: after=2",
    ]
    assert str(five.search_records("guide")).splitlines() == [
        "1 found",
        "task 1 (todo): Write the guide",
        "  How to install PostgreSQL.",
    ]
    record = five.get_record("task", 1)
    assert str(record).splitlines() == [
        "tasks/0001-write-the-guide.md (todo): Write the guide",
        "tags: docs",
        "assignee: Ann",
        f"version: {record.version}",
        "",
        "How to install PostgreSQL.",
    ]
    assert "(a body of 2119 characters: see `body`" in str(
        five.get_record("task", five.create_task("Long", "x" * 2119).number)
    )
