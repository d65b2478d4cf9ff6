"""Links of a model's text: whole addresses, and the real host beside words that name another."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rendering.links import web_host
from app.rendering.markdown import to_html
from app.rendering.streamed_markdown import StreamedMarkdown
from tests.support.dom import Page
from tests.support.event_loop import watched_turns

REL = ' rel="noopener noreferrer nofollow"'


def rendered(source: str) -> str:
    return to_html(source).removeprefix("<p>").removesuffix("</p>")


@pytest.mark.parametrize(
    "address",
    [
        *("/auth/logout", "//evil.example/x", "#x", "?x", "", "evil.example", "../x", "./x"),
        *("https:evil.example", "https:/evil.example", "https:///evil.example", "http://"),
        *("javascript:alert(1)", "data:text/html,x", "ftp://evil.example", "file:///etc/passwd"),
        *("blob:x", "tel:1", "\x01javascript:x", "http://%2f.example", "http://a%40b.example"),
        *("http://[::1", "http://a'b.example", "http://a..b.example", "http://:80", "http://x@"),
    ],
)
def test_what_is_no_whole_address_is_no_link(address: str) -> None:
    assert rendered(f"[words](<{address}>)") == "words"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "http://a.example",
            "HTTPS://A.example/x?y=1#z",
            "https://localhost:8000",
            "http://1.2.3.4/",
        ),
        *("mailto:ann@example.com", "mailto:ann@example.com?subject=x", "https://a.example./"),
    ],
)
def test_a_whole_address_is_a_link_that_tells_nobody_where_it_was(address: str) -> None:
    assert rendered(f"[words]({address})") == f'<a href="{address}"{REL}>words</a>'


@pytest.mark.parametrize(
    ("words", "address", "host"),
    [
        ("mybank.com", "https://evil.example/x", "evil.example"),
        ("https://mybank.com/login?x=1", "https://evil.example", "evil.example"),
        ("my**bank**.com", "https://evil.example", "evil.example"),
        ("my`bank`.c*o*m", "https://evil.example", "evil.example"),
        ("Log in at MyBank.com.", "https://evil.example", "evil.example"),
        ("mybank.com", "https://mybank.com@evil.example/", "evil.example"),
        ("mybank.com", "https://mybank.com.evil.example/", "mybank.com.evil.example"),
        ("mybank.com or evil.example", "https://evil.example", "evil.example"),
        ("evil.example", r"https://mybank.com\\@evil.example", ""),
        ("my\u200bbank.com", "https://evil.example", "evil.example"),
        ("my&shy;bank.com", "https://evil.example", "evil.example"),
        ("mybank\uff0ecom", "https://evil.example", "evil.example"),
        ("mybank\u3002com", "https://evil.example", "evil.example"),
        ("mybank&#46;com", "https://evil.example", "evil.example"),
        ("127.0.0.1", "http://1.2.3.4", "1.2.3.4"),
        ("apple.com", "https://\u0430pple.com", "xn--pple-43d.com"),
        ("\u0430pple.com", "https://\u0430pple.com", "xn--pple-43d.com"),
        ("apple.com", "https://%D0%B0pple.com", "xn--pple-43d.com"),
        ("fass.de", "https://fa\u00df.de", "xn--fa-hia.de"),
        ("ann@mybank.com", "mailto:eve@evil.example", "evil.example"),
        ("ann@mybank.com", "mailto:ann@mybank.com,eve@evil.example", "evil.example, mybank.com"),
        ("ann@mybank.com", "https://evil.example", "evil.example"),
    ],
)
def test_beside_words_that_name_another_host_stands_the_real_one(
    words: str, address: str, host: str
) -> None:
    html = rendered(f"Go to [{words}]({address}) now.")
    assert html.partition("</a>")[2] == (f" ({host}) now." if host else " now.")


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("mybank.com", "https://mybank.com/login"),
        ("MyBank.com", "https://mybank.com:8443/"),
        ("https://mybank.com:443/x", "http://mybank.com"),
        ("mybank.com", "https://www.mybank.com"),
        ("www.mybank.com", "https://mybank.com"),
        ("xn--mnchen-3ya.de", "https://m\u00fcnchen.de"),
        ("the report", "https://evil.example"),
        ("version 1.2, e.g. 3.5", "https://evil.example"),
        ("ann@mybank.com", "mailto:ann@mybank.com"),
        ("mybank.com", "mailto:?subject=x"),
    ],
)
def test_words_that_name_the_link_s_own_host_or_none_stand_alone(words: str, address: str) -> None:
    assert rendered(f"[{words}]({address})").endswith("</a>")


def test_an_address_in_angle_brackets_names_itself() -> None:
    assert rendered("<https://a.example/x> <ann@a.example>").count("</a>") == 2
    assert "(" not in rendered("<https://a.example/x> <ann@a.example>")


def test_a_link_leads_where_the_target_says_or_nowhere() -> None:
    def target(address: str) -> str | None:
        return f'/link?"{address}&' if "good" in address else None

    source = "[a](https://good.example) [b.example](https://long.example) [c](mailto:x@y.example)"
    html = to_html(source, target)
    assert f'<a href="/link?&quot;https://good.example&amp;"{REL}>a</a> b.example (long' in html
    assert f'<a href="mailto:x@y.example"{REL}>c</a>' in html


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "word ",
                "[a.com]",
                "[a.com](",
                "(https://b.example)",
                "https://b.example",
                ")",
                "](",
            ),
            *("[a](/x)", "<https://b.example>", "[**a**.com](mailto:x@b.example)", "**", "*", "`"),
            *("\n", "\n\n", "- ", "> ", "| [a.com](https://b.example) |", "|\n|-|\n", ' "t"', "!["),
        ]
    ),
    max_size=30,
)


@given(PIECES)
@settings(max_examples=300)
def test_links_that_are_streamed_are_those_of_the_whole_block_by_block(pieces: list[str]) -> None:
    streamed, page, so_far = StreamedMarkdown(), Page(), ""
    for piece in pieces:
        if (patch := streamed.feed(piece)) is not None:
            page.apply(patch)
        so_far += piece
        at_once = StreamedMarkdown()
        at_once.feed(so_far)
        assert page.text() == Page(at_once.finished + at_once.opened).text()
    if (patch := streamed.close()) is not None:
        page.apply(patch)
    assert page.text() == Page(str(to_html(so_far))).text()


@given(st.text("hts:/\\@%.?#[] \u00e9\u3002ab0-_", max_size=40))
def test_a_host_is_plain_or_there_is_none(rest: str) -> None:
    host = web_host(f"https://{rest}")
    assert host == "" or re.fullmatch(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]", host)


@pytest.mark.parametrize(
    "source",
    [
        "[a.b](http://c.d) " * 3_000,
        "[" + "a." * 20_000 + "1](http://c.d)",
        "[" + "a" * 40_000 + "](http://" + "b" * 20_000 + ")",
        "[a.b](mailto:" + "a@b.c," * 5_000 + ")",
        "[" + "**a**." * 8_000 + "com](http://c.d)",
    ],
    ids=lambda source: source[:18],
)
def test_hostile_links_hold_nobody_up(source: str) -> None:
    with watched_turns() as turns:
        to_html(source)
    assert turns.longest < 40  # as in Turns.longest
    assert turns.all < 160
