// Tells screen readers what happens in an answer that is being written, in one polite region:
// sentences once they are complete, tool calls, approvals and the end, each once. Tables and code
// are summed up.
(() => {
  const PAUSE = 500; // ms; what comes in between is said together
  const BLOCKS = "p, h1, h2, h3, h4, h5, h6, li, dt, dd, pre, table";
  const WITHIN = `ul, ol, ${BLOCKS}`;
  const sentences = window.Intl?.Segmenter
    && new Intl.Segmenter(document.documentElement.lang, { granularity: "sentence" });

  // By the run's element's id: how far its answer was said. Snapshots replace the elements, so
  // nothing here refers to them.
  const runs = new Map();
  const begin = () => ({ part: 0, block: 0, sentence: 0, steps: new Set(), isOver: false });

  // The words are in the region's data attributes.
  const region = () => document.getElementById("announcements");
  const counted = (name, count) => {
    const words = region().dataset;
    return count === 1 ? words[`${name}One`] : words[`${name}Other`].replace("{}", count);
  };
  const plain = (text) => text.replace(/\s+/g, " ").trim();

  function sentencesOf(block) {
    if (block.matches("table")) return [counted("table", block.querySelectorAll("tbody tr").length)];
    if (block.matches("pre")) return [counted("code", block.textContent.trimEnd().split("\n").length)];
    const own = [...block.childNodes].filter((node) => !node.matches?.(WITHIN));
    const text = plain(own.map((node) => node.textContent).join(""));
    if (!text) return [];
    return sentences ? [...sentences.segment(text)].map(({ segment }) => segment.trim()) : [text];
  }

  // The sentences of a text that are new. The last one counts only once nothing can follow it.
  function newSentences(part, said, isComplete) {
    const found = [];
    const blocks = [...part.querySelectorAll(BLOCKS)].filter(
      (block) => !block.parentElement.closest("pre, table, details"),
    );
    for (; said.block < blocks.length; said.block += 1, said.sentence = 0) {
      const isLast = said.block === blocks.length - 1 && !isComplete;
      const block = blocks[said.block];
      if (isLast && block.matches("pre, table")) break;
      const all = sentencesOf(block);
      const complete = isLast ? all.slice(0, -1) : all;
      found.push(...complete.slice(said.sentence));
      if (isLast) {
        said.sentence = Math.max(said.sentence, complete.length);
        break;
      }
    }
    return found;
  }

  // A call is told of when it starts and when it is over, whatever its line says in between.
  function callStep(call) {
    const line = call.querySelector("details.tool");
    const isStarted = line.matches(".started");
    const words = [...line.querySelector("summary").childNodes].filter(
      (node) => !(isStarted && node.matches?.(".took")),
    );
    return [`${call.id} ${isStarted}`, words.map((node) => node.textContent).join("")];
  }
  const approvalStep = (approval) => [
    approval.id,
    `${approval.getAttribute("aria-label")}: ${approval.querySelector("h2").textContent}`,
  ];

  // The words of the steps that are new.
  const newSteps = (steps, said) => steps.flatMap(([key, words]) => {
    if (said.steps.has(key)) return [];
    said.steps.add(key);
    return [plain(words)];
  });

  function outcome(run) {
    const texts = [...run.querySelectorAll(".outcome p, .figures-note > summary")];
    const words = texts.map((node) => plain(node.textContent));
    return run.querySelector(".foot.completed") ? [region().dataset.finished, ...words] : words;
  }

  // What is new of a run; from now on it was said.
  function news(run, said) {
    if (said.isOver) return [];
    said.isOver = !run.querySelector(".foot.running");
    const parts = [...(run.querySelector(".parts")?.children ?? [])];
    const status = run.querySelector(".thinking")?.textContent;
    const found = newSteps(parts.length || !status ? [] : [["thinking", status]], said);
    // First what has become of the calls that were told of already.
    const calls = parts.slice(0, said.part + 1).filter((part) => part.matches(".call"));
    found.push(...newSteps(calls.map(callStep), said));
    for (; said.part < parts.length; said.part += 1, said.block = said.sentence = 0) {
      const part = parts[said.part];
      const isLast = said.part === parts.length - 1 && !said.isOver;
      if (part.matches(".prose")) found.push(...newSentences(part, said, !isLast));
      if (part.matches(".call")) found.push(...newSteps([callStep(part)], said));
      if (isLast) break;
    }
    const approvals = [...run.querySelectorAll(".approval")];
    found.push(...newSteps(approvals.map(approvalStep), said));
    return said.isOver ? [...found, ...outcome(run)] : found;
  }

  function announce(id) {
    const run = document.getElementById(id);
    const said = runs.get(id);
    said.timer = null;
    const words = run && region() ? news(run, said).join(" ") : "";
    if (!words) return;
    const line = document.createElement("p");
    line.textContent = words;
    region().append(line);
    while (region().children.length > 20) region().firstElementChild.remove();
  }

  function stateOf(run) {
    if (!runs.has(run.id)) runs.set(run.id, begin());
    return runs.get(run.id);
  }

  // This runs for each token: all the work is in `announce`.
  function announceSoon({ target }) {
    const run = target.closest(".run");
    if (run) stateOf(run).timer ??= setTimeout(announce, PAUSE, run.id);
  }
  document.addEventListener("htmx:sseMessage", announceSoon);
  // However the end came.
  document.addEventListener("htmx:sseClose", announceSoon);

  // What the page came with is there to read.
  for (const run of document.querySelectorAll(".run")) news(run, stateOf(run));
})();
