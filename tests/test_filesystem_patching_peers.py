"""apply_patch beside git and GNU patch: of what they write and apply, it makes the same bytes."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from sanctuary_filesystem.patching import Patching
from sanctuary_host import Folder, ToolError
from sanctuary_host.doors import Tree, Trees

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_patch = pytest.mark.skipif(
    shutil.which("patch") is None or shutil.which("diff") is None, reason="GNU patch and diff are not installed"
)
ODD = ["", "a", "b", "}", "foo", "bar baz", "--- x", "+++ y", "@@", "-- ", "- ", " x", "\tq", "x\ry", "éÃ", "ü"]
ENDS = [["\n"], ["\r\n"], ["\n", "\r\n"]]


class Repository:
    """A repository of git, in a folder that is patched."""

    def __init__(self, path: Path):
        self.path = path
        self.path.mkdir()
        self.git("init", "--quiet")
        self.trees = Trees([Tree(Folder("ws", str(path), writable=True))])
        self.apply = Patching(self.trees).apply_patch

    def git(self, *words):
        settings = {
            "user.name": "A",
            "user.email": "a@example.org",
            "core.autocrlf": "false",
            "commit.gpgsign": "false",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.path), "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            ["git", *options, *words], cwd=self.path, env=environment, check=True, capture_output=True
        ).stdout

    def put(self, files):
        for name in self.files():
            (self.path / name).unlink()
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_bytes(content)

    def files(self):
        ours = {".git", ".sanctuary"}
        found = (path for path in self.path.rglob("*") if path.is_file() and ours.isdisjoint(path.parts))
        return {str(path.relative_to(self.path)): path.read_bytes() for path in found}

    def commit(self, files):
        self.put(files)
        self.git("add", "--all", "--", ".", ":!.sanctuary")
        self.git("commit", "--quiet", "--allow-empty", "--message=Change\n\n- a list\n--- a/none\n@@ -1 +1 @@")


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path / "ws")
    yield made
    made.trees.close()


def some_lines(dice, count):
    ends = dice.choice(ENDS)
    return [dice.choice(ODD) + dice.choice(ends) for _ in range(count)]


def edited(dice, lines):
    lines = list(lines)
    for _ in range(dice.randint(1, 4)):
        place = dice.randint(0, len(lines))
        lines[place : place + dice.randint(0, 3)] = some_lines(dice, dice.randint(0, 3))
    return lines


def text_of(dice, lines):
    text = "".join(lines)
    return text.removesuffix("\n").removesuffix("\r") if dice.random() < 0.3 else text


@needs_git
@pytest.mark.parametrize("seed", range(30))
def test_what_git_diff_writes_makes_the_same_bytes_and_can_be_undone(repository, seed):
    dice = random.Random(seed)
    encoding = dice.choice(["utf-8", "latin-1"])
    before, after = {}, {}
    for number in range(3):
        lines = some_lines(dice, dice.choice([0, 1, 3, 10, 30]))
        head = "é\n" if encoding == "latin-1" else ""  # by which the file is not UTF-8
        if head or dice.random() < 0.8:
            before[f"f{number}"] = (head + text_of(dice, lines)).encode(encoding)
        if head or dice.random() < 0.8:
            name = f"f{number}" if head or dice.random() < 0.7 else f"new folder/gä {number}"
            after[name] = (head + text_of(dice, edited(dice, lines))).encode(encoding)
    repository.commit(before)
    repository.commit(after)
    context = dice.choice([0, 1, 3, 3, 3])
    patch = repository.git("diff", "--text", "--find-renames", f"--unified={context}", "HEAD~", "HEAD").decode(encoding)
    repository.put(before)
    if not patch:
        assert before == after
        return
    repository.apply(patch)
    assert repository.files() == after
    repository.apply(patch, reverse=True)
    assert repository.files() == before


@needs_git
def test_the_mails_of_git_format_patch_are_applied_in_their_order(repository):
    states = [
        {"a": b"one\ntwo\nthree\n", "s/b": b"x\n", "t": b""},
        {"a": b"one\n2\nthree\n", "s/b": b"x\n", "t": b"no end"},
        {"c d": b"one\n2\nthree\n- \n-- \n", "s/b": b"y\n", "t": b"no end\n"},
        {"c d": b"one\n2\n3\n- \n-- \n", "a": b"new\n", 'r "t': b"tab\n"},
        {"ä": b"one\n2\n3\n- \n-- \n", "a": b"new\n-- \n2.39\n", 'r "t': b"tab\n"},
    ]
    for state in states:
        repository.commit(state)
    mails = repository.git("format-patch", "--stdout", "HEAD~4").decode()
    assert mails.count("\n-- \n") == 4
    repository.put(states[0])
    repository.apply(mails)
    assert repository.files() == states[-1]
    repository.apply(mails, reverse=True)
    assert repository.files() == states[0]


@needs_git
@pytest.mark.parametrize("options", [["--no-prefix"], ["--src-prefix=old/", "--dst-prefix=new/"], ["-c"], ["-R"]])
def test_diffs_with_other_prefixes_are_understood(repository, options):
    before, after = {"s/f": b"a\nb\nc\n", "g": b"g\n" * 9}, {"s/f": b"a\nB\nc\n", "s/g": b"g\n" * 9}
    repository.commit(before)
    repository.commit(after)
    if options == ["-c"]:  # letters that say what is compared
        patch = repository.git("-c", "diff.mnemonicPrefix=true", "diff", "-M", "HEAD~")
    else:
        patch = repository.git("diff", "-M", *options, "HEAD~", "HEAD")
    repository.put(before)
    repository.apply(patch.decode(), reverse=options == ["-R"])
    assert repository.files() == after


@needs_git
def test_a_combined_diff_of_a_merge_is_refused(repository):
    repository.commit({"f": b"a\nb\nc\n"})
    repository.git("branch", "side")
    repository.commit({"f": b"1\nb\nc\n"})
    repository.git("checkout", "--quiet", "side")
    repository.commit({"f": b"2\nb\nc\n"})
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "-")
    with pytest.raises(ToolError, match="combined diff"):
        repository.apply(repository.git("diff").decode())


@needs_patch
@pytest.mark.parametrize("alike", [False, True], ids=["lines that differ", "lines that are alike"])
@pytest.mark.parametrize("fuzz", [0, 1, 2])
def test_hunks_are_put_where_gnu_patch_puts_them(tmp_path, alike, fuzz):
    trees = Trees([Tree(Folder("ws", str(tmp_path), writable=True))])
    (tmp_path / "gnu").mkdir()
    same = 0
    for seed in range(40):
        dice = random.Random(f"{seed} {alike} {fuzz}")

        def lines_of(name, count, dice=dice):
            return [f"{dice.choice('abcdef')}\n" if alike else f"{name} {number}\n" for number in range(count)]

        def changed(lines, name, times, dice=dice, lines_of=lines_of):
            lines = list(lines)
            for time in range(times):
                place = dice.randint(0, len(lines))
                lines[place : place + dice.randint(0, 2)] = lines_of(f"{name} {time}", dice.randint(1, 3))
            return "".join(lines)

        old = lines_of("line", dice.choice([8, 20, 60]))
        start = changed(old, "other", dice.randint(0, 3))
        (tmp_path / "old").write_text("".join(old))
        (tmp_path / "new").write_text(changed(old, "new", dice.randint(1, 4)))
        diff = ["diff", "-u", "--label", "a/f", "--label", "b/f", "old", "new"]
        patch = subprocess.run(diff, cwd=tmp_path, capture_output=True, check=False, text=True).stdout
        if not patch:
            continue
        for path in (tmp_path / "f", tmp_path / "gnu" / "f"):
            path.write_text(start)
        command = [
            "patch",
            "-p1",
            "--force",
            "--forward",
            f"--fuzz={fuzz}",
            "--no-backup-if-mismatch",
            "--reject-file=-",
        ]
        theirs = subprocess.run(command, cwd=tmp_path / "gnu", input=patch, capture_output=True, check=False, text=True)
        try:
            told = str(Patching(trees).apply_patch(patch, fuzz=fuzz))
        except ToolError as refusal:
            told = str(refusal)
        ours, its = (tmp_path / "f").read_text(), (tmp_path / "gnu" / "f").read_text()
        if told.startswith("nothing was changed"):
            # It refuses what GNU patch does in one case alone: with fuzz, and several places to choose from.
            assert theirs.returncode or " fits at lines " in told
            assert ours == start
        elif theirs.returncode == 0:
            # It is elsewhere in one case alone: where it finds all of the context, and GNU patch a part of it.
            assert ours == its or ("fuzz 2" in theirs.stdout and "fuzz 1" in told)
            same += ours == its
    trees.close()
    assert same > 10
