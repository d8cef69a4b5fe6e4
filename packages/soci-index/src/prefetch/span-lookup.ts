import { spansOf, type Ztoc } from "@socikit/ztoc";

/**
 * Finds the span that holds a byte of the tar stream: the last one that begins at or before it, so the last of all for
 * bytes past the end.
 *
 * @throws {ZtocError} what `decodeZinfo` and `decodeTarZinfo` throw.
 */
export function spanLookup(ztoc: Ztoc): (uncompressedOffset: number) => number {
  const starts = Float64Array.from(spansOf(ztoc), ({ uncompressed }) => uncompressed.start);
  return (uncompressedOffset) => {
    let low = 0;
    for (let high = starts.length - 1; low < high;) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= uncompressedOffset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
}
