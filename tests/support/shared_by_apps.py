"""What all the apps of a test run share, each of which would compile it anew: templates, the rules
of URLs, and SQL statements. Together that took a fifth of the CPU of a short test."""

from __future__ import annotations

from types import CodeType, MethodType
from typing import ClassVar, cast

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

_MOST_STATEMENTS = 2_000


class Templates(BytecodeCache):
    """Compiled templates, shared by all the apps of a test run: compiling them takes a while."""

    def __init__(self) -> None:
        self._compiled: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._compiled.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._compiled[bucket.key] = bucket.code


TEMPLATES = Templates()


class KnownRule(Rule):
    """A URL rule that is compiled once for all the apps of a test run: an app has a hundred."""

    _compiled: ClassVar[dict[tuple[object, ...], KnownRule]] = {}

    def compile(self) -> None:
        # All that goes into it; no app has converters of its own.
        key = self.host, self.subdomain, self.rule, self.merge_slashes, repr(self.defaults)
        known = self._compiled.get(key)
        if known is None:
            super().compile()
            self._compiled[key] = self
            return
        self._parts, self._trace, self._converters = known._parts, known._trace, known._converters
        self.arguments |= known.arguments
        self._build = MethodType(cast(MethodType, known._build).__func__, self)
        unknown = cast(MethodType, known._build_unknown).__func__
        self._build_unknown = MethodType(unknown, self)


class _Sharing:
    """A dialect of engines that share their compiled statements.

    A statement is kept by its dialect, so all of a class are equal. Their engines are set up in the
    same way and have the same server: what one has compiled is good for the others.
    """

    _compiled: ClassVar[LRUCache[object, object]] = LRUCache(_MOST_STATEMENTS)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=cls._compiled)


class SharingSqlite(_Sharing, SQLiteDialect_pysqlite):
    supports_statement_cache = True  # SQLAlchemy asks it of each class


class SharingPostgres(_Sharing, PGDialect_psycopg):
    supports_statement_cache = True


def share_compiled() -> None:
    """Let all apps from now on share it; templates only if their cache is `TEMPLATES`."""
    Flask.url_rule_class = KnownRule
    registry.register("sqlite", __name__, SharingSqlite.__name__)
    registry.register("postgresql.psycopg", __name__, SharingPostgres.__name__)
