"""The product stays fast: by ratios within one run, not by times."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.answer_check import is_whole_html, is_whole_json
from bench.readers import Reader
from bench.speed_check import Ratios
from scripts import ROOT


def test_the_cpu_and_the_bytes_sent_stay_within_the_recorded_ratios() -> None:
    # In a process of its own: gevent's patches in this one would be measured too.
    done = subprocess.run(
        [sys.executable, "-m", "bench.speed_check", "--check"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (Ratios(0.40, 3.0, 2.0), []),
        (Ratios(0.51, 3.0, 2.0), ["cpu"]),
        (Ratios(0.30, 4.0, 2.4), ["bytes"]),
        (Ratios(0.30, 3.0, 2.6), ["ending"]),
        (Ratios(0.90, 9.0, 9.0), ["cpu", "bytes", "ending"]),
    ],
)
def test_a_ratio_a_quarter_above_the_recorded_one_is_named(now: Ratios, named: list[str]) -> None:
    worse = now.worse_than(Ratios(0.40, 3.0, 2.0))
    assert [sentence.partition(":")[0] for sentence in worse] == named


def test_fragments_with_a_word_missing_or_twice_are_no_whole_answer() -> None:
    def fragments(*words: str) -> str:
        opened = 'event: part\ndata: <div class="prose"></div>\n\nevent: 0\ndata: <p>One</p>\n\n'
        added = "".join(f"data:  {word}\n\n" for word in words)
        return f"{opened}{added}event: done\ndata: {{}}\n\n"

    assert is_whole_html(fragments("two", "three"), "One two three")
    assert not is_whole_html(fragments("two"), "One two three")
    assert not is_whole_html(fragments("two", "two", "three"), "One two three")
    assert not is_whole_html(fragments("two", "three").partition("event: done")[0], "One two three")


def test_chunks_of_another_text_are_no_whole_answer() -> None:
    def stream(*chunks: str) -> str:
        said = "".join(f'event: content\ndata: {{"chunk": "{chunk}"}}\n\n' for chunk in chunks)
        return f"{said}event: done\ndata: {{}}\n\n"

    assert is_whole_json(stream("One ", "two"), "One two")
    assert not is_whole_json(stream("One ", "One ", "two"), "One two")
    assert not is_whole_json(stream("One "), "One two")


def test_a_readers_body_is_the_content_without_framing() -> None:
    reader = Reader(0, lambda _: b"", None)
    reader.chunks = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n",
        b"2\r\n x\r\n",
    ]
    assert reader.body == b"data: x"


def test_a_readers_ending_begins_where_the_answer_is_written() -> None:
    written = (
        'event: foot\nid: 1\ndata: <div class="foot running">\n\ndata: One\n\n'
        "event: swap\ndata: <hx-partial>Tool</hx-partial>\n\ndata: two\n\n"
    )
    ending = (
        "event: swap\ndata: <hx-partial>One\ndata: two</hx-partial>\n\n"
        'event: foot\nid: 9\ndata: <div class="foot completed">\n\nevent: done\ndata: {}\n\n'
    )
    reader = Reader(0, lambda _: b"", None)
    for body in (written, written + ending):
        reader.chunks = [b"HTTP/1.1 200 OK\r\n\r\n%x\r\n%b\r\n" % (len(body), body.encode())]
        assert reader.ending.decode() == body.removeprefix(written)
