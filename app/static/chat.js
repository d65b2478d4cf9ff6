// Comforts only: everything works without this file.
(() => {
  document.documentElement.classList.add("script");

  const composer = document.getElementById("composer");
  const field = document.getElementById("message");
  const main = document.querySelector(".main");

  // Enter sends, Shift+Enter makes a new line. Not while a word is being composed (IME).
  field?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.requestSubmit();
  });

  // What was typed goes only once the server has it.
  composer?.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== composer || !event.detail.successful) return;
    composer.reset();
    document.getElementById("notice").replaceChildren();
    toEnd();
  });

  // A request that reaches nobody: say so, keep what was typed.
  document.addEventListener("htmx:sendError", () => {
    document.getElementById("app-state")?.classList.replace("up", "down");
    const notice = document.getElementById("notice");
    if (notice) notice.textContent = "The server can’t be reached. What you typed is still here.";
  });

  // Follow the answer while the reader is at the end of it, and leave one who reads further up.
  let following = true;
  const toEnd = () => main?.scrollTo({ top: main.scrollHeight });
  main?.addEventListener("scroll", () => {
    following = main.scrollHeight - main.scrollTop - main.clientHeight < 80;
  });
  document.addEventListener("htmx:sseMessage", () => following && toEnd());
  toEnd();
})();
