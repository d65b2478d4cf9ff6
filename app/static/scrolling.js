// Keeps the page as its reader left it while an answer is being written.
(() => {
  // The conversation's header stays at the top.
  const space = () => (document.querySelector(".conversation-header")?.offsetHeight ?? 0) + 8;
  const main = () => document.getElementById("messages")?.closest(".main");

  // Follow the answer while the reader is at its end, and leave a reader who is further up. Asked
  // just before something comes, since a scroll event would come too late.
  let following = true;
  // A long answer is read from its start: the page stops following where the question reaches the
  // top. Readers who have gone further down themselves are followed to the end.
  let question;
  const newest = () => [...document.querySelectorAll("#messages > .question")].at(-1);
  // How far the page is scrolled with the question at its top.
  const startIn = (page) => {
    if (!question?.isConnected) question = newest();
    if (!question) return page.scrollHeight;
    const top = (element) => element.getBoundingClientRect().top;
    return Math.max(0, page.scrollTop + top(question) - top(page) - space());
  };
  const toEnd = () => {
    const page = main();
    if (!page) return;
    const start = startIn(page);
    // The header's height may have changed since by a line.
    page.scrollTo({ top: page.scrollTop > start + 40 ? page.scrollHeight : start });
  };
  const toQuestion = () => {
    const page = main();
    question = newest();
    page?.scrollTo({ top: startIn(page) });
  };
  document.addEventListener("htmx:sseBeforeMessage", () => {
    const { scrollHeight, scrollTop, clientHeight } = main();
    following = scrollHeight - scrollTop - clientHeight < 80;
  });
  document.addEventListener("htmx:sseMessage", () => {
    if (following) toEnd();
  });
  document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
    if (!detail.successful) return;
    if (target.matches("#composer, .suggestions") || (target.matches("#queue") && following)) toQuestion();
  });
  toQuestion();

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
