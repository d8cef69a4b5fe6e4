import { digestOf, parseDigest, type Digest } from "@socikit/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SociIndexError } from "../errors.ts";
import { createSociIndex } from "../soci-index.ts";
import { decodeCatalogue, EMPTY_CATALOGUE, encodeCatalogue, MAX_CATALOGUE_SIZE, type Catalogue } from "./catalogue.ts";
import { withIndex, withZtoc } from "./catalogue-changes.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const digest = (letter: string): Digest => digestOf(bytes(letter));

const digests = fc.constantFrom("a", "b", "c").map(digest);
const created = fc.option(
  fc.date({ min: new Date(0), max: new Date("2999-01-01"), noInvalidDate: true }).map((date) => date.toISOString()),
  { nil: undefined },
);
const blob = { digest: digests, size: fc.nat(), created };
/** Without the members that are not there: JSON has none. */
const present = <T extends object>(entry: T): T =>
  Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as T;
const platform = fc.record(
  {
    architecture: fc.string(),
    os: fc.string(),
    variant: fc.string(),
    "os.version": fc.string(),
    "os.features": fc.array(fc.string()),
  },
  { requiredKeys: ["architecture", "os"] },
);
const catalogues = fc.record({
  indexes: fc.array(
    fc
      .record({
        ...blob,
        version: fc.constantFrom("v1", "v2"),
        manifest: fc.option(digests, { nil: undefined }),
        image: fc.option(digests, { nil: undefined }),
        names: fc.array(fc.string()),
        platform: fc.option(platform, { nil: undefined }),
      })
      .map(present),
  ),
  ztocs: fc.array(
    fc.record({ ...blob, layer: digests, spanSize: fc.option(fc.nat(), { nil: undefined }) }).map(present),
  ),
  prefetch: fc.array(fc.record({ ...blob, layer: digests }).map(present)),
});

test("decodeCatalogue() is the inverse of encodeCatalogue()", () => {
  fc.assert(
    fc.property(catalogues, (catalogue) => {
      expect(decodeCatalogue(encodeCatalogue(catalogue as Catalogue))).toEqual(catalogue);
    }),
  );
});

const ENTRY = `"digest":"${digest("a")}","size":1`;
test.for<readonly [text: string, message: RegExp, reason: string]>([
  ["", /not JSON/, "nothing"],
  ["\xff", /not JSON/, "no UTF-8"],
  ["[]", /not an object/, "a list"],
  ["null", /not an object/, "null"],
  ['{"indexes":[]}', /version is not a number/, "no version"],
  ['{"version":1,"indexes":{},"ztocs":[],"prefetch":[]}', /indexes is not a list/, "an object for a list"],
  ['{"version":1,"indexes":[],"ztocs":[]}', /prefetch is not a list/, "a list that is missing"],
  ['{"version":1,"indexes":[],"ztocs":[1],"prefetch":[]}', /ztocs\[0\] is not an object/, "a number for an artifact"],
  [`{"version":1,"indexes":[],"ztocs":[{${ENTRY}}],"prefetch":[]}`, /ztocs\[0\].layer is not a digest/, "no layer"],
  [`{"version":1,"indexes":[{${ENTRY},"version":"v3"}],"ztocs":[],"prefetch":[]}`, /version is neither/, "a version"],
  [`{"version":1,"indexes":[{${ENTRY},"version":"v1","names":[1]}],"ztocs":[],"prefetch":[]}`, /names/, "a name"],
  [
    `{"version":1,"indexes":[{${ENTRY},"version":"v1","platform":{}}],"ztocs":[],"prefetch":[]}`,
    /platform/,
    "a platform",
  ],
  [
    `{"version":1,"indexes":[{${ENTRY},"version":"v1","created":"today"}],"ztocs":[],"prefetch":[]}`,
    /created/,
    "a time",
  ],
  [`{"version":1,"indexes":[{"version":"v1","digest":"a","size":1}],"ztocs":[],"prefetch":[]}`, /digest/, "a digest"],
  [
    `{"version":1,"indexes":[{"version":"v1","digest":"${digest("a")}","size":-1}],"ztocs":[],"prefetch":[]}`,
    /size/,
    "a size",
  ],
])("decodeCatalogue() refuses %j with %s: %s", ([text, message]) => {
  const input = text === "\xff" ? Uint8Array.of(0xff) : bytes(text);
  expect(() => decodeCatalogue(input)).toThrow(
    expect.objectContaining({
      code: "ERR_SOCI_CATALOGUE_MALFORMED",
      message: expect.stringMatching(message) as string,
    }),
  );
});

test("decodeCatalogue() tells a later version from a damaged file, and bounds its size", () => {
  expect(() => decodeCatalogue(bytes('{"version":2}'))).toThrow(
    expect.objectContaining({ code: "ERR_SOCI_CATALOGUE_VERSION" }),
  );
  const padded = (length: number): Uint8Array => {
    const input = new Uint8Array(length).fill(0x20);
    input.set(encodeCatalogue(EMPTY_CATALOGUE));
    return input;
  };
  expect(decodeCatalogue(padded(MAX_CATALOGUE_SIZE))).toEqual(EMPTY_CATALOGUE);
  expect(() => decodeCatalogue(padded(MAX_CATALOGUE_SIZE + 1))).toThrow(/more than/);
});

test("decodeCatalogue() of any bytes gives a catalogue or a coded error", () => {
  const encoded = catalogues.map((catalogue) => encodeCatalogue(catalogue as Catalogue));
  const changed = fc
    .tuple(encoded, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([input, edits]) => {
      for (const [at, byte] of edits) input[at % input.length] = byte;
      return input;
    });
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array(), fc.json().map(bytes)), (input) => {
      try {
        decodeCatalogue(input);
      } catch (error) {
        expect(error).toBeInstanceOf(SociIndexError);
      }
    }),
    { numRuns: 500 },
  );
});

describe("changes", () => {
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digest("l"), size: 7 };
  const ztoc = { digest: digest("z"), size: 3 };
  const image = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digest("m"), size: 9 };
  const index = createSociIndex("v1", [{ layer, ztoc, spanSize: 4096 }], image);
  const entryOf = (letter: string, of: string, names: readonly string[]) =>
    ({ digest: digest(letter), size: 1, version: "v1", manifest: image.digest, image: digest(of), names }) as const;

  test("withZtoc() keeps what was known first, and completes it", () => {
    const first = withZtoc(EMPTY_CATALOGUE, { ...ztoc, layer: layer.digest, created: "2025-01-01T00:00:00.000Z" });
    const second = withZtoc(first, { ...ztoc, layer: layer.digest, spanSize: 1, created: "2026-01-01T00:00:00.000Z" });
    expect(second.ztocs).toEqual([{ ...ztoc, layer: layer.digest, spanSize: 1, created: "2025-01-01T00:00:00.000Z" }]);
    expect(withZtoc(second, { ...ztoc, layer: digest("other") }).ztocs).toHaveLength(2);
  });

  test("withIndex() lists what an index names, each once, with layer and span size", () => {
    const first = withIndex(EMPTY_CATALOGUE, entryOf("i", "t", ["a/b:1"]), index);
    expect(first.ztocs).toEqual([{ ...ztoc, layer: layer.digest, spanSize: 4096 }]);
    const again = withIndex(first, { ...entryOf("i", "t", ["a/b:2"]), created: "2026-01-01T00:00:00.000Z" }, index);
    expect(again.ztocs).toHaveLength(1);
    expect(again.indexes).toEqual([{ ...entryOf("i", "t", ["a/b:1", "a/b:2"]), created: "2026-01-01T00:00:00.000Z" }]);
  });

  test("withIndex() takes a name from the image that it named before, and gives it to all indexes of the one it names", () => {
    let catalogue = withIndex(EMPTY_CATALOGUE, entryOf("i", "t", ["a/b:1"]), index);
    catalogue = withIndex(catalogue, entryOf("j", "t", ["a/b:1"]), index);
    expect(catalogue.indexes.map(({ names }) => names)).toEqual([["a/b:1"], ["a/b:1"]]);
    catalogue = withIndex(catalogue, entryOf("j", "t", ["a/b:0"]), index);
    expect(catalogue.indexes.map(({ names }) => names)).toEqual([
      ["a/b:0", "a/b:1"],
      ["a/b:0", "a/b:1"],
    ]);
    catalogue = withIndex(catalogue, entryOf("k", "u", ["a/b:1"]), index);
    expect(catalogue.indexes.map(({ names }) => names)).toEqual([["a/b:0"], ["a/b:0"], ["a/b:1"]]);
  });

  test("withIndex() passes over blobs that do not say of which layer they are", () => {
    const blobs = [{ mediaType: "application/octet-stream", digest: parseDigest(ztoc.digest), size: 3 }];
    expect(withIndex(EMPTY_CATALOGUE, entryOf("i", "t", []), { ...index, blobs }).ztocs).toEqual([]);
  });
});
