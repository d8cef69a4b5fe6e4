import { isImageIndex, decodeManifest, OCI_INDEX, OCI_MANIFEST } from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { goldenBlob, goldenImages } from "../../../../testdata/golden-images.ts";
import { decodeGoDocument, encodeGoDocument } from "./go-document.ts";

const D = `sha256:${"a".repeat(64)}`;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const rewritten = (value: string, mediaType: string): string =>
  new TextDecoder().decode(encodeGoDocument(decodeGoDocument(text(value), mediaType)));
const config = `{"mediaType":"c","digest":"${D}","size":2}`;

describe("encodeGoDocument() writes what was read as Go writes it", () => {
  test.for<[string, string, string]>([
    [
      "no list of layers",
      `{"schemaVersion": 2, "config": ${config}}`,
      `{"schemaVersion":2,"config":${config},"layers":null}`,
    ],
    [
      "no layers, null",
      `{"schemaVersion":2,"layers":null,"config":${config}}`,
      `{"schemaVersion":2,"config":${config},"layers":null}`,
    ],
    [
      "an empty list of layers",
      `{"schemaVersion":2,"config":${config},"layers":[]}`,
      `{"schemaVersion":2,"config":${config},"layers":[]}`,
    ],
    [
      "text that looks like one",
      `{"schemaVersion":2,"config":${config},"annotations":{"\\"layers\\":[]":"\\"layers\\":[]"}}`,
      `{"schemaVersion":2,"config":${config},"layers":null,"annotations":{"\\"layers\\":[]":"\\"layers\\":[]"}}`,
    ],
    [
      "data with line breaks, and with bits that say nothing",
      `{"schemaVersion":2,"config":{"mediaType":"c","digest":"${D}","size":1,"data":"YR\\n=="}}`,
      `{"schemaVersion":2,"config":{"mediaType":"c","digest":"${D}","size":1,"data":"YQ=="},"layers":null}`,
    ],
    [
      "unknown members, and an order of their own",
      `{"x":1,"layers":[],"config":${config},"schemaVersion":2,"annotations":{}}`,
      `{"schemaVersion":2,"config":${config},"layers":[]}`,
    ],
  ])("%s", ([, given, want]) => {
    expect(rewritten(given, OCI_MANIFEST)).toBe(want);
  });

  test("what it has written, as it is", () => {
    for (const { blobs } of goldenImages)
      for (const digest of blobs) {
        const bytes = goldenBlob(digest);
        if (!/^\s*\{\s*"schemaVersion"/.test(new TextDecoder().decode(bytes.slice(0, 60)))) continue;
        const mediaType = isImageIndex(decodeManifest(bytes)) ? OCI_INDEX : OCI_MANIFEST;
        const once = encodeGoDocument(decodeGoDocument(bytes, mediaType));
        expect(encodeGoDocument(decodeGoDocument(once, mediaType))).toEqual(once);
      }
  });
});

test.for<[string, string, string]>([
  ["an index that is announced as a manifest", `{"schemaVersion":2,"manifests":[]}`, OCI_MANIFEST],
  ["a manifest that is announced as an index", `{"schemaVersion":2,"config":${config}}`, OCI_INDEX],
  ["Docker schema 1", `{"schemaVersion":1,"fsLayers":[]}`, OCI_MANIFEST],
  [
    "data that is not base64",
    `{"schemaVersion":2,"config":{"mediaType":"c","digest":"${D}","size":1,"data":"Y Q="}}`,
    OCI_MANIFEST,
  ],
])("decodeGoDocument() refuses %s", ([, given, mediaType]) => {
  expect(() => decodeGoDocument(text(given), mediaType)).toThrow(
    expect.objectContaining({ code: "ERR_OCI_INVALID_MANIFEST" }),
  );
});
