"""A run while it is produced here: where its answer goes, what its greenlet does, how that ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import gevent
from gevent.event import Event as Signal

from app.agent.loop import Model
from app.agent.messages import PastTurn
from app.db.models import Person
from app.runs.prompt import Messages
from app.runs.recorder import Ending, Recorder


class RunStopped(gevent.GreenletExit):
    """Raised in a producing greenlet, wherever it waits, to stop its run. Everything it holds is
    closed on the way out."""


class RunHandedOver(gevent.GreenletExit):
    """Raised in a producing greenlet whose run another worker goes on with."""


@dataclass(frozen=True, slots=True)
class AnswerPlace:
    """The person who asked, and where the answer goes: a position in a conversation."""

    person: Person
    conversation_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a producing greenlet has to do. `messages` returns the prompt of each step. `past` has
    the turns of earlier attempts, or is None if there were none. With an `ending` it only records
    that."""

    recorder: Recorder
    place: AnswerPlace
    messages: Callable[[], Messages]
    model: Model
    past: Sequence[PastTurn] | None = None
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """What comes of a run that waits for its person."""


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that is produced here. `recorded` is set once it is stored how that ended."""

    recorder: Recorder
    place: AnswerPlace
    greenlet: gevent.Greenlet[..., Ending | Suspended]
    recorded: Signal = field(default_factory=Signal)
