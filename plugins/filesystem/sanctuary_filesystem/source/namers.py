"""Definitions that languages state in a way of their own, where no field or child is simply the name."""

from __future__ import annotations

from typing import Final

from ast_grep_py import SgNode

from sanctuary_filesystem.source.names import Found, Name, Namer, first, name_of, start_of

FUNCTIONS: Final = frozenset({
    *("arrow_function", "function_expression", "generator_function", "function", "function_definition"),
})  # fmt: skip
CLASSES: Final = frozenset({"class", "class_expression"})
ELIXIR: Final = {
    "defmodule": "module", "defprotocol": "protocol", "defimpl": "impl", "defmacro": "macro", "defmacrop": "macro",
    "defguard": "macro", "defguardp": "macro", "test": "test", "describe": "test",
}  # fmt: skip
"""Words that define; the others define functions."""
LABELS: Final = frozenset({"string_lit", "identifier"})
HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
TITLE: Final = 80
"""Characters of a heading in HTML or a selector in CSS that serve as its name."""


def assigned_python(node: SgNode) -> Found | None:
    """An assignment of Python to names."""
    left = node.field("left")
    if left is None:
        return None
    if left.kind() == "identifier":
        return Found("variable", (name_of(left),))
    if left.kind() in {"pattern_list", "tuple_pattern"}:
        names = tuple(name_of(one) for one in left.children() if one.kind() == "identifier")
        return Found("variable", names) if names else None
    return None


def declarator_js(node: SgNode) -> Found | None:
    """A variable of JavaScript, which may be a function or a class."""
    name = node.field("name")
    return _valued(name, node.field("value")) if name is not None and name.kind() == "identifier" else None


def member_js(node: SgNode) -> Found | None:
    """A field of a class."""
    name = node.field("property") or node.field("name")
    if name is None:
        return None
    found = _valued(name, node.field("value"))
    return Found("method" if found.word == "function" else "field", found.names)


def pair_js(node: SgNode) -> Found | None:
    """A key of an object whose value is a function."""
    key, value = node.field("key"), node.field("value")
    if key is None or value is None or value.kind() not in FUNCTIONS:
        return None
    name, start = name_of(key)
    return Found("method", ((name.strip("'\""), start),))


def assigned_js(node: SgNode) -> Found | None:
    """A function or class that is put into a property, such as of `exports` or a prototype."""
    left, right = node.field("left"), node.field("right")
    if left is None or right is None or right.kind() not in FUNCTIONS | CLASSES:
        return None
    name = left.field("property") if left.kind() == "member_expression" else left
    return _valued(name, right) if name is not None else None


def _valued(name: SgNode, value: SgNode | None) -> Found:
    kind = "" if value is None else value.kind()
    word = "function" if kind in FUNCTIONS else "class" if kind in CLASSES else "variable"
    return Found(word, (name_of(name),))


def method_go(node: SgNode) -> Found | None:
    """A method, which belongs to the type of its receiver."""
    name, receiver = node.field("name"), first(node, {"parameter_list"})
    parameter = receiver and first(receiver, {"parameter_declaration"})
    kind = parameter and parameter.field("type")
    if name is None:
        return None
    return Found("method", (name_of(name),), kind.text().lstrip("*").partition("[")[0] if kind else "")


def constructor_dart(node: SgNode) -> Found | None:
    """A constructor or an operator, with all of its name."""
    text, start = name_of(node)
    before = text.partition("(")[0].rstrip()
    name = before if before.startswith("operator") else before.split()[-1] if before else ""
    word = "method" if name.startswith("operator") else "constructor"
    return Found(word, ((name, start + len(before) - len(name)),)) if name else None


def impl_rust(node: SgNode) -> Found | None:
    """What a type can do: it goes by the type's name."""
    of, trait = node.field("type"), node.field("trait")
    if of is None:
        return None
    base = of.field("type") or of
    names = [name_of(base)]
    if trait is not None:
        names.append(name_of(trait.field("type") or trait))
    return Found("impl", tuple(names))


def method_php(node: SgNode) -> Found | None:
    """Properties, by their names with and without the dollar sign."""
    names: list[Name] = []
    for element in node.children():
        if element.kind() == "property_element" and (name := first(element, {"variable_name"})) is not None:
            text, start = name_of(name)
            names.append((text.removeprefix("$"), start + 1))
    return Found("field", tuple(names)) if names else None


def const_php(node: SgNode) -> Found | None:
    """Constants."""
    elements = [first(one, {"name"}) for one in node.children() if one.kind() == "const_element"]
    names = tuple(name_of(one) for one in elements if one is not None)
    return Found("constant", names) if names else None


def assigned_bash(node: SgNode) -> Found | None:
    """A variable of a script, and not one that is set for a single command."""
    name, parent = node.field("name"), node.parent()
    if name is None or name.kind() != "variable_name" or (parent is not None and parent.kind() == "command"):
        return None
    return Found("variable", (name_of(name),))


def property_kotlin(node: SgNode) -> Found | None:
    """A property."""
    variable = first(node, {"variable_declaration"})
    name = variable and first(variable, {"simple_identifier"})
    return Found("variable", (name_of(name),)) if name else None


def object_kotlin(node: SgNode) -> Found | None:
    """A named object that the grammar takes for an expression."""
    parts = node.children()
    if len(parts) < 3 or parts[0].text() != "object" or parts[1].kind() != "simple_identifier":
        return None
    return Found("object", (name_of(parts[1]),))


def companion_kotlin(node: SgNode) -> Found | None:
    """A companion object, which need not have a name."""
    name = first(node, {"type_identifier"})
    return Found("object", (name_of(name) if name else ("Companion", start_of(node)),))


def pattern_swift(node: SgNode) -> Found | None:
    """A property, by the name in its pattern."""
    pattern = node.field("name")
    name = pattern and (first(pattern, {"simple_identifier"}) or (pattern if not pattern.children() else None))
    return Found("variable", (name_of(name),)) if name else None


def function_lua(node: SgNode) -> Found | None:
    """A function, by the last part of its name."""
    name = node.field("name")
    if name is None:
        return None
    word = {"method_index_expression": "method"}.get(name.kind(), "function")
    last = _last(name)
    return Found(word, (last,), name.text()[: -len(last[0])].rstrip(".:").replace(":", "."))


def assigned_lua(node: SgNode) -> Found | None:
    """Variables, which may be functions."""
    left, right = first(node, {"variable_list"}), first(node, {"expression_list"})
    targets = [] if left is None else [one for one in left.children() if one.is_named()]
    is_function = right is not None and first(right, {"function_definition"}) is not None
    names = tuple(_last(one) for one in targets if is_function or one.kind() == "identifier")
    return Found("function" if is_function else "variable", names) if names else None


def _last(node: SgNode) -> Name:
    """The last part of a name with dots and colons."""
    parts = [one for one in node.children() if one.kind() == "identifier"]
    return name_of(parts[-1] if parts else node)


def called_elixir(node: SgNode) -> Found | None:
    """A call that defines something."""
    target, arguments = node.field("target"), first(node, {"arguments"})
    if target is None or arguments is None:
        return None
    word = target.text()
    subject = next((one for one in arguments.children() if one.is_named()), None)
    while subject is not None and subject.kind() == "binary_operator" and ELIXIR.get(word) != "test":
        subject = subject.field("left")
    if subject is None:
        return None
    name = subject.field("target") if subject.kind() == "call" else subject
    text, start = name_of(name or subject)
    return Found(ELIXIR.get(word, "function"), ((text.strip('"'), start),))


def variable_zig(node: SgNode) -> Found | None:
    """A constant or variable, which may be a type."""
    name = first(node, {"identifier"})
    if name is None or name.text() == "_":
        return None
    kinds = {"struct_declaration": "struct", "enum_declaration": "enum", "union_declaration": "union"}
    word = next((kinds[one.kind()] for one in node.children() if one.kind() in kinds), "variable")
    return Found(word, (name_of(name),))


def block_hcl(node: SgNode) -> Found | None:
    """A block, by its last label, or by its type where it has none."""
    labels: list[SgNode] = []
    for one in node.children():
        if one.kind() not in LABELS:
            break
        labels.append(one)
    if not labels:
        return None
    text, start = name_of(labels[-1])
    return Found("block", ((text.strip('"'), start + text.startswith('"')),))


def element_html(node: SgNode) -> Found | None:
    """A heading, by its text, and whatever has an id."""
    tag = first(node, {"start_tag", "self_closing_tag"})
    name = tag and first(tag, {"tag_name"})
    if tag is None or name is None:
        return None
    for attribute in tag.children():
        key = first(attribute, {"attribute_name"}) if attribute.kind() == "attribute" else None
        if key is not None and key.text().lower() == "id" and len(parts := attribute.children()) > 2:
            text, start = name_of(parts[2])
            return Found("element", ((text.strip("\"'"), start),))
    if name.text().lower() not in HEADINGS:
        return None
    title = " ".join(one.text() for one in node.children() if one.kind() not in {"start_tag", "end_tag"})
    return Found("heading", ((" ".join(title.split())[:TITLE], start_of(node)),))


def rule_css(kind: str, word: str) -> Namer:
    """A rule, by its selectors or its query."""

    def namer(node: SgNode) -> Found | None:
        head = first(node, {kind})
        if head is None:
            return Found(word, ((node.text()[:TITLE].partition("{")[0].strip(), start_of(node)),))
        return Found(word, ((" ".join(head.text().split())[:TITLE], start_of(head)),))

    return namer


def property_css(node: SgNode) -> Found | None:
    """A property that the style sheet itself defines."""
    name = first(node, {"property_name"})
    return Found("variable", (name_of(name),)) if name is not None and name.text().startswith("--") else None


def key_of(node: SgNode) -> Found | None:
    """A key of JSON or YAML."""
    key = node.field("key")
    if key is None:
        return None
    text, start = name_of(key)
    quoted = text[:1] in {'"', "'"}
    return Found("key", ((text.strip("\"'"), start + quoted),)) if text else None


def heading(node: SgNode) -> Found | None:
    """A heading of Markdown."""
    inline = node.field("heading_content") or first(node, {"inline", "paragraph"})
    if inline is None:
        return Found("heading", (("", start_of(node)),))
    text, start = name_of(inline)
    return Found("heading", ((" ".join(text.split()), start),))
