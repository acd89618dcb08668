// How an image is chosen: a sample, a file, or one that is dropped.

import { element } from "/elements.js";
import { newest, noProblem, post, problem } from "/asking.js";

/**
 * Offers the samples in `samples` as radio buttons of the name `group`, the file that `input` takes, and what is dropped in
 * `area`. The chosen image is prepared and given to `take`: its name, its file, the PNG that stands for it on this page, its
 * own labels where the model reads them, and the sample that it is.
 */
export function picker({ known, group, samples, input, area }, take) {
  const choosing = newest();

  const choose = (name, fetched, sample = null) => choosing(async (signal) => {
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
      noProblem();
      samples.querySelectorAll("input").forEach((input) => { input.checked = input.value === sample?.path; });
      take({ name, file, png, own, sample });
    };
  });
  const chooseOwn = (file) => choose(file.name, () => file);

  for (const sample of known.samples) {
    const input = element("input", { type: "radio", name: group, title: sample.name, value: sample.path, ariaLabel: sample.name });
    const fetched = (signal) => fetch(sample.path, { signal }).then((response) => response.blob());
    input.addEventListener("change", () => choose(sample.name, fetched, sample));
    const image = element("img", { src: sample.path, alt: "" });
    samples.append(element("label", { className: "sample" }, image, input));
  }

  input.accept = known.limits.types.join();
  input.addEventListener("change", () => {
    if (input.files.length > 0) chooseOwn(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });

  const dropping = (event, is) => {
    event.preventDefault();
    event.stopPropagation(); // what is dropped in an inner area is not also dropped in an outer one
    input.parentElement.classList.toggle("dropping", is);
  };
  area.addEventListener("dragover", (event) => dropping(event, true));
  area.addEventListener("dragleave", (event) => dropping(event, false));
  area.addEventListener("drop", (event) => {
    dropping(event, false);
    const [file] = event.dataTransfer.files;
    if (file) chooseOwn(file);
    else problem(new Error("what was dropped is not a file: save the image first, then drop the file"));
  });
}
