import { digestOf } from "@socikit/oci";
import { loadInflate } from "@socikit/inflate";
import fc from "fast-check";
import { gzipSync, zlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { buildZtoc, LayerScan, ZtocBuilder, type BuildOptions, type LayerConsumer, type ZtocBuild } from "./build.ts";
import { decodeZtoc } from "./decode.ts";
import { ZtocError } from "./errors.ts";
import { base256, concat, latin1, paxHeader, tarEnd, tarEntry, tarHeader } from "./testing/tar-writer.ts";
import { decodeZinfo } from "./zinfo.ts";

async function* chunked(bytes: Uint8Array, chunkSize: number = bytes.length): AsyncIterable<Uint8Array> {
  // One array that is reused: whoever keeps a chunk finds other bytes in it.
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const chunk = bytes.slice(at, at + chunkSize);
    yield chunk;
    chunk.fill(0xee);
  }
}

async function build(layer: Uint8Array, options: Partial<BuildOptions> = {}, chunkSize?: number): Promise<ZtocBuild> {
  return buildZtoc(chunked(layer, chunkSize), { compression: "gzip", ...options });
}

async function errorOf(building: Promise<unknown>): Promise<ZtocError> {
  const error: unknown = await building.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ZtocError);
  return error as ZtocError;
}

/** Text that compresses, and has many blocks. */
function text(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return 97 + ((state >>> 16) % 7) * ((state >>> 24) % 3);
  });
}

const archive = concat(
  tarEntry({ name: "d/", typeflag: "5" }),
  paxHeader([["SCHILY.xattr.user.a", "b"]]),
  tarEntry({ name: "a" }, text(300_000)),
  tarEntry({ name: "b" }, "abc"),
  tarEnd(),
  new Uint8Array(8192),
);
const layer = gzipSync(archive, { level: 6, mtime: 0 });
const members = concat(
  gzipSync(archive.subarray(0, 200_000), { mtime: 0 }),
  gzipSync(archive.subarray(200_000), { mtime: 0, filename: "n" }),
);

describe("buildZtoc()", () => {
  test.each([
    ["gzip", layer, 20_000],
    ["several members", members, 20_000],
    ["plain tar", archive, 1000],
  ] as const)("builds the same however the layer is cut: %s", async (name, bytes, spanSize) => {
    const options = { spanSize, compression: name === "plain tar" ? "uncompressed" : "gzip" } as const;
    const whole = await build(bytes, options);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 100_000 })),
        async (chunkSize) => {
          expect((await build(bytes, options, chunkSize)).digest).toBe(whole.digest);
        },
      ),
      { numRuns: 8 },
    );
  });

  test("gives digests of the spans' bytes", async () => {
    const { ztoc } = await build(members, { spanSize: 20_000 }, 777);
    const { checkpoints } = decodeZinfo(ztoc.compression.zinfo);
    expect(checkpoints.length).toBeGreaterThan(3);
    ztoc.compression.spanDigests.forEach((digest, id) => {
      const { compressedOffset, bits } = checkpoints.at(id)!;
      const end = checkpoints.at(id + 1)?.compressedOffset ?? members.length;
      expect(digestOf(members.subarray(compressedOffset - (bits === 0 ? 0 : 1), end))).toBe(digest);
    });
  });

  test("describes what it read", async () => {
    const { ztoc, bytes, digest, warnings, needsXattrs } = await build(layer);
    expect(digestOf(bytes)).toBe(digest);
    expect(ztoc).toMatchObject({
      version: "0.9",
      buildToolIdentifier: "AWS SOCI CLI v0.2",
      compressedArchiveSize: layer.length,
      uncompressedArchiveSize: archive.length - 8192,
    });
    expect(
      Array.from(ztoc.toc, ({ name, headerOffset, uncompressedOffset }) => [name, headerOffset, uncompressedOffset]),
    ).toEqual([
      ["d/", 0, 512],
      ["a", 512, 2048],
      ["b", 302_080, 302_592],
    ]);
    expect([warnings, needsXattrs]).toEqual([[], true]);
  });

  test("reads streams", async () => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(layer.subarray(0, 1000));
        controller.enqueue(layer.subarray(1000));
        controller.close();
      },
    });
    expect((await buildZtoc(stream, { compression: "gzip" })).digest).toBe((await build(layer)).digest);
  });

  test("stores the tool's name, which changes the bytes", async () => {
    const { ztoc, digest } = await build(layer, { buildToolIdentifier: "töol" });
    expect(ztoc.buildToolIdentifier).toBe("töol");
    expect(digest).not.toBe((await build(layer)).digest);
  });

  test("takes an empty plain tar", async () => {
    const { ztoc, digest } = await build(new Uint8Array(0), { compression: "uncompressed" });
    expect(ztoc.compression.maxSpanId).toBe(-1);
    expect(digest).toBe("sha256:adea60c2769acec3e7efdf8c3a78d809921af5a25afc10e66a57bc7ca2cbac37");
  });

  test("ends with the signal's reason, also while the next chunk is awaited", async () => {
    const controller = new AbortController();
    let returned = false;
    const stuck: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        async return() {
          returned = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const building = buildZtoc(stuck, { compression: "gzip", signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 5);
    await expect(building).rejects.toBe(reason);
    expect(returned).toBe(true);
    await expect(build(layer, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("passes errors of the stream through", async () => {
    const broken = new Error("connection lost");
    async function* half(): AsyncIterable<Uint8Array> {
      yield layer.subarray(0, 100);
      throw broken;
    }
    await expect(buildZtoc(half(), { compression: "gzip" })).rejects.toBe(broken);
  });

  test("lets others take part in the pass", async () => {
    let compressed = 0;
    let output = 0;
    let blocks = 0;
    let ended = 0;
    const consumer: LayerConsumer = {
      compressed: (bytes) => void (compressed += bytes.length),
      output: (bytes) => void (output += bytes.length),
      block: () => void blocks++,
      end: () => void ended++,
    };
    const { digest } = await build(layer, { consumers: [consumer] }, 500);
    expect([compressed, output, ended]).toEqual([layer.length, archive.length, 1]);
    expect(blocks).toBeGreaterThan(3);
    expect(digest).toBe((await build(layer)).digest);
  });
});

describe("buildZtoc() refuses, in the reference's words,", () => {
  const gzipError = "could not generate gzip zinfo. gzip error: -3";
  const flipped = (at: number): Uint8Array => {
    const bytes = layer.slice();
    bytes[at < 0 ? bytes.length + at : at]! ^= 0xff;
    return bytes;
  };
  const badTar = gzipSync(tarHeader({ checksum: "0" }));
  test.each<readonly [string, Uint8Array, string, string]>([
    ["nothing", new Uint8Array(0), "ERR_ZTOC_GZIP_EMPTY", gzipError],
    ["a plain tar", archive, "ERR_ZTOC_GZIP_HEADER", gzipError],
    ["damaged data", flipped(40), "ERR_ZTOC_GZIP_DATA", gzipError],
    [
      "a zlib stream that needs a preset dictionary",
      concat(Uint8Array.of(0x78, 0xbb, 1, 2, 3, 4), layer.subarray(10)),
      "ERR_ZTOC_GZIP_DICTIONARY",
      gzipError,
    ],
    ["a wrong CRC", flipped(-8), "ERR_ZTOC_GZIP_CHECKSUM", gzipError],
    ["a wrong length", flipped(-4), "ERR_ZTOC_GZIP_CHECKSUM", gzipError],
    ["a layer that is cut", layer.subarray(0, -9), "ERR_ZTOC_GZIP_TRUNCATED", gzipError],
    ["zeros behind it", concat(layer, new Uint8Array(3)), "ERR_ZTOC_GZIP_TRAILING_BYTES", gzipError],
    ["text behind it", concat(layer, latin1("junk")), "ERR_ZTOC_GZIP_TRAILING_BYTES", gzipError],
    ["a zlib stream", zlibSync(archive), "ERR_ZTOC_GZIP_MEMBER_UNREADABLE", "gzip: invalid header"],
    ["a zlib stream of 8 bytes", zlibSync(new Uint8Array(0)), "ERR_ZTOC_GZIP_MEMBER_UNREADABLE", "unexpected EOF"],
    [
      "a name of 512 bytes",
      gzipSync(archive, { filename: "n".repeat(512) }),
      "ERR_ZTOC_GZIP_MEMBER_UNREADABLE",
      "gzip: invalid header",
    ],
    [
      "a name of 512 bytes before a bad tar",
      gzipSync(tarHeader({ checksum: "0" }), { filename: "n".repeat(512) }),
      "ERR_ZTOC_GZIP_MEMBER_UNREADABLE",
      "gzip: invalid header",
    ],
    [
      "a zlib stream behind a member, where the archive goes on",
      concat(gzipSync(archive.subarray(0, 200_000)), zlibSync(archive.subarray(200_000))),
      "ERR_ZTOC_GZIP_MEMBER_UNREADABLE",
      "error while reading tar header: gzip: invalid header",
    ],
    [
      "an empty zlib stream behind a member, where the archive goes on",
      concat(gzipSync(archive.subarray(0, 200_000)), zlibSync(new Uint8Array(0))),
      "ERR_ZTOC_GZIP_MEMBER_UNREADABLE",
      "error while reading tar header: unexpected EOF",
    ],
    [
      "a later name of 512 bytes, before what is wrong with the tar",
      concat(gzipSync(archive.subarray(0, 512)), gzipSync(tarHeader({ checksum: "0" }), { filename: "n".repeat(512) })),
      "ERR_ZTOC_GZIP_MEMBER_UNREADABLE",
      "error while reading tar header: gzip: invalid header",
    ],
    [
      "what is wrong with the tar, before a later zlib stream",
      concat(badTar, zlibSync(archive)),
      "ERR_ZTOC_TAR_HEADER",
      "archive/tar: invalid tar header",
    ],
    ["a bad tar", badTar, "ERR_ZTOC_TAR_HEADER", "error while reading tar header: archive/tar: invalid tar header"],
    [
      "a bad tar, after what is wrong with the gzip stream",
      concat(badTar, latin1("junk")),
      "ERR_ZTOC_GZIP_TRAILING_BYTES",
      gzipError,
    ],
  ])("%s", async (_, bytes, code, message) => {
    for (const chunkSize of [undefined, 7]) {
      const error = await errorOf(build(bytes, {}, chunkSize));
      expect(error.message).toContain(message);
      expect(error.code).toBe(code);
    }
  });

  test("nothing about bytes after the end of the archive", async () => {
    const bytes = gzipSync(concat(tarEntry({}), tarEnd(), latin1("no tar at all".repeat(100))));
    expect((await build(bytes)).ztoc.uncompressedArchiveSize).toBe(1536);
  });

  test("nothing about zlib streams behind the end of the archive", async () => {
    const bytes = concat(gzipSync(concat(tarEntry({}), tarEnd())), zlibSync(latin1("anything")));
    expect((await build(bytes)).ztoc.uncompressedArchiveSize).toBe(1536);
  });

  test("nothing about a name of 511 bytes", async () => {
    expect((await build(gzipSync(archive, { filename: "n".repeat(511) }))).ztoc.toc.length).toBe(3);
  });

  test("span sizes that are none", async () => {
    for (const spanSize of [-1, 0.5, Number.NaN, 2 ** 53])
      await expect(build(layer, { spanSize })).rejects.toThrow(RangeError);
    expect((await errorOf(build(archive, { spanSize: 0, compression: "uncompressed" }))).code).toBe(
      "ERR_ZTOC_SPAN_SIZE",
    );
    expect((await build(layer, { spanSize: 0 })).ztoc.compression.maxSpanId).toBeGreaterThan(3);
  });
});

describe("buildZtoc() warns of", () => {
  const warningsOf = async (
    ...parts: readonly Uint8Array[]
  ): Promise<readonly (readonly [string, number | undefined])[]> => {
    const { warnings, bytes } = await build(gzipSync(concat(...parts, tarEnd())));
    // Odd zTOCs can be read all the same, unless they say otherwise.
    if (!warnings.some(({ code }) => code === "WARN_ZTOC_NUMBER_OUT_OF_RANGE")) decodeZtoc(bytes);
    else expect(() => decodeZtoc(bytes)).toThrow(ZtocError);
    return warnings.map(({ code, entry }) => [code, entry?.index]);
  };

  test("sparse files, and what they do to the entry behind them", async () => {
    const map = paxHeader([
      ["GNU.sparse.size", "20000"],
      ["GNU.sparse.numblocks", "1"],
      ["GNU.sparse.map", "0,3"],
    ]);
    expect(await warningsOf(tarEntry({}), map, tarEntry({}, "abc"), tarEntry({ name: "n" }))).toEqual([
      ["WARN_ZTOC_SPARSE_FILE", 1],
      ["WARN_ZTOC_INVALID_TOC_ENTRY", 2],
    ]);
  });

  test("links with a size, which may leave the zTOC readable or not", async () => {
    const link = (size: number): Uint8Array => tarHeader({ typeflag: "1", size });
    expect(await warningsOf(link(5), tarEntry({}))).toEqual([["WARN_ZTOC_SIZE_WITHOUT_CONTENT", 0]]);
    expect(await warningsOf(link(513), tarEntry({}))).toEqual([
      ["WARN_ZTOC_SIZE_WITHOUT_CONTENT", 0],
      ["WARN_ZTOC_INVALID_TOC_ENTRY", 1],
    ]);
    const negative = tarHeader({ typeflag: "1", size: base256(-5n, 12) });
    expect(await warningsOf(negative, tarEntry({}))).toEqual([["WARN_ZTOC_SIZE_WITHOUT_CONTENT", 0]]);
  });

  test("times and numbers that cannot be kept", async () => {
    expect(await warningsOf(tarEntry({ mtime: base256(2n ** 40n, 12) }))).toEqual([["WARN_ZTOC_NO_MOD_TIME", 0]]);
    expect(await warningsOf(tarEntry({ mode: base256(2n ** 60n, 8) }))).toEqual([["WARN_ZTOC_NUMBER_OUT_OF_RANGE", 0]]);
    // Owners wrap, as the reference stores 32 bits of them.
    expect(await warningsOf(tarEntry({ uid: base256(2n ** 60n, 8) }))).toEqual([]);
  });

  test("empty spans, which a flush at the start makes", async () => {
    const empty = gzipSync(new Uint8Array(0));
    const { warnings } = await build(concat(empty, layer));
    expect(warnings.map(({ code }) => code)).toEqual(["WARN_ZTOC_EMPTY_SPAN"]);
  });

  test("no more than 1,000 things", async () => {
    const links = Array.from({ length: 1200 }, () => tarHeader({ typeflag: "1", size: 5 }));
    const warnings = await warningsOf(...links);
    expect(warnings).toHaveLength(1001);
    expect(warnings.at(-1)).toEqual(["WARN_ZTOC_MORE", undefined]);
  });
});

test.each([
  [false, "nothing of the kind", tarEntry({ name: ".wh.a" })],
  [true, "an extended attribute, even an empty one", concat(paxHeader([["SCHILY.xattr.a", ""]]), tarEntry({}))],
  [true, "an opaque directory", tarEntry({ name: "d/.wh..wh..opq" })],
])("needsXattrs is %s for %s", async (needsXattrs, _, tar) => {
  expect((await build(tar, { compression: "uncompressed" })).needsXattrs).toBe(needsXattrs);
});

test("LayerScan asks for blocks only where somebody wants them", async () => {
  const inflate = await loadInflate();
  const seen: number[] = [];
  const late: LayerConsumer = {
    block: ({ uncompressed }) => void seen.push(uncompressed),
    nextBlock: () => (seen.at(-1) ?? 99_999) + 1,
  };
  const builder = new ZtocBuilder({ compression: "gzip" });
  const scan = new LayerScan({ compression: "gzip", inflate }, [builder, late]);
  scan.push(layer);
  scan.finish();
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.every((at) => at >= 100_000)).toBe(true);
  expect(builder.result().digest).toBe((await build(layer)).digest);
  expect(() => scan.push(layer)).toThrow(TypeError);
  expect(() => scan.finish()).toThrow(TypeError);
  scan.close();
});

test("LayerScan and ZtocBuilder refuse what makes no sense", () => {
  expect(() => new LayerScan({ compression: "gzip" }, [])).toThrow(TypeError);
  expect(() => new ZtocBuilder({ compression: "gzip" }).result()).toThrow(TypeError);
});

test("buildZtoc() turns any damage into a zTOC or a coded error", async () => {
  const inflate = await loadInflate();
  const small = gzipSync(concat(paxHeader([["path", "p"]]), tarEntry({}, text(3000)), tarEnd()), { mtime: 0 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: small.length - 1 }), fc.nat({ max: 255 })), { maxLength: 3 }),
      fc.nat({ max: small.length }),
      (changes, cut) => {
        const bytes = small.slice(0, cut);
        for (const [at, byte] of changes) if (at < cut) bytes[at] = byte;
        const builder = new ZtocBuilder({ compression: "gzip", spanSize: 100 });
        const scan = new LayerScan({ compression: "gzip", inflate }, [builder]);
        try {
          scan.push(bytes);
          scan.finish();
          decodeZtoc(builder.result().bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ZtocError);
        } finally {
          scan.close();
        }
      },
    ),
    { numRuns: 500 },
  );
});

describe("maxZtocBytes", () => {
  const entries = concat(...["a", "b", "c"].map((c) => tarEntry({ name: c.repeat(90) }, "x")), tarEnd());
  const plain = (maxZtocBytes: number, layer: Uint8Array = entries): Promise<ZtocBuild> =>
    build(layer, { compression: "uncompressed", maxZtocBytes });

  test("a zTOC up to the limit is one, past it is an error", async () => {
    const { bytes } = await plain(10_000);
    expect((await plain(bytes.length)).bytes).toEqual(bytes);
    const { code, message } = await errorOf(plain(bytes.length - 1));
    expect(code).toBe("ERR_ZTOC_TOO_LARGE");
    expect(message).toContain(`it has ${bytes.length} bytes, more than ${bytes.length - 1}`);
  });

  test("entries that must exceed it end the build at once, also by the tables of their PAX records", async () => {
    // A record has 20 bytes of strings there, and 16 of its table and its place.
    const records = Array.from({ length: 2000 }, (_, i): [string, string] => [String(1000 + i), ""]);
    const layer = concat(paxHeader(records), tarEntry({ name: "a" }));
    async function* endless(): AsyncIterable<Uint8Array> {
      for (let i = 0; i < 15; i++) yield layer;
      throw new Error("it was read on");
    }
    const { code, message } = await errorOf(
      buildZtoc(endless(), { compression: "uncompressed", maxZtocBytes: 700_000 }),
    );
    expect(code).toBe("ERR_ZTOC_TOO_LARGE");
    expect(message).toContain("more than 700000 bytes");
  });

  test("a tar that is damaged before it is told as such", async () => {
    const damaged = entries.slice();
    damaged[2 * 1024 + 148] = 0x39;
    expect((await errorOf(plain(500, damaged))).code).toMatch(/^ERR_ZTOC_TAR_/);
    expect((await errorOf(plain(300, damaged))).code).toBe("ERR_ZTOC_TOO_LARGE");
  });

  test("checkpoints past the limit end the build at once", async () => {
    const layer = gzipSync(concat(tarEntry({ name: "a" }, text(2_000_000)), tarEnd()));
    expect((await errorOf(build(layer, { spanSize: 0, maxZtocBytes: 70_000 }))).code).toBe("ERR_ZTOC_TOO_LARGE");
  });
});
