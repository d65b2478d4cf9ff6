// The composer's comforts. Everything works without this file.
//
// A first question's reply replaces all that the page shows, so nothing here is kept from before.
(() => {
  // Hides what is only for readers without scripts.
  document.documentElement.classList.add("script");

  const find = (id) => document.getElementById(id);
  const clearNotice = () => find("notice")?.replaceChildren();

  // Enter sends, Shift+Enter makes a new line. Not while a word is being composed (IME).
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "message") return;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    find("composer").requestSubmit();
  });

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
    clearNotice();
  });

  // Two replies may bring the same question, once it was asked from the queue: take the first.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { target, serverResponse } = detail;
    // Another branch takes the place of all of them.
    const isBranch = detail.xhr.getResponseHeader("HX-Reswap") === "innerHTML";
    if (target.id !== "messages" || isBranch) return;
    const runs = [...serverResponse.matchAll(/ id="(run-\w+)"/g)];
    if (runs.some(([, run]) => find(run))) detail.shouldSwap = false;
  });

  // A notice that the last answer is in the way is over when that answer is.
  document.addEventListener("htmx:sseClose", clearNotice);

  // The server can't be reached: say so.
  document.addEventListener("htmx:sendError", (event) => {
    const state = find("app-state");
    state?.classList.replace("up", "down");
    state?.querySelector(".sr").replaceChildren("can’t be reached");
    const notice = find("notice");
    if (notice && event.target.matches("form")) {
      notice.textContent = "The server can’t be reached. What you typed is still here.";
    }
  });
})();
