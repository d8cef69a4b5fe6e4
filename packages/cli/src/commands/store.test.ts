import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { digestOf } from "@socikit/oci";
import { createMemoryStore, handlerTransport, type Store, type Transport } from "@socikit/registry";
import { openLayoutDirectory } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { main } from "../main.ts";
import { noise, pushImage, pushMultiPlatform, tarOf, type TestEntry, type TestImage } from "../testing/test-image.ts";
import { testIo, type TestIo } from "../testing/test-io.ts";

const NUMBERS = noise(150_000);
const LAYER: readonly TestEntry[] = [
  { name: "etc/", flag: "5" },
  { name: "etc/numbers", text: NUMBERS },
  { name: "etc/link", flag: "2", link: "numbers" },
];
const IMAGE: TestImage = { layers: [LAYER, [{ name: "etc/hostname", text: "test\n" }]] };
const REF = "registry.test/a/image:1";
const DIGEST = /sha256:[0-9a-f]{64}/;
const CREATE = ["create", REF, "--local", "--min-layer-size", "1000", "--span-size", "64KiB"];

let directory = "";
let count = 0;
let root = "";
let registry: Store;
let transport: Transport;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "socikit-cli-store-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));
beforeEach(async () => {
  root = join(directory, `store-${++count}`);
  registry = createMemoryStore();
  transport = handlerTransport(createRegistryHandler(registry));
  const repository = registry.repository("a/image");
  await repository.tag("1", await pushImage(repository, IMAGE));
});

async function run(args: readonly string[], change: Partial<TestIo> = {}): Promise<TestIo & { code: number }> {
  const io = testIo({ transport, ...change });
  return { ...io, code: await main([...args, "--root", root], io) };
}

/** What a command prints; it must succeed. */
async function output(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  expect([code, stderr.text()]).toEqual([0, ""]);
  return stdout.text();
}

async function failure(...args: readonly string[]): Promise<readonly [code: number, error: string]> {
  const { code, stdout, stderr } = await run(args);
  expect(stdout.text()).toBe("");
  return [code, stderr.text()];
}

async function referrers(tag = "1"): Promise<readonly string[]> {
  const repository = registry.repository("a/image");
  const found: string[] = [];
  for await (const { digest } of repository.referrers((await repository.resolve(tag)).digest)) found.push(digest);
  return found;
}

const create = async (...more: readonly string[]): Promise<string> => (await output(...CREATE, "-q", ...more)).trim();

describe("create --local", () => {
  test("writes the store alone, and says what create says", async () => {
    const { code, stdout } = await run(CREATE);
    expect(code).toBe(0);
    const lines = stdout.text().trimEnd().split("\n");
    expect(lines[0]).toMatch(/^layer sha256:[0-9a-f]{64} -> ztoc sha256:[0-9a-f]{64}$/);
    expect(lines[1]).toMatch(/^ztoc skipped - layer /);
    expect(lines[2]).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await referrers()).toEqual([]);
    // The same as beside the image.
    const beside = await run([...CREATE.filter((arg) => arg !== "--local"), "-q"]);
    expect(beside.stdout.text().trim()).toBe(lines[2]);
    const again = await run(CREATE);
    expect(again.stdout.text()).toContain(`${lines[0]} (already exists)\n`);
    const json = JSON.parse(await output(...CREATE, "--json", "-q")) as { location: string };
    expect(json).toMatchObject({ location: root, indexes: [{ index: { digest: lines[2] } }] });
  });

  test("takes no destination, and leaves no index where there is nothing to index", async () => {
    expect(await failure("create", REF, "registry.test/b:1", "--local")).toEqual([2, expect.stringMatching(/--local/)]);
    const { code } = await run(["create", REF, "--local"]);
    expect(code).toBe(6);
    expect(await output("index", "list", "-q")).toBe("");
  });

  test("goes to the user's data directory, where nothing else is said", async () => {
    const io = (env: Record<string, string>, home: string): TestIo => testIo({ transport, env, home });
    const [data, home] = [join(directory, `data-${count}`), join(directory, `home-${count}`)];
    for (const [env, at] of [
      [{ XDG_DATA_HOME: data }, join(data, "socikit")],
      [{}, join(home, ".local", "share", "socikit")],
      [{ XDG_DATA_HOME: "not/absolute" }, join(home, ".local", "share", "socikit")],
    ] as const) {
      expect(await main([...CREATE, "-q"], io(env, home))).toBe(0);
      expect(await readFile(join(at, "catalogue.json"), "utf8")).toContain('"names"');
    }
  });
});

describe("index", () => {
  test("list is the reference's table, the newest first, a row for each name", async () => {
    const digest = await create();
    await registry.repository("a/image").tag("2", await registry.repository("a/image").resolve("1"));
    await create();
    expect(await output("create", "registry.test/a/image:2", ...CREATE.slice(2), "-q")).toBe(`${digest}\n`);
    const [header, ...rows] = (await output("index", "list")).trimEnd().split("\n");
    expect(header).toMatch(/^DIGEST {69}SIZE {4}IMAGE REF {18}PLATFORM {7}MEDIA TYPE {36}MANIFEST VERSION {4}CREATED/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 6))).toEqual(
      [REF, "registry.test/a/image:2"].map((name) => [
        digest,
        expect.stringMatching(/^\d+$/),
        name,
        "linux/amd64",
        "application/vnd.oci.image.manifest.v1+json",
        "v1",
      ]),
    );
    expect(rows[0]).toMatch(/v1 {18}\d+s ago *$/);
    expect(await output("index", "ls", "-q", "--ref", "registry.test/a/image:2")).toBe(`${digest}\n`);
    expect(await output("index", "ls", "-q", "--ref", "registry.test/a/image:3")).toBe("");
    expect(await output("index", "ls", "-q", "-p", "linux/amd64")).toBe(`${digest}\n`);
    expect(await output("index", "ls", "-q", "-p", "linux/arm64")).toBe("");
    const [json] = JSON.parse(await output("index", "list", "--json")) as unknown[];
    expect(json).toMatchObject({
      digest,
      images: [REF, "registry.test/a/image:2"],
      version: "v1",
      platform: "linux/amd64",
    });
  });

  test("of a store that is not there lists nothing, and makes none", async () => {
    expect(await output("index", "list")).toMatch(/^DIGEST +SIZE .*CREATED +\n$/);
    expect([await output("index", "list", "--json"), await output("ztoc", "list", "-q")]).toEqual(["[]\n", ""]);
    expect(await output("prefetch", "list", "--json")).toBe("null\n");
    await output("gc", "-q");
    await output("rebuild-db", "-q");
    await expect(openLayoutDirectory(root)).rejects.toMatchObject({ code: "ERR_REGISTRY_NOT_A_LAYOUT" });
  });

  test("info prints the manifest, indented", async () => {
    const digest = await create();
    const text = await output("index", "info", digest);
    expect(text.startsWith('{\n  "schemaVersion": 2,\n  "mediaType": ')).toBe(true);
    expect(digestOf(new TextEncoder().encode(JSON.stringify(JSON.parse(text))))).toBe(digest);
    const ztoc = (await output("ztoc", "list", "-q")).trim();
    expect(await failure("index", "info", ztoc)).toEqual([
      2,
      expect.stringMatching(new RegExp(`it is a zTOC\\n.*socikit ztoc info ${ztoc}\\n$`)),
    ]);
    expect(await failure("index", "info", digestOf(new Uint8Array(1)))).toEqual([
      3,
      expect.stringMatching(/has no sha256/),
    ]);
    expect((await failure("index", "info", "latest"))[0]).toBe(2);
  });

  test("rm removes indexes, by digest or by image, and gc what nothing lists then", async () => {
    const digest = await create();
    expect(await failure("index", "rm")).toEqual([2, expect.stringMatching(/neither digests nor an image/)]);
    expect(await failure("index", "rm", digest, "--ref", REF)).toEqual([2, expect.stringMatching(/but not both/)]);
    expect(await failure("index", "rm", "--ref", "registry.test/b:1")).toEqual([
      3,
      expect.stringMatching(/has none of/),
    ]);
    expect(await output("index", "rm", digest)).toBe("");
    expect(await failure("index", "rm", digest)).toEqual([3, expect.stringMatching(/has no sha256/)]);
    expect(await output("index", "list", "-q")).toBe("");
    expect(await output("ztoc", "list", "-q")).toMatch(DIGEST);
    const planned = await output("gc", "--dry-run", "-q");
    expect(planned.trimEnd().split("\n")).toHaveLength(2);
    const { stdout, stderr } = await run(["gc"]);
    expect([stdout.text(), stderr.text()]).toEqual([planned, expect.stringMatching(/^2 blobs: [\d.]+ kB freed\n$/)]);
    expect(await output("ztoc", "list", "-q")).toBe("");
    await create();
    expect(await output("index", "remove", "--ref", REF)).toBe("");
    expect(JSON.parse(await output("gc", "--json"))).toMatchObject({ dry_run: false, blobs: [{}, {}] });
  });
});

describe("ztoc", () => {
  test("list is the reference's table, of all, of one, of an image", async () => {
    await create();
    const [header, row, ...more] = (await output("ztoc", "list")).split("\n");
    const digest = DIGEST.exec(row!)![0];
    expect([header, more]).toEqual([expect.stringMatching(/^DIGEST {69}SIZE {4,}LAYER DIGEST {63}$/), [""]]);
    expect(row!.split(/ {2,}/)).toEqual([digest, expect.stringMatching(/^\d+$/), expect.stringMatching(DIGEST), ""]);
    expect(await output("ztoc", "ls", "-q", "--ztoc-digest", digest)).toBe(`${digest}\n`);
    expect(await output("ztoc", "ls", "-q", "--image-ref", REF)).toBe(`${digest}\n`);
    expect(await output("ztoc", "ls", "-q", "--ztoc-digest", digest.replace(/.$/, "x"))).toBe("");
    expect(await failure("ztoc", "ls", "--image-ref", "registry.test/b:1", "--ztoc-digest", digest)).toEqual([
      3,
      expect.stringMatching(/is not associated with the specified image/),
    ]);
    expect(JSON.parse(await output("ztoc", "list", "--json"))).toMatchObject([{ digest, span_size: 65_536 }]);
  });

  test("info takes a digest of the store, and one in a registry or layout", async () => {
    await output("create", REF, "--min-layer-size", "1000", "-q");
    await create("--span-size", "4MiB");
    const digest = (await output("ztoc", "list", "-q")).trim();
    const text = await output("ztoc", "info", digest);
    expect(JSON.parse(text)).toMatchObject({ build_tool: "AWS SOCI CLI v0.2", span_size: 4_194_304, num_files: 3 });
    for (const place of [`registry.test/a/image@${digest}`, `oci-layout:${root}@${digest}`])
      expect(await output("ztoc", "info", place)).toBe(text);
    const other = digestOf(new Uint8Array(1));
    for (const place of [other, `registry.test/a/image@${other}`])
      expect((await failure("ztoc", "info", place))[0]).toBe(3);
  });

  test("get-file prints a file of the layer, read where the image is", async () => {
    await create();
    const digest = (await output("ztoc", "list", "-q")).trim();
    for (const path of ["etc/numbers", "/etc/numbers", "./etc/link"])
      expect((await output("ztoc", "get-file", digest, path)) === NUMBERS).toBe(true);
    expect((await output("ztoc", "get-file", digest, "etc/numbers", "--compat")) === `${NUMBERS}\n`).toBe(true);
    const file = join(directory, `numbers-${count}`);
    expect(await output("ztoc", "get-file", digest, "etc/numbers", "-o", file)).toBe("");
    expect((await readFile(file, "utf8")) === NUMBERS).toBe(true);
    expect(await failure("ztoc", "get-file", digest, "etc/none")).toEqual([
      3,
      expect.stringMatching(/there is no "none" in "\/etc", in this layer\n.*of another layer/),
    ]);
    expect(await failure("ztoc", "get-file", digest, "etc")).toEqual([2, expect.stringMatching(/directory/)]);
    // The image has gone, and its layer is in a file.
    registry = createMemoryStore();
    transport = handlerTransport(createRegistryHandler(registry));
    expect((await failure("ztoc", "get-file", digest, "etc/numbers"))[0]).toBe(3);
    const layer = join(directory, `layer-${count}.tar.gz`);
    await writeFile(layer, gzipSync(tarOf(LAYER), { mtime: 0 }));
    expect((await output("ztoc", "get-file", digest, "etc/numbers", "--layer", layer)) === NUMBERS).toBe(true);
    await writeFile(layer, gzipSync(tarOf(LAYER), { mtime: 0, level: 1 }));
    expect((await failure("ztoc", "get-file", digest, "etc/numbers", "--layer", layer))[0]).toBe(5);
  });

  test("get-file of a zTOC that the store does not know asks for the layer", async () => {
    const [layer, ztoc] = [join(directory, `l-${count}.tar`), join(directory, `z-${count}`)];
    await writeFile(layer, tarOf(LAYER));
    const io = testIo();
    expect(await main(["ztoc", "build", layer, "-o", ztoc], io)).toBe(0);
    expect(await failure("ztoc", "get-file", ztoc, "etc/link")).toEqual([3, expect.stringMatching(/--layer FILE/)]);
    expect((await output("ztoc", "get-file", ztoc, "etc/link", "--layer", layer)) === NUMBERS).toBe(true);
  });
});

describe("prefetch", () => {
  test("list and info are the reference's", async () => {
    await create("--prefetch-file", "/etc/numbers");
    const [header, row] = (await output("prefetch", "list")).split("\n");
    expect(header).toMatch(/^DIGEST {69}LAYER DIGEST {63}SPANS {4}CREATED +$/);
    const [digest, layer, spans, created] = row!.split(/ {2,}/) as [string, string, string, string];
    expect([digest, layer, created]).toEqual([
      expect.stringMatching(DIGEST),
      expect.stringMatching(DIGEST),
      expect.stringMatching(/^\d+s ago$/),
    ]);
    expect(JSON.parse(await output("prefetch", "ls", "--json"))).toEqual([
      {
        Digest: digest,
        LayerDigest: layer,
        TotalSpans: Number(spans),
        CreatedAt: expect.stringMatching(/^20.*Z$/) as string,
      },
    ]);
    const text = await output("prefetch", "info", digest, "--json");
    const last = Number(spans) - 1;
    expect(text).toMatch(
      new RegExp(
        `^Digest: {8}${digest}\nVersion: {7}1\\.0\nSpan Ranges: {3}1\nLayer Digest: {2}${layer}\nSize: {10}\\d+ bytes\n` +
          `Created: {7}20\\d\\d-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\n\nPrefetch Spans:\n` +
          ` {2}\\[0\\] StartSpan: 0, EndSpan: ${last} \\(covers ${spans} spans\\)\n\nTotal spans to prefetch: ${spans}\n\nRaw JSON:\n\\{\n {2}"version": "1\\.0",`,
      ),
    );
    const index = (await output("index", "list", "-q")).trim();
    expect(await failure("prefetch", "info", index)).toEqual([2, expect.stringMatching(/it is a SOCI index/)]);
  });
});

test.for([["index", "list"], ["ztoc", "list"], ["prefetch", "list"], ["gc"], ["rebuild-db"], CREATE])(
  "%j of a store that is a file fails",
  async (line) => {
    await writeFile(root, "");
    const [code, error] = await failure(...line);
    expect([code, error]).toEqual([
      2,
      expect.stringMatching(/^socikit: Cannot open local store ".*": it is no directory\n/),
    ]);
  },
);

test("gc tells of an index that is listed and not there, and index rm and rebuild-db get rid of it", async () => {
  const digest = await create();
  const blob = join(root, "blobs", "sha256", digest.slice("sha256:".length));
  const bytes = await readFile(blob);
  await rm(blob);
  const { code, stderr } = await run(["gc", "--dry-run"]);
  expect([code, stderr.text()]).toEqual([0, expect.stringContaining(`${digest} is listed and not there; forget it: `)]);
  expect(JSON.parse(await output("gc", "--dry-run", "--json"))).toMatchObject({ missing: [digest] });
  expect(JSON.parse(await output("rebuild-db", "--json"))).toMatchObject({ indexes: 0, dropped: [digest] });
  await writeFile(blob, bytes);
  await output("rebuild-db", "-q");
  await rm(blob);
  await output("index", "rm", digest);
  expect(JSON.parse(await output("index", "list", "--json"))).toEqual([]);
});

test("rebuild-db says nothing on stdout, and finds what is there", async () => {
  const digest = await create();
  await writeFile(join(root, "catalogue.json"), "{");
  expect(await failure("index", "list")).toEqual([5, expect.stringMatching(/not JSON\n.*socikit rebuild-db\n$/)]);
  const { code, stdout, stderr } = await run(["rebuild-db"]);
  expect([code, stdout.text(), stderr.text()]).toEqual([
    0,
    "",
    expect.stringMatching(/^1 indexes, 1 zTOCs, 0 prefetch/),
  ]);
  expect(await output("index", "list", "-q")).toBe(`${digest}\n`);
  expect(JSON.parse(await output("rebuild-db", "--json"))).toEqual({
    indexes: 1,
    ztocs: 1,
    prefetch: 0,
    dropped: [],
    damaged: [],
  });
});

describe("push", () => {
  test("sends what the registry does not have, in the reference's words", async () => {
    const digest = await create();
    const lines = (await output("push", REF)).trimEnd().split("\n");
    const { digest: image } = await registry.repository("a/image").resolve("1");
    expect(lines.slice(0, 3)).toEqual([
      "checking if a soci index already exists in remote repository...",
      `pushing soci index with digest: ${digest}`,
      `skipped artifact with digest: ${image}`,
    ]);
    expect(lines.filter((line) => line.startsWith("successfully pushed artifact with digest: "))).toHaveLength(3);
    expect(lines.at(-1)).toBe(`successfully pushed artifact with digest: ${digest}`);
    expect(await referrers()).toEqual([digest]);
    // And is content where it is there.
    expect((await output("push", REF)).trimEnd().split("\n")).toEqual([
      lines[0],
      lines[1],
      `skipped artifact with digest: ${digest}`,
    ]);
    expect(await output("push", REF, "-q")).toBe(`${digest}\n`);
    expect(JSON.parse(await output("push", REF, "--json"))).toMatchObject({
      location: REF,
      indexes: [{ platform: "linux/amd64", index: { digest }, outcome: "present", existing: [digest] }],
    });
  });

  test("does with another index that is there what --existing-index says", async () => {
    const first = await create();
    await output("push", REF, "-q");
    const second = await create("--span-size", "128KiB");
    const found = `soci index found in remote repository with digest: ${first}`;
    const { digest: image } = await registry.repository("a/image").resolve("1");
    expect(await output("push", REF, "--existing-index", "skip")).toBe(
      `checking if a soci index already exists in remote repository...\n${found}: skipping pushing artifacts for image manifest: ${image}\n`,
    );
    expect(await output("push", REF, "--existing-index=skip", "-q")).toBe("");
    const warned = await run(["push", REF]);
    expect([warned.code, warned.stderr.text()]).toEqual([0, `[WARN] ${found}: pushing index anyway\n`]);
    expect(await referrers()).toEqual([first, second]);
    await create("--span-size", "256KiB");
    expect((await run(["push", REF])).stderr.text()).toBe(
      "[WARN] multiple soci indices found in remote repository: pushing index anyway\n",
    );
    const third = await create("--span-size", "512KiB");
    expect(await output("push", REF, "--existing-index", "allow", "-q", "--max-concurrent-uploads", "1")).toBe(
      `${third}\n`,
    );
    expect(await failure("push", REF, "--existing-index", "replace")).toEqual([
      2,
      expect.stringMatching(/unexpected value for flag existing-index: replace, expected types \[warn skip allow\]/),
    ]);
  });

  test("sends the newest index of each platform, and none where one is missing", async () => {
    const repository = registry.repository("a/image");
    const images = ["amd64", "arm64"].map((architecture, i): TestImage => ({
      layers: [[{ name: "arch", text: architecture + noise(2000, i + 1) }]],
      architecture,
    }));
    await repository.tag("multi", await pushMultiPlatform(repository, images));
    const ref = "registry.test/a/image:multi";
    await output("create", ref, "--local", "--min-layer-size", "0", "-q");
    expect(await failure("push", ref, "--all-platforms")).toEqual([
      3,
      expect.stringMatching(
        /could not find any soci index manifest v1 to push for platform linux\/arm64 in .*\n.*socikit create registry.test\/a\/image:multi --local/,
      ),
    ]);
    const made = await output("create", ref, "--local", "--min-layer-size", "0", "--all-platforms", "-q");
    expect(await output("push", ref, "--all-platforms", "-q")).toBe(made);
    expect(await output("push", ref, "-p", "linux/arm64", "-q")).toBe(`${made.trimEnd().split("\n")[1]}\n`);
    expect((await failure("push", ref, "-p", "linux/s390x"))[0]).toBe(3);
    expect((await failure("push", REF))[0]).toBe(3);
  });

  test("logs in as --user says, to that registry alone, and takes the reference's options without effect", async () => {
    await create();
    const seen = new Set<string>();
    const handler = createRegistryHandler(registry);
    const guarded = handlerTransport(async (request) => {
      const authorization = request.headers.get("authorization");
      if (authorization === null)
        return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="registry"' } });
      seen.add(authorization);
      return handler(request);
    });
    const args = ["push", REF, "-q", "--user", "me:se:cret", "-k", "--refresh", "x", "--snapshotter", "soci"];
    const { code, stderr } = await run(args, { openTransport: async () => guarded });
    expect([code, stderr.text()]).toEqual([0, ""]);
    expect([...seen]).toEqual([`Basic ${btoa("me:se:cret")}`]);
    const anonymous = await run(["push", REF, "-q"], { openTransport: async () => guarded });
    expect(anonymous.code).toBe(4);
  });

  test("goes into a layout too", async () => {
    const layout = `oci-layout:${join(directory, `layout-${count}`)}:1`;
    expect((await run(["create", REF, layout, "-q"])).code).toBe(6);
    const digest = await create();
    expect(await output("push", layout, "-q")).toBe(`${digest}\n`);
  });
});
