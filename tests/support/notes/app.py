"""The notes service as a test starts it, in its own process."""

from __future__ import annotations

from functools import partial

from tool_services.framework import app_factory
from tool_services.framework.service import settings_type

from .service import SERVICE

NotesSettings = settings_type([SERVICE])
create_app = partial(app_factory.create_app, SERVICE)
