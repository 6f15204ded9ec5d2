"""find_files: what is found by name, age and size, in order and in pages, and what .gitignore files leave out."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from sanctuary_filesystem.globs import read_glob
from sanctuary_filesystem.listing import Listing
from sanctuary_filesystem.ripgrep import PROGRAM, running
from sanctuary_host import ToolError
from sanctuary_host.doors import Tree, Trees
from sanctuary_host.folders import Folder
from sanctuary_host.testing import connected

GIT = shutil.which("git")
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"]}
PLAIN = [
    "--files",
    "-0",
    "--hidden",
    "--no-require-git",
    "--no-ignore-dot",
    "--no-ignore-exclude",
    "--no-ignore-parent",
]


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def make(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def finder(folder, **options):
    return Listing(Trees([Tree(Folder(folder.name, str(folder), writable=True))]), **options)


def found(folder, *arguments, **options):
    head, *lines = finder(folder).find_files(*arguments, **options).split("\n")
    assert head.startswith("[")
    return lines


def cursor_in(answer):
    cursor = re.search(r'next cursor "([^"]+)"', answer.split("\n")[0])
    return cursor[1] if cursor else None


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("*.py", ["a.py", "src/b.py", "src/deep/c.py"]),
        ("**/*.py", ["a.py", "src/b.py", "src/deep/c.py"]),
        ("/*.py", ["a.py"]), ("./*.py", ["a.py"]),
        ("src/*.py", ["src/b.py"]), ("src/**/*.py", ["src/b.py", "src/deep/c.py"]),
        ("src/**", ["src/b.py", "src/deep/c.py", "src/deep/d.ts"]),
        ("**/deep/*", ["src/deep/c.py", "src/deep/d.ts"]), ("**/deep/**/c*", ["src/deep/c.py"]),
        ("*.{py,ts}", ["a.py", "src/b.py", "src/deep/c.py", "src/deep/d.ts"]), ("{src/*,a}.py", ["a.py", "src/b.py"]),
        ("**/{c,d}.*", ["src/deep/c.py", "src/deep/d.ts"]), ("src/{deep/{c,d},b}.py", ["src/b.py", "src/deep/c.py"]),
        ("?.py", ["a.py", "src/b.py", "src/deep/c.py"]), ("[ab].py", ["a.py", "src/b.py"]), ("[!ab].py", ["src/deep/c.py"]),
        ("[^ab].py", ["src/deep/c.py"]), ("[a-c]*", ["a.py", "src/b.py", "src/deep/c.py"]), ("[]-a]*", ["a.py"]),
        ("src/b.py", ["src/b.py"]), ("**/src/b.py", ["src/b.py"]), ("b.py", ["src/b.py"]), ("B.PY", []), ("src", []), ("nope/**", []),
        ("src//deep/./c.py", ["src/deep/c.py"]), (r"\a.py", ["a.py"]), ("*/*/*", ["src/deep/c.py", "src/deep/d.ts"]), ("**?.py", ["a.py", "src/b.py", "src/deep/c.py"]),
    ],
)  # fmt: skip
def test_globs_mean_what_they_mean_to_git_and_ripgrep(work, pattern, paths):
    make(work, "a.py", "src/b.py", "src/deep/c.py", "src/deep/d.ts")
    assert found(work, pattern) == paths


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("app/[id]/page.tsx", "app/[id]/page.tsx"), ("[...slug].js", "[...slug].js"), (r"\[x\]", "[x]"), (r"\*.py", "*.py"),
        ("{{name}}/x", "{{name}}/x"), ("{a}", "{a}"), ("a{b,c", "a{b,c"), ("[", "["), ("x]", "x]"), ("a\\", "a\\"), ("-rf", "-rf"),
        ("!a", "!a"), ("#a", "#a"), ("a\nb", "a\nb"), ("--pre=x", "--pre=x"), ("[a\\]b]c", "bc"), ("é*", "était"), ("?", "日"), ("*", ".env"),
    ],
)  # fmt: skip
def test_names_that_look_like_globs_or_options_are_found(work, pattern, path):
    make(work, path, "other")
    shown = path.replace("\\", "\\\\").replace("\n", "\\n")
    assert shown in found(work, pattern)


@pytest.mark.parametrize(
    "pattern", ["", "/", ".", "..", "../x", "a/../b", "{,}", "x" * 1001, "{a,b}" * 7, "{a,{b,c}}" * 6]
)
def test_a_pattern_that_can_find_nothing_is_refused(work, pattern):
    with pytest.raises(ToolError, match=r"pattern"):
        finder(work).find_files(pattern)


@pytest.mark.parametrize(
    "pattern", ["*a" * 400 + "b", "**/a*" * 150 + "/b", "*" * 1000, "**/" * 300 + "b", "?*" * 400, "[a-z]*" * 150, "{" * 999, "{a,b" * 249]
)  # fmt: skip
def test_no_pattern_takes_long(pattern):
    glob = read_glob(pattern)
    assert glob.pattern.fullmatch("/".join(["a" * 200] * 20) + "/c") is None or "b" not in pattern


def test_kinds_are_told_apart(work):
    make(work, "a/file")
    (work / "empty").mkdir()
    (work / "link").symlink_to("a")
    (work / "gone").symlink_to("../elsewhere")
    os.mkfifo(work / "pipe")
    links = ["gone (link to nothing in here)", "link (link to a folder)"]
    assert found(work) == [*links, "pipe (a named pipe)", "a/file"]
    assert found(work, kind="folder") == ["a/", "empty/"]
    assert found(work, "*/") == ["a/", "empty/"]
    assert found(work, kind="any") == ["a/", "empty/", *links, "pipe (a named pipe)", "a/file"]


def test_links_are_found_and_never_followed(work, tmp_path):
    (tmp_path / "outside").mkdir()
    make(tmp_path, "outside/secret.py")
    make(work, "real/x.py")
    (work / "again").symlink_to("real")
    (work / "self").symlink_to(".")
    (work / "out").symlink_to(tmp_path / "outside")
    (work / "AGENTS.py").symlink_to("real/x.py")
    assert found(work, "*.py") == ["AGENTS.py (link to a file)", "real/x.py"]
    assert found(work, "**/*.py", "again") == ["again/x.py"]


def test_age_and_size_choose_and_order(work):
    now = time.time()
    for name, size, age in (("new", 0, 60), ("day", 2048, 90_000), ("old", 3 << 20, 1e9)):
        (work / name).write_bytes(b"x" * size)
        os.utime(work / name, (now - age, now - age))
    (work / "folder").mkdir()

    def names(**options):
        return [line.split()[-1] for line in found(work, **options)]

    assert names(changed="2h") == ["new"]
    assert names(changed="..2h") == ["day", "old"]
    assert names(changed="2d..1h") == names(changed="2 d ago .. 1h ago") == ["day"]
    assert names(changed="..2020-01-01") == names(changed="1970-01-01T00:00:00Z..2020-01-01T00:00+05:30") == ["old"]
    assert names(size="1k") == ["day", "old"]
    assert names(size="2048..2k") == names(size="1.5KiB..1M") == ["day"]
    assert names(size="0..0") == ["new"]
    assert names(size="..1G", kind="any") == ["day", "new", "old"]
    assert names(sort="newest") == ["new", "day", "old"]
    assert names(sort="largest") == ["old", "day", "new"]


@pytest.mark.parametrize(
    "options",
    [{"changed": one} for one in ("soon", "3", "-1d", "2026-13-01", "1e9d", "..x", "9" * 10_000)]
    + [{"size": one} for one in ("big", "-1", "1..2..3", "1x", "nan", "9" * 10_000)],
)
def test_what_is_no_time_or_size_is_refused_with_examples(work, options):
    with pytest.raises(ToolError, match="write") as refusal:
        finder(work).find_files(**options)
    assert len(str(refusal.value)) < 200


def test_names_without_a_dot_may_be_asked_for_and_the_folder_of_git_is_never_entered(work):
    make(work, ".env", "a", ".github/ci.yml", ".git/config", "sub/.git")
    assert found(work) == [".env", "a", ".github/ci.yml"]
    assert found(work, hidden=False) == ["a"]
    assert found(work, "config", ".git") == [".git/config"]


@pytest.mark.parametrize("sort", ["name", "largest", "newest"])
def test_pages_hold_everything_once_while_files_come_and_go(work, sort):
    lasting = {f"{folder}/{number}" for folder in ("a", "a/b", "a/b/c", "a.b", "z") for number in range(20)}
    make(work, *lasting)
    search = finder(work)
    answer = search.find_files(sort=sort, limit=7)
    met = [line.split()[-1] for line in answer.split("\n")[1:]]
    turn = 0
    while cursor := cursor_in(answer):
        turn += 1
        make(work, f"a/b{turn}/new", f"y{turn}/new")
        shutil.rmtree(work / f"a/b{turn - 1}", ignore_errors=True)
        if sort == "name" and turn == 2:
            shutil.rmtree(work / met[-1].rpartition("/")[0])  # where the next page was to begin
            gone = {one for one in lasting if not (work / one).exists()}
            lasting -= gone - set(met)
        answer = search.find_files(sort=sort, limit=7, cursor=cursor)
        met += [line.split()[-1] for line in answer.split("\n")[1:]]
    assert len(met) == len(set(met))
    assert {one for one in met if "new" not in one} == lasting


def test_a_search_that_takes_too_long_tells_what_it_has_and_goes_on_there(work):
    make(work, "a/1", "b/2", "c/3")
    slow = finder(work, seconds=-1)
    answer = slow.find_files()
    assert "stopped after -1 s" in answer
    quick = finder(work)
    assert quick.find_files(cursor=cursor_in(answer)).split("\n")[1:] == ["a/1", "b/2", "c/3"]
    assert "so not in order" in slow.find_files(sort="newest")
    assert cursor_in(slow.find_files(sort="newest")) is None


def test_a_long_answer_is_cut_before_its_limit(work):
    deep = "/".join(["d" * 250] * 14)
    make(work, *(f"{deep}/{number:03}" for number in range(60)))
    search = finder(work)
    for sort in ("name", "newest"):
        answer = search.find_files(limit=2000, sort=sort)
        assert len(answer) < 120_000
        assert len(search.find_files(limit=2000, sort=sort, cursor=cursor_in(answer)).split("\n")) > 20


def test_five_hundred_levels_are_searched_and_deeper_ones_are_told_of(work):
    descriptor = os.open(work, os.O_RDONLY)
    for _ in range(2100):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    make(work, "/".join(["d"] * 500) + "/leaf")
    answer = finder(work).find_files("leaf")
    subprocess.run(["rm", "-rf", work / "d"], check=True)  # too deep for shutil, and for pytest when it clears up
    assert answer.split("\n")[1] == "d/" * 500 + "leaf"
    assert "1 folders could not be read" in answer


IGNORED = {
    "*.log\n!keep.log\n": "a.log keep.log x/b.log x/keep.log",
    "/build\nnode_modules/\n": "build/a x/build/b node_modules/c x/node_modules/d node_modules.txt",
    "docs/_build\n": "docs/_build/a x/docs/_build/b docs/c",
    "**/tmp\ntmp2/**\na/**/z\n": "tmp/a x/tmp/b tmp2/c x/tmp2/d a/z a/b/z a/b/c/z b/z",
    "# comment\n\\#file\n\\!file\n  \nspace\\ \ntrail   \n": "#file !file # space trail",
    "*\n!*/\n!*.py\n": "a.py b.txt x/c.py x/d.txt",
    "x/\n!x/keep\n": "x/keep x/y",
    "x/*\n!x/keep\n": "x/keep x/y x/z/a",
    "[a-c].txt\n[!a]x\n?.md\n": "a.txt d.txt bx ax 1.md 12.md",
    "a/b\n": "a/b c/a/b",
    "foo*bar\nx?z\n": "foobar foo-bar fooXbarY xyz x/z",
    "\\*.py\n": "*.py a.py",
    "**\n": "a b/c",
    "a//b\n/\n!\n": "a/b c",
    "\ufeff*.bom\n*.crlf\r\n": "a.bom b.crlf c.txt",
    "sub/.gitignore\n": "sub/x sub/.gitignore",
}


@pytest.mark.parametrize(("rules", "paths"), IGNORED.items())
def test_gitignore_leaves_out_what_ripgrep_leaves_out(work, rules, paths):
    make(work, *paths.split())
    (work / ".gitignore").write_text(rules)
    assert set(found(work)) == by_ripgrep(work)


def test_inner_gitignore_files_win_over_outer_ones_also_where_a_search_begins_below(work):
    make(work, "a.tmp", "x/a.tmp", "x/y/a.tmp", "x/y/b.out", "x/y/only/here", "x/here")
    (work / ".gitignore").write_text("*.tmp\nx/y/only\n/here\n")
    (work / "x/.gitignore").write_text("!a.tmp\n*.out\n")
    (work / "x/y/.gitignore").write_text("a.tmp\n!b.out\n")
    assert found(work) == [".gitignore", "x/.gitignore", "x/a.tmp", "x/here", "x/y/.gitignore", "x/y/b.out"]
    assert found(work, "*", "x/y") == ["x/y/.gitignore", "x/y/b.out"]
    assert found(work, "*", "x/y/only") == ["x/y/only/here"]
    assert len(found(work, ignored=True)) == 9


def test_a_gitignore_that_is_a_link_or_a_pipe_or_huge_is_no_way_to_read_anything(work, tmp_path):
    (tmp_path / "secret").write_text("guess\n")
    make(work, "guess", "a/guess", "b/guess", "b/x")
    (work / ".gitignore").symlink_to(tmp_path / "secret")
    os.mkfifo(work / "a/.gitignore")
    (work / "b/.gitignore").write_text("x\n" + "no\n" * 1_000_000)
    assert {"guess", "a/guess", "b/guess"} <= set(found(work))
    assert "b/x" not in found(work)


def test_rules_that_ruin_backtracking_engines_do_no_harm(work):
    (work / ".gitignore").write_text("*a" * 500 + "b\n" + "**/a*/" * 200 + "b\n" + "(a+)+$\n")
    make(work, "/".join(["a" * 100] * 20) + "/" + "a" * 200)
    assert len(found(work)) == 2


def by_ripgrep(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    with running(descriptor, [*PLAIN, "--", "./"]) as output:
        names = output.read().split(b"\0")
    os.close(descriptor)
    return {os.fsdecode(name)[2:] for name in names if name}


def by_git(folder):
    subprocess.run([GIT, "init", "-q", str(folder)], env=CLEAN, check=True)
    command = [GIT, "-C", str(folder), "ls-files", "-z", "--others", "--exclude-per-directory=.gitignore"]
    names = subprocess.run(command, env=CLEAN, check=True, capture_output=True).stdout.split(b"\0")
    shutil.rmtree(folder / ".git")
    return {os.fsdecode(name) for name in names if name}


PARTS = ["a", "b", "ab", "*", "a*", "*b", "?", "[ab]", "[!a]", "**", "\\a", "c.d", "*.d"]


@pytest.mark.parametrize("seed", range(40))
def test_any_rules_leave_out_what_git_and_ripgrep_leave_out(work, seed):
    chance = random.Random(seed)
    names = ["a", "b", "ab", "ba", "c.d", "abc"]
    for _ in range(40):
        path = "/".join(chance.choice(names) for _ in range(chance.randint(1, 4)))
        if (
            not any((work / part).is_file() for part in (path, *map(str, (work / path).parents)))
            and not (work / path).is_dir()
        ):
            make(work, path)
    for folder in [work, *(one for one in work.iterdir() if one.is_dir())]:
        rules = [
            "!" * (chance.random() < 0.3) + "/" * (chance.random() < 0.2) + "/".join(chance.choice(PARTS) for _ in range(chance.randint(1, 3))) + "/" * (chance.random() < 0.2)
            for _ in range(chance.randint(1, 4))
        ]  # fmt: skip
        (folder / ".gitignore").write_text("\n".join(rules))
    ours = set(found(work, limit=2000))
    assert ours == by_ripgrep(work)
    assert ours == (by_git(work) if GIT else ours)


async def test_found_names_that_are_no_utf8_reach_a_client(work, tmp_path):
    make(work, "caf\udce9.txt")
    audit = str(tmp_path / "audit.jsonl")
    async with connected("filesystem", SANCTUARY_WORKSPACE=str(work), SANCTUARY_AUDIT=audit) as client:
        reply = await client.call_tool("find_files", {"pattern": "caf*"})
    assert reply.content[0].text.split("\n")[1] == "caf\\xe9.txt"


def test_the_search_program_is_killed_and_reaped_when_nobody_reads_on(work):
    make(work, *(f"{number}" for number in range(3000)))
    descriptor = os.open(work, os.O_RDONLY)
    before = len([*Path("/proc/self/fd").iterdir()])
    with running(descriptor, [*PLAIN, "--", "./"]) as output:
        assert output.read(2) == b"./"
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    with running(descriptor, [*PLAIN, "--", *["./none"] * 500]) as output:
        assert output.read() == b""
    assert "No such file" in output.errors
    assert len(output.errors) <= 4096
    os.close(descriptor)


def test_the_search_program_reads_no_configuration(work, tmp_path, monkeypatch):
    (tmp_path / "config").write_text("--max-depth=0\n")
    monkeypatch.setenv("RIPGREP_CONFIG_PATH", str(tmp_path / "config"))
    make(work, "a/b")
    assert by_ripgrep(work) == {"a/b"}
    assert Path(PROGRAM).is_absolute()
