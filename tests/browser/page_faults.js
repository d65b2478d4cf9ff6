// What is wrong with the page as it is shown now and axe doesn't look for, as a list of sentences.
() => {
  const faults = [];
  const name = (node) => `<${node.tagName.toLowerCase()} class="${node.className}">`;
  const shown = (node) => node.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  // It fits its window.
  for (const node of [document.documentElement, ...all("main, .messages, .prose, .tool")])
    if (node.scrollWidth > node.clientWidth + 1) faults.push(`${name(node)} scrolls sideways`);

  // It has one first heading, beside those that an answer's author writes.
  const titles = all("h1").filter((heading) => !heading.closest(".prose"));
  if (titles.length !== 1) faults.push(`${titles.length} headings of the first level`);

  // Each field has a label that can be seen or heard, and what describes something is there.
  const fields = all("input:not([type=hidden]), textarea, select");
  for (const node of fields)
    if (![...node.labels].some((label) => label.textContent.trim())) faults.push(`${name(node)} has no label`);
  for (const node of document.querySelectorAll("[aria-describedby]"))
    if (!document.getElementById(node.getAttribute("aria-describedby"))) faults.push(`${name(node)} is described by nothing`);

  // A placeholder stands out from its ground (WCAG AA).
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = (colours) => {
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data]
      .slice(0, 3)
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  };
  const grounds = (node) =>
    (node.parentElement ? grounds(node.parentElement) : ["white"]).concat(getComputedStyle(node).backgroundColor);
  for (const node of fields.filter((field) => field.placeholder)) {
    const under = grounds(node);
    const text = light([...under, getComputedStyle(node, "::placeholder").color]);
    const [high, low] = [light(under), text].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faults.push(`the placeholder of ${name(node)} stands out by ${ratio.toFixed(2)} only`);
  }

  // What can be filled in has an edge that stands out from what is around it (WCAG 1.4.11).
  const hasEdge = (node) => {
    const { borderTopWidth, borderTopStyle, borderTopColor } = getComputedStyle(node);
    return parseFloat(borderTopWidth) > 0 && borderTopStyle !== "none" && !/, 0\)|\/ 0\)/.test(borderTopColor);
  };
  // Browsers draw some by themselves.
  const drawn = "[type=radio], [type=checkbox], [type=file]";
  for (const field of fields.filter((each) => !each.matches(drawn))) {
    let box = field;
    while (box.parentElement && !hasEdge(box)) box = box.parentElement;
    const under = grounds(box.parentElement ?? box);
    const [high, low] = [light(under), light([...under, getComputedStyle(box).borderTopColor])].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 3) faults.push(`the edge of ${name(field)} stands out by ${ratio.toFixed(2)} only`);
  }

  // A finger needs 44 px, but for links within a sentence.
  if (matchMedia("(pointer: coarse)").matches) {
    const isInSentence = (link) => {
      let block = link;
      while (getComputedStyle(block).display.startsWith("inline")) block = block.parentElement;
      return link.matches("a") && block.textContent.trim() !== link.textContent.trim();
    };
    for (const node of all("a[href], button, summary, input:not([type=hidden]), textarea, select")) {
      const label = node.matches(drawn) && node.labels[0];
      const { width, height } = (label || node).getBoundingClientRect();
      if ((width < 43.5 || height < 43.5) && !isInSentence(node))
        faults.push(`${name(node)} "${node.textContent.trim()}" is ${width.toFixed()} by ${height.toFixed()} px`);
    }
  }
  return faults;
}
