import { crc32 } from "./checksums.ts";
import { type CoreState, WINDOW_SIZE } from "./core.ts";
import { InflateError } from "./errors.ts";

/** What a scan is in the middle of. */
export interface ScanState {
  readonly core: CoreState;
  /** Bytes of output. */
  readonly uncompressed: number;
  readonly zlibMembers: boolean;
}

/** A byte that no text has, as PNG begins; "GZSCAN"; a line feed. */
const MAGIC: readonly number[] = [0x89, 0x47, 0x5a, 0x53, 0x43, 0x41, 0x4e, 0x0a];
/** Goes up with any change here, and of what the module saves. */
const VERSION = 1;
const ZLIB_MEMBERS = 1;

// Magic, version, flags, bytes of the compressed stream and of output, lengths of the three parts, the parts, CRC-32.
const VERSION_AT = 8;
const FLAGS_AT = 12;
const POSITION_AT = 16;
const UNCOMPRESSED_AT = 24;
const LENGTHS_AT = 32;
const HEADER_SIZE = 44;
const CHECKSUM_SIZE = 4;

/** Serializes: the window, and about half a KiB. */
export function encodeScanState({ core, uncompressed, zlibMembers }: ScanState): Uint8Array {
  const parts = [core.fields, core.unread, core.window];
  const end = parts.reduce((sum, part) => sum + part.length, HEADER_SIZE);
  const bytes = new Uint8Array(end + CHECKSUM_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(VERSION_AT, VERSION, true);
  view.setUint32(FLAGS_AT, zlibMembers ? ZLIB_MEMBERS : 0, true);
  view.setFloat64(POSITION_AT, core.position, true);
  view.setFloat64(UNCOMPRESSED_AT, uncompressed, true);
  let at = HEADER_SIZE;
  for (const [i, part] of parts.entries()) {
    view.setUint32(LENGTHS_AT + 4 * i, part.length, true);
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(end, crc32(bytes.subarray(0, end), 0), true);
  return bytes;
}

/**
 * Parses what {@linkcode encodeScanState} wrote. The parts are views; `Core.restore` looks into them.
 *
 * @throws {InflateError} `ERR_INFLATE_STATE` also where `zlibMembers` was another.
 */
export function decodeScanState(bytes: Uint8Array, zlibMembers: boolean): ScanState {
  const end = bytes.length - CHECKSUM_SIZE;
  if (end < HEADER_SIZE || MAGIC.some((byte, i) => bytes[i] !== byte)) throw stateError("it is none");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(VERSION_AT, true);
  if (version !== VERSION) throw stateError(`it is of version ${version}, not ${VERSION}`);
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end), 0)) throw stateError("its CRC is another");
  if (view.getUint32(FLAGS_AT, true) !== (zlibMembers ? ZLIB_MEMBERS : 0))
    throw stateError(`zlib members were ${zlibMembers ? "not " : ""}accepted`);
  const position = view.getFloat64(POSITION_AT, true);
  const uncompressed = view.getFloat64(UNCOMPRESSED_AT, true);
  let at = HEADER_SIZE;
  const part = (index: number): Uint8Array => bytes.subarray(at, (at += view.getUint32(LENGTHS_AT + 4 * index, true)));
  const core = { fields: part(0), unread: part(1), window: part(2), position };
  const isSound =
    at === end &&
    [position, uncompressed].every((offset) => Number.isSafeInteger(offset) && offset >= 0) &&
    core.window.length === Math.min(WINDOW_SIZE, uncompressed);
  if (!isSound) throw stateError("its parts do not fit together");
  return { core, uncompressed, zlibMembers };
}

/** The error of a state that cannot be gone on from. */
export function stateError(found: string): InflateError {
  return new InflateError("ERR_INFLATE_STATE", 0, `Cannot go on with a saved scan: ${found}`);
}
