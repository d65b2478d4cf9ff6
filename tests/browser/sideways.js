// What on the page is wider than its window, as a list of sentences.
() =>
  [document.documentElement, ...document.querySelectorAll("main, .messages, .prose, .tool")]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }))
    .filter((node) => node.scrollWidth > node.clientWidth + 1)
    .map((node) => `<${node.tagName.toLowerCase()} class="${node.className}"> scrolls sideways`)
