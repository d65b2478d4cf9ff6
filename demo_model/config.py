"""The demo model's settings, read once from the environment and `.env`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import DirectoryPath, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

# The folders of the services, each of which may have a phrases.toml. This program imports none.
TOOL_SERVICES = Path(__file__).parent.parent / "tool_services"


class SettingsError(Exception):
    """A setting is wrong. The text is one sentence a setting, and says how to mend it."""


class Settings(BaseSettings):
    """Where the demo model listens (port), how fast it writes (tokens a second, 0: no pause), and
    where the folders of the tool services are, whose phrases it reads."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        env_prefix="DEMO_MODEL_",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    port: Annotated[int, Field(ge=1, le=65535)] = 8003
    tool_services_folder: Annotated[
        DirectoryPath, Field(validation_alias="TOOL_SERVICES_FOLDER")
    ] = TOOL_SERVICES
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 40.0


def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError with a sentence for each bad one."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence, error.errors()))) from None


def _sentence(detail: Any) -> str:
    field = str(detail["loc"][0])
    name = field if field.isupper() else f"DEMO_MODEL_{field}".upper()
    return (
        f"{name} is {detail['input']!r}, but: {detail['msg']}. Mend it in .env or the environment."
    )
