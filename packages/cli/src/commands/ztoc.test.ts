import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { digestOf } from "@socikit/oci";
import { afterAll, beforeAll, expect, test } from "vitest";
import { main } from "../main.ts";
import { noise, tarOf } from "../testing/test-image.ts";
import { testIo } from "../testing/test-io.ts";

const TAR = "application/vnd.oci.image.layer.v1.tar";

let directory: string;
const layer = gzipSync(
  tarOf([
    { name: "etc/", flag: "5" },
    { name: "etc/hostname", text: "test\n" },
    { name: "etc/numbers", text: noise(300_000) },
    { name: "etc/link", flag: "2", link: "hostname" },
  ]),
  { mtime: 0 },
);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  await writeFile(join(directory, "layer.tar.gz"), layer);
  await writeFile(join(directory, "cut.tar.gz"), layer.subarray(0, 50_000));
  await writeFile(join(directory, "text"), "no layer\n".repeat(100));
  await writeFile(join(directory, "zstd"), Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...new Uint8Array(600)));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = testIo();
  const code = await main(
    args.map((arg) => arg.replace("@", `${directory}/`)),
    io,
  );
  return { code, out: io.stdout.text(), err: io.stderr.text() };
}

test("ztoc build prints the digest of what -o writes, and info describes it", async () => {
  const alone = await run("ztoc", "build", "@layer.tar.gz", "--span-size", "64KiB");
  expect(alone).toEqual({ code: 0, out: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/), err: "" });
  expect(await readdir(directory)).toHaveLength(4);
  const written = await run("ztoc", "build", "@layer.tar.gz", "-o", "@out.ztoc", "--span-size=0x10000");
  expect(written.out).toBe(alone.out);
  const bytes = await readFile(join(directory, "out.ztoc"));
  expect(`${digestOf(bytes)}\n`).toBe(alone.out);
  const info = await run("ztoc", "info", "@out.ztoc");
  expect(await run("ztoc", "info", "@out.ztoc", "--json")).toEqual(info);
  const parsed: unknown = JSON.parse(info.out);
  expect(Object.keys(parsed as object)).toEqual([
    "version",
    "build_tool",
    "size",
    "span_size",
    "num_spans",
    "num_files",
    "num_multi_span_files",
    "files",
  ]);
  expect(parsed).toMatchObject({
    version: "0.9",
    build_tool: "AWS SOCI CLI v0.2",
    size: bytes.length,
    span_size: 65536,
    num_files: 4,
    num_multi_span_files: 1,
  });
  const files = (parsed as { files: unknown[]; num_spans: number }).files;
  expect(files[1]).toEqual({
    filename: "etc/hostname",
    offset: 1024,
    size: 5,
    type: "reg",
    start_span: 0,
    end_span: 0,
  });
  expect(files[2]).toMatchObject({ filename: "etc/numbers", size: 300_000, start_span: 0 });
  expect((files[2] as { end_span: number }).end_span).toBe((parsed as { num_spans: number }).num_spans - 1);
  await rm(join(directory, "out.ztoc"));
});

test("ztoc build reads standard input and --json says more", async () => {
  const io = testIo({
    stdin: {
      async *[Symbol.asyncIterator]() {
        for (let at = 0; at < layer.length; at += 1000) yield layer.subarray(at, at + 1000);
      },
    },
  });
  expect(await main(["ztoc", "build", "-", "--json"], io)).toBe(0);
  const plain = await run("ztoc", "build", "@layer.tar.gz");
  expect(JSON.parse(io.stdout.text())).toEqual({
    digest: plain.out.trim(),
    size: expect.any(Number),
    span_size: 4194304,
    warnings: [],
  });
});

test("ztoc build takes plain tar, and -o - writes the zTOC to standard output", async () => {
  await writeFile(join(directory, "layer.tar"), tarOf([{ name: "a", text: "a" }]));
  const io = testIo();
  expect(await main(["ztoc", "build", join(directory, "layer.tar"), "-o", "-"], io)).toBe(0);
  expect(`${digestOf(io.stdout.bytes())}\n`).toBe(io.stderr.text());
  await rm(join(directory, "layer.tar"));
});

test("ztoc build writes through a symbolic link and keeps the mode", async () => {
  const { symlink, chmod, lstat } = await import("node:fs/promises");
  await writeFile(join(directory, "target"), "old");
  await chmod(join(directory, "target"), 0o640);
  await symlink("target", join(directory, "link"));
  expect((await run("ztoc", "build", "@layer.tar.gz", "-o", "@link")).code).toBe(0);
  expect((await lstat(join(directory, "link"))).isSymbolicLink()).toBe(true);
  expect((await stat(join(directory, "target"))).mode & 0o777).toBe(0o640);
  expect((await stat(join(directory, "target"))).size).toBeGreaterThan(1000);
  await rm(join(directory, "link"));
  await rm(join(directory, "target"));
});

test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
  [["ztoc", "build", "@cut.tar.gz", "-o", "@out"], 5, /cut\.tar\.gz.*\n.*cut off/, "a layer that ends early"],
  [["ztoc", "build", "@text", "-o", "@out"], 2, /text.*neither gzip nor tar\n.*--media-type/, "no layer at all"],
  [["ztoc", "build", "@zstd", "-o", "@out"], 2, /zstd.*\n.*gzip/, "zstd"],
  [["ztoc", "build", "@none", "-o", "@out"], 3, /none.*\n.*check the path/, "a file that is not there"],
  [["ztoc", "build", "@", "-o", "@out"], 2, /directory.*\n.*name a file/, "a directory"],
  [["ztoc", "build", "@layer.tar.gz", "-o", "@none/out"], 3, /none\/out.*\n.*check the path/, "nowhere to write"],
  [["ztoc", "build", "@layer.tar.gz", "--media-type", "text/plain"], 2, /text\/plain/, "not a layer's type"],
  [
    ["ztoc", "build", "@text", "--media-type", TAR, "--span-size", "0", "-o", "@out"],
    2,
    /span size.*\n.*--span-size/,
    "plain tar has no spans of no bytes",
  ],
  [["ztoc", "info", "@text"], 5, /text.*\n.*is a zTOC/, "no zTOC"],
  [["ztoc", "info", `sha256:${"0".repeat(64)}`], 3, /has no sha256:0/, "a zTOC that the store does not have"],
  [["ztoc", "info", "@none"], 3, /none/, "a zTOC that is not there"],
])("%j ends with %s and leaves nothing behind", async ([args, code, error]) => {
  const result = await run(...args);
  expect(result).toEqual({ code, out: "", err: expect.stringMatching(error) });
  expect((await readdir(directory)).sort()).toEqual(["cut.tar.gz", "layer.tar.gz", "text", "zstd"]);
});

test("files that cannot be read are named in our words", async () => {
  for (const args of [
    ["ztoc", "info", tmpdir()],
    ["ztoc", "build", tmpdir()],
  ]) {
    const io = testIo();
    expect(await main(args, io)).toBe(2);
    expect(io.stderr.text()).toMatch(/^socikit: Cannot read \S*tmp\S*: /);
    expect(io.stderr.text()).not.toContain("EISDIR");
  }
});

test.skipIf(process.platform === "win32")(
  "ztoc build -o writes into a pipe that is there, and does not replace it",
  async () => {
    const pipe = join(directory, "pipe");
    const layer = join(directory, "for-pipe.tar");
    execFileSync("mkfifo", [pipe]);
    await writeFile(layer, tarOf([{ name: "a", text: "a" }]));
    const io = testIo();
    const [bytes, code] = await Promise.all([readFile(pipe), main(["ztoc", "build", layer, "-o", pipe], io)]);
    expect(code).toBe(0);
    expect(`${digestOf(new Uint8Array(bytes))}\n`).toBe(io.stdout.text());
    expect((await stat(pipe)).isFIFO()).toBe(true);
    await rm(pipe);
  },
);
