"""Pages within the frame, which has the list of conversations and the state of the services."""

from __future__ import annotations

from flask import Flask, current_app, g, render_template, request

from app.auth.sessions import current_user, require_user
from app.auth.stream_passes import Reader
from app.conversations.lists import ConversationPage, list_conversations
from app.conversations.ownership import answer_position, load_queue
from app.db.models import Conversation, Person, db
from app.errors import HomestreamError
from app.lifecycle import services
from app.rendering.displayed_messages import MessagePage, load_message_page, load_messages_after
from app.rendering.html import AnswerHtml
from app.rendering.languages import language
from app.web.drafts import take_draft
from app.web.external_links import link_target
from app.web.looks import chosen_zone
from app.web.queue_view import queue_view

MAX_EXAMPLES = 6


def render_page(template: str, **values: object) -> str:
    """Render a page within the frame, for the signed-in person."""
    person = current_user()
    common = {
        "person": person,
        "recent": list_conversations(person, chosen_zone()),
        "servers": tool_servers(),
        "draft": take_draft(person.id),
    }
    return render_template(template, **(common | values))


def init_app(app: Flask) -> None:
    """Let templates within the frame get what it shows, and errors know whether to be there."""
    app.jinja_env.globals |= {"frame_values": _frame_values, "is_signed_in": _is_signed_in}


def _frame_values() -> tuple[Person, ConversationPage, list[object]]:
    person = current_user()
    return person, list_conversations(person, chosen_zone()), tool_servers()


def _is_signed_in() -> bool:
    """Whether the frame can be shown around an error, which may come before anybody was asked."""
    # What was begun is not to be stored.
    db.session.rollback()
    if "person" in g or request.method != "GET":
        return "person" in g
    try:
        require_user()
    except HomestreamError:
        return False
    return True


def render_front() -> str:
    """Render the page for people who aren't signed in, with the first example as its picture."""
    tools = [tool for server in services().registry for tool in server.tools if tool.examples]
    shown = tools and {
        "question": tools[0].examples[0],
        "words": tools[0].in_words({}, done=True),
    }
    return render_template("front.html", example=shown)


def render_start(**values: object) -> str:
    """Render the page where a new conversation begins."""
    tools = (tool for server in services().registry for tool in server.tools if server.up)
    examples = dict.fromkeys(example for tool in tools for example in tool.examples)
    shown = list(examples)[:MAX_EXAMPLES]
    # On the form that comes back with a question that could not be taken, too.
    temporary = request.values.get("temporary") == "true"
    return render_page("conversations/start.html", examples=shown, temporary=temporary, **values)


def render_conversation(
    conversation: Conversation, before: int | None = None, **values: object
) -> str:
    """Render the newest messages, or those before a position. Raises NotFound if there are none."""
    queue = load_queue(conversation)
    page = message_page(conversation, before)
    values = {"since": page.last_run, "queue": queue_view(conversation, queue, page)} | values
    return render_page("conversations/show.html", conversation=conversation, page=page, **values)


def render_news(conversation: Conversation, since: str | None) -> str:
    """Render the messages after the answer of the run `since`, and the queue, for htmx.

    Without a run of this conversation there are no messages.
    """
    queue, since = load_queue(conversation), since or ""
    target = link_target(current_user().id)
    position = answer_position(conversation, since)
    page = load_messages_after(conversation, services().log, target, position)
    return render_template(
        "conversations/_news.html",
        conversation=conversation,
        page=page,
        since=page.last_run or since,
        queue=queue_view(conversation, queue, page, since),
    )


def render_messages(conversation: Conversation, **values: object) -> str:
    """Render the newest messages and the queue, to take the place of what the page has of them."""
    queue, page = load_queue(conversation), message_page(conversation, None)
    view = queue_view(conversation, queue, page)
    shown = {"conversation": conversation, "page": page, "since": page.last_run, "queue": view}
    return render_template("conversations/_news.html", **shown, **values)


def message_page(conversation: Conversation, before: int | None) -> MessagePage:
    """Load messages for the signed-in person, the conversation's owner. Raises NotFound."""
    target = link_target(current_user().id)
    return load_message_page(conversation, services().log, target, before)


def tool_servers() -> list[object]:
    return list(services().registry.servers.values())


def html_for(reader: Reader) -> AnswerHtml:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return AnswerHtml(app, reader.csrf_token, reader.is_admin, language())
