import { algorithmOf, createDigester, type Digest } from "@socikit/oci";
import type { Check, LayerIndex, Piece } from "@socikit/ztoc";
import { LazyReadError } from "./errors.ts";

/** The checks of one piece, by what they are over. */
export interface PieceChecks {
  /** Over the bytes fetched. */
  readonly compressed: readonly Check[];
  /** Over the bytes decoded. */
  readonly uncompressed: readonly Check[];
  /** Whether the checks over fetched bytes cover all of them: then wrong bytes are found before they are decoded. */
  readonly coversFetched: boolean;
}

/**
 * Sorts a piece's checks, and makes sure that together they vouch for it: for every byte fetched, or for every byte decoded.
 *
 * @throws {LazyReadError} `ERR_LAZY_INVALID_INDEX` where they do not, or one lies outside the piece.
 */
export function sortChecks(index: Pick<LayerIndex, "layer">, piece: Piece, checks: readonly Check[]): PieceChecks {
  const compressed = checks.filter(({ over }) => over === "compressed");
  const uncompressed = checks.filter(({ over }) => over === "uncompressed");
  const inside = (check: Check): boolean =>
    check.range.start >= piece[check.over].start && check.range.end <= piece[check.over].end;
  const coversFetched = covers(piece.compressed, compressed);
  if (!checks.every(inside) || !(coversFetched || covers(piece.uncompressed, uncompressed)))
    throw new LazyReadError(
      "ERR_LAZY_INVALID_INDEX",
      `Cannot read layer ${index.layer.digest}: the digests that the index has for span ${piece.id} do not cover it`,
    );
  return { compressed, uncompressed, coversFetched };
}

function covers(whole: { readonly start: number; readonly end: number }, checks: readonly Check[]): boolean {
  let at = whole.start;
  for (const { range } of checks.toSorted((a, b) => a.range.start - b.range.start)) {
    if (range.start > at) return false;
    at = Math.max(at, range.end);
  }
  return checks.length > 0 && at >= whole.end;
}

/** A check that failed: what was expected, and what the bytes have instead. */
export interface FailedCheck {
  /** The check. */
  readonly check: Check;
  /** Digest of the bytes that came. */
  readonly found: Digest;
}

/**
 * Runs checks over bytes, the first of which is at offset `at` of the checks' space.
 *
 * @returns The first that fails.
 */
export function findFailedCheck(checks: readonly Check[], bytes: Uint8Array, at: number): FailedCheck | undefined {
  for (const check of checks) {
    const digester = createDigester(algorithmOf(check.digest));
    digester.update(bytes.subarray(check.range.start - at, check.range.end - at));
    const found = digester.digest();
    if (found !== check.digest) return { check, found };
  }
  return undefined;
}
