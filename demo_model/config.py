"""The demo model's settings, read once from the environment and `.env`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import DirectoryPath, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

# The folders of the services, each of which may have a phrases.toml. This program imports none.
TOOL_SERVICES = Path(__file__).parent.parent / "tool_services"


class CannotStart(Exception):
    """A setting or a file of phrases is wrong. The text says which, and how to mend it."""


class Settings(BaseSettings):
    """Where the demo model listens (port), how fast it writes (tokens a second, 0: no pause), and
    where the folders of the tool services are, whose phrases it reads."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    port: Annotated[int, Field(validation_alias="DEMO_MODEL_PORT", ge=1, le=65535)] = 8003
    pace: Annotated[float, Field(validation_alias="DEMO_MODEL_PACE", ge=0, allow_inf_nan=False)] = (
        40.0
    )
    tool_services_folder: Annotated[
        DirectoryPath, Field(validation_alias="TOOL_SERVICES_FOLDER")
    ] = TOOL_SERVICES


def load_settings() -> Settings:
    """Return the settings of this process. Raises CannotStart with a sentence for each bad one."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"{e['loc'][0]} is {e['input']!r}, but: {e['msg']}." for e in error.errors()]
        raise CannotStart("\n".join([*wrong, "Mend it in .env or the environment."])) from None
