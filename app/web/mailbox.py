"""The mailbox page for the operator: the mails about accounts, and which were sent.

An admin sees it. So does the operator, by a link that `make run` prints, where there is no mail
server: somebody has to hand the mails on then.
"""

from __future__ import annotations

import re

from flask import Blueprint, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from app.auth.operator_key import is_operator_key
from app.auth.roles import ADMIN
from app.auth.sessions import current_user, require_admin, require_user
from app.db.account_models import Mail
from app.db.models import db
from app.errors import HomestreamError, NotFound
from app.lifecycle import services
from app.mail import queue
from app.web.redirects import redirect

bp = Blueprint("mailbox", __name__, url_prefix="/mailbox")

_COOKIE = "mailbox"


@bp.before_request
def _let_in() -> None:
    """Let an admin and the operator on. Everybody else learns nothing. Raises NotFound, and
    Forbidden for an admin without a second step that is required."""
    if not _is_operator() and not _is_from_an_admin():
        raise NotFound("There is nothing at this address.")


@bp.get("")
def list_all() -> ResponseReturnValue:
    """List the latest mails. A key in the address moves to a cookie first."""
    if "key" in request.args:
        return _without_key()
    return render_template("mailbox/list.html", mails=queue.latest(), has_server=queue.has_server())


@bp.get("/<mail_id>")
def show(mail_id: str) -> ResponseReturnValue:
    """Show one mail. Raises NotFound."""
    mail = db.session.get(Mail, mail_id)
    if mail is None:
        raise NotFound("There is no such mail.")
    return render_template(
        "mailbox/show.html",
        mail=mail,
        # Once mails are sent, their links are for those who get them alone.
        is_hidden=mail.has_link and queue.has_server(),
        text=_link_own(mail.text, services().settings.app_url),
    )


def _is_operator() -> bool:
    """Whether the request has the operator's key, and that opens the mailbox."""
    key = request.args.get("key") or request.cookies.get(_COOKIE, "")
    return not queue.has_server() and is_operator_key(key, _secret())


def _is_from_an_admin() -> bool:
    try:
        require_user()
    except HomestreamError:
        return False
    if current_user().role != ADMIN:
        return False
    require_admin("Only an admin reads the mails.")
    return True


def _without_key() -> ResponseReturnValue:
    response = redirect(url_for(".list_all"))
    if _is_operator():
        response.set_cookie(
            _COOKIE,
            request.args["key"],
            path=url_for(".list_all"),
            secure=services().settings.secure,
            httponly=True,
            samesite="Lax",
        )
    return response


def _link_own(text: str, app_url: str) -> Markup:
    """Return a mail's text as HTML in which only addresses of this app are links."""
    pieces = re.split(rf"({re.escape(app_url)}/\S*)", text)
    for at in range(1, len(pieces), 2):
        pieces[at] = Markup('<a href="{0}">{0}</a>').format(pieces[at])
    return Markup("").join(map(escape, pieces))


def _secret() -> str:
    return str(current_app.secret_key)
