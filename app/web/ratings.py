"""Rating an answer, and what admins see of that."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.auth.sessions import current_user, require_admin, require_user
from app.conversations.ownership import load_run
from app.conversations.ratings import rate, summarize_ratings
from app.lifecycle import services
from app.rendering.displayed_messages import load_answer, page_of
from app.web.conversation_json import iso
from app.web.error_responses import wants_json
from app.web.external_links import link_target
from app.web.pages import render_page

bp = Blueprint("ratings", __name__)
bp.before_request(require_user)


@bp.get("/ratings")
def list_all() -> ResponseReturnValue:
    """Count everybody's ratings, and list the latest reasons, for admins."""
    require_admin("Only an admin sees how answers are rated.")
    found = summarize_ratings()
    if not wants_json():
        return render_page("ratings/list.html", found=found)
    reasons = [
        {"rating": each.rating, "reason": each.reason, "at": iso(each.at)} for each in found.reasons
    ]
    return jsonify(good=found.good, bad=found.bad, reasons=reasons)


@bp.post("/runs/<run_id>/rating")
def save(run_id: str) -> ResponseReturnValue:
    """Rate an answer good or bad, with a reason or without, or take that back."""
    run = load_run(current_user().id, run_id)
    body = request.get_json(silent=True) if request.is_json else request.form
    rate(run, body if isinstance(body, dict) else {})
    if wants_json():
        return jsonify(runId=run.id, rating=run.rating, reason=run.rating_reason)
    if request.headers.get("HX-Request"):
        answer = load_answer(run, services().log, link_target(current_user().id))
        return render_template("runs/_rating.html", answer=answer)
    here = url_for(
        "conversations.show",
        conversation_id=run.conversation_id,
        before=page_of(run.answer),
        _anchor=f"m-{run.answer_id}",
    )
    return redirect(here, 303)
