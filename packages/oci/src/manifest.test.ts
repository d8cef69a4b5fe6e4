import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import { OCI_ERROR_CODES, OciError } from "./errors.ts";
import { decodeImageConfig, decodeManifest, isImageIndex, MAX_MANIFEST_SIZE } from "./manifest.ts";
import { DOCKER_MANIFEST, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from "./media-types.ts";

const DIGEST = digestOf(new TextEncoder().encode("m"));
const CONFIG = { mediaType: "c", digest: DIGEST, size: 1 };
const MANIFEST = { schemaVersion: 2, config: CONFIG, layers: [{ mediaType: OCI_LAYER_GZIP, digest: DIGEST, size: 2 }] };
const INDEX = { schemaVersion: 2, manifests: [{ ...CONFIG, platform: { architecture: "amd64", os: "linux" } }] };

const bytesOfJson = (json: unknown): Uint8Array =>
  new TextEncoder().encode(typeof json === "string" ? json : JSON.stringify(json));
const errorOf = (run: () => unknown): OciError => {
  try {
    run();
  } catch (error) {
    if (error instanceof OciError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

test("decodeManifest() tells a manifest from an index", () => {
  expect(decodeManifest(bytesOfJson(MANIFEST))).toEqual(MANIFEST);
  expect(decodeManifest(bytesOfJson(INDEX))).toEqual(INDEX);
  expect(isImageIndex(decodeManifest(bytesOfJson(MANIFEST)))).toBe(false);
  expect(isImageIndex(decodeManifest(bytesOfJson(INDEX)))).toBe(true);
});

test.for([
  ["unknown members", { ...MANIFEST, "x-top": [1.5] }, MANIFEST],
  ["no media type, as umoci writes it", MANIFEST, MANIFEST],
  ["null for what may be absent", { ...MANIFEST, subject: null, annotations: null, artifactType: null }, MANIFEST],
  [
    "empty for what may be absent",
    { ...MANIFEST, artifactType: "", annotations: {}, config: { ...CONFIG, artifactType: "", urls: [] } },
    MANIFEST,
  ],
  ["no layers", { schemaVersion: 2, config: CONFIG }, { ...MANIFEST, layers: [] }],
  ["null for layers", { ...MANIFEST, layers: null }, { ...MANIFEST, layers: [] }],
  ["null for an annotation", { ...MANIFEST, annotations: { a: null } }, { ...MANIFEST, annotations: { a: "" } }],
  ["null for manifests", { schemaVersion: 2, manifests: null }, { schemaVersion: 2, manifests: [] }],
  [
    "an annotation in another case",
    { ...MANIFEST, annotations: { Digest: "x", digest: "y" } },
    { ...MANIFEST, annotations: { Digest: "x", digest: "y" } },
  ],
] as const)("decodeManifest() takes %s", ([, json, want]) => {
  expect(decodeManifest(bytesOfJson(json))).toEqual(want);
});

test("decodeManifest() keeps annotations named as what objects have", () => {
  const { annotations } = decodeManifest(
    bytesOfJson('{"schemaVersion":2,"manifests":[],"annotations":{"__proto__":"a","constructor":"b"}}'),
  );
  expect(Object.entries(annotations!)).toEqual([
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
});

test.for([
  ["nothing", "", /not JSON/],
  ["a page", "<html>", /not JSON/],
  ["a list", "[]", /not a JSON object/],
  ["Docker schema 1", { schemaVersion: 1, fsLayers: [] }, /schema 1/],
  ["no schema version", { config: CONFIG }, /schemaVersion/],
  ["neither", { schemaVersion: 2 }, /neither manifests nor config/],
  ["both (CVE-2021-41190)", { ...MANIFEST, ...INDEX }, /both/],
  ["both, one null", { ...INDEX, layers: null }, /both/],
  ["an index that says it is a manifest", { ...INDEX, mediaType: OCI_MANIFEST }, /it is an index/],
  ["a manifest that says it is an index", { ...MANIFEST, mediaType: OCI_INDEX }, /it has no manifests/],
  ["layers twice", `{"schemaVersion":2,"config":${JSON.stringify(CONFIG)},"layers":[],"layers":[]}`, /"layers" twice/],
  ["layers in another case", { ...MANIFEST, Layers: [] }, /"Layers", which some readers take for "layers"/],
  ["config in another case alone", { schemaVersion: 2, Config: CONFIG }, /"Config"/],
  ["a digest in another case", { ...MANIFEST, config: { ...CONFIG, Digest: DIGEST } }, /config has "Digest"/],
  ["a letter that Go folds", { ...MANIFEST, "layer\u017f": [] }, /layers/],
  [
    "a platform in another case",
    { schemaVersion: 2, manifests: [{ ...CONFIG, platform: { OS: "linux" } }] },
    /manifests\[0\]\.platform has "OS"/,
  ],
  ["null for config", { ...MANIFEST, config: null }, /config is not an object/],
  ["text for layers", { ...MANIFEST, layers: "x" }, /layers is not a list/],
  ["null for a layer", { ...MANIFEST, layers: [null] }, /layers\[0\] is not an object/],
  [
    "a path for a digest",
    { ...MANIFEST, config: { ...CONFIG, digest: "sha256:../../x" } },
    /config\.digest "sha256:\.\.\/\.\.\/x" is not a digest/,
  ],
  ["no digest", { ...MANIFEST, config: { size: 1 } }, /config\.digest null is not a digest/],
  ["no size", { ...MANIFEST, config: { digest: DIGEST } }, /config\.size/],
  ["a negative size", { ...MANIFEST, config: { ...CONFIG, size: -1 } }, /config\.size/],
  ["a size past 2^53 - 1", { ...MANIFEST, config: { ...CONFIG, size: 2 ** 53 } }, /config\.size/],
  ["a size as text", { ...MANIFEST, config: { ...CONFIG, size: "1" } }, /config\.size/],
  ["a size with an exponent", JSON.stringify(MANIFEST).replace('"size":2', '"size":2e0'), /layers\[0\]\.size/],
  [
    "a size with a fraction of nothing",
    JSON.stringify(MANIFEST).replace('"size":2', '"size":2.0'),
    /layers\[0\]\.size/,
  ],
  ["a number for a media type", { ...MANIFEST, config: { ...CONFIG, mediaType: 1 } }, /config\.mediaType is not text/],
  ["a number for an annotation", { ...MANIFEST, annotations: { a: 1 } }, /annotations\["a"\] is not text/],
  ["text for urls", { ...MANIFEST, config: { ...CONFIG, urls: "u" } }, /config\.urls is not a list/],
] as const)("decodeManifest() refuses %s", ([, json, message]) => {
  const error = errorOf(() => decodeManifest(bytesOfJson(json)));
  expect(error.code).toBe("ERR_OCI_INVALID_MANIFEST");
  expect(error.message).toMatch(message);
  expect(error.message).toMatch(/^Cannot decode manifest: /);
});

test("decodeManifest() holds the document to the type it was announced as", () => {
  const typed = bytesOfJson({ ...MANIFEST, mediaType: OCI_MANIFEST });
  expect(decodeManifest(typed, OCI_MANIFEST)).toMatchObject({ mediaType: OCI_MANIFEST });
  expect(decodeManifest(typed, "")).toMatchObject({ mediaType: OCI_MANIFEST });
  expect(errorOf(() => decodeManifest(typed, DOCKER_MANIFEST)).message).toMatch(/announced as/);
  expect(errorOf(() => decodeManifest(bytesOfJson(MANIFEST), OCI_INDEX)).message).toMatch(/no manifests/);
  expect(errorOf(() => decodeManifest(bytesOfJson(INDEX), DOCKER_MANIFEST)).message).toMatch(/it is an index/);
});

test("decodeManifest() takes 4 MiB and 10,000 layers, and no more", () => {
  const padded = (size: number): Uint8Array => bytesOfJson(JSON.stringify(MANIFEST).padEnd(size));
  expect(decodeManifest(padded(MAX_MANIFEST_SIZE))).toEqual(MANIFEST);
  expect(errorOf(() => decodeManifest(padded(MAX_MANIFEST_SIZE + 1))).code).toBe("ERR_OCI_TOO_LARGE");
  const layered = (count: number): Uint8Array => bytesOfJson({ ...MANIFEST, layers: Array(count).fill(CONFIG) });
  expect(decodeManifest(layered(10_000))).toHaveProperty("layers.length", 10_000);
  expect(errorOf(() => decodeManifest(layered(10_001))).message).toMatch(/10001 entries, more than 10000/);
});

test("decodeImageConfig() reads platform and diff IDs", () => {
  const config = {
    architecture: "arm64",
    os: "linux",
    variant: "v8",
    "os.version": "1",
    "os.features": ["f"],
    rootfs: { type: "layers", diff_ids: [DIGEST] },
    config: { OS: 1 },
  };
  expect(decodeImageConfig(bytesOfJson(config))).toEqual({
    platform: { architecture: "arm64", os: "linux", variant: "v8", "os.version": "1", "os.features": ["f"] },
    diffIds: [DIGEST],
  });
  expect(decodeImageConfig(bytesOfJson("{}"))).toEqual({ platform: { architecture: "", os: "" }, diffIds: [] });
});

test.for([
  ["a number for a diff ID", { rootfs: { diff_ids: [1] } }, /rootfs\.diff_ids\[0\] is not text/],
  ["text for rootfs", { rootfs: "x" }, /rootfs is not an object/],
  ["a number for a system", { os: 1 }, /config\.os is not text/],
  ["a system in another case", { OS: "linux" }, /"OS"/],
  ["not JSON", "PK", /not JSON/],
] as const)("decodeImageConfig() refuses %s", ([, json, message]) => {
  const error = errorOf(() => decodeImageConfig(bytesOfJson(json)));
  expect([error.code, error.message]).toEqual(["ERR_OCI_INVALID_CONFIG", expect.stringMatching(message)]);
});

test("decodeManifest() and decodeImageConfig() of any bytes give a value or a coded error", () => {
  const name = fc.constantFrom(
    "schemaVersion",
    "config",
    "layers",
    "manifests",
    "mediaType",
    "digest",
    "size",
    "platform",
    "os",
    "annotations",
    "urls",
    "__proto__",
    "Size",
  );
  const leaf = fc.constantFrom<unknown>(
    2,
    0,
    -1,
    1.5,
    null,
    true,
    "",
    "x",
    DIGEST,
    OCI_INDEX,
    CONFIG,
    [CONFIG],
    [],
    {},
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.dictionary(name, tie("tree"), { maxKeys: 6 }),
      fc.array(tie("tree"), { maxLength: 3 }),
    ),
  }));
  const document = fc.dictionary(name, tree).map((members) => bytesOfJson({ schemaVersion: 2, ...members }));
  fc.assert(
    fc.property(fc.oneof(document, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      for (const decode of [decodeManifest, decodeImageConfig]) {
        try {
          decode(bytes);
        } catch (error) {
          if (!(error instanceof OciError)) throw error;
          expect(OCI_ERROR_CODES).toContain(error.code);
        }
      }
    }),
    { numRuns: 200 },
  );
});
