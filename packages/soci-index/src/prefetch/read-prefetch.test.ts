import { digestOf, type BlobReader, type Descriptor, type Digest } from "@socikit/oci";
import { expect, test } from "vitest";
import { SOCI_LAYER_DIGEST } from "../annotations.ts";
import { SOCI_PREFETCH } from "../media-types.ts";
import type { SociIndex } from "../soci-index.ts";
import { encodePrefetch, MAX_PREFETCH_SIZE, type PrefetchRange } from "./prefetch-artifact.ts";
import { listPrefetch, prefetchesOf, prefetchSpans, readPrefetch, type ListedPrefetch } from "./read-prefetch.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const LAYER = digestOf(bytesOf("layer"));
const OTHER = digestOf(bytesOf("other"));

function prefetchOf(bytes: Uint8Array, layer: string | undefined = LAYER): Descriptor {
  return {
    mediaType: SOCI_PREFETCH,
    digest: digestOf(bytes),
    size: bytes.length,
    annotations: { [SOCI_LAYER_DIGEST]: layer },
  };
}

function sourceOf(...blobs: readonly Uint8Array[]): Pick<BlobReader, "stream"> {
  const held = new Map<Digest, Uint8Array>(blobs.map((bytes) => [digestOf(bytes), bytes]));
  return {
    async stream({ digest }) {
      const bytes = held.get(digest);
      if (bytes === undefined) throw Object.assign(new Error(`Cannot find ${digest}`), { notFound: true });
      return new Blob([bytes.slice()]).stream();
    },
  };
}

const ONE = encodePrefetch({ ranges: [{ firstSpan: 1, lastSpan: 3 }] });
const TWO = encodePrefetch({ ranges: [{ firstSpan: 3, lastSpan: 4, priority: -1 }] });
const BROKEN = bytesOf("{");

async function all(source: Pick<BlobReader, "stream">, index: SociIndex): Promise<ListedPrefetch[]> {
  const found: ListedPrefetch[] = [];
  for await (const listed of listPrefetch(source, index)) found.push(listed);
  return found;
}

test("prefetchesOf() gives those of a layer, or all, each once, and nothing else", () => {
  const blobs: Descriptor[] = [
    { ...prefetchOf(ONE), mediaType: "application/octet-stream" },
    prefetchOf(ONE),
    prefetchOf(ONE),
    prefetchOf(TWO),
    prefetchOf(TWO, OTHER),
    prefetchOf(TWO, "sha256:x"),
    { mediaType: SOCI_PREFETCH, digest: OTHER, size: 1 },
  ];
  expect(prefetchesOf({ version: "v2", blobs }, LAYER)).toEqual([blobs[1], blobs[3]]);
  expect(prefetchesOf({ version: "v2", blobs })).toEqual([blobs[1], blobs[3], blobs[4]]);
});

test("listPrefetch() reads each, and says of one that cannot be used why", async () => {
  const index: SociIndex = { version: "v1", blobs: [BROKEN, ONE, TWO].map((bytes) => prefetchOf(bytes)) };
  const found = await all(sourceOf(BROKEN, ONE), index);
  expect(found.map(({ layer, descriptor }) => [layer, descriptor])).toEqual(index.blobs.map((blob) => [LAYER, blob]));
  expect(found.map(({ artifact }) => artifact?.ranges)).toEqual([
    undefined,
    [{ firstSpan: 1, lastSpan: 3 }],
    undefined,
  ]);
  expect(found.map(({ error }) => error?.message)).toEqual([
    expect.stringMatching(/^Cannot decode prefetch artifact: it is not JSON/),
    undefined,
    expect.stringMatching(/^Cannot find/),
  ]);
});

test("listPrefetch() fails where it is not the artifact's fault", async () => {
  const error = Object.assign(new Error("reset"), { code: "ERR_REGISTRY_NETWORK" });
  const source = { stream: () => Promise.reject(error) };
  await expect(all(source, { version: "v1", blobs: [prefetchOf(ONE)] })).rejects.toBe(error);
});

test("readPrefetch() checks digest and size, and asks for nothing that is too large", async () => {
  const lying = { stream: async () => new Blob([ONE.slice()]).stream() };
  await expect(readPrefetch(lying, { ...prefetchOf(TWO), size: ONE.length })).rejects.toMatchObject({
    code: "ERR_OCI_DIGEST_MISMATCH",
  });
  await expect(readPrefetch(lying, { ...prefetchOf(ONE), size: 3 })).rejects.toMatchObject({
    code: "ERR_OCI_SIZE_MISMATCH",
  });
  const never = { stream: () => Promise.reject(new Error("asked")) };
  await expect(readPrefetch(never, { ...prefetchOf(ONE), size: MAX_PREFETCH_SIZE + 1 })).rejects.toMatchObject({
    code: "ERR_SOCI_PREFETCH_TOO_LARGE",
  });
});

test.for<[string, PrefetchRange[][], number[]]>([
  ["nothing", [], []],
  ["two artifacts, each span once", [[{ firstSpan: 1, lastSpan: 3 }], [{ firstSpan: 3, lastSpan: 4 }]], [1, 2, 3, 4]],
  [
    "the lowest priority first",
    [
      [{ firstSpan: 1, lastSpan: 2 }],
      [
        { firstSpan: 2, lastSpan: 3, priority: -1 },
        { firstSpan: 0, lastSpan: 0, priority: 4 },
      ],
    ],
    [2, 3, 1, 0],
  ],
  [
    "no more than the layer has",
    [
      [
        { firstSpan: 4, lastSpan: 2 ** 31 - 1 },
        { firstSpan: 2 ** 30, lastSpan: 2 ** 31 - 1 },
      ],
    ],
    [4, 5],
  ],
])("prefetchSpans() of %s", ([, ranges, want]) => {
  expect(
    prefetchSpans(
      ranges.map((all) => ({ ranges: all })),
      6,
    ),
  ).toEqual(want);
});
