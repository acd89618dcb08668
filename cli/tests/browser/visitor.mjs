// A visitor of the demo page in headless Chromium. scripts/browser-test installs and builds what this needs.
//
// STARGAN: the built program; CHROMIUM: the browser.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const faces = path.join(root, "examples/data/faces/test/images");

const demos = [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  // The sandbox refuses to start as root, which is who runs in containers.
  args: process.getuid() === 0 ? ["--no-sandbox"] : [],
});
/** For files of the tests. */
export const folder = await mkdtemp(path.join(tmpdir(), "demo-test-"));
/** The page that is open. */
export let page;
/** What the page reports to the console as wrong. */
export let complaints;

/** Starts a demo on a free port: its address. */
export const start = (...flags) => new Promise((resolve, reject) => {
  const demo = spawn(process.env.STARGAN, ["demo", "--port", "0", ...flags], { stdio: ["ignore", "pipe", "ignore"] });
  demos.push(demo);
  demo.stdout.once("data", (data) => resolve(String(data).trim()));
  demo.once("error", reject);
  demo.once("exit", (code) => reject(new Error(`the demo ended with ${code}`)));
});

after(async () => {
  await browser.close();
  demos.forEach((demo) => demo.kill());
  await rm(folder, { recursive: true });
});

/** Opens the page of the demo at `address`, and closes the one before; `status` is what it says once the first sample is there. */
export const open = async (address, status, options = {}) => {
  await page?.context().close();
  const context = await browser.newContext({ viewport: { width: 1040, height: 760 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(address);
  await shows(status);
};

/** Waits until the status is `text` and nothing is under way. */
export const shows = (text) => page.waitForFunction((text) =>
  document.getElementById("status").textContent === text
  && document.getElementById("result-frame").getAttribute("aria-busy") === "false", text);

/** What tells the pixels of an image of the page from those of another. */
export const pixels = (id) => page.evaluate(async (id) => {
  const image = document.getElementById(id);
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const digest = await crypto.subtle.digest("SHA-256", data);
  return `${canvas.width}x${canvas.height} ${new Uint8Array(digest).join("-")}`;
}, id);

/** Whether a tile has the pixels of the result. */
export const isResult = (tile) => page.evaluate((tile) => {
  const image = document.getElementById("result");
  const draw = (source) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
    canvas.getContext("2d").drawImage(source, 0, 0);
    return canvas.toDataURL();
  };
  return draw(image) === draw(document.querySelectorAll("#tiles canvas")[tile]);
}, tile);

export const checked = (name) => page.getByLabel(name, { exact: true }).isChecked();

/** Drops a file of this name and content on the page, or on a part of it. */
export const drop = async (name, type, bytes, on = "body") => {
  const transfer = await page.evaluateHandle(([name, type, base64]) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
  }, [name, type, bytes.toString("base64")]);
  await page.dispatchEvent(on, "dragover", { dataTransfer: transfer });
  await page.dispatchEvent(on, "drop", { dataTransfer: transfer });
};

/** Trains networks so small that it takes seconds, as these flags say: the run's folder. */
export const train = async (out, flags) => {
  const run = path.join(folder, out);
  await promisify(execFile)(process.env.STARGAN,
    ["train", "--size", "16", "--batch", "4", "--base-channels", "4", "--iterations", "1", "--out", run, ...flags]);
  return run;
};
const training = path.join(root, "examples/data/faces/train");
/** The bundled faces to train with, as the program takes them. */
export const trainingFaces = `celeba:${training}/images:${training}/list_attr.txt`;

/** The page is no wider than its window. */
export const fits = async () => {
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= width, `${wide} pixels wide in a window of ${width}`);
};

export const press = (key) => page.keyboard.press(key);
const focused = () => page.evaluate(() => {
  const at = document.activeElement;
  // A control that lies invisible over its label shows the focus around the label.
  const rings = [at, at.closest(".sample, .chip, .file, .frame")].filter(Boolean);
  const visible = rings.some((ring) => getComputedStyle(ring).outlineStyle === "solid");
  return { name: at.ariaLabel ?? at.closest("label")?.textContent.trim() ?? at.textContent.trim(), id: at.id, visible };
});

/** Goes on by the keyboard to what has this name or id, past controls whose focus can be seen. */
export const tabTo = async (wanted) => {
  for (let step = 0; step < 30; step += 1) {
    await press("Tab");
    const now = await focused();
    assert.ok(now.visible, `the focus on ${now.name} can't be seen`);
    if (now.name.startsWith(wanted) || now.id === wanted) return;
  }
  assert.fail(`Tab does not reach ${wanted}`);
};
