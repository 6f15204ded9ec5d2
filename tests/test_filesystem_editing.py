"""Writing and editing files: what is asked for changes, and not a byte, bit or attribute beside."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from sanctuary_filesystem.editing import Editing
from sanctuary_filesystem.forms import form_of
from sanctuary_filesystem.replacing import Edit, replaced
from sanctuary_filesystem.roots import open_roots
from sanctuary_filesystem.unified import diff_of
from sanctuary_host import Boundary, Host, Mount, ToolError
from sanctuary_host.doors import changing
from sanctuary_host.testing import connected

SOURCE = "import os\n\n\ndef foo(a, b):\n    x = 1\n    return a + b\n\n\ndef bar(a, b):\n    x = 2\n    return a - b\n"


@pytest.fixture
def top(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def tools(top):
    host = Host(
        "filesystem", {"SANCTUARY_WORKSPACE": f"{top}:rw"}, Boundary(mounts=(Mount("SANCTUARY_WORKSPACE", "rw"),))
    )
    yield Editing(open_roots(host))
    for ending in host.endings:
        ending()


def served(top, mode="rw"):
    return connected(
        "filesystem", SANCTUARY_WORKSPACE=f"{top}:{mode}", SANCTUARY_AUDIT=str(top.parent / "audit" / "trail")
    )


def put(top, name, content):
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def edited(content, *edits):
    form = form_of(content)
    assert form is not None
    return replaced(content, form, edits).content


def refusal(content, *edits):
    with pytest.raises(ToolError) as refused:
        edited(content if isinstance(content, bytes) else content.encode(), *edits)
    return str(refused.value)


async def test_a_client_writes_edits_and_is_told_what_became_of_it(top):
    async with served(top) as client:
        made = await client.call_tool("write_file", {"path": "new/deep/file.py", "content": SOURCE})
        etag = made.structured_content["etag"]
        tried = await client.call_tool(
            "edit_file",
            {
                "path": "new/deep/file.py",
                "edits": [{"old": "a + b", "new": "a * b"}],
                "etag": etag,
                "dry_run": True,
            },
        )
        untouched = (top / "new/deep/file.py").read_text()
        done = await client.call_tool(
            "edit_file",
            {
                "path": "new/deep/file.py",
                "edits": [{"old": "a + b", "new": "a * b"}, {"old": "a * b\n", "new": "a * b * 2\n"}],
                "etag": etag,
            },
        )
        outside = await client.call_tool("edit_file", {"path": "../x", "edits": [{"old": "s3cret", "new": "y"}]})
        stale = await client.call_tool("write_file", {"path": "new/deep/file.py", "content": "lost?", "etag": etag})
    assert (made.structured_content["created"], made.structured_content["bytes"]) == (True, len(SOURCE))
    assert "-    return a + b\n+    return a * b" in tried.content[0].text
    assert untouched == SOURCE
    assert done.structured_content["replaced"] == 2
    assert done.structured_content["diff"].splitlines()[4:6] == ["-    return a + b", "+    return a * b * 2"]
    assert "diff" not in done.content[0].text
    assert outside.is_error
    trail = "".join(path.read_text() for path in (top.parent / "audit").iterdir())
    assert ['"new/deep/file.py"' in trail, '"../x"' in trail, "s3cret" in trail] == [True, True, False]
    assert stale.is_error
    assert "read it again" in stale.content[0].text
    assert (top / "new/deep/file.py").read_text() == SOURCE.replace("a + b", "a * b * 2")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", ""), ("utf-8", "\ufeff"), ("latin-1", ""), ("utf-16-le", "\ufeff"), ("utf-16-be", "\ufeff")],
)
def test_an_edit_speaks_the_files_encoding_and_its_line_ends(encoding, mark, end):
    before = f"{mark}naïve{end}café{end}end"
    after = edited(before.encode(encoding), Edit("naïve\ncafé", "näive\nthé\ncafé"))
    assert after == f"{mark}näive{end}thé{end}café{end}end".encode(encoding)


def test_in_a_file_of_mixed_line_ends_each_stays_what_it_was():
    assert edited(b"a\r\nb\nc\r\nd\n", Edit("a\nb\nc\n", "A\nB\nC\n")) == b"A\r\nB\nC\r\nd\n"
    assert edited(b"a\r\nb\nc\r\nd\n", Edit("b", "B\nB")) == b"a\r\nB\nB\nc\r\nd\n"
    assert edited(b"a\r\nb\nc\r\nd", Edit("d", "d\nd")) == b"a\r\nb\nc\r\nd\r\nd"
    assert edited(b"a\r\n\n\r\nb", Edit("\n\n\n", "\n")) == b"a\r\nb"


def test_a_carriage_return_in_old_is_meant_to_the_letter():
    assert edited(b"a\r\nb\nc\r\n", Edit("a\r\n", "a\n")) == b"a\nb\nc\r\n"
    assert "with other line ends" in refusal("a\nb\n", Edit("a\r\nb", "c"))


def test_half_a_character_of_two_bytes_is_no_match():
    assert refusal("\ufeff\u0141\u0142".encode("utf-16-le"), Edit("\u4201", "x")).startswith("old is not in the file")
    assert edited("\ufeffA\u4100A".encode("utf-16-le"), Edit("A", "B", replace_all=True)) == (
        "\ufeffB\u4100B".encode("utf-16-le")
    )


PIECES = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b"\r", b"word", b"  ", b"\t", "é".encode(), b"\xe9", b"\xff\xfe\xfa", b"x", b"\x80"]
    ),
    max_size=60,
).map(b"".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(PIECES, PIECES, st.sampled_from([b"", b"\xef\xbb\xbf"]), st.text(st.sampled_from("ab \n\té"), max_size=8))
@example(b"\r\n", b"\n", b"\xef\xbb\xbf", "\n")
@example(b"\xe9\r", b"\r\n", b"", "\né")
def test_an_edit_of_one_word_leaves_every_other_byte(head, tail, mark, new):
    head = b"-" + head  # no mark of another encoding
    before = mark + head + b"NEEDLE" + tail
    form = form_of(before)
    assume(form is not None)
    after = edited(before, Edit("NEEDLE", new))
    assert after.startswith(mark + head)
    assert after.endswith(tail)
    inner = after[len(mark + head) : len(after) - len(tail)].decode(form.encoding)
    assert inner.replace("\r\n", "\n").replace("\r", "\n") == new


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "é", "\n", "ab\n"]), max_size=30).map("".join), st.sampled_from(["\n", "\r\n"])
)
def test_in_uniform_files_edits_do_what_replacing_text_does(text, end):
    before = text.replace("\n", end).encode()
    expected = text.replace("a", "x\ny").replace("b\n", "").replace("\n", end).encode()
    edits = [Edit("a", "x\ny", replace_all=True)] * ("a" in text)
    edits += [Edit("b\n", "", replace_all=True)] * ("b\n" in text.replace("a", "x\ny"))
    assume(edits and "\n" in text)
    assert edited(before, *edits) == expected


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=40),
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.sampled_from(["", "a", "b\nb", "x\ny\nz", "ee"])), min_size=1, max_size=3
    ),
    st.sampled_from(["\n", "\r\n", "\n\n\n\n\n\n"]),
)
def test_the_diff_leads_from_the_old_contents_to_the_new(words, changes, end):
    before = "".join(f"{word}{end}" for word in words).replace("\n\n", "\nq\n").encode()
    form = form_of(before)
    edits = [Edit(old, new, replace_all=True) for old, new in changes]
    try:
        result = replaced(before, form, edits)
    except ToolError:
        assume(False)
    diff = diff_of(before, result.content, result.changes, form)
    assume("…" not in diff)
    lines = applied(before.decode().splitlines(), diff)
    assert lines == result.content.decode().splitlines()


def applied(lines, diff):
    """What a strict reader of unified diffs makes of it: each line that it says is there must be."""
    result, at = [], 0
    for line in diff.splitlines():
        if line.startswith("@@"):
            start, _, count = line.split()[1][1:].partition(",")
            begin = int(start) - (count != "0")
            result += lines[at:begin]
            at = begin
        elif line.startswith("+"):
            result.append(line[1:].removesuffix("\\ no line end"))
        else:
            assert lines[at] == line[1:].removesuffix("\\ no line end")
            at += 1
            result += [lines[at - 1]] * line.startswith(" ")
    return result + lines[at:]


def test_what_is_there_twice_is_named_by_its_lines_and_nothing_changes(top, tools):
    path = put(top, "a.py", SOURCE)
    with pytest.raises(ToolError, match=r"there 2 times, not once: at lines 5, 10; add lines"):
        tools.edit_file("a.py", [Edit("def foo", "def baz"), Edit("x = ", "y = ")])
    assert path.read_text() == SOURCE
    assert "lines 1, 1" in refusal("aaa", Edit("aa", "b"))
    assert "2 times, not 3 times: at lines 5, 10" in refusal(SOURCE, Edit("x = ", "", count=3))
    assert edited(SOURCE.encode(), Edit("x = ", "y = ", count=2)) == SOURCE.replace("x = ", "y = ").encode()
    assert "old of edit 2 is not in" in refusal(SOURCE, Edit("foo", "baz"), Edit("foo", "baz"))


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("def foo(a, b):\n\tx = 1\n", ["lines 4-5", "indentation (the file has spaces)", "- →x·=·1", "+ ····x·=·1"]),
        ("def foo(a,b):\n    x = 1", ["lines 4-5", "blanks within lines", "+ def·foo(a,·b):"]),
        ("    x = 1  \n    return a + b", ["lines 5-6", "blanks at line ends", "- ····x·=·1··"]),
        ("def Foo(a, b):\n", ["line 4", "upper and lower case"]),
        ("def foo(a, c):\n    x = 1\n    print(x)\n    return a + b\n", ["lines 4-6", "a line that the file has less", "-     print(x)"]),
        ("def foo(a, b):\n    return a + b\n", ["lines 4-6", "a line that the file has more", "+     x = 1"]),
        ("    10\t    x = 2\n    11\t    return a - b", ["line 10", "without the line numbers"]),
        ("10: x = 2\n11:     return a - b", ["line 10", "without the line numbers"]),
        ("x = 1\\n    return a + b", ["line 5", "escapes"]),
        ("import os\n\n\n\n", ["lines 1-7", "+ def foo(a, b):"]),
        ("zebra crossing", ["Nothing there is like it", "read_file"]),
        ("};;({", ["Nothing there is like it"]),
        ("x" * 100_000, ["Nothing there is like it"]),
        ("return a * b", ["line 6", "differs in text"]),
    ],
)  # fmt: skip
def test_what_is_not_there_is_answered_with_what_is_nearest(old, said):
    told = refusal(SOURCE, Edit(old, "q"))
    for words in said:
        assert words in told
    assert len(told) < 2_000


@pytest.mark.parametrize(
    ("content", "old", "said"),
    [
        ("say “hello there”\n", 'say "hello there"', "quotation marks"),
        ("a long \u2013 dash\n", "a long - dash", "dashes"),
        ("cafe\u0301 society\n", "café society", "normal forms"),
        ("some\u200bwhere else\n", "somewhere else", "cannot be seen"),
        ("last line", "last line\n", "ends without a line end"),
        (b"caf\xc3\xa9 \xff", "café", "not all of the file is"),
        ("a\nnew words\n", "old words\n", "differs in text"),
    ],
)
def test_differences_that_nobody_sees_are_named(content, old, said):
    assert said in refusal(content, Edit(old, "q"))


def test_an_edit_that_seems_to_be_done_already_is_said_to_be():
    assert "new is there already, at line 5" in refusal(SOURCE, Edit("x = 100", "x = 1 ".strip() + "\n    return"))


@pytest.mark.parametrize("content", [b"x y z " * 5_000_000, b"foo bar baz\n" * 2_500_000, b"foo\r\nbar\n" * 2_000_000])
@pytest.mark.parametrize("old", ["foo bar\n", "nothing like that\nnor that", "\n" * 1000 + "b", "foo\nbar\nqux"])
def test_near_misses_in_large_files_are_answered(content, old):
    assert "is not in the file" in refusal(content, Edit(old, "q"))


def test_large_files_are_edited_and_their_diff_stays_short():
    before = b"x y z " * 2_500_000
    content = before + b"NEEDLE" + before
    result = replaced(content, form_of(content), [Edit("NEEDLE", "found")])
    assert result.content == before + b"found" + before
    assert len(diff_of(content, result.content, result.changes, form_of(content))) < 1_000
    many = b"foo bar\n" * 100_000
    result = replaced(many, form_of(many), [Edit("foo", "qux", replace_all=True)])
    assert result.content == b"qux bar\n" * 100_000
    assert len(diff_of(many, result.content, result.changes, form_of(many))) < 10_000
    assert "more than 100,000 times" in refusal(b"a" * 200_000, Edit("a", "b", replace_all=True))
    assert "more than 32 MiB" in refusal(b"a" * 99_999, Edit("a", "b" * 1000, replace_all=True))


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([], "0 edits"), ([Edit("a", "b")] * 101, "101 edits"), ([Edit("", "b")], "old is empty"),
        ([Edit("a", "b", count=0)], "count must be 1 or more"),
    ],
)  # fmt: skip
def test_edits_that_are_none_are_refused(edits, said):
    assert said in refusal("abc", *edits)


def test_text_that_the_files_encoding_does_not_have_is_refused(top, tools):
    path = put(top, "old.txt", b"caf\xe9\n")
    with pytest.raises(ToolError, match=r"U\+65E5, which cannot be written in latin-1"):
        tools.edit_file("old.txt", [Edit("café", "日本")])
    with pytest.raises(ToolError, match="keep=false"):
        tools.write_file("old.txt", "日本", overwrite=True)
    assert path.read_bytes() == b"caf\xe9\n"
    tools.write_file("old.txt", "日本", overwrite=True, keep=False)
    assert path.read_text() == "日本"


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        (b"a\r\nb\r\n", "c\nd\n", b"c\r\nd\r\n"),
        (b"a\r\nb\r\n", "c\r\nd\n", b"c\r\nd\n"),
        (b"a\r\nb\n", "c\nd\n", b"c\nd\n"),
        (b"\xef\xbb\xbfa\n", "é", b"\xef\xbb\xbf\xc3\xa9"),
        (b"\xef\xbb\xbfa\n", "\ufeffé", b"\xef\xbb\xbf\xc3\xa9"),
        (b"\xff\xfea\0\r\0\n\0", "b\n", b"\xff\xfeb\0\r\0\n\0"),
        (b"caf\xe9", "thé", b"th\xe9"),
        (b"\0\1\2", "é", b"\xc3\xa9"),
        (b"", "\ufeffé\n", b"\xef\xbb\xbf\xc3\xa9\n"),
    ],
)
def test_a_replaced_file_keeps_its_encoding_its_mark_and_its_line_ends(top, tools, before, given, after):
    path = put(top, "file", before)
    written = tools.write_file("file", given, overwrite=True)
    assert path.read_bytes() == after
    assert (written.bytes, written.created) == (len(after), False)
    tools.write_file("file", given, written.etag, keep=False)
    assert path.read_bytes() == given.encode()


def test_nothing_that_is_there_is_replaced_unasked(top, tools):
    put(top, "file", "old")
    (top / "dangling").symlink_to("nowhere")
    (top / "folder").mkdir()
    for name in ("file", "dangling", "folder"):
        with pytest.raises(ToolError, match=f"there is something at {name} already"):
            tools.write_file(name, "new")
    with pytest.raises(ToolError, match="there is no nothing"):
        tools.write_file("nothing", "new", "0123456789abcdef")
    assert tools.write_file("nothing", "new", overwrite=True).created
    assert (top / "file").read_text() == "old"
    assert not (top / "nowhere").exists()


def noted(path):
    """Give a file an extended attribute."""
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError:
        pytest.skip("this file system has no extended attributes")


def given_away(path, owner=1234):
    """Give a file to another user, if this one may."""
    with contextlib.suppress(PermissionError):
        os.chown(path, owner, 1235)


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o755, 0o444, 0o666])
def test_mode_owner_and_attributes_survive(top, tools, mode):
    path = put(top, "file", "one two")
    noted(path)
    path.chmod(mode)
    given_away(path)
    if not os.access(path, os.W_OK):
        pytest.skip("only root may change what it may not write")
    before = path.stat()
    tools.edit_file("file", [Edit("two", "2")])
    tools.write_file("file", "three", overwrite=True)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(path, "user.note") == b"kept"
    assert path.read_text() == "three"


async def test_they_survive_in_the_server_too(top):
    path = put(top, "file", "one two")
    noted(path)
    path.chmod(0o640)
    (top / "shared").mkdir()
    given_away(path)
    given_away(top / "shared", os.geteuid())
    (top / "shared").chmod(0o2775)
    before = path.stat()
    async with served(top) as client:
        done = await client.call_tool("edit_file", {"path": "file", "edits": [{"old": "two", "new": "2"}]})
        await client.call_tool("write_file", {"path": "shared/new", "content": ""})
    assert not done.is_error
    assert path.read_text() == "one 2"
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(path, "user.note") == b"kept"
    assert (top / "shared/new").stat().st_gid == (top / "shared").stat().st_gid


def test_another_name_of_the_file_keeps_the_old_contents_and_is_told_of(top, tools):
    path = put(top, "file", "one two")
    outside = top.parent / "outside"
    os.link(path, outside)
    assert "2 hard links" in tools.edit_file("file", [Edit("two", "2")]).note
    assert (path.read_text(), outside.read_text()) == ("one 2", "one two")


def test_through_a_link_within_the_file_is_edited_and_the_link_stays(top, tools):
    put(top, "deep/file", "one two")
    link = top / "link"
    link.symlink_to("deep/file")
    tools.edit_file("link", [Edit("two", "2")])
    assert link.readlink() == Path("deep/file")
    assert (top / "deep/file").read_text() == "one 2"


def test_of_two_writers_the_second_is_refused(top, tools):
    put(top, "file", "one two three")
    first = tools.edit_file("file", [Edit("one", "1")])
    again = tools.edit_file("file", [Edit("two", "2")], first.etag)
    for stale in (first.etag, "0" * 16):
        with pytest.raises(ToolError, match="read it again"):
            tools.edit_file("file", [Edit("three", "3")], stale)
        with pytest.raises(ToolError, match="read it again"):
            tools.write_file("file", "gone", stale)
    assert (top / "file").read_text() == "1 2 three"
    assert tools.write_file("file", "all new", again.etag).etag != again.etag


def test_two_processes_that_edit_one_file_lose_nothing(top, tools):
    put(top, "file", "".join(f"line {number}\n" for number in range(40)))
    code = (
        "import sys; from sanctuary_filesystem.editing import Editing; from sanctuary_filesystem.replacing import Edit; "
        "from sanctuary_host.doors import Tree, Trees; from sanctuary_host.folders import Folder; "
        "tools = Editing(Trees([Tree(Folder('work', sys.argv[1], True))])); "
        "[tools.edit_file('file', [Edit(f'line {n}\\n', f'{n} done\\n')]) for n in range(int(sys.argv[2]), 40, 2)]"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(top), str(part)]) for part in (0, 1)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert (top / "file").read_text() == "".join(f"{number} done\n" for number in range(40))


def test_what_was_written_while_an_edit_was_made_is_not_overwritten(top, tools):
    path = put(top, "file", "old")
    [tree] = tools.trees

    def overtaken():
        with changing(tree) as changes:
            held = changes.read("file")
            path.write_text("by hand")
            changes.write("file", b"ours", held)

    with pytest.raises(ToolError, match="changed by somebody else"):
        overtaken()
    assert path.read_text() == "by hand"


@pytest.mark.parametrize("tool", ["write", "edit"])
@pytest.mark.parametrize(
    "name",
    [
        "fifo",
        "folder",
        "out",
        "out/file",
        "../outside/file",
        "/etc/passwd",
        "fifo/x",
        "nul\0",
        "a" * 300,
        "loop",
        ".sanctuary/lock",
    ],
)
def test_what_is_no_file_within_is_refused_at_once(top, tools, tool, name):
    outside = top.parent / "outside"
    outside.mkdir()
    put(outside, "file", "secret")
    os.mkfifo(top / "fifo")
    (top / "folder").mkdir()
    (top / "out").symlink_to(outside)
    (top / "loop").symlink_to("loop")
    call = {
        "write": lambda: tools.write_file(name, "x", overwrite=True),
        "edit": lambda: tools.edit_file(name, [Edit("s", "x")]),
    }[tool]
    with pytest.raises(ToolError) as refused:
        call()
    assert "secret" not in str(refused.value)
    assert str(outside) not in str(refused.value)
    assert (outside / "file").read_text() == "secret"


@pytest.mark.parametrize(
    "name", ["new\nline", "tab\there", "bell\x07", "right\u202eleft", "nul\0", "dir\n/x", ".", "..", "", "a/.."]
)
def test_names_that_nobody_could_read_are_not_made(top, tools, name):
    with pytest.raises(ToolError):
        tools.write_file(name, "x")
    assert [entry.name for entry in top.iterdir() if entry.name != ".sanctuary"] == []


def test_binary_files_are_not_edited(top, tools):
    put(top, "file", b"\0\1\2 text")
    with pytest.raises(ToolError, match="is no text"):
        tools.edit_file("file", [Edit("text", "x")])


def test_a_file_that_is_too_large_is_refused(top, tools):
    with (top / "file").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(ToolError, match="at most"):
        tools.edit_file("file", [Edit("text", "x")])


def test_an_edit_that_changes_nothing_writes_nothing(top, tools):
    path = put(top, "file", "same")
    before = path.stat()
    done = tools.edit_file("file", [Edit("same", "same")])
    assert "as it was" in done.note
    assert path.stat().st_ino == before.st_ino
    assert tools.write_file("file", "other", done.etag).bytes == 5


async def test_a_full_disk_is_told_and_nothing_is_lost(top):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", top], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("this user cannot mount a file system")
    try:
        put(top, "file", "precious " * 50_000)
        async with served(top) as client:
            full = await client.call_tool("write_file", {"path": "file", "content": "x" * 900_000, "overwrite": True})
            too = await client.call_tool("write_file", {"path": "more", "content": "x" * 900_000})
            fits = await client.call_tool("write_file", {"path": "small", "content": "x"})
        assert [full.is_error, too.is_error, fits.is_error] == [True, True, False]
        assert "full; nothing was changed" in full.content[0].text
        assert (top / "file").read_text() == "precious " * 50_000
        assert sorted(entry.name for entry in top.iterdir()) == [".sanctuary", "file", "small"]
    finally:
        subprocess.run(["umount", "-l", top], check=True)


async def test_thirty_megabytes_in_one_line_are_edited_within_bounds(top):
    path = put(top, "file", b"x y z " * 2_500_000 + b"NEEDLE" + b"x y z " * 2_500_000)
    async with served(top) as client:
        done = await client.call_tool("edit_file", {"path": "file", "edits": [{"old": "NEEDLE", "new": "found"}]})
        missed = await client.call_tool("edit_file", {"path": "file", "edits": [{"old": "NEEDLES", "new": "found"}]})
    assert not done.is_error, done.content[0].text
    assert len(done.structured_content["diff"]) < 1_000
    assert "is not in the file" in missed.content[0].text
    assert Path(path).stat().st_size == 30_000_005
