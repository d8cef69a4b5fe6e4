import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, OCI_LAYER } from "@socikit/oci";
import { createMemoryStore, handlerTransport, type Store, type Transport } from "@socikit/registry";
import { openLayoutDirectory } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";
import { decodeSociIndex } from "@socikit/soci-index";
import { beforeEach, expect, test } from "vitest";
import { main } from "../main.ts";
import { noise, pushImage, pushMultiPlatform, tarOf, type TestImage } from "../testing/test-image.ts";
import { testIo, type TestIo } from "../testing/test-io.ts";

const IMAGE: TestImage = {
  layers: [
    [
      { name: "etc/", flag: "5" },
      { name: "etc/numbers", text: noise(400_000) },
    ],
    [{ name: "etc/hostname", text: "test\n" }],
  ],
};
const DIGEST = /sha256:[0-9a-f]{64}/;
const DIGEST_TEXT: unknown = expect.stringMatching(DIGEST);
const UNKNOWN = { code: "ERR_REGISTRY_MANIFEST_UNKNOWN" };

let store: Store;
let transport: Transport;
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

async function referrersOf(name: string, tag: string): Promise<readonly string[]> {
  const repository = store.repository(name);
  const { digest } = await repository.resolve(tag);
  const found: string[] = [];
  for await (const referrer of repository.referrers(digest)) found.push(referrer.digest);
  return found;
}

test("create indexes an image where it is, and prints the reference's lines and the digest", async () => {
  const { code, stdout, stderr } = await run([
    "create",
    "registry.test/a/image:1",
    "--min-layer-size",
    "1000",
    "--span-size",
    "64KiB",
  ]);
  expect(stderr.text()).toMatch(/^indexing sha256:[0-9a-f]{12} \(.*\nindexing .*: zTOC sha256:[0-9a-f]{12}, .*\n$/);
  expect(code).toBe(0);
  const lines = stdout.text().trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^layer sha256:[0-9a-f]{64} -> ztoc sha256:[0-9a-f]{64}$/);
  expect(lines[1]).toMatch(/^ztoc skipped - layer .* size \d+ is less than min-layer-size 1000$/);
  expect(await referrersOf("a/image", "1")).toEqual([lines[2]]);
  const { bytes } = await store.repository("a/image").fetchManifest(lines[2]!);
  const index = decodeSociIndex(bytes);
  expect(index.blobs).toHaveLength(1);
  expect(lines[0]).toContain(index.blobs[0]!.digest);
  expect(index.blobs[0]!.annotations).toMatchObject({ "com.amazon.soci.span-size": "65536" });
});

test("create -q prints the digest alone, and --json all of it", async () => {
  const quiet = await run(["create", "registry.test/a/image:1", "--min-layer-size=0", "-q"]);
  expect(quiet.stdout.text()).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect(quiet.stderr.text()).toBe("");
  const json = await run(["create", "registry.test/a/image:1", "--min-layer-size=0", "--json", "-q"]);
  const report: unknown = JSON.parse(json.stdout.text());
  expect(report).toMatchObject({
    location: "registry.test/a/image:1",
    image: { digest: (await store.repository("a/image").resolve("1")).digest },
    indexes: [
      {
        index: { digest: quiet.stdout.text().trim() },
        layers: [{ ztoc: { digest: expect.stringMatching(DIGEST) } }, {}],
      },
    ],
  });
});

test("create -q is quiet about what the builder finds odd, which --json and the rest tell", async () => {
  const repository = store.repository("odd/image");
  const odd: TestImage = { layers: [[{ name: "link", flag: "2", link: "elsewhere", size: 7 }]] };
  await repository.tag("1", await pushImage(repository, odd));
  const args = ["create", "registry.test/odd/image:1", "--min-layer-size=0"];
  const told = await run(args);
  expect(told.stderr.text()).toMatch(/with a size of 7/);
  const quiet = await run([...args, "-q"]);
  expect([quiet.code, quiet.stderr.text()]).toEqual([0, ""]);
  const json = JSON.parse((await run([...args, "-q", "--json"])).stdout.text()) as {
    indexes: { layers: { warnings: string[] }[] }[];
  };
  expect(json.indexes[0]!.layers[0]!.warnings).toEqual([expect.stringMatching(/with a size of 7/)]);
});

test("create with another destination copies the image, indexes the copy, and writes the tag", async () => {
  const { code, stdout } = await run([
    "create",
    "registry.test/a/image:1",
    "registry.test/b/copy:2",
    "--min-layer-size",
    "0",
    "-q",
  ]);
  expect(code).toBe(0);
  const { digest } = await store.repository("a/image").resolve("1");
  expect((await store.repository("b/copy").resolve("2")).digest).toBe(digest);
  expect(await referrersOf("b/copy", "2")).toEqual([stdout.text().trim()]);
  expect(await referrersOf("a/image", "1")).toEqual([]);
});

test("create with another tag of the same repository copies nothing, and tags", async () => {
  const { code } = await run([
    "create",
    "registry.test/a/image:1",
    "registry.test/a/image:soci",
    "--min-layer-size",
    "0",
  ]);
  expect(code).toBe(0);
  expect(await store.repository("a/image").resolve("soci")).toEqual(await store.repository("a/image").resolve("1"));
});

test("create works in a layout directory, and from a registry into one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  try {
    const layout = `oci-layout:${join(directory, "image")}`;
    const into = await run(["create", "registry.test/a/image:1", layout, "--min-layer-size", "0", "-q"]);
    expect(into.stderr.text()).toBe("");
    expect(into.code).toBe(0);
    const opened = await openLayoutDirectory(join(directory, "image"));
    expect((await opened.resolve("1")).digest).toBe((await store.repository("a/image").resolve("1")).digest);
    // Beside itself: the same index, so nothing new.
    const beside = await run(["create", layout, "--min-layer-size", "0", "-q"]);
    expect(beside.stdout.text()).toBe(into.stdout.text());
    const listed = await run(["ls", `${layout}:1`, "/etc"]);
    expect(listed.stdout.text()).toBe("hostname\nnumbers\n");
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("create works in an archive, from a registry or a layout into one, and out of one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  try {
    const [file, layout] = [join(directory, "image.tar"), `oci-layout:${join(directory, "image")}`];
    const archive = `oci-archive:${file}`;
    const into = await run(["create", "registry.test/a/image:1", archive, "--min-layer-size", "0", "-q"]);
    expect([into.stderr.text(), into.code]).toEqual(["", 0]);
    expect(await readdir(directory)).toEqual(["image.tar"]);
    const listed = await run(["ls", `${archive}:1`, "/etc"]);
    expect([listed.stderr.text(), listed.stdout.text()]).toEqual(["", "hostname\nnumbers\n"]);
    const before = await readFile(file);
    // Beside itself: the same index, so the same archive.
    const beside = await run(["create", archive, "--min-layer-size", "0", "-q"]);
    expect([beside.stderr.text(), beside.stdout.text()]).toEqual(["", into.stdout.text()]);
    expect((await readFile(file)).equals(before)).toBe(true);
    const out = await run(["create", archive, layout, "--min-layer-size", "0", "-q"]);
    expect([out.stderr.text(), out.stdout.text()]).toEqual(["", into.stdout.text()]);
    const again = await run(["create", layout, `${archive}:1`, "--min-layer-size", "0", "-q"]);
    expect([again.stderr.text(), again.stdout.text()]).toEqual(["", into.stdout.text()]);
    expect((await readFile(file)).equals(before)).toBe(true);
    // Nothing to index is no reason to write an archive anew, but one to copy.
    const nothing = await run(["create", archive, `oci-archive:${join(directory, "copy.tar")}`]);
    expect(nothing.code).toBe(6);
    expect((await readdir(directory)).sort()).toEqual(["copy.tar", "image", "image.tar"]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("create that fails leaves the archive that is there, and nothing beside it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  try {
    await writeFile(join(directory, "image.tar"), "old");
    const to = `oci-archive:${join(directory, "image.tar")}`;
    const result = await run(["create", "registry.test/a/image:1", to, "--min-layer-size=0", "-p", "linux/s390x"]);
    expect([result.code, result.stdout.text()]).toEqual([0, expect.stringMatching(DIGEST)]);
    await writeFile(join(directory, "image.tar"), "old");
    for (const [args, code, message] of [
      [["create", "registry.test/a/image:2", to], 3, /registry\.test\/a\/image:2/],
      [["create", to], 5, /is no tar archive.*\n.*OCI archive/],
      [["ls", `oci-archive:${directory}`], 2, /is a directory\n.*oci-layout:/],
      [["ls", `oci-archive:${directory}/none.tar`], 3, /is not there/],
    ] as const) {
      const failed = await run(args);
      expect([failed.code, failed.stderr.text()]).toEqual([code, expect.stringMatching(message)]);
    }
    expect(await readFile(join(directory, "image.tar"), "utf8")).toBe("old");
    expect(await readdir(directory)).toEqual(["image.tar"]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("create of an image named by SHA-512 keeps that name, into a registry, a layout, and beside it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  try {
    const { digest } = await pushImage(store.repository("a/image"), IMAGE, "sha512");
    expect(digest).toMatch(/^sha512:/);
    const layout = `oci-layout:${join(directory, "image")}`;
    const indexes = new Set<string>();
    for (const to of [[], ["registry.test/b/copy:1"], [`${layout}:1`]]) {
      const made = await run(["create", `registry.test/a/image@${digest}`, ...to, "--min-layer-size", "0", "-q"]);
      expect([made.stderr.text(), made.code]).toEqual(["", 0]);
      indexes.add(made.stdout.text().trim());
    }
    expect([...indexes]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}$/)]);
    const copy = store.repository("b/copy");
    expect((await copy.resolve("1")).digest).toBe(digest);
    expect(await referrersOf("b/copy", "1")).toEqual([...indexes]);
    const opened = await openLayoutDirectory(join(directory, "image"));
    expect((await opened.resolve("1")).digest).toBe(digest);
    // What is read by the tag stands on the index of the manifest under that name.
    for (const location of [`registry.test/a/image@${digest}`, "registry.test/b/copy:1", `${layout}:1`]) {
      const listed = await run(["ls", location, "/etc"]);
      expect([listed.stderr.text(), listed.stdout.text()]).toEqual(["", "hostname\nnumbers\n"]);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("create chooses the host's platform, the one asked for, or all", async () => {
  const repository = store.repository("multi/image");
  const images = ["amd64", "arm64"].map((architecture, i): TestImage => ({
    layers: [[{ name: "arch", text: architecture + noise(2000, i + 1) }]],
    architecture,
  }));
  await repository.tag("1", await pushMultiPlatform(repository, images));
  const create = (...options: string[]): Promise<TestIo & { code: number }> =>
    run(["create", "registry.test/multi/image:1", "--min-layer-size", "0", "--json", "-q", ...options]);
  const platforms = async (...options: string[]): Promise<unknown> => {
    const report = JSON.parse((await create(...options)).stdout.text()) as { indexes: { platform: string }[] };
    return report.indexes.map(({ platform }) => platform);
  };
  expect(await platforms()).toEqual(["linux/amd64"]);
  expect(await platforms("-p", "linux/arm64")).toEqual(["linux/arm64"]);
  expect(await platforms("-p", "linux/arm64,linux/amd64")).toEqual(["linux/arm64", "linux/amd64"]);
  expect(await platforms("--all-platforms")).toEqual(["linux/amd64", "linux/arm64"]);
  const none = await create("-p", "windows/amd64");
  expect(none.code).toBe(3);
  expect(none.stderr.text()).toMatch(/windows\/amd64.*linux\/amd64, linux\/arm64\n.*--platform/);
  expect(await platforms("-p", "linux/arm64", "--all-platforms")).toEqual(["linux/amd64", "linux/arm64"]);
  const elsewhere = await run(["create", "registry.test/multi/image:1"], { architecture: "s390x" });
  expect(elsewhere.code).toBe(3);
});

test("create -p of an image that is in no index takes it, and says where it is of another platform", async () => {
  const create = async (...more: readonly string[]): Promise<readonly [number, string]> => {
    const { code, stderr } = await run(["create", "registry.test/a/image:1", "--min-layer-size", "0", ...more]);
    return [code, stderr.text()];
  };
  const warning = / is of linux\/amd64, not of windows\/amd64: it is the only image there is\n/;
  expect(await create("-p", "windows/amd64")).toEqual([0, expect.stringMatching(warning)]);
  expect(await create("-p", "windows/amd64", "-q")).toEqual([0, ""]);
  expect(await create("-p", "linux/amd64")).toEqual([0, expect.not.stringMatching(/only image/)]);
});

test("create says why there is nothing to index, and how to index it all the same", async () => {
  const { code, stdout, stderr } = await run(["create", "registry.test/a/image:1"]);
  expect(code).toBe(6);
  expect(stdout.text().match(/^ztoc skipped - layer .* is less than min-layer-size 10485760$/gm)).toHaveLength(2);
  expect(stderr.text()).toMatch(/→ .*socikit create registry\.test\/a\/image:1 --min-layer-size 0\n$/);
  expect(await referrersOf("a/image", "1")).toEqual([]);
});

test.for(["create", "convert"])(
  "%s --json prints a document, and the hint fits the reason, where there is nothing to index",
  async (command) => {
    const repository = store.repository("odd/image");
    const zstd = { bytes: new Uint8Array(20_000), mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" };
    await repository.tag("zstd", await pushImage(repository, { layers: [zstd] }));
    await repository.tag("none", await pushImage(repository, { layers: [] }));
    const of = async (
      tag: string,
      ...more: readonly string[]
    ): Promise<readonly [document: unknown, error: string]> => {
      const args = [command, `registry.test/odd/image:${tag}`, "registry.test/b/copy:1", "--json", "-q", ...more];
      const { code, stdout, stderr } = await run(args);
      expect(code).toBe(6);
      return [JSON.parse(stdout.text()), stderr.text()];
    };
    const list = command === "create" ? "indexes" : "platforms";
    const [document, hint] = await of("zstd", "--min-layer-size", "0");
    const skipped = [
      { layer: digestOf(zstd.bytes), code: "compression", message: expect.stringMatching(/"zstd"$/) as string },
    ];
    expect(document).toEqual({ location: "registry.test/b/copy:1", [list]: [], skipped });
    expect(hint).toMatch(/→ layers in gzip/);
    const [empty, noLayers] = await of("none");
    expect(empty).toEqual({ location: "registry.test/b/copy:1", [list]: [], skipped: [] });
    expect(noLayers).toMatch(/→ the image has no layers/);
    expect((await of("zstd", "--min-layer-size", "1MiB"))[1]).toMatch(
      /--min-layer-size 0 in place of the one that is given\n$/,
    );
  },
);

test("create with another destination writes the tag even where nothing can be indexed", async () => {
  const { code } = await run(["create", "registry.test/a/image:1", "registry.test/b/copy:1"]);
  expect(code).toBe(6);
  expect(await store.repository("b/copy").resolve("1")).toEqual(await store.repository("a/image").resolve("1"));
});

test.for<readonly [args: readonly string[], code: number, error: RegExp, reason: string]>([
  [["registry.test/a/image:2"], 3, /registry\.test\/a\/image:2.*\n.*check the tag/, "a tag that is not there"],
  [["registry.test/none:1"], 3, /none/, "a repository that is not there"],
  [["oci-layout:/none/at/all"], 3, /none/, "a layout that is not there"],
  [["registry.test/a/image:1", "registry.test/b/copy"], 2, /neither tag nor digest/, "a destination without tag"],
  [["registry.test/a/image:1", "--optimizations", "speed"], 2, /speed/, "an optimization that is none"],
])("create %j ends with %s", async ([args, code, error]) => {
  const result = await run(["create", ...args]);
  expect(result.stderr.text()).toMatch(error);
  expect(result.code).toBe(code);
  expect(result.stdout.text()).toBe("");
});

test("create of a damaged layer fails, and leaves neither index nor tag", async () => {
  const repository = store.repository("bad/image");
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
  const bytes = new TextEncoder().encode(noise(20_000));
  await repository.tag("1", await pushImage(repository, { layers: [{ bytes, mediaType }] }));
  const { code, stderr } = await run([
    "create",
    "registry.test/bad/image:1",
    "registry.test/b/bad:1",
    "--min-layer-size",
    "0",
  ]);
  expect(code).toBe(5);
  expect(stderr.text()).toMatch(DIGEST);
  await expect(store.repository("b/bad").resolve("1")).rejects.toMatchObject(UNKNOWN);
});

test("create that is interrupted ends with 130 and leaves no tag", async () => {
  const controller = new AbortController();
  const handler = createRegistryHandler(store);
  const slow = handlerTransport((request) => {
    // Ctrl-C while the copy is under way.
    if (request.method === "PUT" && request.url.includes("/b/copy/blobs/")) controller.abort(new Error("Interrupted"));
    return handler(request);
  });
  const { code, stderr, stdout } = await run(
    ["create", "registry.test/a/image:1", "registry.test/b/copy:1", "--min-layer-size", "0"],
    { signal: controller.signal, openTransport: async () => slow },
  );
  expect(code).toBe(130);
  expect(stdout.text()).toBe("");
  expect(stderr.text()).toMatch(/socikit: interrupted\n$/);
  await expect(store.repository("b/copy").resolve("1")).rejects.toMatchObject(UNKNOWN);
});

test("create that is interrupted between index and tag leaves a whole copy without a tag, and goes on from there", async () => {
  const controller = new AbortController();
  const handler = createRegistryHandler(store);
  let manifests = 0;
  const stopping = handlerTransport(async (request) => {
    const response = await handler(request);
    // Of the copy, then of the index.
    if (request.method === "PUT" && request.url.includes("/b/copy/manifests/") && ++manifests === 2)
      controller.abort(new Error("Interrupted"));
    return response;
  });
  const args = ["create", "registry.test/a/image:1", "registry.test/b/copy:1", "--min-layer-size", "0", "-q"];
  const { code, stdout } = await run(args, { signal: controller.signal, openTransport: async () => stopping });
  expect([code, manifests, stdout.text()]).toEqual([130, 2, ""]);
  const copy = store.repository("b/copy");
  await expect(copy.resolve("1")).rejects.toMatchObject(UNKNOWN);
  const { digest } = await store.repository("a/image").resolve("1");
  const found: string[] = [];
  for await (const referrer of copy.referrers(digest)) found.push(referrer.digest);
  const again = await run(args);
  expect(again.code).toBe(0);
  expect(again.stdout.text().trimEnd().split("\n")).toEqual(found);
  expect((await copy.resolve("1")).digest).toBe(digest);
});

test("create into a layout that cannot be written leaves nothing half-written", async () => {
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  try {
    await writeFile(join(directory, "file"), "");
    const result = await run(["create", "registry.test/a/image:1", `oci-layout:${join(directory, "file")}`]);
    expect(result.code).toBe(2);
    expect(result.stderr.text()).toMatch(/it is a file/);
    expect(await readdir(directory)).toEqual(["file"]);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("create with a span size of nothing makes spans of blocks, and refuses a plain tar by name", async () => {
  const made = await run(["create", "registry.test/a/image:1", "--min-layer-size=0", "--span-size=0", "-q"]);
  expect([made.code, made.stderr.text()]).toEqual([0, ""]);
  const repository = store.repository("plain/image");
  const layer = { bytes: tarOf([{ name: "file", text: "text" }]), mediaType: OCI_LAYER };
  await repository.tag("1", await pushImage(repository, { layers: [layer] }));
  const refused = await run(["create", "registry.test/plain/image:1", "--min-layer-size=0", "--span-size=0"]);
  expect([refused.code, refused.stderr.text()]).toEqual([2, expect.stringMatching(/span size .*\n.*--span-size 4MiB/)]);
});

test("create uses zTOCs that are there again, unless it is forced", async () => {
  const args = ["create", "registry.test/a/image:1", "--min-layer-size=0"];
  const first = await run(args);
  expect(first.stdout.text()).not.toMatch(/already exists/);
  const again = await run(args);
  expect(again.stdout.text().match(/^layer .* -> ztoc .* \(already exists\)$/gm)).toHaveLength(2);
  const forced = await run([...args, "-f"]);
  expect(forced.stdout.text()).toBe(first.stdout.text());
});

test("create makes prefetch artifacts of files, directories and lists, and tells of what is not there", async () => {
  const directory = await mkdtemp(join(tmpdir(), "socikit-cli-"));
  try {
    const list = join(directory, "list.json");
    await writeFile(list, JSON.stringify(["/etc/hostname", { path: "/nowhere", priority: 1 }]));
    const args = ["create", "registry.test/a/image:1", "--min-layer-size=0", "--prefetch-file", "/etc/num*,"];
    const made = await run([...args, "--prefetch-files-json", list]);
    expect(made.code).toBe(0);
    expect(made.stdout.text().match(/^Created prefetch artifact for layer sha256:.*: sha256:.*$/gm)).toHaveLength(2);
    expect(made.stderr.text()).toMatch(/^prefetch file nowhere not found in any layer$/m);
    const json = JSON.parse((await run([...args, "--json"])).stdout.text()) as { indexes: readonly unknown[] };
    expect(json.indexes).toMatchObject([{ prefetch: [{ artifact: { digest: DIGEST_TEXT } }], missing: [] }]);
    // The reference knows no patterns, and no priorities.
    const compat = await run([...args, "--compat"]);
    expect(compat.stderr.text()).toMatch(/^prefetch file etc\/num\* not found in any layer$/m);
    const priorities = await run([...args, "--compat", "--prefetch-files-json", list]);
    expect([priorities.code, priorities.stderr.text()]).toEqual([2, expect.stringMatching(/list\.json: .*entry 1/)]);
    const nowhere = await run([...args, "--prefetch-files-json", join(directory, "none.json")]);
    expect(nowhere.code).toBe(3);
  } finally {
    await rm(directory, { recursive: true });
  }
});
