// Keeps what is typed over a reload: for this tab, this person and this conversation. Signing out
// empties the tab's storage, by the header Clear-Site-Data.
(() => {
  const field = () => document.getElementById("message");

  // The place of the draft: whose page this is, and where its question goes.
  function place() {
    const form = document.getElementById("composer");
    return form && `draft ${form.elements.person.value} ${form.getAttribute("action")}`;
  }

  function keep() {
    const key = place();
    if (!key) return;
    try {
      if (field().value) sessionStorage.setItem(key, field().value);
      else sessionStorage.removeItem(key);
    } catch {
      // A browser may refuse to store anything: the draft is not kept, then.
    }
  }

  function restore() {
    const key = place();
    if (!key || field().value) return;
    try {
      field().value = sessionStorage.getItem(key) ?? "";
    } catch {
      return;
    }
    field().dispatchEvent(new Event("input", { bubbles: true }));
  }

  function forget() {
    try {
      sessionStorage.removeItem(place());
    } catch {
      // Nothing was stored.
    }
  }

  document.addEventListener("input", ({ target }) => target.id === "message" && keep());
  // A form that htmx doesn't send leads to another page, which has the question if it was refused.
  document.addEventListener("submit", ({ target }) => {
    if (target.id === "composer" && !(window.htmx && target.hasAttribute("hx-post"))) forget();
  });
  // A first question's reply brings another conversation's composer, with what was typed since.
  let isSent = false;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { status } = detail.xhr;
    isSent = detail.requestConfig.elt.id === "composer" && status >= 200 && status < 300;
    if (isSent) forget();
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (isSent) keep();
    isSent = false;
  });
  restore();
})();
