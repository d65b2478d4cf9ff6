// The composer's comforts. Everything works without this file.
//
// A first question's reply replaces all that the page shows, so nothing here is kept from before.
(() => {
  const find = (id) => document.getElementById(id);
  const clearNotice = () => find("notice")?.replaceChildren();

  // Enter sends, Shift+Enter makes a new line, and so does Enter on a phone, whose keyboard has no
  // Shift+Enter. Ctrl+Enter sends everywhere. Not while a word is being composed (IME).
  const isPhone = matchMedia("(pointer: coarse)");
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "message") return;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (isPhone.matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    find("composer").requestSubmit();
  });

  // The field grows with its text. Where the style sheet can do that, this is not needed.
  function grow() {
    const field = find("message");
    if (!field || CSS.supports("field-sizing", "content")) return;
    field.rows = 1;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
  document.addEventListener("input", ({ target }) => target.id === "message" && grow());
  window.addEventListener("resize", grow);
  grow();

  // What was sent goes only once the server has it. What was typed since then stays.
  let typedSince = null;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { elt, parameters } = detail.requestConfig;
    const { status } = detail.xhr;
    if (elt.id !== "composer" || status < 200 || status >= 400) return;
    const { value } = find("message");
    typedSince = value.startsWith(parameters.message) ? value.slice(parameters.message.length) : value;
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (typedSince === null) return;
    find("message").value = typedSince;
    typedSince = null;
    grow();
    clearNotice();
  });

  // Two replies may bring the same exchange, once it was asked from the queue: it is shown once.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    // Another branch takes the place of all of them.
    const isBranch = detail.xhr.getResponseHeader("HX-Reswap") === "innerHTML";
    if (detail.target.id !== "messages" || isBranch) return;
    const reply = new DOMParser().parseFromString(detail.serverResponse, "text/html");
    const known = [...reply.querySelectorAll(".run")].filter((run) => find(run.id));
    if (!known.length) return;
    for (const run of known) {
      run.previousElementSibling?.remove();
      run.remove();
    }
    detail.serverResponse = reply.body.innerHTML;
  });

  // A button of the queue goes with its question; the focus goes to the next one, or to the field.
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    const { elt, triggeringEvent } = detail.requestConfig ?? {};
    if (triggeringEvent?.type !== "submit" || !elt.closest("#queue")) return;
    if (document.activeElement !== document.body) return;
    (find("queue").querySelector("button") ?? find("message")).focus();
  });

  // A notice that the last answer is in the way is over when that answer is.
  document.addEventListener("htmx:sseClose", clearNotice);

  // The server can't be reached: say so.
  document.addEventListener("htmx:sendError", (event) => {
    const state = find("app-state");
    state?.classList.replace("up", "down");
    state?.querySelector(".sr").replaceChildren(state.dataset.away);
    const notice = find("notice");
    if (notice && event.target.matches("form")) {
      notice.textContent = notice.dataset.unreachable;
    }
  });
})();
