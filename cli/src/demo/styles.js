// The styles of a model as form controls, and the wish that they spell.

import { at, chip, fieldset, readable, rested, show } from "/elements.js";
import { picker } from "/picker.js";

/**
 * Controls for the domains and styles of the model in `known` (/model.json); `changed` is called after each choice.
 *
 * A style is of noise, which has a number, or of a reference image.
 */
export function styles(known, changed) {
  const { datasets: [{ names }], styles: { last, shown } } = known.model;
  const number = at("number");
  const ofNoise = at("of-noise");
  const ofReference = at("of-reference");
  let reference = null;

  const chips = names.map((name) => chip("radio", "domain", readable(name), name, changed));
  at("domains").append(fieldset("Domain", chips.map(({ label }) => label)));
  const setDomain = (name) => chips.forEach(({ input }) => { input.checked = input.value === name; });
  setDomain(names[0]);
  const domain = () => chips.find(({ input }) => input.checked).input.value;

  const setSource = (source) => {
    source.checked = true;
    at("noise").hidden = source !== ofNoise;
    at("reference").hidden = source !== ofReference;
  };
  const setNumber = (value) => {
    number.value = value;
    setSource(ofNoise);
    changed();
  };
  /** The number that is typed; null while it is none. */
  const typed = () => number.value !== "" && number.validity.valid ? Number(number.value) : null;

  number.max = last;
  rested(number, changed);
  at("shuffle").addEventListener("click", () => {
    const next = (typed() ?? -1) + 1;
    setNumber(next > last ? 0 : next);
  });
  for (const source of [ofNoise, ofReference]) {
    source.addEventListener("change", () => { setSource(source); changed(); });
  }
  setSource(ofNoise);
  picker({ known, group: "reference", samples: at("reference-samples"), input: at("reference-file"), area: at("reference") },
    (image) => {
      reference = image;
      if (names.includes(image.sample?.domain)) setDomain(image.sample.domain);
      show(at("reference-image"), image.png, "");
      at("reference-name").textContent = image.name;
      at("reference-shown").hidden = false;
      changed();
    });

  return {
    /** Nothing here is of an image. */
    show() {},

    /** What is asked for: in the query, in words, and as a name of files; only a `hint` where something is missing. */
    wish() {
      const query = `domain=${encodeURIComponent(domain())}`;
      const of = readable(domain());
      if (ofReference.checked) {
        if (reference === null) return { hint: "Choose a reference image: the result takes over its style." };
        const bare = reference.name.replace(/\.[^.]*$/, "");
        return { query, reference: reference.png, words: `${of}, like ${reference.name}`, name: `${domain()} like ${bare}` };
      }
      if (typed() === null) return { hint: `Choose the number of a style, from 0 to ${last}.` };
      return { query: `${query}&style=${typed()}`, words: `${of}, style ${typed()}`, name: `${domain()}-${typed()}` };
    },

    /** Some styles of every domain from the chosen number on, as tiles to choose from. */
    every() {
      const first = Math.min(typed() ?? 0, last + 1 - shown);
      const tiles = (name) => Array.from({ length: shown }, (_, n) => ({
        text: `Style ${first + n}`,
        words: `${readable(name)}, style ${first + n}`,
        take() { setDomain(name); setNumber(first + n); },
      }));
      const groups = names.map((name) => ({ title: readable(name), tiles: tiles(name) }));
      return { query: `style=${first}`, groups };
    },
  };
}
