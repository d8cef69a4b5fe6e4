import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore, handlerTransport, type Store, type Transport } from "@socikit/registry";
import { openLayoutDirectory } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { goldenImage, writeGoldenImage } from "../../../../testdata/golden-images.ts";
import { main } from "../main.ts";
import { noise, pushImage, pushMultiPlatform, type TestImage } from "../testing/test-image.ts";
import { testIo, textOutput, type TestIo } from "../testing/test-io.ts";

const IMAGE: TestImage = {
  layers: [
    [
      { name: "etc/", flag: "5" },
      { name: "etc/numbers", text: noise(200_000) },
    ],
    [{ name: "etc/hostname", text: "test\n" }],
  ],
};

let folder = "";
let store: Store;
let transport: Transport;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "socikit-convert-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  store = createMemoryStore();
  transport = handlerTransport(createRegistryHandler(store));
  const repository = store.repository("a/image");
  await repository.tag("1", await pushImage(repository, IMAGE));
});

async function run(args: readonly string[], change: Partial<TestIo> = {}): Promise<TestIo & { code: number }> {
  const io = testIo({ transport, ...change });
  return { ...io, code: await main(args, io) };
}

/** A directory of a test's own. */
async function fresh(): Promise<string> {
  return mkdtemp(join(folder, "case-"));
}

const SRC = "registry.test/a/image:1";
const SMALL = ["--min-layer-size", "0"];

test("convert writes the image to another repository, and prints the reference's lines and what became of what", async () => {
  const { code, stdout, stderr } = await run(["convert", SRC, "registry.test/b/image:2", "--min-layer-size", "1000"]);
  expect([code, stderr.text()]).toEqual([0, expect.stringMatching(/^indexing .*: zTOC sha256:[0-9a-f]{12}, .*$/m)]);
  const lines = stdout.text().trimEnd().split("\n");
  const source = await store.repository("a/image").resolve("1");
  const image = await store.repository("b/image").resolve("2");
  const index = JSON.parse(new TextDecoder().decode((await store.repository("b/image").fetchManifest("2")).bytes)) as {
    manifests: { digest: string; artifactType?: string }[];
  };
  expect(index.manifests.map(({ artifactType }) => artifactType)).toEqual([
    undefined,
    "application/vnd.amazon.soci.index.v2+json",
  ]);
  const [manifest, soci] = index.manifests.map(({ digest }) => digest);
  expect(lines).toEqual([
    expect.stringMatching(/^layer sha256:[0-9a-f]{64} -> ztoc sha256:[0-9a-f]{64}$/),
    expect.stringMatching(/^ztoc skipped - layer .* size \d+ is less than min-layer-size 1000$/),
    `manifest ${source.digest} -> ${manifest} (linux/amd64, SOCI index ${soci})`,
    `image ${source.digest} -> ${image.digest}`,
  ]);
  const listed = await run(["ls", "registry.test/b/image:2", "/etc"]);
  expect([listed.stderr.text(), listed.stdout.text()]).toEqual(["", "hostname\nnumbers\n"]);
});

test("convert -q prints the digest alone, and --json all of it", async () => {
  const quiet = await run(["convert", SRC, "registry.test/b/image:2", ...SMALL, "-q"]);
  const { digest } = await store.repository("b/image").resolve("2");
  expect([quiet.code, quiet.stdout.text(), quiet.stderr.text()]).toEqual([0, `${digest}\n`, ""]);
  const json = await run(["convert", SRC, "registry.test/b/image:2", ...SMALL, "--json", "-q"]);
  const source = await store.repository("a/image").resolve("1");
  const report: unknown = JSON.parse(json.stdout.text());
  expect(report).toMatchObject({
    source: { digest: source.digest },
    image: { digest },
    location: "registry.test/b/image:2",
    manifests: [{ platform: "linux/amd64", from: { digest: source.digest }, index: {} }],
    platforms: [{ platform: "linux/amd64", layers: [{ reused: true, warnings: [] }, { reused: true }] }],
    decisions: [],
  });
});

test("convert goes from a registry into layouts and archives, and out of them, with the same digest", async () => {
  const directory = await fresh();
  const places = [`oci-layout:${directory}/layout`, `oci-archive:${directory}/image.tar`, "registry.test/c/image:1"];
  const digests = new Set<string>();
  for (const place of places) digests.add((await run(["convert", SRC, place, ...SMALL, "-q"])).stdout.text());
  expect([...digests]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/)]);
  for (const from of places.slice(0, 2)) {
    const to = "registry.test/d/image:again";
    const again = await run(["convert", from, to, ...SMALL]);
    expect(again.stdout.text()).toContain(`-> ${[...digests][0]}`);
    const copied = await run(["convert", from, `oci-layout:${await fresh()}/copy`, ...SMALL, "-q"]);
    expect([copied.stderr.text(), copied.stdout.text()]).toEqual(["", [...digests][0]]);
  }
  expect((await readdir(directory)).sort()).toEqual(["image.tar", "layout"]);
});

test("convert chooses platforms, and says what it decides about the rest", async () => {
  const repository = store.repository("multi/image");
  const images = ["amd64", "arm64"].map((architecture, i): TestImage => ({
    layers: [[{ name: "arch", text: architecture + noise(2000, i + 1) }]],
    architecture,
  }));
  await repository.tag("1", await pushMultiPlatform(repository, images));
  const platforms = async (...options: string[]): Promise<unknown> => {
    const made = await run([
      "convert",
      "registry.test/multi/image:1",
      "registry.test/m/o:1",
      ...SMALL,
      "--json",
      ...options,
    ]);
    return (JSON.parse(made.stdout.text()) as { platforms: { platform: string }[] }).platforms.map(
      (one) => one.platform,
    );
  };
  expect(await platforms()).toEqual(["linux/amd64"]);
  expect(await platforms("-p", "linux/arm64/v8")).toEqual(["linux/arm64/v8"]);
  expect(await platforms("-p", "linux/arm64,linux/amd64")).toEqual(["linux/arm64", "linux/amd64"]);
  expect(await platforms("--all-platforms", "-p", "linux/arm64")).toEqual(["linux/amd64", "linux/arm64"]);
  const bad = await run(["convert", "registry.test/multi/image:1", "registry.test/m/o:1", "-p", "bogus"]);
  expect([bad.code, bad.stderr.text()]).toEqual([2, expect.stringMatching(/unknown operating system or architecture/)]);
});

test("convert that has nothing to index says why, and writes nothing", async () => {
  const { code, stdout, stderr } = await run(["convert", SRC, "registry.test/b/image:2"]);
  expect([code, stdout.text().match(/^ztoc skipped - layer .*$/gm)?.length]).toEqual([6, 2]);
  expect(stderr.text()).toMatch(/no layer can be indexed.*\n.*--min-layer-size 0\n$/);
  await expect(store.repository("b/image").resolve("2")).rejects.toThrow();
});

test.for<readonly [args: readonly string[], code: number, reason: string]>([
  [["convert", SRC], 6, "nothing to index"],
  [["convert", "registry.test/a/image:9"], 3, "no image"],
  [["create", "registry.test/a/image:9"], 3, "no image to copy"],
  [["unconvert", SRC], 2, "an image that was not converted"],
])("%j leaves no empty layout behind: %s", async ([[command, source], code]) => {
  const directory = await fresh();
  const made = await run([command!, source!, `oci-layout:${directory}/new/layout:1`]);
  expect([made.code, await readdir(directory)]).toEqual([code, []]);
});

test.runIf(process.platform === "linux").for(["oci-layout:/proc/x", "oci-archive:/proc/a.tar"])(
  "convert to %s, where nothing can be made, ends",
  async (place) => {
    const made = await run(["convert", SRC, place, ...SMALL]);
    expect([made.code, made.stdout.text()]).toEqual([3, ""]);
    expect(made.stderr.text()).toContain("Cannot make directory /proc/");
  },
);

test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
  [[SRC], 2, /DST is missing/, "no destination"],
  [[SRC, "oci-archive:-"], 2, /oci-archive:\/dev\/stdout/, "a dash for standard output"],
  [[SRC, "oci-layout:-:1"], 2, /oci-layout:\.\/-/, "a dash for a directory"],
  [["--standalone", ".", "-"], 2, /- is no path here/, "a dash for the reference's archive"],
  [[SRC, "registry.test/b/image"], 2, /neither tag nor digest/, "a destination without tag"],
  [[SRC, `registry.test/b/image@sha256:${"0".repeat(64)}`], 2, /has a tag, not a digest/, "one with a digest"],
  [["registry.test/a/image:9", "registry.test/b/image:1"], 3, /image:9/, "a tag that is not there"],
  [[SRC, "registry.test/b/image:1", "--format", "oci-dir"], 2, /--format is for --standalone/, "a format"],
  [["x", "y", "--standalone", "--keep-originals"], 2, /--standalone writes what the reference/, "a record"],
  [["x", "y", "--standalone", "--format", "zip"], 2, /must be "oci-archive" or "oci-dir"/, "no format"],
  [["--standalone", "/nowhere/at/all", "y"], 3, /Cannot access input "\/nowhere\/at\/all"/, "no input"],
])("convert %j ends with %s", async ([args, code, error]) => {
  const result = await run(["convert", ...args]);
  expect([result.code, result.stdout.text(), result.stderr.text()]).toEqual([code, "", expect.stringMatching(error)]);
});

test("convert draws a row a layer on a terminal", async () => {
  const stderr = textOutput({ isTTY: true });
  const { code } = await run(["convert", SRC, "registry.test/b/image:2", ...SMALL], { stderr });
  expect(code).toBe(0);
  expect(stderr.text().match(/✓.*indexing sha256:[0-9a-f]{12}.*zTOC sha256:[0-9a-f]{12}, /g)!.length).toBeGreaterThan(
    1,
  );
});

/** What the reference makes of golden images, by the command lines that its users type. All runs are in the system tests. */
describe("convert --standalone", () => {
  interface Run {
    readonly image: string;
    readonly args: readonly string[];
    readonly exit: number;
    readonly input?: string;
    readonly messages: readonly string[];
    readonly index?: { readonly digest: string };
    readonly archive?: { readonly sha256: string };
  }
  let runs: readonly Run[] = [];
  beforeAll(async () => {
    const text = await readFile(join(import.meta.dirname, "../../../../testdata/images.json"), "utf8");
    runs = (JSON.parse(text) as { convert: readonly Run[] }).convert;
  });

  test.for(["i04", "i12", "i13"])("writes the reference's archive and directory of %s", async (name) => {
    const image = goldenImage(name);
    const golden = runs.find((one) => one.image === image.name && one.exit === 0 && one.input === undefined)!;
    const directory = await fresh();
    writeGoldenImage(image, join(directory, "in"));
    const [archive, layout] = [join(directory, "out.tar"), join(directory, "out")];
    const made = await run(["convert", "--standalone", ...golden.args, join(directory, "in"), archive]);
    expect(made.code).toBe(0);
    const lines = made.stdout.text().split("\n");
    expect(lines).toEqual(expect.arrayContaining([...golden.messages]));
    const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
    expect(sha256(await readFile(archive))).toBe(golden.archive!.sha256);
    // Of the archive the same, into a directory that had another image.
    await pushImage(await openLayoutDirectory(layout, { create: true }), IMAGE);
    const again = await run([
      "convert",
      "--standalone",
      "--format=oci-dir",
      "-q",
      ...golden.args,
      join(directory, "in"),
      layout,
    ]);
    expect([again.stderr.text(), again.stdout.text()]).toEqual(["", `${golden.index!.digest}\n`]);
    expect(JSON.parse(await readFile(join(layout, "index.json"), "utf8"))).toMatchObject({
      manifests: [{ digest: golden.index!.digest }],
    });
    expect((await readdir(directory)).sort()).toEqual(["in", "out", "out.tar"]);
  });

  test("takes a directory without an oci-layout file, as the reference does, and says so", async () => {
    const image = goldenImage("i12");
    const golden = runs.find((one) => one.image === image.name && one.exit === 0 && one.input === undefined)!;
    const directory = await fresh();
    const [input, archive, layout] = [join(directory, "in"), join(directory, "out.tar"), join(directory, "out")];
    writeGoldenImage(image, input);
    await rm(join(input, "oci-layout"));
    const made = await run(["convert", "--standalone", ...golden.args, input, archive]);
    expect([made.code, made.stderr.text()]).toEqual([0, expect.stringContaining(`${input} has no oci-layout file: `)]);
    expect(
      createHash("sha256")
        .update(await readFile(archive))
        .digest("hex"),
    ).toBe(golden.archive!.sha256);
    const quiet = await run(["convert", "--standalone", "--format", "oci-dir", ...golden.args, input, layout, "-q"]);
    expect([quiet.code, quiet.stderr.text()]).toEqual([0, ""]);
    expect(await readFile(join(layout, "oci-layout"), "utf8")).toBe('{"imageLayoutVersion":"1.0.0"}');
    // Into its own place, where other files stay.
    const place = join(directory, "place");
    writeGoldenImage(image, place);
    await rm(join(place, "oci-layout"));
    await writeFile(join(place, "notes.txt"), "mine");
    const own = await run(["convert", "--standalone", "--format", "oci-dir", ...golden.args, place, place, "-q"]);
    expect([own.code, own.stderr.text()]).toEqual([0, ""]);
    expect((await readdir(place)).sort()).toEqual(["blobs", "index.json", "ingest", "notes.txt", "oci-layout"]);
    await rm(join(input, "index.json"));
    const none = await run(["convert", "--standalone", input, archive]);
    expect([none.code, none.stderr.text()]).toEqual([3, expect.stringMatching(/neither an oci-layout nor an index/)]);
  });

  test("that fails leaves what is there", async () => {
    const directory = await fresh();
    writeGoldenImage(goldenImage("i18"), join(directory, "in"));
    await writeFile(join(directory, "out.tar"), "old");
    const made = await run(["convert", "--standalone", ...SMALL, join(directory, "in"), join(directory, "out.tar")]);
    expect(made.code).toBe(5);
    expect(await readFile(join(directory, "out.tar"), "utf8")).toBe("old");
    expect((await readdir(directory)).sort()).toEqual(["in", "out.tar"]);
  });
});
