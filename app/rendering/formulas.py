"""Formulas that a model writes in LaTeX, as MathML.

math-core converts them. What isn't clearly a formula stays the text that it is, above all prices:
"$825,000 and $900,000" has none. A formula that can't be converted is shown as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape

import nh3
import pyromark
from math_core import LatexError, LatexToMathML

from app.rendering.markdown_syntax import OPTIONS

LONGEST = 1_000
"""Characters of a formula that is converted; its conversion takes under a millisecond."""
MOST = 200
"""Formulas of one text that are converted."""
LARGEST_MATHML = 30_000
"""Characters of MathML beyond which a formula is shown as code."""
DEEPEST = 32
"""Elements within elements beyond which it is, too: the sanitiser takes time quadratic in that."""

# Stand for a formula while the text around it is rendered.
BEGIN, END = "\x04", "\x05"
_MARK = re.compile(f"{BEGIN}([0-9]{{1,3}}){END}")

# Each repetition takes all it can and gives nothing back, and ends at the next opening, so that the
# time is linear. A dollar sign before a letter or a digit can't close: "$400k-$500k".
_DELIMITED = re.compile(
    r"(?<![\\\w$])(?:"
    rf"\\\((?P<round>(?:[^\\\n]|\\[^()\[\]\n]){{1,{LONGEST}}}+)\\\)"
    rf"|\\\[(?P<square>(?:[^\\\n]|\\[^()\[\]\n]|\n(?![ \t]*\n)){{1,{LONGEST}}}+)\\\]"
    rf"|\$\$(?P<dollars>(?:[^$\\\n]|\\.|\\?\n(?![ \t]*\n)){{1,{LONGEST}}}+)\$\$(?![\w$])"
    rf"|\$(?![\s$])(?P<dollar>(?:[^$\\\n]|\\[^\n]){{1,{LONGEST}}}+)(?<!\s)\$(?![\w$])"
    ")"
)
# A price's dollar sign is before a digit.
_closes = re.compile(r"\$(?!\w)").search
_NAMED = re.compile(r"\\(?:text\w*|mathrm|mathbf|mathit|operatorname\*?|begin|end)\{[^{}]*\}")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"[^\W\d_]+")
# No text but a formula has one of these.
_TEX = re.compile(r"\\[A-Za-z]{2,}|\^|_\{")
_THOUSANDS = re.compile(r"\d[kKmMbB]\b")
_SIMPLE = re.compile(r"(?:[^\W_]|[(\[|-])[\w\s()\[\],'=<>+*/|!-]*")

_TOKENS = {"mi", "mn", "mo", "mtext", "mspace", "ms"}
_LAYOUT = {"math", "mrow", "mfrac", "msqrt", "mroot", "mstyle", "mpadded", "mphantom", "menclose"}
_SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts"}
_TABLES = {"mtable", "mtr", "mtd", "mprescripts", "none"}
_CLEANER = nh3.Cleaner(
    tags=_TOKENS | _LAYOUT | _SCRIPTS | _TABLES,
    clean_content_tags=set(),
    attributes={
        "math": {"display"},
        "mi": {"mathvariant"},
        "mo": {"stretchy", "fence", "form", "separator", "lspace", "rspace", "minsize", "maxsize"}
        | {"symmetric", "largeop", "movablelimits"},
        "mspace": {"width"},
        "mfrac": {"linethickness"},
        "menclose": {"notation"},
        "mover": {"accent"},
        "munder": {"accentunder"},
        "munderover": {"accent", "accentunder"},
        "mstyle": {"displaystyle", "scriptlevel"},
        "mtable": {"displaystyle", "scriptlevel"},
    },
    allowed_classes={"mtd": {"left", "right"}},
    link_rel=None,
)
# The policy allows no inline style, so a cell's alignment becomes a class.
_ALIGNED = re.compile(r'<mtd style="[^"]*text-align: (left|right);[^"]*"')
_TAG = re.compile(r"<(/?)[a-z]+[^>]*?(/?)>")


def may_have_formulas(source: str) -> bool:
    """Return whether to look for formulas. Most texts have none, and cost no more than this."""
    return "\\(" in source or "\\[" in source or _closes(source) is not None


def formula_spans(source: str) -> list[tuple[int, int]]:
    """Return where the formulas of a Markdown text begin and end, at most MOST of them."""
    if not may_have_formulas(source):
        return []
    found = [(match.start(), match.end()) for match in _candidates(source)]
    return list(_in_plain_text(source, found)) if found else []


def without_formulas(source: str) -> tuple[str, list[str]]:
    """Return the text with a mark in place of each formula, and the HTML of each."""
    spans = formula_spans(source)
    if not spans:
        return source, []
    pieces: list[str] = []
    formulas: list[str] = []
    at = 0
    for start, end in spans:
        pieces += _unmarked(source[at:start]), f"{BEGIN}{len(formulas)}{END}"
        formulas.append(_to_html(source[start:end]))
        at = end
    return "".join(pieces) + _unmarked(source[at:]), formulas


def with_formulas(html: str, formulas: list[str]) -> str:
    """Return sanitised HTML with the formulas in place of their marks."""
    numbered = dict(enumerate(formulas))
    # A text can have marks of its own, as entities.
    return _MARK.sub(lambda mark: numbered.get(int(mark[1]), ""), html)


def without_mark(_tag: str, _name: str, value: str) -> str:
    """Return an attribute's value for the sanitiser: a formula is never within one."""
    return _unmarked(value)


def _unmarked(text: str) -> str:
    return text.replace(BEGIN, "").replace(END, "")


def _candidates(source: str) -> Iterator[re.Match[str]]:
    at = count = 0
    while count < MOST and (match := _DELIMITED.search(source, at)):
        tex = match[match.lastgroup or 0].strip()
        if _is_formula(tex, is_block=match.lastgroup in ("square", "dollars")):
            count += 1
            at = match.end()
            yield match
        else:
            # Its end may begin a formula.
            at = match.start() + 1


def _is_formula(tex: str, *, is_block: bool) -> bool:
    """Return whether this is more likely a formula than a price, a remark or a footnote."""
    words = _WORD.findall(_COMMAND.sub(" ", _NAMED.sub(" ", tex)))
    longest = max(map(len, words), default=0)
    has_tex = _TEX.search(tex) is not None
    if tex[:1].isdigit() and (longest > 2 or _THOUSANDS.search(tex)):
        return False
    if has_tex:
        return True
    if not words or not _SIMPLE.fullmatch(tex):
        return False
    if "=" in tex:
        return longest <= 3
    is_name = longest == 1 or (tex == words[0] and longest == 2)
    return is_name and not is_block and not tex[0].isdigit()


def _in_plain_text(source: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Leave out what is code, in a link, or in more than one block.

    A text is streamed block by block, and must have the same formulas then.
    """
    # For each byte of the source: whether it is of code or a link, or begins a block.
    taken, starts = _taken(source)
    at = offset = 0
    for start, stop in spans:
        offset += len(source[at:start].encode())
        end = offset + len(source[start:stop].encode())
        if not any(taken[offset:end]) and not any(starts[offset + 1 : end]):
            yield start, stop
        at, offset = stop, end


def _taken(source: str) -> tuple[bytearray, bytearray]:
    size = len(source.encode())
    taken, starts = bytearray(size + 1), bytearray(size + 1)
    block_end = taken_end = 0
    for event, span in pyromark.events_with_range(source, options=OPTIONS):
        first, last = span["start"], span["end"]
        if first >= block_end:
            starts[first] = 1
            block_end = last
        if first >= taken_end and _is_verbatim(event):
            taken[first:last] = b"\1" * (last - first)
            taken_end = last
    return taken, starts


def _is_verbatim(event: object) -> bool:
    """Return whether an event is code, a link or the like."""
    if not isinstance(event, dict):
        return False
    start = event.get("Start")
    names = start if isinstance(start, dict) else event
    return not names.keys().isdisjoint(("Code", "CodeBlock", "Link", "Image", "FootnoteReference"))


def _to_html(source: str) -> str:
    """Return a formula with its delimiters as MathML, or as code."""
    # Left of raw HTML, see markdown.LESS; the others mark a figure, see figures.py.
    source = source.replace("\x01", "<").replace("\x02", "").replace("\x03", "")
    size = 2 if source.startswith(("$$", "\\")) else 1
    is_block = source.startswith(("$$", "\\["))
    return _to_mathml(source[size:-size], is_block) or f"<code>{escape(source, quote=False)}</code>"


# An open block is rendered again and again while it grows.
@lru_cache(maxsize=256)
def _to_mathml(tex: str, is_block: bool) -> str:
    """Return a formula as safe MathML; "" if it can't be converted."""
    # No commands of its own, which could grow without bound.
    converter = LatexToMathML(max_expansions=0, fancy_error=False)
    try:
        html = converter.convert_with_local_state(tex, displaystyle=is_block)
    except LatexError:
        return ""
    if len(html) > LARGEST_MATHML or _depth(html) > DEEPEST:
        return ""
    html = _CLEANER.clean(_ALIGNED.sub(r'<mtd class="\1"', html))
    # A wide one scrolls by itself.
    return f'<span class="formula">{html}</span>' if is_block else html


def _depth(html: str) -> int:
    depth = deepest = 0
    for closes, is_empty in _TAG.findall(html):
        depth += -1 if closes else not is_empty
        deepest = max(deepest, depth)
    return deepest
