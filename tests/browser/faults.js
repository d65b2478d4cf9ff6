// What is wrong with the page as it is shown now, as a list of sentences.
() => {
  const faults = [];
  const name = (node) => `<${node.tagName.toLowerCase()} class="${node.className}">`;
  const shown = (node) => node.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  // It fits its window.
  for (const node of [document.documentElement, ...all("main, .messages, .prose, .tool")])
    if (node.scrollWidth > node.clientWidth + 1) faults.push(`${name(node)} scrolls sideways`);

  // It has a title, a language, one main part, and headings that step down one by one (those in an
  // answer are its author's).
  if (!document.title || !document.documentElement.lang) faults.push("no title or language");
  if (all("main").length !== 1) faults.push(`${all("main").length} main parts`);
  const levels = all("h1, h2, h3, h4, h5, h6")
    .filter((heading) => !heading.closest(".prose"))
    .map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push(`headings ${levels}`);
  levels.forEach((level, at) => {
    if (level > (levels[at - 1] ?? 0) + 1) faults.push(`a heading is left out: ${levels}`);
  });

  // Each thing to use has a name, each id is there once, and what is referred to is there.
  for (const node of all("input:not([type=hidden]), textarea, select"))
    if (![...node.labels].some((label) => label.textContent.trim())) faults.push(`${name(node)} has no label`);
  for (const node of all("a, button, summary"))
    if (!node.textContent.trim()) faults.push(`${name(node)} has no name`);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length) faults.push(`ids there twice: ${twice}`);
  for (const node of document.querySelectorAll("[aria-describedby]"))
    if (!document.getElementById(node.getAttribute("aria-describedby"))) faults.push(`${name(node)} is described by nothing`);

  // Text stands out from its ground (WCAG AA).
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = (colours) => {
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colours) =>
    rgb(colours)
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const grounds = (node) =>
    (node.parentElement ? grounds(node.parentElement) : ["white"]).concat(getComputedStyle(node).backgroundColor);
  const check = (node, colour, what) => {
    const under = grounds(node);
    const [high, low] = [light([...under, colour]), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faults.push(`${what} stands out by ${ratio.toFixed(2)} only`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(node) || node.closest("noscript, :disabled")) continue;
    check(node, getComputedStyle(node).color, `"${texts.currentNode.data.trim().slice(0, 30)}" in ${name(node)}`);
  }
  for (const node of all("input:not([type=hidden]), textarea"))
    if (node.placeholder) check(node, getComputedStyle(node, "::placeholder").color, "the placeholder");
  return [...new Set(faults)];
}
