"""Which nodes of each grammar define something, which only hold definitions, and which wrap one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from sanctuary_filesystem.source import namers
from sanctuary_filesystem.source.names import (
    Namer,
    called,
    child,
    declared,
    field,
    fields,
    itself,
    keyword,
    scope,
    typed,
)

Wrapping = Literal["text", "range", "word"]
"""Of a node that wraps a definition: its text begins the definition's signature; it only widens its lines; or its text
does so where nothing but one word stands before."""

C: Final[Mapping[str, Namer]] = {
    "function_definition": declared("function"), "declaration": declared("variable"),
    "type_definition": declared("type"),
    "struct_specifier": typed("struct"), "union_specifier": typed("union"), "enum_specifier": typed("enum"),
    "field_declaration": declared("member"), "enumerator": field("member"), "preproc_def": field("macro"),
    "preproc_function_def": field("macro"),
}  # fmt: skip
JAVASCRIPT: Final[Mapping[str, Namer]] = {
    "class_declaration": field("class"), "function_declaration": field("function"), "arrow_function": scope,
    "generator_function_declaration": field("function"), "method_definition": field("method"), "class": scope,
    "variable_declarator": namers.declarator_js, "field_definition": namers.member_js, "pair": namers.pair_js,
    "assignment_expression": namers.assigned_js, "function_expression": scope, "generator_function": scope,
}  # fmt: skip
TYPESCRIPT: Final[Mapping[str, Namer]] = {
    **{kind: namer for kind, namer in JAVASCRIPT.items() if kind != "field_definition"},
    "abstract_class_declaration": field("class"), "interface_declaration": field("interface"),
    "module": field("module"),
    "type_alias_declaration": field("type"), "enum_declaration": field("enum"), "enum_assignment": field("member"),
    "enum_body": fields("member"), "internal_module": field("namespace"), "function_signature": field("function"),
    "method_signature": field("method"), "abstract_method_signature": field("method"),
    "property_signature": field("field"),
    "public_field_definition": namers.member_js,
}  # fmt: skip

DEFINING: Final[Mapping[str, Mapping[str, Namer]]] = {
    "bash": {"function_definition": field("function"), "variable_assignment": namers.assigned_bash},
    "c": C,
    "cpp": {
        **C, "class_specifier": typed("class"), "namespace_definition": field("namespace"),
        "alias_declaration": field("type"), "concept_definition": field("concept"), "lambda_expression": scope,
    },
    "csharp": {
        "namespace_declaration": field("namespace"), "file_scoped_namespace_declaration": field("namespace"),
        "class_declaration": field("class"), "interface_declaration": field("interface"),
        "enum_declaration": field("enum"),
        "struct_declaration": field("struct"), "record_declaration": field("record"),
        "delegate_declaration": field("type"),
        "method_declaration": field("method"), "constructor_declaration": field("constructor"),
        "destructor_declaration": field("method"), "property_declaration": field("property"),
        "indexer_declaration": called("property", "this"), "event_declaration": field("event"),
        "variable_declarator": field("variable"), "operator_declaration": field("method", "operator"),
        "conversion_operator_declaration": field("method", "type"), "enum_member_declaration": field("member"),
        "local_function_statement": field("function"), "lambda_expression": scope, "anonymous_method_expression": scope,
        "accessor_declaration": scope, "global_statement": scope,
    },
    "css": {
        "rule_set": namers.rule_css("selectors", "rule"),
        "keyframes_statement": namers.rule_css("keyframes_name", "keyframes"),
        "media_statement": namers.rule_css("", "media"), "supports_statement": namers.rule_css("", "supports"),
        "at_rule": namers.rule_css("", "at-rule"), "declaration": namers.property_css,
    },
    "dart": {
        "class_declaration": field("class"), "mixin_declaration": field("mixin"),
        "extension_declaration": field("extension"),
        "extension_type_declaration": field("type"), "enum_declaration": field("enum"),
        "enum_constant": field("member"),
        "type_alias": child("type", "type_identifier"), "function_signature": field("function"),
        "getter_signature": field("method"), "setter_signature": field("method"),
        "operator_signature": namers.constructor_dart,
        "constructor_signature": namers.constructor_dart, "factory_constructor_signature": namers.constructor_dart,
        "constant_constructor_signature": namers.constructor_dart, "initialized_identifier": field("variable"),
        "redirecting_factory_constructor_signature": namers.constructor_dart,
        "static_final_declaration": field("variable"),
        "function_expression": scope,
    },
    "elixir": {"call": namers.called_elixir},
    "go": {
        "function_declaration": field("function"), "method_declaration": namers.method_go, "type_spec": field("type"),
        "type_alias": field("type"), "const_spec": fields("constant"), "var_spec": fields("variable"),
        "method_elem": field("method"), "func_literal": scope,
        "field_declaration": fields("member"),
    },
    "haskell": {
        "data_type": field("type"), "newtype": field("type"), "type_synonym": field("type"),
        "type_family": field("type"), "class": field("class"), "instance": field("instance"),
        "signature": field("function"),
        "function": field("function"), "bind": field("function"), "local_binds": scope, "data_constructor": scope,
    },
    "hcl": {"block": namers.block_hcl, "attribute": child("variable", "identifier")},
    "html": {"element": namers.element_html},
    "java": {
        "class_declaration": field("class"), "interface_declaration": field("interface"),
        "enum_declaration": field("enum"),
        "record_declaration": field("record"), "annotation_type_declaration": field("annotation"),
        "method_declaration": field("method"), "constructor_declaration": field("constructor"),
        "compact_constructor_declaration": field("constructor"), "annotation_type_element_declaration": field("method"),
        "field_declaration": declared("field"), "constant_declaration": declared("constant"),
        "module_declaration": field("module"),
        "enum_constant": field("member"), "lambda_expression": scope, "static_initializer": scope,
    },
    "javascript": JAVASCRIPT,
    "json": {"pair": namers.key_of, "array": scope},
    "kotlin": {
        "class_declaration": keyword(child("class", "type_identifier"), {"class", "interface", "enum"}),
        "object_declaration": child("object", "type_identifier"), "companion_object": namers.companion_kotlin,
        "function_declaration": child("function", "simple_identifier"), "property_declaration": namers.property_kotlin,
        "type_alias": child("type", "type_identifier"), "secondary_constructor": called("constructor"),
        "enum_entry": child("member", "simple_identifier"), "infix_expression": namers.object_kotlin,
        "anonymous_initializer": scope, "lambda_literal": scope, "anonymous_function": scope, "getter": scope,
        "setter": scope,
    },
    "lua": {
        "function_declaration": namers.function_lua, "assignment_statement": namers.assigned_lua,
        "function_definition": scope,
    },
    "markdown": {"atx_heading": namers.heading, "setext_heading": namers.heading},
    "nix": {"binding": field("variable", "attrpath")},
    "php": {
        "namespace_definition": field("namespace"), "interface_declaration": field("interface"),
        "enum_case": field("member"),
        "trait_declaration": field("trait"), "class_declaration": field("class"), "enum_declaration": field("enum"),
        "method_declaration": field("method"), "function_definition": field("function"),
        "const_declaration": namers.const_php,
        "property_declaration": namers.method_php, "anonymous_function": scope, "arrow_function": scope,
    },
    "python": {
        "class_definition": field("class"), "function_definition": field("function"), "lambda": scope,
        "assignment": namers.assigned_python, "type_alias_statement": field("type", "left"),
    },
    "ruby": {
        "class": field("class"), "module": field("module"), "method": field("method"),
        "singleton_method": field("method"),
        "assignment": field("variable", "left"), "singleton_class": scope, "do_block": scope, "block": scope,
        "lambda": scope,
    },
    "rust": {
        "const_item": field("constant"), "static_item": field("variable"), "mod_item": field("module"),
        "struct_item": field("struct"), "enum_item": field("enum"), "union_item": field("union"),
        "trait_item": field("trait"),
        "function_item": field("function"), "function_signature_item": field("function"), "impl_item": namers.impl_rust,
        "type_item": field("type"), "associated_type": field("type"), "macro_definition": field("macro"),
        "enum_variant": field("member"), "closure_expression": scope,
    },
    "scala": {
        "object_definition": field("object"), "class_definition": field("class"), "trait_definition": field("trait"),
        "enum_definition": field("enum"), "function_definition": field("function"),
        "function_declaration": field("function"),
        "val_definition": field("variable", "pattern"), "var_definition": field("variable", "pattern"),
        "val_declaration": field("variable"), "var_declaration": field("variable"), "type_definition": field("type"),
        "simple_enum_case": field("member"), "full_enum_case": field("member"), "given_definition": field("given"),
        "package_object": field("object"), "lambda_expression": scope,
    },
    "solidity": {
        "contract_declaration": field("contract"), "interface_declaration": field("interface"),
        "enum_value": itself("member"),
        "library_declaration": field("library"), "struct_declaration": field("struct"),
        "enum_declaration": field("enum"),
        "event_definition": field("event"), "error_declaration": field("error"),
        "modifier_definition": field("modifier"),
        "constructor_definition": called("constructor"), "function_definition": field("function"),
        "fallback_receive_definition": child("function", "receive", "fallback"),
        "state_variable_declaration": field("variable"),
        "constant_variable_declaration": field("constant"), "user_defined_type_definition": field("type"),
    },
    "swift": {
        "class_declaration": keyword(field("class"), {"class", "struct", "enum", "extension", "actor"}),
        "protocol_declaration": field("protocol"), "function_declaration": field("function"),
        "protocol_function_declaration": field("function"), "protocol_property_declaration": namers.pattern_swift,
        "property_declaration": namers.pattern_swift, "init_declaration": called("constructor", "init"),
        "deinit_declaration": called("method", "deinit"), "subscript_declaration": called("method", "subscript"),
        "typealias_declaration": field("type"), "associatedtype_declaration": field("type"),
        "enum_entry": fields("member"),
        "lambda_literal": scope, "computed_property": scope, "macro_declaration": child("macro", "simple_identifier"),
    },
    "tsx": TYPESCRIPT,
    "typescript": TYPESCRIPT,
    "yaml": {"block_mapping_pair": namers.key_of, "block_sequence": scope, "flow_sequence": scope},
    "zig": {
        "variable_declaration": namers.variable_zig, "function_declaration": field("function"),
        "test_declaration": child("test", "string", "identifier"), "container_field": field("member"),
    },
}  # fmt: skip

_JAVASCRIPT: Final[Mapping[str, Wrapping]] = {
    "export_statement": "text", "lexical_declaration": "word", "variable_declaration": "word",
}  # fmt: skip
_TYPESCRIPT: Final[Mapping[str, Wrapping]] = {**_JAVASCRIPT, "ambient_declaration": "text"}
WRAPPING: Final[Mapping[str, Mapping[str, Wrapping]]] = {
    "bash": {"declaration_command": "word"},
    "cpp": {"template_declaration": "text"},
    "csharp": {"field_declaration": "text", "event_field_declaration": "text"},
    "dart": {
        "class_member": "text", "function_declaration": "text", "local_function_declaration": "text",
        "top_level_variable_declaration": "text", "external_function_declaration": "text",
    },
    "go": {"const_declaration": "word", "var_declaration": "word", "type_declaration": "word"},
    "javascript": _JAVASCRIPT,
    "lua": {"variable_declaration": "text"},
    "python": {"decorated_definition": "range"},
    "tsx": _TYPESCRIPT,
    "typescript": _TYPESCRIPT,
}  # fmt: skip
UNWRAPPED: Final[Mapping[str, Wrapping]] = MappingProxyType({})

ELIXIR_CALLS: Final = (
    r"^(def|defp|defmodule|defmacro|defmacrop|defprotocol|defimpl|defguard|defguardp|defdelegate|defn|defnp|test"
    r"|describe)$"
)
"""Calls of Elixir that define something."""
