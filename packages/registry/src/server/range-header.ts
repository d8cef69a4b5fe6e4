/** The part of a blob that a request asks for: all of it, one half-open range, or a range that no byte is in. */
export type RequestedRange = "whole" | "unsatisfiable" | { readonly start: number; readonly end: number };

/**
 * Reads a `Range` header for a blob of `size` bytes.
 * https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 *
 * Several ranges, other units and what cannot be read are answered with the whole, as the RFC allows. A range that ends
 * before it starts is unsatisfiable, as the distribution spec's conformance suite wants it; the RFC would ignore it.
 */
export function parseRangeHeader(header: string | null, size: number): RequestedRange {
  const match = /^bytes=[ \t]*(\d{0,16})-(\d{0,16})[ \t]*$/i.exec(header ?? "");
  if (match === null) return "whole";
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") return "whole";
    const length = Number(last);
    return length === 0 || size === 0 ? "unsatisfiable" : { start: Math.max(0, size - length), end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Math.min(size, Number(last) + 1);
  return start >= size || end <= start ? "unsatisfiable" : { start, end };
}

/**
 * Reads the `Content-Range` of an uploaded chunk, `first-last` inclusive, without a unit.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
 *
 * @returns `undefined` where there is none; `"malformed"` for anything else, `bytes first-last/size` excepted, which some clients send.
 */
export function parseChunkRange(
  header: string | null,
): { readonly start: number; readonly end: number } | "malformed" | undefined {
  if (header === null) return undefined;
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim());
  if (match === null) return "malformed";
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  return end < start ? "malformed" : { start, end };
}
