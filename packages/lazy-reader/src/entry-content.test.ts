import type { TocEntry } from "@socikit/ztoc";
import { describe, expect, test } from "vitest";
import { concat, EntryContents, MAX_HEADER_BYTES, MAX_READ_BYTES } from "./entry-content.ts";
import type { LazyLayer } from "./lazy-layer.ts";
import { someDigest } from "./testing/fake-index.ts";
import { writeTar, type TarFile } from "./testing/tar-writer.ts";
import { tableOf, tocEntry } from "./testing/toc-entry.ts";

const code = (code: string) => expect.objectContaining({ code });

/** A layer of some output and one entry, which notes what is asked of it. */
function layerOf(output: Uint8Array, entry: TocEntry, fields: Partial<LazyLayer> = {}) {
  const asked: [start: number, end: number][] = [];
  const layer: LazyLayer = {
    layer: { mediaType: "", digest: someDigest("layer"), size: output.length },
    mode: "ztoc",
    derived: false,
    toc: tableOf([entry]),
    async *chunks({ start, end }) {
      await Promise.resolve();
      asked.push([start, end]);
      // Chunks of a size that fits no boundary.
      for (let at = start; at < end; at += 300) yield output.slice(at, Math.min(at + 300, end));
    },
    tierOf: () => 1,
    contains: ({ end }) => end <= output.length,
    close: () => Promise.resolve(),
    ...fields,
  };
  return { layer, asked, contents: new EntryContents(layer) };
}

const content = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
const file: TarFile = { name: "f", content };
const entry = tocEntry("f", { uncompressedSize: content.length });

describe("EntryContents", () => {
  test("reads header and content at once the first time, and the content alone afterwards", async () => {
    const { contents, asked } = layerOf(writeTar([file]), entry);
    const open = contents.open(0);
    expect(await open.read(10, 20)).toEqual(content.slice(10, 30));
    expect(await open.read(0, 5)).toEqual(content.slice(0, 5));
    expect(asked).toEqual([
      [0, 542],
      [512, 517],
    ]);
  });

  test("reads the header beside content that is far from it", async () => {
    const { contents, asked } = layerOf(writeTar([file]), entry);
    expect(await contents.open(0).read(150_000, 1000)).toEqual(content.slice(150_000, 151_000));
    expect(asked.sort(([a], [b]) => a - b)).toEqual([
      [0, 512],
      [150_512, 151_512],
    ]);
  });

  test("clamps to the file, as read(2) does", async () => {
    const open = layerOf(writeTar([file]), entry).contents.open(0);
    expect(await open.read(199_990, 100)).toEqual(content.slice(-10));
    expect(await open.read(200_000, 100)).toHaveLength(0);
    expect(await open.read(900_000, 100)).toHaveLength(0);
    expect(await concat(open.chunks(199_990, 1e9))).toEqual(content.slice(-10));
  });

  test("lets no byte out before a false header is seen, near or far", async () => {
    for (const start of [0, 150_000]) {
      const { contents } = layerOf(writeTar([{ ...file, mode: 0o600 }]), entry);
      const got: Uint8Array[] = [];
      const reading = (async () => {
        for await (const chunk of contents.open(0).chunks(start, start + 1000)) got.push(chunk);
      })();
      await expect(reading).rejects.toEqual(code("ERR_LAZY_HEADER_MISMATCH"));
      expect(got).toEqual([]);
    }
  });

  test("gives no content, not even an empty one, where a layer ends before the header does", async () => {
    for (const fields of [{}, { uncompressedSize: 0 }]) {
      const short = layerOf(
        writeTar([file]),
        { ...entry, ...fields },
        {
          async *chunks({ start }) {
            await Promise.resolve();
            yield writeTar([file]).slice(start, start + 100);
          },
        },
      );
      await expect(short.contents.open(0).read(0, 10)).rejects.toEqual(code("ERR_LAZY_HEADER_MISMATCH"));
    }
  });

  test.for([
    ["near", 0],
    ["far", 150_000],
    ["behind the end", 200_000],
  ] as const)("leaves nothing open where the reader of content that is %s stops", async ([, start]) => {
    for (const mode of [0o644, 0o600]) {
      let open = 0;
      const tar = writeTar([{ ...file, mode }]);
      const { contents } = layerOf(tar, entry, {
        async *chunks(range) {
          open++;
          try {
            for (let at = range.start; at < range.end; at += 300) {
              await Promise.resolve();
              yield tar.slice(at, Math.min(at + 300, range.end));
            }
          } finally {
            open--;
          }
        },
      });
      await (async () => {
        for await (const chunk of contents.open(0).chunks(start, start + 5000)) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      })().catch((error: unknown) => expect(error).toEqual(code("ERR_LAZY_HEADER_MISMATCH")));
      await new Promise((resolve) => setTimeout(resolve, 0));
      expect(open).toBe(0);
    }
  });

  test("verifies a header of several blocks", async () => {
    const pax = { path: "long/".repeat(100) + "f", "SCHILY.xattr.user.k": "v" };
    const tar = writeTar([{ ...file, pax }]);
    const paxRecords = new Map(Object.entries(pax)) as unknown as TocEntry["paxRecords"];
    const long = tocEntry(pax.path, {
      uncompressedSize: content.length,
      uncompressedOffset: tar.length - 1024 - 200_192,
      paxRecords,
    });
    expect(await layerOf(tar, long).contents.open(0).read(0, 9)).toEqual(content.slice(0, 9));
    const without = { ...long, paxRecords: new Map() };
    await expect(layerOf(tar, without).contents.open(0).read(0, 9)).rejects.toThrow("user.k");
  });

  test("compares nothing where the table was made of the very bytes", async () => {
    const { contents, asked } = layerOf(writeTar([{ ...file, mode: 0o600 }]), entry, { derived: true });
    expect(await contents.open(0).read(0, 3)).toEqual(content.slice(0, 3));
    expect(asked).toEqual([[512, 515]]);
  });

  test.for<[string, Partial<TocEntry>]>([
    ["its header behind its content", { headerOffset: 1024 }],
    ["no header: its content begins where its header does", { headerOffset: 512 }],
    ["no header, and no content either", { headerOffset: 512, uncompressedSize: 0 }],
    ["no header, but content that is one", { uncompressedOffset: 0, uncompressedSize: 512 }],
    ["a header before the layer", { headerOffset: -512 }],
    ["a negative size", { uncompressedSize: -1 }],
    ["a size past 2^53", { uncompressedSize: 2 ** 53 }],
    ["an end past the layer", { uncompressedSize: 300_000 }],
    ["a start past the layer", { uncompressedOffset: 900_000 }],
  ])("refuses an entry with %s", ([, fields]) => {
    expect(() => layerOf(writeTar([file]), { ...entry, ...fields }).contents.open(0)).toThrow(
      code("ERR_LAZY_ENTRY_REFUSED"),
    );
  });

  test("takes a header of the largest size, and refuses one of a byte more", () => {
    const at = (uncompressedOffset: number) =>
      layerOf(writeTar([file]), { ...entry, uncompressedOffset }, { contains: () => true }).contents;
    expect(() => at(MAX_HEADER_BYTES).open(0)).not.toThrow();
    expect(() => at(MAX_HEADER_BYTES + 1).open(0)).toThrow(code("ERR_LAZY_ENTRY_REFUSED"));
  });

  test("reads as much at once as its limit, and not a byte more", async () => {
    const huge = { ...entry, uncompressedSize: MAX_READ_BYTES + 1 };
    // The layer has nothing to give: what counts is what is asked for.
    const { contents, asked } = layerOf(new Uint8Array(0), huge, {
      derived: true,
      contains: () => true,
      chunks: async function* (range) {
        await Promise.resolve();
        asked.push([range.start, range.end]);
        yield new Uint8Array(1);
      },
    });
    expect(await contents.open(0).read(1, MAX_READ_BYTES)).toHaveLength(1);
    await expect(contents.open(0).read(0, MAX_READ_BYTES + 1)).rejects.toEqual(code("ERR_LAZY_FILE_TOO_LARGE"));
    expect(asked).toEqual([[513, 513 + MAX_READ_BYTES]]);
  });

  test.for([
    [-1, 5],
    [0, -1],
    [0.5, 1],
    [0, Number.NaN],
    [Number.MAX_SAFE_INTEGER, 1],
  ])("refuses to read from %d for %d", async ([offset, length]) => {
    await expect(
      layerOf(writeTar([file]), entry)
        .contents.open(0)
        .read(offset!, length!),
    ).rejects.toThrow(RangeError);
  });
});
