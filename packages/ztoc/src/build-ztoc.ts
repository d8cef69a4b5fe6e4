import { loadInflate, type Inflate } from "@socikit/inflate";
import { chunksOf } from "@socikit/oci";
import { LayerScan, type LayerConsumer } from "./layer-scan.ts";
import { ZtocBuilder, type ZtocBuild, type ZtocBuilderOptions } from "./ztoc-builder.ts";

/** Options for {@linkcode buildZtoc}. */
export interface BuildOptions extends ZtocBuilderOptions {
  /** The decoder of gzip layers. @default {await loadInflate()} */
  readonly inflate?: Inflate | undefined;
  /** Ends the build with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Others who want the same pass: digests, progress, another index. */
  readonly consumers?: readonly LayerConsumer[] | undefined;
}

/**
 * Builds the zTOC of a layer that streams by: one pass, one inflation, no temporary file. The layer's digest is not
 * checked here: give a stream that is (`verifyStream` of `@socikit/oci`), or a consumer that hashes.
 *
 * @throws {ZtocError} the `ERR_ZTOC_GZIP_…` and `ERR_ZTOC_TAR_…` codes for a layer that the reference refuses too, in
 * the order in which it would, `ERR_ZTOC_SPAN_SIZE`, and `ERR_ZTOC_TOO_LARGE`. Errors of the stream pass through.
 */
export async function buildZtoc(
  layer: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  options: BuildOptions,
): Promise<ZtocBuild> {
  const { compression, signal } = options;
  signal?.throwIfAborted();
  const builder = new ZtocBuilder(options);
  const inflate = compression === "gzip" ? (options.inflate ?? (await loadInflate())) : undefined;
  const scan = new LayerScan({ compression, inflate }, [builder, ...(options.consumers ?? [])]);
  try {
    const chunks = "getReader" in layer ? chunksOf(layer, signal) : untilAborted(layer, signal);
    for await (const chunk of chunks) scan.push(chunk);
    scan.finish();
  } finally {
    scan.close();
  }
  return builder.result();
}

/** The same chunks, until the signal aborts: also while the next one is awaited, which the source may never notice. */
async function* untilAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  if (signal === undefined) return yield* chunks;
  // Rejects the wait under way. Not a race with one promise of the abort: that would keep every chunk it was raced with.
  let giveUp: ((reason: unknown) => void) | undefined;
  const onAbort = (): void => giveUp?.(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const iterator = chunks[Symbol.asyncIterator]();
  let isOver = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      giveUp = undefined;
      if (next.done === true) {
        isOver = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: a source that is stuck in `next` ends when it can.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
