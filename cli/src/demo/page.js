// The page: an image is prepared once, then translated at every change; only the newest answer is shown.

import { capital, controls } from "/controls.js";

const at = (id) => document.getElementById(id);
const PAUSE = 120; // milliseconds that the slider rests before anything is asked for
/** The image in work: its file, the PNG that stands for it on this page, and its name. */
let image = null;
/** What is shown: of which image, and by which edit. */
let shown = null;

const known = await fetch("/model.json").then((response) => response.json())
  .catch((error) => { problem(error); throw error; });
const labels = controls(at("labels"), known.model, () => translate());
const strength = at("strength");

/** Runs tasks of one kind: a newer one aborts an older one, of which nothing is shown any more. */
function newest(busy) {
  let current = null;
  return async (task) => {
    current?.abort();
    const mine = current = new AbortController();
    busy?.setAttribute("aria-busy", "true");
    try {
      const show = await task(mine.signal);
      if (mine === current) show?.();
    } catch (error) {
      if (mine === current) problem(error);
    } finally {
      if (mine === current) busy?.setAttribute("aria-busy", "false");
    }
  };
}

const choosing = newest();
const translating = newest(at("result-frame"));
const showingAll = newest(at("tiles"));
const downloading = newest(at("download"));

function problem(error) {
  // fetch throws a TypeError when nobody answers.
  at("problem").textContent = error instanceof TypeError
    ? "The demo does not answer: is it still running?" : sentence(error.message);
  at("problem").hidden = false;
  if (image === null) at("status").textContent = "Choose an image to begin.";
}

const sentence = (text) => `${capital(text)}${/[.?!]$/.test(text) ? "" : "."}`;

/** The server's answer to an image; a refusal is an error with its words. */
async function post(path, body, signal) {
  const response = await fetch(path, { method: "POST", body, signal });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

const milliseconds = (response) => {
  const found = /dur=([\d.]+)/.exec(response.headers.get("server-timing") ?? "");
  return found ? `${Math.round(Number(found[1]) * 10) / 10} ms` : "";
};

/** Shows a PNG, and gives up the one that was shown before. */
function show(picture, blob, alt) {
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(blob);
  picture.alt = alt;
  picture.hidden = false;
}

/** The pictures of an answer: the result and, of a model that has a mask, the mask, which follows it. */
async function pictures(response) {
  const both = await response.blob();
  const end = both.size - Number(response.headers.get("mask-bytes") ?? 0);
  return [both.slice(0, end, both.type), both.slice(end, both.size, both.type)];
}

/** Gives the frame the shape of the picture in it. */
function fit({ target }) {
  at("result-frame").style.setProperty("--ratio", target.naturalWidth / target.naturalHeight);
}

/** Takes another image: `fetched` gives its bytes, given a signal that aborts it; `path` is that of a sample. */
function choose(name, fetched, path = null) {
  choosing(async (signal) => {
    const file = await fetched(signal);
    if (file.size > known.limits.bytes) {
      const limit = known.limits.bytes / 1e6;
      throw new Error(`${name} has ${(file.size / 1e6).toFixed(1)} MB, more than the ${limit} MB that are taken: choose a smaller one, or save it smaller`);
    }
    const response = await post("/prepare", file, signal).catch((error) => {
      throw error instanceof TypeError || error.name === "AbortError" ? error : new Error(`${name}: ${error.message}`);
    });
    const png = await response.blob();
    const own = JSON.parse(response.headers.get("own-labels"));
    return () => {
      image = { file, png, name };
      at("problem").hidden = true;
      show(at("original"), png, name);
      at("original-name").textContent = name;
      document.querySelectorAll("#samples input").forEach((input) => { input.checked = input.value === path; });
      labels.show(own);
      translate();
      showAll();
    };
  });
}

function translate() {
  const value = Number(strength.value);
  at("strength-value").textContent = value.toFixed(2);
  if (image === null) return;
  const { file, png, name } = image;
  const edit = labels.edit(value);
  const words = labels.words(value);
  if (edit === "" && !known.model.reads_labels) {
    at("status").textContent = "Choose a label: this model can't read the image's own.";
    return;
  }
  translating(async (signal) => {
    const response = await post(`/translate?edit=${encodeURIComponent(edit)}`, png, signal);
    const [result, mask] = await pictures(response);
    return () => {
      at("problem").hidden = true;
      show(at("result"), result, edit === "" ? `${name}, unchanged` : `${name}: ${words}`);
      if (known.model.has_mask) show(at("mask"), mask, "What was touched: bright where the model has painted");
      at("time").textContent = milliseconds(response);
      at("status").textContent = edit === "" ? "No change yet: choose one." : words;
      at("status").title = edit;
      shown = { file, name, edit };
      at("download").disabled = false;
    };
  });
}

/** Saves what is shown at the size of the image's file. */
function download() {
  const { file, name, edit } = shown;
  downloading(async (signal) => {
    const response = await post(`/whole?edit=${encodeURIComponent(edit)}`, file, signal);
    const result = URL.createObjectURL(await response.blob());
    return () => {
      const link = document.createElement("a");
      link.href = result;
      link.download = `${name.replace(/\.[^.]*$/, "")} ${edit || "unchanged"}.png`.replace(/[^\p{L}\p{N}+\-=.]+/gu, "_");
      link.click();
      URL.revokeObjectURL(result);
    };
  });
}

/** Fills the tiles when they are open: the server's row of pictures is cut apart. */
function showAll() {
  if (image === null || !at("every").open) return;
  showingAll(async (signal) => {
    const response = await post("/every", image.png, signal);
    const row = await createImageBitmap(await response.blob());
    const { width } = known.model, { height } = row;
    return () => {
      let column = 0;
      const tile = (d, n) => {
        const made = document.createElement("button");
        made.type = "button";
        made.className = "tile";
        const canvas = Object.assign(document.createElement("canvas"), { width, height });
        column += 1; // the first is the image itself
        canvas.getContext("2d").drawImage(row, -column * width, 0);
        made.append(canvas, labels.describe(d, n));
        made.addEventListener("click", () => { labels.take(d, n); translate(); });
        return made;
      };
      at("tiles").replaceChildren(...known.model.datasets.flatMap((dataset, d) => dataset.names.map((_, n) => tile(d, n))));
    };
  });
}

const own = (file) => choose(file.name, () => file);

for (const sample of known.samples) {
  const label = document.createElement("label");
  label.className = "sample";
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "sample", title: sample.name, value: sample.path });
  input.setAttribute("aria-label", sample.name);
  const fetched = (signal) => fetch(sample.path, { signal }).then((response) => response.blob());
  input.addEventListener("change", () => choose(sample.name, fetched, sample.path));
  label.append(Object.assign(document.createElement("img"), { src: sample.path, alt: "" }), input);
  at("samples").append(label);
}

at("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) own(target.files[0]);
  target.value = ""; // the same file may be chosen again
});

const dropping = (event, is) => {
  event.preventDefault();
  document.body.classList.toggle("dropping", is);
};
addEventListener("dragover", (event) => dropping(event, true));
addEventListener("dragleave", (event) => dropping(event, false));
addEventListener("drop", (event) => {
  dropping(event, false);
  const [file] = event.dataTransfer.files;
  if (file) own(file);
  else problem(new Error("what was dropped is not a file: save the image first, then drop the file"));
});

let rest;
strength.addEventListener("input", () => {
  at("strength-value").textContent = Number(strength.value).toFixed(2);
  clearTimeout(rest);
  rest = setTimeout(translate, PAUSE);
});
at("divider").addEventListener("input", ({ target }) => {
  at("result-frame").style.setProperty("--at", `${target.value}%`);
});
at("original").addEventListener("load", fit);
at("touched").addEventListener("change", ({ target }) => {
  at("result-frame").classList.toggle("touched", target.checked);
  at("touched-note").hidden = !target.checked;
  at("result-tag").textContent = target.checked ? "Touched" : "Result";
});
at("reset").addEventListener("click", () => {
  strength.value = 1;
  labels.reset();
  translate();
});
at("every").addEventListener("toggle", showAll);
at("download").addEventListener("click", download);

at("model").textContent = `${known.name}, ${known.model.width} x ${known.model.height} pixels`;
const formats = known.limits.types.map((type) => type.replace("image/", "").toUpperCase());
const list = new Intl.ListFormat("en", { type: "disjunction" }).format(formats);
at("limits").textContent = `${list}, up to ${known.limits.bytes / 1e6} MB and ${known.limits.pixels / 1e6} megapixels.`;
at("file").accept = known.limits.types.join();
at("touching").hidden = !known.model.has_mask;
if (!known.model.reads_labels) {
  strength.disabled = true;
  at("strength-note").textContent = "This model can't read an image's own label, which strengths other than 1 start from.";
  at("every").hidden = true;
}
labels.show(null);
const [first] = known.samples;
if (first) {
  // Seen before the model has said anything about it.
  Object.assign(at("original"), { src: first.path, alt: first.name, hidden: false });
  document.querySelector("#samples input").click();
}
