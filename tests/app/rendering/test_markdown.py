"""Streamed Markdown: what a reader ends with, what it costs, and what can't get through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rendering.markdown import to_html
from app.rendering.streamed_markdown import Patch, StreamedMarkdown
from tests.support.dom import Page

ANSWER = """\
# Offices in Zürich

I found **3** offices for *you* — see `L001`:

| Address | Price |
|---|--:|
| 1 Oak Street | $825,000 |
| 2 Pine Road | $799,000 |

1. first
   - nested **bold**
2. second

> quoted
> twice

```python
print("<b>")
```

~~Old~~ and [a link](https://example.com/a?b=1&c=2). Bye 👋🏽
"""

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "word ",
                "# ",
                "## h\n",
                "- item",
                "\n",
                "\n\n",
                "1. one\n",
                "> q\n",
                "```",
                "```py\n",
            ),
            *(
                "| a | b |\n",
                "|---|--:|\n",
                "| 1 |",
                "**",
                "*",
                "`",
                "~~",
                "[x](http://y)",
                "- [ ] todo\n",
                "https://a.b/c",
                "ttps://d.e) ",
                "---\n",
            ),
            *(
                "===\n",
                "    code\n",
                "<div>",
                "<script>",
                "&amp;",
                "é",
                "👋🏽",
                "\t",
                "  ",
                "#",
                "!",
            ),
        ]
    ),
    max_size=40,
)


def fed(pieces: list[str]) -> tuple[StreamedMarkdown, list[Patch]]:
    streamed = StreamedMarkdown()
    patches = [patch for piece in pieces if (patch := streamed.feed(piece))]
    last = streamed.close()
    return streamed, [*patches, *([last] if last else [])]


def shown(patches: list[Patch]) -> str:
    """What a page shows that does as the patches say."""
    page = Page()
    for patch in patches:
        page.apply(patch)
    return page.text()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 1000])
def test_text_cut_anywhere_ends_as_if_rendered_at_once(size: int) -> None:
    pieces = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
    streamed, _ = fed(pieces)
    assert streamed.finished == to_html(ANSWER)


@given(PIECES)
@settings(max_examples=300)
def test_a_page_that_follows_the_patches_shows_what_was_streamed(pieces: list[str]) -> None:
    streamed, patches = fed(pieces)
    assert shown(patches) == Page(streamed.finished).text()
    assert streamed.opened == ""


@pytest.mark.slow
@given(PIECES)
@settings(max_examples=1000)
def test_no_text_is_ever_finished_twice_or_lost(pieces: list[str]) -> None:
    def words(html: str) -> list[str]:
        return re.sub("<[^>]*>", " ", html).split()

    assert words(fed(pieces)[0].finished) == words(to_html("".join(pieces)))


def test_a_finished_block_is_sent_once_and_never_again() -> None:
    _, patches = fed(list(ANSWER))
    finished = "".join(patch.finished for patch in patches)
    assert finished == to_html(ANSWER)


def test_a_table_comes_row_by_row() -> None:
    _, patches = fed(list("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"))
    rows = [html for patch in patches for _, html in patch.added if html.startswith("<tr>")]
    assert rows == [
        "<tr><td>1</td><td>2</td></tr>",
        "<tr><td>3</td><td>4</td></tr>",
    ]


def test_plain_text_is_only_ever_added_to() -> None:
    _, patches = fed(["One ", "paragraph ", "that ", "grows"])
    assert [patch.added for patch in patches[1:-1]] == [
        ((1, " paragraph"),),
        ((1, " that"),),
        ((1, " grows"),),
    ]


def test_a_block_is_not_sent_again_because_another_one_follows_it() -> None:
    _, patches = fed(["A **bold", "** text", " ends.\n\n- One", " item\n- an", "other\n\n> Quoted"])
    assert [(patch.added, patch.dropped) for patch in patches[1:-1]] == [
        (((0, "<p>A <strong>bold</strong> text</p>"),), 1),
        (((1, " ends."), (0, "<ul><li>One</li></ul>")), 0),
        (((2, " item"), (1, "<li>an</li>")), 0),
        (((2, "other"), (0, "<blockquote><p>Quoted</p></blockquote>")), 0),
    ]


def cost(source: str, size: int = 8) -> int:
    """The bytes of HTML that a reader is sent for it."""
    pieces = [source[at : at + size] for at in range(0, len(source), size)]
    return sum(len(html) for patch in fed(pieces)[1] for _, html in patch.added)


@pytest.mark.parametrize(
    "block",
    [
        "A sentence with **bold** words in it. " * 8 + "\n\n",
        "- a point with **bold** words in it\n",
        "| cell | **cell** |\n",
        "a line of code()\n",
        "words and *more* words without an end ",
    ],
    ids=["paragraphs", "one list", "one table", "one code block", "one paragraph"],
)
def test_bytes_grow_linearly_with_the_answer(block: str) -> None:
    head = {"| ": "| a | b |\n|---|---|\n", "a ": "```\n"}.get(block[:2], "")
    short = cost(head + block * (4_000 // len(block)))
    long = cost(head + block * (32_000 // len(block)))
    assert long / short < 8 * 1.5


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<b hx-get="/x" hx-trigger="load">x</b>',
    '<b data-hx-get="/x" data-hx-trigger="load">x</b>',
    '<hx-partial hx-target="body">x</hx-partial>',
    "<template hx type=partial hx-target=body>x</template>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "![x](http://evil.example/pixel.png)",
    "<iframe src=//evil.example></iframe>",
    "<form action=//evil.example><input name=password></form>",
    "<style>body{display:none}</style>",
    '<p style="position:fixed">x</p>',
    "<svg/onload=alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "</div></article><h1>over",
    "<p id=s-1 class=notice>x</p>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "`<script>` and ```\n<script>x</script>\n```",
    '| <img src=x onerror=y> |\n|---|\n| <td style="text-align: right" onclick=x> |',
]
ALLOWED = re.compile(
    r"</?(p|br|hr|strong|em|del|code|pre|blockquote|ul|ol|li|h[1-6]|table|thead|tbody|tr|th|td"
    r"|sup|div)"
    r'( class="(right|center|task|footnote|language-[a-z]+)")?( start="\d+")?>'
    r'|<a (href="(https?|mailto):[^"<>]*" )?(title="[^"<>]*" )?'
    r'rel="noopener noreferrer nofollow">|</a>'
)


def all_of(patch: Patch) -> list[str]:
    return [patch.finished, *(html for _, html in patch.added)]


@pytest.mark.parametrize("source", HOSTILE)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_nothing_but_plain_formatting_gets_through(source: str, size: int) -> None:
    pieces = [source[at : at + size] for at in range(0, len(source), size)]
    streamed, patches = fed(pieces)
    sent = [streamed.finished, *(html for patch in patches for html in all_of(patch))]
    for html in sent:
        assert "<" not in ALLOWED.sub("", html)


@given(PIECES)
@settings(max_examples=200)
def test_whatever_is_streamed_is_plain_formatting(pieces: list[str]) -> None:
    for patch in fed(pieces)[1]:
        for html in all_of(patch):
            assert "<" not in ALLOWED.sub("", html)


def test_raw_html_is_shown_as_the_text_it_is_and_swallows_nothing() -> None:
    source = "Put it in <style> or\n\n<script>\n\n**bold** &amp; `<b>` the rest"
    streamed, _ = fed(list(source))
    assert streamed.finished == to_html(source)
    assert "Put it in &lt;style&gt; or" in streamed.finished
    assert "<strong>bold</strong> &amp; <code>&lt;b&gt;</code> the rest" in streamed.finished


def test_columns_keep_their_alignment_without_inline_styles() -> None:
    html = to_html("| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |")
    assert '<td>1</td><td class="center">2</td><td class="right">3</td>' in html
    assert "style" not in html


PLAIN_PIECES = st.lists(
    st.sampled_from(
        [
            *("word ", "Wort", " and", " more", ", ", ". ", "1", "2.", " 3", ")", "(", "- ", "a"),
            *("**", "*", "_", "`", "[", "](", "<", "&", ";", "amp", "|", "#", "\\", "~", "!"),
            *("\n", "\n\n", "  ", "    ", "> ", "```", "é", "ß", "x=", "---", ": ", "'", '"'),
        ]
    ),
    max_size=40,
)


@pytest.mark.slow
@given(PLAIN_PIECES)
@settings(max_examples=1000)
def test_what_is_shown_of_plain_text_is_what_parsing_all_of_it_would_show(
    pieces: list[str],
) -> None:
    """The short way for plain text goes the long one's way, at every step."""
    streamed = StreamedMarkdown()
    page = Page()
    so_far = ""
    for piece in pieces:
        patch = streamed.feed(piece)
        so_far += piece
        page.apply(patch or Patch())
        at_once = StreamedMarkdown()
        at_once.feed(so_far)
        assert page.text() == Page(streamed.finished + streamed.opened).text()
        assert page.text() == Page(at_once.finished + at_once.opened).text()


def test_tasks_footnotes_and_bare_addresses_read_as_what_they_are() -> None:
    html = to_html(
        "- [ ] buy\n- [x] look\n\nSee https://a.example/b_c?d=1&e=2. (http://f.example/(g)) `https://h.example`[^1]\n"
        "\n[^1]: A note.\n"
    )
    assert '<li class="task">☐ buy</li><li class="task">☑ look</li>' in html
    address = "https://a.example/b_c?d=1&amp;e=2"
    assert f'<a href="{address}" rel="noopener noreferrer nofollow">{address}</a>. (' in html
    assert ">http://f.example/(g)</a>) <code>https://h.example</code><sup>1</sup></p>" in html
    assert '<div class="footnote"><sup>1</sup>\n<p>A note.</p></div>' in html


@pytest.mark.parametrize("text", ["$400k-$500k", "ahttps://x.y", "https://", "https:// x.y"])
def test_what_only_looks_like_a_formula_or_an_address_is_text(text: str) -> None:
    assert "<a " not in to_html(text)
    assert "math" not in to_html(text)
