// Lets the keyboard into each part that scrolls by itself, and names it. What fits is no stop on
// the way through the page. Chromium and Firefox do so without this, but without names.
(() => {
  const PARTS = "pre, .prose table, .display-part, .display-part table, .show-grid, .formula, .queued-text";
  const NAMES = { TABLE: "scrollsTable", PRE: "scrollsText" };

  function scrolls({ scrollWidth, clientWidth, scrollHeight, clientHeight }) {
    return scrollWidth > clientWidth + 1 || scrollHeight > clientHeight + 1;
  }

  function mark(part, words) {
    if (!scrolls(part)) {
      if (part.dataset.scrolls) part.removeAttribute("tabindex");
      return;
    }
    part.dataset.scrolls = "true";
    part.tabIndex = 0;
    if (part.localName !== "table") part.setAttribute("role", "group");
    part.setAttribute("aria-label", words[NAMES[part.tagName] ?? "scrollsPart"]);
  }

  function markAll() {
    const main = document.getElementById("main");
    if (!main) return;
    for (const part of main.querySelectorAll(PARTS)) mark(part, main.dataset);
  }

  // Once things have their places. Not for each token: a part that is being written can wait.
  const soon = () => requestAnimationFrame(markAll);
  for (const event of ["htmx:sseClose", "htmx:afterRequest"]) document.addEventListener(event, soon);
  document.addEventListener("toggle", soon, true);
  window.addEventListener("resize", soon);
  soon();
})();
