"""Which language a file is in: by its name, else by its first line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sanctuary_host import ToolError


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        name: how callers name it, and its grammar.
        title: how people do.
        endings: of file names, with their dots.
        names: whole file names.
        programs: interpreters in a first line that begins with `#!`.
        grammar: whether it has one; else only what the standard library can say of it is known.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    names: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    grammar: bool = True


LANGUAGES: Final = {
    one.name: one
    for one in (
        Language(
            "bash", "Bash", (".sh", ".bash", ".bats"), (".bashrc", ".profile", "PKGBUILD"), ("bash", "sh", "dash")
        ),
        Language("c", "C", (".c", ".h")),
        Language("cpp", "C++", (".cpp", ".cc", ".cxx", ".c++", ".hpp", ".hh", ".hxx", ".ipp", ".inl", ".cu", ".cuh")),
        Language("csharp", "C#", (".cs", ".csx")),
        Language("css", "CSS", (".css",)),
        Language("dart", "Dart", (".dart",)),
        Language("elixir", "Elixir", (".ex", ".exs"), (), ("elixir",)),
        Language("go", "Go", (".go",)),
        Language("haskell", "Haskell", (".hs",), (), ("runhaskell",)),
        Language("hcl", "HCL", (".tf", ".hcl", ".tfvars")),
        Language("html", "HTML", (".html", ".htm", ".xhtml")),
        Language("java", "Java", (".java",)),
        Language("javascript", "JavaScript", (".js", ".mjs", ".cjs", ".jsx"), ("Jakefile",), ("node", "nodejs")),
        Language("json", "JSON", (".json", ".jsonc", ".webmanifest", ".geojson"), ("composer.lock", "Pipfile.lock")),
        Language("kotlin", "Kotlin", (".kt", ".kts")),
        Language("lua", "Lua", (".lua",), (), ("lua", "luajit")),
        Language("markdown", "Markdown", (".md", ".markdown")),
        Language("nix", "Nix", (".nix",)),
        Language("php", "PHP", (".php", ".phtml"), (), ("php",)),
        Language("python", "Python", (".py", ".pyi", ".pyw"), ("SConstruct", "SConscript", "wscript"), ("python",)),
        Language(
            *("ruby", "Ruby", (".rb", ".rake", ".gemspec", ".ru")),
            *(("Rakefile", "Gemfile", "Vagrantfile", "Podfile", "Brewfile"), ("ruby",)),
        ),
        Language("rust", "Rust", (".rs",)),
        Language("scala", "Scala", (".scala", ".sc", ".sbt")),
        Language("solidity", "Solidity", (".sol",)),
        Language("swift", "Swift", (".swift",)),
        Language("toml", "TOML", (".toml",), ("Cargo.lock", "poetry.lock", "uv.lock"), grammar=False),
        Language("tsx", "TSX", (".tsx",)),
        Language("typescript", "TypeScript", (".ts", ".mts", ".cts"), (), ("deno", "bun", "ts-node")),
        Language("yaml", "YAML", (".yaml", ".yml"), (".clang-format", ".clang-tidy")),
        Language("zig", "Zig", (".zig", ".zon")),
    )
}
OTHER_NAMES: Final = {
    "c++": "cpp", "c#": "csharp", "cs": "csharp", "golang": "go", "hs": "haskell", "js": "javascript", "kt": "kotlin",
    "jsx": "javascript", "md": "markdown", "py": "python", "rb": "ruby", "rs": "rust", "sh": "bash", "shell": "bash",
    "sol": "solidity", "terraform": "hcl", "ts": "typescript", "yml": "yaml",
}  # fmt: skip
BY_ENDING: Final = {ending: one for one in LANGUAGES.values() for ending in one.endings}
BY_NAME: Final = {name: one for one in LANGUAGES.values() for name in one.names}
BY_PROGRAM: Final = {program: one for one in LANGUAGES.values() for program in one.programs}
FIRST_LINE: Final = re.compile(rb"#![ \t]*(?:\S*/env[ \t]+(?:-S[ \t]+)?)?(?:\S*/)?([A-Za-z-]+)[\d.]*(?=\s|$)")
CPP: Final = re.compile(rb"^[ \t]*(?:class|namespace|template|using|public:|private:|protected:)\b", re.MULTILINE)
"""What a header of C has nowhere at the start of a line."""


def named(name: str) -> Language:
    """The language of a caller's name for it.

    Raises:
        ToolError: there is none.
    """
    word = name.strip().lower()
    word = OTHER_NAMES.get(word, word)
    if word not in LANGUAGES:
        raise ToolError(f"there is no such language here; there are {', '.join(LANGUAGES)}")
    return LANGUAGES[word]


def by_name(path: str) -> Language | None:
    """The language that a file's name tells."""
    name = path.rpartition("/")[2]
    return BY_NAME.get(name) or BY_ENDING.get(PurePosixPath(name).suffix.lower())


def may_tell(path: str) -> bool:
    """Whether a file without a telling name may have a telling first line: those that have no ending."""
    return "." not in path.rpartition("/")[2]


def language_of(path: str, content: bytes) -> Language | None:
    """The language of a file; `None` where neither its name nor its first line tells."""
    found = by_name(path)
    if found is None and may_tell(path) and (line := FIRST_LINE.match(content[:200])):
        found = BY_PROGRAM.get(line[1].decode())
    if found is not None and found.name == "c" and path.endswith(".h") and CPP.search(content):
        return LANGUAGES["cpp"]
    return found
