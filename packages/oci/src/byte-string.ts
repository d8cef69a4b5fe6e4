import { utf8Length } from "./utf8.ts";

/**
 * Bytes as a string with one character a byte (latin1): tar names, link targets and PAX records, which need not be UTF-8.
 *
 * Two names that differ in an invalid UTF-8 byte stay two names, and a ByteString keys a `Map`. It is for names already
 * decoded; a path given by a caller is a `string` (UTF-8) or bytes, never a ByteString: the brand is not there at run time.
 */
export type ByteString = string & { readonly __brand: "ByteString" };

declare const process: { getBuiltinModule?(name: string): unknown } | undefined;

type Latin1Slice = (this: Uint8Array, start: number, end: number) => string;

/**
 * Node's latin1 decoder, where the host has it (Node, Deno, Bun; no permission needed): a name takes a third of the time of
 * the portable way and leaves no garbage, which is most of what reading 100,000 names costs.
 */
const latin1Slice: Latin1Slice | undefined = hostLatin1Slice();

function hostLatin1Slice(): Latin1Slice | undefined {
  const buffer = typeof process === "object" ? process.getBuiltinModule?.("node:buffer") : undefined;
  const slice = (
    buffer as { readonly Buffer?: { readonly prototype?: { readonly latin1Slice?: Latin1Slice } } } | undefined
  )?.Buffer?.prototype?.latin1Slice;
  // It is not a documented method: taken only where it does what it is wanted for.
  return slice?.call(Uint8Array.of(0x41, 0x80, 0xff), 1, 3) === "\x80\xff" ? slice : undefined;
}

/** `String.fromCharCode` takes its bytes as arguments; this many fit every engine's stack. */
const CHUNK = 8192;

/** The ByteString of some bytes. */
export function byteStringOf(bytes: Uint8Array): ByteString {
  if (latin1Slice !== undefined) return latin1Slice.call(bytes, 0, bytes.length) as ByteString;
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += fromCharCodes(bytes.subarray(at, at + CHUNK));
  return text as ByteString;
}

/** `apply` reads the array's elements; spreading would make an iterator result of each. */
function fromCharCodes(bytes: Uint8Array): string {
  return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
}

/** The bytes of a ByteString. The caller owns the result. */
export function bytesOf(text: ByteString): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The ByteString of a caller's path or name: a `string` is encoded as UTF-8, bytes are taken as they are. */
export function toByteString(text: string | Uint8Array): ByteString {
  return byteStringOf(typeof text === "string" ? new TextEncoder().encode(text) : text);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A ByteString for people and JSON: decoded as UTF-8 where it is UTF-8, bytes that are not shown as `\xNN`.
 * A backslash in the name is left alone, so the result is for reading, not for parsing back.
 */
export function toDisplay(text: ByteString): string {
  if (!/[\x80-\xff]/.test(text)) return text;
  const bytes = bytesOf(text);
  try {
    return utf8.decode(bytes);
  } catch {
    return displayInvalid(bytes);
  }
}

function displayInvalid(bytes: Uint8Array): string {
  // Joined once: a string that grows by every byte of a name of megabytes is a rope of as many nodes.
  const shown: string[] = [];
  let valid = 0;
  for (let at = 0; at < bytes.length;) {
    const length = utf8Length(bytes, at);
    if (length === 0) {
      if (valid < at) shown.push(utf8.decode(bytes.subarray(valid, at)));
      shown.push(`\\x${bytes[at]!.toString(16).padStart(2, "0")}`);
      valid = at + 1;
    }
    at += length || 1;
  }
  if (valid < bytes.length) shown.push(utf8.decode(bytes.subarray(valid)));
  return shown.join("");
}
