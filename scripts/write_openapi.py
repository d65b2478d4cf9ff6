"""Write docs/openapi.json: every route of the web app, from the URL map and route_inputs.py."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from app import create_app
from app.auth.key_files import ensure_secrets
from app.auth.sessions import require_user
from app.config import Settings
from scripts.route_inputs import FORM, HTML, JSON, MULTIPART, ROUTES, Route

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs/openapi.json"
_OPENAPI = "3.1.0"
_OWN_METHODS = {"HEAD", "OPTIONS"}
"""Those that Flask adds to each rule."""
_WITH_BODY = {"PATCH", "POST"}
_CHANGING = {"DELETE", *_WITH_BODY}
_TEXT = {"type": "string"}
_PATH_TYPES = {"IntegerConverter": "integer"}
_WITHOUT_BODY = (204, 303)
_ERRORS = {
    204: "There is nothing to send",
    303: "A browser is led to where it signs in, gives the password, or loads the page again",
    400: "The request can't be read, or is for another host",
    401: "Nobody is signed in, or what was sent to sign in is wrong",
    403: "Not from this site's own form, not allowed, or the password is needed",
    404: "There is none of that id that this person may see",
    409: "It isn't in the state for that, or is taken",
    410: "The link was used, or is too old",
    413: "Too large",
    415: "Another kind of body",
    422: "A field is wrong; `fields` says which",
    429: "Too many; Retry-After says how long to wait",
    502: "A service behind this one failed",
    503: "Not at the moment; Retry-After says how long to wait",
}
_CSRF = {
    "name": "X-CSRF-TOKEN",
    "in": "header",
    "description": "With cookies: the session's CSRF value, here or in the field csrf_token",
    "schema": _TEXT,
}
_SECURITY = {
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "access_token_cookie",
        "description": "Over https its name is __Host-access",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "refresh": {
        "type": "http",
        "scheme": "bearer",
        "description": "The refresh token, or the cookie refresh_token_cookie",
    },
}
_ERROR_SCHEMA = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": _TEXT,
                "message": _TEXT,
                "retryable": {"type": "boolean"},
                "fields": {"type": "object", "additionalProperties": _TEXT},
            },
        }
    },
}


def build_document(app: Flask) -> dict[str, Any]:
    """Describe every route. Raises KeyError for one that isn't in ROUTES."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        for method in sorted((rule.methods or set()) - _OWN_METHODS):
            paths.setdefault(path_of(rule), {})[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": _OPENAPI,
        "info": {"title": "Homestream", "version": project["version"]},
        "paths": paths,
        "components": {
            "securitySchemes": _SECURITY,
            "parameters": {"csrf": _CSRF},
            "schemas": {"Error": _ERROR_SCHEMA},
            "responses": {str(status): _error(status) for status in _ERRORS},
        },
    }


def path_of(rule: Rule) -> str:
    """Return the rule's path as the document has it: /runs/{run_id}."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def as_text(document: dict[str, Any]) -> str:
    """Return the document as it is in the file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    route, signed_in = ROUTES[rule.endpoint], _needs_user(app, rule.endpoint)
    summary = (app.view_functions[rule.endpoint].__doc__ or "").strip().split("\n")[0]
    parameters = list(_parameters(rule, route))
    if signed_in and method in _CHANGING:
        parameters.append({"$ref": "#/components/parameters/csrf"})
    operation = {
        "summary": summary or rule.endpoint.rpartition(".")[2].replace("_", " ").capitalize(),
        "parameters": parameters,
        "responses": _responses(rule, route, method, signed_in),
        "security": _security(rule.endpoint, signed_in),
    }
    if method in _WITH_BODY:
        operation["requestBody"] = {"content": _bodies(route, signed_in)}
    return operation


def _needs_user(app: Flask, endpoint: str) -> bool:
    return ROUTES[endpoint].for_user or require_user in app.before_request_funcs.get(
        endpoint.partition(".")[0], []
    )


def _security(endpoint: str, signed_in: bool) -> list[dict[str, list[str]]]:
    if endpoint == "auth.refresh":
        return [{"refresh": []}]
    return [{"cookie": []}, {"bearer": []}] if signed_in else []


def _parameters(rule: Rule, route: Route) -> Iterator[dict[str, Any]]:
    for name in sorted(rule.arguments):
        kind = _PATH_TYPES.get(type(rule._converters[name]).__name__, "string")
        yield {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
    for place, names in (("query", route.query), ("header", route.headers)):
        for name, schema in _named(names).items():
            yield {"name": name, "in": place, "schema": schema}


def _named(names: str) -> dict[str, dict[str, Any]]:
    """Return the schemas by name of names as Route has them."""
    pairs = (name.rstrip("!").partition(":") for name in names.split())
    return {name: _schema(kind) for name, _, kind in pairs}


def _schema(kind: str) -> dict[str, Any]:
    if kind == "files":
        return {"type": "array", "items": _TEXT | {"format": "binary"}}
    if "|" in kind:
        return _TEXT | {"enum": kind.split("|")}
    return {"type": kind or "string"}


def _bodies(route: Route, signed_in: bool) -> dict[str, Any]:
    return {kind: {"schema": _body(route, kind, signed_in)} for kind in route.body}


def _body(route: Route, kind: str, signed_in: bool) -> dict[str, Any]:
    names = [name for name in route.fields.split() if _can_carry(kind, name)]
    fields = _named(" ".join(name for name in names if ".*" not in name))
    if kind != JSON and signed_in:
        fields["csrf_token"] = _TEXT
    schema: dict[str, Any] = {"type": "object", "properties": fields}
    if kind == FORM:
        starts = [name.removesuffix("*") for name in names if name.endswith(".*")]
        schema["patternProperties"] = {f"^{re.escape(start)}": _TEXT for start in starts}
    if needed := [name.rstrip("!").partition(":")[0] for name in names if name.endswith("!")]:
        schema["required"] = needed
    return schema


def _can_carry(kind: str, field: str) -> bool:
    if ":files" in field:
        return kind == MULTIPART
    return kind == JSON or ":object" not in field


def _responses(rule: Rule, route: Route, method: str, signed_in: bool) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in route.gives:
        response = responses.setdefault(str(status), {"description": "As asked"})
        if kind:
            response.setdefault("content", {})[kind] = {}
    errors = {400, 413, 503, *route.errors}
    errors |= {404} if rule.arguments else set()
    errors |= {303, 401} if signed_in else set()
    errors |= {403} if method in _CHANGING else set()
    for status in errors:
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
    return dict(sorted(responses.items()))


def _error(status: int) -> dict[str, Any]:
    described = {"description": _ERRORS[status]}
    if status in _WITHOUT_BODY:
        return described
    content: dict[str, Any] = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}, HTML: {}}
    if status == 400:
        content["text/plain"] = {}  # for another host, nothing is rendered
    return described | {"content": content}


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        ensure_secrets(folder)
        app = create_app(Settings(_env_file=None, instance_dir=folder, model="any"))
        FILE.write_text(as_text(build_document(app)))


if __name__ == "__main__":
    main()
