"""Searching contents: right answers, pages that go on, and nothing from outside."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sanctuary_filesystem.cursors import cursor_of, position_of
from sanctuary_filesystem.search import Search
from sanctuary_host import ToolError
from sanctuary_host.doors import Tree, Trees
from sanctuary_host.folders import Folder
from sanctuary_host.testing import connected


@pytest.fixture
def inside(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def grep(inside):
    trees = Trees([Tree(Folder("work", str(inside), writable=True))])
    yield Search(trees, sure=lambda: True).grep
    trees.close()


def write(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_what_the_program_alone_counts_is_told_only_where_the_kernel_keeps_it_in(inside):
    write(inside, **{f"a{number}.txt": "word\n" for number in range(5)})
    trees = Trees([Tree(Folder("work", str(inside), writable=False))])
    for sure, told in ((True, "of 5 matching lines in 5"), (False, "of how many is told only where")):
        grep = Search(trees, sure=lambda sure=sure: sure).grep
        assert told in grep("word", limit=2).partition("\n")[0]
        assert ("5 files" in grep("nothing").partition("\n")[0]) is sure
        whole, cursor = [], ""
        while True:
            page = grep("word", limit=2, cursor=cursor)
            whole += paths_in(page)
            if not (cursor := cursor_in(page)):
                break
        assert [line for line in whole if line.endswith(".txt")] == [f"a{number}.txt" for number in range(5)]
    trees.close()


def paths_in(answer):
    return [line.partition(": ")[0] for line in answer.splitlines()[1:]]


def cursor_in(answer):
    found = re.search(r'next cursor "([^"]+)"', answer.partition("\n")[0])
    return found[1] if found else ""


def pages(grep, pattern, **arguments):
    answers = [grep(pattern, **arguments)]
    while cursor := cursor_in(answers[-1]):
        answers.append(grep(pattern, cursor=cursor, **arguments))
        assert len(answers) < 500
    return answers


def test_lines_stand_under_their_files_in_order_with_what_is_around_them(grep, inside):
    write(
        inside,
        b__b_py="one\ntwo needle\nthree\nfour\nfive\nsix needle\nseven needle\n",
        a_py="needle",
        c_py="nothing\n",
    )
    assert grep("needle") == (
        "[4 matching lines in 2 files]\na.py\n1: needle\n\nb/b.py\n2: two needle\n6: six needle\n7: seven needle"
    )
    assert grep("needle", "b", before=1, after=1) == (
        "[3 matching lines in 1 file]\nb/b.py\n1- one\n2: two needle\n3- three\n--\n5- five\n6: six needle\n7: seven needle"
    )


def test_files_and_counts_are_told_without_their_lines(grep, inside):
    write(inside, b_py="x\nx\n", a_py="x", c_py="y")
    assert grep("x", mode="files") == "[2 files with matches]\na.py\nb.py"
    assert grep("x", mode="count") == "[3 matching lines in 2 files]\na.py: 1\nb.py: 2"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_add_up_to_the_whole_whatever_their_size(grep, inside, limit):
    for number in range(12):
        write(inside, **{f"d{number % 3}__f{number}": "needle\nother\n" * (number % 5)})
    whole = [line for line in grep("needle", limit=1000).splitlines()[1:] if line]
    found = []
    for answer in pages(grep, "needle", limit=limit):
        head, *lines = [line for line in answer.splitlines() if line]
        if limit < 21:
            assert "of 21 matching lines in 9" in head or "no more" in head
        # A file that goes on from the page before is named again.
        found += lines[1:] if lines and lines[0] in found else lines
    assert found == whole
    for mode in ("files", "count"):
        assert [
            path for answer in pages(grep, "needle", mode=mode, limit=limit) for path in paths_in(answer)
        ] == paths_in(grep("needle", mode=mode))


def test_a_page_goes_on_where_it_stopped_though_files_came_and_went(grep, inside):
    write(inside, a="x\nx\nx\n", b="x\n", d="x\n")
    cursor = cursor_in(grep("x", limit=2))
    (inside / "b").unlink()
    write(inside, c="x\n")
    assert grep("x", limit=2, cursor=cursor).splitlines()[1:] == ["a", "3: x", "", "c", "1: x"]


def test_a_cursor_of_another_query_or_of_nobody_is_refused(grep, inside):
    write(inside, a="x y\n" * 5)
    cursor = cursor_in(grep("x", limit=1))
    for wrong, pattern in ((cursor, "y"), (cursor[:-2] + "AA", "x"), ("AAAA", "x"), ("é", "x"), ("a" * 9000, "x")):
        with pytest.raises(ToolError, match="cursor belongs to another query"):
            grep(pattern, limit=1, cursor=wrong)
    assert "2: x y" in grep("x", limit=3, cursor=cursor)


@pytest.mark.parametrize(
    "position", [None, 5, "abc", {"a": 1}, [[], []], [True], [1.5, "a"], [None], [5, "a"], ["a"], ["\ud800", 5]]
)
def test_a_cursor_that_somebody_made_who_knows_how_is_refused_unless_it_is_a_position(position):
    form = (str, int)
    assert position_of(("grep",), cursor_of(("grep",), ["a", 5]), form) == ["a", 5]
    with pytest.raises(ToolError, match="this cursor belongs to another query, or is none"):
        position_of(("grep",), cursor_of(("grep",), position), form)


def test_globs_and_types_narrow_and_never_widen(grep, inside):
    write(
        inside, _gitignore="*.log\n/vendor/\n", a_py="x", src__b_ts="x", src__deep__c_py="x", d_log="x", vendor__e_py="x",
        _git__config="x", _sanctuary__trash="x", _github__f_yml="x", tests__g_py="x", **{"src__[id]__h.ts": "x"},
    )  # fmt: skip

    def found(*globs, **arguments):
        return paths_in(grep("x", mode="files", globs=globs, **arguments))

    everything = [".github/f.yml", "a.py", "src/[id]/h.ts", "src/b.ts", "src/deep/c.py", "tests/g.py"]
    assert found() == found("**") == found("*") == found("**/*") == everything
    assert found("*.py") == ["a.py", "src/deep/c.py", "tests/g.py"]
    assert found("*.{py,ts}", "!tests") == ["a.py", "src/[id]/h.ts", "src/b.ts", "src/deep/c.py"]
    assert found("src/**") == ["src/[id]/h.ts", "src/b.ts", "src/deep/c.py"]
    assert found("src/*.ts") == ["src/b.ts"]
    assert found("src/[id]/*") == ["src/[id]/h.ts"]
    assert found("*.log") == found("vendor/**") == []
    assert found("!.*") == everything[1:]
    assert found(types=("py",)) == ["a.py", "src/deep/c.py", "tests/g.py"]
    assert found("src/**", types=("py", "yaml")) == ["src/deep/c.py"]
    assert found("*.log", options=("ignored",)) == ["d.log"]
    assert found("b.ts", path="src") == ["src/b.ts"]
    assert "vendor/e.py" in found("**/*.py", options=("ignored",))


def test_the_rules_above_a_folder_hold_within_it(grep, inside):
    write(inside, _gitignore="build/\n/a/skip.txt\n", a__build__x="w", a__skip_txt="w", a__keep_txt="w")
    assert paths_in(grep("w", "a", mode="files")) == ["a/keep.txt"]


@pytest.mark.parametrize(
    ("pattern", "options", "found"),
    [
        ("a.c", (), ["1", "2"]), ("a.c", ("literal",), ["2"]), ("ABC", ("ignore_case",), ["1"]), ("ABC", (), []),
        ("ab", ("word",), ["4"]), ("ab", (), ["1", "4"]), (r"abc\na\.c", ("multiline",), ["1", "2"]), ("c$", (), ["1", "2"]),
        (r"\r", (), ["1", "2", "3", "4"]), ("-e", (), ["3"]), ("--files", ("literal",), ["3"]), ("é", (), ["4"]),
        ("c.a", ("multiline",), ["1", "2"]), ("c..a", ("multiline",), ["1", "2"]),
    ],
)  # fmt: skip
def test_a_pattern_means_what_its_options_say(grep, inside, pattern, options, found):
    newline = "\r\n" if pattern in {"c$", r"\r", "c..a"} else "\n"
    write(inside, f=newline.join(["abc", "a.c", "-e --files", "é ab", ""]))
    answer = grep(pattern, options=options)
    assert [line.partition(":")[0] for line in answer.splitlines()[2:]] == found, answer
    assert answer.startswith("[no match") == (not found)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ({"pattern": "(a"}, "unclosed group; with the option literal"), ({"pattern": "(?<=a)b"}, "look-around"),
        ({"pattern": r"(a)\1"}, "back-reference"), ({"pattern": "a\nb"}, "option multiline"), ({"pattern": r"\w{1,900}"}, "smaller repetitions"),
        ({"pattern": "((a{99}){99}){99}b|" * 50 + "x"}, "smaller repetitions"), ({"pattern": ""}, "give 1 to"), ({"pattern": "a" * 20_000}, "give 1 to"),
        ({"pattern": "a\0b"}, "no text has"), ({"pattern": r"\x00"}, "NUL"), ({"pattern": "\ud800"}, "no text has"), ({"pattern": "x", "types": ("pyhton",)}, "did you mean python"),
        ({"pattern": "x", "types": ("zzzzz",)}, "such as py"), ({"pattern": "x", "globs": ("![a",)}, "globs"), ({"pattern": "x", "globs": ("../*",)}, "above"),
        ({"pattern": "x", "globs": ("*",) * 60}, "more than 50"), ({"pattern": "x", "path": "absent"}, "there is no absent in work"),
        ({"pattern": "x", "path": "../work"}, "there is no ../work in work"), ({"pattern": "x", "path": "/etc/passwd"}, "there is no /etc/passwd in work"),
        ({"pattern": "x", "path": "pipe"}, "a named pipe, not a file"), ({"pattern": "x", "path": "out"}, "there is no out in work"),
        ({"pattern": "(" * 5000}, "simplify it"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_with_the_remedy_and_no_echo(grep, inside, arguments, remedy):
    write(inside, a="x")
    os.mkfifo(inside / "pipe")
    (inside / "out").symlink_to("/etc")
    with pytest.raises(ToolError, match=remedy) as refusal:
        grep(**arguments)
    assert len(str(refusal.value)) < 250


def test_where_nothing_is_found_the_answer_says_what_was_searched(grep, inside):
    write(inside, a_py="x", b_py="x", c_md="x")
    assert grep("y", globs=("*.py",)).startswith("[no match in 2 files; case matters without the option ignore_case;")
    assert grep("y", types=("rust",)).startswith("[no match in 0 files;")


def test_each_encoding_is_searched_and_shown_as_text(grep, inside):
    write(
        inside, bom=b"\xef\xbb\xbfcaf\xc3\xa9\n", latin=b"x\ncaf\xe9 au lait\n", esc=b"caf\xc3\xa9 \x1b[31m\n",
        wide="one\r\ncafé\r\n".encode("utf-16"), large="é\ncafé\n".encode("utf-16-be").join([b"\xfe\xff", b""]),
    )  # fmt: skip
    assert grep("caf").splitlines()[1:] == [
        "bom", "1: café", "", "esc", "1: café ␛[31m", "", "large", "2: café", "", "latin", "2: café au lait", "", "wide", "2: café",
    ]  # fmt: skip


def test_binary_files_are_told_and_not_shown(grep, inside):
    write(inside, a_bin=b"\0\1needle\xff\n", b_txt="needle\n")
    assert grep("needle").splitlines()[1:] == ["b.txt", "1: needle"]
    both = grep("needle", options=("binary",)).splitlines()[1:]
    assert both == ["a.bin (binary; 1 matches, not shown)", "", "b.txt", "1: needle"]
    assert "not shown" in grep("needle", "a.bin")


def test_names_that_are_no_text_are_shown_escaped(grep, inside):
    for name in (b"\xff\xfe", b"new\nline", b"\x1b[31m", b"a: 5", b"\xc3\xa9"):
        Path(os.fsdecode(bytes(inside) + b"/" + name)).write_text("x\n")
    for mode in ("content", "files", "count"):
        answer = grep("x", mode=mode)
        answer.encode()
        assert "5 " in answer.partition("\n")[0]
        assert "new\\nline" in answer
        assert "\x1b" not in answer
    assert len(pages(grep, "x", mode="files", limit=1)) == 5


def test_names_cannot_pose_as_what_the_program_says(grep, inside):
    write(inside, **{"x\n99 files searched": "hit\n"})
    write(inside, a="hit\n")
    for link in ("rg: error: \nregex parse error:\nerror: y", "gone\nfake\n5"):
        (inside / link).symlink_to("nowhere")
    write(inside, **{"regex parse error:\nerror: nothing": "hit\n"})
    assert grep("hit").startswith("[3 matching lines in 3 files]")
    assert grep("miss").startswith("[no match in 3 files;")


def test_a_line_of_30_mb_is_cut_around_its_match_with_the_column(grep, inside):
    (inside / "one").write_bytes(b"a" * 29_999_990 + "ä ".encode() + b"needle" + b"b" * 10_000 + b"\nnext needle\n")
    first, second = grep("needle").splitlines()[2:]
    assert first.startswith("1: …aaaa")
    assert "aaä needlebbb" in first
    assert first.endswith("… [match at column 29999994]")
    assert len(first) < 600
    assert second == "2: next needle"
    assert "1: " + "a" * 400 + "…" in grep("a").splitlines()
    (inside / "all").write_bytes(b"\xc3\xa9" * 1_000_000)
    assert grep("é", "all").splitlines()[2] == "1: " + "é" * 200 + "…"


def test_files_beyond_the_size_are_not_searched_and_that_is_said(grep, inside):
    with (inside / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    write(inside, a="x")
    assert paths_in(grep("x", mode="files")) == ["a"]
    assert "none of more than 32 MiB" in grep("y")
    with pytest.raises(ToolError, match="sparse has 10,240 MiB, and no file of more than 32 is searched"):
        grep("x", "sparse")


def test_an_answer_stays_short_whatever_is_found_and_goes_on(grep, inside):
    write(inside, long=("x" * 390 + "\n") * 2000, many="x\n" * 100_000)
    answers = pages(grep, "x", limit=1000, path="long")
    assert all(len(answer) < 70_000 for answer in answers)
    numbers = [int(line.partition(":")[0]) for answer in answers for line in answer.splitlines()[2:]]
    assert numbers == list(range(1, 2001))
    assert len(grep("x", limit=1000, before=50, after=50)) < 70_000
    for number in range(300):
        write(inside, **{f"{number:03}{'n' * 240}": "y"})
    answers = pages(grep, "y", mode="files", limit=1000)
    assert len(answers) > 1
    assert sum(len(paths_in(answer)) for answer in answers) == 300


def test_a_tree_of_500_levels_is_searched_to_its_bottom(grep, inside):
    descriptor = os.open(inside, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    bottom = os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor)
    os.write(bottom, b"needle\n")
    os.close(bottom)
    os.close(descriptor)
    assert grep("needle", mode="files").endswith("d/d/f")


def test_links_are_not_followed_and_a_link_within_can_be_searched(grep, inside, tmp_path):
    write(tmp_path, secret__s="needle")
    write(inside, real__a="needle")
    (inside / "way").symlink_to(tmp_path / "secret")
    (inside / "file").symlink_to(tmp_path / "secret" / "s")
    (inside / "link").symlink_to("real")
    assert paths_in(grep("needle", mode="files")) == ["real/a"]
    assert paths_in(grep("needle", "link", mode="files")) == ["link/a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_told_and_the_rest_is_found(grep, inside):
    write(inside, a="x", b="x")
    (inside / "a").chmod(0)
    assert grep("x").startswith("[1 matching line in 1 file; some files could not be read]")


SWAP = """
import os, sys
os.chdir(sys.argv[1])
while True:
    os.rename("d", "aside"); os.symlink(sys.argv[2], "d"); os.unlink("d"); os.rename("aside", "d")
"""


def test_a_folder_that_is_swapped_for_a_link_leads_nowhere(grep, inside, tmp_path):
    outside = tmp_path / "outside"
    for number in range(20):
        write(outside, **{f"f{number}": "unique-word\n\n\nneedle\n", f"only{number}": "needle\n"})
        write(inside, **{f"d__f{number}": "needle\n", f"d__g{number}": "needle\n"})
    swapper = subprocess.Popen([sys.executable, "-c", SWAP, inside, outside])
    try:
        for turn in range(100):
            mode = ("content", "files", "count")[turn % 3]
            for pattern, path in (("unique-word", "."), ("needle", "."), ("unique-word|needle", "d")):
                try:
                    answer = grep(pattern, path, mode=mode)
                except ToolError as error:
                    answer = str(error)
                    assert answer == "there is no d in work"  # it may be away or not
                assert not re.search(r"^\S*/only|^4|unique|: 2$", answer, re.MULTILINE), answer
                assert pattern != "unique-word" or answer.startswith("[no match")
    finally:
        swapper.kill()
        swapper.wait()


async def test_an_agent_gets_text_alone_and_the_audit_trail_the_path(tmp_path):
    work, audit = tmp_path / "work", tmp_path / "audit.jsonl"
    write(work, src__a_py="import os\n", _gitignore="")
    async with connected("filesystem", SANCTUARY_WORKSPACE=f"{work}:rw", SANCTUARY_AUDIT=str(audit)) as client:
        reply = await client.call_tool("grep", {"pattern": "^import", "path": "src"})
        refused = await client.call_tool("grep", {"pattern": "secret-pattern(", "path": "src"})
    assert [block.text for block in reply.content] == ["[1 matching line in 1 file]\nsrc/a.py\n1: import os"]
    assert reply.structured_content is None
    assert refused.is_error
    trail = audit.read_text()
    assert '"path":"src"' in trail.replace(" ", "")
    assert "secret-pattern" not in trail


async def test_several_folders_are_told_apart_by_name(tmp_path):
    write(tmp_path, one__a="x\n", two__a="x\n")
    folders = f"{tmp_path / 'one'},two={tmp_path / 'two'}"
    async with connected("filesystem", SANCTUARY_WORKSPACE=folders, SANCTUARY_AUDIT=str(tmp_path / "trail")) as client:
        reply = await client.call_tool("grep", {"pattern": "x", "path": "two:", "mode": "files"})
    assert reply.content[0].text == "[1 file with matches]\ntwo:a"
