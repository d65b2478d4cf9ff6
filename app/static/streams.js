// One answer's stream, over as many connections as it takes. Each connection begins with a snapshot
// that replaces what is shown, so another one loses nothing and doubles nothing.
(() => {
  if (!window.htmx) return;

  const SLOTS = 4; // a browser opens six HTTP/1 connections to a host; two are for everything else
  const [page] = performance.getEntriesByType("navigation");
  const isLimited = navigator.locks && !/^h[23]/.test(page?.nextHopProtocol ?? "");

  // Take one of the slots that all tabs share, each of them a lock. Resolves to a function that
  // releases it, or to null if all are taken.
  function takeSlot(number = 1) {
    if (!isLimited) return () => {};
    if (number > SLOTS) return null;
    return new Promise((resolve) => {
      navigator.locks.request(`stream ${number}`, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(takeSlot(number + 1));
        return new Promise((release) => resolve(release));
      });
    });
  }

  function showReconnecting(reconnecting) {
    const place = document.getElementById("connection");
    const words = reconnecting ? place?.dataset.lost : "";
    if (place && place.textContent !== words) place.textContent = words;
  }

  // What htmx's extension takes for an EventSource.
  class Stream {
    readyState = 1;
    tries = 0;
    listeners = [];

    constructor(url) {
      this.url = url;
      htmx.streams.add(this);
      this.open();
    }

    addEventListener(name, listener) {
      const heard = (event) => {
        this.heard();
        listener(event);
      };
      this.listeners.push([name, heard]);
      this.source?.addEventListener(name, heard);
    }

    removeEventListener() {} // a listener checks by itself whether it is still in the page

    close() {
      this.readyState = 2;
      htmx.streams.delete(this);
      this.pause();
      showReconnecting(false);
    }

    // Give the connection back, until openAgain.
    pause() {
      clearTimeout(this.timer);
      this.source?.close();
      this.release?.();
      this.turn = this.source = this.release = null;
    }

    openAgain(wait = 0) {
      this.pause();
      this.timer = setTimeout(() => this.open(), wait);
    }

    heard() {
      this.heardAt = Date.now();
      this.tries = 0;
      showReconnecting(false);
    }

    lost() {
      showReconnecting(true);
      const wait = Math.min(300 * 2 ** this.tries, 5000);
      this.tries += 1;
      this.openAgain(wait * (0.7 + Math.random() * 0.6));
    }

    // `turn` tells this opening from a later one, which may begin while this one waits.
    async open() {
      const turn = {};
      this.turn = turn;
      const release = window.EventSource ? await takeSlot() : null;
      if (this.turn !== turn) return release?.();
      if (!release) return this.poll(turn);
      this.release = release;
      this.heardAt = Date.now();
      this.source = new EventSource(this.url);
      this.source.onerror = () => this.lost();
      this.source.addEventListener("ping", () => this.heard());
      this.source.addEventListener("busy", () => {
        this.source.close();
        this.poll(turn);
      });
      for (const [name, listener] of this.listeners) this.source.addEventListener(name, listener);
    }

    // Without a connection of its own this tab asks for the answer as it is, every two seconds.
    async poll(turn) {
      const url = this.url.replace(/\/events.*$/, "");
      const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
      const text = await answer?.text().catch(() => null);
      if (this.turn !== turn) return;
      if (!answer?.ok || text == null) return this.lost();
      this.heard();
      this.dispatch("swap", text);
      if (answer.headers.get("Run-Status") === "running") this.openAgain(2000);
      else this.dispatch("done", "{}");
    }

    dispatch(name, data) {
      for (const [listened, listener] of this.listeners) {
        if (listened === name) listener(new MessageEvent(name, { data }));
      }
    }
  }

  htmx.streams = Object.assign(new Set(), { showReconnecting });
  htmx.createEventSource = (url) => new Stream(url);
})();
