"""What deploy/ and docs/deployment.md say, run for real: proxies, units and the whole cluster."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests
from playwright.sync_api import BrowserContext, expect

from app.auth.key_files import ensure_secrets
from scripts.child_processes import start
from scripts.local_servers import Postgres
from scripts.ports import free_port
from tests.browser.person import Person, Site, eventually, once_each
from tests.browser.product import NOTES, ROOT, Process, free_ports, scripted_model
from tests.browser.proxies import DEPLOY, caddy, nginx_proxy
from tests.browser.test_lost_connections import ALL, but_of_the_network, comes_as_far_as
from tests.browser.test_reconnecting import verdict_at
from tests.support.processes import all_gone, below, children
from tool_services.all_services import folders, setting_names
from tool_services.framework.env_names import all_settings

New = Callable[..., BrowserContext]
Proxy = Callable[[Path, list[str]], AbstractContextManager[str]]
TABS = 8


@dataclass
class Cluster:
    """What `make run-cluster` starts: its site, and the ports of its nodes."""

    process: Process
    site: Site
    nodes: list[int]

    def open_streams(self) -> int:
        """At all workers of both nodes."""
        health = requests.get(f"http://127.0.0.1:{self.nodes[0]}/sse/health", timeout=60)
        return int(health.json()["openEverywhere"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """It is there until the test that ends it, which is the last of them."""
    folder, port, ports = tmp_path_factory.mktemp("cluster"), free_port(), free_ports()
    instance, url = folder / "instance", f"http://127.0.0.1:{port}/v1"
    env = ports | scripted_model(url) | {"TOOL_SERVICES_FOLDER": str(NOTES)}
    env |= {"INSTANCE_DIR": str(instance), "DATABASE_URL": ""}
    model = Process(["tests.support.scripted_model", "--port", str(port)], {}, ROOT)
    process = Process(["scripts.run_cluster"], env, folder)
    try:
        model.until("listening")
        process.until("Homestream is ready")
        nodes = re.findall(r"http://127\.0\.0\.1:(\d+)", process.until("The nodes are"))
        site = Site(f"http://127.0.0.1:{ports['WEB_PORT']}", url)
        yield Cluster(process, site, list(map(int, nodes)))
    finally:
        process.stop()
        model.stop(signal.SIGTERM)
        # Elsewhere when root runs it.
        Postgres(instance / "cluster" / "postgres", 0).remove()


@pytest.mark.parametrize("proxy", [caddy, nginx_proxy])
def test_behind_the_documented_proxy_eight_tabs_stream_at_once(
    proxy: Proxy, context: New, cluster: Cluster, tmp_path: Path
) -> None:
    """Over HTTP/2, where a browser has no limit of six; one of the proxy's two nodes is dead."""
    nodes = [f"127.0.0.1:{free_port()}", f"127.0.0.1:{cluster.nodes[0]}"]
    with proxy(tmp_path, nodes) as url:
        browser = context(ignore_https_errors=True)
        ann = Person.signs_up(browser.new_page(), Site(url))
        assert verdict_at(ann.page, url).startswith("Good")
        expect(ann.page.locator("#facts")).to_contain_text("h2")
        ann.page.goto(url)
        ann.asks("[[endless 0.4]]")
        tabs = [ann]
        for _ in range(TABS - 1):
            tab = Person(browser.new_page(), ann.site, ann.email)
            tab.page.goto(ann.page.url, wait_until="commit")
            tabs.append(tab)
        eventually(lambda: cluster.open_streams() == TABS)
        before = [len(tab.reads()) for tab in tabs]
        for tab, length in zip(tabs, before, strict=True):
            eventually(partial(reads_on, tab, length))
        ann.page.get_by_role("button", name="Stop").click()
        for tab in tabs:
            tab.waits_for("stopped")
        assert len({tab.reads() for tab in tabs}) == 1
        browser.close()
    eventually(lambda: cluster.open_streams() == 0)


def test_the_cluster_goes_on_when_a_node_is_killed(
    context: New, cluster: Cluster, complaints: list[str]
) -> None:
    process, site = cluster.process, cluster.site
    assert len(cluster.nodes) == 2
    assert requests.get(f"{site.url}/health", timeout=60).json() == {"status": "ok"}
    of_node = requests.get(f"http://127.0.0.1:{cluster.nodes[0]}/health", timeout=60)
    assert of_node.json()["redis"] == "up"
    assert addresses_of(process.pid) == {"127.0.0.1"}, "it can be reached from elsewhere"
    ann = Person.signs_up(context().new_page(), site)
    ann.asks("[[slow]]", held=True)
    comes_as_far_as(ann, 3)
    for leader in map(leader_of, cluster.nodes):
        kill_with_workers(leader)
        process.until("and is started again")
        ann.page.wait_for_timeout(1500)
    assert once_each(ann.reads()) != ALL, "it was complete before a node was killed"
    ann.lets_go()
    ann.waits_for("completed")
    assert once_each(ann.reads()) == ALL
    ann.page.reload()
    assert once_each(ann.reads()) == ALL
    but_of_the_network(complaints)


def test_the_cluster_ends_at_ctrl_c(cluster: Cluster) -> None:
    pids = [each.pid for each in below(cluster.process.pid)]
    cluster.process.stop()
    assert len(pids) > 10
    assert all_gone(pids)


def reads_on(person: Person, length: int) -> bool:
    """Tell whether the person has more of the answer than `length`."""
    return len(person.reads()) > length


def addresses_of(pid: int) -> set[str]:
    """The addresses that the processes below this one listen at."""
    addresses = set()
    for process in below(pid):
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections()
            addresses |= {each.laddr.ip for each in connections if each.status == "LISTEN"}
    return addresses


def leader_of(port: int) -> int:
    """The gunicorn that listens at the port."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or ()
        if f"127.0.0.1:{port}" in words and "wsgi:app" in words and children(process.pid):
            return process.pid
    raise AssertionError(f"nobody listens at {port}")


def kill_with_workers(leader: int) -> None:
    for pid in (leader, *children(leader)):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("name", ["homestream-web", "homestream-tools@"])
def test_a_unit_starts_what_it_says_and_ends_in_time(name: str, tmp_path: Path) -> None:
    """As systemd would start it, but for the user, the folder and the addresses."""
    unit = ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / f"{name}.service")
    service = unit["Service"]
    ensure_secrets(tmp_path)  # as `make setup` does
    port = free_port()
    env = node_env(tmp_path, port) | {"BIND": f"127.0.0.1:{port}"}
    commands = [service[key] for key in ("ExecStartPre", "ExecStart") if key in service]
    *before, command = [local(each, env) for each in commands]
    for each in before:
        subprocess.run(each, env=env, cwd=ROOT, check=True, capture_output=True, timeout=60)
    process = start(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port), 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(int(service["TimeoutStopSec"])) == 0
    finally:
        process.kill()
        process.wait()


def node_env(folder: Path, port: int) -> dict[str, str]:
    """deploy/homestream.env with what this machine has in the place of its examples."""
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / "homestream.env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    known = all_settings() | {name.upper() for name in setting_names()}
    assert set(example) <= known, "a setting that nothing reads"
    here = {
        "WEB_HOST": "127.0.0.1",
        "WEB_PORT": str(port),
        "WEB_WORKERS": "1",
        "DATABASE_URL": f"sqlite:///{folder}/web.db",
        "REDIS_URL": "",
        "MODEL": "a-model",
        "SIGNING_KEY_FILE": str(folder / "signing_key.pem"),
        "INSTANCE_DIR": str(folder),
    }
    return {**os.environ, **example, **here}


def local(command: str, env: dict[str, str]) -> list[str]:
    service = next(iter(folders()))
    words = shlex.split(command.replace("%i", service).replace("${BIND}", env["BIND"]))
    return [words[0].replace("/opt/homestream/.venv", sys.prefix), *words[1:]]


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=2).ok
    except requests.RequestException:
        time.sleep(0.1)
        return False
