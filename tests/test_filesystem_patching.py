"""apply_patch: what patches do to files, what is refused, and that a patch that fails changes nothing."""

import os
import stat

import pytest

from sanctuary_filesystem.patching import Patching
from sanctuary_host import Folder, ToolError
from sanctuary_host.doors import Tree, Trees
from sanctuary_host.testing import connected

TEN = b"".join(b"line %d\n" % number for number in range(1, 11))
CHANGE = """--- a/f
+++ b/f
@@ -3,5 +3,5 @@
 line 3
 line 4
-line 5
+LINE 5
 line 6
 line 7
"""


class Workshop:
    """A folder that is patched, and another one beside it that must stay as it is."""

    def __init__(self, path):
        self.path = path / "ws"
        self.path.mkdir()
        self.outside = path / "outside"
        self.outside.mkdir()
        (self.outside / "secret").write_bytes(b"secret\n")
        self.trees = Trees([Tree(Folder("ws", str(self.path), writable=True))])
        self.apply = Patching(self.trees).apply_patch

    def put(self, **files):
        for name, content in files.items():
            (self.path / name).write_bytes(content)

    def write(self, name, content):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_bytes(content)

    def files(self):
        found = (path for path in self.path.rglob("*") if ".sanctuary" not in path.parts)
        return {str(path.relative_to(self.path)): path.read_bytes() for path in found if path.is_file()}

    def refuses(self, patch, **options):
        """Why a patch is refused; nothing may have changed."""
        before = self.files()
        with pytest.raises(ToolError) as refusal:
            self.apply(patch, **options)
        assert self.files() == before
        assert (self.outside / "secret").read_bytes() == b"secret\n"
        assert str(refusal.value).isprintable() or "\n" in str(refusal.value)
        return str(refusal.value)


@pytest.fixture
def shop(tmp_path):
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.trees.close()


def hunk(*lines, at="@@ -1,3 +1,3 @@", name="f"):
    return "".join(f"{line}\n" for line in (f"--- a/{name}", f"+++ b/{name}", at, *lines))


async def test_a_client_tries_applies_and_undoes_a_patch(tmp_path):
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "f").write_bytes(TEN)
    patch = CHANGE + "--- /dev/null\n+++ b/new/g\n@@ -0,0 +1 @@\n+hello\n"
    async with connected(
        "filesystem", SANCTUARY_WORKSPACE=f"{tmp_path}/ws:rw", SANCTUARY_AUDIT=str(tmp_path / "audit")
    ) as client:
        tried = await client.call_tool("apply_patch", {"patch": patch, "dry_run": True})
        assert tried.structured_content["dry_run"]
        assert (tmp_path / "ws" / "f").read_bytes() == TEN
        applied = await client.call_tool("apply_patch", {"patch": patch})
        assert applied.structured_content["files"] == [
            {"path": "f", "action": "edited", "hunks": ["hunk 1 at line 3"], "added": 1, "removed": 1},
            {"path": "new/g", "action": "created", "hunks": [], "added": 1, "removed": 0},
        ]
        assert applied.content[0].text == "changed 2 files\nedited f (+1 -1): hunk 1 at line 3\ncreated new/g (+1 -0)"
        assert (tmp_path / "ws" / "new" / "g").read_bytes() == b"hello\n"
        again = await client.call_tool("apply_patch", {"patch": patch})
        assert again.is_error
        assert "applied already" in again.content[0].text
        undone = await client.call_tool("apply_patch", {"patch": patch, "reverse": True})
        assert not undone.is_error
    assert (tmp_path / "ws" / "f").read_bytes() == TEN
    assert not (tmp_path / "ws" / "new" / "g").exists()


async def test_the_tool_is_not_offered_where_nothing_may_be_written(tmp_path):
    async with connected("filesystem", SANCTUARY_WORKSPACE=str(tmp_path), XDG_STATE_HOME=str(tmp_path)) as client:
        assert "apply_patch" not in [tool.name for tool in (await client.list_tools()).tools]


async def test_paths_are_told_with_the_name_of_their_folder_where_there_are_several(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_bytes(TEN)
    setting = f"one={tmp_path}/one:rw,two={tmp_path}/two:rw"
    async with connected("filesystem", SANCTUARY_WORKSPACE=setting, SANCTUARY_AUDIT=str(tmp_path / "audit")) as client:
        reply = await client.call_tool("apply_patch", {"patch": CHANGE, "path": "two:"})
        assert reply.structured_content["files"][0]["path"] == "two:f"
        refused = await client.call_tool(
            "apply_patch", {"patch": CHANGE.replace("a/f", "one:f").replace("b/f", "one:f")}
        )
        assert refused.is_error
        assert "there is no one:f in one" in refused.content[0].text
    assert (tmp_path / "one" / "f").read_bytes() == TEN


# What models write


@pytest.mark.parametrize(
    "head",
    ["@@ -3,5 +3,5 @@", "@@ -1,5 +1,5 @@", "@@ -900,5 +900,5 @@", "@@ -3,50 +3,4 @@", "@@ -3 +3 @@", "@@", "@@ ... @@", "@@ -3,5 +3,5 @@ def f():",
     "@@ -1000000000,1 +1000000000,1 @@", "@@ -99999999999999999999,1 +1,1 @@", "@@ -3,8 +3,2 @@", "@@-3,5 +3,5@@"],
)  # fmt: skip
def test_wrong_numbers_in_a_header_do_not_matter(shop, head):
    shop.put(f=TEN)
    if head == "@@ -3,50 +3,4 @@":  # so many lines are missing that it looks cut off
        assert "ends within the hunk" in shop.refuses(CHANGE.replace("@@ -3,5 +3,5 @@", head))
        return
    shop.apply(CHANGE.replace("@@ -3,5 +3,5 @@", head))
    assert shop.files() == {"f": TEN.replace(b"line 5", b"LINE 5")}


def test_several_hunks_with_wrong_counts_are_told_apart(shop):
    shop.put(f=TEN)
    patch = (
        hunk(" line 1", "-line 2", "+two", "", at="@@ -1,9 +1,9 @@")
        + "@@ -1,1 +1,1 @@\n line 8\n-line 9\n+nine\n line 10\n"
    )
    told = str(shop.apply(patch))
    assert shop.files()["f"] == TEN.replace(b"line 2", b"two").replace(b"line 9", b"nine")
    assert "counts were put right" in told


def test_empty_lines_that_lost_their_space_are_context(shop):
    shop.put(f=b"a\n\nb\n\n\nc\n")
    shop.apply(hunk(" a", "", "-b", "+B", "", "", " c", at="@@ -1,6 +1,6 @@"))
    assert shop.files()["f"] == b"a\n\nB\n\n\nc\n"


def test_a_new_file_whose_empty_lines_lost_their_plus_is_made(shop):
    shop.apply("--- /dev/null\n+++ b/f\n@@ -0,0 +1,3 @@\n+a\n\n+b\n")
    assert shop.files()["f"] == b"a\n\nb\n"


def test_a_patch_in_a_fence_without_a_last_line_end_and_with_remarks_is_applied(shop):
    shop.put(f=TEN)
    shop.apply(f"Here is the patch:\n```diff\n{CHANGE}```\n- It changes line 5.")
    assert shop.files()["f"] == TEN.replace(b"line 5", b"LINE 5")
    shop.apply(CHANGE.rstrip("\n"), reverse=True)
    assert shop.files()["f"] == TEN


@pytest.mark.parametrize(
    ("patch", "remedy"),
    [
        ("", "--- a/NAME"), ("hello\n", "--- a/NAME"), ("\0\n", "--- a/NAME"),
        ("*** Begin Patch\n*** Update File: f\n@@\n-a\n+b\n*** End Patch\n", "not a unified diff; write"),
        ("*** f\n--- f\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n", "not a unified diff; write"),
        ("diff --cc f\nindex 1,2..3\n--- a/f\n+++ b/f\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n -b\n++c\n", "combined diff"),
        ("--- a/f\n+++ b/f\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n", "combined diff"),
        ("@@ -1 +1 @@\n-line 1\n+x\n", "no file was named"),
        ("--- a/f\n+++ b/f\n", "is it cut off"), ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n", "cut off|ends within"),
        ("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\nline 1\n-line 2\n+x\n", "put a space before"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-line 1\n+x\nline 2\n-line 3\n+y\n", "belongs to no hunk"),
        ("--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n line 1\n line 2\n", "adds and removes nothing"),
        ("--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+x\n", "no file"),
        ("--- /dev/null\n+++ b/g\n@@ -0,0 +1,90 @@\n+x\n", "ends within the hunk"),
        ("--- /dev/null\n+++ b/g\n@@ -0,0 +1,2 @@\n+x", "ends within the hunk"),
        ("--- a/f\n+++ b/f\n@@ -1,1 +1,1 @@\n-line 1\n\\ No newline at end of file\n-line 2\n+x\n", "take it out"),
        ("diff --git a/f b/f\nindex 1..2 100644\nBinary files a/f and b/f differ\n", "binary"),
        ("diff --git a/f b/f\nindex 1..2 100644\nGIT binary patch\nliteral 1\nIc${MZ0DJ)R1^\n", "binary"),
        ("Binary files a/f and b/f differ\n", "binary"),
        ("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n", "symbolic link"),
        ("diff --git a/l b/l\nindex 1..2 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-f\n+/etc/passwd\n", "symbolic link"),
        ("diff --git a/s b/s\nindex 1..2 160000\n--- a/s\n+++ b/s\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n", "submodule"),
        ("diff --git a/g b/g\nnew file mode 100644\nindex 0000000..1234567\n", "cut off"),
        ("diff --git what is this and that\nold mode 100644\nnew mode 100755\n", "names no two files"),
        ("diff --git a/f b/f\nindex 1..2 100644\n", "is it cut off"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-line 1\n+\ud800\n", "half a character"),
    ],
)  # fmt: skip
def test_what_is_no_diff_that_can_be_applied_is_refused_with_the_remedy(shop, patch, remedy):
    shop.put(f=TEN)
    told = shop.refuses(patch)
    assert any(word in told for word in remedy.split("|")), told
    assert len(told) < 400


# Bytes


@pytest.mark.parametrize(
    "content", [TEN, TEN.replace(b"\n", b"\r\n"), TEN.replace(b"3\n", b"3\r\n").replace(b"5\n", b"5\r\n")]
)
@pytest.mark.parametrize("patch", [CHANGE, CHANGE.replace("\n", "\r\n")], ids=["LF", "CRLF"])
def test_line_ends_of_the_file_stay_whatever_those_of_the_patch_are(shop, content, patch):
    shop.put(f=content)
    shop.apply(patch)
    assert shop.files()["f"] == content.replace(b"line 5", b"LINE 5")
    shop.apply(patch, reverse=True)
    assert shop.files()["f"] == content


def test_a_patch_whose_point_is_line_ends_changes_them(shop):
    shop.put(f=b"a\r\nb\r\n")
    shop.apply(hunk("-a\r", "+a", " b\r", at="@@ -1,2 +1,2 @@"))
    assert shop.files()["f"] == b"a\nb\r\n"


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        (b"a\nb", ["-a", "+A", " b"], b"A\nb"), (b"a\nb", [" a", "-b", "+B"], b"a\nB"), (b"a\nb", [" a", " b", "+c"], b"a\nb\nc"),
        (b"a\r\nb", [" a", " b", "+c", "+d"], b"a\r\nb\r\nc\r\nd"), (b"a\nb", [" a", "-b", "+b", "+c"], b"a\nb\nc"),
        (b"a\nb", [" a", "-b", r"\ No newline at end of file", "+b"], b"a\nb\n"),
        (b"a\nb\n", [" a", "-b", "+b", r"\ No newline at end of file"], b"a\nb"),
        (b"a\nb", ["-a", " b", r"\ No newline at end of file"], b"b"),
        (b"a\nb\n", ["-a", "+A", " b", r"\ No newline at end of file"], b"A\nb\n"),
        (b"a\nb", [" a", "-b"], b"a\n"), (b"a", ["-a", "+b"], b"b"),
    ],
)  # fmt: skip
def test_the_last_line_keeps_its_end_or_has_the_one_that_the_patch_says(shop, before, lines, after):
    shop.put(f=before)
    shop.apply(hunk(*lines))
    assert shop.files()["f"] == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("häl\r\n…\xa0".encode("utf-8-sig"), "hül\r\n…\xa0".encode("utf-8-sig")),
        ("häl\r\nü\xa0".encode("latin-1"), "hül\r\nü\xa0".encode("latin-1")),
        ("häl\n".encode() + b"\xff\xfe\0\x80\n", "hül\n".encode() + b"\xff\xfe\0\x80\n"),
        ("\ufeffhäl\r\nx".encode("utf-16-le"), "\ufeffhül\r\nx".encode("utf-16-le")),
        ("\ufeffhäl\nx\n".encode("utf-16-be"), "\ufeffhül\nx\n".encode("utf-16-be")),
    ],
    ids=["mark", "latin-1", "invalid", "utf-16-le", "utf-16-be"],
)
def test_encodings_marks_and_invalid_bytes_stay(shop, before, after):
    shop.put(f=before)
    shop.apply(hunk("-häl", "+hül"))
    assert shop.files()["f"] == after


def test_what_only_begins_like_utf_16_is_refused(shop):
    shop.put(f=b"\xff\xfea\0\n")
    assert "UTF-16" in shop.refuses(hunk("-a", "+b"))


# Where hunks fit


def test_a_hunk_is_found_further_down_and_its_offset_is_told(shop):
    shop.put(f=b"new\n" * 5 + TEN)
    assert "hunk 1 at line 8, offset +5" in str(shop.apply(CHANGE))


def test_the_nearest_of_equal_places_is_taken_and_the_others_are_told(shop):
    shop.put(f=TEN * 3)
    told = str(shop.apply(CHANGE.replace("@@ -3,5 +3,5 @@", "@@ -12,5 +12,5 @@")))
    assert shop.files()["f"] == TEN + TEN.replace(b"line 5", b"LINE 5") + TEN
    assert "hunk 1 at line 13, offset +1, fits at line 3, 23 too" in told


def test_a_hunk_without_a_line_number_must_fit_in_one_place_alone(shop):
    shop.put(f=TEN * 3)
    assert "fits at lines 3, 13, 23" in shop.refuses(CHANGE.replace("@@ -3,5 +3,5 @@", "@@"))
    shop.put(f=TEN + TEN.upper())
    shop.apply(CHANGE.replace("@@ -3,5 +3,5 @@", "@@"))
    assert shop.files()["f"] == TEN.replace(b"line 5", b"LINE 5") + TEN.upper()


def test_hunks_out_of_order_fit(shop):
    shop.put(f=TEN)
    shop.apply(hunk("-line 9", "+nine", " line 10", at="@@ -9,2 +9,2 @@") + "@@ -1,2 +1,2 @@\n line 1\n-line 2\n+two\n")
    assert shop.files()["f"] == TEN.replace(b"line 9", b"nine").replace(b"line 2", b"two")


def test_hunks_that_change_the_same_lines_are_refused(shop):
    shop.put(f=TEN)
    assert "hunk 2" in shop.refuses(hunk("-line 1", "+a") + "@@ -1,2 +1,2 @@\n-line 1\n+b\n line 2\n")


@pytest.mark.parametrize(("fuzz", "fits"), [(0, False), (1, True), (2, True)])
def test_a_line_of_context_that_differs_takes_fuzz(shop, fuzz, fits):
    shop.put(f=TEN.replace(b"line 3", b"other"))
    if not fits:
        assert "nearest is line 3, where 4 of its 5 lines are; line 3 differs" in shop.refuses(CHANGE, fuzz=fuzz)
        return
    assert "fuzz 1" in str(shop.apply(CHANGE, fuzz=fuzz))
    assert shop.files()["f"] == TEN.replace(b"line 3", b"other").replace(b"line 5", b"LINE 5")


def test_a_place_that_is_ambiguous_after_fuzz_is_refused(shop):
    block = b"a\nb\nold\nc\nd\n"
    shop.put(f=b"start\n" + block.replace(b"a", b"1") + block.replace(b"a", b"2"))
    patch = hunk(" a", " b", "-old", "+new", " c", " d", at="@@ -5,5 +5,5 @@")
    assert "fits at lines 3, 8" in shop.refuses(patch)


def test_fuzz_never_lets_go_of_all_context(shop):
    shop.put(f=TEN)
    assert "does not fit" in shop.refuses(hunk(" nothing", "+new", " like it", at="@@ -5,2 +5,3 @@"))


def test_a_hunk_that_does_not_fit_is_told_with_what_the_file_has(shop):
    shop.put(f=b"def f():\n    a = 1\n    b = 2\n    return a\n" + TEN)
    told = shop.refuses(hunk(" def f():", "-  a = 1", "+  a = 2", "     b = 2", at="@@ -9,3 +9,3 @@"))
    assert told == (
        "nothing was changed:\nf: hunk 1 (line 3 of the patch) does not fit; nearest is line 1, where 2 of its 3 lines are; "
        "line 2 differs, in white space alone. There is\n     1|def f():\n     2|    a = 1\n     3|    b = 2\n     4|    return a"
    )


def test_a_hunk_that_is_like_nothing_is_told_with_the_lines_at_its_place(shop):
    shop.put(f=TEN, g=b"")
    told = shop.refuses(hunk(" x", "-y", "+z", at="@@ -4,2 +4,2 @@") + hunk("-y", "+z", name="g"))
    assert "for 2 of 2 files do not fit" in told
    assert "no place in the file is like it. At line 4 there is\n     4|line 4\n     5|line 5" in told
    assert "g: hunk 1 (line 9 of the patch) does not fit; the file is empty" in told


def test_a_patch_that_was_applied_is_recognised(shop):
    shop.put(f=TEN)
    shop.apply(CHANGE)
    assert shop.refuses(CHANGE) == (
        "the patch is applied already; nothing was changed:\nf: hunk 1 (line 3 of the patch) is already applied, at line 3"
    )


# What is done to files


def test_git_diffs_make_delete_rename_copy_and_change_modes(shop):
    shop.put(old=TEN, gone=b"bye\n", run=b"#!\n", empty=b"", pure=b"as it is\n")
    (shop.path / "old").chmod(0o640)
    (shop.path / "run").chmod(0o604)
    patch = """diff --git a/old b/sub dir/new
similarity index 90%
rename from old
rename to sub dir/new
index 1..2 100644
--- a/old
+++ b/sub dir/new\t
@@ -1,2 +1,2 @@
-line 1
+LINE 1
 line 2
diff --git a/pure b/p/pure
similarity index 100%
rename from pure
rename to p/pure
diff --git a/run b/copied
similarity index 100%
copy from run
copy to copied
diff --git a/run b/run
old mode 100644
new mode 100755
diff --git a/gone b/gone
deleted file mode 100644
index 1..0
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-bye
diff --git a/empty b/empty
deleted file mode 100644
index e69de29..0000000
diff --git a/made b/made
new file mode 100755
index 0000000..e69de29
diff --git "a/na\\303\\257ve \\"x\\"" "b/na\\303\\257ve \\"x\\""
new file mode 100644
index 0000000..1234567
--- /dev/null
+++ "b/na\\303\\257ve \\"x\\""
@@ -0,0 +1 @@
+x
\\ No newline at end of file
"""
    before = shop.files()
    told = str(shop.apply(patch))
    assert shop.files() == {
        "sub dir/new": TEN.replace(b"line 1\n", b"LINE 1\n"), "p/pure": b"as it is\n", "copied": b"#!\n", "run": b"#!\n",
        "made": b"", 'naïve "x"': b"x",
    }  # fmt: skip
    assert "renamed from old to sub dir/new" in told
    assert "executable now" in told
    modes = {name: stat.S_IMODE((shop.path / name).stat().st_mode) for name in ("sub dir/new", "run", "copied")}
    assert modes == {"sub dir/new": 0o640, "run": 0o705, "copied": 0o604}
    assert (shop.path / "made").stat().st_mode & 0o100
    shop.apply(patch, reverse=True)
    assert shop.files() == before
    assert stat.S_IMODE((shop.path / "old").stat().st_mode) == 0o640
    assert stat.S_IMODE((shop.path / "run").stat().st_mode) == 0o604


def test_files_that_two_diffs_change_are_changed_one_after_the_other(shop):
    shop.put(f=b"one\n", g=b"g\n")
    patch = (
        hunk("-one", "+two") + "diff --git a/f b/h\nrename from f\nrename to h\n" + hunk("-two", "+three", name="h")
        + "diff --git a/g b/f\nrename from g\nrename to f\n" + "--- /dev/null\n+++ b/t\n@@ -0,0 +1 @@\n+t\n"
        + "--- a/t\n+++ /dev/null\n@@ -1 +0,0 @@\n-t\n"
    )  # fmt: skip
    shop.apply(patch)
    assert shop.files() == {"h": b"three\n", "f": b"g\n"}
    shop.apply(patch, reverse=True)
    assert shop.files() == {"f": b"one\n", "g": b"g\n"}


def test_two_files_change_their_names_with_each_other(shop):
    shop.put(f=b"f\n", g=b"g\n")
    names = ["diff --git a/f b/t\nrename from f\nrename to t\n", "diff --git a/g b/f\nrename from g\nrename to f\n"]
    shop.apply("".join([*names, "diff --git a/t b/g\nrename from t\nrename to g\n"]))
    assert shop.files() == {"f": b"g\n", "g": b"f\n"}


@pytest.mark.parametrize(
    ("names", "strip"),
    [(("a/d/f", "b/d/f"), -1), (("d/f", "d/f"), -1), (("f.orig", "d/f"), -1), (("x/y/d/f", "x/y/d/f"), -1), (("x/d/f", "x/d/f"), 1),
     (("proj.orig/d/f", "proj/d/f"), -1), (("./d//f", "./d//f"), -1), (("a/d/f\t2026-01-01 00:00:00.0 +0000", "b/d/f\t2026-01-02 00:00:00 +0000"), -1),
     (("d/f 2026-01-01 00:00:00", "d/f 2026-01-01 00:00:00"), -1), (("d/f\t(revision 3)", "d/f\t(working copy)"), -1), (('"a/d/f"', '"b/d/\\146"'), -1)],
)  # fmt: skip
def test_the_file_that_names_mean_is_found(shop, names, strip):
    shop.write("d/f", b"x\n")
    shop.apply(f"--- {names[0]}\n+++ {names[1]}\n@@ -1 +1 @@\n-x\n+y\n", strip=strip)
    assert shop.files() == {"d/f": b"y\n"}


def test_names_start_from_the_folder_that_is_given(shop):
    shop.write("d/e/f", TEN)
    assert shop.apply(CHANGE, "d/e").files[0].path == "d/e/f"
    assert "is a file" in shop.refuses(CHANGE, path="d/e/f")
    assert "there is no nowhere in ws" in shop.refuses(CHANGE, path="nowhere")


def test_an_absolute_name_within_the_folder_means_the_file(shop):
    shop.put(f=TEN)
    shop.apply(CHANGE.replace("a/f", f"{shop.path}/f").replace("b/f", f"{shop.path}/f"))
    assert shop.files()["f"] == TEN.replace(b"line 5", b"LINE 5")


@pytest.mark.parametrize(
    "names",
    ["/etc/passwd", "../outside/secret", "a/../../outside/secret", "d/../../outside/secret", "/../outside/secret", "leave/secret", "leaving",
     "OUTSIDE/secret", "ws:../outside/secret", "~/secret", "%2e%2e/outside/secret", "dangling", "/proc/self/environ", "nothing"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["edit", "delete", "rename", "copy", "create"])
def test_names_that_lead_out_are_as_if_there_were_nothing(shop, names, form):
    (shop.path / "leave").symlink_to("../outside")
    (shop.path / "leaving").symlink_to("../outside/secret")
    (shop.path / "dangling").symlink_to("nowhere")
    names = names.replace("OUTSIDE", str(shop.outside))
    head = {
        "edit": f"--- {names}\n+++ {names}\n", "delete": f"--- {names}\n+++ /dev/null\n", "create": f"--- /dev/null\n+++ {names}\n",
        "rename": f"diff --git {names} stolen\nrename from {names}\nrename to stolen\n",
        "copy": f"diff --git {names} stolen\ncopy from {names}\ncopy to stolen\n",
    }[form]  # fmt: skip
    body = {
        "edit": "@@ -1 +1 @@\n-secret\n+mine\n",
        "delete": "@@ -1 +0,0 @@\n-secret\n",
        "create": "@@ -0,0 +1 @@\n+x\n",
    }.get(form, "")
    if form == "create" and names == "~/secret":
        assert "no ~ for a home" in shop.refuses(head + body)
        return
    if form == "create" and names in {"nothing", "%2e%2e/outside/secret"}:  # names like others
        shop.apply(head + body)
        return
    for strip in (-1, 0):
        told = shop.refuses(head + body, strip=strip)
        assert "secret\n" not in told
        assert "there is no " in told
    assert [path.name for path in shop.outside.iterdir()] == ["secret"]


def test_our_own_folder_is_left_alone(shop):
    shop.put(f=TEN)
    for name in (".sanctuary/journal", "./.sanctuary/x/y"):
        told = shop.refuses(f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n", dry_run=True)
        assert "this server's own folder" in told


def test_what_is_no_file_is_refused(shop):
    (shop.path / "d").mkdir()
    os.mkfifo(shop.path / "pipe")
    for name in ("d", "pipe"):
        assert "not a file" in shop.refuses(hunk("-x", "+y", name=name))


def test_links_within_are_followed_to_edit_but_not_deleted_or_renamed(shop):
    shop.put(f=TEN)
    (shop.path / "l").symlink_to("f")
    shop.apply(CHANGE.replace("/f", "/l"))
    assert (shop.path / "l").is_symlink()
    assert shop.files()["f"] == TEN.replace(b"line 5", b"LINE 5")
    assert "symbolic link" in shop.refuses("diff --git a/l b/m\nrename from l\nrename to m\n")


def test_a_hard_link_keeps_the_old_contents(shop):
    shop.put(f=TEN)
    os.link(shop.path / "f", shop.outside / "linked")
    shop.apply(CHANGE)
    assert (shop.outside / "linked").read_bytes() == TEN


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n", "f is there already"), (hunk("+x", at="@@ -0,0 +1 @@"), "f is there already"),
        ("--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-line 1\n", "other contents than the patch deletes"),
        ("diff --git a/f b/f\ndeleted file mode 100644\nindex e69de29..0000000\n", "other contents than the patch deletes"),
        ("diff --git a/f b/g\nrename from f\nrename to g\n", "something at g already"), ("diff --git a/g b/h\ncopy from g\ncopy to f\n", "at f already"),
        ("diff --git a/x b/g\nrename from x\nrename to g\n", "it was renamed"), ("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n", "there is no x"),
        ("--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n y\n", "makes a new file, but"), (hunk("+x", at="@@"), "where"), (hunk("+x", at="@@ -90,0 +90 @@"), "10 lines"),
    ],
)  # fmt: skip
def test_what_is_not_as_the_patch_has_it_is_refused(shop, patch, why):
    shop.put(f=TEN, g=b"g\n")
    assert why in shop.refuses(patch)


def test_a_plain_diff_of_two_names_says_that_it_does_not_rename(shop):
    shop.put(f=TEN)
    assert "not renamed to g" in str(shop.apply(CHANGE.replace("b/f", "b/g")))
    assert list(shop.files()) == ["f"]


# All or nothing


@pytest.mark.parametrize("obstacle", ["hunk", "folder", "pipe", "missing", "parent"])
def test_one_file_that_does_not_fit_leaves_all_as_they_were(shop, obstacle):
    for number in range(20):
        shop.write(f"d/{number}", TEN)
    patch = "".join(CHANGE.replace("/f", f"/d/{number}") for number in range(20))
    patch += "diff --git a/d/0 b/e/0\nrename from d/0\nrename to e/0\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n"
    middle = shop.path / "d" / "10"
    if obstacle == "hunk":
        middle.write_bytes(b"other\n")
    else:
        middle.unlink()
    if obstacle == "folder":
        middle.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(middle)
    elif obstacle == "parent":
        middle.write_bytes(TEN)
        (shop.path / "e").write_bytes(b"in the way\n")
    shop.refuses(patch)


def test_a_file_that_may_not_be_written_leaves_all_as_they_were(shop):
    for name in "fgh":
        (shop.path / name).write_bytes(TEN)
    (shop.path / "g").chmod(0o444)
    patch = "".join(CHANGE.replace("/f", f"/{name}") for name in "fgh")
    if os.geteuid() == 0:  # who may write everything
        shop.apply(patch)
        assert stat.S_IMODE((shop.path / "g").stat().st_mode) == 0o444
    else:
        assert "not permitted" in shop.refuses(patch)


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(shop):
    shop.put(f=TEN)
    patch = CHANGE + "diff --git a/f b/g\nrename from f\nrename to g\n"
    tried = shop.apply(patch, dry_run=True)
    assert shop.files() == {"f": TEN}
    assert str(tried).startswith("would change 2 files; nothing was changed\n")
    assert shop.apply(patch).files == tried.files


# Bounds


@pytest.mark.parametrize(
    ("patch", "limit"),
    [
        (CHANGE + "\n" * 300_000, "250,000 lines"), (hunk("-a", "+b") + "@@ -1 +1 @@\n-a\n+b\n" * 30_000, "20,000 hunks"),
        ("".join(f"--- /dev/null\n+++ b/{number}\n@@ -0,0 +1 @@\n+x\n" for number in range(2001)), "2,000 files"),
        ("ä" * (2 << 20) + "x", "4 MiB"), (f"--- a/{'x ' * 200_000}\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n", "longer than names"),
        (f"diff --git {'a ' * 200_000}\nold mode 100644\nnew mode 100755\n", "longer than names"),
        ("--- a/f\n+++ b/f\n@@ -1,1000000000 +1,1000000000 @@\n-line 1\n+x\n", "ends within"),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-" + "x" * 1_000_000 + "\n+y\n", "does not fit"),
    ],
)  # fmt: skip
def test_patches_without_bounds_are_refused(shop, patch, limit):
    shop.put(f=TEN)
    assert limit in shop.refuses(patch)


def test_files_that_are_too_long_are_refused_unread(shop):
    with (shop.path / "f").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(ToolError, match="10,737,418,240 bytes; files of at most 8 MiB"):
        shop.apply(CHANGE)


@pytest.mark.parametrize("at", [1, 500_000, 900_000])
def test_lines_that_are_all_alike_are_searched_in_bounded_time(shop, at):
    shop.put(f=b"a\n" * (1 << 20))
    patch = hunk(*[" a"] * 10_000, "-b", "+c", *[" a"] * 10_000, at=f"@@ -{at},20001 +{at},20001 @@")
    assert "does not fit" in shop.refuses(patch)


def test_a_patch_that_is_cut_off_anywhere_is_refused_or_makes_sense(shop):
    shop.put(f=TEN, g=TEN)
    patch = (
        CHANGE
        + f"diff --git a/g b/n\nsimilarity index 90%\nrename from g\nrename to n\n{CHANGE.replace('a/f', 'a/g').replace('b/f', 'b/n')}"
    )
    patch += "diff --git a/new b/new\nnew file mode 100644\nindex 0000000..1234567\n--- /dev/null\n+++ b/new\n@@ -0,0 +1,2 @@\n+one\n+two\n"
    whole = {"f": TEN.replace(b"line 5", b"LINE 5"), "n": TEN.replace(b"line 5", b"LINE 5"), "new": b"one\ntwo\n"}
    possible = {name: {content} for name, content in {**whole, "g": TEN}.items()}
    possible["new"].add(b"")  # as git has it for files that are empty
    possible["f"].add(TEN)
    possible["n"].add(TEN)
    for end in range(len(patch)):
        try:
            shop.apply(patch[:end])
        except ToolError as refusal:
            assert len(str(refusal)) < 600  # noqa: PT017  # either outcome is right
            assert shop.files() == {"f": TEN, "g": TEN}
        files = shop.files()
        cut = {b"one\n", *(b"one\n%b\n" % b"two"[:count] for count in range(3))} if end > len(patch) - 6 else set()
        assert all(content in possible[name] | (cut if name == "new" else set()) for name, content in files.items()), (
            patch[:end][-60:]
        )
        for name in files:
            (shop.path / name).unlink()
        shop.put(f=TEN, g=TEN)
