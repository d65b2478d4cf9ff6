// Says whether the pieces of a stream arrive as they were sent.
(() => {
  const verdict = document.getElementById("verdict");
  if (!verdict || !window.EventSource) return;
  const { events, unknown, ...words } = verdict.dataset;
  const pieces = Number(verdict.dataset.pieces);
  const pace = Number(verdict.dataset.pace); // ms
  const facts = document.getElementById("facts");
  const arrived = [];
  let connections = 0;

  function conclude(isGood, sentence) {
    verdict.className = isGood ? "good" : "wrong";
    verdict.textContent = sentence;
  }

  function addFact(name, value) {
    const term = document.createElement("dt");
    const description = document.createElement("dd");
    term.textContent = name;
    description.textContent = value;
    facts.append(term, description);
  }

  function protocol() {
    const entry = performance.getEntriesByType("resource").find((each) => each.name.endsWith(events));
    const [page] = performance.getEntriesByType("navigation");
    return entry?.nextHopProtocol || page?.nextHopProtocol || unknown;
  }

  function report() {
    // How much later each piece came than the time between it and the first one says.
    const late = arrived.map((piece) => piece.at - arrived[0].at - (piece.ms - arrived[0].ms));
    const gaps = arrived.slice(1).map((piece, index) => piece.at - arrived[index].at);
    const lumps = gaps.filter((gap) => gap < pace / 4).length;
    if (arrived.length === pieces && lumps < pieces / 4) {
      conclude(true, words.good);
    } else {
      conclude(false, words.buffered);
    }
    addFact(words.arrived, `${arrived.length} / ${pieces}`);
    addFact(words.lumps, lumps);
    addFact(words.gap, `${Math.round(Math.max(...gaps))} ms (${pace} ms)`);
    addFact(words.late, `${Math.round(Math.max(...late))} ms`);
    addFact(words.connections, connections);
    addFact(words.protocol, protocol());
  }

  verdict.textContent = words.listening;
  const source = new EventSource(events);
  source.onopen = () => {
    connections += 1;
  };
  source.addEventListener("piece", (event) => {
    arrived.push({ at: performance.now(), ...JSON.parse(event.data) });
  });
  source.addEventListener("end", () => {
    source.close();
    report();
  });
  source.onerror = () => {
    if (connections || source.readyState === EventSource.CONNECTING) return;
    conclude(false, words.none);
  };
})();
