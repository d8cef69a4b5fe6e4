import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRegularFile } from "./read-regular-file.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "socikit-read-"));
  await writeFile(join(directory, "file"), "abc");
  await mkdir(join(directory, "directory"));
  if (process.platform !== "win32") execFileSync("mkfifo", [join(directory, "pipe")]);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("readRegularFile() reads a file that is no longer than it may be", async () => {
  expect(new TextDecoder().decode(await readRegularFile(join(directory, "file"), 3))).toBe("abc");
});

test.for([
  ["file", "EFBIG"],
  ["directory", "EISDIR"],
  ["missing", "ENOENT"],
] as const)("readRegularFile() of %s fails with %s", async ([name, code]) => {
  await expect(readRegularFile(join(directory, name), 2)).rejects.toMatchObject({ code });
});

test.skipIf(process.platform === "win32")("readRegularFile() does not wait for a pipe's writer", async () => {
  await expect(readRegularFile(join(directory, "pipe"), 10)).rejects.toMatchObject({ code: "ENOTREG" });
});
