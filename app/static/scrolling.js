// Keeps the page as its reader left it while an answer is being written.
(() => {
  const main = () => document.getElementById("messages")?.closest(".main");

  // Follow the answer while the reader is at its end, and leave a reader who is further up. Asked
  // just before something comes, since a scroll event would come too late.
  let following = true;
  const toEnd = () => main()?.scrollTo({ top: main().scrollHeight });
  document.addEventListener("htmx:sseBeforeMessage", () => {
    const { scrollHeight, scrollTop, clientHeight } = main();
    following = scrollHeight - scrollTop - clientHeight < 80;
  });
  document.addEventListener("htmx:sseMessage", () => {
    if (following) toEnd();
  });
  document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
    if (!detail.successful) return;
    if (target.matches("#composer, .suggestions") || (target.matches("#queue") && following)) toEnd();
  });
  toEnd();

  // A tool call that the reader has opened stays open when a newer state of it comes.
  const opened = new Set();
  document.addEventListener("toggle", ({ target }) => {
    if (!target.isConnected) return;
    if (target.open) opened.add(target.id);
    else opened.delete(target.id);
  }, true);
  document.addEventListener("htmx:sseMessage", () => {
    for (const id of opened) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
  });
})();
