// Files of a question: dropped, pasted, shown with a way to remove each. Choosing them works without
// this file.
(() => {
  const find = (id) => document.getElementById(id);
  const chosen = new WeakMap(); // the files of each field: choosing again would replace them
  const filesOf = (field) => chosen.get(field) ?? [];

  function put(field, files) {
    const list = new DataTransfer();
    for (const file of files) list.items.add(file);
    field.files = list.files;
    chosen.set(field, files);
    const shown = find("chosen");
    shown.replaceChildren(...files.map((file) => item(field, file)));
    shown.hidden = !files.length;
  }

  function add(field, files) {
    const { most, mostBytes, tooMany, tooLarge } = field.dataset;
    const all = [...filesOf(field), ...files];
    const large = all.find((file) => file.size > mostBytes);
    if (all.length > most) tell(tooMany);
    else if (large) tell(tooLarge.replace("{}", () => large.name));
    else return put(field, all);
    return put(field, filesOf(field));
  }

  function tell(sentence) {
    find("notice").textContent = sentence;
  }

  function item(field, file) {
    const row = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "quiet";
    remove.textContent = field.dataset.remove;
    remove.setAttribute("aria-label", field.dataset.removeFile.replace("{}", () => file.name));
    remove.addEventListener("click", () => {
      put(field, filesOf(field).filter((other) => other !== file));
      find("message").focus();
    });
    const name = document.createElement("span");
    name.textContent = file.name;
    row.append(name, remove);
    if (file.type.startsWith("image/")) row.prepend(preview(file));
    return row;
  }

  // Drawn, since an address of the file itself would need a looser policy for images.
  function preview(file) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 40;
    createImageBitmap(file).then((image) => {
      const scale = Math.max(40 / image.width, 40 / image.height);
      const [width, height] = [image.width * scale, image.height * scale];
      canvas.getContext("2d").drawImage(image, (40 - width) / 2, (40 - height) / 2, width, height);
      image.close();
    }, () => canvas.remove());
    return canvas;
  }

  document.addEventListener("change", ({ target }) => {
    if (target.id === "files") add(target, [...target.files]);
  });

  // A picture of words that are on the clipboard as well is left alone.
  document.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    if (event.target.id !== "message" || !files.length || types.includes("text/plain")) return;
    event.preventDefault();
    add(find("files"), [...files]);
  });

  const hasFiles = (event) => find("files") && event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    find("composer").classList.add("dropping");
  });
  const leave = () => find("composer")?.classList.remove("dropping");
  document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || leave());
  document.addEventListener("drop", (event) => {
    leave();
    if (!hasFiles(event)) return;
    event.preventDefault();
    add(find("files"), [...event.dataTransfer.files]);
  });

  // What was sent goes once the server has it. What was added since then stays.
  let sent = [];
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt.id === "composer") sent = filesOf(find("files"));
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { status } = detail.xhr;
    const field = find("files");
    if (!field || detail.requestConfig.elt.id !== "composer" || status >= 400) return;
    put(field, filesOf(field).filter((file) => !sent.includes(file)));
  });
})();
