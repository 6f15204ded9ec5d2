"""Pictures and sounds are shown as such, by their bytes; of everything else the bytes are."""

import base64
import os
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary_filesystem.looks import look_of
from sanctuary_filesystem.measures import MEASURES, measure_of
from sanctuary_filesystem.media import Media
from sanctuary_filesystem.pack import declare_boundary
from sanctuary_filesystem.roots import open_roots
from sanctuary_host import Audio, Host, Image, ToolError
from sanctuary_host.testing import connected


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def riff(kind, *chunks):
    body = kind + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 480, 8, 0, 0, 0, 0)) + chunk(b"IEND", b"")
JPEG = b"\xff\xd8\xff\xe0\0\x04JF\xff\xfe\0\x05com\xff\xff\xc2\0\x11\x08" + struct.pack(">HH", 30, 40) + bytes(9)
SOUND = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
SHOWN = [
    (PNG, "a PNG picture, 640 x 480", "image/png"),
    (JPEG, "a JPEG picture, 40 x 30", "image/jpeg"),
    (b"GIF89a" + struct.pack("<HH", 7, 5) + bytes(3), "a GIF picture, 7 x 5", "image/gif"),
    (riff(b"WEBP", (b"VP8X", bytes(4) + b"\x0f\0\0\x1f\0\0")), "a WebP picture, 16 x 32", "image/webp"),
    (
        riff(b"WEBP", (b"VP8L", b"\x2f" + (15 | 31 << 14).to_bytes(4, "little"))),
        "a WebP picture, 16 x 32",
        "image/webp",
    ),
    (riff(b"WEBP", (b"VP8 ", b"\0\0\0\x9d\x01\x2a\x10\0\x20\0")), "a WebP picture, 16 x 32", "image/webp"),
    (riff(b"WAVE", (b"LIST", b"odd"), (b"fmt ", SOUND), (b"data", bytes(12_000))), "WAV sound, 1.5 s", "audio/wav"),
    (b"fLaC\0\0\0\x22" + bytes(10) + (44_100 << 44 | 88_200).to_bytes(8, "big"), "FLAC sound, 2.0 s", "audio/flac"),
    (b"OggS\0\x02" + bytes(20), "Ogg sound", "audio/ogg"),
    (b"ID3\x04" + bytes(20), "MP3 sound", "audio/mpeg"),
    (b"\xff\xfb\x90\x00" + bytes(20), "MP3 sound", "audio/mpeg"),
    (b"\0\0\0\x20ftypM4A \0\0", "M4A sound", "audio/mp4"),
]
DUMPED = [
    (b"BM" + bytes(16) + struct.pack("<II", 9, 8), "a BMP picture, 9 x 8"),
    (b"\x89PNG\r\n\x1a\n" + bytes(20), "a PNG picture, which is broken"),
    (b"\xff\xd8\xff\xe0", "a JPEG picture, which is broken"),
    (b"\x7fELF\x02\0", "an ELF program"),
    (b"PK\x03\x04\x14\0", "a zip archive, or a document that is one"),
    (b"\x1f\x8b\x08\0", "gzip data"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (bytes(257) + b"ustar", "a tar archive"),
    (bytes(99), "zeros"),
    (b"\1\2\3\0", "binary data"),
    (b"<svg/>\n", "text (utf-8, LF), which read_file shows"),
    (b"\xff\xfea\0", "text (utf-16-le with BOM, no line end), which read_file shows"),
    (b"\xff\xfe\0\0a\0\0\0", "UTF-32 text"),
]


@pytest.fixture
def read(tmp_path):
    trees = open_roots(Host("filesystem", {"SANCTUARY_WORKSPACE": str(tmp_path)}, declare_boundary()))
    yield Media(trees).read_media
    trees.close()


@pytest.mark.parametrize(("content", "what", "kind"), SHOWN)
def test_pictures_and_sounds_are_known_by_their_bytes_and_shown(read, tmp_path, content, what, kind):
    (tmp_path / "notes.txt").write_bytes(content)
    text, block = read("notes.txt")
    assert text.text == f"[notes.txt; {what}; {len(content):,} bytes]"
    assert (block.data, block.mime_type) == (content, kind)
    assert isinstance(block, Image if kind.startswith("image") else Audio)


@pytest.mark.parametrize(("content", "what"), DUMPED)
def test_everything_else_is_dumped_and_named(read, tmp_path, content, what):
    (tmp_path / "a.png").write_bytes(content)
    (text,) = read("a.png", limit=16)
    first, row, *rest = text.text.split("\n")
    assert first.startswith(f"[a.png; {what}; {len(content)} bytes; bytes 0 to {min(16, len(content))}")
    assert row.startswith("00000000  " + content[:16].hex(" "))
    assert rest == []


def test_a_window_of_bytes_tells_where_it_is_and_what_follows(read, tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(256)) * 2)
    (text,) = read("a", offset=60, limit=20)
    assert text.text.split("\n") == [
        "[a; binary data; 512 bytes; bytes 60 to 80; next offset 80]",
        "0000003c  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK",
        "0000004c  4c 4d 4e 4f                                      LMNO",
    ]
    assert "bytes 508 to 512]" in read("a", offset=-4)[0].text
    assert "bytes 0 to 256; next offset 256]" in read("a", offset=-9999)[0].text
    with pytest.raises(ToolError, match="a has 512 bytes; offset is 0 to 511, or negative"):
        read("a", offset=512)


def test_a_picture_asked_for_by_bytes_is_dumped(read, tmp_path):
    (tmp_path / "a").write_bytes(PNG)
    assert "0000000c  49 48 44 52" in read("a", offset=12)[0].text


def test_an_empty_file_is_empty(read, tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert read("a")[0].text == "[a; empty; 0 bytes; bytes 0 to 0]"


def test_what_is_too_large_to_be_shown_is_told_with_its_measure(read, tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.write(PNG)
        file.truncate(10 << 30)
    (text,) = read("a")
    assert text.text.startswith("[a; a PNG picture, 640 x 480; 10,737,418,240 bytes; more than the 5,242,880")
    assert "bytes 10737418239 to 10737418240]" in read("a", offset=-1)[0].text


async def test_the_largest_picture_arrives_and_hostile_files_do_no_harm(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    largest = PNG + bytes(5 * (1 << 20) - len(PNG))
    (work / "a.png").write_bytes(largest)
    os.mkfifo(work / "pipe")
    environment = {"SANCTUARY_WORKSPACE": str(work), "SANCTUARY_AUDIT": str(tmp_path / "audit.jsonl")}
    async with connected("filesystem", **environment) as client:
        shown = await client.call_tool("read_media", {"path": "a.png"})
        pipe = await client.call_tool("read_media", {"path": "pipe"})
    assert not shown.is_error
    assert base64.b64decode(shown.content[1].data) == largest
    assert shown.content[1].mime_type == "image/png"
    assert pipe.content[0].text == "pipe is a named pipe, not a file"


@given(
    st.sampled_from(sorted(MEASURES)),
    st.sampled_from([content for content, *_ in SHOWN]),
    st.binary(max_size=99),
    st.data(),
)
def test_broken_headers_have_a_measure_or_none(kind, content, noise, data):
    at = data.draw(st.integers(0, len(content)))
    assert isinstance(measure_of(kind, content[:at] + noise), str)
    assert look_of(content[:at] + noise)[0]
