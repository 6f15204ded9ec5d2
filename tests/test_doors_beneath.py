"""What leads out of a folder is not opened, in one step or in many, and both give the same answers."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary_host.doors import PathError, Tree, Trees, beneath
from sanctuary_host.folders import Folder

Opener = Callable[[int, bytes, int, int], int]

SPELLINGS = [
    *("ok", "./ok", "ok/", "ok/.", "ok/..", ".", "./", "..", "a", "a/", "a/.", "a/..", "a/../..", "a/b/../.."),
    *("a/b/c/f", "a//b///c/f", "././a/./b", "a/b/c/f/", "a/b/../../ok", "a/../../x", "nope", "nope/.."),
    *("inner", "inner/x", "chain1", "chain1/", "ab", "ab/", "ab/.", "ab/..", "ab/../..", "ab/c/f", "ab/../b/c/f"),
    *("ab/up", "a/b/up", "abs", "rel", "dirl/secret", "dirl/..", "loop", "loop/x", "dang", "dang/", "fifo", "sock"),
    *(
        "/etc/passwd",
        "/",
        "magic/etc/passwd",
        "fds/0",
        "back/ok",
        "../tree/ok",
        "~/x",
        "%2e%2e/x",
        "..%2f",
        "\uff0e\uff0e/x",
    ),
    *("a/b\\..\\..", "file:///etc/passwd", "proc", "proc/self/environ"),
]
WAYS = [
    os.O_RDONLY,
    os.O_RDONLY | os.O_NOFOLLOW,
    os.O_RDONLY | os.O_DIRECTORY,
    os.O_PATH,
    os.O_PATH | os.O_NOFOLLOW,
    os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW,
    os.O_WRONLY,
]


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tree with every kind of way out of it, and secrets beside it."""
    base = tmp_path_factory.mktemp("beneath")
    tree, outside = base / "tree", base / "outside"
    (tree / "a/b/c").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (base / "x").write_text("secret")
    (tree / "ok").write_text("ok")
    (tree / "a/b/c/f").write_text("deep")
    os.mkfifo(tree / "fifo")
    links = {
        "abs": outside / "secret", "rel": "../outside/secret", "dirl": outside, "inner": "a/b/c/f", "chain1": "chain2",
        "chain2": "inner", "ab": "a/b", "a/b/up": "../../ok", "loop": "loop", "dang": "nowhere",
        "magic": "/proc/self/root", "fds": "/proc/self/fd", "back": "../tree", "proc": "/proc",
    }  # fmt: skip
    for name, target in links.items():
        (tree / name).symlink_to(target)
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tree)  # a socket's path may not be long
        listener.bind("sock")
        os.chdir(here)
        yield tree


def _answer(opener: Opener, top: Path, path: str, flags: int) -> str:
    """What was opened, as its path within the tree; or how it failed."""
    folder = os.open(top, os.O_PATH | os.O_DIRECTORY)
    flags |= os.O_CLOEXEC | (0 if flags & os.O_PATH else os.O_NONBLOCK)
    try:
        descriptor = opener(folder, os.fsencode(path), flags, 0o600 if flags & os.O_CREAT else 0)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    else:
        found = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        os.close(descriptor)
        assert found == str(top) or found.startswith(f"{top}/"), f"{path} led to {found}"
        return os.path.relpath(found, top)
    finally:
        os.close(folder)


IN_ONE_STEP: Opener = beneath._in_one_step
STEP_BY_STEP: Opener = beneath._step_by_step


@pytest.mark.parametrize("flags", WAYS)
def test_one_step_and_many_open_the_same_and_nothing_outside(top: Path, flags: int) -> None:
    try:
        os.close(beneath._in_one_step(os.open(top, os.O_PATH), b".", os.O_PATH | os.O_CLOEXEC, 0))
    except OSError:
        pytest.skip("this kernel has no openat2")
    differences = {
        spelling: answers
        for spelling in SPELLINGS
        if len(set(answers := [_answer(opener, top, spelling, flags) for opener in (IN_ONE_STEP, STEP_BY_STEP)])) > 1
    }
    assert differences == {}


@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.sampled_from(["..", ".", "", "a", "b", "c", "f", "ab", "up", "inner", "back", "dirl", "abs", "rel", "loop", "magic", "secret", "tree", "outside", "ok", "root", "etc", "passwd", "self", "fds", "..\x00", "\u2025", "\uff0e\uff0e", "%2e%2e", "~"]), max_size=9), st.sampled_from(WAYS), st.booleans())  # fmt: skip
def test_no_spelling_leads_outside(top: Path, parts: list[str], flags: int, absolute: bool) -> None:
    path = "/" * absolute + "/".join(parts)
    folder = os.open(top, os.O_PATH | os.O_DIRECTORY)
    try:
        descriptor = beneath.open_beneath(folder, path, flags)
    except OSError:
        return
    finally:
        os.close(folder)
    found = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    os.close(descriptor)
    assert found == str(top) or found.startswith(f"{top}/")


@pytest.mark.parametrize("opener", [IN_ONE_STEP, STEP_BY_STEP])
@pytest.mark.parametrize(("path", "answer"), [("new", "new"), ("ab/new", "a/b/new"), ("nope/new", "ENOENT"), ("a/", "EISDIR"), ("abs", "EXDEV"), ("dirl/new", "EXDEV"), ("../new", "EXDEV")])  # fmt: skip
def test_new_files_are_made_within_only(top: Path, opener: Opener, path: str, answer: str) -> None:
    if opener is IN_ONE_STEP and _answer(opener, top, ".", os.O_PATH) == "ENOSYS":
        pytest.skip("this kernel has no openat2")
    try:
        assert _answer(opener, top, path, os.O_WRONLY | os.O_CREAT) == answer
        assert not (top.parent / "outside/new").exists()
        assert not (top.parent / "new").exists()
    finally:
        for name in ("new", "a/b/new"):
            (top / name).unlink(missing_ok=True)


OUT = ["/etc/passwd", "../outside/secret", "../outside/none", "abs", "rel", "dirl/secret", "dirl/none", "magic/etc/passwd", "dang", "nope", "loop", "proc/self/environ", "fds/0", "nope/nope", "ok/x"]  # fmt: skip


@pytest.mark.parametrize("path", OUT)
def test_what_is_outside_and_what_is_not_there_is_told_in_one_sentence(top: Path, path: str) -> None:
    tree = Tree(Folder("work", str(top), writable=False))
    for attempt in (tree.file, tree.folder):
        with pytest.raises(PathError) as caught, attempt(path):
            pass
        remedy = "; paths start at its top, which is ., and not with / or ~" if path.startswith("/") else ""
        assert str(caught.value) == f"there is no {path} in work{remedy}"
    tree.close()


def test_a_name_in_other_letters_or_another_normal_form_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/ReadMe.md").write_text("")
    (tmp_path / "docs/caf\u00e9").write_text("")
    (tmp_path / "Link").symlink_to("/etc/passwd")
    tree = Tree(Folder("work", str(tmp_path), writable=False))
    told: list[str] = []
    for path in ("docs/readme.md", "docs/cafe\u0301", "docs/other", "DOCS/x", "link", "../" + tmp_path.name.upper()):
        with pytest.raises(PathError) as caught, tree.file(path):
            pass
        told.append(str(caught.value).partition(" in work")[2])
    assert told == ["; there is docs/ReadMe.md", "; there is docs/caf\u00e9", "", "", "; there is Link", ""]
    tree.close()


@pytest.mark.parametrize(("path", "kind"), [("fifo", "a named pipe"), ("sock", "no"), ("a", "a folder"), ("ab", "a folder")])  # fmt: skip
def test_what_is_no_file_is_not_read_and_nobody_waits(top: Path, path: str, kind: str) -> None:
    tree = Tree(Folder("work", str(top), writable=False))
    with pytest.raises(PathError, match=kind), tree.file(path):
        pass
    tree.close()


def test_a_tree_stays_what_it_was_whatever_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/note").write_text("ours")
    trees = Trees([Tree(Folder("work", str(tmp_path / "work"), writable=False))])
    (tmp_path / "work").rename(tmp_path / "moved")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/note").write_text("theirs")
    (tmp_path / "work").symlink_to("other")
    place = trees.place("note")
    with place.tree.file(place.path) as descriptor:
        assert os.read(descriptor, 100) == b"ours"
    trees.close()


def test_a_path_names_its_folder_by_name_or_absolutely(tmp_path: Path) -> None:
    for name in ("one", "one/inner", "two"):
        (tmp_path / name).mkdir()
    folders = [("one", "one"), ("inner", "one/inner"), ("two", "two")]
    trees = Trees([Tree(Folder(name, str(tmp_path / path), writable=False)) for name, path in folders])
    asked = ["x", "two:x", "two:/x", "other:x", f"{tmp_path}/one/x", f"{tmp_path}/one/inner/x", f"{tmp_path}/two", f"{tmp_path}/onerous"]  # fmt: skip
    assert [str(trees.place(path)) for path in asked] == [
        *("one:x", "two:x", "two:x", "one:other:x", "one:x", "inner:x", "two:.", f"one:{tmp_path}/onerous"),
    ]
    trees.close()
