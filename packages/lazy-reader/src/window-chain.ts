import type { Start } from "@socikit/inflate";
import type { ReadOptions } from "@socikit/oci";
import type { LayerIndex, Piece } from "@socikit/ztoc";
import { LazyReadError } from "./errors.ts";
import type { TrustTier } from "./piece-cache.ts";
import { isBlankWindow, windowMatches } from "./window.ts";

/**
 * What is known of the windows that a layer's pieces are decoded with. No digest covers them: each is compared with the output before
 * it when that is decoded, and the outcome is remembered.
 *
 * State: the pieces whose window was found equal to the output before it, and the ones that were found wrong, for good.
 */
export class WindowChain {
  readonly #index: LayerIndex;
  readonly #onRefused: (piece: Piece) => void;
  readonly #chained = new Set<number>();
  readonly #refused = new Map<number, LazyReadError>();
  /** Pieces behind a refused one: nothing that was once said of their windows counts. */
  readonly #unfounded = new Set<number>();

  /** @param onRefused Told of each piece whose output is not to be believed any longer, or not as much as before. */
  constructor(index: LayerIndex, onRefused: (piece: Piece) => void) {
    this.#index = index;
    this.#onRefused = onRefused;
  }

  /** What output of the piece stands on, as far as is known by now. */
  tierOf(piece: Piece): TrustTier {
    if (this.#refused.has(piece.id)) return 0;
    return this.#chained.has(piece.id) ? 2 : 1;
  }

  /** Whether the piece was found wrong. */
  isRefused(piece: Piece): boolean {
    return this.#refused.has(piece.id);
  }

  /** Throws the error of a piece that was found wrong. */
  throwIfRefused(piece: Piece): void {
    const refused = this.#refused.get(piece.id);
    if (refused !== undefined) throw refused;
  }

  /** Notes that more than the digests of what was fetched vouches for where the piece begins. */
  admit(piece: Piece): void {
    if (!this.#refused.has(piece.id)) this.#chained.add(piece.id);
  }

  /** Notes the tier that a piece had when it was kept. */
  recall(piece: Piece, tier: TrustTier): void {
    if (tier >= 2 && !this.#unfounded.has(piece.id)) this.admit(piece);
  }

  /**
   * Looks at a piece by itself: without a window it depends on nothing, and the stream's first piece has nothing before it.
   *
   * @throws {LazyReadError} `ERR_LAZY_WINDOW_MISMATCH`.
   */
  begin(piece: Piece, start: Start): void {
    if (start.window.length === 0) this.admit(piece);
    else if (piece.uncompressed.start === 0) {
      if (!isBlankWindow(start.window)) throw this.#refuse(piece, "it is the first, and its window is not empty");
      this.admit(piece);
    }
  }

  /**
   * Compares the window of the piece that follows with the end of this one's output. Where they differ, both are refused: the
   * follower's window is false, or this output is, by a false window or a false bit of its own, and nothing says which.
   *
   * @param tail The last bytes of the output, up to 32 KiB, of `size` altogether.
   * @throws {LazyReadError} `ERR_LAZY_WINDOW_MISMATCH`.
   */
  async compare(piece: Piece, start: Start, tail: Uint8Array, size: number, options?: ReadOptions): Promise<void> {
    const next = this.#follower(piece);
    if (next === undefined || this.#chained.has(next.id) || this.#refused.has(next.id)) return;
    const { window } = await this.#index.start(next, options);
    if (windowMatches(window, tail, size <= tail.length ? start.window : [])) {
      this.admit(next);
      return;
    }
    const what = `the window that span ${next.id} starts with is not what span ${piece.id} ends with`;
    this.#refuse(next, what);
    throw this.#refuse(piece, what);
  }

  #refuse(piece: Piece, what: string): LazyReadError {
    const error = new LazyReadError(
      "ERR_LAZY_WINDOW_MISMATCH",
      `Cannot read span ${piece.id} of layer ${this.#index.layer.digest}: ${what}, so index ${this.#index.digest} is not to be trusted`,
    );
    this.#refused.set(piece.id, error);
    this.#onRefused(piece);
    // What was chained to its output stands on nothing now.
    const next = this.#follower(piece);
    if (next !== undefined) {
      this.#chained.delete(next.id);
      this.#unfounded.add(next.id);
      this.#onRefused(next);
    }
    return error;
  }

  /** The piece whose output begins where this one's ends. */
  #follower(piece: Piece): Piece | undefined {
    const { end } = piece.uncompressed;
    let next: Piece | undefined;
    try {
      next = this.#index.plan({ start: end, end: end + 1 })[0];
    } catch {
      // Some indexes refuse to plan past the end of the layer. There is nothing after the last piece.
      return undefined;
    }
    return next?.uncompressed.start === end && next.id !== piece.id ? next : undefined;
  }
}
