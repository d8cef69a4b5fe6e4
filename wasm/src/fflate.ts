/**
 * Decoding of spans by fflate, in JavaScript alone: for hosts that forbid WebAssembly and have no inflate of their own.
 *
 * @module
 */
import { Inflate } from "fflate";
import { EventLoopTurns } from "./event-loop-turn.ts";
import { createHostDecoder } from "./host-decoder.ts";
import type { RawInflate } from "./raw-inflate.ts";
import type { SpanDecoder } from "./span-decoder.ts";

/** Bytes of input at a time: what is left of them is copied at each step. */
const STEP = 64 * 1024;

const ENGINE: RawInflate = {
  // It takes streams that zlib refuses, and makes something up.
  isStrict: false,
  async *inflate(pieces, _isClosed, signal) {
    const chunks: Uint8Array[] = [];
    const inflate = new Inflate((chunk) => void chunks.push(chunk));
    const turns = new EventLoopTurns(signal);
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; at += STEP) {
        inflate.push(piece.subarray(at, at + STEP));
        let length = 0;
        for (const chunk of chunks.splice(0)) {
          length += chunk.length;
          if (chunk.length > 0) yield chunk;
        }
        // What its input is was counted when it was measured.
        if (turns.isDue(length)) await turns.take();
      }
    }
    return undefined;
  },
};

/**
 * A decoder on fflate. What it is given is walked through before, in JavaScript too, to find where streams end and to
 * refuse what zlib refuses. Its results are those of the WebAssembly core, error codes included, at a tenth of the speed.
 */
export function fflateDecoder(): SpanDecoder {
  return createHostDecoder(ENGINE);
}
