"""The texts of mails, from app/templates/mails/."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import current_app, render_template


@dataclass(frozen=True)
class Letter:
    """What a mail says. With `has_link` its text gives access to an account."""

    subject: str
    text: str = field(repr=False)
    has_link: bool = False


def write_letter(template: str, **values: object) -> Letter:
    """Render mails/<template>.txt: the subject in the first line, the text below an empty one.

    `link` among the values is one that gives access to an account.
    """
    values["app_url"] = current_app.extensions["mail"].app_url
    rendered = render_template(f"mails/{template}.txt", **values)
    subject, _, text = rendered.partition("\n\n")
    return Letter(subject.strip(), text.strip() + "\n", "link" in values)
