// The demo page of a model of styles as a visitor uses it. scripts/browser-test runs this.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { before, beforeEach, test } from "node:test";
import {
  checked, complaints, drop, faces, fits, folder, isResult, open, page, pixels, press, shows, start, tabTo, train, trainingFaces,
} from "./visitor.mjs";

const FIRST = "Black hair, style 0";
const NO_REFERENCE = "Choose a reference image: the result takes over its style.";

let address;
before(async () => {
  address = await start("--model", await train("styles", [
    "--recipe", "stargan-v2", "--data", trainingFaces, "--labels", "Black_Hair,Blond_Hair,Brown_Hair",
    "--most-channels", "8", "--style-width", "4", "--latent-width", "4", "--mapping-width", "8",
  ]));
});
beforeEach(() => open(address, FIRST));

const number = () => page.getByLabel("Number").inputValue();
const reference = () => page.getByRole("group", { name: "Reference image" });

test("a style has a number, by which it is found again", async () => {
  assert.deepEqual(await page.locator("legend").allTextContents(), ["Image", "Domain", "Style from"]);
  for (const absent of ["#strength", "#reset", "#labels"]) assert.equal(await page.locator(absent).count(), 0, absent);
  assert.equal(await page.getByLabel("What was touched").isVisible(), false);
  const first = await pixels("result");
  assert.match(first, /^16x16 /, "the model's size");
  const shuffle = page.getByRole("button", { name: "Shuffle" });
  await shuffle.click();
  await shows("Black hair, style 1");
  assert.equal(await number(), "1");
  const second = await pixels("result");
  assert.notEqual(second, first);
  await shuffle.click();
  await shows("Black hair, style 2");
  await page.getByLabel("Number").fill("1");
  await shows("Black hair, style 1");
  assert.equal(await pixels("result"), second);
  await page.getByLabel("Brown hair").check();
  await shows("Brown hair, style 1");
  assert.notEqual(await pixels("result"), second);
  for (const none of ["", "-1", "1.5", "4294967296"]) {
    await page.getByLabel("Number").fill(none);
    await shows("Choose the number of a style, from 0 to 4294967295.");
    await page.getByLabel("Number").fill("7");
    await shows("Brown hair, style 7");
  }
  await page.getByLabel("Number").fill("4294967295");
  await shows("Brown hair, style 4294967295");
  await shuffle.click();
  await shows("Brown hair, style 0");
  assert.deepEqual(complaints, []);
});

test("an image has the style of another, and goes back to that of noise", async () => {
  const noise = await pixels("result");
  assert.equal(await reference().isVisible(), false);
  await page.getByLabel("An image").check();
  await shows(NO_REFERENCE);
  assert.equal(await pixels("result"), noise, "until there is one");
  await reference().getByLabel("Face 2").check();
  await shows("Blond hair, like Face 2");
  assert.equal(await checked("Blond hair"), true, "its own domain");
  assert.equal(await page.textContent("#original-name"), "Face 1");
  const like = await pixels("result");
  assert.notEqual(like, noise);
  await page.getByLabel("Black hair").check();
  await shows("Black hair, like Face 2");
  assert.notEqual(await pixels("result"), like);

  const bytes = await readFile(path.join(faces, "00010.png"));
  await drop("somebody.png", "image/png", bytes, "#reference");
  await shows("Black hair, like somebody.png");
  assert.equal(await page.textContent("#original-name"), "Face 1", "the image is the same");
  assert.equal(await reference().locator("input:checked").count(), 0);
  assert.equal(await reference().getByText("somebody.png").isVisible(), true);
  await page.setInputFiles("#reference-file", path.join(faces, "00003.png"));
  await shows("Black hair, like 00003.png");
  await drop("other.png", "image/png", bytes);
  await page.waitForFunction(() => document.getElementById("original-name").textContent === "other.png");
  await shows("Black hair, like 00003.png");

  const [download] = await Promise.all([
    page.waitForEvent("download"), page.getByRole("button", { name: "Download PNG" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "other_Black_Hair_like_00003.png");
  const saved = path.join(folder, "like.png");
  await download.saveAs(saved);
  assert.equal((await readFile(saved)).readUInt32BE(16), 16);

  await page.locator("#samples").getByLabel("Face 1").check();
  await page.waitForFunction(() => document.getElementById("original-name").textContent === "Face 1");
  await page.getByLabel("Noise").check();
  await shows("Black hair, style 0");
  assert.equal(await pixels("result"), noise);
  assert.equal(await reference().isVisible(), false);
  await page.getByLabel("An image").check();
  await shows("Black hair, like 00003.png");
  assert.deepEqual(complaints, []);
  await drop("notes.txt", "text/plain", Buffer.from("not an image"), "#reference");
  await page.waitForFunction(() => document.getElementById("problem").textContent.startsWith("Notes.txt: "));
  assert.equal(await page.textContent("#reference-name"), "00003.png", "the earlier one stays");
});

test("show all has some styles of every domain, and one can be taken over", async () => {
  await page.getByLabel("Number").fill("6");
  await shows("Black hair, style 6");
  await page.locator("summary").click();
  const tiles = page.locator("#tiles button");
  await tiles.nth(11).waitFor();
  assert.deepEqual(await page.locator("#tiles h2").allTextContents(), ["Black hair", "Blond hair", "Brown hair"]);
  assert.deepEqual((await tiles.allTextContents()).slice(4, 8), ["Style 6", "Style 7", "Style 8", "Style 9"]);
  await page.getByLabel("An image").check();
  await page.getByRole("button", { name: "Blond hair, style 7" }).click();
  await shows("Blond hair, style 7");
  assert.deepEqual([await number(), await checked("Blond hair"), await checked("Noise")], ["7", true, true]);
  assert.ok(await isResult(5), "the tile shows what choosing it makes");
  assert.deepEqual(complaints, []);
});

test("styles are chosen from the keyboard", async () => {
  await page.evaluate(() => document.activeElement.blur());
  await tabTo("Black hair");
  await press("ArrowRight");
  await shows("Blond hair, style 0");
  await tabTo("Noise");
  await tabTo("number");
  await press("ArrowUp");
  await shows("Blond hair, style 1");
  await tabTo("Shuffle");
  await press("Enter");
  await shows("Blond hair, style 2");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await press("ArrowRight");
  await shows(NO_REFERENCE);
  await tabTo("Face 1");
  await press("Space");
  await shows("Brown hair, like Face 1");
  await tabTo("reference-file");
});

test("styles fit a phone's width, in both colour schemes", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await open(address, FIRST, { colorScheme, viewport: { width: 360, height: 780 } });
    await page.locator("summary").click();
    await page.locator("#tiles button").nth(11).waitFor();
    await page.getByLabel("Number").fill("4294967295");
    await shows("Black hair, style 4294967295");
    await fits();
    await page.getByLabel("An image").check();
    await reference().getByLabel("Face 2").check();
    await shows("Blond hair, like Face 2");
    await fits();
    assert.deepEqual(complaints, []);
  }
});
