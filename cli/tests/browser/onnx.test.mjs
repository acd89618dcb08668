// The page of docs/interop.md, with the program's ONNX files, in headless Chromium; run by scripts/browser-test.
//
// STARGAN: the built program; CHROMIUM: the browser.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const runtime = fileURLToPath(new URL("node_modules/onnxruntime-web/dist/", import.meta.url));
const model = path.join(root, "examples/models/faces64.safetensors");
const face = path.join(root, "examples/data/faces/test/images/00001.png");
const types = { ".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm" };

const stargan = (...line) => promisify(execFile)(process.env.STARGAN, line);
let browser, folder, server;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "onnx-test-"));
  const files = ["--out-generator", path.join(folder, "G.onnx"), "--out-discriminator", path.join(folder, "D.onnx")];
  await stargan("export", "--format", "onnx", "--model", model, ...files);
  const text = await readFile(path.join(root, "docs/interop.md"), "utf8");
  await writeFile(path.join(folder, "index.html"), text.match(/```html\n(.*?)```/s)[1]);
  for (const file of ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"]) {
    await copyFile(path.join(runtime, file), path.join(folder, file));
  }
  server = createServer(async (request, response) => {
    const name = path.basename(request.url === "/" ? "index.html" : request.url);
    try {
      const bytes = await readFile(path.join(folder, name));
      response.writeHead(200, { "content-type": types[path.extname(name)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
});

after(async () => {
  await browser?.close();
  server?.close();
  await rm(folder, { recursive: true });
});

/** The pixels of a canvas of the page, or of a picture in a file. */
const pixels = (page, source) => page.evaluate(async (source) => {
  let canvas = document.getElementById(source);
  if (!canvas) {
    const picture = await createImageBitmap(await (await fetch(source)).blob());
    canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
    canvas.getContext("2d").drawImage(picture, 0, 0);
  }
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}, source);

test("the page translates a face as the program does, but for a level", async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const says = (text) => page.waitForFunction((text) => document.getElementById("status").value === text, text);
  await says("Choose a photo");
  await page.locator("#photo").setInputFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("no image") });
  await page.waitForFunction(() => document.getElementById("status").value.startsWith("Not translated: "));
  const edits = ["Blond_Hair", "Eyeglasses"];
  for (const edit of edits) {
    const out = path.join(folder, `${edit}.png`);
    await stargan("translate", "--model", model, "--size", "model", `--edit=${edit}`, "--out", out, face);
    await page.getByRole("combobox").selectOption(edit);
    if (edit === edits[0]) await page.locator("#photo").setInputFiles(face);
    await says("Translated");
    const [found, expected] = [await pixels(page, "after"), await pixels(page, `${edit}.png`)];
    assert.equal(found.length, 64 * 64 * 4);
    const worst = Math.max(...found.map((level, at) => Math.abs(level - expected[at])));
    assert.ok(worst <= 1, `${edit}: a level differs by ${worst}`);
    const before = await pixels(page, "before");
    assert.ok(Math.max(...found.map((level, at) => Math.abs(level - before[at]))) > 30, "nothing was changed");
  }
  assert.deepEqual(complaints, []);
});
