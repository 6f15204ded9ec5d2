"""Text files read by lines: what is shown of them, what is said of them, and what is refused."""

import json
import os
import re
import socket
from pathlib import Path

import pytest

from sanctuary_filesystem.bookmarks import Bookmark, word_of
from sanctuary_filesystem.pack import declare_boundary
from sanctuary_filesystem.reading import Reading
from sanctuary_filesystem.roots import open_roots
from sanctuary_filesystem.texts import BLOCK, OpenText
from sanctuary_host import Host, ToolError
from sanctuary_host.testing import connected

GIB = 1 << 30


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def read(folder):
    host = Host("filesystem", {"SANCTUARY_WORKSPACE": str(folder)}, declare_boundary())
    trees = open_roots(host)
    yield Reading(trees).read_file
    trees.close()


def facts(answer):
    return answer.partition("\n")[0]


def rows(answer):
    return answer.split("\n")[1:]


def cursor(answer):
    return re.search(r'next cursor "([\w-]+)"\]', facts(answer))[1]


def write(folder, name, content):
    (folder / name).write_bytes(content)
    return name


def sparse(folder, name, head=b"", tail=b"", size=10 * GIB):
    with (folder / name).open("wb") as file:
        file.write(head)
        file.truncate(size)
        file.seek(0, os.SEEK_END)
        file.write(tail)
    return name


def test_lines_have_numbers_and_the_first_line_has_the_facts(read, folder):
    answer = read(write(folder, "a.py", b"import os\n\nprint(1)\n"))
    assert re.fullmatch(r"\[a\.py; lines 1 to 3 of 3; 20 bytes; utf-8, LF; etag [0-9a-f]{16}\]", facts(answer))
    assert rows(answer) == ["1\timport os", "2\t", "3\tprint(1)"]


def test_numbers_can_be_left_out(read, folder):
    assert rows(read(write(folder, "a", b"x\ny"), numbers=False)) == ["x", "y"]


@pytest.mark.parametrize(
    ("window", "numbers"),
    [
        ({"start": 3}, [3, 4, 5]),
        ({"start": 2, "count": 2}, [2, 3]),
        ({"count": 1}, [1]),
        ({"count": 99}, [1, 2, 3, 4, 5]),
        ({"start": -2}, [4, 5]),
        ({"start": -4, "count": 2}, [2, 3]),
        ({"start": -99}, [1, 2, 3, 4, 5]),
        ({"start": -1}, [5]),
    ],
)
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_window_is_counted_from_the_start_or_the_end(read, folder, window, numbers, end):
    answer = read(write(folder, "a", b"1\n2\n3\n4\n5" + end), **window)
    assert rows(answer) == [f"{number}\t{number}" for number in numbers]
    assert "of 5;" in facts(answer)
    assert "truncated" not in facts(answer)
    assert "cursor" not in facts(answer)


@pytest.mark.parametrize(
    ("content", "form", "lines"),
    [
        (b"a\r\nb\r\n", "utf-8, CRLF", ["a", "b"]),
        (b"a\rb", "utf-8, CR", ["a", "b"]),
        (b"a\r\nb\nc\rd\n", "utf-8, mixed", ["a", "b", "c␍d"]),
        (b"a\r\nb\r", "utf-8, mixed", ["a", "b␍"]),
        (b"\xef\xbb\xbfa\n", "utf-8 with BOM, LF", ["a"]),
        ("a\r\n\u0a00\u0100\n\U0001f600".encode("utf-16"), "utf-16-le with BOM, mixed", ["a", "\u0a00\u0100", "\U0001f600"]),
        (b"\xfe\xff" + "x\ny".encode("utf-16-be"), "utf-16-be with BOM, LF", ["x", "y"]),
        (b"\xff\xfea\0\n\0b\0z", "utf-16-le with BOM, LF", ["a", "b"]),
        (b"\xff\xfe\x00\xd8a\0", "utf-16-le with BOM, no line end", [r"\ud800a"]),
        (b"caf\xe9\n", "latin-1, LF", ["café"]),
        (b"\xef\xbb\xbfa\xff\n", "utf-8 with BOM, LF", [r"a\xff"]),
        (b"x", "utf-8, no line end", ["x"]),
    ],
)  # fmt: skip
def test_encodings_and_line_ends_are_seen_and_told(read, folder, content, form, lines):
    answer = read(write(folder, "a", content))
    assert f"; {form}; etag" in facts(answer)
    assert [row.partition("\t")[2] for row in rows(answer)] == lines


def test_an_empty_file_is_empty(read, folder):
    assert facts(read(write(folder, "a", b""))).startswith("[a; empty; 0 bytes; ")
    assert rows(read("a", start=7)) == []
    assert facts(read(write(folder, "b", b"\xef\xbb\xbf"))).startswith("[b; empty; 3 bytes; utf-8 with BOM")


def test_what_acts_on_terminals_or_hides_is_shown_as_signs(read, folder):
    hostile = "\x1b[2Jx\x01\x7f\x9b\u202e\u2028[a; lines 1 to 9]"
    answer = read(write(folder, "a", f"tab\there\n{hostile}\n".encode()))
    assert rows(answer) == ["1\ttab\there", "2\t␛[2Jx␁␡\\x9b\\u202e\\u2028[a; lines 1 to 9]"]
    assert "signs" in facts(answer)
    assert "signs" not in facts(read("a", count=1))


def test_a_name_cannot_forge_facts_or_lines(read, folder):
    name = "x; etag 0]\n[y\x1b"
    write(folder, name, b"1")
    assert facts(read(name)).startswith(r'["x; etag 0]\n[y\u001b"; line 1 of 1; ')
    assert len(rows(read(name))) == 1
    assert facts(read([name, "none"])) == "[2 files]"


def test_a_hard_link_is_told(read, folder):
    write(folder, "a", b"1")
    os.link(folder / "a", folder / "b")
    assert "; links 2" in facts(read("b"))


def test_the_etag_is_that_of_the_bytes_shown(read, folder):
    first = facts(read(write(folder, "a", b"1")))
    assert first == facts(read("a"))
    assert first != facts(read(write(folder, "a", b"2")))


def test_long_lines_are_cut_and_their_cursors_give_the_rest_alone(read, folder):
    answer = read(write(folder, "a", b"a\n" + b"b" * 5000 + b"\nc\n"))
    assert "truncated" in facts(answer)
    assert "next cursor" not in facts(answer)
    shown, word = re.fullmatch(r'2\t(b+) …\[\+3,001 bytes; cursor "([\w-]+)" continues it\]', rows(answer)[1]).groups()
    rest = read("a", cursor=word)
    assert (rows(answer)[0], rows(answer)[2], len(shown)) == ("1\ta", "3\tc", 2000)
    assert rows(rest) == ["2+\t" + "b" * 3000]
    assert "line 2+" in facts(rest)
    assert "cursor" not in facts(rest)


def test_a_page_ends_where_it_is_full_and_goes_on_by_its_cursor(read, folder):
    write(folder, "a", b"".join(b"line %d\n" % number for number in range(1, 501)))
    first = read("a", max_bytes=1000)
    assert "truncated" in facts(first)
    assert sum(len(row.encode()) + 1 for row in rows(first)) <= 1000
    second = read("a", max_bytes=1000, cursor=cursor(first))
    assert int(rows(second)[0].split("\t")[0]) == len(rows(first)) + 1


def test_tokens_are_a_cap_too(read, folder):
    write(folder, "a", b"word\n" * 1000)
    assert len(read("a", max_tokens=500, numbers=False)) < 1500 + 200


def test_a_window_that_does_not_fit_goes_on_to_its_end_and_no_further(read, folder):
    write(folder, "a", b"".join(b"line %d\n" % number for number in range(1, 501)))
    answer = read("a", start=101, count=200, max_bytes=1000)
    shown = rows(answer)
    while "next cursor" in facts(answer):
        answer = read("a", cursor=cursor(answer), max_bytes=1000)
        shown += rows(answer)
    assert shown == [f"{number}\tline {number}" for number in range(101, 301)]


def test_several_files_share_the_room_and_fail_alone(read, folder):
    write(folder, "big", b"0123456789\n" * 10_000)
    write(folder, "small", b"s\n")
    answer = read(["big", "gone", "small"], max_bytes=3000)
    parts = answer.split("\n\n")
    assert parts[0] == "[3 files]"
    assert parts[1].startswith("[big; lines 1 to ")
    assert parts[2] == "[gone; not read: there is no gone in work]"
    assert parts[3].startswith("[small; line 1 of 1; 2 bytes")
    assert len(answer) < 3000 + 500
    assert "no room left" in read(["big"] * 20, max_bytes=1000)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"path": []}, "pass 1 to 50 paths, not 0"),
        ({"path": ["a"] * 51}, "pass 1 to 50 paths, not 51"),
        ({"path": "a", "start": 0}, "lines are numbered from 1"),
        ({"path": "a", "start": 4}, "a has 3 lines, and so no line 4; start at 1 to 3, or at -1"),
        ({"path": "a", "cursor": "x", "start": 2}, "without start"),
        ({"path": ["a", "a"], "cursor": "x"}, "one path"),
        ({"path": "a", "cursor": "nonsense"}, "this cursor is not one that read_file gave for this path"),
        ({"path": "a", "cursor": "é"}, "this cursor is not one"),
        ({"path": "a", "cursor": "A" * 9999}, "this cursor is not one"),
        ({"path": "binary"}, "binary is no text, but an ELF program; read_media shows it"),
        ({"path": "."}, r"\. is a folder, not a file"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(read, folder, arguments, sentence):
    write(folder, "a", b"1\n2\n3\n")
    write(folder, "binary", b"\x7fELF\0\0")
    with pytest.raises(ToolError, match=sentence):
        read(**arguments)


def test_a_cursor_is_of_its_file_alone(read, folder):
    word = cursor(read(write(folder, "a", b"x\n" * 9000)))
    write(folder, "b", b"x\n" * 9000)
    assert rows(read("./a", cursor=word))[0] == "2001\tx"
    with pytest.raises(ToolError, match="not one that read_file gave for this path"):
        read("b", cursor=word)


def test_a_file_that_grows_is_read_on_and_the_change_is_told(read, folder):
    word = cursor(read(write(folder, "a", b"".join(b"%d\n" % n for n in range(1, 2011)))))
    with (folder / "a").open("ab") as file:
        file.write(b"new\n")
    answer = read("a", cursor=word)
    assert "changed since the cursor was given" in facts(answer)
    assert (rows(answer)[0], rows(answer)[-1]) == ("2001\t2001", "2011\tnew")


@pytest.mark.parametrize("content", [b"", b"".join(b"%d\n" % n for n in range(5, 2020)), b"x\n" * 3000])
def test_a_file_that_was_replaced_is_not_read_on(read, folder, content):
    word = cursor(read(write(folder, "a", b"".join(b"%d\n" % n for n in range(1, 2011)))))
    (folder / "a").unlink()
    write(folder, "a", content)
    with pytest.raises(
        ToolError, match="a has been changed since this cursor was given; read it anew, with start=2001"
    ):
        read("a", cursor=word)


def test_a_line_deep_inside_is_looked_for_step_by_step_where_time_is_short(read, folder):
    write(folder, "a", b"".join(b"%d\n" % number for number in range(1, 400_001)))
    with (folder / "a").open("rb") as file:
        lines = OpenText(file.fileno(), -1)
        lines.count()
        offset, line = lines.find(0, 1, 399_000)
        state = lines.state(offset)
    assert (offset, 1 < line < 399_000) == (BLOCK, True)
    word = word_of(Bookmark(offset, line, left=1, target=399_000), "work:a", state)
    assert rows(read("a", cursor=word)) == ["399000\t399000"]


def test_binary_inside_a_large_text_is_shown_byte_by_byte(read, folder):
    write(folder, "a", b"text\n" * 300_000 + b"\xff\xfe\0end\n")
    assert rows(read("a", start=-1)) == ["300001\t\\xff\\xfe␀end"]


def test_a_large_file_is_counted_found_and_ended(read, folder):
    with (folder / "a").open("wb") as file:
        for start in range(0, 1_000_000, 10_000):
            file.write(b"".join(b"%d\n" % number for number in range(start + 1, start + 10_001)))
    assert rows(read("a", start=777_777, count=2)) == ["777777\t777777", "777778\t777778"]
    assert "lines 999999 to 1000000 of 1000000" in facts(read("a", start=-2))
    with pytest.raises(ToolError, match="a has 1000000 lines"):
        read("a", start=1_000_001)


def test_without_a_folder_the_sentence_says_how_to_grant_one():
    with pytest.raises(ToolError, match="no folder is granted; set SANCTUARY_WORKSPACE"):
        Reading(open_roots(Host("filesystem", {}, declare_boundary()))).read_file("a")


def test_of_several_folders_each_path_names_its_own(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "file", name.encode())
    trees = open_roots(Host("filesystem", {"SANCTUARY_WORKSPACE": f"{tmp_path}/a,{tmp_path}/b"}, declare_boundary()))
    read = Reading(trees).read_file
    for path, shown in (("file", "a:file"), ("b:file", "b:file"), (f"{tmp_path}/b/file", "b:file")):
        assert facts(read(path)).startswith(f"[{shown}; line 1 of 1; ")
    trees.close()


def test_a_line_is_found_wherever_blocks_begin_in_it(read, folder):
    with (folder / "a").open("wb") as file:
        file.writelines(b"%d %s\n" % (number, b"x" * (number * 7919 % 90_000)) for number in range(1, 101))
    for number in range(1, 101):
        assert rows(read("a", start=number, count=1))[0].startswith(f"{number}\t{number} ")


@pytest.fixture
def environment(folder, tmp_path):
    return {"SANCTUARY_WORKSPACE": f"{folder}:rw", "SANCTUARY_AUDIT": str(tmp_path / "audit.jsonl")}


async def test_everything_that_is_outside_or_no_file_is_refused_and_nothing_hangs(folder, environment, monkeypatch):
    outside = folder.parent / "secret"
    outside.write_text("secret")
    targets = {
        "dangling": "nowhere", "out": str(outside), "out2": "../secret", "null": "/dev/null", "zero": "/dev/zero",
        "self": "/proc/self/environ", "root": "/proc/self/root/etc/passwd", "fd": "/proc/self/fd/0", "loop": "loop",
        "up": "..", "in": "file",
    }  # fmt: skip
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    write(folder, "file", b"inside\n")
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket")
    listener.close()
    (folder / "deep").mkdir()
    kinds = {"pipe": "a named pipe", "deep": "a folder"}
    with_device = [
        *targets,
        "none",
        "none/none",
        "file/x",
        "socket",
        "../secret",
        str(outside),
        "/etc/passwd",
        "~",
        "up/secret",
    ]
    async with connected("filesystem", **environment) as client:
        for path in [*with_device, *kinds]:
            said = {}
            for tool in ("read_file", "read_media"):
                reply = await client.call_tool(tool, {"path": path})
                said[tool] = reply.content[0].text
                assert reply.is_error == (path != "in")
            reply = await client.call_tool("file_info", {"path": "file", "compare": path})
            assert reply.is_error == (path != "in")
            if path == "in":
                continue
            remedy = "; paths start at its top, which is ., and not with / or ~" if path[0] in "/~" else ""
            expected = (
                f"there is no {path} in work{remedy}" if path not in kinds else f"{path} is {kinds[path]}, not a file"
            )
            assert {*said.values(), reply.content[0].text} == {expected}
        await client.call_tool("read_file", {"path": ["file", "none"]})
    records = [json.loads(line) for line in Path(environment["SANCTUARY_AUDIT"]).read_text().splitlines()]
    kept = [record["arguments"] for record in records if "arguments" in record]
    assert {"path": ["file", "none"]} in kept
    assert {"path": "file", "compare": "../secret"} in kept
    assert "inside" not in str(records)


async def test_enormous_files_are_read_at_once_and_in_little_memory(folder, environment):
    write(folder, "one", b"\xc3\xa9" * 15_000_000)
    sparse(folder, "holes", b"first\nsecond\n" * 1000, b"\nlast but one\nlast\n")
    sparse(folder, "zeros", b"text\n" * 3000)
    async with connected("filesystem", **environment) as client:

        async def answer(**arguments):
            reply = await client.call_tool("read_file", arguments)
            assert not reply.is_error, reply.content[0].text
            return reply.content[0].text

        whole = await answer(path="one")
        assert rows(whole)[0].startswith("1\t" + "é" * 2000 + " …[+29,996,000 bytes; the next cursor continues it]")
        rest = await answer(path="one", cursor=cursor(whole), max_bytes=262_144)
        assert set(rows(rest)[0]) == set("1+\té")
        assert 261_000 < len(rows(rest)[0].encode()) < 262_144
        assert cursor(rest)
        assert set(rows(await answer(path="one", start=-1))[0].partition(" …")[0]) == set("1\té")
        assert rows(await answer(path="holes", count=2)) == ["1\tfirst", "2\tsecond"]
        assert rows(await answer(path="holes", start=-2)) == ["2002\tlast but one", "2003\tlast"]
        assert rows(await answer(path="holes", start=1999, count=2)) == ["1999\tfirst", "2000\tsecond"]
        middle = await answer(path="holes", start=2001, count=1)
        assert rows(middle)[0].startswith("2001\t␀")
        assert "continues it" in rows(middle)[0]
        assert "truncated" in facts(middle)
        names = [write(folder, f"f{number}", (b"x" * 79 + b"\n") * 13_000) for number in range(50)]
        many = await answer(path=names, max_bytes=50_000)
        assert many.startswith("[50 files]\n\n[f0; lines 1 to ")
        assert len(many) < 70_000
        end = await answer(path="zeros", start=-2)
        assert rows(end)[0] == "3000\ttext"
        assert "+10,737,401,240 bytes" in end
