import { loadInflate, type Inflate } from "@socikit/inflate";
import { openLayerInput, turningBuffers, type LayerInput } from "./layer-input.ts";
import { LayerBuild } from "./layer-build.ts";
import type { LayerConsumer } from "./layer-scan.ts";
import type { ZtocBuild } from "./ztoc-build.ts";
import type { ZtocBuilderOptions } from "./ztoc-builder.ts";

/** Options for {@linkcode buildZtoc}. */
export interface BuildOptions extends ZtocBuilderOptions {
  /** The decoder of gzip layers. @default {await loadInflate()} */
  readonly inflate?: Inflate | undefined;
  /** Ends the build with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Others who want the same pass: digests, progress, another index. */
  readonly consumers?: readonly LayerConsumer[] | undefined;
  /** Hears how many bytes of the tar stream were made of the layer so far, after each chunk of it and at the end. */
  readonly onProgress?: ((uncompressed: number) => void) | undefined;
}

/**
 * Builds the zTOC of a layer that streams by: one pass, one inflation, no temporary file. The layer's digest is not
 * checked here: give a stream that is (`verifyStream` of `@socikit/oci`), or a consumer that hashes.
 *
 * Of a `BlobSource` at most 4 MiB are read ahead; of a file (`openFileSource` of `@socikit/oci/node`) into three buffers that
 * are used again and again, which costs the least of all inputs.
 *
 * @throws {ZtocError} the `ERR_ZTOC_GZIP_…` and `ERR_ZTOC_TAR_…` codes for a layer that the reference refuses too, in
 * the order in which it would, `ERR_ZTOC_SPAN_SIZE`, and `ERR_ZTOC_TOO_LARGE`. Errors of the stream pass through.
 * @throws {TypeError} for what is no layer. What `ZtocBuilder` throws for its options.
 */
export async function buildZtoc(layer: LayerInput, options: BuildOptions): Promise<ZtocBuild> {
  const { compression, signal, onProgress } = options;
  signal?.throwIfAborted();
  const inflate = compression === "gzip" ? (options.inflate ?? (await loadInflate())) : undefined;
  const build = new LayerBuild(options, inflate, options.consumers);
  try {
    for await (const chunk of openLayerInput(layer, signal, turningBuffers()).chunks) {
      build.push(chunk);
      onProgress?.(build.uncompressed);
    }
    const result = build.finish();
    onProgress?.(build.uncompressed);
    return result;
  } finally {
    build.close();
  }
}
