// What is asked of the server, and what is said where that fails.

import { at, capital } from "/elements.js";

/** Runs tasks of one kind: a newer one aborts an older one, of which nothing is shown any more. */
export function newest(busy) {
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

export function problem(error) {
  // fetch throws a TypeError when nobody answers.
  at("problem").textContent = error instanceof TypeError
    ? "The demo does not answer: is it still running?" : sentence(error.message);
  at("problem").hidden = false;
}

export function noProblem() {
  at("problem").hidden = true;
}

const sentence = (text) => `${capital(text)}${/[.?!]$/.test(text) ? "" : "."}`;

/** The server's answer to an image and, where there is one, the reference that follows it; a refusal is an error with its words. */
export async function post(path, image, signal, reference = null) {
  const request = reference === null ? { body: image }
    : { body: new Blob([image, reference]), headers: { "reference-bytes": reference.size } };
  const response = await fetch(path, { method: "POST", signal, ...request });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

export const milliseconds = (response) => {
  const found = /dur=([\d.]+)/.exec(response.headers.get("server-timing") ?? "");
  return found ? `${Math.round(Number(found[1]) * 10) / 10} ms` : "";
};
