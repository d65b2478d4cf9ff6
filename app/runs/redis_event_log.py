"""The event log on Redis or Valkey Streams, for any number of workers on any number of machines.

Each worker has a copy in memory of the logs that it produces and of those that its readers follow.
It sends what it produces to Redis, again until that has it, and gets what others produce over one
connection, however many runs and readers there are. So Redis never holds up a reader, and while it
is away, the readers of a run's own worker miss nothing.
"""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any

import gevent
import redis
from gevent.event import Event as Signal
from gevent.pool import Group
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from app.agent.events import Event, from_text, to_text
from app.runs.event_log import ATTEMPT, Entry, MemoryLog, first_seq

log = logging.getLogger(__name__)

_BLOCK_MS = 2_000
_COMMAND_SECONDS = 1.0
_CONNECTIONS = 20
_RETRY_SECONDS = 0.3
_UNREAD_SECONDS = 60.0
_BATCH = 500
_GATHER_SECONDS = 0.02

# Adds the entries that the stream lacks, so sending them twice does no harm. Returns the last seq
# of the stream, or -1 if a later attempt has begun. Adds nothing after a gap: then the stream was
# lost, and the sender sends all of it. An attempt begins with everything that is stored, so it
# deletes what earlier ones left.
_APPEND = f"""
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local at = 0
if #last > 0 then at = tonumber(string.match(last[1][1], '^%d+')) end
local attempt, keep, most = unpack(ARGV, 1, 3)
if at >= (attempt + 1) * {ATTEMPT} then return -1 end
local base = 0
if tonumber(attempt) > 1 then base = attempt * {ATTEMPT} end
if at < base then
  redis.call('DEL', KEYS[1])
  at = base
end
for i = 4, #ARGV, 2 do
  local seq = tonumber(ARGV[i])
  if seq == at + 1 then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', most, seq .. '-0', 'e', ARGV[i + 1])
    at = seq
  end
end
redis.call('EXPIRE', KEYS[1], keep)
return at
"""


_APPEND_SHA = hashlib.sha1(_APPEND.encode(), usedforsecurity=False).hexdigest()


def connect(url: str, timeout: float = _COMMAND_SECONDS) -> redis.Redis:
    """A client whose commands fail after `timeout` seconds, and are not repeated."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        timeout=timeout,
        decode_responses=True,
        socket_timeout=timeout,
        socket_connect_timeout=min(timeout, _COMMAND_SECONDS),
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        max_connections=_CONNECTIONS,
    )
    return redis.Redis(connection_pool=pool)


class RedisLog:
    """Logs in the Redis at `url`; `commands` is a client for everything but following.

    Each log expires `keep` seconds after its run's end, and in any case `live_keep` seconds after
    its last event. It has about `max_entries` at most.
    """

    def __init__(
        self,
        url: str,
        commands: redis.Redis,
        *,
        keep: int = 300,
        live_keep: int = 3_600,
        max_entries: int = 20_000,
    ) -> None:
        self._commands = commands
        self._follower = connect(url, _BLOCK_MS / 1000 + 3)
        self._wake_key = f"hs:wake:{uuid.uuid4().hex}"
        self._keep, self._live_keep, self._max_entries = keep, live_keep, max_entries
        self._copies = MemoryLog(keep)
        self._produced: dict[str, int] = {}  # the attempt of each run that is produced here
        self._suspended: set[str] = set()  # of these, until Redis has all of them
        self._sent: dict[str, int] = {}  # the last seq that Redis is known to have
        self._followed: dict[str, float] = {}  # when each was last read
        self._unsent = Signal()
        self._greenlets = Group()
        self.up = True

    def start(self) -> None:
        for loop in (self._send_all, self._follow_all, self._watch):
            self._greenlets.spawn(loop)

    def stop(self) -> None:
        limit = time.monotonic() + 2 * _COMMAND_SECONDS
        while self.up and self._behind() and time.monotonic() < limit:
            self._unsent.set()
            gevent.sleep(0.02)
        self.up = False
        self._greenlets.kill()
        for client in (self._follower, self._commands):
            client.connection_pool.disconnect()

    def open(self, run_id: str, attempt: int) -> None:
        self._copies.open(run_id, attempt)
        self._followed.pop(run_id, None)
        self._suspended.discard(run_id)
        self._produced[run_id] = attempt
        self._sent[run_id] = first_seq(attempt) - 1

    def drop(self, run_id: str) -> None:
        """The copy stays, and gets the events of other workers from now on."""
        if self._produced.pop(run_id, None) is not None:
            del self._sent[run_id]
            self._suspended.discard(run_id)
            self._follow(run_id)

    def suspend(self, run_id: str) -> None:
        """The copy stays as long as it is read, and becomes a follower once Redis has all of it."""
        if run_id in self._produced:
            self._suspended.add(run_id)
            self._unsent.set()

    def follow(self, run_id: str, seq: int) -> None:
        if run_id not in self._produced:
            self._copies.follow(run_id, seq)
            self._follow(run_id)

    def append(self, run_id: str, events: Sequence[Event]) -> int:
        if run_id not in self._produced:
            return self._copies.last_seq(run_id) or 0
        seq = self._copies.append(run_id, events)
        self._unsent.set()
        return seq

    def read(self, run_id: str, after: int, timeout: float) -> list[Entry] | None:
        if run_id not in self._produced:
            if run_id not in self._followed and not self._load(run_id):
                return None
            self._followed[run_id] = time.monotonic()
        return self._copies.read(run_id, after, timeout)

    def text(self, run_id: str, after: int) -> str:
        return self._copies.text(run_id, after)

    def wake_readers(self) -> None:
        self._copies.wake_readers()

    # --- Sending what is produced here ------------------------------------------------------------

    def _behind(self) -> dict[str, int]:
        """The runs whose last entries Redis lacks, with the last seq that it has."""
        return {
            run_id: sent
            for run_id, sent in self._sent.items()
            if (self._copies.last_seq(run_id) or 0) > sent
        }

    def _send_all(self) -> None:
        while True:
            self._unsent.wait(_BLOCK_MS / 1000)
            self._unsent.clear()
            try:
                while behind := self._behind():
                    self._send(behind)
                    # A round trip costs more than an event, so the next ones are gathered.
                    gevent.sleep(_GATHER_SECONDS)
                self._release()
            except NoScriptError:
                self._load_script()
                self._unsent.set()
            except redis.RedisError as error:
                self._note_failure(error)
                gevent.sleep(_RETRY_SECONDS)
                self._unsent.set()

    def _send(self, behind: dict[str, int]) -> None:
        pipeline = self._commands.pipeline(transaction=False)
        for run_id, sent in behind.items():
            pipeline.evalsha(_APPEND_SHA, 1, _key(run_id), *self._arguments(run_id, sent))
        for run_id, last in zip(behind, pipeline.execute(), strict=True):
            if last >= 0:
                self._sent[run_id] = last
            else:
                self.drop(run_id)

    def _load_script(self) -> None:
        """A server that was started again doesn't know the script."""
        try:
            self._commands.script_load(_APPEND)
        except redis.RedisError as error:
            self._note_failure(error)
            gevent.sleep(_RETRY_SECONDS)

    def _arguments(self, run_id: str, sent: int) -> list[Any]:
        attempt = self._produced[run_id]
        entries = (self._copies.read(run_id, sent, 0) or [])[:_BATCH]
        keep = self._keep if self._copies.has_ended(run_id) else self._live_keep
        texts = [part for entry in entries for part in (entry.seq, to_text(entry.event))]
        return [attempt, keep, self._max_entries, *texts]

    def _release(self) -> None:
        """Stop to produce the runs that have ended or are suspended. Redis has all of them."""
        for run_id in [run_id for run_id in self._produced if self._copies.has_ended(run_id)]:
            del self._produced[run_id], self._sent[run_id]
            self._followed[run_id] = time.monotonic()
        for run_id in list(self._suspended):
            self.drop(run_id)

    # --- Following what others produce ------------------------------------------------------------

    def _load(self, run_id: str) -> bool:
        """Begin to follow a run. False if Redis can't be reached or doesn't have it."""
        if not self.up:
            return False
        try:
            found: Any = self._commands.xrange(_key(run_id))
        except redis.RedisError as error:
            self._note_failure(error)
            return False
        if found:
            self._copies.merge(run_id, _entries(found))
            self._follow(run_id)
        return bool(found)

    def _follow(self, run_id: str) -> None:
        self._followed[run_id] = time.monotonic()
        self._greenlets.spawn(self._wake_follower)

    def _wake_follower(self) -> None:
        """Interrupt the follower, which waits on a fixed set of streams, to let it add one."""
        if not self.up:
            return
        try:
            self._commands.xadd(self._wake_key, {"e": ""}, maxlen=1)
            self._commands.expire(self._wake_key, 60)
        except redis.RedisError as error:
            self._note_failure(error)

    def _follow_all(self) -> None:
        woken = "0-0"
        while True:
            self._drop_unread()
            places: dict[Any, Any] = {
                _key(run_id): f"{self._copies.last_seq(run_id) or 0}-0"
                for run_id in self._followed
                if not self._copies.has_ended(run_id)
            }
            try:
                found: Any = self._follower.xread(
                    {self._wake_key: woken, **places}, count=_BATCH, block=_BLOCK_MS
                )
            except redis.RedisError as error:
                self._note_failure(error)
                gevent.sleep(_RETRY_SECONDS)
                continue
            for key, rows in found or []:
                if key == self._wake_key:
                    woken = rows[-1][0]
                elif (run_id := key.removeprefix(_key(""))) in self._followed:
                    self._copies.merge(run_id, _entries(rows))

    def _drop_unread(self) -> None:
        """A copy that nobody has read for a while only costs memory."""
        limit = time.monotonic() - _UNREAD_SECONDS
        for run_id, read_at in list(self._followed.items()):
            if read_at < limit:
                del self._followed[run_id]
                self._copies.drop(run_id)

    # --- Whether Redis is up ----------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            try:
                self._commands.ping()
                if not self.up:
                    log.warning("Redis is back")
                    self.up = True
                    self._unsent.set()
            except redis.RedisError as error:
                self._note_failure(error)
            gevent.sleep(0.5)

    def _note_failure(self, error: redis.RedisError) -> None:
        if self.up:
            log.warning("Redis is away: %s", error)
        self.up = False


def _key(run_id: str) -> str:
    return f"hs:run:{run_id}"


def _entries(rows: Sequence[tuple[str, dict[str, str]]]) -> list[Entry]:
    return [Entry(int(place.partition("-")[0]), from_text(fields["e"])) for place, fields in rows]
