"""The words that the text tools take: apart from what they stand for, so that schemas cost no imports."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = [
    "AnalyzeOperation",
    "Encoding",
    "Format",
    "Hash",
    "Source",
    "Strip",
    "Target",
    "TransformOperation",
    "UnicodeForm",
]

Encoding: TypeAlias = Literal[
    "base64", "base64url", "base32", "hex", "url", "html", "quoted-printable", "rot13", "escapes"
]
Hash: TypeAlias = Literal["sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "sha1", "md5", "crc32"]
Format: TypeAlias = Literal["json", "yaml", "toml", "csv"]
UnicodeForm: TypeAlias = Literal["NFC", "NFD", "NFKC", "NFKD"]
Strip: TypeAlias = Literal["accents", "invisible", "control"]
Target: TypeAlias = Literal["", Encoding, Hash, Format, UnicodeForm, Strip]
Source: TypeAlias = Literal["", Format, "hex", "base64"]
TransformOperation: TypeAlias = Literal[
    "lower", "upper", "title", "sentence", "camel", "pascal", "snake", "kebab", "constant", "slug",
    "trim", "dedent", "wrap", "sort_lines", "unique_lines", "reverse",
    "encode", "decode", "hash", "hmac", "convert", "pretty", "minify", "normalize", "strip",
]  # fmt: skip  # one line for each family
AnalyzeOperation: TypeAlias = Literal[
    "count", "unicode", "diff", "regex", "jsonpath", "jmespath",
    "json", "yaml", "toml", "csv", "email", "url", "ip", "semver", "jwt", "color", "luhn", "iban", "uuid",
]  # fmt: skip  # queries, then forms to check
