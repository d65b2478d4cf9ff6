// Earlier messages come in above, and what is being read stays where it is. At the very top no
// browser does that by itself.
(() => {
  const say = (...words) => document.getElementById("notice")?.replaceChildren(...words);

  document.addEventListener("htmx:beforeSwap", ({ target }) => {
    if (!target.matches(".earlier")) return;
    say();
    const read = target.nextElementSibling;
    const top = () => read.getBoundingClientRect().top;
    const before = top();
    // Once htmx has put them there, and before anybody sees it.
    queueMicrotask(() => read.closest(".main").scrollBy(0, top() - before));
  });

  document.addEventListener("htmx:sendError", ({ target }) => {
    if (!target.matches("#earlier")) return;
    say(target.dataset.unreachable);
  });
})();
