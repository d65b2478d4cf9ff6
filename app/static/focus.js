// Keeps the focus in the page. What has it may be swapped away or hidden: then it goes to what
// came in its place, or to the field for the next question.
(() => {
  const CAN_FOCUS = "a[href], button, summary, input:not([type=hidden]), textarea, select, [tabindex]";
  const isTouched = matchMedia("(pointer: coarse)");
  let focused = null; // what has or had the focus
  let places = []; // selectors of where it goes once that is gone, best first
  let replaced = null; // the neighbours of what is about to be swapped with the focus in it

  const isShown = (node) => node.isConnected && !node.disabled && node.checkVisibility?.() !== false;
  const isLost = () => [null, document.body].includes(document.activeElement);
  const within = (node) => [node, ...node.querySelectorAll(CAN_FOCUS)].find(
    (each) => each.matches(CAN_FOCUS) && isShown(each),
  );

  // The same thing again: by its id, or by what it is within the element around it that has one.
  function sameAgain(node, home) {
    const id = node.id && `#${CSS.escape(node.id)}`;
    const here = home && `#${CSS.escape(home.id)}`;
    const [attribute] = ["href", "value"].filter((name) => node.hasAttribute(name));
    const value = attribute && `[${attribute}="${CSS.escape(node.getAttribute(attribute))}"]`;
    const tag = node.localName;
    return [id, here && value && `${here} ${tag}${value}`, here && tag === "summary" && `${here} > summary`];
  }

  function placesAfter(node) {
    const around = [];
    for (let home = node.parentElement?.closest("[id]"); home; home = home.parentElement?.closest("[id]")) {
      around.push(home);
    }
    const ids = around.map((home) => `#${CSS.escape(home.id)}`);
    return [
      ...sameAgain(node, around[0]),
      // On a phone the field would bring up the keyboard, over the answer.
      node.closest(".messages, .composer, .queue") && !isTouched.matches && "#message",
      ...ids,
    ].filter(Boolean);
  }

  function cameInstead() {
    if (!replaced) return null;
    const { before, around } = replaced;
    let node = before ? before.nextElementSibling : around.firstElementChild;
    for (; node; node = node.nextElementSibling) {
      const found = within(node);
      if (found) return found;
    }
    return null;
  }

  function find() {
    const [exact, ...others] = places.map((place) => document.querySelector(place)).filter(Boolean);
    if (exact && isShown(exact) && exact.matches(CAN_FOCUS)) return exact;
    const came = cameInstead();
    if (came) return came;
    for (const node of [exact, ...others].filter(Boolean)) {
      const found = within(node);
      if (found) return found;
    }
    return document.getElementById("main");
  }

  // Cheap while the focus is where it was, for this runs for each token.
  function keep() {
    if (!focused || (focused.isConnected && !isLost())) return;
    if (isLost() && !isShown(focused)) {
      const place = find();
      replaced = null;
      place?.focus({ preventScroll: true });
    }
  }

  document.addEventListener("focusin", ({ target }) => {
    focused = target;
    places = placesAfter(target);
  });
  // Who leaves it on purpose, by a click beside it, gets it back by nothing.
  document.addEventListener("focusout", ({ target }) => setTimeout(() => {
    if (document.hasFocus() && isLost() && target === focused && isShown(target)) focused = null;
  }));

  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    if (!focused || !target.contains(focused)) return;
    replaced = { before: target.previousElementSibling, around: target.parentElement };
  });
  for (const event of ["htmx:sseMessage", "htmx:sseClose", "htmx:afterSwap", "htmx:afterSettle", "htmx:afterRequest"]) {
    document.addEventListener(event, keep);
  }
})();
