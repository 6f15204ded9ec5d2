"""Tables of letters: how to spell them in ASCII, which look like Latin ones, which script a name belongs to."""
# ruff: noqa: RUF001  # letters of other scripts that look like Latin ones are what this file is about

from __future__ import annotations

from typing import Final

__all__ = ["APOSTROPHES", "ASCII_SPELLING", "LOOKALIKES", "SCRIPTS", "SENTENCE_ENDS", "SIGNS"]

APOSTROPHES: Final = frozenset("'’ʼ")
SENTENCE_ENDS: Final = frozenset(".!?…。！？")

_LATIN: Final = (
    "ß:ss ẞ:SS æ:ae Æ:AE œ:oe Œ:OE ø:o Ø:O ł:l Ł:L đ:d Đ:D ð:d Ð:D þ:th Þ:Th ħ:h Ħ:H ı:i ŋ:ng Ŋ:Ng ŧ:t Ŧ:T ƒ:f "
    "ə:e Ə:E ĸ:k ɓ:b ɗ:d ɛ:e ɔ:o ɖ:d ƙ:k ƴ:y"
)
_CYRILLIC: Final = (
    "а:a б:b в:v г:g ґ:g д:d е:e ё:e є:ye ж:zh з:z и:i і:i ї:yi й:y к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ў:u ф:f "
    "х:kh ц:ts ч:ch ш:sh щ:shch ъ: ы:y ь: э:e ю:yu я:ya ђ:dj ј:j љ:lj њ:nj ћ:c џ:dz ѓ:g ќ:k ѕ:dz"
)
_GREEK: Final = "α:a β:v γ:g δ:d ε:e ζ:z η:i θ:th ι:i κ:k λ:l μ:m ν:n ξ:x ο:o π:p ρ:r σ:s ς:s τ:t υ:y φ:f χ:ch ψ:ps ω:o"
_ALIKE: Final = (
    "а:a е:e о:o р:p с:c у:y х:x і:i ј:j ѕ:s һ:h ԁ:d ԛ:q ԝ:w ӏ:l ѵ:v А:A В:B Е:E К:K М:M Н:H О:O Р:P С:C Т:T У:Y Х:X "
    "І:I Ј:J Ѕ:S Ԍ:G Ԛ:Q Ԝ:W α:a ο:o ρ:p ν:v ι:i υ:u Α:A Β:B Ε:E Ζ:Z Η:H Ι:I Κ:K Μ:M Ν:N Ο:O Ρ:P Τ:T Υ:Y Χ:X "
    "օ:o ս:u հ:h ց:g զ:q"
)
_SCRIPTS: Final = (
    "ADLAM AHOM ARABIC ARMENIAN AVESTAN BALINESE BAMUM BATAK BENGALI BOPOMOFO BRAHMI BUGINESE BUHID CARIAN CHAKMA CHAM "
    "CHEROKEE COPTIC CUNEIFORM CYPRIOT CYRILLIC DESERET DEVANAGARI ETHIOPIC GEORGIAN GLAGOLITIC GOTHIC GRANTHA GREEK "
    "GUJARATI GURMUKHI HANGUL HANUNOO HEBREW HIRAGANA JAVANESE KAITHI KANNADA KATAKANA KHAROSHTHI KHMER KHOJKI LAO "
    "LATIN LEPCHA LIMBU LISU LYCIAN LYDIAN MALAYALAM MANDAIC MIAO MODI MONGOLIAN MULTANI MYANMAR NEWA NKO OGHAM ORIYA "
    "OSAGE OSMANYA PHOENICIAN REJANG RUNIC SAMARITAN SAURASHTRA SHARADA SINHALA SUNDANESE SYRIAC TAGALOG TAGBANWA "
    "TAMIL TANGUT TELUGU THAANA THAI TIBETAN TIFINAGH TIRHUTA UGARITIC VAI YEZIDI YI"
)


def _pairs(text: str) -> dict[str, str]:
    return {pair[0]: pair[2:] for pair in text.split()}


ASCII_SPELLING: Final = _pairs(f"{_LATIN} {_CYRILLIC} {_GREEK}")
"""Letters that Unicode does not decompose to ASCII; small ones stand for capitals of Cyrillic and Greek too."""
LOOKALIKES: Final = str.maketrans(_pairs(_ALIKE))
"""Cyrillic, Greek and Armenian letters that most fonts draw like a Latin one."""
SCRIPTS: Final = frozenset(_SCRIPTS.split())
"""Scripts whose characters' names start with the script's; the standard library has no script property."""
SIGNS: Final = {
    "KELVIN SIGN": "Latin",
    "ANGSTROM SIGN": "Latin",
    "FEMININE ORDINAL INDICATOR": "Latin",
    "MASCULINE ORDINAL INDICATOR": "Latin",
    "OHM SIGN": "Greek",
}
"""Letters whose names do not start with their script's."""
