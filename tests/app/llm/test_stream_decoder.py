"""Server-sent events, cut anywhere, within limits and in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ModelError
from app.llm.reply_limits import ReplyLimits
from app.llm.stream_decoder import EventDecoder, EventStream

STREAM = (
    b": comment\n\ndata: {}\n\nevent: x\ndata:  two\r\ndata: lines\r\n\r\n\n\nid: 5\n\n"
    + "data: Zürich 👋\n\n".encode()
    + b"data: [DONE]\n\ndata: late\n\n"
)
EVENTS = [b"{}", b"two\nlines", "Zürich 👋".encode()]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    ends = [*sorted(cuts), len(STREAM)]
    pieces = [STREAM[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    assert [data for events in EventStream(pieces, ReplyLimits()) for data in events] == EVENTS


def test_a_last_event_without_an_empty_line_after_it_counts() -> None:
    assert list(EventStream([b"data: a\n\nda", b"ta: b"], ReplyLimits())) == [[b"a"], [], [b"b"]]


@pytest.mark.parametrize(
    "tail",
    [
        [101 * b"x"],
        101 * [b"x"],
        [b"data:" + 101 * b"x" + b"\n\n"],
        [b"data:\n" * 50],
        50 * [b"data:\n"],
        [b"event: " + 101 * b"x"],
    ],
    ids=["a line", "a drip", "an event", "lines", "a drip of lines", "another field"],
)
def test_an_event_over_the_limit_is_refused_after_those_before_it(tail: list[bytes]) -> None:
    pieces = [b"data: before\n\n" + tail[0], *tail[1:], b"\n\n"]
    stream = EventStream(pieces, ReplyLimits(event_bytes=100))
    assert next(stream) == [b"before"]
    with pytest.raises(ModelError) as caught:
        list(stream)
    assert caught.value.code == "event_too_long"


def test_events_up_to_the_limit_pass() -> None:
    decoder = EventDecoder(100)
    whole = b"data:" + 95 * b"x"
    assert decoder.feed(whole + b"\n\n" + whole + b"\n\n") == [95 * b"x"] * 2


def test_a_stream_has_a_limit_for_all_its_bytes() -> None:
    comments = EventStream(
        [b": comment\n\n"] * 1_000, ReplyLimits(characters=50, event_bytes=1_000)
    )
    with pytest.raises(ModelError) as caught:
        list(comments)
    assert caught.value.code == "answer_too_long"


def test_a_long_event_in_small_pieces_takes_time_that_grows_with_its_length_alone() -> None:
    def seconds(size: int) -> float:
        decoder = EventDecoder(2 * size)
        start = time.process_time()
        decoder.feed(b"data: ")
        for _ in range(size):
            decoder.feed(b"x")
        [data] = decoder.feed(b"\n\n")
        assert len(data) == size
        return time.process_time() - start

    # Joining anew at every piece would make this 64 times instead of 8.
    assert seconds(400_000) < 24 * seconds(50_000)
