import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { blobSource, bytesSource, type BlobSource } from "@socikit/oci";
import { InflateError } from "@socikit/inflate";
import { gunzipSync, gzipSync } from "fflate";
import { afterAll, describe, expect, test } from "vitest";
import { createBuildPool, type BuildPoolOptions, type PoolBuildOptions, type PoolLayer } from "./build-pool.ts";
import { buildZtoc } from "./build-ztoc.ts";
import { ZtocError } from "./errors.ts";
import { buildWorker } from "./testing/built-worker.ts";
import { concat, tarEnd, tarEntry, tarHeader } from "./testing/tar-writer.ts";

const built = buildWorker();
const worker = built.url("build-worker");
const pool = createBuildPool({ threads: 2, worker });
afterAll(() => {
  pool.close();
  built.remove();
});

function noise(seed: number, length: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 20);
}

/** Layers of half a megabyte to one and a half: one is more than a buffer, two are more than two. */
const layers = [1, 2, 3].map((seed) =>
  gzipSync(
    concat(
      tarEntry({ name: "d/", typeflag: "5" }),
      tarEntry({ name: `layer-${seed}` }, noise(seed, seed * 500_000)),
      tarEntry({ name: "small" }, "abc"),
      tarEnd(),
    ),
    { level: 1, mtime: 0 },
    // In memory that has nothing else: whoever moves it takes all of it.
  ).slice(),
);
const [small, , large] = layers as [Uint8Array, Uint8Array, Uint8Array];
const spans: PoolBuildOptions = { compression: "gzip", spanSize: 100_000 };
const gzip: PoolBuildOptions = { compression: "gzip" };

async function* chunked(bytes: Uint8Array, size = 65_536): AsyncIterable<Uint8Array> {
  // One array that is reused: whoever keeps a chunk, or takes its buffer, is found out.
  const chunk = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    chunk.set(part);
    yield chunk.subarray(0, part.length);
  }
}

/** As `source`, but without `readInto`. */
function giving(source: BlobSource): BlobSource {
  return { size: source.size, read: (offset, length, options) => source.read(offset, length, options) };
}

/** What becomes of a promise. */
async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "fulfilled",
    (error: unknown) => error,
  );
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
const never = (): Promise<never> => new Promise(() => {});

describe.each<[string, BuildPoolOptions]>([
  ["on threads", { threads: 2, worker }],
  ["on the calling thread", { threads: 0 }],
  ["on a thread and the calling one", { threads: 1, usesCallingThread: true, worker }],
])("a pool %s", (_, options) => {
  const own = createBuildPool(options);
  afterAll(() => own.close());

  test.for<[string, (bytes: Uint8Array) => PoolLayer]>([
    ["an AsyncIterable whose chunk is used again", (bytes) => chunked(bytes)],
    ["chunks larger than a buffer", (bytes) => chunked(bytes, 700_001)],
    ["a ReadableStream", (bytes) => new Blob([bytes.slice()]).stream() as ReadableStream<Uint8Array>],
    ["a source that fills buffers", (bytes) => bytesSource(bytes)],
    ["a source that gives bytes", (bytes) => blobSource(new Blob([bytes.slice()]))],
    [
      "a source that gives views of a larger buffer",
      (bytes) => {
        const larger = concat(new Uint8Array(4), bytes);
        return { size: bytes.length, read: async (offset, length) => larger.subarray(offset + 4, offset + 4 + length) };
      },
    ],
    [
      "a source that gives what it keeps",
      (bytes) => ({ size: bytes.length, read: async (at, length) => bytes.subarray(at, at + length) }),
    ],
    ["a function", (bytes) => async () => chunked(bytes)],
  ])("builds side by side what buildZtoc() builds, of %s", async ([, open]) => {
    const before = layers.map((layer) => layer.slice());
    const found = await Promise.all(layers.map((layer) => own.build(open(layer), spans)));
    const wanted = await Promise.all(layers.map((layer) => buildZtoc(chunked(layer), spans)));
    expect(found.map(({ digest }) => digest)).toEqual(wanted.map(({ digest }) => digest));
    // expect() takes seconds to compare megabytes.
    expect(found.every(({ bytes }, i) => Buffer.from(bytes).equals(wanted[i]!.bytes))).toBe(true);
    expect(found.map(({ ztoc }) => ztoc.toc.at(1).name)).toEqual(["layer-1", "layer-2", "layer-3"]);
    // Nothing of the caller's was changed or taken away.
    expect(layers.every((layer, i) => Buffer.from(layer).equals(before[i]!))).toBe(true);
  });

  test("tells how much of the tar stream there is, to its end, as buildZtoc() does", async () => {
    const tarSize = gunzipSync(large).length;
    for (const build of [own.build.bind(own), buildZtoc]) {
      const told: number[] = [];
      await build(chunked(large), { ...spans, onProgress: (uncompressed) => void told.push(uncompressed) });
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(told.length).toBeGreaterThan(5);
      expect(told.at(-1)).toBe(tarSize);
    }
  });

  test("tells warnings and what mounts need, as buildZtoc() does", async () => {
    const layer = gzipSync(
      concat(tarHeader({ name: "d/.wh..wh..opq" }), tarHeader({ name: "l", typeflag: "2", size: 512 }), tarEnd()),
    );
    const found = await own.build(bytesSource(layer), gzip);
    const wanted = await buildZtoc(bytesSource(layer), { compression: "gzip" });
    expect(wanted.warnings.length).toBeGreaterThan(0);
    expect([found.warnings, found.needsXattrs]).toEqual([wanted.warnings, true]);
  });

  test("a plain tar needs no decoder", async () => {
    const tar = concat(tarEntry({ name: "a" }, noise(1, 1_000_000)), tarEnd());
    const plain = { compression: "uncompressed", spanSize: 300_000 } as const;
    expect((await own.build(bytesSource(tar), plain)).digest).toBe((await buildZtoc(bytesSource(tar), plain)).digest);
  });

  test.for<[string, Uint8Array, PoolBuildOptions]>([
    ["a gzip stream that is damaged", large.with(700_000, 0), gzip],
    ["a layer that is no gzip", noise(3, 3_000_000), gzip],
    ["an empty layer", new Uint8Array(0), gzip],
    ["a tar stream that is damaged", gzipSync(noise(4, 100_000)), gzip],
    ["a zTOC that is too large", large, { ...spans, maxZtocBytes: 40_000 }],
  ])("an error of %s is the builder's, with class, code and cause", async ([, layer, layerOptions]) => {
    const wanted = (await outcomeOf(buildZtoc(chunked(layer), layerOptions))) as ZtocError;
    const found = (await outcomeOf(own.build(chunked(layer), layerOptions))) as ZtocError;
    expect(wanted).toBeInstanceOf(ZtocError);
    expect(found).toBeInstanceOf(ZtocError);
    expect([found.name, found.code, found.message]).toEqual([wanted.name, wanted.code, wanted.message]);
    expect(found.cause === undefined).toBe(wanted.cause === undefined);
    if (wanted.cause instanceof InflateError)
      expect(found.cause).toMatchObject({ code: wanted.cause.code, offset: wanted.cause.offset, name: "InflateError" });
    // The pool goes on.
    expect((await own.build(bytesSource(small), gzip)).digest).toBe((await buildZtoc(chunked(small), gzip)).digest);
  });

  test("what a function opens is closed, whatever becomes of the build; what was open is not", async () => {
    let closed = 0;
    const closing = (source: BlobSource): BlobSource => ({ ...source, close: async () => void closed++ });
    await own.build(() => closing(bytesSource(small)), gzip);
    expect(closed).toBe(1);
    await outcomeOf(own.build(async () => closing(bytesSource(noise(1, 9_000_000))), gzip));
    expect(closed).toBe(2);
    const controller = new AbortController();
    let answer: (source: BlobSource) => void = () => {};
    const late = new Promise<BlobSource>((resolve) => (answer = resolve));
    const building = outcomeOf(own.build(() => late, { ...gzip, signal: controller.signal }));
    await turn();
    controller.abort();
    await building;
    answer(closing(bytesSource(small)));
    await turn();
    expect(closed).toBe(3);
    await own.build(closing(bytesSource(small)), gzip);
    expect(closed).toBe(3);
  });

  test("an error of the input passes through", async () => {
    async function* failing(): AsyncIterable<Uint8Array> {
      yield large.subarray(0, 900_000);
      throw new Error("the line is cut");
    }
    expect(await outcomeOf(own.build(failing(), gzip))).toMatchObject({ message: "the line is cut" });
    expect(await outcomeOf(own.build(() => Promise.reject(new Error("not there")), gzip))).toMatchObject({
      message: "not there",
    });
  });

  test.for<[string, PoolBuildOptions, new () => Error]>([
    ["half a byte", { compression: "gzip", spanSize: 0.5 }, RangeError],
    ["no bytes of a plain tar", { compression: "uncompressed", spanSize: 0 }, ZtocError as unknown as new () => Error],
  ])("spans of %s are refused before the layer is opened", async ([, wrong, type]) => {
    let isOpened = false;
    const open = (): PoolLayer => ((isOpened = true), chunked(small));
    expect(await outcomeOf(own.build(open as () => AsyncIterable<Uint8Array>, wrong))).toBeInstanceOf(type);
    expect(isOpened).toBe(false);
  });

  test.for<[string, PoolLayer | (() => PoolLayer)]>([
    [
      "the input does nothing",
      (async function* () {
        yield large.subarray(0, 600_000);
        await never();
      })(),
    ],
    ["the input is not opened", never],
    ["a read does not end", { size: 100, read: never }],
  ])("an abort ends it at once, also while %s", async ([, layer]) => {
    const controller = new AbortController();
    const building = outcomeOf(own.build(layer as PoolLayer, { ...gzip, signal: controller.signal }));
    await turn();
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await building).toBe(reason);
    expect(await outcomeOf(own.build(chunked(small), { ...gzip, signal: controller.signal }))).toBe(reason);
  });

  test("an abort right behind the call ends it, too", async () => {
    for (let ticks = 0; ticks < 30; ticks++) {
      const controller = new AbortController();
      const building = outcomeOf(own.build(never, { ...gzip, signal: controller.signal }));
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      const reason = new Error("enough");
      controller.abort(reason);
      expect(await building).toBe(reason);
    }
  });

  test("close() ends what runs and what waits; then nothing can be built", async () => {
    const closing = createBuildPool(options);
    const running = [1, 2, 3, 4].map(() => outcomeOf(closing.build({ size: 100, read: never }, gzip)));
    await turn();
    closing.close();
    expect(await Promise.all(running)).toMatchObject(Array(4).fill({ name: "ZtocError", code: "ERR_ZTOC_WORKER" }));
    expect(await outcomeOf(closing.build(chunked(small), gzip))).toBeInstanceOf(TypeError);
    closing.close();
  });
});

describe("a pool reads no further ahead of a thread than 2 MiB and a chunk", () => {
  test.for<[string, (source: BlobSource) => PoolLayer]>([
    [
      "of a stream",
      (source) =>
        (async function* () {
          for (let at = 0; at < source.size; at += 65_536)
            yield await source.read(at, Math.min(65_536, source.size - at));
        })(),
    ],
    ["of a source that fills buffers", (source) => source],
    ["of a source that gives bytes", giving],
  ])("%s", async ([, open]) => {
    const stuck = createBuildPool({ threads: 1, worker: scriptWorker("stuck", "parentPort.on('message', () => {});") });
    let read = 0;
    const size = 30_000_000;
    const source: BlobSource = {
      size,
      read: async (_, length) => ((read += length), new Uint8Array(length)),
      readInto: async (target) => void (read += target.length),
    };
    const building = outcomeOf(stuck.build(open(source), gzip));
    for (let before = -1; read !== before; await new Promise((resolve) => setTimeout(resolve, 30))) before = read;
    // Those that a source gives are read four at a time besides.
    expect(read).toBeLessThanOrEqual(open === giving ? 8 * 2 ** 20 : 2 * 2 ** 20 + 65_536);
    expect(read).toBeGreaterThan(2 ** 20);
    stuck.close();
    expect(await building).toMatchObject({ code: "ERR_ZTOC_WORKER" });
  });
});

test("a pool opens no more layers at once than its memory has room for, by the size that they have", async () => {
  // One counts as 32 MiB; of a gigabyte as 55, for 716 spans.
  const tight = createBuildPool({ threads: 4, memoryBytes: 110 * 2 ** 20, worker });
  let open = 0;
  const most: number[] = [];
  const layer = async (): Promise<AsyncIterable<Uint8Array>> => {
    most.push(++open);
    return (async function* () {
      await turn();
      yield* chunked(small);
      open--;
    })();
  };
  const build = (size: number): Promise<unknown> => tight.build(layer, { ...gzip, size });
  await Promise.all(Array.from({ length: 4 }, () => build(small.length)));
  expect(Math.max(...most)).toBe(3);
  most.length = 0;
  await Promise.all(Array.from({ length: 4 }, () => build(1e9)));
  expect(Math.max(...most)).toBe(2);
  tight.close();
});

/** A thread's code. */
function scriptWorker(name: string, script: string): URL {
  const path = join(built.folder, `${name}.js`);
  writeFileSync(path, `import { parentPort } from "node:worker_threads"; ${script}`);
  return pathToFileURL(path);
}

/** A thread that ends when it gets a message of a kind: as often as there are lives. It is told apart by a folder. */
function mortalWorker(name: string, deaths: number, kind: string): URL {
  return scriptWorker(
    name,
    `import { mkdirSync } from "node:fs";
    import "./build-worker.js";
    parentPort.on("message", (message) => {
      if (message.kind !== ${JSON.stringify(kind)}) return;
      for (let life = 0; life < ${deaths}; life++) {
        try {
          mkdirSync(new URL("./${name}-" + life, import.meta.url));
        } catch {
          continue;
        }
        process.exit(3);
      }
    });`,
  );
}

describe("threads that die", () => {
  const died = { name: "ZtocError", code: "ERR_ZTOC_WORKER", cause: { message: "the worker ended with exit code 3" } };

  test.for<[string, string, () => PoolLayer]>([
    ["at the first bytes of a source", "chunk", () => bytesSource(large)],
    ["at the end of what a function opens", "end", () => () => chunked(large)],
  ])("%s cost a second try", async ([name, kind, open]) => {
    const id = `once-${name.length}`;
    const mortal = createBuildPool({ threads: 1, worker: mortalWorker(id, 1, kind) });
    expect((await mortal.build(open(), gzip)).digest).toBe((await buildZtoc(chunked(large), gzip)).digest);
    expect(existsSync(join(built.folder, `${id}-0`))).toBe(true);
    mortal.close();
  });

  test.for<[string, string, number, () => PoolLayer]>([
    ["once, with a stream, which cannot be read again,", "stream", 1, () => chunked(large)],
    ["twice", "twice", 2, () => bytesSource(large)],
  ])("%s cost the build, with one error; the pool goes on", async ([, name, deaths, open]) => {
    const mortal = createBuildPool({ threads: 1, worker: mortalWorker(name, deaths, "chunk") });
    expect(await outcomeOf(mortal.build(open(), gzip))).toMatchObject(died);
    expect((await mortal.build(open(), gzip)).digest).toBe((await buildZtoc(chunked(large), gzip)).digest);
    mortal.close();
  });

  test.for<[string, () => URL]>([
    ["throws when it is loaded", () => scriptWorker("throws", "throw new Error('not today');")],
    ["is not there", () => built.url("nothing-here")],
    ["cannot be a thread", () => new URL("https://example.invalid/worker.js")],
  ])("code that %s is an error", async ([, url]) => {
    const broken = createBuildPool({ threads: 2, worker: url() });
    expect(await outcomeOf(broken.build(bytesSource(small), gzip))).toMatchObject({ code: "ERR_ZTOC_WORKER" });
    broken.close();
  });
});

test("a pool that uses the calling thread takes it when the others are busy, and lets their layers come on meanwhile", async () => {
  const stuck = createBuildPool({
    threads: 1,
    usesCallingThread: true,
    worker: scriptWorker("never", "parentPort.on('message', () => {});"),
  });
  expect(stuck.threads).toBe(2);
  let read = 0;
  const source: BlobSource = { size: 2 ** 30, read: async (_, length) => ((read += length), new Uint8Array(length)) };
  const waiting = outcomeOf(stuck.build(source, gzip));
  // Whose input is always there at once.
  const builds = [1, 2].map(() => stuck.build(bytesSource(large), gzip));
  const wanted = await buildZtoc(chunked(large), gzip);
  for (const { digest } of await Promise.all(builds)) expect(digest).toBe(wanted.digest);
  expect(read).toBeGreaterThan(2 ** 20);
  stuck.close();
  expect(await waiting).toMatchObject({ code: "ERR_ZTOC_WORKER" });
});

test("a pool builds on the calling thread where the host starts no threads, as Deno does without permissions", async () => {
  const threads = process.getBuiltinModule("node:worker_threads");
  const { Worker } = threads;
  threads.Worker = class {
    constructor() {
      throw new Error("Requires read access");
    }
  } as unknown as typeof Worker;
  const denied = createBuildPool({ threads: 2 });
  try {
    denied.prepare(2);
    const built = await Promise.all(layers.map((layer) => denied.build(chunked(layer), spans)));
    const wanted = await Promise.all(layers.map((layer) => buildZtoc(chunked(layer), spans)));
    expect(built.map(({ digest }) => digest)).toEqual(wanted.map(({ digest }) => digest));
    const named = createBuildPool({ threads: 2, worker });
    expect(await outcomeOf(named.build(chunked(small), gzip))).toMatchObject({ code: "ERR_ZTOC_WORKER" });
    named.close();
  } finally {
    threads.Worker = Worker;
    denied.close();
  }
});

test("prepare() starts threads before there is a layer: no more than there may be, and none of them twice", async () => {
  const marks = join(built.folder, "prepared");
  mkdirSync(marks);
  const script = `import { writeFileSync } from "node:fs"; import { threadId } from "node:worker_threads";
    import "./build-worker.js";
    writeFileSync(${JSON.stringify(marks)} + "/" + threadId, "");`;
  const prepared = createBuildPool({ threads: 2, worker: scriptWorker("prepared-worker", script) });
  const started = (): number => readdirSync(marks).length;
  prepared.prepare(1);
  await expect.poll(started).toBe(1);
  prepared.prepare(99);
  prepared.prepare(99);
  await expect.poll(started).toBe(2);
  const builds = [1, 2, 3].map(() => prepared.build(chunked(small), gzip));
  const wanted = await buildZtoc(chunked(small), gzip);
  for (const { digest } of await Promise.all(builds)) expect(digest).toBe(wanted.digest);
  expect(started()).toBe(2);
  prepared.close();
  prepared.prepare(1);
  await turn();
  expect(started()).toBe(2);
});

describe("createBuildPool()", () => {
  test.for<BuildPoolOptions>([
    { threads: -1 },
    { threads: 1.5 },
    { threads: NaN },
    { memoryBytes: -1 },
    { memoryBytes: NaN },
    { memoryBytes: 1.5 },
    { memoryBytes: "5" as unknown as number },
  ])("refuses %o", (options) => {
    expect(() => createBuildPool(options)).toThrow(RangeError);
  });

  test("says how many threads build", () => {
    expect(createBuildPool({ threads: 3 }).threads).toBe(3);
    expect(createBuildPool({ threads: 3, usesCallingThread: true }).threads).toBe(4);
    expect(createBuildPool({ threads: 0 }).threads).toBe(1);
  });

  test("one that is idle lets the process end, one that builds does not", () => {
    const script = `
      import { createBuildPool } from ${JSON.stringify(built.url("build").href)};
      import { gzipSync } from "node:zlib";
      const pool = createBuildPool({ threads: 1 });
      async function* layer() { yield gzipSync(new Uint8Array(10240)); }
      const { bytes, ztoc } = await pool.build(layer(), { compression: "gzip" });
      console.log(bytes.length > 32768, ztoc.toc.length);`;
    // Without the code's URL, and with an option that a thread cannot have.
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
    expect(printed.toString()).toBe("true 0\n");
  });
});
