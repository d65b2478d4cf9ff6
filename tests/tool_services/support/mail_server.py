"""A real SMTP server that behaves as the recipient's name says: python -m … PORT FOLDER [OPTIONS]

OPTIONS is JSON. With `certificate` and `key` (files) it offers STARTTLS, with `smtps` too it
speaks TLS from the first byte. With `user` and `password` it requires them. Each message that it
accepts becomes a file in FOLDER.

Recipients: refused@, later@ (refused the first time), rejected@ (refused after the message),
full@ (always refused for now), stalls@ (waits with the message in its hands), hangs-up@ (breaks
the connection then), hangs-up-early@ (breaks it before).
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Handler:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - the library's name for it
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        name = address.partition("@")[0]
        self._log(f"RCPT {address}")
        if name == "refused":
            return "550 No such mailbox"
        if name == "hangs-up-early":
            _hang_up(server)
        if name == "later" and address not in self.seen:
            self.seen.add(address)
            return "451 Come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        name = envelope.rcpt_tos[0].partition("@")[0]
        self._log("DATA")
        if name == "rejected":
            return "554 Not from you"
        if name == "full":
            return "452 No room"
        if name == "stalls":
            await asyncio.sleep(60)
        content = envelope.content
        assert isinstance(content, bytes)
        (self.folder / f"{time.time_ns()}.eml").write_bytes(content)
        if name == "hangs-up":
            _hang_up(server)
        return "250 Taken"

    def _log(self, line: str) -> None:
        with (self.folder / "log").open("a") as log:
            log.write(line + "\n")


def _hang_up(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


def authenticator(user: str, password: str) -> Any:
    right = (user.encode(), password.encode())

    def check(*given: Any) -> AuthResult:
        # A wrong password is left unhandled: the server itself refuses it then.
        known = (given[-1].login, given[-1].password) == right
        return AuthResult(success=known, handled=known)

    return check


async def serve(port: int, folder: Path, options: dict[str, str]) -> None:
    context = None
    if "certificate" in options:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["certificate"], options["key"])
    smtps = "smtps" in options
    handler = Handler(folder)

    def make() -> SMTP:
        has_user = "user" in options
        return SMTP(
            handler,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=None if smtps else context,
            require_starttls=bool(context) and not smtps,
            auth_required=has_user,
            auth_require_tls=not smtps,
            authenticator=authenticator(options["user"], options["password"]) if has_user else None,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", port, ssl=context if smtps else None)
    await server.serve_forever()


if __name__ == "__main__":
    chosen = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), chosen))
