import { digestOf, encodeGoJson, type Descriptor, type GoJson } from "@socikit/oci";
import { describe, expect, test } from "vitest";
import {
  goldenBlob,
  goldenContent,
  goldenEntries,
  goldenImage,
  goldenImages,
} from "../../../../testdata/golden-images.ts";
import { memoryTarget, type MemoryTarget } from "../testing/memory-target.ts";
import { standaloneRoot, type LayoutFiles } from "./standalone-root.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const LAYOUT = text('{"imageLayoutVersion":"1.0.0"}');

/** A layout whose blobs are put in one by one. */
function layout() {
  const store: MemoryTarget = memoryTarget();
  const put = (mediaType: string, value: GoJson | string): Descriptor => {
    const bytes = typeof value === "string" ? text(value) : encodeGoJson(value);
    const digest = digestOf(bytes);
    store.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = ({ mediaType, digest, size, platform }: Descriptor): GoJson => ({
    mediaType,
    digest,
    size,
    platform: platform as GoJson | undefined,
  });
  const manifest = (name: string): Descriptor =>
    put(OCI_MANIFEST, {
      schemaVersion: 2,
      config: json(put("application/vnd.oci.image.config.v1+json", `{"a":"${name}"}`)),
      layers: [],
    });
  const index = (children: readonly Descriptor[]): Descriptor =>
    put(OCI_INDEX, { schemaVersion: 2, manifests: children.map(json) });
  const files = (entries: readonly Descriptor[], more: Readonly<Record<string, GoJson>> = {}): LayoutFiles => ({
    index: encodeGoJson({ schemaVersion: 2, manifests: entries.map(json), ...more }),
    ociLayout: LAYOUT,
  });
  const gone = (descriptor: Descriptor): Descriptor => {
    store.blobs.delete(descriptor.digest);
    return descriptor;
  };
  return { store, put, manifest, index, files, gone };
}

describe("standaloneRoot() is", () => {
  test("the only entry, with its platform", async () => {
    const { store, manifest, files } = layout();
    const only = { ...manifest("a"), platform: { architecture: "amd64", os: "linux" } };
    expect(await standaloneRoot(store, files([only]))).toEqual({ descriptor: only, missing: [] });
  });

  test("an index that is whole", async () => {
    const { store, manifest, index, files } = layout();
    const root = index([manifest("a"), manifest("b")]);
    expect(await standaloneRoot(store, files([root]))).toEqual({ descriptor: root, missing: [] });
  });

  test("the only manifest of an index, or the only one that is there", async () => {
    const { store, manifest, index, files, gone } = layout();
    const [a, b] = [manifest("a"), manifest("b")];
    expect(await standaloneRoot(store, files([index([a])]))).toEqual({ descriptor: a, missing: [] });
    const partial = index([a, b]);
    gone(b);
    expect(await standaloneRoot(store, files([partial]))).toEqual({ descriptor: a, missing: [b] });
  });

  test("an index whose only child is one", async () => {
    const { store, manifest, index, files } = layout();
    const root = index([index([manifest("a"), manifest("b")])]);
    expect((await standaloneRoot(store, files([root]))).descriptor).toEqual(root);
  });

  test("an index without those that are not there", async () => {
    const { store, manifest, index, files, gone } = layout();
    const children = [manifest("a"), manifest("b"), manifest("c")];
    const partial = index(children);
    gone(children[1]!);
    const { descriptor, bytes, missing } = await standaloneRoot(store, files([partial]));
    const want = encodeGoJson({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [children[0], children[2]] as unknown as GoJson,
    });
    expect(bytes).toEqual(want);
    expect(descriptor).toEqual({ mediaType: OCI_INDEX, digest: digestOf(want), size: want.length });
    expect(missing).toEqual([children[1]]);
  });

  test("all entries as one index, its own annotations included", async () => {
    const { store, manifest, files } = layout();
    const entries = [manifest("a"), manifest("b")];
    const { bytes } = await standaloneRoot(store, files(entries, { annotations: { k: "<v>" } }));
    expect(new TextDecoder().decode(bytes)).toBe(
      `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":${JSON.stringify(entries)},"annotations":{"k":"\\u003cv\\u003e"}}`,
    );
  });

  test("what the golden layouts hold", async () => {
    for (const image of goldenImages) {
      if (image.name === "i23-empty") continue;
      const files = { index: text(image.index), ociLayout: text(image.ociLayout) };
      const { descriptor } = await standaloneRoot(goldenContent(image), files);
      if (["i07-escapes", "i12-flat", "i13-flat-missing", "i22-unknown-only"].includes(image.name))
        expect(descriptor.digest).not.toBe(goldenEntries(image)[0]!.digest);
      else expect(descriptor.digest).toBe(goldenEntries(image)[0]!.digest);
    }
  });

  test("there without an oci-layout file", async () => {
    const { store, manifest, files } = layout();
    const { index } = files([manifest("a")]);
    expect((await standaloneRoot(store, { index })).missing).toEqual([]);
  });
});

describe("standaloneRoot() fails, in the reference's order,", () => {
  test.for<[string, string, RegExp, (made: ReturnType<typeof layout>) => LayoutFiles]>([
    ["for an index.json that is not JSON", "INVALID", /unmarshal index\.json: /, () => ({ index: text("{") })],
    [
      "for one that is a manifest",
      "INVALID",
      /unmarshal index\.json: it is not an index/,
      ({ store, manifest }) => ({ index: store.blobs.get(manifest("a").digest)! }),
    ],
    // Before the version is looked at.
    [
      "without entries",
      "NO_IMAGE",
      /index\.json contains no manifests$/,
      ({ files }) => ({ ...files([]), ociLayout: text("{}") }),
    ],
    [
      "without the list",
      "NO_IMAGE",
      /read manifest list: sha256:[0-9a-f]{64} is not there$/,
      ({ manifest, index, files, gone }) => files([gone(index([manifest("a")]))]),
    ],
    [
      "for a list that is none",
      "INVALID",
      /unmarshal manifest list: /,
      ({ put, files }) => files([put(OCI_INDEX, "[]")]),
    ],
    [
      "for a list of nothing that is there",
      "NO_IMAGE",
      /manifest list contains no entries with available blobs$/,
      ({ manifest, index, files, gone }) => files([index([gone(manifest("a"))])]),
    ],
    [
      "for another version",
      "INVALID",
      /invalid OCI Image Layout: unsupported version "1\.1\.0"$/,
      ({ manifest, files }) => ({ ...files([manifest("a")]), ociLayout: text('{"imageLayoutVersion":"1.1.0"}') }),
    ],
    [
      "for no version",
      "INVALID",
      /unsupported version \(none\)$/,
      ({ manifest, files }) => ({ ...files([manifest("a")]), ociLayout: text("{}") }),
    ],
    [
      "for an oci-layout that is not JSON",
      "INVALID",
      /oci-layout is not JSON$/,
      ({ manifest, files }) => ({ ...files([manifest("a")]), ociLayout: text("x") }),
    ],
    [
      "for a manifest of another size",
      "INVALID",
      /invalid OCI Image Index: sha256:[0-9a-f]{64} has \d+ bytes, not 1$/,
      ({ manifest, files }) => files([{ ...manifest("a"), size: 1 }]),
    ],
    [
      "for a manifest that is not what its digest says",
      "INVALID",
      /invalid OCI Image Index: sha256:[0-9a-f]{64} cannot be read: /,
      ({ store, manifest, files }) => {
        const a = manifest("a");
        store.blobs.set(a.digest, text("x".repeat(a.size)));
        return files([a]);
      },
    ],
    [
      "for a manifest that is none, deep below",
      "INVALID",
      /invalid OCI Image Index: /,
      ({ put, manifest, index, files }) => files([index([manifest("a"), index([put(OCI_MANIFEST, "{}")])])]),
    ],
  ])("%s", async ([, code, message, make]) => {
    const made = layout();
    const files = make(made);
    await expect(standaloneRoot(made.store, files)).rejects.toMatchObject({
      code: `ERR_SOCI_LAYOUT_${code}`,
      message: expect.stringMatching(message),
    });
  });
});

test("standaloneRoot() does not mind layers and configs that are broken or not there", async () => {
  const image = goldenImage("i01");
  const content = goldenContent(image);
  const files = { index: text(image.index), ociLayout: text(image.ociLayout) };
  const { digest } = goldenEntries(image)[0]!;
  const only = {
    ...content,
    stat: async (wanted: typeof digest) => (wanted === digest ? { size: goldenBlob(digest).length } : undefined),
  };
  expect((await standaloneRoot(only, files)).descriptor.digest).toBe(digest);
});
