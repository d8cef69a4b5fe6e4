/** Somebody else's inflate for raw DEFLATE streams: node:zlib, `DecompressionStream`, fflate. */
export interface RawInflate {
  /**
   * Whether it refuses what zlib refuses. One that does not is only given streams that were measured before.
   */
  readonly isStrict: boolean;
  /**
   * Inflates the pieces, one after the other. Yields what output it can of a stream that is cut, and what it can of one
   * that others follow, in chunks that are the caller's to keep. It may throw anything and lose output on the way when
   * something is wrong with the stream, or something follows it.
   *
   * @param isClosed Whether the pieces are one whole stream, and nothing else: all of its output is then to come.
   * @returns How many bytes it used, where it can tell and the stream ended before the pieces did. `undefined` tells
   * nothing.
   */
  inflate(
    pieces: readonly Uint8Array[],
    isClosed: boolean,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, number | undefined, undefined>;
}
