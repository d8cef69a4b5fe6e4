import { gunzipSync } from "node:zlib";
import {
  decodeManifest,
  isImageIndex,
  layerCompression,
  OCI_MANIFEST,
  type Descriptor,
  type Digest,
} from "@socikit/oci";
import { createSociIndex, encodeSociIndex } from "@socikit/soci-index";
import { buildZtoc } from "@socikit/ztoc/build";
import { describe, expect, test } from "vitest";
import {
  goldenBlob,
  goldenContent,
  goldenEntries,
  goldenImages,
  type GoldenImage,
} from "../../../testdata/golden-images.ts";
import { concat } from "./entry-content.ts";
import { openImage, type LazyImage } from "./open-image.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { MemoryImages } from "./testing/memory-image.ts";

/** The image manifests of a layout, those within indexes too. */
function manifestsOf(image: GoldenImage): Descriptor[] {
  const manifests = new Map<Digest, Descriptor>();
  const walk = (descriptor: Descriptor): void => {
    const manifest = decodeManifest(goldenBlob(descriptor.digest), descriptor.mediaType);
    if (isImageIndex(manifest)) for (const child of manifest.manifests) walk(child);
    else manifests.set(descriptor.digest, descriptor);
  };
  for (const entry of goldenEntries(image)) if (image.blobs.includes(entry.digest)) walk(entry);
  return [...manifests.values()];
}

/** Indexes the layers of a manifest that can be, into a repository of its own. */
async function indexOf(descriptor: Descriptor, images: MemoryImages): Promise<void> {
  const manifest = decodeManifest(goldenBlob(descriptor.digest), descriptor.mediaType);
  if (isImageIndex(manifest)) return;
  const layers = [];
  for (const layer of manifest.layers) {
    const compression = layerCompression(layer.mediaType);
    if (compression !== "gzip" && compression !== "uncompressed") continue;
    // One layer after the other, each in one piece.
    const { bytes } = await buildZtoc(
      (async function* () {
        yield goldenBlob(layer.digest);
      })(),
      { compression, spanSize: 65_536 },
    );
    layers.push({ layer, ztoc: images.putBlob(bytes, "application/octet-stream"), spanSize: 65_536 });
  }
  images.putManifest(encodeSociIndex(createSociIndex("v1", layers, descriptor)), OCI_MANIFEST);
}

/** Every file of an image, by what it says of itself; contents are compared beside. */
async function filesOf(image: LazyImage): Promise<string[]> {
  const files: string[] = [];
  for await (const { path, id, type, mode, size, uid, gid, mtime, mtimeNs, links, linkname } of image.list("/", {
    recursive: true,
  }))
    files.push(JSON.stringify([path, id, type, mode, size, uid, gid, mtime, mtimeNs, links, linkname]));
  return files;
}

/** What comes of the manifests of those images that are not simply read; all others are. */
const OUTCOMES: Readonly<Record<string, readonly string[]>> = {
  // An attestation is among the manifests.
  "i04-multi": ["ERR_LAZY_UNSUPPORTED_COMPRESSION", "read"],
  // Of the layers, one is zstd.
  "i05-mixed": ["ERR_LAZY_UNSUPPORTED_COMPRESSION"],
  // One platform's layers are not there.
  "i13-flat-missing": ["read", "undefined"],
  "i15-artifact": ["ERR_LAZY_UNSUPPORTED_COMPRESSION"],
  "i16-encrypted": ["ERR_LAZY_UNSUPPORTED_COMPRESSION"],
  "i17-encrypted-gzip": ["ERR_LAZY_UNSUPPORTED_COMPRESSION"],
  "i18-corrupt-layer": ["ERR_LAZY_LAYER_DATA"],
  "i19-only-zstd": ["ERR_LAZY_UNSUPPORTED_COMPRESSION"],
  // Its index lists nothing.
  "i23-empty": [],
};

describe("openImage() of the golden images", () => {
  test.for(goldenImages.map((image) => [image.name, image] as const))("%s", async ([name, golden]) => {
    const content = goldenContent(golden);
    const outcomes = new Set<string>();
    for (const descriptor of manifestsOf(golden)) {
      let whole: LazyImage;
      try {
        whole = await openImage({ image: content }, descriptor.digest);
      } catch (error) {
        outcomes.add(String((error as { code?: unknown }).code));
        continue;
      }
      outcomes.add("read");
      const indexes = new MemoryImages();
      await indexOf(descriptor, indexes);
      const lazy = await openImage({ image: content, index: indexes }, descriptor.digest);
      expect(new Set(lazy.layers.map(({ mode }) => mode))).toEqual(new Set(lazy.layers.length === 0 ? [] : ["ztoc"]));
      expect(await filesOf(lazy)).toEqual(await filesOf(whole));
      const tars = whole.layers.map(({ layer }) => {
        const blob = goldenBlob(layer.digest);
        return layerCompression(layer.mediaType) === "gzip" ? new Uint8Array(gunzipSync(blob)) : blob;
      });
      for await (const { id, type, size } of lazy.list("/", { recursive: true })) {
        if (type !== "file") continue;
        const { layer, entry } = lazy.tree.source(id)!;
        const at = layer.toc.at(entry).uncompressedOffset;
        const file = await lazy.tree.open(id);
        const bytes = await concat(file.chunks(0, size));
        expectBytes(bytes, tars[lazy.layers.indexOf(layer)]!.subarray(at, at + size));
        expectBytes(await (await whole.tree.open(id)).read(0, size), bytes);
      }
    }
    expect([...outcomes].sort()).toEqual(OUTCOMES[name] ?? ["read"]);
  });
});
