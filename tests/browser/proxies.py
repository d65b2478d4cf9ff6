"""The proxies of deploy/, as the files there have them, with this machine's addresses filled in."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from scripts.child_processes import start
from scripts.install_test_programs import nginx
from scripts.ports import free_port
from tests.browser.product import PATIENCE, ROOT
from tests.support.certificates import write_certificate

DEPLOY = ROOT / "deploy"


@contextmanager
def caddy(folder: Path, nodes: Sequence[str]) -> Iterator[str]:
    """Caddy before `nodes` (host:port); the site's URL. Its own authority signs for localhost."""
    site = f"https://localhost:{free_port()}"
    program = shutil.which("caddy", path=str(Path(sys.executable).parent))
    assert program
    env = {
        **os.environ,
        **{"SITE": site, "NODES": " ".join(nodes), "CADDY_ADMIN": "off", "LOG_LEVEL": "ERROR"},
        **{"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
    }
    command = [program, "run", "--config", str(DEPLOY / "Caddyfile")]
    with running(command, env, folder, site):
        yield site


@contextmanager
def nginx_proxy(folder: Path, nodes: Sequence[str]) -> Iterator[str]:
    """nginx before `nodes` (host:port), with a certificate for localhost; the site's URL."""
    port, plain = free_port(), free_port()
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    write_certificate(folder / "cert.pem", folder / "key.pem", names)
    text = (DEPLOY / "nginx.conf").read_text()
    first, second = nodes
    named = re.search(r"server_name (\S+);", text)
    assert named
    name = named[1]
    for there, here in (
        ("user www-data;", "daemon off;"),
        ("/run/nginx.pid", str(folder / "pid")),
        ("/var/log/nginx/error.log", str(folder / "error.log")),
        ("/var/log/nginx/access.log", "off"),
        ("10.0.0.11:8000", first),
        ("10.0.0.12:8000", second),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"{name};", "localhost;"),
        (f"/etc/ssl/{name}.pem", str(folder / "cert.pem")),
        (f"/etc/ssl/private/{name}.key", str(folder / "key.pem")),
    ):
        assert there in text, f"nginx.conf has no {there}"
        text = text.replace(there, here)
    # Where it keeps what it gathers; its own places are root's.
    places = [f"{name}_temp_path {folder / name};" for name in TEMPORARY]
    text = text.replace("http {", "http {\n" + "\n".join(places))
    (folder / "nginx.conf").write_text(text)
    program = nginx()
    assert program
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
    with running(command, dict(os.environ), folder, f"https://127.0.0.1:{port}"):
        yield f"https://localhost:{port}"


TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def running(command: list[str], env: dict[str, str], folder: Path, site: str) -> Iterator[None]:
    with (folder / "output").open("ab") as output:
        program = start(command, env=env, cwd=folder, stdout=output, stderr=output)
    try:
        wait_for(program, int(site.rpartition(":")[2]), folder / "output")
        yield
    finally:
        program.terminate()
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def wait_for(program: subprocess.Popen[bytes], port: int, output: Path) -> None:
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            # It listens before it has a certificate to show.
            ssl.get_server_certificate(("localhost", port), timeout=1)
            return
        except OSError:
            assert program.poll() is None, output.read_text()
            assert time.monotonic() < limit, output.read_text()
            time.sleep(0.05)
