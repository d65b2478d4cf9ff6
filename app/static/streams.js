// One answer's stream, over as many connections as it takes: each begins with a snapshot that
// replaces what is shown, so another one loses nothing and doubles nothing.
(() => {
  if (!window.htmx || !window.EventSource) return;
  const slots = 4; // a browser opens six connections to a host; two are for everything else
  const [page] = performance.getEntriesByType("navigation");
  const limited = navigator.locks && !/^h[23]/.test(page?.nextHopProtocol ?? "");
  const show = (lost) => document.documentElement.classList.toggle("reconnecting", lost);
  // A lock that all tabs share stands for a connection. Without one this tab polls.
  const slot = (n = 1) => !limited ? () => {} : n > slots ? null : new Promise((got) =>
    navigator.locks.request(`stream ${n}`, { ifAvailable: true }, (lock) =>
      lock ? new Promise((release) => got(release)) : got(slot(n + 1))));

  class Stream {
    readyState = 1; tries = 0; listeners = [];
    constructor(url) { this.url = url; htmx.streams.add(this); this.open(); }
    addEventListener(name, listener) {
      this.listeners.push([name, (event) => { this.heard(); listener(event); }]);
      this.source?.addEventListener(...this.listeners.at(-1));
    }
    removeEventListener() {} // a listener checks by itself whether it is still in the page
    tell(event, data) {
      this.listeners.forEach(([name, listener]) => name === event && listener(new MessageEvent(event, { data })));
    }
    close() { this.readyState = 2; htmx.streams.delete(this); this.pause(); show(false); }
    pause() {
      clearTimeout(this.timer);
      this.source?.close();
      this.release?.();
      this.turn = this.source = this.release = null;
    }
    again(wait = 0) { this.pause(); this.timer = setTimeout(() => this.open(), wait); }
    heard() { this.heardAt = Date.now(); this.tries = 0; show(false); }
    lost() { show(true); this.again(Math.min(300 * 2 ** this.tries++, 5000) * (0.7 + Math.random() * 0.6)); }
    async open() {
      const turn = this.turn = {};
      const release = await slot();
      if (this.turn !== turn) return release?.();
      if (!release) return this.poll(turn);
      Object.assign(this, { release, heardAt: Date.now(), source: new EventSource(this.url) });
      this.source.onerror = () => this.lost();
      this.source.addEventListener("ping", () => this.heard());
      this.source.addEventListener("busy", () => { this.source.close(); this.poll(turn); });
      this.listeners.forEach((listener) => this.source.addEventListener(...listener));
    }
    async poll(turn) {
      const options = { headers: { "HX-Request": "true" } };
      const answer = await fetch(this.url.replace(/\/events.*$/, ""), options).catch(() => null);
      const text = await answer?.text().catch(() => null);
      if (this.turn !== turn) return;
      if (!answer?.ok || text == null) return this.lost();
      this.heard();
      this.tell("swap", text);
      if (answer.headers.get("Run-Status") === "running") this.again(2000); else this.tell("done", "{}");
    }
  }
  htmx.streams = new Set();
  htmx.createEventSource = (url) => new Stream(url);
})();
