// Forms that a passkey answers. They are hidden until this file knows that the browser can.
(() => {
  const credentials = window.PublicKeyCredential;
  if (!credentials?.parseCreationOptionsFromJSON || !credentials.prototype.toJSON) return;

  // What the form has words for, by the name of the browser's error.
  const refusals = { InvalidStateError: "hasOne", NotAllowedError: "noneUsed" };

  // A passkey is bound to a host name, and to those below it.
  function isForThisHost(site) {
    return location.hostname === site || location.hostname.endsWith(`.${site}`);
  }

  async function fetchOptions(form) {
    const reply = await fetch(form.dataset.options, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    return reply.ok ? reply.json() : null;
  }

  async function answer(form, options) {
    if (form.dataset.passkey === "create") {
      const publicKey = credentials.parseCreationOptionsFromJSON(options);
      return navigator.credentials.create({ publicKey });
    }
    const publicKey = credentials.parseRequestOptionsFromJSON(options);
    return navigator.credentials.get({ publicKey });
  }

  async function send(form) {
    const options = await fetchOptions(form);
    if (options) {
      const credential = await answer(form, options);
      form.elements.credential.value = JSON.stringify(credential.toJSON());
    }
    // Without options the server refuses the form as well, and its page says why.
    form.submit();
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!isForThisHost(form.dataset.site)) continue;
    form.hidden = false;
    document.querySelector("[data-no-passkeys]")?.setAttribute("hidden", "");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const status = form.querySelector("[role=status]");
      status.textContent = "";
      try {
        await send(form);
      } catch (error) {
        status.textContent = form.dataset[refusals[error.name] ?? "failed"];
      }
    });
  }
})();
