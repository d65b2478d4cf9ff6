"""The fields of a form, or of a JSON body that stands for one."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from app.auth.accounts import FormErrors
from app.errors import InputError


def read_fields() -> dict[str, Any]:
    """Read the form's fields or the JSON body's. What isn't text counts as missing."""
    if not request.is_json:
        return request.form.to_dict()
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InputError("Send a JSON object.", field="body", status=400)
    return {name: value for name, value in body.items() if isinstance(value, str)}


def fields_as_json(error: FormErrors) -> ResponseReturnValue:
    """Respond to a program with what is wrong with each field."""
    body = {"code": error.code, "message": error.message, "fields": error.fields}
    return jsonify(error=body), error.status
