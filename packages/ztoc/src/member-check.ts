import type { MemberStart } from "@socikit/inflate";
import { ZtocError } from "./errors.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";

/** Go's reader keeps names and comments in 512 bytes, the NUL included. */
const MAX_TEXT = 511;
/** What Go's reader asks for before it looks at a header. */
const FIXED_HEADER = 10;
/** Output of Go's DEFLATE decoder comes in pieces of its window; the last piece of a member comes with what follows it. */
const GO_WINDOW = 32768;

/**
 * Looks for a member that Go's gzip reader refuses and zlib accepts (spec section 3.4): the reference reads a layer with
 * zlib, and then with Go, as far as the tar reader needs bytes. Both must accept what they read.
 */
export class MemberCheck {
  #fault: MemberStart | undefined;
  #lastStart = 0;

  /**
   * Takes the next member. `undefined` where Go's reader takes it too, else whether its error comes together with the last
   * bytes before the member, and not only with the next that are asked for.
   */
  push(member: MemberStart): { readonly comesWithData: boolean } | undefined {
    if (this.#fault !== undefined) return undefined;
    const before = member.uncompressed - this.#lastStart;
    this.#lastStart = member.uncompressed;
    if (member.format === "gzip" && member.longestText <= MAX_TEXT) return undefined;
    this.#fault = member;
    return { comesWithData: before % GO_WINDOW !== 0 };
  }

  save(state: StateWriter): void {
    state.number(this.#lastStart);
    state.flag(this.#fault !== undefined);
    if (this.#fault === undefined) return;
    const { format, compressed, headerEnd, uncompressed, longestText } = this.#fault;
    state.flag(format === "zlib");
    for (const value of [compressed, headerEnd, uncompressed, longestText]) state.number(value);
  }

  /** Goes on where {@linkcode save} was called. @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED`. */
  restore(state: StateReader): void {
    this.#lastStart = state.integer();
    if (!state.flag()) return;
    this.#fault = {
      format: state.flag() ? "zlib" : "gzip",
      compressed: state.integer(),
      headerEnd: state.integer(),
      uncompressed: state.integer(),
      longestText: state.integer(),
    };
  }

  /** The error of the refused member, as the reference has it; `compressedSize` is that of the layer. */
  error(compressedSize: number): ZtocError | undefined {
    const member = this.#fault;
    if (member === undefined) return undefined;
    const isShort = member.format === "zlib" && compressedSize - member.compressed < FIXED_HEADER;
    const reason = isShort ? "unexpected EOF" : "gzip: invalid header";
    const found = member.format === "zlib" ? "is a zlib stream" : "has a name or comment longer than 511 bytes";
    // The first is opened before the tar reader, the others by it.
    const action = member.compressed === 0 ? "" : "error while reading tar header: ";
    return new ZtocError(
      "ERR_ZTOC_GZIP_MEMBER_UNREADABLE",
      `Cannot index layer: ${action}${reason} (the member at byte ${member.compressed} ${found})`,
    );
  }
}
