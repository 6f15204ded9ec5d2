"""Decisions and tasks on their way from status to status."""

from pathlib import Path
from typing import get_args

import pytest
from sanctuary_host import ToolError

from sanctuary_domain.kinds import NEXT, AdrDecision, TaskStatus
from sanctuary_domain.records import Records

WAYS_TO: dict[TaskStatus, tuple[TaskStatus, ...]] = {
    "todo": (),
    "doing": ("doing",),
    "blocked": ("doing", "blocked"),
    "done": ("doing", "done"),
}


def accepted(records: Records, title: str) -> int:
    number = records.create_adr(title, "context", "decision").number
    assert records.set_adr_status(number, "accepted").status == "accepted"
    return number


def test_a_decision_starts_as_proposed_under_the_number_1(records: Records, folder: Path) -> None:
    saved = records.create_adr("Use PostgreSQL", "We need storage.", "PostgreSQL 17.", "Backups.", tags=("Storage",))

    assert (saved.number, saved.status, saved.file) == (1, "proposed", "adr/0001-use-postgresql.md")
    record = records.get_record("adr", 1)
    assert (record.title, record.tags, record.next_statuses) == (
        "Use PostgreSQL",
        ("storage",),
        ("accepted", "rejected"),
    )
    assert record.body == (
        "## Context\n\nWe need storage.\n\n## Decision\n\nPostgreSQL 17.\n\n## Consequences\n\nBackups."
    )
    assert record.version == saved.version
    assert record.body in (folder / saved.file).read_text(encoding="utf-8")


def test_decisions_and_tasks_are_numbered_each_for_themselves(records: Records) -> None:
    assert records.create_adr("One", "c", "d").number == 1
    assert records.create_task("One").number == 1
    assert records.create_task("Two").number == 2
    assert records.create_adr("Two", "c", "d").number == 2


def test_a_removed_number_in_the_middle_is_not_given_again(records: Records, folder: Path) -> None:
    for title in ("One", "Two", "Three"):
        records.create_task(title)
    (folder / "tasks/0002-two.md").unlink()

    assert records.create_task("Four").number == 4


def test_superseding_links_both_records(records: Records) -> None:
    old, older, new = (accepted(records, title) for title in ("Old", "Older", "New"))

    records.set_adr_status(old, "superseded", superseded_by=new)
    records.set_adr_status(older, "superseded", superseded_by=new, note="one database is enough")

    assert records.get_record("adr", new).supersedes == (old, older)
    assert records.get_record("adr", older).superseded_by == new
    assert records.get_record("adr", older).status == "superseded"
    assert records.get_record("adr", older).history[-1].endswith("accepted -> superseded: one database is enough")


def test_superseding_can_be_repeated_after_a_crash_between_its_two_writes(records: Records, folder: Path) -> None:
    old, new = accepted(records, "Old"), accepted(records, "New")
    path = folder / "adr/0002-new.md"
    path.write_text(path.read_text(encoding="utf-8").replace("history:", "supersedes: [1]\nhistory:"), encoding="utf-8")

    records.set_adr_status(old, "superseded", superseded_by=new)

    assert records.get_record("adr", new).supersedes == (old,)


def test_superseding_writes_both_records_or_none(records: Records, folder: Path) -> None:
    old, new = accepted(records, "Old"), accepted(records, "New")
    path = folder / "adr/0001-old.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "x" * (128 * 1024 - len(text)), encoding="utf-8")

    with pytest.raises(ToolError, match="larger than 128 KiB"):
        records.set_adr_status(old, "superseded", superseded_by=new)

    assert records.get_record("adr", old).status == "accepted"
    assert records.get_record("adr", new).supersedes == ()


@pytest.mark.parametrize("successor", [0, 1, 3, 99])
def test_only_another_accepted_decision_can_supersede(records: Records, successor: int) -> None:
    accepted(records, "Old")
    accepted(records, "New")
    records.create_adr("Proposed", "c", "d")
    before = records.get_record("adr", 1)

    with pytest.raises(ToolError, match=r"superseded_by|there is no ADR 99"):
        records.set_adr_status(1, "superseded", superseded_by=successor)

    assert records.get_record("adr", 1) == before


def test_a_successor_is_refused_with_any_other_status(records: Records) -> None:
    records.create_adr("Old", "c", "d")
    accepted(records, "New")

    with pytest.raises(ToolError, match="leave it out"):
        records.set_adr_status(1, "accepted", superseded_by=2)

    assert records.get_record("adr", 1).status == "proposed"


@pytest.mark.parametrize("status", get_args(AdrDecision))
@pytest.mark.parametrize("end", ["rejected", "deprecated"])
def test_a_final_decision_stays_as_it_is(records: Records, end: AdrDecision, status: AdrDecision) -> None:
    number = records.create_adr("Old", "c", "d").number if end == "rejected" else accepted(records, "Old")
    records.set_adr_status(number, end)

    with pytest.raises(ToolError, match=f"{end}; that is final"):
        records.set_adr_status(number, status)


@pytest.mark.parametrize("new", get_args(TaskStatus))
@pytest.mark.parametrize("old", get_args(TaskStatus))
def test_a_task_moves_only_as_its_states_allow_and_a_refusal_names_them(
    records: Records, old: TaskStatus, new: TaskStatus
) -> None:
    number = records.create_task("Write docs").number
    for status in WAYS_TO[old]:
        records.set_task_status(number, status)
    allowed = NEXT["task"][old]

    if new in allowed:
        assert records.set_task_status(number, new).status == new
        assert records.get_record("task", number).history[-1].endswith(f"{old} -> {new}")
    else:
        with pytest.raises(ToolError, match=f"{old}; from there it can become {' or '.join(allowed)}"):
            records.set_task_status(number, new)
        assert records.get_record("task", number).status == old


def test_a_task_is_handed_over_with_its_status_and_the_history_says_from_whom(records: Records) -> None:
    records.create_task("Write docs", assignee="Ann")

    records.set_task_status(1, "doing", assignee="Bob", note="Ann is away")
    assert records.get_record("task", 1).assignee == "Bob"
    records.set_task_status(1, "todo", assignee="nobody")

    record = records.get_record("task", 1)
    assert record.assignee == ""
    assert record.history[0].endswith("todo -> doing (Ann -> Bob): Ann is away")
    assert record.history[1].endswith("doing -> todo (Bob -> nobody)")


def test_the_file_keeps_the_whole_history_and_the_answer_its_newest_lines(records: Records, folder: Path) -> None:
    records.create_task("Write docs")
    for turn in range(15):
        records.set_task_status(1, "doing", note=f"turn {turn}")
        records.set_task_status(1, "todo")

    assert (folder / "tasks/0001-write-docs.md").read_text(encoding="utf-8").count(" -> ") == 30
    history = records.get_record("task", 1).history
    assert len(history) == 20
    assert history[-1].endswith("doing -> todo")
    assert not any("turn 4" in line for line in history)


def test_an_edit_changes_what_it_names_and_nothing_else(records: Records) -> None:
    records.create_task("Write docs", "All of them.", ("docs",), "Ann")
    records.set_task_status(1, "doing")
    before = records.get_record("task", 1)

    saved = records.edit_record("task", 1, version=before.version, body="Only the README.\n\n---\nstatus: done")

    after = records.get_record("task", 1)
    assert after.body == "Only the README.\n\n---\nstatus: done"
    assert (after.title, after.status, after.tags, after.assignee, after.history) == (
        before.title,
        "doing",
        ("docs",),
        "Ann",
        before.history,
    )
    assert after.version == saved.version != before.version


def test_an_edit_of_an_outdated_version_is_refused(records: Records) -> None:
    version = records.create_task("Write docs").version
    records.set_task_status(1, "doing")

    with pytest.raises(ToolError, match="has changed since that version; get_record"):
        records.edit_record("task", 1, version=version, title="Lose the status")

    assert records.get_record("task", 1).title == "Write docs"


def test_an_edit_can_take_tags_and_assignee_away(records: Records) -> None:
    version = records.create_task("Write docs", tags=("docs",), assignee="Ann").version

    records.edit_record("task", 1, version=version, tags=(), assignee="nobody")

    record = records.get_record("task", 1)
    assert (record.tags, record.assignee) == ((), "")


def test_an_accepted_decision_keeps_its_text_but_not_its_tags(records: Records) -> None:
    accepted(records, "Use PostgreSQL")
    version = records.get_record("adr", 1).version

    with pytest.raises(ToolError, match="accepted; its title and text stay"):
        records.edit_record("adr", 1, version=version, title="Use SQLite")
    with pytest.raises(ToolError, match="accepted; its title and text stay"):
        records.edit_record("adr", 1, version=version, body="No.")
    records.edit_record("adr", 1, version=version, tags=("storage",))

    assert records.get_record("adr", 1).tags == ("storage",)


@pytest.mark.parametrize(("assignee", "reason"), [("", "nothing to change"), ("Ann", "has no assignee")])
def test_an_edit_that_makes_no_sense_is_refused(records: Records, assignee: str, reason: str) -> None:
    version = records.create_adr("Use PostgreSQL", "c", "d").version

    with pytest.raises(ToolError, match=reason):
        records.edit_record("adr", 1, version=version, assignee=assignee)


def test_a_missing_record_is_named(records: Records) -> None:
    with pytest.raises(ToolError, match="there is no task 7; list_records"):
        records.get_record("task", 7)
    with pytest.raises(ToolError, match="there is no ADR 7"):
        records.set_adr_status(7, "accepted")
    with pytest.raises(ToolError, match="end at 999999"):
        records.get_record("adr", 10**5000)
