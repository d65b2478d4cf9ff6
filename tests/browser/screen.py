"""How long a screen stands still when the worker that writes the answer is killed.

`python -m tests.browser.screen --times 20` starts the cluster of `make run-cluster` with a scripted
model, opens an answer in Chromium, kills the worker that writes it with signal 9, and takes the
longest time without a new character from then on. Prints the median and the worst.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import tempfile
from pathlib import Path

import psycopg
from playwright.sync_api import Page, sync_playwright

from scripts.child_processes import end_with_parent
from scripts.ports import free_port
from tests.browser.person import Person, Site, eventually
from tests.browser.product import NOTES, ROOT, Process, free_ports, launch, scripted_model
from tests.support.processes import below

WATCH = """() => {
    window.changes = [];
    const all = { subtree: true, childList: true, characterData: true };
    new MutationObserver(() => window.changes.push(performance.now()))
        .observe(document.getElementById("messages"), all);
}"""
LONGEST_STILL = """since => Math.max(...[...window.changes, performance.now()].map((at, n) =>
    at < since ? 0 : at - Math.max(since, window.changes[n - 1] ?? since)))"""
WATCHED_MS = 7_000


def one(page: Page, site: Site, database: str) -> float:
    """Seconds without a new character, of one answer whose worker was killed."""
    person = Person(page, site, "")
    page.goto(site.url)
    person.asks("[[endless 0.05]]")
    eventually(lambda: len(person.reads()) > 100)
    page.evaluate(WATCH)
    page.wait_for_timeout(500)
    worker, attempt = run_under_way(database)
    since = page.evaluate("() => performance.now()")
    os.kill(int(worker.split(":")[1]), signal.SIGKILL)
    page.wait_for_timeout(WATCHED_MS)
    still: float = page.evaluate(LONGEST_STILL, since)
    assert run_under_way(database)[1] > attempt, "nobody took it over"
    page.get_by_role("button", name="Stop").click()
    person.waits_for("stopped")
    return still / 1000


def run_under_way(database: str) -> tuple[str, int]:
    """The worker that writes the one answer there is, and how many have had it."""
    with psycopg.connect(database, autocommit=True) as connection:
        query = "SELECT worker, attempt FROM runs WHERE status = 'running'"
        [(worker, attempt)] = connection.execute(query).fetchall()
    return worker, attempt


def database_of(cluster: int) -> str:
    """The URL of the PostgreSQL that runs below the process."""
    for process in below(cluster):
        words = process.cmdline()
        if words[0].endswith("postgres") and "-p" in words:
            return f"postgresql://homestream@127.0.0.1:{words[words.index('-p') + 1]}/homestream"
    raise AssertionError("there is no PostgreSQL")


def main() -> None:
    end_with_parent()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    model_port = free_port()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        model = Process(["tests.support.scripted_model", "--port", str(model_port)], {}, ROOT)
        url = f"http://127.0.0.1:{model_port}/v1"
        ports = free_ports()
        own = {"INSTANCE_DIR": f"{name}/instance", "TOOL_SERVICES_FOLDER": str(NOTES)}
        env = own | scripted_model(url)
        cluster = Process(["scripts.run_cluster"], env | ports, Path(name))
        try:
            cluster.until("Homestream is ready")
            browser = launch(playwright)
            page = browser.new_context().new_page()
            site = Site(f"http://127.0.0.1:{ports['WEB_PORT']}", url)
            Person.signs_up(page, site)
            database = database_of(cluster.pid)
            still = [one(page, site, database) for _ in range(times)]
            browser.close()
        finally:
            cluster.stop()
            model.stop()
    print(re.sub(r"[\[\]]", "", f"{[round(each, 2) for each in still]}"))
    print(f"median {statistics.median(still):.2f} s, worst {max(still):.2f} s, of {times}")


if __name__ == "__main__":
    main()
