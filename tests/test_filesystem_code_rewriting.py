"""Code is rewritten by patterns: all files or none, and no byte beside the matches."""

import stat

import pytest

from sanctuary_filesystem.code import Code
from sanctuary_host import Folder, ToolError
from sanctuary_host.doors import Tree, Trees


@pytest.fixture
def folder(tmp_path):
    """A folder in which files are written."""
    top = tmp_path / "work"
    top.mkdir()
    return top


def tools(top, *, writable=True, seconds=20.0):
    return Code(Trees([Tree(Folder("work", str(top), writable))]), seconds)


def body(answer):
    return answer.split("\n")[1:]


def head(answer):
    return answer.split("\n")[0]


def rewrite(top, pattern, replacement, path=".", **options):
    return tools(top).rewrite_code(path, pattern, replacement, **options)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a = old(1)\r\nb = old(2)\n\r\nc", b"a = new(x, 1)\r\nb = new(x, 2)\n\r\nc"),
        (b"\xef\xbb\xbfold(1)  \n", b"\xef\xbb\xbfnew(x, 1)  \n"),
        (b"s = '\xe9\xff'; old('\xe9') # \xe9", b"s = '\xe9\xff'; new(x, '\xe9') # \xe9"),
        ("\ufeffold('é😀')\r\n".encode("utf-16-le"), "\ufeffnew(x, 'é😀')\r\n".encode("utf-16-le")),
        ("é😀 = 1\nold(old(2))\n".encode(), "é😀 = 1\nnew(x, old(2))\n".encode()),
        (b"old();\told(1);old( 2 )", b"old();\tnew(x, 1);new(x, 2)"),
    ],
)
def test_a_rewrite_changes_its_matches_and_no_other_byte(folder, before, after):
    (folder / "a.py").write_bytes(before)
    (folder / "a.py").chmod(0o754)
    assert "dry run, nothing was changed" in rewrite(folder, "old($A)", "new(x, $A)")
    assert (folder / "a.py").read_bytes() == before
    assert "written" in rewrite(folder, "old($A)", "new(x, $A)", dry_run=False)
    assert (folder / "a.py").read_bytes() == after
    assert stat.S_IMODE((folder / "a.py").stat().st_mode) == 0o754


def test_the_diff_of_a_rewrite_is_shown_and_matches_within_others_are_counted(folder):
    (folder / "a.py").write_text("x = 1\ny = old(old(2))\n")
    answer = rewrite(folder, "old($A)", "$A + 1")
    assert "1 replacement in 1 file" in head(answer)
    assert "1 matches within others are left" in head(answer)
    assert body(answer) == ["--- a.py", "@@ -1,2 +1,2 @@", " x = 1", "-y = old(old(2))", "+y = old(2) + 1"]


def test_a_rewrite_of_several_lines_is_indented_as_its_place_and_leaves_texts_alone(folder):
    source = 'class A:\n    def f(self):\n        if ok:\n            go("""a\n  b""")\n            stop()\n'
    (folder / "a.py").write_text(source)
    rewrite(folder, "if $A:\n    $$$B", "with $A:\n    try:\n        $$$B\n    finally:\n        end()", dry_run=False)
    assert (folder / "a.py").read_text() == (
        "class A:\n    def f(self):\n        with ok:\n            try:\n"
        '                go("""a\n  b""")\n                stop()\n            finally:\n                end()\n'
    )


def test_an_empty_list_of_captured_nodes_takes_its_comma_along(folder):
    (folder / "a.js").write_text("f();\nf(2, 3);\n")
    rewrite(folder, "f($$$B)", "g($$$B, 1) + h(0, $$$B)", dry_run=False)
    assert (folder / "a.js").read_text() == "g(1) + h(0);\ng(2, 3, 1) + h(0, 2, 3);\n"


def test_a_rewrite_changes_all_files_or_none(folder):
    for name in ("a.py", "b.py"):
        (folder / name).write_text("old(1)\n")
    (folder / "c.py").write_bytes(b"s = '\xff'\nold(1)\n")
    with pytest.raises(ToolError, match=r"latin-1 lacks, the encoding of c\.py"):
        rewrite(folder, "old($A)", "new('→', $A)", dry_run=False)
    assert {(folder / name).read_bytes() for name in ("a.py", "b.py")} == {b"old(1)\n"}
    with pytest.raises(ToolError, match=r"more syntax errors in a\.py"):
        rewrite(folder, "old($A)", "new(($A", dry_run=False)
    assert "more syntax errors than before in a.py" in rewrite(folder, "old($A)", "new(($A")
    assert (folder / "a.py").read_bytes() == b"old(1)\n"
    assert "3 replacements in 3 files; written" in rewrite(folder, "old($A)", "new($A)", dry_run=False)
    assert (folder / "c.py").read_bytes() == b"s = '\xff'\nnew(1)\n"


def test_a_rewrite_that_cannot_be_made_is_refused_with_the_reason(folder):
    (folder / "a.py").write_text("old(1)\n")
    with pytest.raises(ToolError, match=r"\$B, which the pattern does not capture"):
        rewrite(folder, "old($A)", "new($B)")
    assert "matches nothing, or nothing would differ" in rewrite(folder, "gone($A)", "new($A)", dry_run=False)
    assert "matches nothing, or nothing would differ" in rewrite(folder, "old($A)", "old($A)", dry_run=False)
    with pytest.raises(ToolError, match="read-only"):
        tools(folder, writable=False).rewrite_code(".", "old($A)", "new($A)", dry_run=False)
    with pytest.raises(ToolError, match="narrow path or glob"):
        tools(folder, seconds=0.0).rewrite_code(".", "old($A)", "new($A)", dry_run=False)
    assert (folder / "a.py").read_text() == "old(1)\n"


def test_a_rewrite_that_would_blow_a_file_up_is_refused(folder):
    (folder / "a.py").write_text("f(x)\n" * 3000)
    with pytest.raises(ToolError, match="the result would be longer than"):
        rewrite(folder, "f($A)", "g(" + "$A, " * 2000 + "$A)", "a.py", dry_run=False)
    assert (folder / "a.py").read_text() == "f(x)\n" * 3000
