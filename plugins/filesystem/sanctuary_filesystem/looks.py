"""What bytes look like that are no text, by how they begin."""

from __future__ import annotations

from typing import Final

from sanctuary_filesystem.forms import Form, form_of

UNKNOWN: Final = "binary data"
STARTS: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", "image/png"),
    (b"\xff\xd8\xff", "a JPEG picture", "image/jpeg"),
    (b"GIF87a", "a GIF picture", "image/gif"),
    (b"GIF89a", "a GIF picture", "image/gif"),
    (b"fLaC", "FLAC sound", "audio/flac"),
    (b"OggS", "Ogg sound", "audio/ogg"),
    (b"ID3", "MP3 sound", "audio/mpeg"),
    (b"%PDF-", "a PDF document", ""),
    (b"SQLite format 3\0", "an SQLite database", ""),
    (b"\x7fELF", "an ELF program", ""),
    (b"MZ", "a Windows program", ""),
    (b"\xca\xfe\xba\xbe", "Java bytecode", ""),
    (b"\0asm", "WebAssembly", ""),
    (b"\x1f\x8b", "gzip data", ""),
    (b"BZh", "bzip2 data", ""),
    (b"\xfd7zXZ\0", "xz data", ""),
    (b"\x28\xb5\x2f\xfd", "zstd data", ""),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", ""),
    (b"Rar!\x1a\x07", "a RAR archive", ""),
    (b"PK\x03\x04", "a zip archive, or a document that is one", ""),
    (b"PK\x05\x06", "an empty zip archive", ""),
    (b"II*\0", "a TIFF picture", ""),
    (b"MM\0*", "a TIFF picture", ""),
    (b"\0\0\x01\0", "an icon", ""),
    (b"wOF2", "a font", ""),
    (b"\0\x01\0\0", "a font", ""),
    (b"OTTO", "a font", ""),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM film", ""),
    (b"PAR1", "Parquet data", ""),
    (b"\xff\xfe\0\0", "UTF-32 text", ""),
    (b"\0\0\xfe\xff", "UTF-32 text", ""),
)
"""How files begin, what they are, and, of those that are shown as such, their media types."""
LATER: Final[tuple[tuple[int, bytes, bytes, str, str], ...]] = (
    (8, b"WEBP", b"RIFF", "a WebP picture", "image/webp"),
    (8, b"WAVE", b"RIFF", "WAV sound", "audio/wav"),
    (4, b"ftypM4A", b"", "M4A sound", "audio/mp4"),
    (4, b"ftyp", b"", "an MP4 film", ""),
    (257, b"ustar", b"", "a tar archive", ""),
)
"""Those that are known by what stands further on: where, what, and what they begin with."""


def text_form_of(head: bytes, *, whole: bool) -> Form | None:
    """How bytes are text, as `form_of`; `None` too where they begin as another format, and pass as Latin-1 alone.

    Args:
        head: a file's contents, or their start.
        whole: whether they are all.
    """
    form = form_of(head, whole=whole)
    if form is not None and form.encoding == "latin-1" and look_of(head)[0] != UNKNOWN:
        return None
    return form


def look_of(head: bytes) -> tuple[str, str]:
    """What a file is by its first bytes, in words, and its media type where it can be shown as such."""
    for start, name, kind in STARTS:
        if head.startswith(start):
            return name, kind
    for at, word, start, name, kind in LATER:
        if head.startswith(start) and head.startswith(word, at):
            return name, kind
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "a BMP picture", "image/bmp"
    if _is_mp3(head):
        return "MP3 sound", "audio/mpeg"
    return ("zeros" if head and not head.strip(b"\0") else UNKNOWN), ""


def _is_mp3(head: bytes) -> bool:
    """Whether it begins with a frame of MPEG audio: its mark, layer III, a bit rate and a frequency that there are."""
    return len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[2] >> 4 != 15 and head[2] & 12 != 12
