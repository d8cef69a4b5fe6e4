import { FlatbufferBuilder } from "./flatbuffer-builder.ts";
import { FlatbufferReader } from "./flatbuffer-reader.ts";

/** How a plain tar layer divides into spans: every `spanSize` bytes. */
export interface TarZinfo {
  /** Version of the form; 2 is what is written today. */
  readonly version: number;
  /** Bytes of a span, at least 1. */
  readonly spanSize: number;
  /** Bytes of the layer. */
  readonly size: number;
}

/**
 * Decodes the zinfo of a plain tar layer, a FlatBuffer of its own (spec section 4).
 *
 * @throws {ZtocError} `ERR_ZTOC_INVALID_TAR_ZINFO` for other bytes, a span size below 1, or a negative size.
 */
export function decodeTarZinfo(bytes: Uint8Array): TarZinfo {
  const reader = new FlatbufferReader(bytes, "tar zinfo", "ERR_ZTOC_INVALID_TAR_ZINFO");
  const root = reader.root();
  const zinfo = { version: reader.int32(root, 0), spanSize: reader.int64(root, 1), size: reader.int64(root, 2) };
  // The reference divides by a span size of 0.
  if (!Number.isSafeInteger(zinfo.spanSize) || zinfo.spanSize < 1) reader.fail(`its span size is ${zinfo.spanSize}`);
  if (!Number.isSafeInteger(zinfo.size) || zinfo.size < 0) reader.fail(`its size is ${zinfo.size}`);
  return zinfo;
}

/** Encodes, byte for byte as the reference does. */
export function encodeTarZinfo(zinfo: TarZinfo): Uint8Array {
  const builder = new FlatbufferBuilder(64);
  builder.startTable(3);
  builder.addInt32(0, zinfo.version);
  builder.addInt64(1, zinfo.spanSize);
  builder.addInt64(2, zinfo.size);
  return builder.finish(builder.endTable());
}

/** Number of spans: none for an empty layer. */
export function tarSpanCount(zinfo: TarZinfo): number {
  const rest = zinfo.size % zinfo.spanSize;
  return (zinfo.size - rest) / zinfo.spanSize + (rest === 0 ? 0 : 1);
}
