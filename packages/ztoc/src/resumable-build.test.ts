import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync as zlibGzipSync } from "node:zlib";
import { bytesSource, digestOf, type BlobSource } from "@socikit/oci";
import { gzipSync, zlibSync } from "fflate";
import { afterEach, describe, expect, test } from "vitest";
import { buildZtoc } from "./build-ztoc.ts";
import { ResumableBuild, type ResumableBuildOptions, type SavedPiece } from "./resumable-build.ts";
import { buildWorker } from "./testing/built-worker.ts";
import { base256, concat, latin1, GNU, paxHeader, tarEnd, tarEntry, tarHeader } from "./testing/tar-writer.ts";
import type { ZtocBuild } from "./ztoc-build.ts";

type Options = Omit<ResumableBuildOptions, "inflate">;

/** What a build comes to: what it returns, or its error. */
async function outcomeOf(building: Promise<ZtocBuild>): Promise<unknown> {
  try {
    const { digest, bytes, warnings, needsXattrs } = await building;
    return { digest, size: bytes.length, warnings, needsXattrs };
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message: string };
    if (typeof code !== "string") throw error;
    return { code, message };
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** The same by a build that goes on elsewhere at each of the cuts. */
async function resumedAt(layer: Uint8Array, cuts: readonly number[], options: Options): Promise<ZtocBuild> {
  let build = await ResumableBuild.start(options);
  let at = 0;
  try {
    for (const cut of cuts) {
      build.push(layer.slice(at, cut));
      at = cut;
      const saved = build.save();
      // The one before is still open, so that its decoder is not the next one's.
      const next = await ResumableBuild.resume(saved, options);
      build.close();
      saved.fill(0);
      expect(next.position).toBe(cut);
      build = next;
    }
    build.push(layer.slice(at));
    return build.finish();
  } finally {
    build.close();
  }
}

/** Each `step`th byte, and the end. */
function every(step: number, length: number): readonly number[] {
  return [...Array.from({ length: Math.ceil(length / step) }, (_, i) => i * step), length];
}

/** Lines that repeat, but not at once. */
function lines(seed: number): Uint8Array {
  return latin1(Array.from({ length: 300 }, (_, i) => `line ${(i + seed) ** 2 % 997}\n`).join(""));
}

const text = lines(0);
const xattr: readonly [string, string] = ["SCHILY.xattr.user.\xff", "\0\x80"];
/** A sparse map before the data, over two blocks. */
const sparseMap = latin1(
  `110\n${Array.from({ length: 110 }, (_, i) => `${i * 20}\n10\n`).join("")}`.padEnd(1024, "\0"),
);

/** A tar entry for everything that the parser can be in the middle of. */
const archives: readonly (readonly [string, Uint8Array])[] = [
  [
    "PAX records, xattrs, times and numbers",
    concat(
      paxHeader([xattr, ["path", "d/\xc3\xa9"], ["mtime", "-1.5"], ["uid", "4294967296"], ["size", "5"]]),
      tarEntry({ name: "x", size: 0 }, "12345"),
      tarEntry({ name: "far", mtime: base256(2n ** 40n, 12), devmajor: base256(-5n, 8), typeflag: "3" }),
      tarEntry({ name: "wide", uid: base256(2n ** 55n, 8), mode: base256(2n ** 54n, 8) }, "a"),
      tarEnd(),
    ),
  ],
  [
    "GNU long names",
    concat(
      tarEntry({ typeflag: "L", magic: GNU }, "n".repeat(700)),
      tarEntry({ typeflag: "K", magic: GNU }, "t".repeat(30)),
      tarEntry({ name: "short", typeflag: "2", magic: GNU, size: 7 }),
      tarEntry({ name: ".wh..wh..opq", magic: GNU }),
      tarEnd(),
    ),
  ],
  [
    "sparse files",
    concat(
      paxHeader([
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", "0"],
        ["GNU.sparse.name", "s"],
        ["GNU.sparse.realsize", "99999"],
        xattr,
      ]),
      tarEntry({ name: "GNUSparseFile.0/s" }, concat(sparseMap, latin1("abc"))),
      tarEntry({ name: "link", typeflag: "1", size: 9 }),
      tarEntry({ name: "large", typeflag: "1", size: 5000 }),
      tarEntry({ name: "z" }, "z"),
      tarEnd(),
      new Uint8Array(700),
    ),
  ],
  [
    "an old sparse file, which no zTOC can hold",
    concat(
      tarHeader({
        typeflag: "S",
        magic: GNU,
        size: 1024,
        raw: { 386: "00000000000\0" + "00000000512\0", 482: "\x01", 483: "00000010000\0" },
      }),
      concat(latin1("00000001000\0" + "00000000512\0"), new Uint8Array(488)),
      new Uint8Array(1024),
      tarEnd(),
    ),
  ],
  [
    "a bad header behind an entry",
    concat(tarEntry({ name: "a" }, "a"), tarHeader({ checksum: "0000000\0" }), tarEnd()),
  ],
  ["an end that is cut", concat(tarEntry({ name: "a" }, "a"), tarHeader({ size: 600 }), latin1("payload"))],
];

describe("ResumableBuild that goes on elsewhere builds the same, of", () => {
  // At every byte of these, and of more: differential/resume.mjs.
  test.for(archives)("%s", async ([, tar]) => {
    const options: Options = { compression: "uncompressed", spanSize: 1000 };
    const want = await outcomeOf(buildZtoc(once(tar), options));
    expect(await outcomeOf(resumedAt(tar, every(13, tar.length), options))).toEqual(want);
    for (const cut of every(1, tar.length).filter((at) => [0, 1, 511].includes(at % 512)))
      expect(await outcomeOf(resumedAt(tar, [cut], options)), `cut at ${cut}`).toEqual(want);
    const layer = gzipSync(tar, { mtime: 0 });
    const gzip: Options = { compression: "gzip", spanSize: 100 };
    const wantGzip = await outcomeOf(buildZtoc(once(layer), gzip));
    expect(await outcomeOf(resumedAt(layer, every(3, layer.length), gzip))).toEqual(wantGzip);
  });

  test("entries that are too many, saved before and behind some of them", async () => {
    const tar = concat(tarEntry({ name: "n".repeat(99) }), tarEntry({ name: "m".repeat(99) }), tarEntry({}), tarEnd());
    const options: Options = { compression: "uncompressed", maxZtocBytes: 300 };
    const want = await outcomeOf(buildZtoc(once(tar), options));
    expect(want).toMatchObject({ code: "ERR_ZTOC_TOO_LARGE" });
    for (const cut of [511, 1024, 1536, 2000]) expect(await outcomeOf(resumedAt(tar, [cut], options))).toEqual(want);
  });

  const short = text.subarray(0, 500);
  const tar = concat(tarEntry({ name: "a" }, short), paxHeader([xattr]), tarEntry({ name: "b" }, short), tarEnd());
  const named = (name: string, bytes: Uint8Array): Uint8Array => gzipSync(bytes, { mtime: 0, filename: name });
  test.for<readonly [string, Uint8Array]>([
    [
      "members",
      concat(
        named("n", tar.subarray(0, 700)),
        named("", tar.subarray(700, 700)),
        named("m".repeat(80), tar.subarray(700)),
      ),
    ],
    ["stored blocks", concat(gzipSync(tar.subarray(0, 400), { level: 0, mtime: 0 }), named("n", tar.subarray(400)))],
    [
      "a zlib member, which the reference cannot read",
      concat(named("n", tar.subarray(0, 1500)), zlibSync(tar.subarray(1500))),
    ],
    [
      "a record that Go reads to its end, where a member comes that it cannot read",
      concat(
        gzipSync(tarEntry({ typeflag: "x" }, "no record").subarray(0, 521), { level: 0, mtime: 0 }),
        zlibSync(short),
      ),
    ],
    [
      "the same behind a whole window of a later member, where Go looks at the record first",
      (() => {
        const tar = concat(tarEntry({}, new Uint8Array(31_744)), tarEntry({ typeflag: "x" }, "no record".padEnd(100)));
        return concat(named("", tar.subarray(0, 100)), named("", tar.subarray(100, 32_868)), zlibSync(short));
      })(),
    ],
    [
      "a name too long for the reference, behind the end",
      concat(named("n", tar), named("m".repeat(600), new Uint8Array(9))),
    ],
    ["empty members first, whose spans are empty", concat(named("", new Uint8Array(0)), named("n", tar))],
    ["a wrong CRC", named("n", tar).with(-6, 1)],
    ["a cut end", named("n", tar).subarray(0, -9)],
    ["bytes behind the end", concat(named("n", tar), latin1("behind"))],
    ["nothing", new Uint8Array(0)],
  ])("%s", async ([name, layer]) => {
    const options: Options = { compression: "gzip", spanSize: name.startsWith("empty") ? 0 : 1000 };
    const want = await outcomeOf(buildZtoc(once(layer), options));
    expect(await outcomeOf(resumedAt(layer, every(name === "members" ? 1 : 3, layer.length), options))).toEqual(want);
    for (const cut of every(71, layer.length))
      expect(await outcomeOf(resumedAt(layer, [cut], options)), `cut at ${cut}`).toEqual(want);
  });

  const vectors = join(import.meta.dirname, "../../../testdata/vectors");
  test("the golden layers, cut at random", async () => {
    let state = 7;
    const below = (limit: number): number => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % limit;
    const files = readdirSync(vectors);
    expect(files).toHaveLength(103);
    for (const file of files) {
      const layer = new Uint8Array(readFileSync(join(vectors, file)));
      // The others: differential/resume.mjs.
      if (layer.length > 30_000) continue;
      const compression = file.endsWith(".tar") ? "uncompressed" : "gzip";
      const options: Options = { compression, spanSize: 65_536 };
      const cuts = Array.from({ length: 3 }, () => below(layer.length + 1)).toSorted((a, b) => a - b);
      const want = await outcomeOf(buildZtoc(once(layer), options));
      expect(await outcomeOf(resumedAt(layer, cuts, options)), `${file} at ${cuts.join()}`).toEqual(want);
    }
  });
});

/** A layer of some spans and entries. */
const archive = concat(
  ...Array.from({ length: 60 }, (_, i) =>
    tarEntry({ name: `f${i}`, ...(i % 9 === 0 && { mode: base256(-1n, 8) }) }, lines(300 * i)),
  ),
  tarEntry({ name: "link", typeflag: "2", size: 3 }),
  tarEnd(),
);
// Little memory: a block every few hundred bytes.
const layer = new Uint8Array(zlibGzipSync(archive, { level: 1, memLevel: 1 }));
const identity = { digest: digestOf(layer), size: layer.length };
const options: Options = { compression: "gzip", spanSize: 20_000, layer: identity };
const want = await outcomeOf(buildZtoc(once(layer), options));

test("the layer that follows has many spans, and warnings", () => {
  expect(layer.length).toBeGreaterThan(15_000);
  expect(want).toMatchObject({ warnings: [{ code: "WARN_ZTOC_SIZE_WITHOUT_CONTENT" }] });
  expect((want as { readonly size: number }).size).toBeGreaterThan(6 * 33_000);
});

describe("ResumableBuild.saveMore()", () => {
  test("gives pieces that are the saved build one behind the other, each about as large as what has come", async () => {
    let build = await ResumableBuild.start(options);
    let saved: Uint8Array = new Uint8Array(0);
    const added: number[] = [];
    for (let at = 0; at < layer.length; at += 500) {
      build.push(layer.subarray(at, at + 500));
      const piece = build.saveMore();
      expect([piece.at, piece.position]).toEqual([saved.length, build.position]);
      saved = concat(saved, piece.bytes);
      added.push(piece.bytes.length);

      build.close();
      build = await ResumableBuild.resume(saved, options);
    }
    expect(await outcomeOf(build.run(once(new Uint8Array(0))))).toEqual(want);
    expect(Math.max(...added)).toBeLessThan(2 * 33_000 + 42_000);
    // A piece without a checkpoint has the window, and no more.
    expect(Math.min(...added)).toBeLessThan(42_000);
  });

  test("belongs behind the whole that was saved last", async () => {
    const build = await ResumableBuild.start(options);
    build.push(layer.subarray(0, 3000));
    build.saveMore();
    const whole = build.save();
    build.push(layer.subarray(3000, 6000));
    const piece = build.saveMore();
    build.close();
    expect(piece.at).toBe(whole.length);
    const next = await ResumableBuild.resume(concat(whole, piece.bytes), options);
    expect(next.position).toBe(6000);
    expect(await outcomeOf(next.run(once(layer.subarray(6000))))).toEqual(want);
  });
});

async function savedAt(position: number, withOptions: Options = options): Promise<Uint8Array> {
  const build = await ResumableBuild.start(withOptions);
  build.push(layer.subarray(0, position));
  const saved = build.save();
  build.close();
  return saved;
}

describe("ResumableBuild.resume()", () => {
  const refusal = (saved: Uint8Array, withOptions: Options = options): Promise<unknown> =>
    ResumableBuild.resume(saved, withOptions).then(
      (build) => (build.close(), "accepted"),
      (error: unknown) => error,
    );
  const other = digestOf(new Uint8Array(1));

  test.for<readonly [string, Options, string, string]>([
    ["another digest", { ...options, layer: { ...identity, digest: other } }, "LAYER", other],
    ["another size", { ...options, layer: { ...identity, size: 5 } }, "LAYER", "5 bytes"],
    ["no digest", { ...options, layer: undefined }, "LAYER", "not of a layer without a name"],
    ["another span size", { ...options, spanSize: 4096 }, "OPTIONS", "its spanSize is 20000, not 4096"],
    [
      "another tool",
      { ...options, buildToolIdentifier: "x" },
      "OPTIONS",
      `its buildToolIdentifier is "AWS SOCI CLI v0.2", not "x"`,
    ],
    ["another compression", { ...options, compression: "uncompressed" }, "OPTIONS", `its compression is "gzip"`],
    ["another limit", { ...options, maxZtocBytes: 2 ** 20 }, "OPTIONS", "its maxZtocBytes is"],
    ["no check of the layer", { ...options, checksLayer: false }, "OPTIONS", "its checksLayer is true, not false"],
  ])("refuses %s", async ([, withOptions, code, found]) => {
    expect(await refusal(await savedAt(5000), withOptions)).toMatchObject({
      code: `ERR_ZTOC_STATE_${code}`,
      message: expect.stringContaining(found),
    });
  });

  test("refuses bytes that are no saved build, and another version's", async () => {
    const saved = await savedAt(5000);
    for (const [bytes, code] of [
      [new Uint8Array(0), "MALFORMED"],
      [layer, "MALFORMED"],
      [saved.with(8, 1), "VERSION"],
      [saved.with(8, 3), "VERSION"],
      [concat(saved, latin1("x")), "MALFORMED"],
      // Pieces of two builds, and one piece twice.
      [concat(saved, await savedAt(6000)), "MALFORMED"],
      [concat(saved, saved), "MALFORMED"],
    ] as const)
      expect(await refusal(bytes)).toMatchObject({ code: `ERR_ZTOC_STATE_${code}` });
  });

  test("refuses any flipped bit, and any end that is missing", async () => {
    const plain: Options = { compression: "uncompressed", spanSize: 100, layer: identity };
    const small = await savedAt(300, plain);
    const large = await savedAt(3000);
    for (const [saved, withOptions, step] of [
      [small, plain, 1],
      [large, options, 307],
    ] as const) {
      for (let at = 0; at < saved.length; at += step)
        expect(await refusal(saved.with(at, saved[at]! ^ (1 << (at % 8))), withOptions), `byte ${at}`).toMatchObject({
          code: expect.stringMatching(/^ERR_ZTOC_STATE_(?:DAMAGED|VERSION|MALFORMED)$/),
        });
      for (let length = 0; length < saved.length; length += 11 * step)
        expect(await refusal(saved.subarray(0, length), withOptions)).toMatchObject({
          code: expect.stringMatching(/DAMAGED|MALFORMED/),
        });
    }
  });

  test("leaves out a last piece that is cut short, and no other", async () => {
    const build = await ResumableBuild.start(options);
    build.push(layer.subarray(0, 4000));
    const first = build.saveMore();
    build.push(layer.subarray(4000, 8000));
    const second = build.saveMore();
    build.close();
    const saved = concat(first.bytes, second.bytes);
    for (const length of [1, 7, 63, 64, 65, second.bytes.length - 1]) {
      const next = await ResumableBuild.resume(saved.subarray(0, first.bytes.length + length), options);
      expect(next.position).toBe(4000);
      // What it adds takes the place of what was cut.
      expect(next.saveMore().at).toBe(first.bytes.length);
      expect(await outcomeOf(next.run(once(layer.subarray(4000))))).toEqual(want);
    }
    // A length that is too large is no cut.
    const at = first.bytes.length + 22;
    expect(await refusal(saved.with(at, saved[at]! ^ 0x40))).toMatchObject({ code: "ERR_ZTOC_STATE_DAMAGED" });
  });
});

describe("ResumableBuild checks the layer", () => {
  const wrong = { digest: digestOf(new Uint8Array(1)), size: layer.length };

  test("against its digest, over all processes", async () => {
    const mistaken = { ...options, layer: wrong };
    expect(await outcomeOf(resumedAt(layer, [100, 5000], mistaken))).toMatchObject({
      code: "ERR_OCI_DIGEST_MISMATCH",
      message: `Cannot build zTOC: the layer has the digest ${identity.digest}, not ${wrong.digest}`,
    });
    expect(await outcomeOf(resumedAt(layer, [100, 5000], { ...mistaken, checksLayer: false }))).toEqual(want);
  });

  test("against its size: what is missing can still come", async () => {
    const build = await ResumableBuild.start(options);
    build.push(layer.subarray(0, 9000));
    expect(() => build.finish()).toThrow(expect.objectContaining({ code: "ERR_OCI_SIZE_MISMATCH" }));
    build.push(layer.subarray(9000));
    expect(() => build.push(new Uint8Array(1))).toThrow(expect.objectContaining({ code: "ERR_OCI_SIZE_MISMATCH" }));
    expect(() => build.finish()).toThrow(TypeError);
    expect(() => build.save()).toThrow(TypeError);
  });

  test("not without its SHA-256", async () => {
    const sha512 = { digest: digestOf(layer, "sha512"), size: layer.length };
    await expect(ResumableBuild.start({ ...options, layer: sha512, checksLayer: true })).rejects.toThrow(TypeError);
    await expect(ResumableBuild.start({ ...options, layer: undefined, checksLayer: true })).rejects.toThrow(TypeError);
    expect(await outcomeOf(resumedAt(layer, [5000], { ...options, layer: sha512 }))).toEqual(want);
  });
});

describe("ResumableBuild.run()", () => {
  /** What a file would hold. */
  class Saved {
    bytes: Uint8Array = new Uint8Array(0);
    readonly positions: number[] = [];
    keep = ({ bytes, at, position }: SavedPiece): void => {
      this.bytes = concat(this.bytes.subarray(0, at), bytes);
      this.positions.push(position);
    };
  }

  async function* breaking(bytes: Uint8Array, from: number, breaksAt: number): AsyncIterable<Uint8Array> {
    for (let at = from; at < bytes.length; at += 700) {
      if (at > breaksAt) throw new Error("the connection broke");
      yield bytes.subarray(at, at + 700);
    }
  }

  test("saves now and then, and when the input breaks; another build goes on there", async () => {
    const saved = new Saved();
    const first = await ResumableBuild.start(options);
    await expect(first.run(breaking(layer, 0, 6000), { saveEveryBytes: 2000, onSave: saved.keep })).rejects.toThrow(
      "the connection broke",
    );
    first.close();
    expect(saved.positions).toEqual([2100, 4200, 6300]);
    const second = await ResumableBuild.resume(saved.bytes, options);
    expect(await outcomeOf(second.run(breaking(layer, second.position, Infinity), { onSave: saved.keep }))).toEqual(
      want,
    );
    expect(saved.positions).toEqual([2100, 4200, 6300]);
  });

  test("offers what could not be kept again, and loses nothing of it", async () => {
    const saved = new Saved();
    const offered: number[] = [];
    let isFull = true;
    const onSave = (piece: SavedPiece): void => {
      offered.push(piece.at);
      if (offered.length > 1 && isFull) throw new Error("no space left");
      saved.keep(piece);
    };
    const build = await ResumableBuild.start(options);
    const first = build.run(breaking(layer, 0, Infinity), { saveEveryBytes: 2000, onSave });
    await expect(first).rejects.toThrow("no space left");
    expect(build.position).toBe(4200);
    expect(offered).toEqual([0, saved.bytes.length]);
    // It breaks before as much as is saved at once has come, and before anything at all.
    isFull = false;
    const second = build.run(breaking(layer, build.position, 4300), { saveEveryBytes: 1e6, onSave });
    await expect(second).rejects.toThrow("the connection broke");
    expect(saved.positions).toEqual([2100, 4900]);
    expect(offered[2]).toBe(offered[1]);
    build.close();
    const third = await ResumableBuild.resume(saved.bytes, options);
    expect(third.position).toBe(4900);
    isFull = true;
    const fails = third.run(breaking(layer, third.position, 5000), { onSave });
    await expect(fails).rejects.toThrow("no space left");
    isFull = false;
    const breaks = third.run(breaking(layer, third.position, 0), { onSave });
    await expect(breaks).rejects.toThrow("the connection broke");
    const fourth = await ResumableBuild.resume(saved.bytes, options);
    expect(fourth.position).toBe(third.position);
    expect(await outcomeOf(fourth.run(breaking(layer, fourth.position, Infinity)))).toEqual(want);
  });

  test("of an input that ends too early is saved, and fails", async () => {
    const saved = new Saved();
    const build = await ResumableBuild.start(options);
    const early = build.run(once(layer.subarray(0, 5000)), { onSave: saved.keep });
    await expect(early).rejects.toMatchObject({ code: "ERR_OCI_SIZE_MISMATCH" });
    expect(saved.positions).toEqual([5000]);
    expect(await outcomeOf(build.run(once(layer.subarray(5000))))).toEqual(want);
  });

  test("ends with its signal, and can go on", async () => {
    const build = await ResumableBuild.start(options);
    const controller = new AbortController();
    const saved = new Saved();
    async function* aborting(): AsyncIterable<Uint8Array> {
      yield layer.subarray(0, 4000);
      controller.abort(new Error("stop"));
      yield layer.subarray(4000);
    }
    await expect(build.run(aborting(), { signal: controller.signal, onSave: saved.keep })).rejects.toThrow("stop");
    expect(saved.positions).toEqual([4000]);
    expect(await outcomeOf(build.run(once(layer.subarray(4000))))).toEqual(want);
  });

  test("saves no build that failed", async () => {
    const saved = new Saved();
    const build = await ResumableBuild.start({ ...options, layer: undefined });
    const damaged = layer.slice().fill(0, 5000, 5100);
    await expect(build.run(breaking(damaged, 0, Infinity), { onSave: saved.keep })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_ZTOC_GZIP_/),
    });
    expect(saved.positions).toEqual([]);
  });

  test("reads a BlobSource from its position on", async () => {
    const { readInto: _, ...slow } = bytesSource(layer);
    for (const source of [bytesSource(layer), slow] as readonly BlobSource[]) {
      const build = await ResumableBuild.resume(await savedAt(7000), options);
      expect(await outcomeOf(build.run(source))).toEqual(want);
    }
  });

  test("has other consumers in the same pass", async () => {
    const heard: number[] = [];
    const consumers = [{ output: (bytes: Uint8Array, at: number) => void heard.push(at, bytes.length) }];
    const build = await ResumableBuild.resume(await savedAt(7000), { ...options, consumers });
    await build.run(once(layer.subarray(7000)));
    expect(heard[0]).toBeGreaterThan(10_000);
    expect(heard.at(-2)! + heard.at(-1)!).toBe(archive.length);
  });
});

describe("ResumableBuild in another process", () => {
  const folder = mkdtempSync(join(tmpdir(), "socikit-resume-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("saves what goes on here", async () => {
    const compiled = buildWorker();
    try {
      const file = join(folder, "layer.gz");
      writeFileSync(file, layer);
      const script = `
        import { readFileSync, writeFileSync } from "node:fs";
        import { ResumableBuild } from ${JSON.stringify(compiled.url("build").href)};
        const build = await ResumableBuild.start(${JSON.stringify(options)});
        build.push(readFileSync(${JSON.stringify(file)}).subarray(0, 8500));
        writeFileSync(${JSON.stringify(`${file}.saved`)}, build.save());
        process.exit();`;
      execFileSync(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit", timeout: 20_000 });
    } finally {
      compiled.remove();
    }
    const build = await ResumableBuild.resume(new Uint8Array(readFileSync(join(folder, "layer.gz.saved"))), options);
    expect(build.position).toBe(8500);
    expect(await outcomeOf(build.run(once(layer.subarray(8500))))).toEqual(want);
  });
});
