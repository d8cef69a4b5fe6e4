import { digestOf, encodeGoJson, parseDigest, type Descriptor, type GoJson } from "@socikit/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SOCI_INDEX_ERROR_CODES, SociIndexError } from "./errors.ts";
import { SOCI_INDEX_V1, SOCI_INDEX_V2, SOCI_PREFETCH } from "./media-types.ts";
import {
  artifactTypeOf,
  createSociIndex,
  decodeSociIndex,
  encodeSociIndex,
  selectSociIndex,
  sociIndexConfig,
  sociIndexDigestOf,
  ztocFor,
  type SociIndex,
} from "./soci-index.ts";
import { goldenIndexes } from "./testing/golden-runs.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const descriptor = (letter: string, mediaType: string, size: number): Descriptor => ({
  mediaType,
  digest: digestOf(bytesOf(letter)),
  size,
});
const LAYER = descriptor("l", "application/vnd.oci.image.layer.v1.tar+gzip", 7);
const ZTOC = descriptor("z", "application/octet-stream", 123);
const MANIFEST = descriptor("m", "application/vnd.oci.image.manifest.v1+json", 999);
const PREFETCH = {
  ...descriptor("p", SOCI_PREFETCH, 60),
  annotations: { "com.amazon.soci.image-layer-digest": LAYER.digest },
};

test("encodeSociIndex() writes the samples of spec section 8.1", () => {
  const layers = [{ layer: LAYER, ztoc: ZTOC, spanSize: 4194304, disableXattrs: true }];
  const v1 = createSociIndex("v1", layers, {
    ...MANIFEST,
    platform: { os: "linux", architecture: "amd64" },
    annotations: { a: "b" },
  });
  const v2 = createSociIndex("v2", layers);
  const bytes = [v1, v2].map((index) => encodeSociIndex({ ...index, blobs: [...index.blobs, PREFETCH] }));
  expect(bytes.map((encoded) => [encoded.length, digestOf(encoded)])).toEqual([
    [1192, "sha256:86cbd119be4c001b1d7a131608ede7c60d6416ea14e5071519c41a5039243d9b"],
    [1029, "sha256:cc37cf854258faefc3266410fb3eb86b2879dbf6c99d01ee2830b423cfe1f450"],
  ]);
});

test("encodeSociIndex() writes the indexes of spec section 22.4", () => {
  const layer = {
    mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    digest: parseDigest("sha256:e2741d1b5d4b894e6c89d9c943eeaf10fc3ba57c1173d7a68aa3fb99c36fc8d0"),
    size: 204,
  };
  const ztoc = {
    digest: parseDigest("sha256:f4eb7273287d54623187a8d7dd8a5ea1f929cbc267d5223a77f60055c3b05f41"),
    size: 34064,
  };
  const subject = {
    mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    digest: parseDigest("sha256:60083a75a774d7fad0b6d2e9aa0f705d836a32ae291ae20b13e511b6bd02e127"),
    size: 423,
  };
  const layers = [{ layer, ztoc, spanSize: 4194304 }];
  const bytes = [createSociIndex("v2", layers), createSociIndex("v1", layers, subject)].map(encodeSociIndex);
  expect(bytes.map((encoded) => [encoded.length, digestOf(encoded)])).toEqual([
    [716, "sha256:0d2b0678a638a962a8112a8d87c26c9c00cf9342f8df384e0d6f131f9e081ca8"],
    [889, "sha256:f01d0b3626950537921154dc770b01ff1eb8102edd75687419ddf321cd86a656"],
  ]);
});

test("every index that the reference wrote decodes, and encodes to the same bytes", () => {
  const versions = { v1: 0, v2: 0 };
  for (const [digest, json] of goldenIndexes()) {
    const index = decodeSociIndex(bytesOf(json));
    versions[index.version]++;
    const encoded = encodeSociIndex(index);
    expect(textOf(encoded)).toBe(json);
    expect(digestOf(encoded)).toBe(digest);
    expect(index.subject === undefined).toBe(index.version === "v2");
  }
  expect(versions).toEqual({ v1: 17, v2: 28 });
});

test("createSociIndex() keeps layer order and doubles, and names the tool", () => {
  const other = { layer: { ...LAYER, digest: digestOf(bytesOf("k")) }, ztoc: ZTOC, spanSize: 1 };
  const index = createSociIndex("v2", [{ layer: LAYER, ztoc: ZTOC, spanSize: 1 }, other, other], undefined, {
    buildToolIdentifier: "x",
  });
  expect(index.blobs.map((blob) => blob.annotations!["com.amazon.soci.image-layer-digest"])).toEqual([
    LAYER.digest,
    other.layer.digest,
    other.layer.digest,
  ]);
  expect(index.annotations).toEqual({ "com.amazon.soci.build-tool-identifier": "x" });
});

test("createSociIndex() holds each version to its subject", () => {
  expect(() => createSociIndex("v1", [])).toThrow(TypeError);
  expect(() => createSociIndex("v2", [], MANIFEST)).toThrow(TypeError);
});

test("sociIndexConfig() is what every index names", () => {
  expect(textOf(encodeSociIndex(createSociIndex("v2", [])))).toContain(
    `"config":{"mediaType":"${SOCI_INDEX_V2}","digest":"${digestOf(sociIndexConfig())}","size":${sociIndexConfig().length}}`,
  );
});

test("ztocFor() finds the zTOC of a layer, and nothing else", () => {
  const { blobs } = createSociIndex("v2", [{ layer: LAYER, ztoc: ZTOC, spanSize: 1 }]);
  const index: SociIndex = { version: "v2", blobs: [PREFETCH, { ...ZTOC, size: 1 }, ...blobs] };
  expect(ztocFor(index, LAYER.digest)).toEqual(blobs[0]);
  expect(ztocFor(index, ZTOC.digest)).toBeUndefined();
});

test("sociIndexDigestOf() and selectSociIndex() read what names an index", () => {
  expect(sociIndexDigestOf({ annotations: { "com.amazon.soci.index-digest": LAYER.digest } })).toBe(LAYER.digest);
  expect(sociIndexDigestOf({ annotations: { "com.amazon.soci.index-digest": "sha256:x" } })).toBeUndefined();
  expect(sociIndexDigestOf({})).toBeUndefined();
  const referrers = [
    MANIFEST,
    { ...MANIFEST, artifactType: SOCI_INDEX_V2 },
    { ...ZTOC, artifactType: SOCI_INDEX_V1 },
    { ...LAYER, artifactType: SOCI_INDEX_V1 },
  ];
  expect(selectSociIndex(referrers)).toBe(referrers[2]);
  expect(selectSociIndex([])).toBeUndefined();
  expect(artifactTypeOf({ version: "v1" })).toBe(SOCI_INDEX_V1);
});

const VALID = JSON.parse(
  textOf(encodeSociIndex(createSociIndex("v1", [{ layer: LAYER, ztoc: ZTOC, spanSize: 1 }], MANIFEST))),
) as { config: object };

test.for<[string, unknown, string, RegExp]>([
  ["nothing", "", "MALFORMED", /it is not JSON: it ends early/],
  ["an image index", { schemaVersion: 2, manifests: [] }, "MALFORMED", /it is an image index/],
  [
    "an image",
    { ...VALID, config: { ...VALID.config, mediaType: "application/vnd.oci.image.config.v1+json" } },
    "UNKNOWN_VERSION",
    /"application\/vnd\.oci\.image\.config\.v1\+json"/,
  ],
  [
    "a version to come",
    { ...VALID, config: { ...VALID.config, mediaType: "application/vnd.amazon.soci.index.v3+json" } },
    "UNKNOWN_VERSION",
    /v3/,
  ],
  [
    "a Docker manifest",
    { ...VALID, mediaType: "application/vnd.docker.distribution.manifest.v2+json" },
    "MALFORMED",
    /media type/,
  ],
  ["a zTOC without a digest", { ...VALID, layers: [{ size: 1 }] }, "MALFORMED", /layers\[0\]\.digest/],
  ["a zTOC of less than nothing", { ...VALID, layers: [{ ...ZTOC, size: -1 }] }, "MALFORMED", /layers\[0\]\.size/],
  ["a subject without a digest", { ...VALID, subject: {} }, "MALFORMED", /subject\.digest/],
  ["4 MiB and a byte", JSON.stringify(VALID).padEnd(4 * 2 ** 20 + 1), "TOO_LARGE", /4194305 bytes/],
])("decodeSociIndex() refuses %s", ([, json, code, message]) => {
  const bytes = bytesOf(typeof json === "string" ? json : JSON.stringify(json));
  expect(() => decodeSociIndex(bytes)).toThrow(
    expect.objectContaining({
      name: "SociIndexError",
      code: `ERR_SOCI_INDEX_${code}`,
      message: expect.stringMatching(message),
    }),
  );
});

test("decodeSociIndex() takes 4 MiB, and members that it does not know", () => {
  expect(
    decodeSociIndex(bytesOf(JSON.stringify({ ...VALID, artifactType: "x", y: 1 }).padEnd(4 * 2 ** 20))),
  ).toMatchObject({ version: "v1", subject: MANIFEST });
});

test("decodeSociIndex() of any bytes gives an index or a coded error", () => {
  const change = fc.record(
    {
      schemaVersion: fc.constantFrom(2, 1, "2"),
      mediaType: fc.constantFrom("", "x", null),
      config: fc.oneof(
        fc.jsonValue(),
        fc.record({
          mediaType: fc.constantFrom(SOCI_INDEX_V1, SOCI_INDEX_V2, "x"),
          digest: fc.constant(ZTOC.digest),
          size: fc.nat(),
        }),
      ),
      layers: fc.array(
        fc.oneof(
          fc.jsonValue(),
          fc.record(
            {
              digest: fc.constantFrom(ZTOC.digest, "sha256:"),
              size: fc.integer(),
              annotations: fc.dictionary(fc.string(), fc.string()),
            },
            { requiredKeys: [] },
          ),
        ),
      ),
      subject: fc.jsonValue(),
      annotations: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const input = fc.oneof(
    fc.uint8Array(),
    change.map((members) => bytesOf(JSON.stringify({ ...VALID, ...members }))),
    // A byte of a good one changed.
    fc
      .tuple(fc.nat(), fc.nat(255))
      .map(([at, byte]) => bytesOf(JSON.stringify(VALID)).map((b, i, all) => (i === at % all.length ? byte : b))),
  );
  fc.assert(
    fc.property(input, (bytes) => {
      try {
        const index = decodeSociIndex(bytes);
        expect(decodeSociIndex(encodeSociIndex(index))).toEqual(index);
      } catch (error) {
        if (!(error instanceof SociIndexError)) throw error;
        expect(SOCI_INDEX_ERROR_CODES).toContain(error.code);
      }
    }),
    { numRuns: 200 },
  );
});

test("an index of SHA-512 digests is encoded, decoded, and found by them", () => {
  const sha512 = (letter: string): Descriptor => ({ ...LAYER, digest: digestOf(bytesOf(letter), "sha512") });
  const layers = ["a", "b"].map((letter) => ({ layer: sha512(letter), ztoc: sha512(`z${letter}`), spanSize: 1 }));
  const index = createSociIndex("v1", layers, { ...MANIFEST, digest: digestOf(bytesOf("m"), "sha512") });
  const decoded = decodeSociIndex(encodeSociIndex(index));
  expect(decoded).toEqual(index);
  for (const { layer, ztoc } of layers) expect(ztocFor(decoded, layer.digest)?.digest).toBe(ztoc.digest);
  expect(sociIndexDigestOf({ annotations: { "com.amazon.soci.index-digest": sha512("i").digest } })).toBe(
    sha512("i").digest,
  );
  // The half of it that some take for one.
  const cut = sha512("i").digest.slice(0, 71);
  expect(sociIndexDigestOf({ annotations: { "com.amazon.soci.index-digest": cut } })).toBeUndefined();
});

test("prefetch artifacts come behind the zTOCs, in the order given", () => {
  const index = createSociIndex("v2", [{ layer: LAYER, ztoc: ZTOC, spanSize: 1 }], undefined, {
    prefetch: [PREFETCH, PREFETCH],
  });
  expect(index.blobs.map(({ mediaType }) => mediaType)).toEqual([ZTOC.mediaType, SOCI_PREFETCH, SOCI_PREFETCH]);
  expect(decodeSociIndex(encodeSociIndex(index))).toEqual(index);
  expect(ztocFor(index, LAYER.digest)).toBe(index.blobs[0]);
});

test.for<[string, number, string, RegExp]>([
  ["more blobs than are read", 10_001, "", /names 10001 zTOCs and prefetch artifacts, more than 10000/],
  ["more bytes than registries take", 1, "x".repeat(4 * 2 ** 20), /its 419\d{4} bytes are more than 4194304/],
])("encodeSociIndex() refuses %s", ([, count, text, message]) => {
  const blobs = Array<Descriptor>(count).fill(ZTOC);
  expect(() => encodeSociIndex({ version: "v2", blobs, annotations: { text } })).toThrow(
    expect.objectContaining({ code: "ERR_SOCI_INDEX_TOO_LARGE", message: expect.stringMatching(message) }),
  );
});

test("what encodeSociIndex() takes at most, decodeSociIndex() reads", () => {
  const blobs = Array<Descriptor>(10_000).fill(ZTOC);
  expect(decodeSociIndex(encodeSociIndex({ version: "v2", blobs })).blobs).toHaveLength(10_000);
});

test.for<[string, string, string]>([
  ["HTML", "<&>", "\\u003c\\u0026\\u003e"],
  ["line separators", "\u2028\u2029", "\\u2028\\u2029"],
  ["control characters", "\b\t\n\f\r\u0001\u001f", "\\b\\t\\n\\f\\r\\u0001\\u001f"],
  ["what needs no escape", "/\u007f\u0080", "/\u007f\u0080"],
  ["half of a surrogate pair", "\ud800x", "\ufffdx"],
])("encodeSociIndex() writes %s in annotations as Go does", ([, text, want]) => {
  const encoded = encodeSociIndex({ version: "v2", blobs: [], annotations: { text } });
  expect(textOf(encoded)).toContain(`"annotations":{"text":"${want}"}`);
  expect(encodeSociIndex(decodeSociIndex(encoded))).toEqual(encoded);
});

test("encodeSociIndex() sorts annotations by their bytes, and takes any name", () => {
  const annotations = Object.fromEntries([
    ["\uffff", "2"],
    ["\u{10000}", "3"],
    ["10", "1"],
    ["__proto__", "p"],
  ]) as Record<string, string>;
  const encoded = encodeSociIndex({ version: "v2", blobs: [], annotations });
  expect(textOf(encoded)).toContain('"annotations":{"10":"1","__proto__":"p","\uffff":"2","\u{10000}":"3"}');
  expect(encodeSociIndex(decodeSociIndex(encoded))).toEqual(encoded);
});

test("encodeSociIndex() escapes as Go does", () => {
  const index = createSociIndex("v2", [{ layer: { ...LAYER, mediaType: "<&>" }, ztoc: ZTOC, spanSize: 1 }]);
  const want: GoJson = "<&>";
  expect(textOf(encodeSociIndex(index))).toContain(textOf(encodeGoJson(want)));
  expect(decodeSociIndex(encodeSociIndex(index)).blobs[0]!.annotations!["com.amazon.soci.image-layer-mediaType"]).toBe(
    "<&>",
  );
});
