import { contentCodingOf, contentLengthOf, mediaTypeOf, parseContentRange } from "./responses.ts";

/** What was asked for: bytes `[start, end)` of a blob. */
export interface WantedRange {
  /** First byte. */
  readonly start: number;
  /** The byte after the last. */
  readonly end: number;
  /** Size of the blob. */
  readonly size: number;
}

/** What a response to a range request is. */
export type RangeAnswer =
  /** The body is bytes `[from, until)` of the blob, and some of what was asked for is among them. */
  | { readonly kind: "bytes"; readonly from: number; readonly until: number }
  /** The server says that the range lies outside; its idea of the size, where it has one. */
  | { readonly kind: "unsatisfiable"; readonly size: number | undefined }
  /** The body has a content coding: its bytes are not the blob's. */
  | { readonly kind: "coding"; readonly coding: string }
  /** The response contradicts itself or the request: none of its bytes can be used. */
  | { readonly kind: "fault"; readonly what: string };

/**
 * Judges a response to a range request by status and header fields. Everything that a server, cache or proxy can get wrong
 * here is silent damage for a client that only looks at `ok`: bytes of another place that pass for those asked for.
 */
export function classifyRange(status: number, headers: Headers, want: WantedRange): RangeAnswer {
  const fault = (what: string): RangeAnswer => ({ kind: "fault", what });
  const length = contentLengthOf(headers);
  const field = headers.get("content-range");
  const range = field === null ? undefined : parseContentRange(field);
  if (status === 416) return { kind: "unsatisfiable", size: range?.size };
  const coding = contentCodingOf(headers);
  if (coding !== undefined) return { kind: "coding", coding };
  if (status === 200) {
    if (length === undefined || length === want.size) return { kind: "bytes", from: 0, until: want.size };
    // A proxy that turned a 206 into a 200 and left the rest: https://github.com/dragonflyoss/client/pull/1874
    const agrees =
      range?.range !== undefined &&
      range.range.start === want.start &&
      range.range.end === want.end &&
      length === want.end - want.start;
    if (agrees) return { kind: "bytes", from: want.start, until: want.end };
    return fault(`200 with ${length} bytes for a blob of ${want.size}`);
  }
  if (status !== 206) return fault(`status ${status}`);
  if (mediaTypeOf(headers) === "multipart/byteranges") return fault("several ranges (multipart/byteranges) for one");
  if (field === null) return fault("206 without Content-Range");
  if (range?.range === undefined) return fault(`206 with a Content-Range that cannot be read`);
  const { start, end } = range.range;
  if (range.size !== undefined && range.size !== want.size)
    return fault(`a blob of ${range.size} bytes instead of ${want.size}`);
  if (start !== want.start) return fault(`bytes from ${start} instead of ${want.start}`);
  if (end > want.end) return fault(`bytes up to ${end} instead of ${want.end}`);
  if (length !== undefined && length !== end - start) return fault(`${length} bytes for a range of ${end - start}`);
  return { kind: "bytes", from: start, until: end };
}
