import { loadInflate, type Inflate, type SpanDecoder } from "@socikit/inflate";
import { layerCompression, type BlobReader, type Descriptor, type ReadOptions } from "@socikit/oci";
import { ByteBudget } from "./byte-budget.ts";
import { LazyReadError } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import { FetchQueue } from "./fetch-queue.ts";
import type { FoundLayerIndex, LayerIndexFinder } from "./layer-index-finder.ts";
import type { LazyLayer } from "./lazy-layer.ts";
import { DEFAULT_CONCURRENCY, openLayer, type LayerOptions, type ReadableIndex } from "./open-layer.ts";
import { createPieceCache, type PieceCache } from "./piece-cache.ts";
import { plainDecoder } from "./plain-decoder.ts";
import { leastOutputOf, openWholeLayer } from "./whole-layer.ts";

/** Bytes of output that an image's layers without an index may have together, unless told otherwise: they are held in memory. */
export const DEFAULT_WHOLE_LAYER_BYTES: number = 256 * 1024 * 1024;
/** Bytes that an image's layer indexes may have together, unless told otherwise. */
export const DEFAULT_ZTOC_BYTES: number = 1024 * 1024 * 1024;

/** What layers are opened through. */
export interface LayerOpenerPorts {
  /** The layers. */
  readonly image: BlobReader;
  /** Finds their indexes. */
  readonly findIndex: LayerIndexFinder;
  /** The inflate core. Loaded when it is needed unless given. */
  readonly inflate?: Inflate | undefined;
  /** Decodes spans. `inflate`'s unless given. */
  readonly decoder?: SpanDecoder | undefined;
  /** Keeps decoded spans of all layers. 64 MiB in memory unless given. */
  readonly cache?: PieceCache | undefined;
}

/** Bounds of an image's layers. */
export interface LayerOpenerOptions extends Omit<LayerOptions, "queue"> {
  /** Bytes, uncompressed, that the layers without an index may have together. 256 MiB unless said otherwise. */
  readonly maxWholeLayerBytes?: number | undefined;
  /** Bytes that the layers' zTOCs may have together. 1 GiB unless said otherwise. */
  readonly maxZtocBytes?: number | undefined;
}

/** A layer that can be opened, and how. */
interface PlannedLayer {
  readonly layer: Descriptor;
  readonly index: FoundLayerIndex | undefined;
}

/** Opens the layers of one image, by an index or whole: they share a queue, a cache and what may be held in memory. */
export class LayerOpener {
  readonly #ports: LayerOpenerPorts;
  readonly #reference: string;
  readonly #options: LayerOpenerOptions;
  readonly #emit: (event: LazyEvent) => void;
  readonly #cache: PieceCache;
  readonly #queue: FetchQueue;
  readonly #budget: ByteBudget;
  readonly #maxIndexBytes: number;
  #inflate: Promise<Inflate> | undefined;
  /** Whether any layer has an index. Where none has, the way out is to make one. */
  #indexed = false;

  /** @param reference Names the image in errors. */
  constructor(ports: LayerOpenerPorts, reference: string, options: LayerOpenerOptions) {
    this.#ports = ports;
    this.#reference = reference;
    this.#options = options;
    this.#emit = options.onEvent ?? (() => {});
    this.#cache = ports.cache ?? createPieceCache();
    this.#queue = new FetchQueue(options.concurrency ?? DEFAULT_CONCURRENCY);
    this.#budget = new ByteBudget(options.maxWholeLayerBytes ?? DEFAULT_WHOLE_LAYER_BYTES);
    this.#maxIndexBytes = options.maxZtocBytes ?? DEFAULT_ZTOC_BYTES;
  }

  /**
   * Starts opening layers, all at once as far as the queue lets them: fetches their indexes, and those that have none themselves. What
   * plainly cannot be opened is said before anything is fetched.
   *
   * @param layers Each once.
   * @returns A promise each, for the caller to handle.
   */
  async open(layers: readonly Descriptor[], reading: ReadOptions): Promise<Promise<LazyLayer>[]> {
    const planned = await Promise.all(
      layers.map(async (layer): Promise<PlannedLayer> => ({
        layer,
        index: await this.#ports.findIndex(layer, reading),
      })),
    );
    this.#indexed = planned.some(({ index }) => index !== undefined);
    this.#refuseUnreadable(planned);
    // Compiled while the first index is on its way.
    if (this.#ports.decoder === undefined && layers.some(({ mediaType }) => layerCompression(mediaType) === "gzip"))
      this.#loadInflate().catch(() => {});
    return planned.map((layer) => this.#open(layer, reading));
  }

  #refuseUnreadable(planned: readonly PlannedLayer[]): void {
    let indexBytes = 0;
    let wholeBytes = 0;
    for (const { layer, index } of planned) {
      if (index !== undefined) {
        indexBytes += index.size;
        if (indexBytes > this.#maxIndexBytes)
          throw new LazyReadError(
            "ERR_LAZY_INDEX_TOO_LARGE",
            `Cannot open "${this.#reference}": the zTOCs of its layers have more than ${this.#maxIndexBytes} bytes together`,
          );
        continue;
      }
      const compression = layerCompression(layer.mediaType);
      if (compression === "zstd")
        throw new LazyReadError(
          "ERR_LAZY_UNSUPPORTED_COMPRESSION",
          `Cannot read layer ${layer.digest}: it is compressed with zstd, which is not supported yet; push the image with gzip layers instead, as "skopeo copy --dest-compress-format gzip" or "docker buildx build --output type=registry,compression=gzip,force-compression=true" do`,
        );
      if (compression === undefined)
        throw new LazyReadError(
          "ERR_LAZY_UNSUPPORTED_COMPRESSION",
          `Cannot read layer ${layer.digest}: media type ${JSON.stringify(layer.mediaType)} is not that of a plain or gzip tar layer`,
        );
      wholeBytes += leastOutputOf(layer.size, compression);
      if (wholeBytes > this.#budget.max) throw this.#tooLarge(layer);
    }
  }

  async #open({ layer, index }: PlannedLayer, reading: ReadOptions): Promise<LazyLayer> {
    const opened = await this.#queue.run(
      async () =>
        index === undefined ? this.#openWhole(layer, reading) : this.#openIndexed(layer, await index.fetch(reading)),
      reading,
    );
    const bytes = (index ?? layer).size;
    const entries = opened.toc.length;
    this.#emit({ v: 1, type: "layer-opened", layer: layer.digest, mode: opened.mode, entries, bytes });
    return opened;
  }

  async #openIndexed(layer: Descriptor, index: ReadableIndex): Promise<LazyLayer> {
    const compression = index.compression ?? layerCompression(layer.mediaType);
    const decoder =
      compression === "uncompressed" ? plainDecoder : (this.#ports.decoder ?? (await this.#loadInflate()).decoder);
    const { concurrency, maxHeldBytes, maxRequestBytes } = this.#options;
    return openLayer(
      {
        // Only digest and size: the places that a foreign layer's `urls` name are never asked.
        source: (options) => this.#ports.image.open({ digest: layer.digest, size: layer.size }, options),
        index,
        decoder,
        cache: this.#cache,
      },
      { queue: this.#queue, concurrency, maxHeldBytes, maxRequestBytes, onEvent: this.#emit },
    );
  }

  async #openWhole(layer: Descriptor, reading: ReadOptions): Promise<LazyLayer> {
    const compression = layerCompression(layer.mediaType) === "uncompressed" ? "uncompressed" : "gzip";
    try {
      return await openWholeLayer(this.#ports.image, layer, {
        ...reading,
        compression,
        ...(compression === "gzip" ? { inflate: await this.#loadInflate() } : {}),
        budget: this.#budget,
        emit: this.#emit,
      });
    } catch (error) {
      const tooLarge = error instanceof LazyReadError && error.code === "ERR_LAZY_LAYER_TOO_LARGE";
      throw tooLarge ? this.#tooLarge(layer, error) : error;
    }
  }

  #tooLarge(layer: Descriptor, cause?: LazyReadError): LazyReadError {
    const options = cause === undefined ? undefined : { cause };
    const { max } = this.#budget;
    return this.#indexed
      ? new LazyReadError(
          "ERR_LAZY_LAYER_TOO_LARGE",
          `Cannot read layer ${layer.digest} without a zTOC: the image's layers that have none have more than ${max} bytes together, uncompressed, to hold in memory; raise maxWholeLayerBytes`,
          options,
        )
      : new LazyReadError(
          "ERR_LAZY_NO_INDEX",
          `Cannot open "${this.#reference}" without pulling it: none of its layers has an index, and those up to ${layer.digest} have more than ${max} bytes together to hold in memory; make an index with "socikit create", or raise maxWholeLayerBytes`,
          options,
        );
  }

  #loadInflate(): Promise<Inflate> {
    this.#inflate ??= this.#ports.inflate === undefined ? loadInflate() : Promise.resolve(this.#ports.inflate);
    return this.#inflate;
  }
}
