// Says whether the pieces of a stream arrive as they were sent.
(() => {
  const verdict = document.getElementById("verdict");
  if (!verdict || !window.EventSource) return;
  const { events } = verdict.dataset;
  const pieces = Number(verdict.dataset.pieces);
  const pace = Number(verdict.dataset.pace); // ms
  const facts = document.getElementById("facts");
  const arrived = [];
  let connections = 0;

  function conclude(isGood, words) {
    verdict.className = isGood ? "good" : "wrong";
    verdict.textContent = words;
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
    return entry?.nextHopProtocol || page?.nextHopProtocol || "unknown";
  }

  function report() {
    // How much later each piece came than the time between it and the first one says.
    const late = arrived.map((piece) => piece.at - arrived[0].at - (piece.ms - arrived[0].ms));
    const gaps = arrived.slice(1).map((piece, index) => piece.at - arrived[index].at);
    const lumps = gaps.filter((gap) => gap < pace / 4).length;
    if (arrived.length === pieces && lumps < pieces / 4) {
      conclude(true, "Good: the pieces arrive one by one, as they are sent.");
    } else {
      conclude(false,
        "Something between the server and you buffers: the pieces arrive in lumps. Turn buffering " +
        "and compression off for text/event-stream in the proxy (docs/deployment.md shows how).");
    }
    addFact("Pieces", `${arrived.length} of ${pieces}`);
    addFact("In lumps", lumps);
    addFact("Greatest gap", `${Math.round(Math.max(...gaps))} ms, sent ${pace} ms apart`);
    addFact("Latest", `${Math.round(Math.max(...late))} ms after its time`);
    addFact("Connections", connections);
    addFact("Protocol", protocol());
  }

  verdict.textContent = "Listening…";
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
    conclude(false, "No stream came through at all.");
  };
})();
