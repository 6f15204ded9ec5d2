"""Files that people edit: read where they can be, named where they cannot, and changed in one place only."""

from pathlib import Path

import pytest
from sanctuary_host import ToolError

from sanctuary_domain import frontmatter
from sanctuary_domain.records import Records

BY_HAND = """\
---
# kept by the platform team
title: 'Ann''s plan'   # the short one
status: todo
due: 2026-12-24
tags:
  # two of them
  - Docs
  - "data base"

reviewers: {lead: Ann, others: [Bob]}
notes: |
  free text: here
  - and here
assignee: ~
history:
- started long ago
# last words
---
Text right below.
"""


def put(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_file_made_by_hand_is_a_record(records: Records, folder: Path) -> None:
    put(folder, "tasks/7_by hand.md", BY_HAND)

    record = records.get_record("task", 7)

    assert (record.title, record.status, record.tags) == ("Ann's plan", "todo", ("docs", "data-base"))
    assert (record.assignee, record.history, record.body) == ("", ("started long ago",), "Text right below.")
    assert records.create_task("Next").number == 8


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_change_of_status_touches_two_lines_of_a_file(records: Records, folder: Path, line_end: str) -> None:
    path = put(folder, "tasks/0001-x.md", BY_HAND.replace("\n", line_end))
    path.chmod(0o640)
    before = path.read_bytes().decode().split(line_end)

    records.set_task_status(1, "doing")

    after = path.read_bytes().decode().split(line_end)
    added = [line for line in after if line not in before]
    assert len(after) == len(before) + 1
    assert added[0] == "status: doing"
    assert added[1].startswith("- ")
    assert added[1].endswith('todo -> doing"')
    assert [line for line in before if line not in after] == ["status: todo"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_starts_with_a_byte_order_mark_is_read(records: Records, folder: Path) -> None:
    put(folder, "tasks/1.md", b"\xef\xbb\xbf---\ntitle: x\nstatus: done\n---\n")

    assert records.get_record("task", 1).status == "done"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: a record starts with"),
        ("# Just Markdown\n", "line 1: a record starts with"),
        ("---\ntitle: x\n", "not closed"),
        ("---\ntitle: x\n---\n", "status is ''; it must be one of todo, doing, blocked, done"),
        ("---\nstatus: todo\n---\n", "the title is empty"),
        ("---\ntitle: x\nstatus: accepted\n---\n", "status is 'accepted'; it must be"),
        (f"---\ntitle: x\nstatus: {'y' * 500}\n---\n", "y…'; it must be"),
        ("---\ntitle: x\nstatus: todo\nstatus: done\n---\n", "line 4: a field stands there twice"),
        ("---\ntitle: x\nnonsense\n---\n", "line 3: a field is written as name: value"),
        ("---\n  title: x\n---\n", "line 2: an indented line"),
        ("---\ntitle: a: b\nstatus: todo\n---\n", "line 2: the value of title must stand in double quotes"),
        ("---\ntitle: *alias\nstatus: todo\n---\n", "line 2: the value of title must stand in double quotes"),
        ("---\ntitle: !!python/name:os.system x\nstatus: todo\n---\n", "must stand in double quotes"),
        ("---\ntitle: |\n  long\nstatus: todo\n---\n", "title must stand on one line"),
        ('---\ntitle: "open\nstatus: todo\n---\n', "not a well-formed quoted text"),
        ('---\ntitle: "a" b\nstatus: todo\n---\n', "must stand in double quotes"),
        ("---\ntitle: 'open\nstatus: todo\n---\n", "lacks its closing quote"),
        ('---\ntitle: "\\ud800"\nstatus: todo\n---\n', "control characters"),
        ("---\ntitle: a\x1b[31m\nstatus: todo\n---\n", "control characters"),
        (f"---\ntitle: {'x' * 201}\nstatus: todo\n---\n", "200 is the most"),
        ("---\ntitle: x\nstatus: todo\ntags: [a\n---\n", "not a list such as"),
        ("---\ntitle: x\nstatus: todo\ntags: [a, , b]\n---\n", "not a list such as"),
        ("---\ntitle: x\nstatus: todo\ntags: [[a]]\n---\n", "not a list such as"),
        ("---\ntitle: x\nstatus: todo\ntags: [a] b\n---\n", "text after its list"),
        ("---\ntitle: x\nstatus: todo\ntags: {a: b}\n---\n", "must stand in double quotes"),
        ("---\ntitle: x\nstatus: todo\ntags:\n  a: b\n---\n", "not a list of lines"),
        ("---\ntitle: x\nstatus: todo\ntags: a, b\n---\n", "a tag is empty or holds"),
        ("---\ntitle: x\nstatus: todo\nsuperseded_by: many\n---\n", "superseded_by must hold record numbers"),
        ("---\ntitle: x\nstatus: todo\nsuperseded_by: [1, 2]\n---\n", "superseded_by must hold one number"),
        ("---\ntitle: x\nstatus: todo\nsupersedes: [-1]\n---\n", "supersedes must hold record numbers"),
        (b"---\ntitle: \xff\xfe\nstatus: todo\n---\n", "is not UTF-8 text"),
        ("---\n" + "".join(f"k{n}: v\n" for n in range(13_000)) + "---\n", "status is ''"),
        ("---\na:\n" + " x\n" * 40_000 + "---\n", "status is ''"),
        (f"---\ntitle: x\nstatus: todo\ntags: [{'a,' * 60_000}]\n---\n", "60000 tags; 10 is the most"),
        (b"\0" * 100, "line 1"),
        ("---\n" + "x" * 140_000, "larger than 128 KiB"),
    ],
)
def test_a_malformed_file_is_named_with_its_fault_and_hides_no_other(
    records: Records, folder: Path, text: str | bytes, reason: str
) -> None:
    records.create_task("Fine", "needle")
    put(folder, "tasks/0002-bad.md", text)

    listing = records.list_records("task")
    assert [record.title for record in listing.records] == ["Fine"]
    assert len(listing.problems) == 1
    assert listing.problems[0].startswith("tasks/0002-bad.md")
    assert reason in listing.problems[0]
    assert len(listing.problems[0]) < 250
    found = records.search_records("needle")
    assert ([hit.number for hit in found.hits], found.problems) == ([1], listing.problems)
    for call in (lambda: records.get_record("task", 2), lambda: records.set_task_status(2, "doing")):
        with pytest.raises(ToolError) as refusal:
            call()
        assert str(refusal.value) == listing.problems[0]
    assert records.create_task("Another").number == 3


def test_files_that_are_no_records_are_left_alone(records: Records, folder: Path) -> None:
    names = ["README.md", "0000-template.md", "0001-notes.txt", "x0001.md", ".0001.md", "1234567.md", "0002.MD", "٣.md"]
    for name in names:
        put(folder, f"adr/{name}", "free")

    assert records.list_records("adr").total == 0
    assert not records.list_records("adr").problems
    assert records.create_adr("First", "c", "d").number == 1
    assert all((folder / "adr" / name).read_text() == "free" for name in names)


def test_a_number_in_two_files_is_nobodys(records: Records, folder: Path) -> None:
    records.create_task("Mine")
    put(folder, "tasks/1-yours.md", BY_HAND)

    listing = records.list_records("task")

    assert listing.records == ()
    assert listing.problems == ("tasks/: number 1 belongs to 0001-mine.md and 1-yours.md; rename all but one",)
    with pytest.raises(ToolError, match="rename all but one"):
        records.set_task_status(1, "doing")
    assert records.create_task("Next").number == 2


def test_only_ten_problems_are_told(records: Records, folder: Path) -> None:
    for number in range(1, 16):
        put(folder, f"adr/{number:04d}.md", "bad")

    problems = records.list_records("adr").problems

    assert len(problems) == 11
    assert problems[-1] == "and 5 more files"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("x", "x"),
        ("x # comment", "x"),
        ("x#y", "x#y"),
        ("# comment", ""),
        ("~", ""),
        ('"a \\"b\\" \\u00e9" # c', 'a "b" é'),
        ("'it''s'", "it's"),
        ("no", "no"),
        ("-x", "-x"),
        ("http://x", "http://x"),
    ],
)
def test_a_value_is_read_as_the_text_it_is(written: str, read: str) -> None:
    assert frontmatter.parse(f"---\ntitle: {written}\n---\n").text("title") == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" []", ()),
        (" [ ]", ()),
        (" [a]", ("a",)),
        (" [a, b ,c,] # d", ("a", "b", "c")),
        (""" ["a, b", 'c]''d', e]""", ("a, b", "c]'d", "e")),
        (" a", ("a",)),
        ("", ()),
        (" # none", ()),
        ("\n- a\n- b", ("a", "b")),
        ("\n  # c\n  - a # d\n\n  - 'b'", None),
        ("\n  # c\n  - a # d\n  - 'b'", ("a", "b")),
    ],
)
def test_a_list_is_read_in_each_of_its_forms(written: str, read: tuple[str, ...] | None) -> None:
    text = f"---\ntags:{written}\n---\n"
    if read is None:
        with pytest.raises(ToolError, match="line 6: an indented line must follow"):
            frontmatter.parse(text)
    else:
        assert frontmatter.parse(text).texts("tags") == read


@pytest.mark.parametrize(
    "start", ["", "history: [one]\n", "history: one\n", "history:\n- one\n", "history:\n    - one\n"]
)
def test_an_item_is_added_to_a_list_in_each_of_its_forms(start: str) -> None:
    document = frontmatter.parse(f"---\n{start}---\nbody\n")

    again = frontmatter.parse(document.with_item("history", "two").with_item("history", "three").render())

    assert again.texts("history") == (("one", "two", "three") if start else ("two", "three"))
    assert again.body == "body\n"
