"""What an answer cost: by the operator's prices, by those of public endpoints, or unknown."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.agent.usage import Usage
from app.config import OPENAI_URL
from app.config_types import Price
from app.llm.prices import Prices

USAGE = Usage(1_000, 100, 1_100, 500)


def test_a_public_endpoints_prices_are_known_and_cached_tokens_cost_less() -> None:
    prices = Prices(OPENAI_URL)
    assert prices.cost(("gpt-4o",), USAGE) == pytest.approx(0.002875)
    assert prices.cost(("gpt-4o",), Usage(1_000, 100)) == pytest.approx(0.0035)


@pytest.mark.parametrize(
    ("url", "models", "usage"),
    [
        *((OPENAI_URL, ("no-such-model",), USAGE), (OPENAI_URL, (), USAGE)),
        # Theirs is another machine, whatever it calls its model.
        ("http://127.0.0.1:11434/v1", ("gpt-4o",), USAGE),
        *((OPENAI_URL, ("gpt-4o", "gpt-4o-mini"), USAGE), (OPENAI_URL, ("gpt-4o",), None)),
    ],
)
def test_a_cost_that_nobody_knows_is_none(
    url: str, models: tuple[str, ...], usage: Usage | None
) -> None:
    assert Prices(url).cost(models, usage) is None


def test_the_operators_prices_come_first() -> None:
    prices = Prices(OPENAI_URL, {"gpt-4o": Price(1, 10), "qwen3:1b": Price(0, 0)})
    assert prices.cost(("gpt-4o",), USAGE) == pytest.approx(0.002)
    assert prices.cost(("qwen3:1b",), USAGE) == 0


def test_a_lookup_asks_nothing_of_the_network() -> None:
    """Any connection would end the program."""
    program = (
        "import socket, sys\n"
        "def refuse(*_): sys.exit('it connects')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from app.agent.usage import Usage\n"
        "from app.llm.prices import Prices\n"
        "print(Prices('https://api.openai.com/v1').cost(('gpt-4o',), Usage(1000, 100)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("0.0035\n", 0), done.stderr
