// The labels as form controls, and the edit that they spell.

/** A text as a sentence begins. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A label as people read it: `Black_Hair` is `Black hair`. */
export const readable = (name) => capital(name.replaceAll("_", " ").trim().toLowerCase());

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

/**
 * Controls for all labels of `model` (of /model.json), built in `parent`; `changed` is called after each choice.
 *
 * An attribute is a box, an exclusive group of them one set of radio buttons, and so is a dataset of classes,
 * where the first button leaves the image as it is.
 */
export function controls(parent, model, changed) {
  const inputs = model.datasets.map(() => []);
  const keeps = [];
  let own = null;

  const chip = (type, group, text, value) => {
    const input = element("input", { type, name: group, value });
    const label = element("label", { className: "chip" }, input, text);
    input.addEventListener("change", () => { mark(); changed(); });
    return { input, label };
  };
  const fieldset = (title, chips) =>
    parent.append(element("fieldset", {}, element("legend", { textContent: title }), element("div", { className: "chips" }, ...chips)));

  model.datasets.forEach((dataset, d) => {
    const title = (text) => model.datasets.length > 1 ? `${readable(dataset.name)}: ${readable(text).toLowerCase()}` : readable(text);
    const make = (type, group, n) => {
      const { input, label } = chip(type, group, readable(dataset.names[n]), dataset.names[n]);
      inputs[d][n] = input;
      return label;
    };
    if (dataset.kind === "classes") {
      const keep = chip("radio", `classes-${d}`, "As it is", "");
      keeps.push(keep.input);
      fieldset(title("one of these"), [keep.label, ...dataset.names.map((_, n) => make("radio", `classes-${d}`, n))]);
      return;
    }
    dataset.exclusive.forEach((group, g) => {
      fieldset(title(common(group.map((n) => dataset.names[n]))), group.map((n) => make("radio", `group-${d}-${g}`, n)));
    });
    const grouped = dataset.exclusive.flat();
    const free = dataset.names.map((_, n) => n).filter((n) => !grouped.includes(n));
    if (free.length > 0) fieldset(title("attributes"), free.map((n) => make("checkbox", `free-${d}`, n)));
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

  return {
    /** Sets the controls to an image's own labels, of every dataset; null where the model can't tell them. */
    show(labels) {
      own = labels;
      setAll();
    },

    /** Sets everything back to the image's own labels. */
    reset: setAll,

    /** Sets everything back and chooses label `n` of dataset `d` as a grid does: free attributes are toggled. */
    take(d, n) {
      setAll();
      const input = inputs[d][n];
      input.checked = input.type === "radio" || !input.checked;
      mark();
    },

    /** What `take` would do, in words. */
    describe(d, n) {
      const free = inputs[d][n].type === "checkbox";
      const name = readable(model.datasets[d].names[n]);
      return free && own !== null && own[d][n] > 0.5 ? `${name} off` : name;
    },

    /** What is changed, in words: `Blond hair, eyeglasses off`. */
    words(strength) {
      const all = model.datasets.flatMap((dataset, d) => dataset.names.flatMap((name, n) =>
        isChanged(d, n) ? [`${readable(name).toLowerCase()}${inputs[d][n].checked ? "" : " off"}`] : []));
      return capital(all.join(", ")) + (strength === 1 ? "" : ` at strength ${strength}`);
    },

    /** The edit, as the library and the `translate` example read it: `Blond_Hair=0.5,-Male=0.5`. */
    edit(strength) {
      const suffix = strength === 1 ? "" : `=${strength}`;
      return model.datasets.flatMap((dataset, d) => {
        const prefix = model.datasets.length > 1 ? `${dataset.name}:` : "";
        return dataset.names.flatMap((name, n) =>
          isChanged(d, n) ? [`${inputs[d][n].checked ? "" : "-"}${prefix}${name}${suffix}`] : []);
      }).join(",");
    },
  };
}

/** What names share at their end, such as `Hair`, or a plain word where that is nothing. */
function common(names) {
  const [first, ...others] = names.map((name) => name.split("_").reverse());
  const shared = first.findIndex((word, at) => others.some((other) => other[at] !== word));
  return shared > 0 ? first.slice(0, shared).reverse().join("_") : "one of these";
}
