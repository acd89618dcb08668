// The parts that the page is built of.

export const at = (id) => document.getElementById(id);

/** A text as a sentence begins. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A label as people read it: `Black_Hair` is `Black hair`. */
export const readable = (name) => capital(name.replaceAll("_", " ").trim().toLowerCase());

export const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

/** A box or a radio button, and the label that it is in. */
export const chip = (type, group, text, value, changed) => {
  const input = element("input", { type, name: group, value });
  input.addEventListener("change", changed);
  return { input, label: element("label", { className: "chip" }, input, text) };
};

export const fieldset = (title, labels) =>
  element("fieldset", {}, element("legend", { textContent: title }), element("div", { className: "chips" }, ...labels));

/** Shows a PNG, and gives up the one that was shown before. */
export function show(picture, blob, alt) {
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(blob);
  picture.alt = alt;
  picture.hidden = false;
}

/** Calls `changed` when `input` has rested: an answer to each step of a slider would be too late. */
export function rested(input, changed) {
  const pause = 120; // milliseconds
  let rest;
  input.addEventListener("input", () => {
    clearTimeout(rest);
    rest = setTimeout(changed, pause);
  });
}
