"""PostgreSQL and Valkey for measurements, and how much of them is used."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import psycopg
import redis

from bench.accounts import Account
from scripts.local_servers import Postgres, Valkey


@dataclass
class Servers:
    """A PostgreSQL with `accounts` in its prepared database, and a Valkey."""

    postgres: Postgres
    valkey: Valkey
    accounts: list[Account]
    copies: int = 0

    def copy_database(self) -> str:
        """Copy the prepared database and return the copy's URL."""
        self.copies += 1
        where, _, prepared = self.postgres.url.rpartition("/")
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self._copy} TEMPLATE {prepared}")
        return f"{where}/{self._copy}"

    def empty_valkey(self) -> str:
        """Empty Valkey, reset its statistics and return its URL."""
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
            client.config_resetstat()
        return self.valkey.url

    def usage(self) -> dict[str, float]:
        """Return CPU seconds since the start, and statistics since the last copy or emptying."""
        with redis.Redis.from_url(self.valkey.url) as client:
            info = client.info()
        return {
            "valkey_cpu": info["used_cpu_user"] + info["used_cpu_sys"],
            "valkey_commands": info["total_commands_processed"],
            "valkey_bytes_in": info["total_net_input_bytes"],
            "valkey_bytes_out": info["total_net_output_bytes"],
            "valkey_memory": info["used_memory"],
            "postgres_cpu": _cpu_of_tree(self.postgres.pid),
            "postgres_transactions": self._transactions(),
        }

    @property
    def _copy(self) -> str:
        return f"bench_{self.copies}"

    def _transactions(self) -> float:
        where = self.postgres.url.rpartition("/")[0]
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = %s"
        with psycopg.connect(f"{where}/postgres", autocommit=True) as connection:
            found = connection.execute(query, [self._copy]).fetchone()
        return float(found[0]) if found else 0


def _cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process, its children, and its children that have ended."""
    parent = psutil.Process(pid)
    children = parent.children(recursive=True)
    return sum(parent.cpu_times()[:4]) + sum(sum(child.cpu_times()[:2]) for child in children)
