// The labels of a model as form controls, and the wish that they spell.

import { at, capital, chip, fieldset, readable, rested } from "/elements.js";

/**
 * Controls for all labels of the model in `known` (/model.json), and the strength; `changed` is called after each choice.
 *
 * An attribute is a box, an exclusive group of them one set of radio buttons, and so is a dataset of classes,
 * where the first button leaves the image as it is.
 */
export function controls({ model }, changed) {
  const strength = at("strength");
  const inputs = model.datasets.map(() => []);
  const keeps = [];
  let own = null;

  const marked = () => { mark(); changed(); };
  const add = (title, labels) => at("labels").append(fieldset(title, labels));

  model.datasets.forEach((dataset, d) => {
    const title = (text) => model.datasets.length > 1 ? `${readable(dataset.name)}: ${readable(text).toLowerCase()}` : readable(text);
    const make = (type, group, n) => {
      const { input, label } = chip(type, group, readable(dataset.names[n]), dataset.names[n], marked);
      inputs[d][n] = input;
      return label;
    };
    if (dataset.kind === "classes") {
      const keep = chip("radio", `classes-${d}`, "As it is", "", marked);
      keeps.push(keep.input);
      add(title("one of these"), [keep.label, ...dataset.names.map((_, n) => make("radio", `classes-${d}`, n))]);
      return;
    }
    dataset.exclusive.forEach((group, g) => {
      add(title(common(group.map((n) => dataset.names[n]))), group.map((n) => make("radio", `group-${d}-${g}`, n)));
    });
    const grouped = dataset.exclusive.flat();
    const free = dataset.names.map((_, n) => n).filter((n) => !grouped.includes(n));
    if (free.length > 0) add(title("attributes"), free.map((n) => make("checkbox", `free-${d}`, n)));
  });

  /** Whether label `n` of dataset `d` is one that is chosen beside the image's own. */
  const isChanged = (d, n) => {
    const { checked, type } = inputs[d][n];
    if (model.datasets[d].kind === "classes") return checked;
    const had = own === null ? null : own[d][n] > 0.5;
    return type === "radio" ? checked && had !== true : checked !== had;
  };

  const mark = () => {
    inputs.forEach((of, d) => of.forEach((input, n) =>
      input.parentElement.classList.toggle("changed", own !== null && isChanged(d, n))));
  };

  const setAll = () => {
    keeps.forEach((keep) => { keep.checked = true; });
    model.datasets.forEach((dataset, d) => {
      if (dataset.kind === "classes") return;
      const firsts = dataset.exclusive.map((group) => group[0]);
      inputs[d].forEach((input, n) => {
        input.checked = own === null ? firsts.includes(n) : own[d][n] > 0.5;
      });
    });
    mark();
  };

  const value = () => Number(strength.value);
  const setStrength = () => { at("strength-value").textContent = value().toFixed(2); };
  strength.addEventListener("input", setStrength);
  rested(strength, changed);

  at("reset").addEventListener("click", () => {
    strength.value = 1;
    setStrength();
    setAll();
    changed();
  });
  if (!model.reads_labels) {
    strength.disabled = true;
    at("strength-note").textContent = "This model can't read an image's own label, which strengths other than 1 start from.";
    at("every").hidden = true;
  }
  setAll();

  /** The label `n` of dataset `d` as a tile: what choosing it does, in words and in deed. */
  const tile = (d, n) => {
    const free = inputs[d][n].type === "checkbox";
    const name = readable(model.datasets[d].names[n]);
    return {
      text: free && own !== null && own[d][n] > 0.5 ? `${name} off` : name,
      // As a grid does: free attributes are toggled.
      take() {
        setAll();
        inputs[d][n].checked = !free || !inputs[d][n].checked;
        marked();
      },
    };
  };

  /** What is changed, in words: `Blond hair, eyeglasses off`. */
  const words = () => {
    const all = model.datasets.flatMap((dataset, d) => dataset.names.flatMap((name, n) =>
      isChanged(d, n) ? [`${readable(name).toLowerCase()}${inputs[d][n].checked ? "" : " off"}`] : []));
    return capital(all.join(", ")) + (value() === 1 ? "" : ` at strength ${value()}`);
  };

  /** The edit, as the library and `stargan translate` read it: `Blond_Hair=0.5,-Male=0.5`. */
  const edit = () => {
    const suffix = value() === 1 ? "" : `=${value()}`;
    return model.datasets.flatMap((dataset, d) => {
      const prefix = model.datasets.length > 1 ? `${dataset.name}:` : "";
      return dataset.names.flatMap((name, n) =>
        isChanged(d, n) ? [`${inputs[d][n].checked ? "" : "-"}${prefix}${name}${suffix}`] : []);
    }).join(",");
  };

  return {
    /** Sets the controls to an image's own labels, of every dataset; null where the model can't tell them. */
    show(labels) {
      own = labels;
      setAll();
    },

    /** What is asked for: in the query, in words, and as a name of files; `hint` says what to do. Without a query it must be done. */
    wish() {
      if (edit() !== "") return { query: `edit=${encodeURIComponent(edit())}`, words: words(), name: edit() };
      if (model.reads_labels) return { query: "edit=", words: "unchanged", name: "unchanged", hint: "No change yet: choose one." };
      return { hint: "Choose a label: this model can't read the image's own." };
    },

    /** Every label on its own, as tiles to choose from. */
    every() {
      const tiles = model.datasets.flatMap((dataset, d) => dataset.names.map((_, n) => tile(d, n)));
      return { query: "", groups: [{ tiles }] };
    },
  };
}

/** What names share at their end, such as `Hair`, or a plain word where that is nothing. */
function common(names) {
  const [first, ...others] = names.map((name) => name.split("_").reverse());
  const shared = first.findIndex((word, at) => others.some((other) => other[at] !== word));
  return shared > 0 ? first.slice(0, shared).reverse().join("_") : "one of these";
}
