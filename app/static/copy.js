// Copies a message, and the code in it. Without this file a message's link leads to its text.
(() => {
  let forget = 0;
  // Says the words that the page has for it, such as data-copied.
  function say(name) {
    const said = document.getElementById("said");
    if (!said) return;
    const words = said.dataset[name];
    // Emptied first, since the same word again would not be announced.
    said.replaceChildren();
    requestAnimationFrame(() => said.replaceChildren(words));
    clearTimeout(forget);
    forget = setTimeout(() => said.replaceChildren(), 4000);
  }

  // The text may come later than the click, after which browsers take none but a promised one.
  async function copy(text) {
    if (window.ClipboardItem) {
      const blob = text.then((words) => new Blob([words], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else {
      await navigator.clipboard.writeText(await text);
    }
    say("copied");
  }

  async function load(address) {
    const reply = await fetch(address);
    if (!reply.ok) throw new Error(reply.statusText);
    return (await reply.text()).trimEnd();
  }

  document.addEventListener("click", (event) => {
    // Over plain http there is no clipboard, but on this machine.
    if (!navigator.clipboard || event.ctrlKey || event.metaKey) return;
    const link = event.target.closest("a.copy");
    const code = event.target.closest(".copy-code")?.previousElementSibling;
    if (link) {
      event.preventDefault();
      copy(load(link.href)).catch(() => location.assign(link.href));
    } else if (code) {
      copy(Promise.resolve(code.textContent.trimEnd())).catch(() => say("notCopied"));
    }
  });

  // A button below each block of code, once its answer is written: until then words are added by
  // their place, and a button would be in the way.
  function addButtons() {
    if (!navigator.clipboard) return;
    for (const code of document.querySelectorAll(".answer .prose pre")) {
      const isWritten = code.closest(".answer").querySelector(".foot:not(.running)");
      if (!isWritten || code.nextElementSibling?.matches(".copy-code")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet copy-code";
      button.textContent = document.getElementById("said").dataset.copyCode;
      code.after(button);
    }
  }
  for (const event of ["htmx:afterSwap", "htmx:sseClose"]) {
    document.addEventListener(event, addButtons);
  }
  addButtons();
})();
