"""Colours: hexadecimal, rgb, hsl and CSS names, each into the others, with the contrast that readers need."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from sanctuary_host import ToolError
from sanctuary_utils.findings import Analysis, invalid, valid

__all__ = ["check_color"]

# The named colours of CSS Color Module Level 4.
_NAMES: Final = (
    "aliceblue:f0f8ff antiquewhite:faebd7 aqua:00ffff aquamarine:7fffd4 azure:f0ffff beige:f5f5dc bisque:ffe4c4 "
    "black:000000 blanchedalmond:ffebcd blue:0000ff blueviolet:8a2be2 brown:a52a2a burlywood:deb887 cadetblue:5f9ea0 "
    "chartreuse:7fff00 chocolate:d2691e coral:ff7f50 cornflowerblue:6495ed cornsilk:fff8dc crimson:dc143c cyan:00ffff "
    "darkblue:00008b darkcyan:008b8b darkgoldenrod:b8860b darkgray:a9a9a9 darkgreen:006400 darkgrey:a9a9a9 "
    "darkkhaki:bdb76b darkmagenta:8b008b darkolivegreen:556b2f darkorange:ff8c00 darkorchid:9932cc darkred:8b0000 "
    "darksalmon:e9967a darkseagreen:8fbc8f darkslateblue:483d8b darkslategray:2f4f4f darkslategrey:2f4f4f "
    "darkturquoise:00ced1 darkviolet:9400d3 deeppink:ff1493 deepskyblue:00bfff dimgray:696969 dimgrey:696969 "
    "dodgerblue:1e90ff firebrick:b22222 floralwhite:fffaf0 forestgreen:228b22 fuchsia:ff00ff gainsboro:dcdcdc "
    "ghostwhite:f8f8ff gold:ffd700 goldenrod:daa520 gray:808080 green:008000 greenyellow:adff2f grey:808080 "
    "honeydew:f0fff0 hotpink:ff69b4 indianred:cd5c5c indigo:4b0082 ivory:fffff0 khaki:f0e68c lavender:e6e6fa "
    "lavenderblush:fff0f5 lawngreen:7cfc00 lemonchiffon:fffacd lightblue:add8e6 lightcoral:f08080 lightcyan:e0ffff "
    "lightgoldenrodyellow:fafad2 lightgray:d3d3d3 lightgreen:90ee90 lightgrey:d3d3d3 lightpink:ffb6c1 "
    "lightsalmon:ffa07a lightseagreen:20b2aa lightskyblue:87cefa lightslategray:778899 lightslategrey:778899 "
    "lightsteelblue:b0c4de lightyellow:ffffe0 lime:00ff00 limegreen:32cd32 linen:faf0e6 magenta:ff00ff maroon:800000 "
    "mediumaquamarine:66cdaa mediumblue:0000cd mediumorchid:ba55d3 mediumpurple:9370db mediumseagreen:3cb371 "
    "mediumslateblue:7b68ee mediumspringgreen:00fa9a mediumturquoise:48d1cc mediumvioletred:c71585 "
    "midnightblue:191970 mintcream:f5fffa mistyrose:ffe4e1 moccasin:ffe4b5 navajowhite:ffdead navy:000080 "
    "oldlace:fdf5e6 olive:808000 olivedrab:6b8e23 orange:ffa500 orangered:ff4500 orchid:da70d6 palegoldenrod:eee8aa "
    "palegreen:98fb98 paleturquoise:afeeee palevioletred:db7093 papayawhip:ffefd5 peachpuff:ffdab9 peru:cd853f "
    "pink:ffc0cb plum:dda0dd powderblue:b0e0e6 purple:800080 rebeccapurple:663399 red:ff0000 rosybrown:bc8f8f "
    "royalblue:4169e1 saddlebrown:8b4513 salmon:fa8072 sandybrown:f4a460 seagreen:2e8b57 seashell:fff5ee sienna:a0522d "
    "silver:c0c0c0 skyblue:87ceeb slateblue:6a5acd slategray:708090 slategrey:708090 snow:fffafa springgreen:00ff7f "
    "steelblue:4682b4 tan:d2b48c teal:008080 thistle:d8bfd8 tomato:ff6347 turquoise:40e0d0 violet:ee82ee wheat:f5deb3 "
    "white:ffffff whitesmoke:f5f5f5 yellow:ffff00 yellowgreen:9acd32"
)
NAMES: Final = {pair[:-7]: pair[-6:] for pair in _NAMES.split()}
NUMBER: Final = r"([+-]?(?:\d{1,6}(?:\.\d{0,20})?|\.\d{1,20}))"
FUNCTION: Final = re.compile(
    rf"(rgb|hsl)a?\(\s*{NUMBER}(%|deg)?(?:\s*,\s*|\s+){NUMBER}(%)?(?:\s*,\s*|\s+){NUMBER}(%)?"
    rf"(?:\s*[,/]\s*{NUMBER}(%)?)?\s*\)"
)


@dataclass(frozen=True, slots=True)
class _Color:
    """Red, green, blue and opacity, each from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0


def check_color(text: str, other: str) -> Analysis:
    """Say a colour in every notation, and its contrast to white, black and another colour (WCAG 2)."""
    color = _read(text)
    if color is None:
        return invalid("colour", "it takes #rgb, #rrggbb, rgb(…), hsl(…) or a CSS name")
    red, green, blue = (round(part * 255) for part in (color.red, color.green, color.blue))
    hue, lightness, saturation = colorsys.rgb_to_hls(color.red, color.green, color.blue)
    _, value_saturation, value = colorsys.rgb_to_hsv(color.red, color.green, color.blue)
    code = f"{red:02x}{green:02x}{blue:02x}"
    names: list[JsonValue] = [name for name, known in NAMES.items() if known == code]
    alpha = f" / {color.alpha:g}" if color.alpha < 1 else ""
    facts: dict[str, JsonValue] = {
        "hex": f"#{code}" + (f"{round(color.alpha * 255):02x}" if color.alpha < 1 else ""),
        "rgb": f"rgb({red} {green} {blue}{alpha})",
        "hsl": f"hsl({_round(hue * 360)} {_round(saturation * 100)}% {_round(lightness * 100)}%{alpha})",
        "hsv": f"{_round(hue * 360)} {_round(value_saturation * 100)}% {_round(value * 100)}%",
        "names": names,
        "contrast_with_white": _contrast(color, _Color(1, 1, 1)),
        "contrast_with_black": _contrast(color, _Color(0, 0, 0)),
    }
    if other:
        second = _read(other)
        if second is None:
            raise ToolError("other is no colour; it takes #rgb, #rrggbb, rgb(…), hsl(…) or a CSS name")
        facts["contrast_with_other"] = _contrast(color, second)
    if color.alpha < 1:
        facts["note"] = "contrasts are those of the opaque colour"
    return valid(f"{facts['hex']}", facts)


def _read(text: str) -> _Color | None:
    name = text.strip().lower()
    code = NAMES.get(name) or name.removeprefix("#")
    if name in NAMES or (name.startswith("#") and re.fullmatch(r"[0-9a-f]+", code)):
        if len(code) in {3, 4}:
            code = "".join(digit * 2 for digit in code)
        if len(code) not in {6, 8}:
            return None
        return _Color(*(int(code[at : at + 2], 16) / 255 for at in range(0, len(code), 2)))
    found = FUNCTION.fullmatch(name) if len(name) <= 200 else None
    if found is None:
        return None
    alpha = float(found[8]) / (100 if found[9] else 1) if found[8] else 1.0
    alpha = min(max(alpha, 0.0), 1.0)
    first, second, third = float(found[2]), float(found[4]), float(found[6])
    if found[1] == "hsl":
        if found[3] == "%" or not (found[5] and found[7]):
            return None
        parts = colorsys.hls_to_rgb(first % 360 / 360, _unit(third / 100), _unit(second / 100))
        return _Color(*parts, alpha)
    if found[3] == "deg" or len({found[3], found[5], found[7]}) > 1:
        return None
    scale = 100 if found[3] else 255
    return _Color(_unit(first / scale), _unit(second / scale), _unit(third / scale), alpha)


def _unit(part: float) -> float:
    return min(max(part, 0.0), 1.0)


def _round(number: float) -> str:
    return f"{round(number, 1):g}"


def _contrast(one: _Color, other: _Color) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return round((light + 0.05) / (dark + 0.05), 2)


def _luminance(color: _Color) -> float:
    """Relative luminance as WCAG 2 defines it for sRGB."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in
             (color.red, color.green, color.blue)]  # fmt: skip  # one formula
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
