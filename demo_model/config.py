"""The demo model's settings, read once from the environment and `.env`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """A setting is wrong. The text is one sentence a setting, and says how to mend it."""


class Settings(BaseSettings):
    """Where the demo model listens (port) and how fast it writes (tokens a second, 0: no pause)."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        env_prefix="DEMO_MODEL_",
        extra="ignore",
        frozen=True,
    )

    port: Annotated[int, Field(ge=1, le=65535)] = 8003
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 40.0


def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError with a sentence for each bad one."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence, error.errors()))) from None


def _sentence(detail: Any) -> str:
    name = f"DEMO_MODEL_{detail['loc'][0]}".upper()
    return (
        f"{name} is {detail['input']!r}, but: {detail['msg']}. Mend it in .env or the environment."
    )
