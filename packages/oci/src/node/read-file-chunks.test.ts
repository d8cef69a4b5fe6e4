import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readFileChunks } from "./read-file-chunks.ts";

let directory = "";
const bytes = Uint8Array.from({ length: 2_500_000 }, (_, i) => i * 7 + (i >> 9));
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "socikit-chunks-"));
  await writeFile(join(directory, "file"), bytes);
  await writeFile(join(directory, "empty"), "");
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** All chunks, each copied before the next is asked for. */
async function collect(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readFileChunks(path)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

test("readFileChunks() reads a file in two buffers that take turns", async () => {
  expect((await collect(join(directory, "file"))).equals(bytes)).toBe(true);
  const buffers = new Set<ArrayBufferLike>();
  for await (const { buffer } of readFileChunks(join(directory, "file"))) buffers.add(buffer);
  expect(buffers.size).toBe(2);
  expect((await collect(join(directory, "empty"))).length).toBe(0);
});

test.skipIf(process.platform === "win32")("readFileChunks() reads a pipe to its writer's end", async () => {
  const pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  const writer = spawn("sh", ["-c", `cat "$1/file" > "$1/pipe"`, "sh", directory]);
  const closed = once(writer, "close");
  expect((await collect(pipe)).equals(bytes)).toBe(true);
  await closed;
});

test.skipIf(process.platform !== "linux")(
  "readFileChunks() closes the file, whether it is read to its end or not",
  async () => {
    const open = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
    const before = await open();
    await collect(join(directory, "file"));
    for await (const _ of readFileChunks(join(directory, "file"))) break;
    await expect.poll(open).toBe(before);
  },
);

test.for([
  ["none", "ENOENT"],
  [".", "EISDIR"],
] as const)("readFileChunks() of %s fails with %s", async ([name, code]) => {
  await expect(collect(join(directory, name))).rejects.toMatchObject({ code });
});
