// The page: an image is prepared once, then translated at every change; only the newest answer is shown.

import { at, element, show } from "/elements.js";
import { milliseconds, newest, noProblem, post, problem } from "/asking.js";
import { controls } from "/controls.js";
import { picker } from "/picker.js";
import { styles } from "/styles.js";

/** The image in work, as it was picked. */
let image = null;
/** What is shown: of which image, and by which wish. */
let shown = null;

const known = await fetch("/model.json").then((response) => response.json())
  .catch((error) => { problem(error); throw error; });
const [kind, build] = known.model.styles === null ? ["labels", controls] : ["styles", styles];
for (const part of document.querySelectorAll("[data-of]")) {
  if (part.dataset.of === kind) part.hidden = false;
  else part.remove();
}
const choice = build(known, () => translate());

const translating = newest(at("result-frame"));
const showingAll = newest(at("tiles"));
const downloading = newest(at("download"));

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

function take(picked) {
  image = picked;
  show(at("original"), image.png, image.name);
  at("original-name").textContent = image.name;
  choice.show(image.own);
  translate();
  showAll();
}

function translate() {
  if (image === null) return;
  const { file, png, name } = image;
  const wish = choice.wish();
  translating(async (signal) => {
    const status = wish.hint ?? wish.words;
    if (wish.query === undefined) return () => { at("status").textContent = status; };
    const response = await post(`/translate?${wish.query}`, png, signal, wish.reference);
    const [result, mask] = await pictures(response);
    return () => {
      noProblem();
      show(at("result"), result, `${name}: ${wish.words}`);
      if (known.model.has_mask) show(at("mask"), mask, "What was touched: bright where the model has painted");
      at("time").textContent = milliseconds(response);
      at("status").textContent = status;
      at("status").title = wish.name;
      shown = { file, name, wish };
      at("download").disabled = false;
    };
  });
}

/** Saves what is shown, made of the image's file. */
function download() {
  const { file, name, wish } = shown;
  downloading(async (signal) => {
    const response = await post(`/whole?${wish.query}`, file, signal, wish.reference);
    const href = URL.createObjectURL(await response.blob());
    return () => {
      const bare = name.replace(/\.[^.]*$/, "");
      element("a", { href, download: `${bare} ${wish.name}.png`.replace(/[^\p{L}\p{N}+\-=.]+/gu, "_") }).click();
      URL.revokeObjectURL(href);
    };
  });
}

/** Fills the tiles when they are open: the server's row of pictures is cut apart. */
function showAll() {
  if (image === null || !at("every").open) return;
  const { query, groups } = choice.every();
  showingAll(async (signal) => {
    const response = await post(`/every?${query}`, image.png, signal);
    const row = await createImageBitmap(await response.blob());
    const { width } = known.model, { height } = row;
    return () => {
      let column = 0;
      const tile = ({ text, words = null, take }) => {
        const canvas = element("canvas", { width, height });
        column += 1; // the first is the image itself
        canvas.getContext("2d").drawImage(row, -column * width, 0);
        const made = element("button", { type: "button", className: "tile", ariaLabel: words }, canvas, text);
        made.addEventListener("click", take);
        return made;
      };
      at("tiles").replaceChildren(...groups.flatMap(({ title, tiles }) => {
        const made = tiles.map(tile);
        return title === undefined ? [element("div", { className: "tiles" }, ...made)]
          : [element("h2", { textContent: title }), element("div", { className: "tiles row" }, ...made)];
      }));
    };
  });
}

picker({ known, group: "sample", samples: at("samples"), input: at("file"), area: window }, take);
at("divider").addEventListener("input", ({ target }) => {
  at("result-frame").style.setProperty("--at", `${target.value}%`);
});
at("original").addEventListener("load", fit);
at("touched").addEventListener("change", ({ target }) => {
  at("result-frame").classList.toggle("touched", target.checked);
  at("touched-note").hidden = !target.checked;
  at("result-tag").textContent = target.checked ? "Touched" : "Result";
});
at("every").addEventListener("toggle", showAll);
at("download").addEventListener("click", download);

at("model").textContent = `${known.name}, ${known.model.width} x ${known.model.height} pixels`;
const formats = known.limits.types.map((type) => type.replace("image/", "").toUpperCase());
const list = new Intl.ListFormat("en", { type: "disjunction" }).format(formats);
at("limits").textContent = `${list}, up to ${known.limits.bytes / 1e6} MB and ${known.limits.pixels / 1e6} megapixels.`;
at("touching").hidden = !known.model.has_mask;
const [first] = known.samples;
if (first) {
  // Seen before the model has said anything about it.
  Object.assign(at("original"), { src: first.path, alt: first.name, hidden: false });
  at("samples").querySelector("input").click();
}
