// Keyboard shortcuts beside those of the composer's field. The page /shortcuts lists them all.
(() => {
  const find = (id) => document.getElementById(id);

  // Close what is open; else stop the answer.
  function closeOrStop(event) {
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      return;
    }
    const dialog = document.querySelector("dialog[open]");
    if (dialog) return dialog.close();
    if (event.target.closest(".approval")) return;
    const buttons = document.querySelectorAll("#messages .stop button:enabled");
    [...buttons].at(-1)?.click();
  }

  // Edit the last question. While it is being answered that can't be done: its text goes into the
  // field then, to be changed and sent as a new one.
  function takeLastQuestion(event) {
    const field = find("message");
    const last = [...document.querySelectorAll(".question")].at(-1);
    if (event.target !== field || field.value || !last) return;
    event.preventDefault();
    const isLive = document.querySelector("#messages .foot.running");
    const edit = last.querySelector(".edit-question");
    if (edit && !isLive) return edit.click();
    const text = last.querySelector(".whole") ?? last.querySelector(".bubble");
    field.value = last.dataset.text ?? text.textContent.trim();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    find("notice").textContent = field.dataset.taken;
  }

  function showShortcuts(event) {
    const dialog = find("shortcuts");
    if (event.target.closest("input, textarea, select, [contenteditable]") || !dialog) return;
    event.preventDefault();
    if (!window.htmx) return location.assign("/shortcuts");
    htmx.ajax("GET", "/shortcuts", "#shortcuts").then(() => dialog.open || dialog.showModal());
  }

  const actions = { Escape: closeOrStop, ArrowUp: takeLastQuestion, "?": showShortcuts };
  document.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey, isComposing, defaultPrevented } = event;
    if (ctrlKey || metaKey || altKey || isComposing || defaultPrevented) return;
    if (Object.hasOwn(actions, key)) actions[key](event);
  });
})();
