/** A stream whose beginning is known. */
export interface Peeked {
  /** The first bytes: as many as were asked for or a few more, fewer where the stream has fewer. */
  readonly head: Uint8Array;
  /** The whole stream, its beginning included. Read it once. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Looks at the first `count` bytes of a stream, whose chunks need to hold their bytes only until the next one is asked for. */
export async function peek(chunks: AsyncIterable<Uint8Array>, count: number): Promise<Peeked> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let size = 0;
  while (size < count) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    // It may lie in memory that the next one comes into.
    first.push(new Uint8Array(value));
    size += value.length;
  }
  const whole = async function* (): AsyncIterable<Uint8Array> {
    try {
      yield* first;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  };
  return { head: Buffer.concat(first), chunks: whole() };
}
