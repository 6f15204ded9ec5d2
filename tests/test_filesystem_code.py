"""Code by its syntax: outlines, definitions, uses, patterns, faults and measures, of good files and of hostile ones."""

import os
import sys
from pathlib import Path

import pytest

from sanctuary_filesystem.code import Code
from sanctuary_host import Folder, ToolError
from sanctuary_host.doors import Tree, Trees
from sanctuary_host.testing import connected

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SAMPLES = sorted((Path(__file__).parent / "code_samples").glob("*.txt"))
SHOP = '''"""A shop."""
import prices

LIMIT = 10


class Shop:
    """Sells."""

    def price(self, thing, *, tax=0):
        # price of a thing, in a comment
        if thing in self.things and tax:
            return prices.price(thing) + tax
        return "price"

    def sell(self, thing):
        for one in thing:
            while one:
                price = self.price(one)
        return price


def price(thing):
    return Shop().price(thing, tax=LIMIT)
'''


@pytest.fixture
def folder(tmp_path):
    """A folder in which files are written, and the tools on it."""
    top = tmp_path / "work"
    top.mkdir()
    return top


def taken_apart(sample):
    """The source and the expected outline of a sample, whose last line of equals signs is between them."""
    source, _, outline = sample.read_text(encoding="utf-8").rpartition("\n=====\n")
    return f"{source}\n", outline


def tools(top, *, writable=True, seconds=20.0):
    return Code(Trees([Tree(Folder("work", str(top), writable))]), seconds)


def code(top, action, path=".", **options):
    return tools(top).code(action, path, **options)


def body(answer):
    return answer.split("\n")[1:]


def head(answer):
    return answer.split("\n")[0]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.suffixes[0])
def test_the_outline_of_a_file_has_each_definition_with_its_lines(folder, sample):
    source, outline = taken_apart(sample)
    (folder / sample.stem).write_text(source, encoding="utf-8")
    answer = code(folder, "outline", sample.stem, limit=300)
    assert body(answer) == outline.splitlines()
    assert f"{len(outline.splitlines())} definitions" in head(answer)
    assert head(code(folder, "check", sample.stem)).startswith(f"[check of {sample.stem}: no errors")
    assert f"{source.count(chr(10))} lines:" in code(folder, "metrics", sample.stem)


def test_a_folder_of_many_languages_is_outlined_in_one_call(folder):
    for sample in SAMPLES:
        (folder / sample.stem).write_text(taken_apart(sample)[0], encoding="utf-8")
    answer = code(folder, "outline", limit=1000)
    told = {line for line in body(answer) if not line.startswith(" ")}
    assert {"box.py (Python, 24 lines)", "box.zig (Zig, 12 lines)", "Box.java (Java, 15 lines)"} <= told
    assert "box.json" not in answer
    assert "  6-10 def plain(a: int, *, b=2) -> int" in body(answer)
    assert "  8-9" not in answer  # what is within a definition is left to the outline of its file


def test_symbols_are_found_by_name_and_wildcards_and_by_what_they_are_in(folder):
    (folder / "shop.py").write_text(SHOP)
    (folder / "shop.go").write_text("package p\n\ntype Shop struct{ price int }\n\nfunc (s *Shop) Sell() {}\n")
    assert body(code(folder, "symbols", name="price")) == [
        "shop.go (Go)",
        "  3 member Shop.price: price int",
        "shop.py (Python)",
        "  10-14 method Shop.price: def price(self, thing, *, tax=0)",
        "  23-24 function price: def price(thing)",
    ]
    assert body(code(folder, "symbols", name="Shop.sell")) == [
        "shop.py (Python)",
        "  16-20 method Shop.sell: def sell(self, thing)",
    ]
    assert [line for line in body(code(folder, "symbols", name="S*l")) if line.startswith(" ")] == [
        "  5 method Shop.Sell: func (s *Shop) Sell()"
    ]
    assert "LIMIT" in code(folder, "symbols", name="*IMI*", language="python")
    assert "no definitions" in code(folder, "symbols", name="ric")


def test_references_are_uses_in_code_and_not_in_comments_or_texts(folder):
    (folder / "shop.py").write_text(SHOP)
    assert body(code(folder, "references", name="price")) == [
        "shop.py (Python)",
        "  10:9 (method defined) def price(self, thing, *, tax=0):",
        "  13:27 in Shop.price: return prices.price(thing) + tax",
        "  19:17 in Shop.sell: price = self.price(one)",
        "  19:30 in Shop.sell: price = self.price(one)",
        "  20:16 in Shop.sell: return price",
        "  23:5 (function defined) def price(thing):",
        "  24:19 in price: return Shop().price(thing, tax=LIMIT)",
    ]


def test_a_name_may_be_given_as_it_is_written_in_code(folder):
    (folder / "shop.py").write_text(SHOP)
    assert code(folder, "references", name="Shop.sell()") == code(folder, "references", name="sell")
    assert body(code(folder, "symbols", name="Shop::sell()")) == body(code(folder, "symbols", name="Shop.sell"))


@pytest.mark.parametrize(
    ("name", "source", "query", "places"),
    [
        ("a.c", "#define TWICE(x) add(x, x)\nint add(int a, int b);\n/* add */\n", "add", ["1:18", "2:5"]),
        ("a.php", '<?php\nfunction f($size) { return "$size size" . $size; }\n', "$size", ["2:12", "2:29", "2:43"]),
        ("a.rb", "class A\n  def go = @x\n  # @x\n  attr_reader :x\nend\n", "@x", ["2:12"]),
        ("a.sh", "go() { :; }\ngo\necho 'go'\n", "go", ["1:1", "2:1"]),
        ("a.ex", "defmodule A.Box do\n  def f, do: A.Box.g()\nend\n", "Box", ["1:13", "2:16"]),
        ("a.tsx", "const Go = () => <Go x={Go}>Go</Go>;\n", "Go", ["1:7", "1:19", "1:25", "1:33"]),
        ("a.hs", 'go x = x -- go\nmain = go 1 "go"\n', "go", ["1:1", "2:8"]),
        ("a.rs", 'fn go() { let s = "go"; vec![go()]; } // go\n', "go", ["1:4", "1:30"]),
    ],
)  # fmt: skip
def test_references_know_how_each_language_writes_names(folder, name, source, query, places):
    (folder / name).write_text(source)
    assert [line.split()[0] for line in body(code(folder, "references", name, name=query))] == places


@pytest.mark.parametrize(
    ("name", "source", "query", "found"),
    [
        ("a.py", "f(a, g(b), c)\n", "f($A, $$$REST)", "A=a; REST=g(b), c"),
        ("a.js", "f(a, b); x.f(1)\n", "$X.f($A)", "A=1; X=x"),
        ("a.c", "int g() { return f(1, 2); }\n", "f($A, $B)", "A=1; B=2"),
        ("a.java", "class A { int g() { return f(1); } }\n", "f($A)", "A=1"),
        ("a.cs", "class A { int g() => a ? 1 : 2; }\n", "$A ? $B : $C", "A=a; B=1; C=2"),
        ("a.go", "package p\nfunc g() { if x { y() } }\n", "if $A { $$$B }", "A=x; B=y()"),
        ("a.rs", "fn g() { h(1, 2); }\n", "h($$$A)", "A=1, 2"),
        ("a.dart", "g() { return a ? 1 : 2; }\n", "$A ? $B : $C", "A=a; B=1; C=2"),
        ("a.php", "<?php\n$x = f(1, 2);\n", "f($A, $B)", "A=1; B=2"),
        ("a.css", "p { color: red }\n", "color: $A", "A=red"),
        ("a.json", '{"name": 1}\n', '"name"', ""),
        ("a.zig", "fn g() void { if (x) return y; }\n", "if ($A) return $B;", "A=x; B=y"),
    ],
)
def test_patterns_match_code_and_capture_parts_of_it(folder, name, source, query, found):
    (folder / name).write_text(source)
    answer = code(folder, "search", name, pattern=query)
    assert head(answer).startswith(f"[search of {name}: 1 matches")
    assert found in answer


def test_a_pattern_that_is_none_is_told_apart_from_one_that_matches_nothing(folder):
    (folder / "a.py").write_text("def f(): pass\n")
    with pytest.raises(ToolError, match="no Python: Multiple AST nodes"):
        code(folder, "search", "a.py", pattern="a\nb")
    assert "must be whole code by itself" in code(folder, "search", pattern="def ((")
    with pytest.raises(ToolError, match="search needs a pattern"):
        code(folder, "search")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.py", b"def f(:\n  pass\n", "1:7 invalid syntax"),
        ("a.py", b"def f():\n    return 1\nreturn 2\n", "3:1 'return' outside function"),
        ("a.py", b"x = '\xff'\n", "(unicode error)"),
        ("a.json", b'{"a": 1,}', "1:9 Expecting property name"),
        ("a.toml", b"a = 1\nb =\n", "2:4 Invalid value"),
        ("a.js", b"let x = [1, 2;\n", "1:14 missing ]"),
        ("a.go", b"package p\nfunc f() {\n", "2:10 unexpected {"),
        ("a.java", b"class A { void f() { int = 3; } }\n", "1:"),
        ("a.css", b"p { color: ; ]\n", "1:"),
    ],
)
def test_errors_of_syntax_come_with_their_places(folder, name, content, told):
    (folder / name).write_bytes(content)
    answer = code(folder, "check", name)
    assert told in answer
    assert "no errors" not in answer


def test_what_a_grammar_takes_for_errors_is_told_as_such_and_does_not_crowd_out_other_files(folder):
    (folder / "a.go").write_text("package p\n" + "var ) = 1\n" * 20)
    (folder / "b.py").write_text("def f(:\n")
    answer = code(folder, "check")
    assert "only Python, JSON and TOML are checked exactly" in head(answer)
    assert body(answer)[6].startswith("  … ")
    assert body(answer)[7:] == ["b.py (Python)", "  1:7 invalid syntax (Python 3.11) | def f(:".replace("3.11", PYTHON)]
    assert "exactly" not in head(code(folder, "check", "b.py"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tsconfig.json", b'{\n  // a comment\n  "a": 1\n}\n'), ("a.py", b"\xef\xbb\xbfx = 1\r\n"), ("a.py", b""), ("a.c", b"\n"),
        ("a.py", "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1")), ("a.js", b"x = ''; y = ``; z = / /\n"),
        ("a.html", b"<p></p><script></script>\n"), ("a.yaml", b"a:\nb: ''\n"), ("a.md", b"# \n\n```\n```\n"), ("a.sh", b"x=\ny=''\n"),
    ],
)  # fmt: skip
def test_files_without_errors_have_none(folder, name, content):
    (folder / name).write_bytes(content)
    assert ": no errors" in code(folder, "check", name)


def test_measures_count_lines_branches_and_nesting(folder):
    (folder / "shop.py").write_text(SHOP)
    assert body(code(folder, "metrics", "shop.py")) == [
        "24 lines: 14 code, 3 comment, 7 blank; 3 functions, complexity 7, nesting 2",
        "Shop.price, line 10: complexity 3, 5 lines",
        "Shop.sell, line 16: complexity 3, 5 lines",
        "price, line 23: complexity 1, 2 lines",
    ]
    (folder / "a.js").write_text(
        "// one\nfunction f(a) {\n  if (a) {} else if (b && c) {} else {}\n}\n/* two\nthree */ x\n"
    )
    assert body(code(folder, "metrics", "a.js"))[:2] == [
        "6 lines: 4 code, 2 comment, 0 blank; 1 functions, complexity 4, nesting 1",
        "f, line 2: complexity 4, 3 lines",
    ]
    assert "sum of 2 files: 30 lines: 18 code, 5 comment, 7 blank; 4 functions, complexity 11" in code(
        folder, "metrics", limit=1
    )


def test_languages_are_listed_with_their_files(folder):
    answer = code(folder, "languages")
    assert int(head(answer).split()[0].removeprefix("[")) >= 25
    assert "python: .py .pyi .pyw SConstruct SConscript wscript" in body(answer)
    with pytest.raises(ToolError, match="no such language here; there are bash, c, cpp"):
        code(folder, "outline", language="klingon")


def test_a_first_line_or_the_contents_of_a_header_tell_the_language(folder):
    (folder / "run").write_text("#!/usr/bin/env python3\ndef go(): pass\n")
    (folder / "a.h").write_text("namespace n {\nclass A { void f(); };\n}\n")
    (folder / "b.h").write_text("struct s { int a; };\n")
    (folder / "README").write_text("def no(): pass\n")
    assert body(code(folder, "outline")) == [
        "a.h (C++, 3 lines)", "  1-3 namespace n", "b.h (C, 1 lines)", "  1 struct s", "run (Python, 2 lines)", "  2 def go()",
    ]  # fmt: skip
    assert "a.h" in code(folder, "symbols", name="A", language="cpp")
    with pytest.raises(ToolError, match="nothing tells the language of README"):
        code(folder, "outline", "README")
    assert "1 def no()" in code(folder, "outline", "README", language="py")


def test_what_gitignore_leaves_out_and_what_is_ours_is_not_looked_at(folder):
    (folder / ".gitignore").write_text("build/\n*.min.js\n")
    for name in ("a.py", "build/b.py", "c.min.js", ".sanctuary/d.py", ".git/e.py", "sub/f.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("def go(): pass\n" if name.endswith(".py") else "function go() {}\n")
    lines = body(code(folder, "symbols", name="go"))
    assert [line for line in lines if not line.startswith(" ")] == ["a.py (Python)", "sub/f.py (Python)"]
    assert "sub/f.py" in code(folder, "symbols", name="go", glob="sub/**")
    assert "a.py" not in code(folder, "symbols", name="go", glob="sub/**")


def test_pages_follow_each_other_without_gaps_within_files_and_across_them(folder):
    for number in range(7):
        (folder / f"m{number}.py").write_text("".join(f"def go_{number}_{index}(): pass\n" for index in range(5)))
    found, cursor, pages = [], "", 0
    while True:
        answer = code(folder, "symbols", name="go_*", limit=4, cursor=cursor)
        found += [line.split()[2] for line in body(answer) if line.startswith(" ")]
        pages += 1
        if "next cursor" not in head(answer):
            break
        cursor = head(answer).partition('next cursor "')[2].partition('"')[0]
    assert found == [f"go_{number}_{index}:" for number in range(7) for index in range(5)]
    assert pages == 9
    with pytest.raises(ToolError, match="cursor belongs to another query"):
        code(folder, "symbols", name="other", cursor=cursor)
    with pytest.raises(ToolError, match="cursor"):
        code(folder, "symbols", name="go_*", cursor="no cursor")


def test_a_page_of_one_file_tells_where_it_is_in_all_of_it(folder):
    (folder / "m.py").write_text("".join(f"def go_{index}(): pass\n" for index in range(10)))
    answer = code(folder, "outline", "m.py", limit=4)
    assert "1-4 of 10 definitions" in head(answer)
    cursor = head(answer).partition('next cursor "')[2].partition('"')[0]
    answer = code(folder, "outline", "m.py", limit=4, cursor=cursor)
    assert "5-8 of 10 definitions" in head(answer)
    assert body(answer)[0] == "5 def go_4()"


def test_a_call_that_runs_out_of_time_says_where_to_go_on(folder):
    for number in range(3):
        (folder / f"m{number}.py").write_text("def go(): pass\n")
    answer = tools(folder, seconds=0.0).code("symbols", ".", name="go")
    assert "truncated after 0 s, next cursor" in head(answer)
    cursor = head(answer).partition('next cursor "')[2].partition('"')[0]
    assert "3 definitions in 3" in tools(folder).code("symbols", ".", name="go", cursor=cursor)


def test_special_files_and_links_that_lead_out_are_neither_read_nor_told_apart(folder, tmp_path):
    (tmp_path / "secret.py").write_text("def secret(): pass\n")
    (folder / "out.py").symlink_to(tmp_path / "secret.py")
    (folder / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(folder / "pipe.py")
    assert "no definitions" in code(folder, "symbols", name="secret")
    refusals = []
    for path in ("out.py", "gone.py", "../secret.py", "missing.py"):
        with pytest.raises(ToolError) as refusal:
            code(folder, "outline", path)
        refusals.append(str(refusal.value).replace(path, "X"))
    assert set(refusals) == {"there is no X in work"}
    with pytest.raises(ToolError, match=r"pipe\.py is a named pipe, not a file"):
        code(folder, "outline", "pipe.py")


def test_names_that_are_no_unicode_and_texts_that_control_terminals_are_shown_escaped(folder):
    (folder / os.fsdecode(b"b\xff.py")).write_text("def go(): return '\x1b[31m\u202e'\n")
    answer = code(folder, "references", name="go")
    assert "b\\xff.py (Python)" in answer
    assert "\x1b" not in answer
    assert "go(): return '␛[31m\\u202e'" in answer


def test_a_file_with_very_many_findings_is_told_page_by_page(folder):
    (folder / "many.py").write_text("".join(f"a{number} = f(x)\n" for number in range(5_000)))
    asked = {"outline": {}, "symbols": {"name": "a*"}, "references": {"name": "x"}, "search": {"pattern": "f($A)"}}
    for action, what in asked.items():
        answer = code(folder, action, "many.py", limit=3, **what)
        assert "1-3 of 5,000" in head(answer)
        assert len(body(answer)) >= 3
        cursor = head(answer).partition('next cursor "')[2].partition('"')[0]
        assert "4-6 of 5,000" in head(code(folder, action, "many.py", limit=3, cursor=cursor, **what))


async def test_hostile_files_are_passed_over_by_the_served_tools_and_the_others_answered(folder, tmp_path):
    (folder / "good.py").write_text("def needle(): pass\n")
    (folder / "long.js").write_bytes(b"needle();" * 3_500_000)
    with (folder / "sparse.py").open("wb") as file:
        file.truncate(10 << 30)
    (folder / "binary.py").write_bytes(b"needle\0" * 100)
    (folder / "deep.js").write_bytes(b"[" * 100_000 + b"needle" + b"]" * 100_000)
    (folder / "calls.c").write_bytes(b"needle(" * 200_000)
    (folder / "spaces.py").write_bytes(b"".join(b" " * depth + b"if needle:\n" for depth in range(1500)))
    settings = {"SANCTUARY_WORKSPACE": str(folder), "SANCTUARY_AUDIT": str(tmp_path / "audit.jsonl")}
    async with connected("filesystem", **settings) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert "code" in names
        assert "rewrite_code" not in names  # no folder is writable
        for action in ("symbols", "references", "search", "check", "metrics", "outline"):
            asked = {"action": action, "name": "needle", "pattern": "needle", "limit": 5, "glob": "*.{py,js,c}"}
            reply = await client.call_tool("code", asked)
            text = reply.content[0].text
            assert not reply.is_error, text
            assert "2 files above 2 MiB" in text or "next cursor" in text
            assert action == "check" or "good.py" in text or "next cursor" in text
        for path in ("long.js", "sparse.py", "binary.py", "calls.c"):
            reply = await client.call_tool("code", {"action": "outline", "path": path})
            assert reply.is_error
            assert path in reply.content[0].text
        reply = await client.call_tool("code", {"action": "symbols", "name": "needle", "path": "good.py"})
        assert "1 function needle: def needle()" in reply.content[0].text
    records = (tmp_path / "audit.jsonl").read_text()
    assert '"path":"calls.c"' in records


async def test_an_agent_explores_and_changes_code_through_the_client(folder, tmp_path):
    (folder / "shop.py").write_text(SHOP)
    settings = {"SANCTUARY_WORKSPACE": f"{folder}:rw", "SANCTUARY_AUDIT": str(tmp_path / "audit.jsonl")}
    async with connected("filesystem", **settings) as client:
        outline = await client.call_tool("code", {"action": "outline", "path": "shop.py"})
        assert "10-14   def price(self, thing, *, tax=0)" in outline.content[0].text
        assert outline.structured_content is None
        change = {"path": ".", "pattern": "$A.price($$$B)", "rewrite": "$A.cost($$$B)"}
        dry = await client.call_tool("rewrite_code", change)
        assert "3 replacements in 1 file; dry run" in dry.content[0].text
        assert (folder / "shop.py").read_text() == SHOP
        await client.call_tool("rewrite_code", {**change, "dry_run": False})
        assert (folder / "shop.py").read_text().count(".cost(") == 3
        checked = await client.call_tool("code", {"action": "check"})
        assert "no errors" in checked.content[0].text
