import {
  eachConcurrently,
  isForeignLayer,
  uploadBlob,
  type BlobMounter,
  type BlobReader,
  type BlobWriter,
  type CopyEvent,
  type Descriptor,
  type Digest,
  type ReadOptions,
} from "@socikit/oci";
import type { Inflate } from "@socikit/inflate";
import {
  indexLayer,
  type BuiltLayer,
  type BuiltLayers,
  type IndexingPool,
  type OpenForIndexing,
} from "./index-layer.ts";
import type { IndexSettings } from "./index-settings.ts";
import type { KnownZtocs } from "./known-ztocs.ts";
import type { LayerBuild } from "./layer-plan.ts";
import { openLayer } from "./open-layer.ts";
import { putBlob } from "./put-blob.ts";
import { StartOrder } from "./start-order.ts";
import type { IndexingEvent } from "./create-event.ts";
import { embeddedIn } from "./embedded-in.ts";
import { UploadFeed } from "./upload-feed.ts";

/** What {@linkcode transferBlobs} works with. */
export interface TransferPorts {
  readonly source: BlobReader;
  readonly target: Pick<BlobReader, "stat"> & BlobWriter & Partial<BlobMounter>;
  readonly inflate: Inflate | undefined;
  /** Builds several layers side by side. */
  readonly pool: IndexingPool | undefined;
  /** zTOCs that the target has. */
  readonly known: KnownZtocs | undefined;
  /** Another repository of the target's registry, which blobs can be mounted from. */
  readonly mountFrom: string | undefined;
  readonly settings: IndexSettings;
  /** Blobs worked on at once. */
  readonly concurrency: number;
  readonly tell: (event: IndexingEvent | CopyEvent) => void;
}

/** A blob, what it is copied for, and what is built of it. */
interface BlobTask {
  readonly blob: Descriptor;
  readonly isCopied: boolean;
  readonly builds: readonly LayerBuild[];
}

/**
 * Copies blobs and builds zTOCs of layers. A layer that has to be copied and indexed is read once for both; one that the
 * target has, or can mount, is read for its zTOC alone; one whose zTOC is there too, not at all. The largest come first,
 * so that none is left over for one worker in the end.
 *
 * @returns What became of each build.
 */
export async function transferBlobs(
  ports: TransferPorts,
  blobs: readonly Descriptor[],
  builds: readonly LayerBuild[],
  options: ReadOptions,
): Promise<BuiltLayers> {
  const built = new Map<LayerBuild, BuiltLayer>();
  // Of two layers that begin at the same time the first has a thread, and the other one may have to share this one.
  const order = new StartOrder();
  await eachConcurrently(tasksOf(blobs, builds), ports.concurrency, options.signal, async (task, signal) => {
    const transfer = new Transfer(ports, order, { ...options, signal });
    for (const [build, result] of await transfer.run(task)) built.set(build, result);
  });
  return built;
}

function tasksOf(blobs: readonly Descriptor[], builds: readonly LayerBuild[]): readonly BlobTask[] {
  const copied = new Map(blobs.map((blob) => [blob.digest, blob]));
  const buildsOf = new Map<Digest, LayerBuild[]>();
  for (const build of builds) buildsOf.set(build.layer.digest, [...(buildsOf.get(build.layer.digest) ?? []), build]);
  const tasks: BlobTask[] = blobs.map((blob) => ({ blob, isCopied: true, builds: buildsOf.get(blob.digest) ?? [] }));
  // Those of an image that the converted one does not have.
  for (const [digest, own] of buildsOf)
    if (!copied.has(digest)) tasks.push({ blob: own[0]!.layer, isCopied: false, builds: own });
  return tasks.sort((a, b) => b.blob.size - a.blob.size);
}

class Transfer {
  readonly #ports: TransferPorts;
  readonly #order: StartOrder;
  readonly #options: ReadOptions;

  constructor(ports: TransferPorts, order: StartOrder, options: ReadOptions) {
    this.#ports = ports;
    this.#order = order;
    this.#options = options;
  }

  async run({ blob, isCopied, builds }: BlobTask): Promise<ReadonlyMap<LayerBuild, BuiltLayer>> {
    const { known, tell } = this.#ports;
    const results = new Map<LayerBuild, BuiltLayer>();
    const wanted: LayerBuild[] = [];
    let isToCopy = await this.#order.after(async () => {
      for (const build of builds) {
        const found = await known?.find(build, this.#options);
        if (found === undefined) wanted.push(build);
        else {
          results.set(build, found);
          tell({ v: 1, type: "layer-reused", layer: blob.digest, ztoc: found.ztoc });
        }
      }
      return isCopied && (await this.#hasToBeCopied(blob));
    });
    for (const build of wanted) {
      results.set(build, isToCopy ? await this.#copyAndIndex(blob, build) : await this.#index(build));
      isToCopy = false;
    }
    if (isToCopy) await this.#copy(blob);
    return results;
  }

  /** Whether the blob is neither there nor can be had without being read. */
  async #hasToBeCopied(blob: Descriptor): Promise<boolean> {
    const { source, target, mountFrom, tell } = this.#ports;
    const { digest, size } = blob;
    const skip = (reason: "present" | "mounted" | "foreign"): false => {
      tell({ v: 1, type: "blob-skipped", digest, size, reason });
      return false;
    };
    if ((await target.stat(digest, this.#options))?.size === size) return skip("present");
    if (mountFrom !== undefined && (await target.mount?.(digest, mountFrom, this.#options))) return skip("mounted");
    const embedded = embeddedIn(blob);
    if (embedded !== undefined) {
      await putBlob(target, blob, embedded, this.#options);
      tell({ v: 1, type: "blob-copied", digest, size });
      return false;
    }
    // A layer that need not be where the image is. Its URLs are not followed.
    const isElsewhere = isForeignLayer(blob.mediaType) && (blob.urls?.length ?? 0) > 0;
    if (isElsewhere && (await source.stat(digest, this.#options)) === undefined) return skip("foreign");
    return true;
  }

  async #index(build: LayerBuild): Promise<BuiltLayer> {
    const { settings, tell } = this.#ports;
    return indexLayer(this.#ports, build, this.#opening(build), settings, tell, this.#options);
  }

  async #copyAndIndex(blob: Descriptor, build: LayerBuild): Promise<BuiltLayer> {
    const { source, target, settings, tell } = this.#ports;
    const { digest, size } = blob;
    const feed = new UploadFeed(target, blob, tell, this.#options);
    try {
      const result = await indexLayer(this.#ports, build, this.#opening(build, feed), settings, tell, this.#options);
      await feed.finish(source);
      tell({ v: 1, type: "blob-copied", digest, size });
      return result;
    } catch (error) {
      await feed.abort();
      throw error;
    }
  }

  /** Opens a layer when its turn has come, which is told then: with others before it that may be late. */
  #opening({ layer }: LayerBuild, feed?: UploadFeed): OpenForIndexing {
    const { source, tell } = this.#ports;
    let isStarted = false;
    return (opening) => {
      if (!isStarted) tell({ v: 1, type: "layer-started", layer: layer.digest, size: layer.size });
      isStarted = true;
      return openLayer(source, layer, { ...this.#options, ...opening, feed });
    };
  }

  async #copy(blob: Descriptor): Promise<void> {
    const { source, target, tell } = this.#ports;
    const { digest, size } = blob;
    tell({ v: 1, type: "blob-started", digest, size });
    const opened = await source.open(blob, this.#options);
    try {
      const onProgress = (bytes: number): void => tell({ v: 1, type: "blob-progress", digest, size, bytes });
      await uploadBlob(target, opened, blob, { ...this.#options, onProgress });
    } finally {
      await opened.close?.();
    }
    tell({ v: 1, type: "blob-copied", digest, size });
  }
}
