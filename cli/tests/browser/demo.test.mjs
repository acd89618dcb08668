// The demo page of the bundled model, and of others of its recipe, as a visitor uses it. scripts/browser-test runs this.
//
// UPDATE_SCREENSHOTS=1: renew docs/images/demo-*.png.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { before, beforeEach, test } from "node:test";
import {
  checked, complaints, drop, faces, fits, folder, isResult, open, page, pixels, press, root, shows, start, tabTo, train, trainingFaces,
} from "./visitor.mjs";

const screenshots = path.join(root, "docs/images");
/** The status of an image that is not changed. */
const COPY = "No change yet: choose one.";
const SMALL = ["--residual-blocks", "1", "--downsamplings", "1"];

let address;
before(async () => { address = await start(); });
beforeEach(() => open(address, COPY));

test("a face is there at once, and another can be chosen", async () => {
  assert.equal(await page.title(), "StarGAN demo");
  assert.equal(await checked("Face 1"), true);
  const first = await pixels("original");
  await page.getByLabel("Face 4").check();
  await page.waitForFunction(() => document.getElementById("original-name").textContent === "Face 4");
  await shows(COPY);
  assert.notEqual(await pixels("original"), first);
  assert.deepEqual(complaints, []);
});

test("toggles change the result and can be undone", async () => {
  const copy = await pixels("result");
  assert.equal(await checked("Male"), false);
  await page.getByLabel("Male").check();
  await shows("Male");
  assert.notEqual(await pixels("result"), copy);
  assert.match(await page.textContent("#time"), /^[\d.]+ ms$/);
  // Face 1 wears glasses, as the model reads it: taking them off is an edit, too.
  await page.getByLabel("Eyeglasses").uncheck();
  await shows("Male, eyeglasses off");
  await page.getByRole("button", { name: "Undo all changes" }).click();
  await shows(COPY);
  assert.equal(await checked("Male"), false);
  assert.equal(await pixels("result"), copy);
});

test("hair colours exclude each other", async () => {
  assert.equal(await checked("Brown hair"), true);
  await page.getByLabel("Blond hair").check();
  await shows("Blond hair");
  assert.deepEqual([await checked("Brown hair"), await checked("Blond hair")], [false, true]);
  await page.getByLabel("Black hair").check();
  await shows("Black hair");
  assert.deepEqual([await checked("Blond hair"), await checked("Black hair")], [false, true]);
});

test("the slider sets the strength, and the last of many changes is what is shown", async () => {
  await page.getByLabel("Blond hair").check();
  await shows("Blond hair");
  const full = await pixels("result");
  let asked = 0;
  page.on("request", (request) => { asked += request.url().includes("/translate"); });
  const slide = (values) => page.getByLabel("Strength").evaluate((slider, values) => {
    for (const value of values) {
      slider.value = value;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }, values);
  await slide([0.1, 0.2, 0.3, 0.4, 0.5]);
  await shows("Blond hair at strength 0.5");
  assert.equal(asked, 1, "the slider waits until it rests");
  assert.notEqual(await pixels("result"), full);
  assert.equal(await page.textContent("#strength-value"), "0.50");
  await slide([1.5]);
  await shows("Blond hair at strength 1.5");
  await slide([1]);
  await shows("Blond hair");
  assert.equal(await pixels("result"), full);

  // The first answer is held back until the second has come.
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route(/translate\?edit=Black_Hair/, async (route) => { await held; await route.continue().catch(() => {}); });
  await page.getByLabel("Black hair").check();
  await page.getByLabel("Brown hair").check();
  await shows(COPY);
  const newest = await pixels("result");
  release();
  await page.waitForTimeout(200);
  assert.equal(await pixels("result"), newest);
  assert.equal(await page.textContent("#status"), COPY);
  assert.equal(await page.isVisible("#problem"), false);
});

test("a file can be dropped or chosen", async () => {
  await drop("somebody.png", "image/png", await readFile(path.join(faces, "00003.png")));
  await page.waitForFunction(() => document.getElementById("original-name").textContent === "somebody.png");
  await shows(COPY);
  assert.equal(await page.locator("#samples input:checked").count(), 0);
  await page.setInputFiles("#file", path.join(faces, "00004.png"));
  await page.waitForFunction(() => document.getElementById("original-name").textContent === "00004.png");
  assert.equal(await page.isVisible("#problem"), false);
  assert.deepEqual(complaints, []);
});

test("files that can't be used are refused in plain words", async () => {
  const before = await pixels("original");
  await drop("notes.txt", "text/plain", Buffer.from("not an image"));
  const problem = page.getByRole("alert");
  await problem.waitFor();
  assert.match(await problem.textContent(), /^Notes\.txt: .*expected a PNG, JPEG, .* image/i);
  await page.setInputFiles("#file", { name: "huge.png", mimeType: "image/png", buffer: Buffer.alloc(10_000_001) });
  await page.waitForFunction(() => document.getElementById("problem").textContent.includes("more than the 10 MB"));
  const whole = await readFile(path.join(faces, "00003.png"));
  await drop("cut.png", "image/png", whole.subarray(0, whole.length / 2));
  await page.waitForFunction(() => document.getElementById("problem").textContent.includes("damaged or cut off"));
  assert.equal(await pixels("original"), before, "the earlier image stays");
  assert.equal(await checked("Face 1"), true);
  await page.getByLabel("Face 2").check();
  await problem.waitFor({ state: "hidden" });
});

test("show all has every label, and a tile can be taken over", async () => {
  await page.locator("summary").click();
  const tiles = page.locator("#tiles button");
  await tiles.nth(6).waitFor();
  const captions = ["Black hair", "Blond hair", "Brown hair", "Male", "Young off", "Eyeglasses off", "Beard"];
  assert.deepEqual(await tiles.allTextContents(), captions);
  await page.getByRole("button", { name: "Blond hair" }).click();
  await shows("Blond hair");
  assert.equal(await checked("Blond hair"), true);
  assert.ok(await isResult(1), "the tile shows what choosing it makes");
});

test("the result downloads as a PNG", async () => {
  await page.getByLabel("Blond hair").check();
  await shows("Blond hair");
  const [download] = await Promise.all([
    page.waitForEvent("download"), page.getByRole("button", { name: "Download PNG" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "Face_1_Blond_Hair.png");
  const saved = path.join(folder, "saved.png");
  await download.saveAs(saved);
  const bytes = await readFile(saved);
  assert.deepEqual([...bytes.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [64, 64]);
});

test("the classes of a joint model are radio buttons, and can be left as they are", async () => {
  const expressions = `folder:${path.join(root, "examples/data/expressions/train")}`;
  const run = await train("joint",
    ["--data", trainingFaces, "--labels", "Black_Hair,Blond_Hair,Male", "--data", expressions, ...SMALL]);
  await open(await start("--model", run), COPY);
  assert.deepEqual(await page.locator("legend").allTextContents(),
    ["Image", "Faces: hair", "Faces: attributes", "Expressions: one of these", "Strength"]);
  await page.getByLabel("Expression 1").check();
  await page.waitForFunction(() => document.getElementById("original-name").textContent === "Expression 1");
  await shows(COPY);
  assert.equal(await checked("As it is"), true);
  await page.getByLabel("Happy").check();
  await shows("Happy");
  assert.equal(await checked("As it is"), false);
  const male = page.getByLabel("Male");
  const edit = await male.isChecked() ? "Male off" : "Male";
  await male.click();
  await shows(`${edit}, happy`);
  await page.getByLabel("As it is").check();
  await shows(edit);
  await page.locator("summary").click();
  await page.locator("#tiles button").nth(7).waitFor();
  assert.equal(await page.locator("#tiles button").count(), 8);
  await page.getByRole("button", { name: "Sad" }).click();
  await shows("Sad");
  assert.deepEqual(complaints, []);
});

test("what was touched is shown of a model that has a mask, and only of one", async () => {
  const touched = () => page.getByLabel("What was touched");
  assert.equal(await touched().isVisible(), false, "the shipped model has none");
  const run = await train("masked", ["--data", trainingFaces, "--labels", "Blond_Hair,Male", ...SMALL]);
  const where = await start("--model", run);
  for (const colorScheme of ["light", "dark"]) {
    await open(where, COPY, { colorScheme, viewport: { width: 360, height: 780 } });
    const mask = page.getByAltText("What was touched: bright where the model has painted");
    assert.equal(await mask.isVisible(), false, "until it is asked for");
    await page.getByLabel("Blond hair").click();
    await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Blond hair"));
    const frame = page.locator("#result-frame");
    /** The mean level of a part of the frame as it looks, from its left edge on. */
    const looks = async (from, to) => {
      const png = (await frame.screenshot()).toString("base64");
      return page.evaluate(async ([png, from, to]) => {
        const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
        const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
        const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const part = context.getImageData(image.width * from, image.height / 4, image.width * (to - from), image.height / 4);
        return part.data.reduce((sum, level) => sum + level, 0) / part.data.length;
      }, [png, from, to]);
    };
    const before = [await looks(0.05, 0.45), await looks(0.55, 0.95)];
    await touched().focus();
    await page.keyboard.press("Space");
    await mask.waitFor();
    assert.equal(await page.textContent("#result-tag"), "Touched");
    const after = [await looks(0.05, 0.45), await looks(0.55, 0.95)];
    assert.equal(after[0], before[0], "the original stays as it is");
    assert.ok(after[1] < 0.9 * before[1], `a fresh mask of about 0.5 darkens: ${before} ${after}`);
    const sizes = await page.evaluate(() => ["result", "mask"].map((id) => document.getElementById(id).naturalWidth));
    assert.equal(sizes[0], sizes[1]);
    // The mask is that of what is shown.
    const first = await pixels("mask");
    await page.getByLabel("Male").click();
    await page.waitForFunction(() => /male/i.test(document.getElementById("status").textContent));
    assert.notEqual(await pixels("mask"), first);
    await fits();
    assert.match(await page.textContent(`#${await touched().getAttribute("aria-describedby")}`), /^Bright where/);
    await touched().uncheck();
    assert.equal(await mask.isVisible(), false);
    assert.equal(await page.textContent("#result-tag"), "Result");
    assert.deepEqual(complaints, []);
  }
});

test("everything works from the keyboard, with a focus that can be seen", async () => {
  await page.evaluate(() => document.activeElement.blur());
  await tabTo("Face 1");
  await press("ArrowRight");
  await page.waitForFunction(() => document.getElementById("original-name").textContent === "Face 2");
  await shows(COPY);
  await tabTo("file");
  await tabTo("Blond hair");
  await press("ArrowRight");
  await shows("Brown hair");
  await tabTo("Male");
  await press("Space");
  await shows("Brown hair, male");
  await tabTo("strength");
  await press("ArrowLeft");
  await shows("Brown hair, male at strength 0.95");
  await tabTo("Undo all changes");
  await press("Enter");
  await shows(COPY);
  await tabTo("divider");
  await press("ArrowLeft");
  const divided = await page.evaluate(() => getComputedStyle(document.getElementById("result")).clipPath);
  assert.match(divided, /49%/, "the result begins at the divider");
  await tabTo("download");
  await tabTo("Show all");
  await press("Enter");
  await page.locator("#tiles button").nth(6).waitFor();
  await tabTo("Black hair");
  await press("Enter");
  await shows("Black hair");
});

test("it fits a phone's width, in both colour schemes", async () => {
  const look = async (name, options, prepare) => {
    await open(address, COPY, options);
    await prepare?.();
    await fits();
    await page.evaluate(() => scrollTo(0, 0));
    const screenshot = await page.screenshot();
    if (process.env.UPDATE_SCREENSHOTS) await writeFile(path.join(screenshots, `${name}.png`), screenshot);
    return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  };
  const changed = async () => {
    await page.getByLabel("Blond hair").check();
    await page.getByLabel("Eyeglasses").uncheck();
    await shows("Blond hair, eyeglasses off");
  };
  const all = async () => {
    await changed();
    await page.locator("summary").click();
    await page.locator("#tiles button").nth(6).waitFor();
  };
  const light = await look("demo-light", { colorScheme: "light", viewport: { width: 1040, height: 900 } }, all);
  const dark = await look("demo-dark", { colorScheme: "dark", viewport: { width: 1040, height: 900 } }, all);
  await look("demo-phone", { colorScheme: "light", viewport: { width: 360, height: 780 } }, changed);
  assert.deepEqual([light, dark], ["rgb(245, 246, 248)", "rgb(20, 23, 29)"]);
});
