import { isDigest, type Digest } from "@socikit/oci";
import { ZtocError } from "./errors.ts";
import { FlatbufferReader } from "./flatbuffer-reader.ts";
import { StoredToc } from "./stored-toc.ts";
import { decodeTarZinfo, tarSpanCount } from "./tar-zinfo.ts";
import type { CompressionAlgorithm, CompressionInfo, Ztoc } from "./ztoc.ts";
import { decodeZinfo } from "./zinfo.ts";

/** Most bytes of a zTOC: what Go's FlatBuffers builder can write. */
export const MAX_ZTOC_SIZE: number = 2 ** 30;

/** More than any digest has. */
const MAX_DIGEST_LENGTH = 1000;

const ALGORITHMS: ReadonlyMap<number, CompressionAlgorithm> = new Map([
  [1, "gzip"],
  [2, "uncompressed"],
]);

/**
 * Decodes a serialized zTOC. Keeps `bytes`, of which entries and windows are read when they are asked for: do not change
 * them afterwards.
 *
 * Rejects what is structurally wrong: a zTOC that comes back can be walked to its end. Entries may still say odd things
 * (a name that is empty, an end past the archive), as zTOCs of the reference do; whoever reads content checks the entry.
 *
 * @throws {ZtocError} `ERR_ZTOC_MALFORMED` for a buffer that is not a zTOC, `ERR_ZTOC_TOO_LARGE` above 1 GiB, and for a string
 * above 16 MiB,
 * `ERR_ZTOC_NUMBER_OUT_OF_RANGE` for a number beyond ±(2^53 − 1) or a negative offset,
 * `ERR_ZTOC_UNSUPPORTED_ALGORITHM`, `ERR_ZTOC_UNKNOWN_ENTRY_TYPE`, `ERR_ZTOC_INVALID_DIGEST` for what these names say,
 * `ERR_ZTOC_SPAN_COUNT` where span ids, digests and checkpoints do not number the same, and the errors of `decodeZinfo`
 * or `decodeTarZinfo`.
 */
export function decodeZtoc(bytes: Uint8Array): Ztoc {
  return readZtoc(bytes, true);
}

/** `exact` refuses numbers that a double cannot hold; a builder that has just written them takes the nearest. */
export function readZtoc(bytes: Uint8Array, exact: boolean): Ztoc {
  if (bytes.length > MAX_ZTOC_SIZE)
    throw new ZtocError("ERR_ZTOC_TOO_LARGE", `Cannot decode zTOC: ${bytes.length} bytes are more than 1 GiB`);
  const reader = new FlatbufferReader(bytes, "zTOC", "ERR_ZTOC_MALFORMED");
  const root = reader.root();
  const toc = table(reader, root, 4, "table of contents");
  const compression = table(reader, root, 5, "compression info");
  const compressedArchiveSize = archiveSize(reader, root, 2, "compressed");
  const uncompressedArchiveSize = archiveSize(reader, root, 3, "uncompressed");
  return {
    version: text(reader, root, 0),
    buildToolIdentifier: text(reader, root, 1),
    compressedArchiveSize,
    uncompressedArchiveSize,
    toc: new StoredToc(reader, toc, exact),
    compression: readCompression(reader, compression),
  };
}

function readCompression(reader: FlatbufferReader, table: number): CompressionInfo {
  const id = reader.int8(table, 0, 1);
  const algorithm = ALGORITHMS.get(id);
  if (algorithm === undefined)
    throw new ZtocError(
      "ERR_ZTOC_UNSUPPORTED_ALGORITHM",
      `Cannot decode zTOC: its compression algorithm is ${id}, neither 1 (gzip) nor 2 (uncompressed)`,
    );
  const maxSpanId = reader.int32(table, 1);
  const spanDigests = readDigests(reader, reader.target(table, 2));
  const checkpoints = reader.target(table, 3);
  const zinfo = checkpoints === 0 ? new Uint8Array(0) : viewOf(reader, checkpoints);
  const count = algorithm === "gzip" ? decodeZinfo(zinfo).checkpoints.length : tarSpanCount(decodeTarZinfo(zinfo));
  if (maxSpanId + 1 !== spanDigests.length || count !== spanDigests.length)
    throw new ZtocError(
      "ERR_ZTOC_SPAN_COUNT",
      `Cannot decode zTOC: its last span has ID ${maxSpanId}, but there are ${spanDigests.length} digests and ${count} checkpoints`,
    );
  return { algorithm, maxSpanId, spanDigests, zinfo };
}

function viewOf(reader: FlatbufferReader, vector: number): Uint8Array {
  reader.checkVector(vector, 1);
  return reader.view(vector);
}

function readDigests(reader: FlatbufferReader, vector: number): readonly Digest[] {
  if (vector === 0) return [];
  const count = reader.checkVector(vector, 4);
  const digests: Digest[] = [];
  for (let spanId = 0; spanId < count; spanId++) {
    const string = reader.checkString(reader.element(vector, spanId));
    const digest: string = reader.count(string) > MAX_DIGEST_LENGTH ? "" : reader.text(string);
    if (!isDigest(digest))
      throw new ZtocError(
        "ERR_ZTOC_INVALID_DIGEST",
        `Cannot decode zTOC: span ${spanId} has the digest ${JSON.stringify(reader.shown(string))}`,
      );
    digests.push(digest);
  }
  return digests;
}

function table(reader: FlatbufferReader, root: number, slot: number, name: string): number {
  const target = reader.target(root, slot);
  if (target === 0) reader.fail(`it has no ${name}`);
  return reader.checkTable(target);
}

/** A string that is shown to people: UTF-8. */
function text(reader: FlatbufferReader, root: number, slot: number): string {
  const target = reader.target(root, slot);
  return target === 0
    ? ""
    : new TextDecoder("utf-8", { ignoreBOM: true }).decode(reader.view(reader.checkString(target)));
}

function archiveSize(reader: FlatbufferReader, root: number, slot: number, stream: string): number {
  const size = reader.int64(root, slot);
  if (!Number.isSafeInteger(size) || size < 0)
    throw new ZtocError("ERR_ZTOC_NUMBER_OUT_OF_RANGE", `Cannot decode zTOC: its ${stream} size is ${size}`);
  return size;
}
