"""What tokens cost, in US dollars: by the operator's prices, or those of public endpoints.

The package genai-prices has the latter in a file; nothing is asked of the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import gevent

from app.agent.usage import Usage
from app.config import Settings
from app.config_types import Price

_MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """The prices of the models at an endpoint. `own` are by the model's name."""

    base_url: str
    own: Mapping[str, Price] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Settings) -> Prices:
        """Return the prices that hold for the settings' endpoint. The demo model is free."""
        free = {"demo": Price(0, 0)} if settings.uses_demo_model else {}
        return cls(settings.model_base_url, free | settings.model_prices)

    def cost(self, models: tuple[str, ...], usage: Usage | None) -> float | None:
        """Return what an answer cost; None if that is unknown.

        It is if several models wrote it, since their tokens are counted together.
        """
        if usage is None or len(models) != 1:
            return None
        own = self.own.get(models[0])
        if own is not None:
            prompt, completion = usage.prompt_tokens, usage.completion_tokens
            return (prompt * own.prompt + completion * own.completion) / _MILLION
        return _listed_cost(models[0], self.base_url, usage)


# One look-up takes 0.6 ms, and a page has fifty answers.
@lru_cache(maxsize=4096)
def _listed_cost(model: str, base_url: str, usage: Usage) -> float | None:
    # In a thread: to import the package and its prices takes 0.3 s the first time.
    cost: float | None = gevent.get_hub().threadpool.apply(_look_up, (model, base_url, usage))
    return cost


def _look_up(model: str, base_url: str, usage: Usage) -> float | None:
    # Not above: it takes 5 MB, and without a public endpoint nothing needs it.
    import genai_prices

    tokens = genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cached_tokens,
        output_tokens=usage.completion_tokens,
    )
    try:
        # By the endpoint, since many others have models of the same names.
        found = genai_prices.calc_price(tokens, model, provider_api_url=base_url)
    except (LookupError, ValueError):
        return None
    return float(found.total_price)
