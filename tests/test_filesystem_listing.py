"""list_dir: what stands in one folder, in pages that go on, whatever is in it and whatever happens to it meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from sanctuary_filesystem.listing import Listing
from sanctuary_host import ToolError
from sanctuary_host.doors import PathError, Tree, Trees
from sanctuary_host.folders import Folder
from sanctuary_host.testing import connected

SWAPPER = """
import os, sys
inside, aside, outside = sys.argv[1:]
print("ready", flush=True)
while True:
    os.rename(inside, aside)
    os.symlink(outside, inside)
    os.unlink(inside)
    os.rename(aside, inside)
"""


def listing_of(*folders, writable=True):
    return Listing(Trees([Tree(Folder(folder.name, str(folder), writable)) for folder in folders]))


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A folder of 200,000 entries."""
    folder = tmp_path_factory.mktemp("crowd")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    first = ""
    for number in range(200_000):
        name = f"entry-with-a-name-{number:06}"
        if number % 50_000:  # another name for a file is made in half the time; a file may have 65,000
            os.link(first, name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
        else:
            os.mknod(first := name, dir_fd=descriptor)
    os.close(descriptor)
    yield folder
    shutil.rmtree(folder)


def head_and_lines(answer):
    head, *lines = answer.split("\n")
    assert re.fullmatch(r"\[.*\]", head)
    return head, lines


def cursor_in(answer):
    found = re.search(r'next cursor "([^"]+)"', answer.split("\n")[0])
    return found[1] if found else None


def test_folders_come_first_each_with_a_slash(work):
    for name in ("b.txt", "a.txt", ".env"):
        (work / name).touch()
    (work / "zoo").mkdir()
    assert listing_of(work).list_dir() == "[.: 1 folder, 3 files]\nzoo/\n.env\na.txt\nb.txt"


def test_an_empty_folder_is_said_to_be_empty(work):
    assert listing_of(work).list_dir() == "[.: empty]"


def test_largest_and_newest_come_first_with_size_and_time(work):
    for name, size, at in (("small", 1, 3_000_000_000), ("big", 5000, 1_000_000_000), ("mid", 70, 2_000_000_000)):
        (work / name).write_bytes(b"x" * size)
        os.utime(work / name, (at, at))
    listing = listing_of(work)
    _, lines = head_and_lines(listing.list_dir(sort="largest"))
    assert [line.split() for line in lines] == [
        ["5,000", "2001-09-09", "01:46:40", "big"],
        ["70", "2033-05-18", "03:33:20", "mid"],
        ["1", "2065-01-24", "05:20:00", "small"],
    ]
    _, lines = head_and_lines(listing.list_dir(sort="newest"))
    assert [line.split()[-1] for line in lines] == ["small", "mid", "big"]


def test_a_link_is_shown_with_what_it_leads_to_and_never_where(work, outside):
    (work / "real").mkdir()
    (work / "real/file").touch()
    for name, target in {
        "to-file": "real/file",
        "to-folder": "real",
        "to-outside": str(outside / "secret.txt"),
        "up": "../outside",
        "dangling": "nothing",
        "loop": "loop",
        "chain": "to-file",
        "root": "/",
        "magic": "/proc/self/cwd",
    }.items():
        (work / name).symlink_to(target)
    nowhere = " (link to nothing in here)"
    _, lines = head_and_lines(listing_of(work).list_dir())
    assert lines == [
        "real/",
        "chain (link to a file)",
        *(f"{name}{nowhere}" for name in ("dangling", "loop", "magic", "root")),
        "to-file (link to a file)",
        "to-folder (link to a folder)",
        *(f"{name}{nowhere}" for name in ("to-outside", "up")),
    ]


def test_pipes_and_sockets_are_named_as_such(work):
    os.mkfifo(work / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        descriptor = os.open(work, os.O_RDONLY)
        one.bind(f"/proc/self/fd/{descriptor}/plug")  # paths of sockets must be short
        os.close(descriptor)
        assert listing_of(work).list_dir() == "[.: 2 special files]\npipe (a named pipe)\nplug (a socket)"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("line\nbreak", "line\\nbreak"), ("esc\x1b[31m", "esc\\u001b[31m"), ("\u202eright", "\\u202eright"), ("back\\n", "back\\\\n"),
        ("-rf", "-rf"), ("*.py", "*.py"), (" ", " "), ("é日本", "é日本"), ("x" * 255, "x" * 255), ("bad\udcff\udc80", "bad\\xff\\x80"),
    ],
)  # fmt: skip
def test_every_name_stands_on_one_line_in_valid_unicode(work, name, shown):
    (work / name).touch()
    head, lines = head_and_lines(listing_of(work).list_dir())
    assert (head, lines[0]) == ("[.: 1 file]", shown)
    assert len(lines) == (2 if "\\" in shown else 1)
    assert "\n".join(lines).encode()


def test_a_tree_view_shows_some_levels_and_what_it_leaves_out(work):
    (work / "src/deep/deeper").mkdir(parents=True)
    (work / "src/deep/deeper/end").touch()
    (work / ".git/objects").mkdir(parents=True)
    (work / "out/one").mkdir(parents=True)
    (work / ".gitignore").write_text("out/\n/src/many\n")
    (work / "many").mkdir()
    for number in range(25):
        (work / f"many/{number:02}").touch()
    _, lines = head_and_lines(listing_of(work).list_dir(depth=3))
    assert lines == [
        ".git/", "many/", *(f"  {number:02}" for number in range(20)), "  … 5 more", "out/", "  … ignored; list it by itself",
        "src/", "  deep/", "    deeper/", ".gitignore",
    ]  # fmt: skip


def test_a_tree_view_goes_on_with_its_cursor(work):
    for one in "abcdef":
        (work / one).mkdir()
        for number in range(5):
            (work / one / f"{number}").touch()
    listing = listing_of(work)
    answer = listing.list_dir(depth=2, limit=12)
    met = [line for line in head_and_lines(answer)[1] if line.endswith("/")]
    assert met == ["a/", "b/"]
    while cursor := cursor_in(answer):
        answer = listing.list_dir(depth=2, limit=12, cursor=cursor)
        met += [line for line in head_and_lines(answer)[1] if line.endswith("/")]
    assert met == [f"{one}/" for one in "abcdef"]


@pytest.mark.parametrize("sort", ["name", "largest", "newest"])
def test_pages_hold_every_entry_once_while_others_come_and_go(work, sort):
    lasting = [f"file-{number:03}" for number in range(100)]
    for number, name in enumerate(lasting):
        (work / name).write_bytes(b"x" * (number % 7))
    listing = listing_of(work)
    answer = listing.list_dir(sort=sort, limit=9)
    found = [line.split()[-1] for line in head_and_lines(answer)[1]]
    turn = 0
    while cursor := cursor_in(answer):
        turn += 1
        (work / f"file-{turn:03}-new").touch()
        (work / f"file-{turn - 1:03}-new").unlink(missing_ok=True)
        answer = listing.list_dir(sort=sort, limit=9, cursor=cursor)
        found += [line.split()[-1] for line in head_and_lines(answer)[1]]
    assert sorted(name for name in found if not name.endswith("new")) == lasting


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "=" * 50, "A" * 100_000, "../../etc", "\0"])
def test_what_is_no_cursor_is_refused(work, cursor):
    with pytest.raises(ToolError, match="leave it out to begin anew"):
        listing_of(work).list_dir(cursor=cursor)


def test_a_cursor_serves_only_the_query_that_gave_it(work):
    for number in range(5):
        (work / f"{number}").touch()
    (work / "sub").mkdir()
    listing = listing_of(work)
    cursor = cursor_in(listing.list_dir(limit=2))
    for other in ({"path": "sub"}, {"sort": "newest"}, {"depth": 2}):
        with pytest.raises(ToolError, match="another query"):
            listing.list_dir(limit=2, cursor=cursor, **other)
    assert listing.list_dir(path="./", limit=2, cursor=cursor).endswith("1\n2")


@pytest.mark.parametrize(
    "path", ["..", "/", "/etc", "../outside", "away", "away/", "work/../..", "nothing", "loop", "a/../../outside", "/proc/self/cwd", "~", "a\0b"]
)  # fmt: skip
def test_whatever_is_outside_or_missing_is_refused_alike(work, outside, path):
    (work / "away").symlink_to(outside)
    (work / "loop").symlink_to("loop")
    (work / "a").mkdir()
    listing = listing_of(work)
    for call in (listing.list_dir, lambda path: listing.find_files("*", path)):
        with pytest.raises(
            PathError, match=r"^there is no .* in work(; paths start [^;]*)?$|^.* is no path$|^.* in it is too long$"
        ):
            call(path)


def test_a_file_is_said_to_be_no_folder(work):
    (work / "notes.md").touch()
    os.mkfifo(work / "pipe")
    with pytest.raises(PathError, match=r"^notes\.md is a file, not a folder; see read_file"):
        listing_of(work).list_dir("notes.md")
    with pytest.raises(PathError, match=r"^pipe is a named pipe, not a folder"):
        listing_of(work).find_files("*", "pipe")


def test_the_folder_that_is_ours_is_left_out_of_writable_trees_at_their_top(work):
    for name in (".sanctuary", "sub/.sanctuary"):
        (work / name).mkdir(parents=True)
        (work / name / "trash").touch()
    listing = listing_of(work)
    assert listing.list_dir() == "[.: 1 folder]\nsub/"
    assert listing.find_files() == "[.: 1 found]\nsub/.sanctuary/trash"
    assert "\n.sanctuary/" in listing_of(work, writable=False).list_dir()


def test_several_folders_are_named_and_stand_before_each_path(work, outside):
    (work / "a.py").touch()
    listing = listing_of(work, outside)
    assert listing.list_dir() == "[work:.: 1 file; all folders: work:, outside:]\na.py"
    assert listing.find_files("*.txt", "outside:") == "[outside:.: 1 found]\noutside:secret.txt"


def test_an_absolute_path_within_a_folder_is_the_same_as_one_from_it(work):
    (work / "sub").mkdir()
    (work / "sub/a").touch()
    assert listing_of(work).list_dir(str(work / "sub")) == listing_of(work).list_dir("sub")


def test_a_name_that_cannot_be_looked_at_any_more_does_not_fail_the_list(work):
    (work / "old").touch()
    os.utime(work / "old", ns=(0, -(2**62)))
    _, lines = head_and_lines(listing_of(work).list_dir(sort="newest"))
    assert lines[0].endswith(" old")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_says_so(work):
    (work / "shut").mkdir(mode=0)
    with pytest.raises(PathError, match="not permitted"):
        listing_of(work).list_dir("shut")
    assert "1 folders could not be read" in listing_of(work).find_files()
    (work / "shut").chmod(0o700)


async def test_two_hundred_thousand_entries_are_listed_within_the_memory_of_a_call(crowd, tmp_path):
    audit = str(tmp_path / "audit.jsonl")
    async with connected("filesystem", SANCTUARY_WORKSPACE=str(crowd), SANCTUARY_AUDIT=audit) as client:
        for arguments in ({}, {"sort": "newest"}):
            text = (await client.call_tool("list_dir", {"limit": 2, **arguments})).content[0].text
            assert "200,000 files" in text
            reply = await client.call_tool("list_dir", {"limit": 2, "cursor": cursor_in(text), **arguments})
            assert "3-4 of 200,000" in reply.content[0].text
        for arguments, many in (({"sort": "newest"}, "1-200 of 200,000 found"), ({"pattern": "*9999"}, "20 found")):
            reply = await client.call_tool("find_files", arguments)
            assert many in reply.content[0].text


async def test_the_tools_work_through_a_client_and_leave_a_record(work, tmp_path):
    (work / "src").mkdir()
    (work / "src/main.py").touch()
    audit = tmp_path / "audit.jsonl"
    async with connected("filesystem", SANCTUARY_WORKSPACE=f"{work}:rw", SANCTUARY_AUDIT=str(audit)) as client:
        listed = await client.call_tool("list_dir", {"depth": 2})
        found = await client.call_tool("find_files", {"pattern": "*.py"})
        refused = await client.call_tool("list_dir", {"path": "../outside"})
    assert listed.content[0].text == "[.: 1 folder]\nsrc/\n  main.py"
    assert found.content[0].text == "[.: 1 found]\nsrc/main.py"
    assert (listed.structured_content, found.structured_content) == (None, None)
    assert refused.is_error
    assert refused.content[0].text == "there is no ../outside in work"
    assert "*.py" in audit.read_text()
    assert "../outside" in audit.read_text()


async def test_without_a_folder_the_tools_say_what_to_set(tmp_path):
    async with connected("filesystem", SANCTUARY_AUDIT=str(tmp_path / "audit.jsonl")) as client:
        for tool in ("list_dir", "find_files"):
            reply = await client.call_tool(tool, {})
            assert reply.is_error
            assert "SANCTUARY_WORKSPACE" in reply.content[0].text


def test_a_folder_swapped_for_a_link_to_outside_shows_nothing_of_it(work, outside):
    (work / "door/deep").mkdir(parents=True)
    (work / "door/mine").touch()
    (work / "door/deep/mine").touch()
    (outside / "deep").mkdir()
    (outside / "deep/secret.md").touch()
    listing = listing_of(work)
    calls = [
        lambda: listing.list_dir("door"),
        lambda: listing.list_dir(depth=3),
        lambda: listing.find_files(kind="any", sort="newest"),
        lambda: listing.find_files("door/**", ignored=True),
        lambda: listing.find_files("*", "door/deep"),
    ]
    seen = set()
    command = [sys.executable, "-S", "-c", SWAPPER, str(work / "door"), str(work / "aside"), str(outside)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as swapper:
        assert swapper.stdout.readline() == b"ready\n"
        for turn in range(2000):
            call = calls[turn % len(calls)]
            try:
                seen.update(re.findall(r"[\w.]+", call()))
            except PathError:
                seen.add("refused")
        swapper.kill()
    assert {"mine", "refused"} <= seen
    assert not any("secret" in word for word in seen)
