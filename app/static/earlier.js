// Earlier messages come in above, and what is being read stays where it is: at the very top no
// browser sees to that by itself.
(() => {
  const notice = (words) => document.getElementById("notice").replaceChildren(words);

  document.addEventListener("htmx:beforeSwap", ({ target }) => {
    if (!target.matches(".earlier")) return;
    notice("");
    const read = target.nextElementSibling;
    const place = () => read.getBoundingClientRect().top;
    const before = place();
    // Once htmx has put them there, and before anybody sees it.
    queueMicrotask(() => read.closest(".main").scrollBy(0, place() - before));
  });

  document.addEventListener("htmx:sendError", ({ target }) =>
    target.matches("#earlier") && notice("The server can’t be reached: try again in a moment."));
})();
