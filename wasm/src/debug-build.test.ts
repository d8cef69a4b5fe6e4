import { readdirSync, readFileSync } from "node:fs";
import { deflateRawSync, gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { Core } from "./core.ts";
import type { BlockBoundary } from "./gzip-scan.ts";
import { createInflate, type Inflate } from "./load-inflate.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { concat, gzipMember } from "./testing/gzip-member.ts";
import { compressibleBytes, createRandom } from "./testing/random.ts";
import { randomDeflate } from "./testing/random-deflate.ts";

// Made by `npm run test:debug -w wasm`; the compiler is not run by other tests.
const DEBUG = new URL("../build/inflate-debug.wasm", import.meta.url);
const LAYERS = new URL("../../../shared/golden/layers/", import.meta.url);

function read(url: URL): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Uint8Array(readFileSync(url));
  } catch {
    return undefined;
  }
}

const bytes = process.env["SOCIKIT_DEBUG_BUILD"] === undefined ? undefined : read(DEBUG);

describe.skipIf(bytes === undefined)("the debug build finds no access outside of its regions", () => {
  let module: WebAssembly.Module;
  let whole: Inflate;
  let cramped: Inflate;
  beforeAll(async () => {
    module = await WebAssembly.compile(bytes!);
    whole = await createInflate(module);
    cramped = await createInflate(module, { input: 512, output: 300 });
  });

  /** Scans with all that can be asked for, and resumes from boundaries. */
  async function decodeAll(
    inflate: Inflate,
    gzip: Uint8Array,
    chunkSize: number,
    minSpan: number,
  ): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const boundaries: (BlockBoundary & { window: Uint8Array })[] = [];
    const scan = inflate.scanGzip({
      output: (part) => void parts.push(part.slice()),
      member: () => undefined,
      crossing: () => undefined,
      block(boundary, window) {
        if (boundary.uncompressed - (boundaries.at(-1)?.uncompressed ?? -minSpan) >= minSpan)
          boundaries.push({ ...boundary, window: window() });
      },
    });
    for (let at = 0; at < gzip.length; at += chunkSize) scan.push(gzip.subarray(at, at + chunkSize));
    scan.finish();
    const output = concat(...parts);
    for (const [i, from] of boundaries.entries()) {
      const end = boundaries[i + 1]?.uncompressed ?? output.length;
      const byte = from.compressed - (from.bits === 0 ? 0 : 1);
      const start = { byte, bits: from.bits, window: [{ at: 0, bytes: from.window }] };
      const compressed = gzip.subarray(byte, boundaries[i + 1]?.compressed);
      const want = { start: 0, end: end - from.uncompressed };
      const spans: Uint8Array[] = [];
      for await (const part of inflate.decoder.decode(start, compressed, want)) spans.push(part);
      expectBytes(concat(...spans), output.subarray(from.uncompressed, end));
      inflate.windowUse(start, compressed, want.end);
    }
    return output;
  }

  test("a write to any red zone traps", () => {
    const probe = new WebAssembly.Instance(module).exports as Record<string, (index?: number) => number>;
    const count = probe["zoneCount"]!();
    expect(count).toBeGreaterThan(15);
    for (let zone = 0; zone < count; zone++) {
      for (const at of [probe["zoneStart"]!(zone), probe["zoneEnd"]!(zone) - 1]) {
        const core = new Core(module);
        core.startStream(false, false);
        expect(core.run(core.output + 100, 0)).toBe(0);
        core.memory[at] = 0;
        expect(() => core.run(core.output + 100, 0)).toThrow("trapped");
      }
    }
  });

  test("over random blocks, whole and damaged", async () => {
    for (let seed = 0; seed < 25; seed++) {
      const random = createRandom(seed);
      const { deflated, output } = random.chance(70) ? randomDeflate(random, 1 + random.below(8)) : compressed();
      const gzip = concat(gzipMember(deflated, output), gzipMember(deflated, output));
      for (const [inflate, chunkSize] of [
        [whole, gzip.length],
        [cramped, 1 + random.below(600)],
      ] as const)
        expectBytes(await decodeAll(inflate, gzip, chunkSize, 0), concat(output, output));
      for (let i = 0; i < 6; i++) {
        const damaged = gzip.slice(0, random.chance(20) ? random.below(gzip.length) : gzip.length);
        for (let flips = 1 + random.below(4); flips > 0 && damaged.length > 0; flips--)
          damaged[random.below(damaged.length)]! ^= 1 << random.below(8);
        const failure = await decodeAll(random.pick([whole, cramped]), damaged, 500, 0).then(
          () => undefined,
          (error: { code?: unknown }) => error,
        );
        expect(failure?.code).not.toBe("ERR_INFLATE_ABORTED_INSTANCE");
        if (failure !== undefined) expect(failure.code).toMatch(/^ERR_INFLATE_/);
      }

      function compressed(): { deflated: Uint8Array; output: Uint8Array } {
        const own = compressibleBytes(random, random.below(50_000));
        return { deflated: deflateRawSync(own, { level: random.below(10) }), output: own };
      }
    }
  });

  test("over scans that are saved and go on in another instance", () => {
    for (let seed = 0; seed < 10; seed++) {
      const random = createRandom(seed);
      const { deflated, output } = randomDeflate(random, 1 + random.below(8));
      const gzip = concat(gzipMember(deflated, output, { name: "n" }), gzipMember(deflated, output));
      for (const inflate of [whole, cramped]) {
        const parts: Uint8Array[] = [];
        const sink = { output: (part: Uint8Array) => void parts.push(part.slice()) };
        let scan = inflate.scanGzip(sink);
        for (let at = 0; at < gzip.length;) {
          const length = 1 + random.below(300);
          scan.push(gzip.subarray(at, at + length));
          at += length;
          const next = inflate.scanGzip(sink, { from: scan.save() });
          scan.close();
          scan = next;
        }
        scan.finish();
        expectBytes(concat(...parts), concat(output, output));
      }
    }
  });

  const layers = read(new URL("perl-bgzip.tar.gz", LAYERS)) === undefined ? [] : readdirSync(LAYERS);
  test.for(layers.filter((name) => name.endsWith(".gz")))("over the layer %s", async (name) => {
    const gzip = read(new URL(name, LAYERS))!;
    expectBytes(await decodeAll(whole, gzip, 100_000, 2 ** 20), new Uint8Array(gunzipSync(gzip)));
  });
});
