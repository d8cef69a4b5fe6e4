import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { noise, pushBlob } from "../testing/store-cases.ts";
import { openLayoutDirectory } from "./layout-directory.ts";
import { openNewLayoutDirectory } from "./new-layout-directory.ts";

const roots: string[] = [];
let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-new-layout-"));
  roots.push(root);
});
afterAll(async () => {
  for (const each of roots) await rm(each, { recursive: true, force: true });
});

test("removeEmpty() takes away the layout that was made, and the directories above it that were", async () => {
  const { removeEmpty } = await openNewLayoutDirectory(join(root, "a", "b"));
  expect(await readdir(join(root, "a", "b"))).toHaveLength(3);
  await removeEmpty();
  expect(await readdir(root)).toEqual([]);
});

test("removeEmpty() leaves a directory that was there, a layout that was, and one with blobs", async () => {
  const [empty, old, used] = [join(root, "empty"), join(root, "old"), join(root, "used")];
  await mkdir(empty);
  await (await openNewLayoutDirectory(empty)).removeEmpty();
  expect(await readdir(empty)).toEqual([]);
  await openLayoutDirectory(old, { create: true });
  await (await openNewLayoutDirectory(old)).removeEmpty();
  const { layout, removeEmpty } = await openNewLayoutDirectory(used);
  await pushBlob(layout, noise(10, 1), "");
  await removeEmpty();
  for (const kept of [old, used]) expect(await readdir(kept)).toHaveLength(3);
});

test("openNewLayoutDirectory() refuses a directory of other things, and leaves it", async () => {
  await writeFile(join(root, "mine"), "");
  await expect(openNewLayoutDirectory(root)).rejects.toMatchObject({ code: "ERR_REGISTRY_INVALID_LAYOUT" });
  expect(await readdir(root)).toEqual(["mine"]);
});
