import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { loadInflate } from "@socikit/inflate";
import { digestOf, hexOf, type BlobReader, type Digest, type ManifestReader } from "@socikit/oci";
import { openLayoutDirectory, type LayoutDirectory } from "@socikit/registry/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goldenContent, goldenEntries, goldenImage } from "../../../../testdata/golden-images.ts";
import { convertRuns, createRuns } from "../testing/golden-runs.ts";
import type { CreateEvent } from "../create/create-event.ts";
import { createLocalIndex, type CreateLocalOptions } from "./create-local-index.ts";
import { openLocalStore, type LocalStore } from "./local-store.ts";

let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-store-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Opened {
  readonly store: LocalStore;
  readonly layout: LayoutDirectory;
}

async function open(directory: string = join(root, `store-${++count}`)): Promise<Opened> {
  const layout = await openLayoutDirectory(directory, { create: true, sync: false });
  return { layout, store: openLocalStore(layout) };
}

const OPTIONS: CreateLocalOptions = { spanSize: 65_536, minLayerSize: 0, platforms: "all" };

async function create(store: LocalStore, image: string, options: CreateLocalOptions = {}): Promise<readonly Digest[]> {
  const source: ManifestReader & BlobReader = goldenContent(goldenImage(image));
  const target = goldenEntries(goldenImage(image))[0]!.digest;
  const inflate = await loadInflate();
  const made = await createLocalIndex(store, { image: source, inflate }, target, { ...OPTIONS, ...options });
  return made.indexes.map(({ index }) => index.digest);
}

const pathOf = ({ directory }: { readonly directory: string }, digest: Digest): string =>
  join(directory, "blobs", "sha256", hexOf(digest));
const digestsIn = async ({ layout }: Opened): Promise<readonly Digest[]> => {
  const found: Digest[] = [];
  for await (const { digest } of layout.blobs()) found.push(digest);
  return found;
};

test("createLocalIndex() makes the reference's indexes, and catalogues them by image, platform, layer and span size", async () => {
  const opened = await open();
  const { store } = opened;
  const run = createRuns.find(
    ({ image, args, exit }) =>
      image.startsWith("i04") && exit === 0 && args.includes("--all-platforms") && args.includes("65536"),
  )!;
  const made = await create(store, "i04", { name: "r.test/app:1" });
  expect([...made].sort()).toEqual(Object.keys(run.indexes!).sort());
  const catalogue = await store.catalogue();
  expect(catalogue.indexes.map(({ digest }) => digest)).toEqual(made);
  for (const [i, { platform, names, manifest, image, version, created, size }] of catalogue.indexes.entries()) {
    expect([names, version, platform?.os]).toEqual([["r.test/app:1"], "v1", "linux"]);
    expect(image).toBe(goldenEntries(goldenImage("i04"))[0]!.digest);
    const { bytes, index } = await store.readIndex(made[i]!);
    expect([size, manifest]).toEqual([bytes.length, index.subject!.digest]);
    expect(Date.now() - Date.parse(created!)).toBeLessThan(60_000);
    for (const blob of index.blobs)
      expect(catalogue.ztocs).toContainEqual(
        expect.objectContaining({
          digest: blob.digest,
          size: blob.size,
          layer: blob.annotations!["com.amazon.soci.image-layer-digest"],
          spanSize: 65_536,
        }),
      );
  }
  expect(new Set(catalogue.ztocs.map(({ layer }) => layer)).size).toBe(catalogue.ztocs.length);
  // Another object on the same directory sees the same.
  expect(await (await open(store.directory)).store.catalogue()).toEqual(catalogue);
});

test("createLocalIndex() builds no zTOC that the store has of the layer and span size, of whatever image", async () => {
  const { store } = await open();
  const built = async (image: string, options: CreateLocalOptions = {}): Promise<readonly string[]> => {
    const events: CreateEvent[] = [];
    await create(store, image, { ...options, onEvent: (event) => events.push(event) });
    return events.filter(({ type }) => type === "layer-started" || type === "layer-reused").map(({ type }) => type);
  };
  // i02 has two layers of i01.
  expect(await built("i01")).toEqual(["layer-started", "layer-started", "layer-started"]);
  expect(await built("i02")).toEqual(["layer-reused", "layer-reused"]);
  expect(await built("i02", { spanSize: 131_072 })).toEqual(["layer-started", "layer-started"]);
  expect(await built("i02", { force: true })).toEqual(["layer-started", "layer-started"]);
});

test("a run that ends early leaves its zTOCs to the next", async () => {
  const opened = await open();
  const events: CreateEvent[] = [];
  const failing = create(opened.store, "i01", {
    concurrency: 1,
    onEvent(event) {
      events.push(event);
      if (event.type === "ztoc-pushed" && events.filter(({ type }) => type === "ztoc-pushed").length === 2)
        throw new Error("enough");
    },
  });
  await expect(failing).rejects.toThrow("enough");
  const { indexes, ztocs } = await opened.store.catalogue();
  expect([indexes.length, ztocs.length]).toEqual([0, 2]);
  const again: string[] = [];
  await create(opened.store, "i01", { onEvent: ({ type }) => again.push(type) });
  expect(again.filter((type) => type === "layer-reused")).toHaveLength(2);
  expect(again.filter((type) => type === "layer-started")).toHaveLength(1);
});

describe("removing and collecting", () => {
  test("an index goes, what it names stays until it is collected, and what others name stays then too", async () => {
    const opened = await open();
    const { store } = opened;
    const [first] = (await create(store, "i01")) as [Digest];
    const [second] = (await create(store, "i02")) as [Digest];
    const all = await digestsIn(opened);
    await store.removeIndex(first);
    expect((await store.catalogue()).indexes.map(({ digest }) => digest)).toEqual([second]);
    expect(await digestsIn(opened)).toEqual(all.filter((digest) => digest !== first));
    const planned = await store.collect({ dryRun: true });
    expect(await digestsIn(opened)).toHaveLength(all.length - 1);
    const collected = await store.collect();
    expect(collected).toEqual(planned);
    // The zTOC of the layer that i01 alone has.
    expect(collected.blobs).toHaveLength(1);
    const { index } = await store.readIndex(second);
    expect((await store.catalogue()).ztocs.map(({ digest }) => digest).sort()).toEqual(
      index.blobs.map(({ digest }) => digest).sort(),
    );
    expect((await store.collect()).blobs).toEqual([]);
    await store.removeIndex(second);
    // The config, and two zTOCs.
    expect((await store.collect()).blobs).toHaveLength(3);
    expect(await digestsIn(opened)).toEqual([]);
    expect(await store.catalogue()).toEqual({ indexes: [], ztocs: [], prefetch: [] });
  });

  test("nothing is collected while somebody writes, and what a killed writer left is", async () => {
    const opened = await open();
    const { store } = opened;
    const busy = { code: "ERR_SOCI_STORE_BUSY", message: expect.stringContaining(String(process.pid)) as string };
    await store.write(async () => {
      await expect(store.collect()).rejects.toMatchObject(busy);
      await expect((await open(store.directory)).store.collect()).rejects.toMatchObject(busy);
    });
    await store.collect();
    const writers = join(store.directory, ".socikit-writers");
    expect(await readdir(writers)).toEqual([]);
    const old = new Date(Date.now() - 10_000);
    await writeFile(join(writers, "killed"), `4194305 ${hostname()}`);
    await writeFile(join(writers, "half"), "");
    await utimes(join(writers, "half"), old, old);
    await writeFile(join(store.directory, ".catalogue.json.01234567-89ab-cdef-0123-456789abcdef"), "{");
    await writeFile(join(store.directory, "blobs", ".socikit-upload-00"), "12345");
    expect((await store.collect()).leftovers.count).toBe(2);
    expect(await readdir(writers)).toEqual([]);
    await writeFile(join(writers, "elsewhere"), `1 elsewhere.test`);
    await expect(store.collect()).rejects.toMatchObject({ code: "ERR_SOCI_STORE_BUSY" });
    await utimes(join(writers, "elsewhere"), new Date(0), new Date(0));
    await store.collect();
  });

  test("what is not an index is not removed, and it is said what it is", async () => {
    const { store } = await open();
    await create(store, "i01");
    const { ztocs } = await store.catalogue();
    const refusal = (message: RegExp) => ({
      code: "ERR_SOCI_STORE_UNKNOWN",
      message: expect.stringMatching(message) as string,
    });
    await expect(store.removeIndex(ztocs[0]!.digest)).rejects.toMatchObject(refusal(/is a zTOC/));
    await expect(store.readIndex(ztocs[0]!.digest)).rejects.toMatchObject(refusal(/is a zTOC/));
    const unknown = digestOf(new Uint8Array(1));
    await expect(store.removeIndex(unknown)).rejects.toMatchObject(refusal(/has no sha256:/));
    await expect(store.readIndex(unknown)).rejects.toMatchObject(refusal(/has no sha256:/));
  });
});

describe("whatever ends a process between two files,", () => {
  test("an index that the layout lists is there, one that it does not list is not", async () => {
    const opened = await open();
    const { store, layout } = opened;
    const [first] = (await create(store, "i01", { name: "r.test/app:1" })) as [Digest];
    const before = await store.catalogue();
    const file = join(store.directory, "catalogue.json");
    const text = await readFile(file);
    // Killed before the catalogue was written: what the blobs say.
    await rm(file);
    const healed = await store.catalogue();
    const { digest, size, version, manifest } = before.indexes[0]!;
    const made = expect.stringMatching(/^20.*Z$/) as string;
    expect(healed.indexes).toEqual([{ digest, size, version, manifest, names: [], created: made }]);
    expect(healed.ztocs.map(({ digest, layer }) => [digest, layer]).sort()).toEqual(
      before.ztocs.map(({ digest, layer }) => [digest, layer]).sort(),
    );
    // Killed in the middle of a removal.
    await writeFile(file, text);
    await layout.deleteManifest(first);
    expect((await store.catalogue()).indexes).toEqual([]);
  });

  test("rebuild() finds in the blobs what there is, and keeps what they do not say", async () => {
    const opened = await open();
    const { store } = opened;
    const made = [...(await create(store, "i04", { name: "r.test/app:1" })), ...(await create(store, "i01"))];
    const before = await store.catalogue();
    expect(await store.rebuild()).toEqual({ ...reordered(before), dropped: [], damaged: [] });
    // The list of the layout, the catalogue, and a zTOC are lost; one index is damaged.
    const gone = before.ztocs[0]!.digest;
    await rm(pathOf(store, gone));
    await writeFile(pathOf(store, made[0]!), JSON.stringify({ not: "what it was" }));
    await writeFile(join(store.directory, "index.json"), '{"schemaVersion":2,"manifests":[]}');
    const { store: again } = await open(store.directory);
    const report = await again.rebuild();
    expect([...report.dropped].sort()).toEqual([gone, made[0]!].sort());
    expect(report.damaged).toEqual([made[0]]);
    expect(report.indexes.map(({ digest }) => digest).sort()).toEqual(made.slice(1).sort());
    const kept = before.indexes.find(({ digest }) => digest === made[1])!;
    expect(report.indexes).toContainEqual(kept);
    const { dropped: _, damaged: __, ...catalogue } = report;
    expect(await again.catalogue()).toEqual(catalogue);
    // And without anything but blobs.
    await rm(join(store.directory, "catalogue.json"));
    await rm(join(store.directory, "index.json"));
    const bare = await (await open(store.directory)).store.rebuild();
    expect(bare.indexes.map(({ digest, manifest, names }) => [digest, manifest, names]).sort()).toEqual(
      report.indexes.map(({ digest, manifest }) => [digest, manifest, []]).sort(),
    );
    expect(bare.ztocs.map(({ digest, layer, spanSize }) => [digest, layer, spanSize]).sort()).toEqual(
      report.ztocs.map(({ digest, layer, spanSize }) => [digest, layer, spanSize]).sort(),
    );
  });

  function reordered<T extends { readonly indexes: readonly { readonly digest: Digest }[] }>(catalogue: T): T {
    return { ...catalogue, indexes: catalogue.indexes.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)) };
  }
});

test("an index that is listed and whose blob is gone is told of by collect(), and dropped by rebuild() and removeIndex()", async () => {
  for (const catalogued of [true, false]) {
    const { store, layout } = await open();
    const made = await create(store, "i04");
    const [first, second] = made as [Digest, Digest];
    await rm(pathOf(store, first));
    await rm(pathOf(store, second));
    if (!catalogued) await rm(join(store.directory, "catalogue.json"));
    await expect(store.readIndex(first)).rejects.toMatchObject({
      code: "ERR_SOCI_STORE_UNKNOWN",
      message: expect.stringMatching(/lists sha256:.* and does not have it/) as string,
    });
    expect([...(await store.collect({ dryRun: true })).missing].sort()).toEqual([first, second].sort());
    await store.removeIndex(first);
    expect((await store.rebuild()).dropped).toContain(second);
    const kept = made.slice(2).sort();
    expect((await layout.entries()).map(({ digest }) => digest).sort()).toEqual(kept);
    expect((await store.catalogue()).indexes.map(({ digest }) => digest).sort()).toEqual(kept);
    expect((await store.collect()).missing).toEqual([]);
    await expect(store.removeIndex(first)).rejects.toMatchObject({ code: "ERR_SOCI_STORE_UNKNOWN" });
  }
});

test("rebuild() makes a catalogue anew that is damaged, and leaves one of a later version", async () => {
  const { store } = await open();
  const made = await create(store, "i01");
  const file = join(store.directory, "catalogue.json");
  await writeFile(file, "{");
  await expect(store.catalogue()).rejects.toMatchObject({
    code: "ERR_SOCI_CATALOGUE_MALFORMED",
    message: expect.stringContaining(file) as string,
  });
  expect((await store.rebuild()).indexes.map(({ digest }) => digest)).toEqual(made);
  await writeFile(file, '{"version":2}');
  await expect(store.rebuild()).rejects.toMatchObject({ code: "ERR_SOCI_CATALOGUE_VERSION" });
  expect(await readFile(file, "utf8")).toBe('{"version":2}');
});

test("rebuild() finds the v2 indexes of converted images, and says of which manifest they are", async () => {
  const { store, layout } = await open();
  const run = convertRuns.find(({ newBlobs }) =>
    Object.values(newBlobs ?? {}).some(({ json }) => json?.includes("index.v2")),
  )!;
  for (const { json } of Object.values(run.newBlobs!)) {
    if (json === undefined) continue;
    const upload = await layout.begin();
    await upload.write(new TextEncoder().encode(json));
    await upload.commit(digestOf(new TextEncoder().encode(json)));
  }
  const { indexes } = await store.rebuild();
  expect(indexes).toHaveLength(1);
  expect(indexes[0]).toMatchObject({ version: "v2", manifest: expect.stringMatching(/^sha256:/) as string });
  expect((await store.catalogue()).indexes).toEqual(indexes);
  await expect(store.removeIndex(indexes[0]!.digest)).rejects.toMatchObject({ code: "ERR_SOCI_STORE_UNKNOWN" });
});

test("writers at once, of one object or several, lose nothing", async () => {
  const directory = join(root, "shared");
  await mkdir(directory);
  const opened = await open(directory);
  const stores = [opened.store, (await open(directory)).store, (await open(directory)).store];
  const names = ["i01", "i02", "i03", "i08"];
  const made = await Promise.all(names.map((name, i) => create(stores[i % 3]!, name, { name: `r.test/${name}:1` })));
  const { indexes } = await opened.store.catalogue();
  expect(indexes.map(({ digest }) => digest).sort()).toEqual(made.flat().sort());
  const called = new Map(indexes.map(({ digest, names: [name] }) => [digest, name]));
  for (const [i, digests] of made.entries())
    for (const digest of digests) expect(called.get(digest)).toBe(`r.test/${names[i]}:1`);
});
