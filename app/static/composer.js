// The composer's comforts. Everything works without this file.
(() => {
  // Hides what is only for readers without scripts.
  document.documentElement.classList.add("script");

  const composer = document.getElementById("composer");
  const field = document.getElementById("message");
  const notice = document.getElementById("notice");

  // Enter sends, Shift+Enter makes a new line. Not while a word is being composed (IME).
  field?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.requestSubmit();
  });

  // What was sent goes only once the server has it. What was typed since then stays.
  composer?.addEventListener("htmx:afterRequest", (event) => {
    const { requestConfig, xhr } = event.detail;
    if (event.target !== composer || xhr.status < 200 || xhr.status >= 400) return;
    const sent = requestConfig.parameters.message;
    if (field.value.startsWith(sent)) field.value = field.value.slice(sent.length);
    notice.replaceChildren();
  });

  // A notice that the last answer is in the way is over when that answer is.
  document.addEventListener("htmx:sseClose", () => notice?.replaceChildren());

  // The server can't be reached: say so.
  document.addEventListener("htmx:sendError", (event) => {
    const state = document.getElementById("app-state");
    state?.classList.replace("up", "down");
    state?.querySelector(".sr").replaceChildren("can’t be reached");
    if (notice && event.target.matches("form")) {
      notice.textContent = "The server can’t be reached. What you typed is still here.";
    }
  });
})();
