"""What is known of files and folders: facts, hashes, disk use, differences."""

import hashlib
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from sanctuary_filesystem.information import Information
from sanctuary_filesystem.pack import declare_boundary
from sanctuary_filesystem.reading import Reading
from sanctuary_filesystem.roots import open_roots
from sanctuary_filesystem.usage import Survey
from sanctuary_host import Host, ToolError
from sanctuary_host.testing import connected


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def trees(folder):
    trees = open_roots(Host("filesystem", {"SANCTUARY_WORKSPACE": str(folder)}, declare_boundary()))
    yield trees
    trees.close()


@pytest.fixture
def info(trees):
    return Information(trees).file_info


def test_the_facts_of_a_file(info, trees, folder):
    (folder / "a").write_bytes(b"hello\n")
    (folder / "a").chmod(0o640)
    os.utime(folder / "a", (86_400, 1_000_000_000))
    os.link(folder / "a", folder / "b")
    found = info("a")
    assert (found.path, found.kind, found.size) == ("a", "file", 6)
    assert found.facts["mode"] == "-rw-r----- (0640)"
    assert found.facts["owner"] == f"{os.getuid()}:{os.getgid()}"
    assert found.facts["links"] == 2
    assert (found.facts["modified"], found.facts["accessed"]) == ("2001-09-09T01:46:40Z", "1970-01-02T00:00:00Z")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.facts["changed"])
    assert f"etag {found.etag}" in Reading(trees).read_file("a")
    assert str(found).startswith(f"a: file, 6 bytes, etag {found.etag}\nmode -rw-r----- (0640), owner ")


def test_whatever_there_is_has_its_kind(info, folder, monkeypatch):
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("folder")
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket")
    listener.close()
    kinds = {name: info(name).kind for name in (".", "folder", "link", "pipe", "socket")}
    assert kinds == {
        ".": "folder",
        "folder": "folder",
        "link": "link to a folder",
        "pipe": "named pipe",
        "socket": "socket",
    }
    assert info("pipe").etag == ""


@pytest.mark.parametrize("target", ["nowhere", "../secret", "/etc/passwd", "/proc/self/root/etc/passwd", "self"])
def test_links_that_lead_nowhere_or_out_are_as_if_they_were_not_there(info, folder, target):
    (folder.parent / "secret").write_text("secret")
    (folder / "self").symlink_to(target)
    for arguments in ({}, {"hash": "md5"}, {"disk_use": True}, {"compare": "self"}):
        with pytest.raises(ToolError, match=r"^there is no self in work$"):
            info("self", **arguments)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_has_facts_and_no_etag(info, folder):
    (folder / "a").write_text("x")
    (folder / "a").chmod(0)
    assert (info("a").size, info("a").etag) == (1, "")
    with pytest.raises(ToolError, match="a is not permitted to the user that this server runs as"):
        info("a", hash="sha256")


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha1", "md5"])
@pytest.mark.parametrize("content", [b"", b"x", b"y" * 3_000_001])
def test_hashes_are_those_of_the_contents(info, folder, name, content):
    (folder / "a").write_bytes(content)
    assert info("a", hash=name).hash == f"{name} {hashlib.new(name, content).hexdigest()}"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (b"a\n", b"a\n", "equal"),
        (b"", b"", "equal"),
        (b"", b"x", "one ends at byte 0, line 1, equal so far\n--- one\n+++ other\n@@ -0,0 +1 @@\n+x (no line end)"),
        (b"a\nb\n", b"a\nb", "other ends at byte 3, line 2, equal so far\n--- one\n+++ other\n@@ -1,2 +1,2 @@\n a\n-b\n+b (no line end)"),
        (b"a\nb\n", b"a\r\nb\n", "different from byte 1, line 1 on\n--- one\n+++ other\n@@ -1,2 +1,2 @@\n-a\n+a␍\n b"),
        (b"\0\1", b"\0\2", "different from byte 1 on"),
        (b"\xff\xfea\0", b"\xff\xfeb\0", "different from byte 2 on\n--- one\n+++ other\n@@ -1 +1 @@\n-a (no line end)\n+b (no line end)"),
        (b"x" * 3_000_000 + b"1", b"x" * 3_000_000 + b"2", "different from byte 3000000, line 1 on"),
    ],
)  # fmt: skip
def test_the_first_difference_is_told_and_small_texts_are_compared(info, folder, one, other, said):
    (folder / "one").write_bytes(one)
    (folder / "other").write_bytes(other)
    assert info("one", compare="other").comparison == said


def test_a_diff_has_the_line_numbers_of_the_whole_files_and_is_bounded(info, folder):
    lines = [f"line {number}\n" for number in range(1, 2001)]
    (folder / "one").write_text("".join(lines))
    lines[999] = "other\n"
    lines[1002:1002] = ["new \x1b[2J\n"]
    (folder / "other").write_text("".join(lines))
    said = info("one", compare="other").comparison.split("\n")
    assert said[:5] == [
        "different from byte 8883, line 1000 on",
        "--- one",
        "+++ other",
        "@@ -997,9 +997,10 @@",
        " line 997",
    ]
    assert "+new ␛[2J" in said
    (folder / "other").write_text("".join(f"{number}\n" for number in range(400)))
    (folder / "one").write_text("".join(f"x{number}\n" for number in range(400)))
    assert len(info("one", compare="other").comparison) < 10_000
    assert info("one", compare="other").comparison.endswith("more lines")
    (folder / "one").write_text("a\nb\n" * 9000)
    (folder / "other").write_text("b\na\n" * 9000)
    assert "no diff" in info("one", compare="other").comparison


def test_disk_use_counts_each_file_once_and_follows_no_link(info, folder):
    (folder / "top").write_bytes(b"x" * 10_000)
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "sub" / "deeper" / "big").write_bytes(os.urandom(300_000))
    os.link(folder / "sub" / "deeper" / "big", folder / "sub" / "again")
    (folder / "away").symlink_to("/")
    Path(os.fsdecode(bytes(folder) + b"/caf\xe9\n")).write_bytes(b"")
    (folder / "round").symlink_to(".")
    with (folder / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    found = info(".", disk_use=True).disk_use
    assert (found["files"], found["folders"], found["links and others"]) == (4, 2, 2)
    assert found["bytes"] == 10_000 + 300_000 + (10 << 30)
    assert 300_000 < found["bytes on disk"] < 1_000_000
    assert list(found["largest"])[:2] == ["sub/", "top"]
    assert found["largest"]["sub/"] >= 300_000
    assert r"caf\xe9\n" in found["largest"]
    with pytest.raises(ToolError, match="top is a file; disk_use is for folders"):
        info("top", disk_use=True)


def test_disk_use_that_takes_too_long_says_how_far_it_came(folder):
    for number in range(3000):
        (folder / f"{number}").touch()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    cut = Survey(descriptor, time.monotonic() - 1).run()
    whole = Survey(descriptor, time.monotonic() + 100).run()
    os.close(descriptor)
    assert (cut.is_whole, 0 < cut.files < 3000) == (False, True)
    assert (whole.is_whole, whole.files) == (True, 3000)


@pytest.fixture
def deep(folder, monkeypatch):
    """500 folders, one in the other, with longer names than a path may have in all."""
    monkeypatch.chdir(folder)
    for number in range(500):
        name = f"folder-{number:020}"
        os.mkdir(name)  # noqa: PTH102  # there is no path to it
        os.chdir(name)
    with open("bottom", "wb") as file:  # noqa: PTH123  # as above
        file.write(b"x" * 5000)
    monkeypatch.chdir(folder)
    yield folder
    subprocess.run(["rm", "-rf", "folder-" + "0" * 20], check=True, cwd=folder)


async def test_deep_wide_and_enormous_things_stay_within_time_and_memory(deep, tmp_path):
    wide = deep / "wide"
    wide.mkdir()
    for number in range(5_000):
        os.mknod(wide / f"a rather long name of a file {number}")
    with (deep / "sparse").open("wb") as file:
        file.truncate(64 << 20)
    (deep / "line").write_bytes(b"x" * (30 << 20))
    environment = {"SANCTUARY_WORKSPACE": str(deep), "SANCTUARY_AUDIT": str(tmp_path / "audit.jsonl")}
    async with connected("filesystem", **environment) as client:

        async def asked(**arguments):
            reply = await client.call_tool("file_info", arguments)
            assert not reply.is_error, reply.content[0].text
            return reply.structured_content

        use = (await asked(path=".", disk_use=True))["disk_use"]
        digest = (await asked(path="sparse", hash="sha1"))["hash"]
        difference = (await asked(path="sparse", compare="line"))["comparison"]
    assert (use["folders"], use["files"]) == (501, 5_003)
    assert not any(name.startswith("truncated") for name in use)
    assert digest == f"sha1 {hashlib.sha1(bytes(64 << 20)).hexdigest()}"
    assert difference == "different from byte 0 on"
