import type { RegistryErrorDetail } from "./errors.ts";

/** Largest error body read, in bytes. */
export const MAX_ERROR_BODY: number = 16 * 1024;

/** Reads a registry's error body; empty where it is something else. */
export function parseErrorBody(bytes: Uint8Array): readonly RegistryErrorDetail[] {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return [];
  }
  const errors = typeof json === "object" && json !== null ? (json as { errors?: unknown }).errors : undefined;
  if (!Array.isArray(errors)) return [];
  return errors.slice(0, 20).flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const { code, message } = entry as { code?: unknown; message?: unknown };
    if (typeof code !== "string" && typeof message !== "string") return [];
    return [{ code: typeof code === "string" ? code : "", message: typeof message === "string" ? message : "" }];
  });
}

/** A Content-Range field. https://www.rfc-editor.org/rfc/rfc9110#section-14.4 */
export interface ContentRange {
  /** Half open; `undefined` for an unsatisfied range. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
  /** Length of the whole; `undefined` where the server does not know. */
  readonly size: number | undefined;
}

/** Reads `bytes 0-99/1000`, `bytes 0-99/*`, or an unsatisfied range; `undefined` for anything else. */
export function parseContentRange(field: string): ContentRange | undefined {
  const match = /^bytes\s+(?:(\d{1,16})-(\d{1,16})|\*)\/(?:(\d{1,16})|\*)$/i.exec(field.trim());
  if (match === null) return undefined;
  const numbers = match.slice(1, 4).map((text: string | undefined) => (text === undefined ? undefined : Number(text)));
  if (numbers.some((number) => number !== undefined && !Number.isSafeInteger(number))) return undefined;
  const [first, last, size] = numbers as [number?, number?, number?];
  if (first === undefined || last === undefined) return size === undefined ? undefined : { range: undefined, size };
  if (last < first || (size !== undefined && last >= size) || last === Number.MAX_SAFE_INTEGER) return undefined;
  return { range: { start: first, end: last + 1 }, size };
}

/** The Range field for a half-open range. */
export function rangeField(start: number, end: number): string {
  return `bytes=${start}-${end - 1}`;
}

/** A Content-Length field as a number; `undefined` where there is none that makes sense. */
export function contentLengthOf(headers: Headers): number | undefined {
  const field = headers.get("content-length");
  if (field === null || !/^\d{1,16}$/.test(field.trim())) return undefined;
  const length = Number(field);
  return Number.isSafeInteger(length) ? length : undefined;
}

/** The content coding of a response, `undefined` for none. */
export function contentCodingOf(headers: Headers): string | undefined {
  const coding = headers.get("content-encoding")?.trim().toLowerCase();
  return coding === undefined || coding === "" || coding === "identity" ? undefined : coding;
}

/** The media type of a Content-Type field, without parameters; `undefined` for none. */
export function mediaTypeOf(headers: Headers): string | undefined {
  const type = headers.get("content-type")?.split(";")[0]!.trim().toLowerCase();
  return type === "" ? undefined : type;
}

/** Target of the link with `rel=next` of a Link field; `undefined` for none. https://www.rfc-editor.org/rfc/rfc8288#section-3 */
export function parseNextLink(field: string | null): string | undefined {
  if (field === null) return undefined;
  const LINK = /<([^<>]*)>((?:\s*;\s*[^\s=;,"]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)/g;
  for (const [, target, parameters] of field.slice(0, 16 * 1024).matchAll(LINK)) {
    const rel = /(?:^|;)\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters!);
    const relations = (rel?.[1] ?? rel?.[2] ?? "").toLowerCase().split(/\s+/);
    if (relations.includes("next")) return target;
  }
  return undefined;
}

/** Bytes that a registry has of an upload: a Range field of `0-99`, with or without `bytes=`. `undefined` where it says nothing. */
export function parseUploadRange(field: string | null): number | undefined {
  const match = /^(?:bytes[=\s])?\s*0-(\d{1,16})$/.exec(field?.trim() ?? "");
  if (match === null) return undefined;
  const last = Number(match[1]);
  // "0-0" is what the distribution registry says of an empty upload, and of one of a single byte; empty is the likelier.
  return last === 0 ? 0 : Number.isSafeInteger(last + 1) ? last + 1 : undefined;
}
