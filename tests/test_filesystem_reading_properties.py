"""Whatever a text file holds and however small its pages are, their cursors give all of it and nothing twice."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanctuary_filesystem.bookmarks import Bookmark, bookmark_of, word_of
from sanctuary_filesystem.looks import text_form_of
from sanctuary_filesystem.pack import declare_boundary
from sanctuary_filesystem.reading import Reading
from sanctuary_filesystem.roots import open_roots
from sanctuary_filesystem.visible import visible_line
from sanctuary_host import Host, ToolError

ROW = re.compile(r"(-?\d+)(\+?)\t(.*)", re.DOTALL)
CUT = re.compile(r'(.*) …\[\+[\d,]+ bytes; (?:cursor "([\w-]+)"|the next cursor) continues it\]', re.DOTALL)
PIECES = st.one_of(
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", "a", "é", "字", "𝄞", "\t", "x" * 1990, "字" * 2001, "𝄞é" * 3000]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def read(folder):
    trees = open_roots(Host("filesystem", {"SANCTUARY_WORKSPACE": str(folder)}, declare_boundary()))
    yield Reading(trees).read_file
    trees.close()


def lines_of(read, path, *, known=(), max_bytes=65_536, **window):
    """All lines of a file by their numbers, put together from its pages; `known` are those that were begun before."""
    lines = dict.fromkeys(known, "")
    answer = read(path, max_bytes=max_bytes, **window)
    while True:
        for row in answer.split("\n")[1:]:
            number, more, text = ROW.fullmatch(row).groups()
            assert (number in lines) == bool(more)
            cut = CUT.fullmatch(text)
            lines[number] = lines.get(number, "") + (cut[1] if cut else text)
            if cut and cut[2]:
                lines[number] += lines_of(read, path, known=[number], max_bytes=max_bytes, cursor=cut[2])[number]
        following = re.search(r'next cursor "([\w-]+)"\]', answer.partition("\n")[0])
        if following is None:
            return lines
        answer = read(path, cursor=following[1], max_bytes=max_bytes)


def expected(text):
    stop = "\r" if "\r" in text and "\n" not in text else "\n"
    rows = text.split(stop)
    if stop == "\n":
        rows = [row.removesuffix("\r") for row in rows[:-1]] + rows[-1:]
    return [visible_line(row) for row in (rows if rows[-1] else rows[:-1])]


@settings(max_examples=200, deadline=None)
@given(
    text=TEXTS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
    room=st.integers(1000, 5000),
    count=st.sampled_from([0, 0, 1, 7]),
)
def test_all_pages_together_are_the_text(read, folder, text, encoding, room, count):
    text = text.removeprefix("\ufeff")
    content = text.encode(encoding)
    if encoding == "utf-16-be":
        content = b"\xfe\xff" + content
    (folder / "a").write_bytes(content)
    if count:  # each page of so many lines; a first call with a count asks for no more than that
        lines = expected(text)
        shown = [
            line
            for start in range(1, len(lines) + 1, count)
            for line in lines_of(read, "a", start=start, count=count, max_bytes=room).values()
        ]
        assert shown == lines
    else:
        assert list(lines_of(read, "a", max_bytes=room).values()) == expected(text)


@settings(max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=6000).map(lambda content: content.replace(b"\0", b"\n")), room=st.integers(1000, 3000)
)
def test_bytes_of_any_kind_are_all_shown(read, folder, content, room):
    form = text_form_of(content, whole=True)
    if form is None or form.encoding.startswith("utf-16"):
        return
    (folder / "b").write_bytes(content)
    text = content.removeprefix(form.mark).decode(form.encoding, "surrogateescape")
    assert list(lines_of(read, "b", max_bytes=room).values()) == expected(text)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.booleans())
def test_the_last_lines_are_the_last_lines(read, folder, number, last, ended):
    rows = [f"line {index}" for index in range(number)]
    (folder / "c").write_text("\n".join(rows) + "\n" * ended)
    assert list(lines_of(read, "c", start=-last).values()) == rows[-last:]


@given(
    st.builds(
        Bookmark,
        st.integers(0, 1 << 60),
        st.integers(-(1 << 50), 1 << 50),
        st.booleans(),
        st.none() | st.integers(0, 1 << 40),
        st.integers(0, 1 << 50),
    ),
    st.text(),
    st.binary(min_size=8, max_size=8),
)
def test_a_bookmark_survives_as_a_word_and_only_for_its_path(mark, path, state):
    word = word_of(mark, path, state)
    assert bookmark_of(word, path) == (mark, state)
    assert len(word) < 80
    with pytest.raises(ToolError):
        bookmark_of(word, f"{path}x")


@given(st.text() | st.binary().map(lambda data: data.hex()))
def test_what_is_no_bookmark_is_refused(word):
    with pytest.raises(ToolError, match="this cursor"):
        bookmark_of(word, "work:a")
