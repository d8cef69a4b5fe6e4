import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { createDecoderPool } from "./decoder-pool.ts";
import { buildSources } from "./testing/built-sources.ts";
import { codeOf, decodeAll, describeDecoder } from "./testing/decoder-cases.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { compressibleBytes, createRandom } from "./testing/random.ts";
import { sweep } from "./testing/sweep.ts";

const built = buildSources();
const worker = built.url("decoder-worker");
const pool = createDecoderPool({ size: 2, worker });
afterAll(() => {
  pool.close();
  built.remove();
});

describeDecoder("pool of workers", pool, { seeds: sweep(3, 8), stride: sweep(11, 5) });

const output = compressibleBytes(createRandom(40), 3_000_000);
const deflated = deflateRawSync(output);

/** A worker that ends at its first spans: as often as there are lives. It is told apart by a file. */
function mortalWorker(name: string, deaths: number, event: "decode" | "taken" | "never loads"): URL {
  const path = join(built.folder, `${name}.js`);
  writeFileSync(
    path,
    `import { mkdirSync } from "node:fs";
    import { parentPort } from "node:worker_threads";
    import "./decoder-worker.js";
    function die() {
      for (let life = 0; life < ${deaths}; life++) {
        try {
          mkdirSync(new URL("./${name}-" + life, import.meta.url));
        } catch {
          continue;
        }
        process.exit(3);
      }
    }
    if (${JSON.stringify(event)} === "never loads") throw new Error("not today");
    parentPort.on("message", ({ kind }) => {
      if (kind === ${JSON.stringify(event)}) die();
    });`,
  );
  return pathToFileURL(path);
}

describe("workers that die", () => {
  test("a death costs one retry, and no byte", async () => {
    const mortal = createDecoderPool({ size: 1, worker: mortalWorker("dies-once", 1, "decode") });
    expectBytes(await decodeAll(mortal, {}, deflated, 5, output.length), output.subarray(5));
    expect(existsSync(join(built.folder, "dies-once-0"))).toBe(true);
    expectBytes(await decodeAll(mortal, {}, deflated, 0, 1000), output.subarray(0, 1000));
    mortal.close();
  });

  test("what came before a death is not given twice", async () => {
    const zeros = deflateRawSync(new Uint8Array(30_000_000).fill(7));
    const mortal = createDecoderPool({ size: 1, worker: mortalWorker("dies-later", 1, "taken") });
    expectBytes(await decodeAll(mortal, {}, zeros, 0, 30_000_000), new Uint8Array(30_000_000).fill(7));
    expect(existsSync(join(built.folder, "dies-later-0"))).toBe(true);
    mortal.close();
  });

  test("two deaths are an error of that span; the pool goes on", async () => {
    const mortal = createDecoderPool({ size: 1, worker: mortalWorker("dies-twice", 2, "decode") });
    await expect(decodeAll(mortal, { byte: 7 }, deflated, 0, output.length)).rejects.toMatchObject({
      code: "ERR_INFLATE_ABORTED_INSTANCE",
      offset: 7,
      cause: expect.objectContaining({ message: "the worker ended with exit code 3" }),
    });
    expectBytes(await decodeAll(mortal, {}, deflated, 0, output.length), output);
    mortal.close();
  });

  test("spans that only wait for a worker are not charged with what another one does to it", async () => {
    const path = join(built.folder, "poisoned.js");
    writeFileSync(
      path,
      `import { parentPort } from "node:worker_threads";
      import "./decoder-worker.js";
      parentPort.on("message", (message) => {
        if (message.kind === "decode" && message.start.byte === 666) process.exit(9);
      });`,
    );
    for (const size of [1, 2]) {
      const poisoned = createDecoderPool({ size, worker: pathToFileURL(path) });
      const bytes = [0, 1, 666, 2, 3, 666, 4, 666, 5];
      const codes = await Promise.all(
        bytes.map((byte) => codeOf(decodeAll(poisoned, { byte }, deflated, 0, output.length))),
      );
      expect(codes).toEqual(bytes.map((byte) => (byte === 666 ? "ERR_INFLATE_ABORTED_INSTANCE" : "accepted")));
      poisoned.close();
    }
  });

  test.for<[string, URL]>([
    ["throws when it is loaded", mortalWorker("never", 0, "never loads")],
    ["is not there", built.url("nothing-here")],
    ["cannot be a worker", new URL("https://example.invalid/worker.js")],
  ])("a worker that %s is an error", async ([, url]) => {
    const broken = createDecoderPool({ size: 2, worker: url });
    expect(await codeOf(decodeAll(broken, {}, deflated, 0, 10))).toBe("ERR_INFLATE_ABORTED_INSTANCE");
    broken.close();
  });
});

describe("a pool", () => {
  test("spans that nobody goes on reading do not hold up others", async () => {
    const zeros = deflateRawSync(new Uint8Array(40_000_000));
    const single = createDecoderPool({ size: 1, worker });
    const slow = Array.from({ length: 3 }, () =>
      single.decode({ byte: 0, bits: 0, window: [] }, zeros, { start: 0, end: 40_000_000 })[Symbol.asyncIterator](),
    );
    for (const reading of slow) await reading.next();
    expectBytes(await decodeAll(single, {}, deflated, 0, output.length), output);
    for (const reading of slow) await reading.return?.();
    expectBytes(await decodeAll(single, {}, deflated, 0, output.length), output);
    single.close();
  });

  test("close() ends what runs, and what comes", async () => {
    const closing = createDecoderPool({ size: 1, worker });
    const running = codeOf(decodeAll(closing, {}, deflated, 0, output.length));
    const later = closing.decode({ byte: 0, bits: 0, window: [] }, deflated, { start: 0, end: 1 });
    closing.close();
    expect(await running).toBe("ERR_INFLATE_ABORTED_INSTANCE");
    await expect(later[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "ERR_INFLATE_ABORTED_INSTANCE" });
    expect(() => closing.decode({ byte: 0, bits: 0, window: [] }, deflated, { start: 0, end: 1 })).toThrow(TypeError);
    closing.close();
  });

  test.for<[unknown]>([[0], [-1], [1.5], [NaN], [Infinity], [2 ** 53], ["3"], [null], [{}], [2n], [Symbol("many")]])(
    "of %s workers is refused",
    ([size]) => {
      expect(() => createDecoderPool({ size: size as number })).toThrow(RangeError);
    },
  );

  test("a span that nobody goes on reading lets the process end; one that is waited for does not", () => {
    const script = `
      import { createDecoderPool } from ${JSON.stringify(built.url("decoder-pool").href)};
      import { deflateRawSync } from "node:zlib";
      const pool = createDecoderPool({ size: 1 });
      const zeros = deflateRawSync(new Uint8Array(12_000_000));
      const decode = () => pool.decode({ byte: 0, bits: 0, window: [] }, zeros, { start: 0, end: 12_000_000 });
      const left = decode()[Symbol.asyncIterator]();
      await left.next();
      let length = 0;
      for await (const chunk of decode()) length += chunk.length;
      console.log(length);`;
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
    expect(printed.toString()).toBe("12000000\n");
  });

  test("takes the compiled module, and an idle one lets the process end", () => {
    const script = `
      import { compileOwnModule } from ${JSON.stringify(built.url("load-inflate").href)};
      import { createDecoderPool } from ${JSON.stringify(built.url("decoder-pool").href)};
      const pool = createDecoderPool({ size: 1, module: await compileOwnModule() });
      const want = { start: 0, end: 1 };
      for await (const chunk of pool.decode({ byte: 0, bits: 0, window: [] }, Uint8Array.of(75, 4, 0), want)) console.log(chunk[0]);`;
    // Without a worker's URL, and with an option that a worker cannot have.
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
    expect(printed.toString()).toBe("97\n");
  });
});
