import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blobSource, bytesSource, type BlobSource } from "./blob-source.ts";
import { openFileSource } from "./node/file-source.ts";
import { readAll } from "./read-stream.ts";
import { BLOB, BLOB_SOURCE_CASES } from "./testing/blob-source-cases.ts";

let directory: string;
let path: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "oci-"));
  path = join(directory, "blob");
  await writeFile(path, BLOB);
});
afterAll(() => rm(directory, { recursive: true }));

describe.each<[string, () => Promise<BlobSource>]>([
  ["bytesSource()", async () => bytesSource(BLOB)],
  ["blobSource()", async () => blobSource(new Blob([BLOB.slice(0, 400), BLOB.slice(400)]))],
  ["openFileSource()", () => openFileSource(path)],
])("%s", (_, open) => {
  test.each(BLOB_SOURCE_CASES)("%s", async (_, check) => {
    const source = await open();
    await check(source);
    await source.close?.();
  });
});

test("openFileSource() says where a file that shrank ends", async () => {
  const shrinking = join(directory, "shrinking");
  await writeFile(shrinking, BLOB);
  const source = await openFileSource(shrinking);
  await truncate(shrinking, 700);
  await expect(source.read(600, 200)).rejects.toMatchObject({
    code: "ERR_OCI_SHORT_READ",
    message: /ends at byte 700/,
  });
  await expect(readAll(source.stream!(0, 1000), 1000)).rejects.toMatchObject({ code: "ERR_OCI_SHORT_READ" });
  await source.close?.();
});

test("openFileSource() rejects with the host's error where there is no file", async () => {
  await expect(openFileSource(join(directory, "none"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("openFileSource() streams in pieces and stops at the signal", async () => {
  const large = join(directory, "large");
  await writeFile(large, new Uint8Array(1_000_000));
  const source = await openFileSource(large);
  const abort = new AbortController();
  const reader = source.stream!(0, 1_000_000, { signal: abort.signal }).getReader();
  expect((await reader.read()).value!.length).toBeLessThan(1_000_000);
  abort.abort(new Error("enough"));
  await expect(reader.read()).rejects.toThrow("enough");
  await source.close?.();
});
