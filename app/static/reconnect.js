// Notices what a connection says nothing of: silence, a laptop that slept, a network that changed,
// a tab that nobody sees.
(() => {
  if (!window.htmx?.streams) return;
  const streams = htmx.streams;
  const silence = 1000 * document.querySelector('meta[name="stream-silence"]').content;
  const sleep = 10_000; // ms between two ticks that mean the machine slept
  const hidden = 5_000; // ms; a quick look at another tab costs nothing

  let tickedAt = Date.now();
  setInterval(() => {
    const now = Date.now();
    const slept = now - tickedAt > sleep;
    tickedAt = now;
    for (const stream of streams) {
      if (stream.source && (slept || now - stream.heardAt > silence)) stream.lost();
    }
  }, 1000);

  window.addEventListener("offline", () => {
    for (const stream of streams) stream.pause();
    streams.showReconnecting(streams.size > 0);
  });
  const openAgain = () => {
    if (!navigator.onLine) return;
    for (const stream of streams) stream.openAgain();
  };
  window.addEventListener("online", openAgain);
  navigator.connection?.addEventListener("change", openAgain);

  // A hidden tab gives its connection back, for a browser has few. Shown again it catches up.
  let hiding;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(() => {
        for (const stream of streams) stream.pause();
      }, hidden);
      return;
    }
    for (const stream of streams) {
      if (!stream.turn) stream.openAgain();
    }
  });
})();
