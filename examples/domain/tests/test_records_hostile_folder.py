"""What somebody may plant in the folder: links, pipes, sockets and folders in the place of records."""

import fcntl
import os
import socket
from pathlib import Path

import pytest
from sanctuary_host import ToolError

from sanctuary_domain.folder import MAX_FILES, Folder
from sanctuary_domain.records import Records

RECORD = "---\ntitle: outside\nstatus: todo\n---\n\nsecret\n"


def plant(what: str, path: Path, outside: Path) -> None:
    match what:
        case "link to a file outside":
            path.symlink_to(outside)
        case "link to a record inside":
            path.symlink_to("0001-mine.md")
        case "dangling link":
            path.symlink_to(outside.with_name("nothing"))
        case "link to itself":
            path.symlink_to(path.name)
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "named pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            # A socket's path must be short, so it is bound by its name.
            here = Path.cwd()
            os.chdir(path.parent)
            try:
                with socket.socket(socket.AF_UNIX) as bound:
                    bound.bind(path.name)
            finally:
                os.chdir(here)


KINDS_OF_PLANTS = [
    "link to a file outside",
    "link to a record inside",
    "dangling link",
    "link to itself",
    "link to a device",
    "named pipe",
    "folder",
    "socket",
]


@pytest.mark.parametrize("what", KINDS_OF_PLANTS)
def test_what_is_no_plain_file_is_named_and_never_read_or_written(records: Records, folder: Path, what: str) -> None:
    outside = folder.parent / "outside.md"
    outside.write_text(RECORD, encoding="utf-8")
    version = records.create_task("Mine").version
    planted = folder / "tasks/0002-planted.md"
    plant(what, planted, outside)

    listing = records.list_records("task")
    assert [record.title for record in listing.records] == ["Mine"]
    assert len(listing.problems) == 1
    assert listing.problems[0].startswith("tasks/0002-planted.md is ")
    assert records.search_records("secret").total == 0
    for call in (
        lambda: records.get_record("task", 2),
        lambda: records.set_task_status(2, "doing"),
        lambda: records.edit_record("task", 2, version=version, title="Taken"),
    ):
        with pytest.raises(ToolError, match=r"^tasks/0002-planted.md is (a link or|not a plain file)"):
            call()
    assert records.create_task("Next").number == 3
    assert planted.is_symlink() == what.startswith(("link", "dangling"))
    assert outside.read_text(encoding="utf-8") == RECORD


def test_a_subfolder_that_is_a_link_is_not_followed(records: Records, folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "0001-outside.md").write_text(RECORD, encoding="utf-8")
    (folder / "tasks").symlink_to(outside, target_is_directory=True)

    for call in (
        lambda: records.list_records("task"),
        lambda: records.get_record("task", 1),
        lambda: records.create_task("Mine"),
        lambda: records.set_task_status(1, "doing"),
        lambda: records.search_records("secret"),
    ):
        with pytest.raises(ToolError, match="tasks/ in the records' folder is a link or no folder"):
            call()
    assert [path.name for path in outside.iterdir()] == ["0001-outside.md"]
    assert (outside / "0001-outside.md").read_text(encoding="utf-8") == RECORD
    assert records.create_adr("Decisions are not concerned", "c", "d").number == 1
    assert records.search_records("concerned", kind="adr").total == 1


def test_a_subfolder_that_is_a_pipe_does_not_hang(records: Records, folder: Path) -> None:
    os.mkfifo(folder / "tasks")

    with pytest.raises(ToolError, match="no folder"):
        records.list_records("task")
    with pytest.raises(ToolError, match="no folder"):
        records.create_task("Mine")


def test_a_link_in_the_draft_s_place_is_not_written_through(records: Records, folder: Path) -> None:
    outside = folder.parent / "outside.md"
    outside.write_text(RECORD, encoding="utf-8")
    records.create_task("Mine")
    (folder / "tasks/.draft").symlink_to(outside)
    records.create_task("Next")
    (folder / "tasks/.draft").symlink_to(outside)
    records.set_task_status(1, "doing")

    assert outside.read_text(encoding="utf-8") == RECORD
    assert sorted(path.name for path in (folder / "tasks").iterdir()) == ["0001-mine.md", "0002-next.md"]


def test_the_draft_of_a_writer_that_died_is_swept_away(records: Records, folder: Path) -> None:
    records.create_task("Mine")
    (folder / "tasks/.draft").write_text("half a rec", encoding="utf-8")

    assert records.create_task("Next").number == 2
    assert not (folder / "tasks/.draft").exists()


def test_a_disk_that_does_not_take_the_record_is_said_and_the_old_record_stays(records: Records, folder: Path) -> None:
    records.create_task("Mine")
    before = (folder / "tasks/0001-mine.md").read_bytes()
    (folder / "tasks/.draft").mkdir()

    with pytest.raises(ToolError, match=r"^tasks/0001-mine.md cannot be written: "):
        records.set_task_status(1, "doing")

    assert (folder / "tasks/0001-mine.md").read_bytes() == before


def test_a_change_never_writes_into_a_file_that_has_a_second_name(records: Records, folder: Path) -> None:
    outside = folder.parent / "outside.md"
    outside.write_text(RECORD, encoding="utf-8")
    (folder / "tasks").mkdir()
    os.link(outside, folder / "tasks/0001-planted.md")

    records.set_task_status(1, "doing")

    assert outside.read_text(encoding="utf-8") == RECORD
    assert "doing" in (folder / "tasks/0001-planted.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", [b"0002-\x1b[31mred.md", b"0002-\xff\xfe.md", b"0002-a\nb.md", b"0002-" + b"x" * 240 + b".md"]
)
def test_a_strange_file_name_is_shown_in_plain_characters(records: Records, folder: Path, name: bytes) -> None:
    records.create_task("Mine")
    (folder / "tasks" / os.fsdecode(name)).write_text("bad", encoding="utf-8")

    problem = records.list_records("task").problems[0]

    assert problem.startswith("tasks/0002-")
    assert problem.isprintable()
    assert len(problem) < 200


def test_the_folder_itself_may_be_a_link_of_the_operator_s(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder, target_is_directory=True)

    assert Records(Folder(link)).create_task("Mine").file == "tasks/0001-mine.md"
    assert (folder / "tasks/0001-mine.md").is_file()


@pytest.mark.parametrize("what", ["missing", "file", "pipe"])
def test_a_folder_that_is_none_is_said_and_not_made(tmp_path: Path, what: str) -> None:
    path = tmp_path / "records"
    if what == "file":
        path.touch()
    elif what == "pipe":
        os.mkfifo(path)
    records = Records(Folder(path))

    for call in (lambda: records.create_task("Mine"), lambda: records.list_records("adr")):
        with pytest.raises(ToolError, match=r"^the records' folder \(SANCTUARY_DATA\) cannot be used: "):
            call()
    assert path.exists() == (what != "missing")


def test_the_tools_serve_again_once_the_folder_is_there(tmp_path: Path) -> None:
    records = Records(Folder(tmp_path / "records"))
    with pytest.raises(ToolError):
        records.create_task("Too early")

    (tmp_path / "records").mkdir()

    assert records.create_task("Now").number == 1


def test_a_full_subfolder_takes_no_more_and_an_overfull_one_is_refused(records: Records, folder: Path) -> None:
    (folder / "tasks").mkdir()
    for number in range(MAX_FILES):
        (folder / f"tasks/{number}.txt").touch()

    with pytest.raises(ToolError, match="tasks/ is full"):
        records.create_task("One too many")
    assert records.list_records("task").total == 0

    (folder / "tasks/more.txt").touch()
    with pytest.raises(ToolError, match="holds more than 5000 files"):
        records.list_records("task")


def test_the_last_number_is_the_last(records: Records, folder: Path) -> None:
    (folder / "tasks").mkdir()
    (folder / "tasks/999999-planted.md").write_text(RECORD, encoding="utf-8")

    with pytest.raises(ToolError, match="tasks/ is full"):
        records.create_task("One too many")


def test_a_lock_that_is_never_let_go_ends_in_a_sentence(folder: Path) -> None:
    records = Records(Folder(folder, patience=0.02))
    records.create_task("Mine")
    holder = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        for call in (lambda: records.create_task("Next"), lambda: records.list_records("task")):
            with pytest.raises(ToolError, match="another process is changing the records"):
                call()
    finally:
        os.close(holder)
    assert records.create_task("Next").number == 2


def test_no_call_leaves_an_open_file_behind(records: Records, folder: Path) -> None:
    records.create_task("Mine")
    os.mkfifo(folder / "tasks/0002-pipe.md")
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(3):
        records.list_records("task")
        records.search_records("mine")
        with pytest.raises(ToolError):
            records.set_task_status(2, "doing")
        with pytest.raises(ToolError):
            records.set_task_status(1, "done")

    assert len(list(Path("/dev/fd").iterdir())) == before
