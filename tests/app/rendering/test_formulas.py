"""Formulas: what becomes MathML, what stays text, and what can't get through."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.grounding.figure import Figure
from app.rendering.figures import with_marks
from app.rendering.links import direct
from app.rendering.markdown import to_html
from app.rendering.streamed_markdown import StreamedMarkdown
from tests.support.dom import Page

FORMULAS = [
    "$x$",
    "$E = mc^2$",
    "$V = lwh$",
    "$2x + 3 = 7$",
    "$f(x) = a + b$",
    "$n$",
    "$P_{max}$",
    r"\(x\)",
    r"\( M = P\frac{r(1+r)^n}{(1+r)^n-1} \)",
    r"\[ a^2 + b^2 = c^2 \]",
    "$$\n\\sum_{i=1}^n i\n$$",
    "\\[\n\\begin{align}a &= b \\\\[4pt] c &= d\\end{align}\n\\]",
    r"$\text{monthly rate} \times 12$",
    "$a<b^2>c$",
]
PROSE = [
    "between $825,000 and $900,000",
    "$400k-$500k",
    "**$400,000**/**$500,000**",
    "$5 or $6, $7",
    "|$5|$6|",
    "US$5, A$6 and C$7",
    "It costs $5,000 for x^2 metres ($)",
    "It costs $5,000 (see $).",
    "cheap ($), dear ($$$), $$ to $$",
    "$US and A$.",
    "$5$",
    "$HOME/bin:$PATH",
    r"the home\(s\)",
    r"\(see below\) and \[1\] and \[link\]",
    r"\(555\) 123-4567",
    r"\$x\$",
    "$x",
    r"\(x",
    r"\[x^2" + "\n\n" + r"y\]",
    "`$x$`",
    "```\n$x$\n```",
    "[a](https://example.org/$x$)",
    "[$x$](https://example.org/)",
]


@pytest.mark.parametrize("source", FORMULAS)
def test_a_formula_becomes_mathml(source: str) -> None:
    html = to_html(f"So {source} is it.")
    assert re.fullmatch("<p>So (<span class=.formula.>)?<math.*</math>(</span>)? is it.</p>", html)
    assert not re.search(r"[$\\]", html)


@pytest.mark.parametrize("source", PROSE)
def test_prices_code_and_asides_are_no_formulas(source: str) -> None:
    assert "<math" not in to_html(source)


def test_formulas_and_prices_stand_side_by_side() -> None:
    html = to_html("It costs $825,000, so $x$ is over $5, and $400k-$500k has no $y_{1}$.")
    text = re.sub("<math.*?</math>", "*", html)
    assert text == "<p>It costs $825,000, so * is over $5, and $400k-$500k has no *.</p>"


def test_a_formula_on_lines_of_its_own_is_a_block() -> None:
    assert '<math display="block">' in to_html("So\n$$\nx = 1\n$$\nis it.")
    assert "<math>" in to_html("So $x$.")


def test_alignment_is_a_class_and_no_style() -> None:
    html = to_html(r"\[ \begin{cases} a & x > 0 \\ b & x < 0 \end{cases} \]")
    assert '<mtd class="left">' in html
    assert " style=" not in html


@pytest.mark.parametrize(
    "tex", [r"\unknown{x}", r"\frac{x", r"\newcommand{\a}{\a\a}\a", "{x^" * 60]
)
def test_what_cannot_be_converted_is_shown_as_code(tex: str) -> None:
    assert to_html(rf"So \({tex}\)!") == rf"<p>So <code>\({tex}\)</code>!</p>"


def test_a_formula_is_text_until_it_is_closed() -> None:
    for source in ("So $x = 5$", r"So \(x\)"):
        streamed = StreamedMarkdown()
        for letter in source[:-1]:
            streamed.feed(letter)
            assert "<math" not in streamed.opened
        streamed.feed(source[-1])
        assert "<math" in streamed.opened
        for letter in " it is.":
            streamed.feed(letter)
        assert streamed.opened.endswith("</math> it is.</p>")


PIECES = st.lists(
    st.sampled_from(
        [
            *("$", "$$", "\\(", "\\)", "\\[", "\\]", "\\", "x", "5", " ", "\n", "\n\n"),
            *("^2", "_{i}", "\\frac", "{", "}", "`", "- ", "|", "<b>", "[", "](y)"),
            *("and", "=", "&", '"'),
        ]
    ),
    max_size=30,
)


@given(PIECES)
@settings(max_examples=300)
def test_a_formula_cut_anywhere_ends_as_if_rendered_at_once(pieces: list[str]) -> None:
    streamed, page = StreamedMarkdown(), Page()
    for patch in (*map(streamed.feed, pieces), streamed.close()):
        if patch:
            page.apply(patch)
    assert page.text() == Page(streamed.finished).text()


class Tags(HTMLParser):
    """Every tag and attribute of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.values: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}
        self.values += [value or "" for _, value in attrs]


@given(PIECES)
@settings(max_examples=300)
def test_no_formula_ends_up_in_an_attribute_and_no_html_in_a_formula(pieces: list[str]) -> None:
    text = "".join(pieces)
    tags = Tags(to_html(f"[a]: https://a.b '{text}'\n\n[a] $x^2$ [a](https://a.b '{text}') {text}"))
    assert not {"b", "script", "style", "onclick"} & tags.names
    assert not [value for value in tags.values if "<math" in value or "\x04" in value]


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<img src=x onerror=alert(1)>} = x",
        r"\text{</math><script>alert(1)</script>} = x",
        r"\href{javascript:alert(1)}{x^2}",
        r"\class{x}{y^2}",
        r"\color{red}{x^2}",
        r"\url{javascript:alert(1)} = x",
    ],
)
def test_a_hostile_formula_is_words(tex: str) -> None:
    html = to_html(rf"\({tex}\)")
    assert Tags(html).names <= {"p", "code", "math", "mtext", "mi", "mo", "mn", "mrow", "msup"}


def test_a_text_cannot_set_marks_of_its_own() -> None:
    html = to_html('$x$ &#4;7&#5; [a](https://a.b "&#4;0&#5;") https://a.b/&#4;0&#5;')
    assert 'title="0"' in html
    assert "<math" not in "".join(Tags(html).values)


def test_figures_beside_a_formula_keep_their_marks() -> None:
    source = "So $x = 5$ makes 7 notes."
    figures = [
        Figure(text="5", start=8, end=9, source="none", call=None),
        Figure(text="7", start=17, end=18, source="none", call=None),
    ]
    html = with_marks(source, 0, to_html(source), figures, direct, str)
    assert "<mn>5</mn></math> makes <span" in html
