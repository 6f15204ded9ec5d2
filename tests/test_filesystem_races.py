"""While another program swaps a folder and a file for links that lead out, no tool reads, changes or names what is there."""

import os
import re
import subprocess
import sys

import pytest

from sanctuary_filesystem.code import Code
from sanctuary_filesystem.editing import Edit, Editing
from sanctuary_filesystem.information import Information
from sanctuary_filesystem.listing import Listing
from sanctuary_filesystem.media import Media
from sanctuary_filesystem.moving import Moving
from sanctuary_filesystem.patching import Patching
from sanctuary_filesystem.reading import Reading
from sanctuary_filesystem.roots import open_roots
from sanctuary_filesystem.search import Search
from sanctuary_host import Boundary, Host, Mount, ToolError

SWAPPER = """
import ctypes, sys
exchange = ctypes.CDLL(None).renameat2
print("ready", flush=True)
while True:
    for name in (b"d", b"f.py", b"d/in"):
        exchange(-100, name, -100, name + b".link", 2)
"""
OURS = "def ours():\n    call(1)\nmine\n"
THEIRS = "def hidden():\n    call(1)\nmine\nhidden\n"
TOLD = re.compile(r"hidden|theirs")
"""What is outside and nowhere else: contents and names."""
PATHS = ("d/f.py", "d/in/f.py", "d/theirs.py", "f.py", "d/in", "d")
DIFF = "--- a/{0}\n+++ b/{0}\n@@ -1,3 +1,3 @@\n def ours():\n-    call(1)\n+    call(2)\n mine\n"
DELETION = "--- a/{0}\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-def ours():\n-    call(1)\n-mine\n"
RENAMING = "diff --git a/{0} b/new/got\nsimilarity index 100%\nrename from {0}\nrename to new/got\n"


@pytest.fixture
def outside(tmp_path):
    for name in ("f.py", "theirs.py", "in/f.py", "in/theirs2.py"):
        path = tmp_path / "outside" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(THEIRS)
    return tmp_path / "outside"


def everything(top):
    """Each file and folder beneath one, with what no change and no link to it leaves as it is."""
    found = {}
    for path in (top, *top.rglob("*")):
        status = path.lstat()
        known = (status.st_ino, status.st_mode, status.st_nlink, status.st_mtime_ns, status.st_ctime_ns)
        found[str(path)] = (known, path.read_bytes() if path.is_file() else sorted(os.listdir(path)))  # noqa: PTH208  # names
    return found


def mend(work, outside):
    """Put back what a call has moved, changed or deleted, wherever it is at this moment."""
    for name, target in (("d", outside), ("f.py", outside / "f.py")):
        for one, other in ((name, f"{name}.link"), (f"{name}.link", name)):
            if not os.path.lexists(work / one) and os.path.lexists(work / other):
                if (work / other).is_symlink():
                    (work / one).mkdir() if name == "d" else (work / one).write_text(OURS)
                else:
                    (work / one).symlink_to(target)
    for name in ("d", "d.link"):
        try:
            folder = os.open(work / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if "in" not in os.listdir(folder):  # noqa: PTH208  # a descriptor
                os.mkdir("in", dir_fd=folder)
            if "in.link" not in os.listdir(folder):  # noqa: PTH208  # a descriptor
                os.symlink(outside / "in", "in.link", dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with os.fdopen(os.open("f.py", flags, dir_fd=folder), "w") as file:
                file.write(OURS)
        except OSError:
            pass  # it was swapped just now
        finally:
            os.close(folder)


CALLS = {
    "read_file": lambda tools, path, turn: tools.reading.read_file([path, "f.py"] if turn % 2 else path),
    "read_media": lambda tools, path, turn: tools.media.read_media(path),
    "list_dir": lambda tools, path, turn: tools.listing.list_dir(
        path.removesuffix("/f.py"), depth=1 + turn % 3, sort=("name", "newest")[turn % 2]
    ),
    "find_files": lambda tools, path, turn: tools.listing.find_files(
        "**", (".", path)[turn % 2], kind="any", sort=("name", "largest")[turn % 2]
    ),
    "grep": lambda tools, path, turn: tools.search.grep(
        "h[i]dden|mine", (".", path)[turn % 2], mode=("content", "files", "count")[turn % 3]
    ),
    "file_info": lambda tools, path, turn: tools.information.file_info(path, "sha256", "f.py"),
    "disk_use": lambda tools, path, turn: tools.information.file_info("d", disk_use=True),
    "write_file": lambda tools, path, turn: tools.editing.write_file(path, OURS, overwrite=bool(turn % 3)),
    "edit_file": lambda tools, path, turn: tools.editing.edit_file(path, [Edit("mine", "mine\nmore")]),
    "apply_patch": lambda tools, path, turn: tools.patching.apply_patch(
        (DIFF, DELETION, RENAMING)[turn % 3].format(path)
    ),
    "move_path": lambda tools, path, turn: tools.moving.move_path(path, f"new/{turn}"),
    "move_path into": lambda tools, path, turn: tools.moving.move_path("f.py", f"{path}/new{turn}"),
    "copy": lambda tools, path, turn: tools.moving.move_path(path, f"new/{turn}", copy=True),
    "copy into": lambda tools, path, turn: tools.moving.move_path("own.py", path, copy=True, overwrite=True),
    "delete_path": lambda tools, path, turn: tools.moving.delete_path(path, ("trash", "restore")[turn % 2]),
    "code": lambda tools, path, turn: tools.code.code(("outline", "check")[turn % 2], path),
    "rewrite_code": lambda tools, path, turn: tools.code.rewrite_code(
        path, "call($A)", "call($A, 2)", language="python", dry_run=False
    ),
}
TURNS = {"grep": 30, "code": 12, "rewrite_code": 12}
"""Those that start a program."""


class Tools:
    def __init__(self, trees):
        self.reading, self.media, self.listing, self.search = (
            Reading(trees),
            Media(trees),
            Listing(trees),
            Search(trees),
        )
        self.information, self.editing, self.moving = Information(trees), Editing(trees), Moving(trees)
        self.patching, self.code = Patching(trees), Code(trees)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges two names at once")
@pytest.mark.parametrize("name", CALLS)
def test_nothing_outside_is_read_changed_or_named_by(name, tmp_path, outside):
    work = tmp_path / "work"
    (work / "d").mkdir(parents=True)
    (work / "f.py").write_text(OURS)
    (work / "own.py").write_text(OURS)
    (work / "d.link").symlink_to(outside)
    (work / "f.py.link").symlink_to(outside / "f.py")
    mend(work, outside)
    before = everything(outside)
    setting = {"SANCTUARY_WORKSPACE": f"{work}:rw"}
    host = Host("filesystem", setting, Boundary(mounts=(Mount("SANCTUARY_WORKSPACE", "rw"),)))
    tools = Tools(open_roots(host))
    told = []
    with subprocess.Popen([sys.executable, "-S", "-c", SWAPPER], cwd=work, stdout=subprocess.PIPE) as swapper:
        try:
            assert swapper.stdout.readline() == b"ready\n"
            for turn in range(TURNS.get(name, 120)):
                path = PATHS[turn // 3 % len(PATHS)]
                try:
                    answer = CALLS[name](tools, path, turn)
                except ToolError as error:
                    answer = error
                told.append(
                    f"{answer}\n{answer!r}".replace("theirs.py", "") if "theirs" in path else f"{answer}\n{answer!r}"
                )
                mend(work, outside)
        finally:
            swapper.kill()
    for ending in host.endings:
        ending()
    assert [one for one in told if TOLD.search(one)] == []
    assert everything(outside) == before
    inside = [path for path in work.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in inside if b"hidden" in path.read_bytes()] == []
    assert len(inside) > 1


PATCHER = """
import sys
from sanctuary_host.doors import Tree, changing
from sanctuary_host.folders import Folder
tree = Tree(Folder("work", sys.argv[1], True))
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    with changing(tree) as changes:
        for number in range(20):
            changes.write("", f"version {turn}\\n".encode(), changes.read(f"f{number}"))
"""


@pytest.mark.parametrize("mode", ["rw", "ro"])
def test_several_files_are_read_as_they_were_before_a_change_of_several_or_after_it(tmp_path, mode):
    names = [f"f{number}" for number in range(20)]
    for name in names:
        (tmp_path / name).write_text("version 0\n")
    boundary = Boundary(mounts=(Mount("SANCTUARY_WORKSPACE", "rw"),))
    host = Host("filesystem", {"SANCTUARY_WORKSPACE": f"{tmp_path}:{mode}"}, boundary)
    reading = Reading(open_roots(host))
    seen = set()
    with subprocess.Popen([sys.executable, "-c", PATCHER, tmp_path], stdout=subprocess.PIPE) as patcher:
        try:
            assert patcher.stdout.readline() == b"ready\n"
            while len(seen) < 30:
                answer = reading.read_file(names)
                versions = re.findall(r"version (\d+)", answer)
                assert len(versions) == len(names)
                assert len({*versions}) == 1 or "; several files were changed while they were read]" in answer
                seen.update(versions)
        finally:
            patcher.kill()
    for ending in host.endings:
        ending()
