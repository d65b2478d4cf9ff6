// Comforts only: everything works without this file.
(() => {
  document.documentElement.classList.add("script");

  const composer = document.getElementById("composer");
  const field = document.getElementById("message");
  const main = document.getElementById("messages")?.closest(".main");

  // Enter sends, Shift+Enter makes a new line. Not while a word is being composed (IME).
  field?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.requestSubmit();
  });

  // What was sent goes only once the server has it; what was typed since then stays.
  composer?.addEventListener("htmx:afterRequest", (event) => {
    const { requestConfig, xhr } = event.detail;
    if (event.target !== composer || xhr.status < 200 || xhr.status >= 400) return;
    const sent = requestConfig.parameters.message;
    if (field.value.startsWith(sent)) field.value = field.value.slice(sent.length);
    document.getElementById("notice").replaceChildren();
    toEnd();
  });

  // The last answer is no longer in the way.
  document.addEventListener("htmx:sseClose", () =>
    document.getElementById("notice")?.replaceChildren());

  // A request that reaches nobody: say so, keep what was typed.
  document.addEventListener("htmx:sendError", (event) => {
    const state = document.getElementById("app-state");
    state?.classList.replace("up", "down");
    state?.querySelector(".sr").replaceChildren("can’t be reached");
    const notice = document.getElementById("notice");
    if (notice && event.target.matches("form"))
      notice.textContent = "The server can’t be reached. What you typed is still here.";
  });

  // A tool call that the reader has opened stays open when a newer state of it comes.
  const opened = new Set();
  document.addEventListener("toggle", ({ target }) =>
    target.isConnected && opened[target.open ? "add" : "delete"](target.id), true);
  document.addEventListener("htmx:sseMessage", () => opened.forEach((id) => {
    const details = document.getElementById(id);
    if (details) details.open = true;
  }));

  // Follow the answer while the reader is at the end of it, and leave one who reads further up. Asked
  // just before something comes: a scroll event would tell of the reader's move too late.
  let following = true;
  const toEnd = () => main?.scrollTo({ top: main.scrollHeight });
  document.addEventListener("htmx:sseBeforeMessage", () => {
    following = main && main.scrollHeight - main.scrollTop - main.clientHeight < 80;
  });
  document.addEventListener("htmx:sseMessage", () => following && toEnd());
  toEnd();
})();
