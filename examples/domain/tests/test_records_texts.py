"""Whatever text a caller sends, the file says it in one way only."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sanctuary_host import ToolError

from sanctuary_domain import frontmatter
from sanctuary_domain.folder import Folder
from sanctuary_domain.frontmatter import Document
from sanctuary_domain.records import Records


def front(path: Path) -> Any:
    """What a YAML library understands of a record's fields."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8").split("\n---\n")[0])


HOSTILE_TITLES = {
    "../../etc/passwd": "0001-etc-passwd.md",
    "/etc/passwd": "0001-etc-passwd.md",
    "..": "0001.md",
    ".hidden": "0001-hidden.md",
    "CON": "0001-con.md",
    "a\nstatus: done\n---\nb": "0001-a-status-done-b.md",
    "---": "0001.md",
    "\u2028status: done\u2028---": "0001-status-done.md",
    "Use: colons # and hashes": "0001-use-colons-and-hashes.md",
    "!!python/object/apply:os.system [id]": "0001-python-object-apply-os-system-id.md",
    "&a *a {b: [c]}": "0001-a-a-b-c.md",
    '"quoted" and \\ escaped \\u0041': "0001-quoted-and-escaped-u0041.md",
    "'": "0001.md",
    "yes": "0001-yes.md",
    "null": "0001-null.md",
    "2026-01-01": "0001-2026-01-01.md",
    "1e3": "0001-1e3.md",
    "🚀 Größe": "0001-grosse.md",
    "决定": "0001.md",
    "Z̴a̴l̴g̴o̴": "0001-zalgo.md",
    "x" * 200: f"0001-{'x' * 50}.md",
    "%SystemRoot%|nul:<>?*": "0001-systemroot-nul.md",
}


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_a_title_never_leaves_its_field_nor_its_folder(records: Records, folder: Path, title: str) -> None:
    saved = records.create_task(title, tags=("a", "b"))

    assert [path.name for path in folder.rglob("*.md")] == [HOSTILE_TITLES[title]]
    record = records.get_record("task", saved.number)
    assert record.title == " ".join(title.split())
    assert (record.status, record.tags, record.body) == ("todo", ("a", "b"), "")
    assert set(front(folder / saved.file)) == {"title", "status", "created", "tags"}
    assert front(folder / saved.file)["title"] == record.title


@pytest.mark.parametrize(
    ("title", "reason"),
    [
        ("", "title is empty"),
        (" \n\t", "title is empty"),
        ("nul\0byte", "control characters"),
        ("\x1b[31mred", "control characters"),
        ("\x9b31m", "control characters"),
        ("lone \ud800 surrogate", "control characters"),
        ("gpj.\u202etxt", "control characters"),
        ("x" * 201, "200 is the most"),
        ("x" * 10_000, "10000 characters; 200 is the most"),
    ],
)
def test_a_title_that_cannot_be_shown_is_refused_and_leaves_nothing(
    records: Records, folder: Path, title: str, reason: str
) -> None:
    with pytest.raises(ToolError, match=reason) as refusal:
        records.create_task(title)

    assert len(str(refusal.value)) < 100
    assert not list(folder.rglob("*"))


@pytest.mark.parametrize("body", ["nul\0byte", "\x1b]0;title\x07", "lone \ud800"])
def test_a_text_with_control_characters_is_refused(records: Records, body: str) -> None:
    with pytest.raises(ToolError, match="control characters"):
        records.create_task("Write docs", body)


@pytest.mark.parametrize(
    "body", ["---\nstatus: done\n---", "\n\n---\n", "a\n...\n--- b", "\t- code\n\n\n- list", "é🚀\u2028"]
)
def test_a_text_comes_back_as_it_was_but_for_the_blank_lines_around_it(records: Records, body: str) -> None:
    records.create_task("Write docs", body)

    record = records.get_record("task", 1)
    assert record.body == body.strip("\n").rstrip()
    assert record.status == "todo"


def test_line_ends_become_plain(records: Records) -> None:
    records.create_task("Write docs", "one\r\ntwo\rthree")

    assert records.get_record("task", 1).body == "one\ntwo\nthree"


@pytest.mark.parametrize("tag", ["", "a,b", "[a", "-x", "a: b", "a]", "x" * 41, "a\0", "#x", '"'])
def test_a_tag_that_is_no_word_is_refused(records: Records, tag: str) -> None:
    with pytest.raises(ToolError, match=r"tag"):
        records.create_task("Write docs", tags=(tag,))


def test_tags_are_kept_in_lower_case_and_once(records: Records, folder: Path) -> None:
    records.create_task("Write docs", tags=("Data Base", "no", "2026", "C++", "c++", "größe"))

    assert records.get_record("task", 1).tags == ("data-base", "no", "2026", "c++", "grösse")
    assert front(folder / "tasks/0001-write-docs.md")["tags"] == ["data-base", "no", "2026", "c++", "grösse"]


def test_eleven_tags_are_refused(records: Records) -> None:
    with pytest.raises(ToolError, match="10 is the most"):
        records.create_task("Write docs", tags=tuple("abcdefghijk"))


def test_a_note_stays_one_line_of_the_history(records: Records, folder: Path) -> None:
    records.create_task("Write docs")

    records.set_task_status(1, "doing", note='why\n---\nstatus: done\n- "x" # y')

    record = records.get_record("task", 1)
    assert record.status == "doing"
    assert record.history[0].endswith('todo -> doing: why --- status: done - "x" # y')
    assert front(folder / "tasks/0001-write-docs.md")["history"] == list(record.history)


def test_a_record_does_not_outgrow_what_can_be_read(records: Records) -> None:
    records.create_task("Write docs", "x" * 130_000)
    before = records.get_record("task", 1)

    def fill() -> None:
        for _ in range(10):
            records.set_task_status(1, "doing", note="y" * 500)
            records.set_task_status(1, "todo", note="y" * 500)

    with pytest.raises(ToolError, match="larger than 128 KiB; shorten"):
        fill()

    assert records.get_record("task", 1).body == before.body


@example("a\u2028b")
@example("a\x85b")
@example("\x7f")
@example("\ufeffa\ufffe")
@example("no")
@example("a: b # c")
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80))
def test_a_yaml_library_reads_every_field_as_it_was_written(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    document = Document().with_value("title", text).with_list("tags", [text, "b"]).with_item("history", text)

    rendered = document.with_item("history", "later").render()

    again = frontmatter.parse(rendered)
    assert again.texts("tags") == (text, "b")
    assert again.texts("history") == (text, "later")
    assert again.text("title") == text
    assert yaml.safe_load(rendered.split("\n---\n")[0]) == {
        "title": text,
        "tags": [text, "b"],
        "history": [text, "later"],
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(max_size=220), body=st.text(max_size=200), tag=st.text(max_size=10))
def test_any_text_is_kept_or_refused_with_a_sentence(tmp_path: Path, title: str, body: str, tag: str) -> None:
    records = Records(Folder(tmp_path))
    try:
        saved = records.create_task(title, body, (tag,))
    except ToolError:
        return
    record = records.get_record("task", saved.number)
    assert record.title == " ".join(title.split())
    assert record.status == "todo"
    assert not records.list_records("task", after=saved.number - 1).problems
