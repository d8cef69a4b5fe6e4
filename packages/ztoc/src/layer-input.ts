import { chunksOf, OciError, type BlobSource } from "@socikit/oci";
import { isUint8Array, kindOf } from "./kind-of.ts";

/**
 * What a builder reads a layer from: a stream, or a {@linkcode BlobSource}, which is read from its beginning to its end and
 * not closed. Chunks of a stream need to hold their bytes only until the next one is asked for.
 */
export type LayerInput = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | BlobSource;

/** Bytes that are asked of a BlobSource at once. */
const READ_SIZE: number = 2 ** 20;
/** Such reads under way while a chunk is worked on: enough to hide 20 ms of latency at 150 MB/s. */
const READS_AHEAD = 3;

/**
 * Bytes of buffers to read into. A file of 44 MB read so takes 8.5 ms of processor time, by half as much at once 12; as a
 * stream of 256 KiB chunks, each in memory of its own, 20.
 */
export const BUFFER_SIZE: number = 2 ** 19;
/**
 * Buffers that are filled while a chunk is worked on. With one, a source that has two steps (reading a file, writing its copy) waits for
 * whoever works on this thread between them, and the thread that the chunks are for waits for the source.
 */
const FILLS_AHEAD = 2;

/** Gives buffers of {@linkcode BUFFER_SIZE} bytes to read into. */
export type TakeBuffer = () => Uint8Array | Promise<Uint8Array>;

/** Bytes of a layer, in order. */
export interface LayerChunks {
  /** To be read once. Ends with the signal's reason as soon as it aborts, whatever the input is doing then. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Whose memory each chunk is: the source's, to be read until the next one is asked for; a buffer that was taken. */
  readonly hold: "lent" | "taken";
}

/** @throws {TypeError} for what is no {@linkcode LayerInput}, with what to give instead. */
export function checkLayerInput(layer: LayerInput): void {
  const found = faultOf(layer);
  if (found !== undefined) throw new TypeError(`Cannot read layer: ${found}`);
}

function faultOf(layer: unknown): string | undefined {
  if (typeof layer !== "object" || layer === null) return `it is ${kindOf(layer)}; ${WANTED}`;
  if ("getReader" in layer || Symbol.asyncIterator in layer) return undefined;
  if (isUint8Array(layer)) return `it is ${kindOf(layer)}; give a BlobSource of it: bytesSource() of @socikit/oci`;
  const { size, read } = layer as Partial<BlobSource>;
  if (typeof read !== "function") return `it is ${kindOf(layer)}; ${WANTED}`;
  if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return undefined;
  return `its size is ${typeof size === "number" ? size : kindOf(size)}; give an integer of 0 or more`;
}

const WANTED = "give an AsyncIterable or a ReadableStream of Uint8Arrays, or a BlobSource";

/**
 * Opens an input, of whatever kind.
 *
 * @throws {TypeError} as {@linkcode checkLayerInput}.
 * @param take Where a source that fills its caller's buffers gets them. No more are in use than those of {@linkcode turningBuffers}.
 */
export function openLayerInput(layer: LayerInput, signal: AbortSignal | undefined, take: TakeBuffer): LayerChunks {
  checkLayerInput(layer);
  if ("getReader" in layer) return { chunks: chunksOf(layer, signal), hold: "lent" };
  if (Symbol.asyncIterator in layer) return { chunks: untilAborted(layer, signal), hold: "lent" };
  if (layer.readInto === undefined) return { chunks: untilAborted(readAhead(layer, signal), signal), hold: "lent" };
  return { chunks: untilAborted(fillBuffers(layer, layer.readInto.bind(layer), take), signal), hold: "taken" };
}

/** Buffers that take turns, for {@linkcode openLayerInput}: those that are filled, and the one that is worked on. */
export function turningBuffers(): TakeBuffer {
  const buffers: Uint8Array[] = [];
  let turn = 0;
  return () => {
    turn = (turn + 1) % (FILLS_AHEAD + 1);
    return (buffers[turn] ??= new Uint8Array(BUFFER_SIZE));
  };
}

/** Several reads at a time: each is a request to somewhere. */
async function* readAhead(source: BlobSource, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const reads: Promise<Uint8Array>[] = [];
  let at = 0;
  const read = (): void => {
    const length = Math.min(READ_SIZE, source.size - at);
    const reading = readExactly(source, at, length, abort.signal);
    // One that fails is told of in its turn, or nobody wants to know any more.
    reading.catch(() => {});
    reads.push(reading);
    at += length;
  };
  try {
    signal?.throwIfAborted();
    while (at < source.size || reads.length > 0) {
      while (at < source.size && reads.length <= READS_AHEAD) read();
      const chunk = await (reads.shift() as Promise<Uint8Array>);
      yield chunk;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    abort.abort(new Error("nobody reads on"));
  }
}

async function readExactly(
  source: BlobSource,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await source.read(offset, length, { signal });
  if (bytes.length === length) return bytes;
  throw new OciError("ERR_OCI_SHORT_READ", `Cannot read blob: ${bytes.length} of ${length} bytes from ${offset} came`);
}

/** The next reads go on while a chunk is worked on. They begin in order. */
async function* fillBuffers(
  source: BlobSource,
  readInto: NonNullable<BlobSource["readInto"]>,
  take: TakeBuffer,
): AsyncIterable<Uint8Array> {
  let taking: Promise<unknown> = Promise.resolve();
  const fill = async (offset: number): Promise<Uint8Array> => {
    const taken = taking.then(take);
    taking = taken;
    const chunk = (await taken).subarray(0, Math.min(BUFFER_SIZE, source.size - offset));
    await readInto(chunk, offset);
    return chunk;
  };
  const fills: Promise<Uint8Array>[] = [];
  let asked = 0;
  for (;;) {
    for (; asked < source.size && fills.length <= FILLS_AHEAD; asked += BUFFER_SIZE) {
      const filling = fill(asked);
      // One that fails is told of in its turn, or nobody wants to know any more.
      filling.catch(() => {});
      fills.push(filling);
    }
    const chunk = await fills.shift();
    if (chunk === undefined) return;
    yield chunk;
  }
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
