/** What zlib makes of a stream, by node's synchronous calls, without what node adds to it. */
import { gunzipSync, inflateRawSync, inflateSync, constants } from "node:zlib";

const NO_BYTES = new Uint8Array(0);
/**
 * zlib as the reference opens it: with the largest window, whatever a zlib header says (else node keeps the window that the header asks
 * for, and what is refused goes by the size of its buffer). Node makes a buffer of `chunkSize` for each call, and another where
 * there is more output.
 */
const OPTIONS = { windowBits: 15, chunkSize: 2048 };

/** zlib's own words for what is wrong with a header or a trailer; any other is about the data. */
const FAULTS = new Map([
  ["incorrect header check", "header"],
  ["unknown compression method", "header"],
  ["unknown header flags set", "header"],
  ["header crc mismatch", "header"],
  ["invalid window size", "header"],
  ["incorrect data check", "checksum"],
  ["incorrect length check", "checksum"],
]);

/**
 * Raw DEFLATE: `{ output, used }`, or `{ fault }`, with the output of what is there where it is cut. What follows the stream is
 * not looked at.
 */
export function zlibRaw(bytes) {
  const result = attempt(inflateRawSync, bytes);
  if (result.fault === "truncated") result.output = outputOfCut(bytes);
  return result;
}

/**
 * Members one after the other up to the last byte, as a loop of inflate() and inflateReset() takes them: node:zlib goes on behind a
 * gzip member by itself, but takes zeros for padding, and knows no zlib member there. So each is found and given to it alone.
 *
 * Answers the output; `fault` if there is one, then whether the output is all that came before it (`isExact`), and how many bytes of
 * the stream are left from the member's start (`rest`), and from its trailer (`trailer`).
 */
export function zlibMembers(bytes, acceptsZlib) {
  const parts = [];
  let at = 0;
  const end = (more) => ({ output: Buffer.concat(parts), isExact: true, ...more });
  do {
    const rest = bytes.subarray(at);
    const member = acceptsZlib && !isGzip(rest) ? zlibMember(rest) : gzipMember(rest);
    parts.push(member.output ?? NO_BYTES);
    if (member.fault !== undefined) {
      const { fault, isExact = true, trailer } = member;
      return end({ fault, isExact, trailer, rest: rest.length });
    }
    at += member.used;
  } while (at < bytes.length);
  return end({});
}

/** A header that is cut is not one of zlib's, whose automatic detection looks at both bytes. */
function isGzip(bytes) {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function zlibMember(bytes) {
  const whole = attempt(inflateSync, bytes);
  if (whole.fault === undefined || whole.fault === "header") return whole;
  return { ...whole, ...outputBefore(whole.fault, bytes.subarray(2)) };
}

function gzipMember(bytes) {
  const header = headerLength(bytes);
  if (header === undefined) return refused(gunzipSync, bytes);
  const body = bytes.subarray(header);
  const raw = attempt(inflateRawSync, body);
  if (raw.fault !== undefined) {
    const { fault } = refused(gunzipSync, bytes);
    return fault === "header" ? { fault } : { fault, ...outputBefore(fault, body) };
  }
  const used = header + raw.used + 8;
  const whole = attempt(gunzipSync, bytes.subarray(0, used));
  if (whole.fault === "header") return whole;
  if (whole.fault !== undefined)
    return { fault: whole.fault, output: raw.output, trailer: bytes.length - header - raw.used };
  if (Buffer.compare(whole.output, raw.output) !== 0) throw new Error("zlib contradicts itself");
  return { output: whole.output, used };
}

/** Of the DEFLATE data of a member that is faulty: all of it, or what is known of it where the data themselves are. */
function outputBefore(fault, body) {
  if (fault === "data") return { output: NO_BYTES, isExact: false };
  if (fault === "truncated") return { output: outputOfCut(body) };
  return { output: attempt(inflateRawSync, body).output };
}

function outputOfCut(body) {
  return inflateRawSync(body, { ...OPTIONS, finishFlush: constants.Z_SYNC_FLUSH });
}

/**
 * The output of as many whole bytes of raw DEFLATE data as zlib takes before it finds a fault in them: all output before the fault,
 * but for symbols that end in the same byte.
 */
export function outputBeforeFault(body) {
  let [good, bad] = [0, body.length];
  let output = NO_BYTES;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    try {
      output = outputOfCut(body.subarray(0, middle));
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return { output, bytes: good };
}

/** Bytes of a gzip header; `undefined` where it is cut. Whether it is a good one is zlib's to say. */
function headerLength(bytes) {
  const flags = bytes[3];
  let at = 10;
  if (flags & 4) at += 2 + bytes[at] + 256 * bytes[at + 1];
  for (const flag of [8, 16]) {
    if (!(flags & flag)) continue;
    at = bytes.indexOf(0, at) + 1;
    if (at === 0) return undefined;
  }
  if (flags & 2) at += 2;
  return at <= bytes.length ? at : undefined;
}

function refused(decode, bytes) {
  const result = attempt(decode, bytes);
  if (result.fault === undefined) throw new Error("zlib takes a stream of which it does not take the data");
  return result;
}

function attempt(decode, bytes) {
  try {
    const { buffer, engine } = decode(bytes, { ...OPTIONS, info: true });
    return { output: buffer, used: engine.bytesWritten };
  } catch (error) {
    const fault = { Z_BUF_ERROR: "truncated", Z_NEED_DICT: "header", Z_DATA_ERROR: "data" }[error.code];
    if (fault === undefined) throw error;
    return { fault: error.code === "Z_DATA_ERROR" ? (FAULTS.get(error.message) ?? fault) : fault };
  }
}
