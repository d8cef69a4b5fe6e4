/**
 * Streaming, resumable decoding of gzip and DEFLATE in WebAssembly.
 *
 * {@linkcode loadInflate} gives two things that platform decoders do not have: `scanGzip` decodes a stream and reports
 * where its blocks begin, to the bit; `decoder` decodes from such a place.
 *
 * @module
 */
export { INFLATE_ERROR_CODES, InflateError, type InflateErrorCode } from "./errors.ts";
export {
  type BlockBoundary,
  type BoundaryCrossing,
  type GzipScan,
  type GzipScanOptions,
  type GzipSink,
  type MemberStart,
} from "./gzip-scan.ts";
export { type Inflate, loadInflate, type LoadOptions } from "./load-inflate.ts";
export { type DecodeOptions, type SpanDecoder, type Start } from "./span-decoder.ts";
export { platformDecoder } from "./platform-decoder.ts";
export {
  chooseDecoder,
  type ChooseDecoderOptions,
  type ChosenDecoder,
  DECODER_KINDS,
  type DecoderKind,
} from "./choose-decoder.ts";
export { createDecoderPool, type DecoderPool, type DecoderPoolOptions } from "./decoder-pool.ts";
export type { WindowRun } from "./window-use.ts";
