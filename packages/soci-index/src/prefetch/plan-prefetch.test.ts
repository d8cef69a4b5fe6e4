import { decodeManifest, digestOf, isImageIndex, type Descriptor, type Digest } from "@socikit/oci";
import type { Ztoc } from "@socikit/ztoc";
import { buildZtoc } from "@socikit/ztoc/build";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goldenBlob, goldenContent, goldenEntries, goldenImage } from "../../../../testdata/golden-images.ts";
import { SOCI_PREFETCH } from "../media-types.ts";
import { decodeSociIndex } from "../soci-index.ts";
import { convertRuns, createRuns, optionsOf } from "../testing/golden-runs.ts";
import { plainLayer, type PlainEntry } from "../testing/plain-layer.ts";
import { imageRanges } from "./image-rule.ts";
import {
  describeMissingPath,
  describePrefetch,
  planPrefetch,
  type PrefetchLayer,
  type PrefetchRequest,
} from "./plan-prefetch.ts";

const ztocs = new Map<string, Ztoc>();

async function goldenLayer(layer: Descriptor, spanSize: number): Promise<PrefetchLayer> {
  const key = `${layer.digest} ${spanSize}`;
  let ztoc = ztocs.get(key);
  if (ztoc === undefined) {
    const stream = new Blob([goldenBlob(layer.digest).slice()]).stream();
    const built = await buildZtoc(stream, { compression: "gzip", spanSize });
    ztocs.set(key, (ztoc = built.ztoc));
  }
  return { layer, ztoc };
}

/** The layers of each image of a golden image's only entry, attestations left out. */
async function goldenLayers(name: string): Promise<readonly (readonly Descriptor[])[]> {
  const content = goldenContent(goldenImage(name));
  const top = decodeManifest((await content.fetchManifest(goldenEntries(goldenImage(name))[0]!)).bytes);
  if (!isImageIndex(top)) return [top.layers];
  const images = top.manifests.filter(({ platform }) => platform?.os !== "unknown");
  return Promise.all(
    images.map(async (child) => {
      const image = decodeManifest((await content.fetchManifest(child)).bytes);
      return isImageIndex(image) ? [] : image.layers;
    }),
  );
}

async function plans(image: string, request: PrefetchRequest, spanSize: number) {
  const all = [];
  for (const layers of await goldenLayers(image)) {
    const known = await Promise.all(layers.map((layer) => goldenLayer(layer, spanSize)));
    all.push(await planPrefetch(known, request));
  }
  return all;
}

describe("planPrefetch() by the reference's rule gives what the reference gives", () => {
  const wanted = [...createRuns, ...convertRuns].filter(({ args }) => args.some((arg) => arg.startsWith("--prefetch")));
  const runs = wanted.flatMap((run) => {
    const { prefetch, spanSize } = optionsOf(run.args);
    const blobs = "indexes" in run ? run.indexes : "newBlobs" in run ? run.newBlobs : undefined;
    return prefetch === undefined || blobs === undefined ? [] : [{ run, prefetch, spanSize: spanSize!, blobs }];
  });

  test("in six runs", () => {
    expect(runs).toHaveLength(6);
  });

  test.each(runs.map((run) => [`${run.run.image} ${run.run.args.slice(4).join(" ")}`, run] as const))(
    "%s",
    async (_, { run, prefetch, spanSize, blobs }) => {
      const want: Descriptor[] = [];
      const texts = Object.values(blobs).flatMap(({ json }) => (json === undefined ? [] : [json]));
      for (const json of texts)
        if (json.includes('"config":{"mediaType":"application/vnd.amazon.soci.index.'))
          want.push(
            ...decodeSociIndex(new TextEncoder().encode(json)).blobs.filter(
              ({ mediaType }) => mediaType === SOCI_PREFETCH,
            ),
          );
      const artifacts = (await plans(run.image, prefetch, spanSize)).flatMap((plan) => plan.artifacts);
      const key = ({ digest, annotations }: Descriptor): string => `${digest} ${JSON.stringify(annotations)}`;
      expect(artifacts.map(({ descriptor }) => key(descriptor)).sort()).toEqual(want.map(key).sort());
      const written = new Set(texts.map((json) => digestOf(new TextEncoder().encode(json))));
      for (const { bytes, descriptor } of artifacts) {
        expect(digestOf(bytes)).toBe(descriptor.digest);
        // Only convert's runs come with the artifacts themselves.
        if ("newBlobs" in run) expect(written).toContain(descriptor.digest);
      }
      const messages = (run as { readonly messages?: readonly string[] }).messages ?? [];
      expect([...new Set(artifacts.map(describePrefetch))].sort()).toEqual(
        messages.filter((line) => line.startsWith("Created prefetch")),
      );
    },
  );
});

/** The ranges that a plan has for each layer, as `first-last` or `first-last!priority`; the layers by name. */
async function shown(
  layers: readonly (readonly PlainEntry[] | "unread")[],
  request: PrefetchRequest,
  spanSize = 1024,
): Promise<{ ranges: Record<string, string>; missing: readonly string[] }> {
  const made = layers.map((entries, i) => {
    const { layer, ztoc } = plainLayer(`${i}`, entries === "unread" ? [] : entries, spanSize);
    return entries === "unread" ? { layer } : { layer, ztoc };
  });
  const { artifacts, missing } = await planPrefetch(made, request);
  const ranges: Record<string, string> = {};
  for (const { layer, artifact } of artifacts)
    ranges[made.findIndex((known) => known.layer.digest === layer.digest)] = artifact.ranges
      .map(
        ({ firstSpan, lastSpan, priority }) =>
          `${firstSpan}-${lastSpan}${priority === undefined ? "" : `!${priority}`}`,
      )
      .join(" ");
  return { ranges, missing };
}

const symlink = (name: string, link: string): PlainEntry => [name, 0, { type: "symlink", link }];
const hardlink = (name: string, link: string): PlainEntry => [name, 0, { type: "hardlink", link }];

/** Spans of 1,024 bytes: `a` in 0, `b` in 1 (header) to 3, `c` in 4. */
const FILES: readonly PlainEntry[] = [
  ["a", 512],
  ["b", 2048],
  ["c", 1],
];

describe("planPrefetch() of many patterns", () => {
  const files = Array.from({ length: 400 }, (_, i): PlainEntry => [`usr/lib/d${i % 4}/lib${i}.so.1`, 1]);
  const { layer, ztoc } = plainLayer("many", files, 1024);
  const patterns = (count: number): string[] => Array.from({ length: count }, (_, i) => `/usr/lib/**/*${i}x*.so`);

  test("lets others have their turn, and its signal end it", async () => {
    const aborter = new AbortController();
    setTimeout(() => aborter.abort(new Error("enough")));
    const started = process.cpuUsage();
    await expect(
      planPrefetch([{ layer, ztoc }], { paths: patterns(5_000) }, { signal: aborter.signal }),
    ).rejects.toThrow("enough");
    // 0.1 s; all of it would be one and more.
    expect(process.cpuUsage(started).user).toBeLessThan(600_000);
  });

  test("looks at each name of the directory that they begin with, and at no other; each takes less than a microsecond", async () => {
    const elsewhere = Array.from({ length: 20_000 }, (_, i): PlainEntry => [`var/${i}`, 0]);
    const other = plainLayer("elsewhere", elsewhere, 1024);
    const started = process.cpuUsage();
    await planPrefetch([other, { layer, ztoc }], { paths: patterns(500) });
    // 0.3 s; with the 10 million looks at the other names, 3 and more.
    expect(process.cpuUsage(started).user).toBeLessThan(1_500_000);
  });

  test.for([
    ["patterns", patterns(100)],
    ["a pattern longer than any name", [`**/${"?*".repeat(20_000)}`]],
    ["a long path", ["a/".repeat(500_000)]],
    [
      "one directory by many names",
      Array.from({ length: 100 }, (_, i) => `usr/lib/d${i % 4}/../d${i % 3}//`).concat(
        "usr",
        "usr/lib",
        "/",
        ...patterns(20),
      ),
    ],
  ] as const)("is refused above a bound of looks: %s", async ([, paths]) => {
    const layers = [{ digest: layer.digest, ztoc }];
    await expect(
      imageRanges(
        layers,
        paths.map((path) => ({ path })),
        { maxLooks: 10_000 },
      ),
    ).rejects.toThrow(expect.objectContaining({ code: "ERR_SOCI_PREFETCH_TOO_BROAD" }));
    await imageRanges(layers, [{ path: "usr/lib/**/*1*" }], { maxLooks: 10_000 });
  });
});

describe("planPrefetch()", () => {
  test.for<[string, (readonly PlainEntry[] | "unread")[], PrefetchRequest["paths"], Record<string, string>, string[]]>([
    ["a file", [FILES], ["a"], { 0: "0-0" }, []],
    ["a file from its header on to its last byte, and no further", [FILES], ["/b"], { 0: "1-3" }, []],
    ["files that touch as one range", [FILES], ["a", "b"], { 0: "0-3" }, []],
    ["files that lie apart", [FILES], ["c", "a"], { 0: "0-0 3-4" }, []],
    ["a path that is not clean", [FILES], ["//x/../b/."], { 0: "1-3" }, []],
    ["a name that begins with ./", [[["./app/x", 9]]], ["/app/x"], { 0: "0-0" }, []],
    ["a name that begins with a slash", [[["/app/x", 9]]], ["app/x"], { 0: "0-0" }, []],
    ["a path that is not there", [FILES], ["d", "a", "a/b"], { 0: "0-0" }, ["d", "a/b"]],
    ["a file in two layers, of the upper", [FILES, [["b", 9]]], ["b"], { 1: "0-0" }, []],
    ["a file that is whited out", [FILES, [[".wh.b"]]], ["b"], {}, ["b"]],
    ["a file below an opaque directory", [[["d/x", 9]], [["d/.wh..wh..opq"], ["d/y", 9]]], ["d/x"], {}, ["d/x"]],
    [
      "a directory",
      [
        FILES,
        [
          ["d/x", 9],
          ["d/e/y", 600],
          ["z", 9],
        ],
      ],
      ["d/"],
      { 1: "0-2" },
      [],
    ],
    ["a directory over two layers", [[["d/x", 9]], [["d/y", 9]]], ["d"], { 0: "0-0", 1: "0-0" }, []],
    ["all", [FILES, [["d/y", 9]]], ["/"], { 0: "0-4", 1: "0-0" }, []],
    ["a directory with nothing in it", [[["d/"]]], ["d"], {}, []],
    ["an empty file", [[["e", 0]]], ["e"], {}, []],
    ["a symlink", [FILES, [symlink("l", "b")]], ["l"], { 0: "1-3" }, []],
    [
      "a symlink to an absolute path, by another",
      [FILES, [symlink("d/l", "/m"), symlink("m", "./a")]],
      ["d/l"],
      { 0: "0-0" },
      [],
    ],
    ["a symlink that leads up", [FILES, [symlink("d/e/l", "../../../../c")]], ["d/e/l"], { 0: "3-4" }, []],
    ["a symlinked directory on the way", [[["lib64/x", 9]], [symlink("lib", "lib64")]], ["lib/x"], { 0: "0-0" }, []],
    ["a symlinked directory", [[["lib64/x", 9]], [symlink("lib", "lib64")]], ["lib"], { 0: "0-0" }, []],
    ["a symlink to nothing", [FILES, [symlink("l", "nowhere")]], ["l"], {}, ["l"]],
    ["a symlink to itself", [[symlink("l", "l")]], ["l"], {}, ["l"]],
    ["a symlink in a directory", [FILES, [symlink("d/l", "../b")]], ["d"], { 0: "1-3" }, []],
    ["no directory that a symlink in a directory leads to", [FILES, [symlink("d/l", "/")]], ["d"], {}, []],
    ["a hard link, in the layer that has the content", [[...FILES, hardlink("h", "b")]], ["h"], { 0: "1-3" }, []],
    ["a hard link to a lower layer", [FILES, [hardlink("h", "b")]], ["h"], { 0: "1-3" }, []],
    [
      "the last of two of one name",
      [
        [
          ["x", 2048],
          ["x", 9],
        ],
      ],
      ["x"],
      { 0: "2-3" },
      [],
    ],
    ["a device", [[["dev", 0, { type: "char" }]]], ["dev"], {}, []],
    ["a layer without a zTOC, not", [FILES, "unread"], ["b", "new"], { 0: "1-3" }, ["new"]],
    [
      "files by a pattern",
      [
        FILES,
        [
          ["lib/a.so", 9],
          ["lib/a.txt", 5000],
          ["lib/b.so", 9],
        ],
      ],
      ["lib/*.so"],
      { 1: "0-0 6-7" },
      [],
    ],
    [
      "the files of a directory by a pattern, not those below",
      [
        [
          ["d/x", 9],
          ["d/e/y", 9],
        ],
      ],
      ["d/*"],
      { 0: "0-0" },
      [],
    ],
    [
      "all below a directory by a pattern",
      [
        [
          ["d/x", 9],
          ["d/e/y", 9],
          ["z", 9],
        ],
      ],
      ["d/**"],
      { 0: "0-1" },
      [],
    ],
    [
      "names at any depth",
      [
        [
          ["x.py", 9],
          ["d/x.py", 9],
          ["d/e/x.py", 9],
          ["d/y", 9],
        ],
      ],
      ["**/*.py"],
      { 0: "0-2" },
      [],
    ],
    ["no directory by its name", [[["d/e/y", 9]]], ["d/*"], {}, ["d/*"]],
    ["a symlinked directory within a pattern", [[["r/x", 9]], [symlink("l", "r")]], ["l*/x"], { 0: "0-0" }, []],
    ["no symlinked directory by **", [[["r/x", 9]], [symlink("d/l", "../r")]], ["d/**"], {}, ["d/**"]],
    ["a symlink that fits a pattern", [FILES, [symlink("l.so", "b")]], ["*.so"], { 0: "1-3" }, []],
    [
      "a file whose name looks like a pattern as itself",
      [
        [
          ["[", 9],
          ["a*", 2000],
          ["ab", 9],
        ],
      ],
      ["[", "a*"],
      { 0: "0-3" },
      [],
    ],
    ["names that are not ASCII", [[["ä/ö", 9]]], ["ä/?"], { 0: "0-0" }, []],
    [
      "a file by its priority",
      [FILES],
      [{ path: "b", priority: -1 }, "a", { path: "c", priority: 2 }],
      { 0: "0-0 1-3!-1 4-4!2" },
      [],
    ],
    [
      "a file by the lowest of its priorities",
      [FILES],
      [
        { path: "b", priority: 3 },
        { path: "*", priority: 7 },
      ],
      { 0: "0-0!7 1-3!3 4-4!7" },
      [],
    ],
  ])("prefetches %s", async ([, layers, paths, ranges, missing]) => {
    expect(await shown(layers, { paths })).toEqual({ ranges, missing });
  });

  test.for<[string, (readonly PlainEntry[])[], string[], Record<string, string>, string[]]>([
    [
      "names as they are stored alone",
      [
        [
          ["./a", 9],
          ["b", 9],
        ],
      ],
      ["a", "/b"],
      { 0: "1-1" },
      ["a"],
    ],
    ["what a whiteout hides", [FILES, [[".wh.b"]]], ["b"], { 0: "1-3" }, []],
    ["a symlink, not what it leads to", [FILES, [symlink("l", "b")]], ["l"], { 1: "0-0" }, []],
    ["a directory by no name without a slash", [[["d/"], ["d/x", 9]]], ["d", "d/"], {}, ["d", "d"]],
    [
      "the first of two of one name",
      [
        [
          ["x", 1024],
          ["x", 9],
        ],
      ],
      ["x"],
      { 0: "0-1" },
      [],
    ],
    [
      "the span after a file that ends with one",
      [
        [
          ["x", 512],
          ["y", 9],
        ],
      ],
      ["x"],
      { 0: "0-1" },
      [],
    ],
    [
      "a span past the last, of a file that ends with the layer",
      [[["x", 2048 - 512, { uncompressedOffset: 1536 }]]],
      ["x"],
      { 0: "1-3" },
      [],
    ],
    ["no pattern", [FILES], ["*"], {}, ["*"]],
  ])("by the reference's rule prefetches %s", async ([, layers, paths, ranges, missing]) => {
    expect(await shown(layers, { paths, rule: "reference" })).toEqual({ ranges, missing });
  });

  test("takes a sparse file, whose size is not its own, for no longer than until the next one", async () => {
    const sparse: PlainEntry[] = [
      ["s", 1e9],
      ["t", 9],
    ];
    const { ztoc, layer } = plainLayer("x", [
      ["s", 512],
      ["t", 9],
    ]);
    const toc = plainLayer("x", sparse).ztoc.toc;
    const entries = [...ztoc.toc].map((entry, i) => ({ ...entry, uncompressedSize: toc.at(i).uncompressedSize }));
    const claims = {
      ...ztoc,
      toc: { length: 2, at: (i: number) => entries[i]!, [Symbol.iterator]: () => entries.values() },
    };
    const { artifacts } = await planPrefetch([{ layer, ztoc: claims }], { paths: ["s"] });
    expect(artifacts[0]!.artifact.ranges).toEqual([{ firstSpan: 0, lastSpan: 1 }]);
  });

  test("gives a layer that the image has twice an artifact twice, whichever of the two has the zTOC", async () => {
    const { layer, ztoc } = plainLayer("x", FILES);
    const upper = plainLayer("y", [["z", 9]]);
    const docker = { ...layer, mediaType: "application/vnd.docker.image.rootfs.diff.tar" };
    for (const rule of ["image", "reference"] as const) {
      const { artifacts } = await planPrefetch([{ layer }, upper, { layer: docker, ztoc }], {
        paths: ["b", "z"],
        rule,
      });
      expect(
        artifacts.map(({ layer: { mediaType, digest }, descriptor }) => [mediaType, digest, descriptor.size]),
      ).toEqual([
        [layer.mediaType, layer.digest, 66],
        [upper.layer.mediaType, upper.layer.digest, 66],
        [docker.mediaType, layer.digest, 66],
      ]);
    }
  });

  test("gives nothing for nothing", async () => {
    expect(await planPrefetch([], { paths: ["a"] })).toMatchObject({ artifacts: [], missing: ["a"] });
    expect(await planPrefetch([plainLayer("x", FILES)], { paths: [] })).toMatchObject({ artifacts: [], missing: [] });
    expect(describeMissingPath("a")).toBe("prefetch file a not found in any layer");
  });

  test("says what is wrong with a pattern that is broken, where no file is called so", async () => {
    const layers = [plainLayer("x", [...FILES, ["d/[a-", 9]])];
    const { missing, problems } = await planPrefetch(layers, { paths: ["b/[a-", "/d/[a-", "[y-z]", "a-"] });
    expect(missing).toEqual(["b/[a-", "[y-z]", "a-"]);
    expect([...problems].map(([path, problem]) => describeMissingPath(path, problem))).toEqual([
      'prefetch file b/[a- not found in any layer: the pattern is broken, a "[" in it has no "]"',
    ]);
    expect((await planPrefetch(layers, { paths: ["[a-"], rule: "reference" })).problems.size).toBe(0);
  });

  test("refuses priorities that are not integers, and ends with its signal", async () => {
    const layers = [plainLayer("x", FILES)];
    await expect(planPrefetch(layers, { paths: [{ path: "a", priority: 0.5 }] })).rejects.toThrow(RangeError);
    const reason = new Error("stop");
    await expect(planPrefetch(layers, { paths: ["a"] }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("ends where links lead in circles, however many there are", async () => {
    const circles = Array.from({ length: 200 }, (_, i) => symlink(`d/l${i}`, i % 2 === 0 ? "/d" : "/"));
    const layers = [circles.concat([["d/x", 9]])];
    expect(await shown(layers, { paths: ["**/l*/l*/*/l*/l*/*/l*/x"] })).toEqual({
      ranges: { 0: expect.any(String) },
      missing: [],
    });
  });

  test("by both rules gives the same of files that lie in one layer and begin and end within a span", async () => {
    const layer = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(layer, fc.array(fc.nat(11), { maxLength: 5 }), async (sizes, wanted) => {
        const entries = sizes.map((size, i): PlainEntry => [`f${i}`, size]);
        const paths = wanted.map((i) => `f${i % sizes.length}`);
        const { layer, ztoc } = plainLayer("x", entries, 1 << 20);
        const [ours, reference] = await Promise.all([
          planPrefetch([{ layer, ztoc }], { paths }),
          planPrefetch([{ layer, ztoc }], { paths, rule: "reference" }),
        ]);
        expect(ours).toEqual(reference);
      }),
      { numRuns: 50 },
    );
  });

  test("prefetches every byte of the files asked for, and no span that has none of them", async () => {
    const layer = fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(layer, fc.array(fc.nat(11), { minLength: 1, maxLength: 5 }), async (sizes, wanted) => {
        const entries = sizes.map((size, i): PlainEntry => [`f${i}`, size]);
        const { layer, ztoc } = plainLayer("x", entries, 1024);
        const files = wanted.map((i) => i % sizes.length);
        const { artifacts } = await planPrefetch([{ layer, ztoc }], { paths: files.map((i) => `f${i}`) });
        const want = new Set<number>();
        for (const i of files) {
          const { headerOffset, uncompressedOffset, uncompressedSize } = ztoc.toc.at(i);
          if (uncompressedSize === 0) continue;
          for (let at = headerOffset; at < uncompressedOffset + uncompressedSize; at++) want.add(Math.floor(at / 1024));
        }
        const found = (artifacts[0]?.artifact.ranges ?? []).flatMap(({ firstSpan, lastSpan }) =>
          Array.from({ length: lastSpan - firstSpan + 1 }, (_, span) => firstSpan + span),
        );
        expect(found).toEqual([...want].sort((a, b) => a - b));
      }),
      { numRuns: 100 },
    );
  });

  test("of the golden images differs from the reference in links alone", async () => {
    const paths = [
      "/app/server.js",
      "usr/lib/lib3.so",
      "/usr/lib/lib4.so",
      "/app/data.bin",
      "/app/tail.txt",
      "/etc/os-release",
    ];
    const of = async (rule: "image" | "reference"): Promise<(readonly [Digest, string])[]> =>
      (await plans("i01-single", { paths, rule }, 65_536)).flatMap(({ artifacts }) =>
        artifacts.map(({ layer, bytes }) => [layer.digest, new TextDecoder().decode(bytes)] as const),
      );
    expect(await of("image")).toEqual(await of("reference"));
  });
});
