"""Conversations of any length, made directly in the database: nobody asks a thousand questions."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db.models import Conversation, Message, Run, Step, ToolCall, new_id

ANSWER = """Here is what I found for **question {number}**:

| Note | Words | Pictures |
|---|---:|---:|
| {number} Rivers | 1,825 | 3 |
| {number} Lakes | 1,640 | 2 |

- The first has a *garden* and a view of the river.
- The second is nearer to the centre, and `new`.
"""
CARD = """<div class="show-grid"><section class="show-card"><h2>{number} Rivers</h2>
<p class="show-large">1,825 words</p><p>3 pictures, 2 links</p></section></div>"""


def long_conversation(session: Session, user_id: str, messages: int) -> str:
    """The id of a conversation of so many messages, half of them answers; every fifth answer has
    called a tool that showed something. Committed."""
    conversation = Conversation(user_id=user_id, title=f"{messages} messages")
    session.add(conversation)
    session.flush()
    for number in range(1, messages // 2 + 1):
        session.add_all(_exchange(conversation, number))
    session.commit()
    return conversation.id


def _exchange(conversation: Conversation, number: int) -> list[Message]:
    text = ANSWER.format(number=number)
    question = Message(role="user", content=f"Question {number}?", position=2 * number - 1)
    answer = Message(role="assistant", content=text, position=2 * number)
    for message in (question, answer):
        message.conversation_id = conversation.id
    run = Run(user_id=conversation.user_id, conversation_id=conversation.id, status="completed")
    run.steps = [Step(number=2, text=text, finished=True)]
    if number % 5 == 0:
        run.steps.insert(0, Step(number=1, finished=True, calls=[_call(number)]))
    answer.run = run
    return [question, answer]


def _call(number: int) -> ToolCall:
    result = {"notes": [{"id": number, "words": 1_825}], "total": 1}
    return ToolCall(
        id=new_id(),
        position=0,
        name="findNotes",
        arguments='{"text": "Rivers"}',
        status="completed",
        result=result,
        duration_ms=120,
        display=[{"kind": "html", "text": CARD.format(number=number), "name": "Notes"}],
    )
