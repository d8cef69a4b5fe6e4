import {
  BlobCheck,
  checkOf,
  chunksOf,
  verifyStream,
  type BlobReader,
  type BlobSource,
  type Descriptor,
  type ReadOptions,
} from "@socikit/oci";

/** A layer that is read once, from its beginning to its end. Whoever has all of its bytes has verified ones. */
export interface OpenedLayer {
  /** A source fills its reader's buffers, which are asked for in order. */
  readonly bytes: AsyncIterable<Uint8Array> | BlobSource;
  /** Lets go of it, however much of it was read. Waits for nothing and never fails. */
  close(): void;
}

/** Gets a layer's bytes on their way, in order. */
export interface LayerFeed {
  /** The layer is read from its beginning, for the first time or again. */
  begin(check: BlobCheck): Promise<void>;
  /** The next bytes. They hold until this resolves, and are not handed on before. */
  send(bytes: Uint8Array): Promise<void>;
}

/** How {@linkcode openLayer} opens. */
export interface OpenLayerOptions extends ReadOptions {
  /** Who gets the bytes, too. */
  readonly feed?: LayerFeed | undefined;
  /** Hears how many bytes have been read. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

/**
 * Opens a layer to be read once. Where its source fills buffers, as files do, the reader's are filled, hashed and sent on in place:
 * no byte is copied, and the next ones are read while these are hashed and sent. Of other sources it is the stream.
 */
export async function openLayer(
  source: Pick<BlobReader, "open" | "stream">,
  layer: Descriptor,
  options: OpenLayerOptions,
): Promise<OpenedLayer> {
  const { signal, priority } = options;
  const opened = await source.open(layer, { signal, priority });
  const close = (): void => void opened.close?.().catch(() => {});
  // A blob of another size than it should have is told of by its stream; in an empty one there are no last bytes to hold back.
  if (opened.readInto !== undefined && opened.size === layer.size && layer.size > 0) {
    const check = new BlobCheck(layer);
    try {
      await options.feed?.begin(check);
    } catch (error) {
      close();
      throw error;
    }
    return { bytes: new CheckedSource(opened, check, options), close };
  }
  close();
  const stream = verifyStream(await source.stream(layer, { signal, priority }), layer);
  return {
    // verifyStream made it.
    bytes: streamed(stream, checkOf(stream)!, options),
    // Whoever has begun to read cancels it.
    close: () => void (stream.locked ? undefined : stream.cancel().catch(() => {})),
  };
}

/** A stream's chunks. One is sent while it is read, and both are done with it before the next. */
async function* streamed(
  stream: ReadableStream<Uint8Array>,
  check: BlobCheck,
  { feed, onRead, signal }: OpenLayerOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await feed?.begin(check);
  let read = 0;
  for await (const chunk of chunksOf(stream, signal)) {
    const sent = feed?.send(chunk);
    // Who stops reading does not wait for it.
    sent?.catch(() => {});
    yield chunk;
    await sent;
    read += chunk.length;
    onRead?.(read);
  }
}

/** A source whose bytes are checked and sent on before whoever asked for them has them. */
class CheckedSource implements BlobSource {
  readonly size: number;
  readonly #source: BlobSource;
  readonly #check: BlobCheck;
  readonly #options: OpenLayerOptions;
  /** Bytes that were asked for, from the beginning on. */
  #asked = 0;
  /** Settles when those before are sent. */
  #before: Promise<void> = Promise.resolve();

  constructor(source: BlobSource, check: BlobCheck, options: OpenLayerOptions) {
    this.size = source.size;
    this.#source = source;
    this.#check = check;
    this.#options = options;
  }

  async read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    await this.readInto(bytes, offset, options);
    return bytes;
  }

  readInto(target: Uint8Array, offset: number, options?: ReadOptions): Promise<void> {
    // Nobody reads a layer in another order to index it; bytes that are left out would not be checked.
    if (offset !== this.#asked)
      return Promise.reject(new RangeError(`Cannot read layer from ${offset}: it goes on at ${this.#asked}`));
    this.#asked += target.length;
    const reading = this.#source.readInto!(target, offset, options);
    // It is told of in its turn.
    reading.catch(() => {});
    const sent = this.#before.then(() => this.#pass(reading, target, offset));
    this.#before = sent;
    sent.catch(() => {});
    return sent;
  }

  async #pass(reading: Promise<void>, bytes: Uint8Array, offset: number): Promise<void> {
    await reading;
    const { feed, onRead } = this.#options;
    // The last bytes, too, are checked before they are sent: a store believes a check that has passed.
    this.#check.update(bytes);
    await feed?.send(bytes);
    onRead?.(offset + bytes.length);
  }
}
