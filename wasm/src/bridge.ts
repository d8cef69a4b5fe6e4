import { WINDOW_SIZE } from "./core.ts";
import { DeflateBits } from "./deflate-bits.ts";
import { DeflateMeasure } from "./deflate-measure.ts";
import { InflateError } from "./errors.ts";
import type { Start } from "./span-decoder.ts";

/** How a span is handed to an inflate that begins at a byte and knows no window. */
export interface Bridge {
  /** Goes before the compressed bytes from `next` on; together they are a raw DEFLATE stream from its first block on. */
  readonly bytes: Uint8Array;
  /** How many compressed bytes are in `bytes` already: 1 when the span begins inside a byte. */
  readonly next: number;
  /** Output of the bridge, which comes before the span's: as much of the window as matches may reach. */
  readonly output: number;
}

/**
 * Builds the blocks that lead to a span: the window as a stored block, then blocks without output up to the bit at which
 * the span begins, or at which the header of the block begins that it is inside. The window is no preset dictionary because Deno's inflate takes none for raw streams.
 *
 * @throws {InflateError} `ERR_INFLATE_TRUNCATED` when the span begins inside a byte that is not there, or the block's header
 * is cut; `ERR_INFLATE_DATA` for a header that is none.
 */
export function bridgeTo(start: Start, compressed: Uint8Array): Bridge {
  const next = start.bits === 0 ? 0 : 1;
  if (compressed.length < next) {
    throw new InflateError("ERR_INFLATE_TRUNCATED", start.byte, "Cannot inflate: there are no compressed bytes");
  }
  const filler = leadTo((8 - start.bits) % 8, start);
  if (next === 1) {
    const last = filler.length - 1;
    const shared = (compressed[0] as number) & (0xff << (8 - start.bits));
    filler[last] = (filler[last] as number) | shared;
  }
  let output = 0;
  for (const { at, bytes } of start.window) {
    if (bytes.length > 0) output = Math.max(output, WINDOW_SIZE - at);
  }
  if (output === 0) return { bytes: filler, next, output };
  const bytes = new Uint8Array(STORED_HEADER + output + filler.length);
  // BFINAL 0, BTYPE 00, to the end of the byte; LEN, and its complement. https://www.rfc-editor.org/rfc/rfc1951#section-3.2.4
  bytes.set([0, output & 255, output >> 8, ~output & 255, (~output >> 8) & 255]);
  for (const piece of start.window) {
    if (piece.bytes.length > 0) bytes.set(piece.bytes, STORED_HEADER + output - WINDOW_SIZE + piece.at);
  }
  bytes.set(filler, STORED_HEADER + output);
  return { bytes, next, output };
}

const STORED_HEADER = 5;

/** What ends `bit` bits into a byte, where the span begins. */
function leadTo(bit: number, start: Start): Uint8Array {
  const header = start.blockHeader;
  if (header === undefined) return fillerTo(bit).bytes();
  const measure = new DeflateMeasure(header);
  const found = measure.readHeader();
  if (found !== undefined) {
    const code = found === "cut" ? "ERR_INFLATE_TRUNCATED" : "ERR_INFLATE_DATA";
    throw new InflateError(
      code,
      start.byte,
      "Cannot inflate: the header of the block that a span begins in is invalid",
    );
  }
  const length = measure.position;
  const isStored = (((header[0] as number) >> 1) & 3) === 0;
  if (isStored && start.bits !== 0) {
    const offset = start.byte + 1;
    throw new InflateError(
      "ERR_INFLATE_DATA",
      offset,
      `Cannot inflate: a start inside a stored block that is not at a byte boundary, near compressed offset ${offset}`,
    );
  }
  // Of a stored block it ends at a byte, as does the span's start.
  const lead = fillerTo((bit + 7 * length) % 8);
  for (let at = 0; at < length; at++) lead.put((header[at >> 3] as number) >> (at & 7), 1);
  return lead.bytes();
}

/**
 * Blocks without output that end `bit` bits (0–7) into a byte. An empty fixed block has 10 bits, which makes the even
 * positions; the odd ones need a dynamic block first.
 */
function fillerTo(bit: number): DeflateBits {
  const filler = new DeflateBits();
  if (bit % 2 === 1) putEmptyDynamicBlock(filler);
  // BFINAL 0, BTYPE 01, end of block: seven zeros.
  while (filler.length % 8 !== bit) filler.put(0b010, 10);
  return filler;
}

/**
 * 91 bits that every inflate accepts: both codes are ones that RFC 1951 allows, so that nothing hangs on how a decoder
 * takes incomplete codes. Literal 0 and the end of the block have one bit each, so has the one distance.
 */
function putEmptyDynamicBlock(bits: DeflateBits): void {
  // BFINAL 0, BTYPE 10; 257 literals and lengths, 1 distance, 18 lengths of the code length code.
  bits.put(0b100, 3).put(0, 5).put(0, 5).put(14, 4);
  // Those lengths, in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1: symbols 1 and 18 have one bit each.
  for (let place = 0; place < 18; place++) bits.put(place === 2 || place === 17 ? 1 : 0, 3);
  // Symbol 1 is "0", 18 is "1": a length of 1, 138 and 117 zeros, 1 (end of block), 1 (distance 0).
  bits
    .put(0, 1)
    .put(1, 1)
    .put(138 - 11, 7)
    .put(1, 1)
    .put(117 - 11, 7)
    .put(0, 1)
    .put(0, 1);
  // End of block: of the two one-bit codes the second.
  bits.put(1, 1);
}
