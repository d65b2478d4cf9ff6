// Tells whether the pieces of a stream arrive as they were sent.
(() => {
  const verdict = document.getElementById("verdict");
  if (!verdict || !window.EventSource) return;
  const { events, pieces, pace } = verdict.dataset;
  const facts = document.getElementById("facts");
  const tell = (name, value) => facts.append(
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: value }));

  verdict.textContent = "Listening…";
  const came = [];
  let connections = 0;
  const source = new EventSource(events);
  source.onopen = () => { connections += 1; };
  source.addEventListener("piece", (event) => {
    came.push({ at: performance.now(), ...JSON.parse(event.data) });
  });
  source.addEventListener("end", () => {
    source.close();
    // How much later each piece came than its distance in time from the first one says.
    const late = came.map((piece) => piece.at - came[0].at - (piece.ms - came[0].ms));
    const gaps = came.slice(1).map((piece, n) => piece.at - came[n].at);
    const lumps = gaps.filter((gap) => gap < pace / 4).length;
    const entry = performance.getEntriesByType("resource").find((each) => each.name.endsWith(events));
    const protocol = entry?.nextHopProtocol || performance.getEntriesByType("navigation")[0]?.nextHopProtocol;
    const good = came.length === Number(pieces) && lumps < pieces / 4;
    verdict.className = good ? "good" : "wrong";
    verdict.textContent = good
      ? "Good: the pieces arrive one by one, as they are sent."
      : "Something between the server and you buffers: the pieces arrive in lumps. Turn buffering and " +
        "compression off for text/event-stream in the proxy (docs/deployment.md shows how).";
    tell("Pieces", `${came.length} of ${pieces}`);
    tell("In lumps", lumps);
    tell("Greatest gap", `${Math.round(Math.max(...gaps))} ms, sent ${pace} ms apart`);
    tell("Latest", `${Math.round(Math.max(...late))} ms after its time`);
    tell("Connections", connections);
    tell("Protocol", protocol || "unknown");
  });
  source.onerror = () => {
    if (connections || source.readyState === EventSource.CONNECTING) return;
    verdict.className = "wrong";
    verdict.textContent = "No stream came through at all.";
  };
})();
