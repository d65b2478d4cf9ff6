// Notices what no connection tells of: silence, a laptop that slept, a network that changed, a tab
// that nobody sees.
(() => {
  if (!window.htmx?.streams) return;
  const silence = 1000 * document.querySelector('meta[name="stream-silence"]').content;
  const each = (act) => htmx.streams.forEach(act);
  const late = 10_000;
  const hidden = 5_000; // a quick look elsewhere costs nothing

  let tickedAt = Date.now();
  setInterval(() => {
    const now = Date.now();
    const slept = now - tickedAt > late;
    tickedAt = now;
    each((stream) => stream.source && (slept || now - stream.heardAt > silence) && stream.lost());
  }, 1000);

  window.addEventListener("offline", () => {
    each((stream) => stream.pause());
    document.documentElement.classList.toggle("reconnecting", htmx.streams.size > 0);
  });
  const back = () => navigator.onLine && each((stream) => stream.again());
  window.addEventListener("online", back);
  navigator.connection?.addEventListener("change", back);

  // A hidden tab gives its connection back, for a browser has few; shown again it catches up.
  let hiding;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => each((stream) => stream.pause()), hidden);
    else each((stream) => stream.turn || stream.again());
  });
})();
