"""Formulas as HTML: MathML, and boxes for what a browser without a mathematical font cannot draw.

The style sheet draws the brace beside cases. Cases and remarks are boxes that wrap on a narrow screen, and each has
its width in em, so that the style sheet can set it in letters that fit.
"""

import math
import re
import xml.etree.ElementTree as ElementTree

import latex2mathml.converter

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", NAMESPACE)

CASES = re.compile(r"\\begin\{cases\}(.*?)\\end\{cases\}", re.DOTALL)
# Where a remark begins: after a wide space, or another definition after a comma.
REMARK = re.compile(r",\s*\\quad\s*|,\s+(?=[a-z\\][a-z^0-9]* = )")
# What latex2mathml does not know.
OPERATORS = re.compile(r"\\(arg)(?![a-zA-Z])")
# In em, of the widest font in the style sheet.
WIDE = dict.fromkeys("+-=<>~\u00b1\u2264\u2265\u2212\u223c\u2260", 1.4) | {"\u2211": 1.7}


def html(tex):
    """The formula and its remarks, each in a box."""
    # In the text of MathML no character is special.
    parts = REMARK.split(OPERATORS.sub(r"\\operatorname{\1}", tex.replace(r"\_", "_")))
    parts = [part + "," * (index < len(parts) - 1) for index, part in enumerate(parts)]
    return "\n".join(['<div class="formula">', *map(_part, parts), "</div>"])


def _part(tex):
    """A box of cases and what stands between them."""
    width, boxes = 0.0, []
    for index, text in enumerate(CASES.split(tex)):
        if text.strip():
            box, size = _cases(text) if index % 2 else _mathml(text)
            boxes.append(box)
            width += size
    return f'<span class="part" style="--width: {math.ceil(width)}">{"".join(boxes)}</span>'


def _cases(tex):
    rows, widths = [], []
    for row in tex.split(r"\\"):
        (value, one), (condition, other) = map(_mathml, row.split("&"))
        rows.append(f"<span><span>{value}</span><span>{condition}</span></span>")
        # On a narrow screen the condition stands below.
        widths.append(max(one, other))
    return f'<span class="cases">{"".join(rows)}</span>', max(widths) + 1


def _mathml(tex):
    root = ElementTree.fromstring(latex2mathml.converter.convert(tex.strip()))
    root.set("displaystyle", "true")
    for element in root.iter():
        _name(element)
    for element in root.iter():
        _apart(element)
    return ElementTree.tostring(root, encoding="unicode"), _width(root)


def _name(element):
    """Names are identifiers: beside text an operator has no space, and an operator has too much."""
    text = element.text or ""
    if _kind(element) in ("mo", "mtext") and re.fullmatch(r"[A-Za-z]\w*", text):
        element.tag = f"{{{NAMESPACE}}}mi"
        code = {"class": "code"} if element.get("mathvariant") == "monospace" else {}
        element.attrib = {"mathvariant": "normal", **code}


def _apart(element):
    """A thin space between an operand and the name of a function, as TeX has, or another name."""
    for index in range(len(element) - 1, 0, -1):
        before, name = element[index - 1], element[index]
        name = name[0] if _kind(name) in ("msub", "msup") else name
        named = _kind(name) == "mi" and len(name.text or "") > 1
        operand = _kind(before) not in ("mo", "mspace") or before.text in (")", "|")
        if named and operand and _kind(element) in ("math", "mrow"):
            element.insert(index, ElementTree.Element(f"{{{NAMESPACE}}}mspace", width="0.167em"))


def _kind(element):
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _width(element):
    """About how wide it is, in em."""
    parts = [_width(child) for child in element]
    match _kind(element):
        case "mi" | "mn" | "mtext":
            return 0.63 * len(element.text or "")
        case "mo":
            return WIDE.get(element.text, 0.5)
        case "mspace":
            return 0.2
        case "mfrac" | "munder" | "mover" | "munderover":
            return max(parts)
        case "msqrt":
            return 0.9 + sum(parts)
        case "msub" | "msup":
            return parts[0] + 0.75 * parts[1]
        case "msubsup":
            return parts[0] + 0.75 * max(parts[1:])
        case _:
            return sum(parts)
