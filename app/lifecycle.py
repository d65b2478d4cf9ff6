"""The parts that `create_app` wires together, and how a serving process starts and stops them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import gevent
from flask import current_app

from app import account_data
from app.auth import pending_sign_ups, session_table
from app.auth.service_clients import ServiceClients
from app.auth.tool_tokens import TokenIssuer
from app.config import Settings
from app.conversations import changes
from app.conversations.file_storage import FileStorage
from app.db.connection import is_unavailable
from app.db.models import db
from app.llm.prices import Prices
from app.mail import queue
from app.runs.ask_retry_stop import Runs
from app.runs.connections import Connections
from app.runs.event_log import EventLog
from app.runs.producer import Producer
from app.runs.subscription import Subscriptions
from app.runs.supervisor import Supervisor
from app.runs.titles import TitleWriter
from app.tools.approval_rules import ApprovalRules
from app.tools.registry import ToolRegistry

# gunicorn accepts connections for up to a second after it was told to stop.
_ACCEPTS_SECONDS = 1.1
_MARGIN_SECONDS = 2.0
_RENEW_STREAMS_SECONDS = 3.0
_CHECK_SESSIONS_SECONDS = 2.0
_DELETE_ACCOUNTS_SECONDS = 600.0
_SEND_MAILS_SECONDS = 1.0
_NO_OTHER_WORKER = 3
"""The exit code on which gunicorn starts no other worker."""
_UNKNOWN_TOOL = "APPROVALS names %s, but no tool is called that. Correct it in the settings."

log = logging.getLogger(__name__)


@dataclass
class Services:
    settings: Settings
    log: EventLog
    connections: Connections
    producer: Producer
    supervisor: Supervisor
    titles: TitleWriter | None
    runs: Runs
    registry: ToolRegistry
    issuer: TokenIssuer
    service_clients: ServiceClients
    subscriptions: Subscriptions
    prices: Prices
    storage: FileStorage
    _loops: list[gevent.Greenlet[..., None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin what a serving process does all the time, and a command such as `flask db` must
        not: keep leases, take over runs, watch the tool services and the database."""
        self.log.start()
        loops: list[Callable[[], None]] = [
            self.registry.watch,
            self._renew_streams,
            self._watch_database,
        ]
        loops += [self._watch_sessions, self._delete_accounts]
        if self.settings.smtp_url:
            loops.append(self._send_mails)
        if self.settings.approvals:
            loops.append(self._check_approvals)
        self._loops += [gevent.spawn(loop) for loop in (*loops, *self.supervisor.loops())]

    def drain(self, grace: float) -> None:
        """Let the process become idle within `grace` seconds: no new runs; open streams end, and
        their readers come back to another worker; runs end in time or are handed over."""
        limit = time.monotonic() + grace - _MARGIN_SECONDS
        self.producer.is_closed = True
        gevent.sleep(min(_ACCEPTS_SECONDS, max(0, grace - _MARGIN_SECONDS)))
        self._end_streams()
        while self.producer.active and time.monotonic() < limit:
            gevent.sleep(0.1)
        self.producer.hand_over_all()

    def stop(self) -> None:
        """Stop everything, last of all in a serving process. Runs are handed over."""
        self.producer.is_closed = True
        self._end_streams()
        self.producer.hand_over_all()
        if self.titles is not None:
            self.titles.stop()
        with self.supervisor.updating:
            gevent.killall(self._loops)
        self.registry.close()
        self.log.stop()

    def unknown_approvals(self) -> list[str]:
        """The names in APPROVALS that no tool has, of those that can be known."""
        return ApprovalRules(self.settings.approvals).unknown(self.registry)

    def _end_streams(self) -> None:
        """End every open stream, and ask its reader to come back."""
        self.connections.is_closed = True
        self.log.wake_readers()

    def _check_approvals(self) -> None:
        """Report each name in APPROVALS that no tool has. At the start such a name ends the process
        if it would be a tool of ours: what other servers offer must not keep the app from starting.
        """
        self.registry.ours_have_listed.wait()
        unknown = self.unknown_approvals()
        reported: list[str] = []
        ours = [tool.name for server in self.registry if server.ours for tool in server.tools]
        for name in unknown:
            if all(server.ours for server in self.registry.servers_for(name)):
                log.critical(f"{_UNKNOWN_TOOL} Our services have %s.", name, ", ".join(ours))
                raise SystemExit(_NO_OTHER_WORKER)
        while True:
            for name in set(unknown) - set(reported):
                log.error(_UNKNOWN_TOOL, name)
            reported = unknown
            gevent.sleep(self.settings.service_check_interval)
            unknown = self.unknown_approvals()

    def _watch_database(self) -> None:
        with self.subscriptions.app.app_context():
            database = db.engine
        if database.dialect.name == "postgresql":
            # Not above: SQLite can do without the driver, which takes 5 MB.
            from app.db.server_watch import watch_server

            watch_server(database)

    def _renew_streams(self) -> None:
        self._every(_RENEW_STREAMS_SECONDS, self.connections.renew)

    def _watch_sessions(self) -> None:
        """End the streams of sessions that have ended, on whatever worker that was."""
        self._every(_CHECK_SESSIONS_SECONDS, self._end_streams_of_ended)

    def _delete_accounts(self) -> None:
        """Delete the accounts and conversations that are due, files that nothing refers to, old
        mails and old sign-ups. Several workers may do the same; it is done once."""
        self._every(_DELETE_ACCOUNTS_SECONDS, self._delete_what_is_due)

    def _delete_what_is_due(self) -> None:
        account_data.delete_due_accounts(self.registry)
        changes.delete_due_conversations()
        queue.forget_old_mails()
        pending_sign_ups.forget_old_sign_ups()
        self.storage.remove_unused()

    def _send_mails(self) -> None:
        self._every(_SEND_MAILS_SECONDS, queue.send_due_mails)

    def _every(self, seconds: float, work: Callable[[], None]) -> None:
        """Do some work again and again, whatever a round of it ends with."""
        while True:
            gevent.sleep(seconds)
            try:
                with self.subscriptions.app.app_context():
                    work()
            except Exception as error:
                if not is_unavailable(error):
                    log.exception("%s failed; it is tried again in %g s", work.__name__, seconds)

    def _end_streams_of_ended(self) -> None:
        streaming = self.connections.sessions()
        if not streaming:
            return
        still_open = session_table.still_open(streaming)
        if self.connections.end_all_but(still_open, streaming):
            self.log.wake_readers()


def services() -> Services:
    """The services of the app that serves this request."""
    return cast(Services, current_app.extensions["services"])
