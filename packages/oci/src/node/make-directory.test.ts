import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, parse } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDirectory } from "./make-directory.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-mkdir-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test("makeDirectory() makes what is not there, and says from where on", async () => {
  expect(await makeDirectory(join(root, "a", "b", "c"))).toBe(join(root, "a"));
  expect(await makeDirectory(join(root, "a", "b", "d"))).toBe(join(root, "a", "b", "d"));
  expect(await makeDirectory(join(root, "a", "b"))).toBeUndefined();
  expect((await readdir(join(root, "a", "b"))).toSorted()).toEqual(["c", "d"]);
  expect(await makeDirectory(parse(root).root)).toBeUndefined();
});

test("makeDirectory() fails of a file in the way", async () => {
  await writeFile(join(root, "file"), "");
  await expect(makeDirectory(join(root, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeDirectory(join(root, "file", "x", "y"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

// There, Node 20's own keeps a core busy for ever.
test.runIf(process.platform === "linux")("makeDirectory() ends where no directory can be made", async () => {
  await expect(makeDirectory("/proc/socikit/x")).rejects.toMatchObject({ code: "ENOENT", syscall: "mkdir" });
  await expect(makeDirectory("/proc/socikit")).rejects.toMatchObject({ code: "ENOENT" });
});
