import type { Inflate, SpanDecoder } from "@socikit/inflate";
import {
  verifiedManifests,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type ManifestReader,
  type Platform,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { sociIndexCandidates } from "@socikit/soci-index";
import type { LazyEvent } from "./events.ts";
import { findManifest, type PlatformChoice } from "./find-manifest.ts";
import { createPathReader, type PathReader } from "./image-paths.ts";
import { createImageTree, type ImageTree } from "./image-tree.ts";
import { ztocFinder, type LayerIndexFinder } from "./layer-index-finder.ts";
import { LayerOpener, type LayerOpenerOptions } from "./layer-opener.ts";
import type { LazyLayer } from "./lazy-layer.ts";
import { mergeLayers } from "./merge-layers.ts";
import { openLayers } from "./open-layers.ts";
import type { PieceCache, TrustTier } from "./piece-cache.ts";
import { byUsableIndex } from "./usable-index.ts";

/** Where an image and its SOCI index are. A remote repository, a layout directory and a store in memory are each an `image`. */
export interface ImagePorts {
  /** The image's manifests and layers. */
  readonly image: ManifestReader & BlobReader;
  /** Where indexes and zTOCs are found. `image` itself unless given. */
  readonly index?: (ManifestReader & BlobReader & ReferrerLister) | undefined;
  /** The inflate core. Loaded when it is needed unless given. */
  readonly inflate?: Inflate | undefined;
  /** Decodes spans. `inflate`'s unless given. */
  readonly decoder?: SpanDecoder | undefined;
  /** Keeps decoded spans of all layers. 64 MiB in memory unless given. */
  readonly cache?: PieceCache | undefined;
  /** Asked for a layer's index before the SOCI index is: the layer is read by what it finds, of whatever kind. */
  readonly layerIndex?: LayerIndexFinder | undefined;
}

/** Options for {@linkcode openImage}. Its `signal` is for opening alone. */
export interface OpenImageOptions extends ReadOptions, PlatformChoice, LayerOpenerOptions {
  /** The SOCI index to use, whatever the image or the registry name. */
  readonly indexDigest?: Digest | undefined;
  /** Entries of the merged tree, with those replaced since. 2 million unless said otherwise. */
  readonly maxTreeEntries?: number | undefined;
  /** Entries of the layers together, a layer as often as the image has it. 10 million unless said otherwise. */
  readonly maxMergedEntries?: number | undefined;
  /** Told what happens, while it is opened and whenever it is read. */
  readonly onEvent?: ((event: LazyEvent) => void) | undefined;
}

/** An image that can be read: by paths, or as a tree. */
export interface LazyImage extends PathReader {
  /** The image's manifest, of the chosen platform. */
  readonly descriptor: Descriptor;
  /** The same, decoded. */
  readonly manifest: ImageManifest;
  /** The platform, where an index or the manifest's descriptor names it. */
  readonly platform?: Platform;
  /** The SOCI index, where there is one. */
  readonly index?: Descriptor;
  /** Layers, oldest first. A layer that the manifest has twice is here twice. */
  readonly layers: readonly LazyLayer[];
  /** The layers, merged. */
  readonly tree: ImageTree;
  /**
   * Entries of the layers that the tree does not have because no file can be what they say: of a name too long or too deep, a hard
   * link to nothing. Each was told of by `entry-refused`.
   */
  readonly refusedEntries: number;
  /** What a file's content, or a range of it, stands on by what has been read so far. Follows symlinks. */
  tierOf(
    path: string | Uint8Array,
    options?: ReadOptions & { readonly range?: { start: number; end: number } },
  ): Promise<TrustTier>;
  /** Ends what is under way, and closes the layers. Reads reject with `ERR_LAZY_CLOSED` afterwards. */
  close(): Promise<void>;
}

/**
 * Opens an image for reading its files without pulling it: finds its SOCI index (the one named, else the manifest's annotation, else
 * the first referrer, then the newest ones, whose zTOCs can be used: 32 of them at most, and no more once 256 MiB of zTOCs were of no
 * use), and fetches the zTOCs. Layers that have one are not touched until they are read. Those without are fetched whole, verified,
 * and held in memory. Where there are indexes and none can be used, the image is not read: what is wrong with the first comes out.
 *
 * Manifests, index and zTOCs are checked against their digests and sizes.
 *
 * @throws {LazyReadError} `ERR_LAZY_NO_INDEX`, `ERR_LAZY_LAYER_TOO_LARGE`, `ERR_LAZY_LAYER_DATA`, `ERR_LAZY_UNSUPPORTED_COMPRESSION`,
 * `ERR_LAZY_INDEX_MISMATCH`, `ERR_LAZY_INDEX_TOO_LARGE`, `ERR_LAZY_INVALID_INDEX`, `ERR_LAZY_TOO_MANY_ENTRIES`,
 * `ERR_LAZY_NOT_AN_IMAGE`; `OciError` `ERR_OCI_PLATFORM_NOT_FOUND` and what is wrong with a manifest; and the ports' own errors.
 */
export async function openImage(
  ports: ImagePorts,
  tagOrDigest: string,
  options: OpenImageOptions = {},
): Promise<LazyImage> {
  const emit = options.onEvent ?? (() => {});
  const reading: ReadOptions = { signal: options.signal, priority: options.priority };
  reading.signal?.throwIfAborted();
  let byDigest: ReadonlyMap<Digest, LazyLayer> = new Map();
  const close = async (): Promise<void> => {
    await Promise.all([...byDigest.values()].map((layer) => layer.close()));
  };
  try {
    const { descriptor, manifest } = await findManifest(ports.image, tagOrDigest, options, reading);
    const indexPort = ports.index ?? ports.image;
    const candidates = sociIndexCandidates(
      { index: checkedManifests(indexPort) },
      { descriptor, manifest },
      { ...reading, indexDigest: options.indexDigest, onEvent: emit },
    );
    const found = await byUsableIndex(candidates, emit, async (found, faults) => {
      if (found === undefined) emit({ v: 1, type: "index-missing", manifest: descriptor.digest });
      else emit({ v: 1, type: "index-selected", index: found.descriptor.digest, via: found.via });
      const findZtoc = faults.watch(ztocFinder(indexPort, found?.index));
      const opener = new LayerOpener(
        { ...ports, findIndex: async (layer, at) => (await ports.layerIndex?.(layer, at)) ?? findZtoc(layer, at) },
        tagOrDigest,
        options,
      );
      byDigest = await openLayers(opener, manifest.layers, reading);
      return found;
    });
    const layers = manifest.layers.map(({ digest }) => byDigest.get(digest)!);
    let refusedEntries = 0;
    const merged = await mergeLayers(layers, {
      maxTreeEntries: options.maxTreeEntries,
      maxMergedEntries: options.maxMergedEntries,
      signal: options.signal,
      onRefused({ layer }, { entry, name, reason }) {
        refusedEntries++;
        emit({ v: 1, type: "entry-refused", layer: layer.digest, entry, name, reason });
      },
    });
    const tree = createImageTree(merged, layers);
    const paths = createPathReader(tree);
    return {
      ...paths,
      descriptor,
      manifest,
      ...(descriptor.platform === undefined ? {} : { platform: descriptor.platform }),
      ...(found === undefined ? {} : { index: found.descriptor }),
      layers,
      tree,
      refusedEntries,
      async tierOf(path, tierOptions) {
        const { id } = await paths.resolve(path, tierOptions);
        return tree.tierOf(id, tierOptions?.range);
      },
      close,
    };
  } catch (error) {
    await close();
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** Where an index is looked for: manifests that it gives are what was asked for, and one that cannot list referrers has none. */
function checkedManifests(port: ManifestReader & Partial<ReferrerLister>): ManifestReader & ReferrerLister {
  return {
    ...verifiedManifests(port),
    async *referrers(subject, options) {
      if (port.referrers !== undefined) yield* port.referrers(subject, options);
    },
  };
}
