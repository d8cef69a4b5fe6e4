import { createDigester, type Digest } from "@socikit/oci";
import { digestBytes } from "./digest-bytes.ts";
import { ZtocError } from "./errors.ts";
import { malformed } from "./state-reader.ts";

/** A byte that no text has, as PNG begins; "ZTOCST"; a line feed. */
const MAGIC: readonly number[] = [0x89, 0x5a, 0x54, 0x4f, 0x43, 0x53, 0x54, 0x0a];
/** Goes up with any change of what is saved: here, of the builder and its parts, or of a scan. */
const VERSION = 2;

// Magic, version, four zeros, length of the body, digest of the piece before, and the first bytes of a digest of all that.
const VERSION_AT = 8;
const LENGTH_AT = 16;
const BEFORE_AT = 24;
const CHECK_AT = 56;
const HEADER_SIZE = 64;
const DIGEST_SIZE = 32;

/** The pieces of a saved build. */
export interface SavedPieces {
  /** Their bodies, as views. */
  readonly bodies: readonly Uint8Array[];
  /** Bytes that they take: less than there are where a last piece is cut short. */
  readonly size: number;
  /** Digest of the last one. */
  readonly last: Digest;
}

/**
 * A piece of a saved build: a header, a body, the SHA-256 of both. The header has the digest of the piece before, so that
 * pieces of two builds, or in another order, are not taken for one.
 */
export function encodePiece(
  body: readonly Uint8Array[],
  before: Digest | undefined,
): { readonly bytes: Uint8Array; readonly digest: Digest } {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(HEADER_SIZE + length + DIGEST_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(VERSION_AT, VERSION, true);
  view.setFloat64(LENGTH_AT, length, true);
  if (before !== undefined) bytes.set(digestBytes(before), BEFORE_AT);
  bytes.set(sha256(bytes.subarray(0, CHECK_AT)).bytes.subarray(0, HEADER_SIZE - CHECK_AT), CHECK_AT);
  let at = HEADER_SIZE;
  for (const part of body) {
    bytes.set(part, at);
    at += part.length;
  }
  const digest = sha256(bytes.subarray(0, at));
  bytes.set(digest.bytes, at);
  return { bytes, digest: digest.digest };
}

/**
 * Takes a saved build apart. A last piece that is cut short, as by the end of the process that wrote it, is left out, unless
 * it is the only one.
 *
 * @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED` for something else and for pieces that do not follow each other,
 * `ERR_ZTOC_STATE_VERSION`, `ERR_ZTOC_STATE_DAMAGED`.
 */
export function decodePieces(state: Uint8Array): SavedPieces {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const bodies: Uint8Array[] = [];
  let last: { readonly digest: Digest; readonly bytes: Uint8Array } | undefined;
  let at = 0;
  while (at < state.length) {
    const magic = state.subarray(at, at + MAGIC.length);
    if (magic.some((byte, i) => byte !== MAGIC[i])) throw malformed(`at byte ${at} it is none`);
    const left = state.length - at;
    const version = left < HEADER_SIZE ? VERSION : view.getUint32(at + VERSION_AT, true);
    if (version !== VERSION) throw versionError(version);
    const header = state.subarray(at, at + CHECK_AT);
    const isWhole = left >= HEADER_SIZE;
    if (isWhole && !isEqual(sha256(header).bytes, state.subarray(at + CHECK_AT, at + HEADER_SIZE)))
      throw damaged(`the header at byte ${at}`);
    const length = isWhole ? view.getFloat64(at + LENGTH_AT, true) : Infinity;
    if (!(length >= 0)) throw malformed(`the piece at byte ${at} has a length of ${length}`);
    const end = at + HEADER_SIZE + length;
    if (end + DIGEST_SIZE > state.length) {
      if (last !== undefined) break;
      throw damaged("its end");
    }
    const digest = sha256(state.subarray(at, end));
    if (!isEqual(digest.bytes, state.subarray(end, end + DIGEST_SIZE))) throw damaged(`the piece at byte ${at}`);
    const before = header.subarray(BEFORE_AT, BEFORE_AT + DIGEST_SIZE);
    if (!isEqual(before, last?.bytes ?? new Uint8Array(DIGEST_SIZE)))
      throw malformed(`at byte ${at} a piece follows that is of another one, or of another place`);
    bodies.push(state.subarray(at + HEADER_SIZE, end));
    last = digest;
    at = end + DIGEST_SIZE;
  }
  if (last === undefined) throw malformed("it is empty");
  return { bodies, size: at, last: last.digest };
}

function versionError(version: number): ZtocError {
  return new ZtocError(
    "ERR_ZTOC_STATE_VERSION",
    `Cannot go on with a saved build: it is of version ${version}, not ${VERSION}`,
  );
}

function damaged(what: string): ZtocError {
  return new ZtocError("ERR_ZTOC_STATE_DAMAGED", `Cannot go on with a saved build: ${what} is damaged`);
}

/** The host's: this one need not be saved. */
function sha256(bytes: Uint8Array): { readonly digest: Digest; readonly bytes: Uint8Array } {
  const digester = createDigester();
  digester.update(bytes);
  const digest = digester.digest();
  return { digest, bytes: digestBytes(digest) };
}

/** Whether the first is the second, or begins with it. */
function isEqual(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return beginning.every((byte, i) => bytes[i] === byte);
}
