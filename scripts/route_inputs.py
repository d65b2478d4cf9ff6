"""What each route of the web app takes and gives that its URL rule doesn't say.

`make openapi` writes docs/openapi.json from this table and the rules. A test fails if a route isn't
in the table, and the fuzz test if a route answers with a status that it doesn't name.
"""

from __future__ import annotations

from dataclasses import dataclass

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
HTML = "text/html"
MULTIPART = "multipart/form-data"
EVENTS = "text/event-stream"
CSV = "text/csv"
TEXT = "text/plain"


@dataclass(frozen=True)
class Route:
    """Fields, query parameters and headers as names between spaces.

    A value is a text unless the name says otherwise: "limit:integer", "decision:approve|decline".
    "files:files" are files, which only parts of a form can be. A field ends with "!" if it has to
    be sent, and with ".*" if it stands for all that begin so; objects are in JSON alone. `body` is
    the kinds of body that are read. `gives` has the kinds of body that an answer may have, by
    status; None where there is no body. `errors` are the statuses beside those that follow from the
    rule. `for_user` is for a route whose blueprint has others that need no session.
    """

    fields: str = ""
    query: str = ""
    headers: str = ""
    body: tuple[str, ...] = (FORM, JSON)
    gives: tuple[tuple[int, str | None], ...] = ((200, HTML),)
    errors: tuple[int, ...] = ()
    for_user: bool = False


def _page(query: str = "", *kinds: str, errors: tuple[int, ...] = ()) -> Route:
    return Route(query=query, gives=tuple((200, kind) for kind in kinds or (HTML,)), errors=errors)


def _both(fields: str = "", status: int = 200, errors: tuple[int, ...] = ()) -> Route:
    """Return a change: a browser is led on, and a program gets JSON."""
    return Route(fields, gives=((303, None), (status, JSON)), errors=errors)


def _account(status: int, fields: str = "", errors: tuple[int, ...] = ()) -> Route:
    """Return a change as _both does, in a blueprint with others that need no session."""
    return Route(fields, gives=((303, None), (status, JSON)), errors=errors, for_user=True)


def _told(fields: str, query: str) -> Route:
    """Return what a link in a mail does."""
    gives = ((200, HTML), (200, JSON))
    return Route(fields, query=query, gives=gives, errors=(409, 410, 422))


_OPTIONS = Route(gives=((200, JSON),), errors=(422, 429))
_ASK_API = "userMessage! conversationId temporary:boolean queue:boolean model files:files"
_LOG_IN = (401, 422, 429)

ROUTES = {
    "account.change_name": _both("name!", errors=(422,)),
    "account.change_password": _both("current_password new_password!", errors=(422, 429)),
    "account.choose_looks": _both("theme! density! zone! language", errors=(422,)),
    "account.confirm": _both("password! next", errors=(422, 429)),
    "account.confirm_form": _page("next"),
    "account.data": _page("done"),
    "account.delete": _both(errors=(409,)),
    "account.download": Route(gives=((200, JSON),), errors=(303, 403, 502)),
    "account.dismiss_notices": _both("until! next", errors=(422,)),
    "account.keep": _both(),
    "account.profile": _page("done", HTML, JSON),
    "account.security": _page("done"),
    "account.show_security_log": _page("all", HTML, JSON, errors=(403,)),
    "api.chat": Route(
        _ASK_API,
        headers="Idempotency-Key",
        body=(JSON, MULTIPART),
        gives=((200, JSON), (202, JSON), (502, JSON)),
        errors=(404, 409, 422, 429),
    ),
    "api.chat_stream": Route(
        _ASK_API,
        headers="Idempotency-Key",
        body=(JSON, MULTIPART),
        gives=((200, EVENTS), (202, JSON)),
        errors=(404, 409, 422, 429),
    ),
    "api.history": _page("conversationId limit:integer", JSON, errors=(404, 422)),
    "api.history_stats": _page("", JSON),
    "api.resume": Route(
        query="after:integer", headers="Last-Event-ID", gives=((200, EVENTS),), errors=(429,)
    ),
    "approvals.decide": Route(
        "decision:approve|decline! reason digest arguments:object argument.*",
        gives=((303, None), (200, JSON), (204, None)),
        errors=(409, 422),
    ),
    "approvals.show": _page("", HTML, JSON),
    "auth.complete": Route(
        "token! password! next",
        query="token",
        gives=((303, None), (201, JSON)),
        errors=(401, 409, 410, 422, 429),
    ),
    "auth.complete_form": _page("token", errors=(410,)),
    "auth.login": _both("email! password! next", errors=_LOG_IN),
    "auth.login_form": _page("next"),
    "auth.logout": _both(errors=(401,)),
    "auth.refresh": Route(gives=((200, JSON),), errors=(401,)),
    "auth.signup": _both("email! password! name! invitation next", 201, errors=(409, 422, 429)),
    "auth.signup_form": _page("next"),
    "conversation_changes.change": Route(
        "title pinned:boolean shelf:list|archive|trash",
        gives=((303, None), (200, HTML), (200, JSON)),
        errors=(422,),
    ),
    "conversation_changes.delete": Route(query="forGood", gives=((200, JSON), (204, None))),
    "conversation_changes.end": Route(gives=((303, None), (204, None))),
    "conversations.list_all": _page(
        "q shelf:list|archive|trash after deleted", HTML, JSON, errors=(404, 422)
    ),
    "conversations.show": _page("before:integer", HTML, JSON, errors=(422,)),
    "conversations.start_page": _page("temporary"),
    "conversations.title": _page(),
    "conversations.watch": _page("before:integer", errors=(422, 429)),
    "branches.choose": Route(
        gives=((303, None), (200, HTML), (200, JSON), (204, None)), errors=(409,)
    ),
    "branches.edit": Route(
        "message! key",
        gives=((303, None), (200, HTML), (201, JSON)),
        errors=(409, 422, 429),
    ),
    "branches.edit_form": _page(),
    "branches.list_versions": _page("", JSON),
    "brand.colours": Route(gives=((200, "text/css"), (304, None))),
    "brand.icon": Route(gives=((200, "image/svg+xml"), (304, None))),
    "csp_reports.take": Route(
        body=("application/csp-report", "application/reports+json"),
        gives=((204, None),),
        errors=(422,),
    ),
    "email_addresses.cancel": _account(202),
    "email_addresses.change": _account(202, "email!", errors=(409, 422, 429)),
    "email_addresses.change_form": _page("token", errors=(410,)),
    "email_addresses.confirm_change": _told("token! action:confirm|cancel", "token"),
    "email_addresses.send_verification": _account(202, errors=(422, 429)),
    "email_addresses.show": Route(query="done", for_user=True),
    "email_addresses.verify": _told("token!", "token"),
    "email_addresses.verify_form": _page("token", errors=(410,)),
    "external_links.show": _page("to signature", errors=(404,)),
    "files.show": Route(gives=((200, "image/png"), (200, "image/jpeg"), (200, "text/plain"))),
    "health.health": Route(gives=((200, JSON), (503, JSON))),
    "health.streams": _page("", JSON),
    "identities.disconnect": _both(errors=(409, 422)),
    "identities.list_all": _page("done", HTML, JSON, errors=(404,)),
    "invitations.list_all": Route(errors=(403,), for_user=True),
    "invitations.make": Route(
        "days uses", gives=((201, HTML), (201, JSON)), errors=(422,), for_user=True
    ),
    "invitations.revoke": _account(200),
    "people.list_all": Route(
        query="search after", gives=((200, HTML), (200, JSON)), errors=(403,), for_user=True
    ),
    "people.change_role": _account(200, "role!:user|admin search", errors=(403, 409, 422)),
    "mailbox.list_all": _page("key", errors=(303, 403, 404)),
    "mailbox.show": _page("key", errors=(303, 403)),
    "messages.markdown": _page("", TEXT),
    "messages.table": _page("", CSV),
    "oauth.jwks": _page("", JSON),
    "oauth.metadata": _page("", JSON),
    "oauth.token": Route(
        "grant_type! subject_token! audience! scope client_assertion_type client_assertion",
        body=(FORM,),
        gives=((200, JSON),),
        errors=(401, 429),
    ),
    "oidc.callback": Route(
        query="state code iss error error_description",
        gives=((303, None),),
        errors=(401, 403, 404, 409, 422, 429),
    ),
    "oidc.start": Route(
        query="for:sign_in|connect|confirm pass next",
        gives=((303, None),),
        errors=(401, 403, 404, 422, 429),
    ),
    "passkey_log_in.log_in": _both("credential! next", errors=_LOG_IN),
    "passkey_log_in.options": _OPTIONS,
    "passkeys.add": _both("passkey_name credential!", errors=(422,)),
    "passkeys.confirm": _both("credential! next", errors=(422, 429)),
    "passkeys.confirm_options": _OPTIONS,
    "passkeys.creation_options": _OPTIONS,
    "passkeys.remove": _both(),
    "password_reset.ask": Route("email!", gives=((202, HTML), (202, JSON)), errors=(422, 429)),
    "password_reset.ask_form": _page(),
    "password_reset.form": _page("token", errors=(410,)),
    "password_reset.reset": Route(
        "token! new_password!",
        query="token",
        gives=((303, None), (200, JSON)),
        errors=(410, 422, 429),
    ),
    "questions.ask": Route(
        "message! key since model files:files",
        body=(FORM, MULTIPART),
        gives=((303, None), (200, HTML), (202, HTML)),
        errors=(409, 422, 429),
    ),
    "questions.ask_first": Route(
        "message! key temporary model files:files",
        body=(FORM, MULTIPART),
        gives=((303, None), (200, HTML)),
        errors=(409, 422, 429),
    ),
    "queued_questions.delete": Route(gives=((204, None),)),
    "queued_questions.list_all": Route(
        query="since", headers="HX-Request", gives=((200, HTML), (200, JSON), (303, None))
    ),
    "queued_questions.send": Route(
        "since", body=(FORM,), gives=((303, None), (200, HTML), (201, JSON), (202, JSON))
    ),
    "queued_questions.take_out": Route(
        "since", body=(FORM,), gives=((303, None), (200, HTML), (204, None))
    ),
    "ratings.list_all": Route(gives=((200, HTML), (200, JSON)), errors=(403,)),
    "ratings.save": Route(
        "rating!:good|bad|none reason",
        gives=((303, None), (200, HTML), (200, JSON)),
        errors=(409, 422),
    ),
    "run_events.stream": Route(
        query="pass", headers="Last-Event-ID", gives=((200, EVENTS),), errors=(204, 429)
    ),
    "runs.retry": Route(gives=((303, None), (200, HTML), (201, JSON)), errors=(409, 422, 429)),
    "runs.show": Route(headers="HX-Request", gives=((200, HTML), (302, None))),
    "runs.stop": Route(gives=((303, None), (204, None), (200, JSON)), errors=(409,)),
    "second_factors.add_app": Route(
        "setup! code!", gives=((303, None), (200, HTML), (200, JSON)), errors=(422, 429)
    ),
    "second_factors.app_setup": _page("", HTML, JSON, errors=(303, 403)),
    "second_factors.make_codes": Route(gives=((200, HTML), (200, JSON)), errors=(404, 409)),
    "second_factors.remove_app": _both(errors=(404,)),
    "second_factors.show": _page("done", HTML, JSON),
    "second_step.passkey_options": Route(gives=((200, JSON),), errors=(401, 422, 429)),
    "second_step.show": _page("next", errors=(401,)),
    "second_step.take": _both("second_factor_token code credential next", errors=_LOG_IN),
    "shortcuts.show": _page(),
    "static": Route(gives=((200, "*/*"), (206, "*/*"), (304, None)), errors=(404, 416)),
    "streaming_check.events": _page("", EVENTS),
    "streaming_check.page": _page(),
    "tool_output.find": Route(gives=((303, None),)),
    "tool_output.result": _page("", JSON),
    "tool_output.show": _page("", HTML, CSV),
    "tools.outbox": _page("", HTML, JSON),
    "tools.status": _page(),
    "tools.tools": _page(),
    "user_sessions.end": _both(),
    "user_sessions.end_others": _both(),
    "user_sessions.list_all": _page("done", HTML, JSON),
}
