"""JSONPath as RFC 9535 has it: the text of a query turned into functions over the parts of `jsonpath_parts`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from sanctuary_host import ToolError
from sanctuary_utils.documents import Value
from sanctuary_utils.jsonpath_parts import (
    Path,
    Query,
    Run,
    Selector,
    Term,
    Test,
    compare,
    constant,
    filter_by,
    index_of,
    length,
    member,
    number_of,
    query_of,
    regex,
    single,
    slice_of,
    wildcard,
)  # fmt: skip  # one glance

__all__ = ["Found", "find"]

NESTING: Final = 50
"""Levels of parentheses and of queries within queries."""
NAME: Final = re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*+")
INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?![0-9])")
NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?")
STRING: Final = re.compile(r"""'((?:[^'\\\x00-\x1f]|\\.)*+)'|"((?:[^"\\\x00-\x1f]|\\.)*+)\"""")
ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\", "'": "'", '"': '"'}

FUNCTION: Final = re.compile(r"([a-z][a-z0-9_]*+)\(")
ARGUMENTS: Final = {"length": 1, "count": 1, "value": 1, "match": 2, "search": 2}


@dataclass(frozen=True, slots=True)
class Found:
    """A value that a query selects."""

    steps: Path
    value: Value

    @property
    def path(self) -> str:
        """The normalized path to it, such as `$['a'][0]`."""
        return _written(self.steps)


@dataclass(frozen=True, slots=True)
class _Value:
    """A literal, or a function with a value."""

    term: Term


@dataclass(frozen=True, slots=True)
class _Truth:
    """A function that is true or false."""

    test: Test


@dataclass(frozen=True, slots=True)
class _Way:
    """A query inside a filter, and whether it leads to one value at most."""

    query: Query
    singular: bool


Part: TypeAlias = _Value | _Truth | _Way


def find(query: str, document: Value) -> Iterator[Found]:
    """Each value that the query selects.

    Raises:
        ToolError: the query is not JSONPath, or would look at too many values.
    """
    run = Run(document)
    select = _Parser(query).whole()
    return (Found(path, value) for path, value in select(run, document))


def _written(path: Path) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        if isinstance(step, int):
            steps.append(f"[{step}]")
        else:
            steps.append("['" + re.sub(r"['\\\x00-\x1f]", _escaped, step) + "']")
    return "$" + "".join(reversed(steps))


def _escaped(found: re.Match[str]) -> str:
    short = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "'": "\\'", "\\": "\\\\"}
    return short.get(found[0], f"\\u{ord(found[0]):04x}")


class _Parser:
    """Turns the text of a query into functions."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def whole(self) -> Query:
        if not self._take("$"):
            raise self._fault("a query starts with $")
        query, _ = self._query(absolute=True)
        if self.at < len(self.text):
            raise self._fault("the query goes on where it should end")
        return query

    def _fault(self, reason: str) -> ToolError:
        return ToolError(f"not JSONPath at character {self.at + 1}: {reason}")

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\n\r":
            self.at += 1

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > NESTING:
            raise self._fault(f"more than {NESTING} levels of nesting")

    def _query(self, *, absolute: bool) -> tuple[Query, bool]:
        """The segments after $ or @, and whether they lead to one value at most."""
        segments: list[tuple[bool, list[Selector]]] = []
        singular = True
        while True:
            before = self.at
            self._space()
            if self._take(".."):
                selectors, _ = self._bracketed() if self._take("[") else self._short()
                segments.append((True, selectors))
                singular = False
            elif self._take("."):
                selectors, one = self._short()
                segments.append((False, selectors))
                singular &= one
            elif self._take("["):
                selectors, one = self._bracketed()
                segments.append((False, selectors))
                singular &= one
            else:
                self.at = before
                break

        return query_of(segments, absolute=absolute), singular

    def _short(self) -> tuple[list[Selector], bool]:
        if self._take("*"):
            return [wildcard], False
        if found := self._match(NAME):
            return [member(found[0])], True
        raise self._fault("a name or * must follow; other names go in brackets, such as $['a-b']")

    def _bracketed(self) -> tuple[list[Selector], bool]:
        self._deeper()
        selectors: list[Selector] = []
        singular = True
        while True:
            self._space()
            selector, one = self._selector()
            selectors.append(selector)
            singular &= one
            self._space()
            if self._take("]"):
                break
            if not self._take(","):
                raise self._fault("a comma or a closing bracket is missing")
        self.depth -= 1
        return selectors, singular and len(selectors) == 1

    def _selector(self) -> tuple[Selector, bool]:
        if self._take("*"):
            return wildcard, False
        if self._take("?"):
            self._space()
            return filter_by(self._either()), False
        if self.text[self.at : self.at + 1] in {"'", '"'}:
            return member(self._string()), True
        start = self._integer()
        self._space()
        if not self._take(":"):
            if start is None:
                raise self._fault("a name in quotes, an index, a slice, * or ?filter must stand here")
            return index_of(start), True
        self._space()
        end = self._integer()
        self._space()
        step: int | None = None
        if self._take(":"):
            self._space()
            step = self._integer()
        return slice_of(start, end, 1 if step is None else step), False

    def _integer(self) -> int | None:
        found = self._match(INTEGER)
        if found is None:
            return None
        if found[0] == "-0" or abs(int(found[0])) > 2**53 - 1:
            raise self._fault("an index is out of range")
        return int(found[0])

    def _string(self) -> str:
        found = self._match(STRING)
        if found is None:
            raise self._fault("a string is not closed, or holds a control character")

        def turn(escape: re.Match[str]) -> str:
            if escape[1]:
                return chr(int(escape[1], 16))
            other = '"' if found[1] is not None else "'"
            if escape[2] not in ESCAPES or escape[2] == other:
                raise self._fault("a string has an unknown escape")
            return ESCAPES[escape[2]]

        try:
            text = ESCAPE.sub(turn, found[1] if found[1] is not None else found[2])
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._fault("a string has half of a surrogate pair") from None

    def _either(self) -> Test:
        self._deeper()
        tests = [self._all()]
        while self._operator("||"):
            tests.append(self._all())
        self.depth -= 1
        return tests[0] if len(tests) == 1 else lambda run, value: any(test(run, value) for test in tests)

    def _all(self) -> Test:
        tests = [self._basic()]
        while self._operator("&&"):
            tests.append(self._basic())
        return tests[0] if len(tests) == 1 else lambda run, value: all(test(run, value) for test in tests)

    def _operator(self, token: str) -> bool:
        self._space()
        taken = self._take(token)
        self._space()
        return taken

    def _basic(self) -> Test:
        if self._take("!"):
            self._space()
            inner = self._paren() if self._take("(") else self._exists()
            return lambda run, value: not inner(run, value)
        if self._take("("):
            return self._paren()
        return self._comparison_or_test()

    def _paren(self) -> Test:
        self._space()
        test = self._either()
        self._space()
        if not self._take(")"):
            raise self._fault("a closing parenthesis is missing")
        return test

    def _exists(self) -> Test:
        term = self._term()
        if isinstance(term, _Truth):
            return term.test
        if isinstance(term, _Way):
            query = term.query
            return lambda run, value: next(query(run, value), None) is not None
        raise self._fault("a literal or a function's value is no test; compare it with something")

    def _comparison_or_test(self) -> Test:
        start = self.at
        left = self._term()
        self._space()
        for sign in ("==", "!=", "<=", ">=", "<", ">"):
            if self._take(sign):
                self._space()
                return compare(sign, self._comparable(left), self._comparable(self._term()))
        self.at = start
        return self._exists()

    def _comparable(self, term: Part) -> Term:
        if isinstance(term, _Value):
            return term.term
        if isinstance(term, _Way) and term.singular:
            return single(term.query)
        raise self._fault("only literals, functions with a value and paths to one value can be compared")

    def _term(self) -> Part:
        if self._take("@"):
            return _Way(*self._query(absolute=False))
        if self._take("$"):
            return _Way(*self._query(absolute=True))
        if self.text[self.at : self.at + 1] in {"'", '"'}:
            return _Value(constant(self._string()))
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, self.at) and not NAME.match(self.text, self.at + len(word)):
                self.at += len(word)
                return _Value(constant(value))
        if found := self._match(NUMBER):
            if len(found[0]) > 400:
                raise self._fault("a number is too long")
            whole = not set(found[0]) & set(".eE")
            return _Value(constant(int(found[0]) if whole else float(found[0])))
        if found := self._match(FUNCTION):
            return self._function(found[1])
        raise self._fault("a path (@… or $…), a literal or a function must stand here")

    def _function(self, name: str) -> _Value | _Truth:
        self._deeper()
        arguments: list[Part] = []
        self._space()
        while not self._take(")"):
            if arguments:
                if not self._take(","):
                    raise self._fault("a comma or a closing parenthesis is missing")
                self._space()
            arguments.append(self._term())
            self._space()
        self.depth -= 1
        if name not in ARGUMENTS:
            raise self._fault(f"there is no such function; known are {', '.join(ARGUMENTS)}")
        if len(arguments) != ARGUMENTS[name]:
            raise self._fault(f"{name} takes {ARGUMENTS[name]} argument(s)")
        if name in {"count", "value"}:
            nodes = arguments[0]
            if not isinstance(nodes, _Way):
                raise self._fault(f"{name} takes a path")
            return _Value(single(nodes.query) if name == "value" else number_of(nodes.query))
        terms = [self._comparable(argument) for argument in arguments]
        if name == "length":
            return _Value(length(terms[0]))
        return _Truth(regex(terms[0], terms[1], whole=name == "match"))
