import { describe, expect, test } from "vitest";
import { GzipHeaderCheck } from "./gzip-header-check.ts";
import { concat, latin1 } from "./testing/tar-writer.ts";

const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;

function header(flags: number, ...fields: readonly string[]): Uint8Array {
  return concat(Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3), latin1(fields.join("")));
}

function faultOf(bytes: Uint8Array, chunkSize: number): string | undefined {
  const check = new GzipHeaderCheck();
  for (let at = 0; at < bytes.length; at += chunkSize) check.push(bytes.subarray(at, at + chunkSize));
  return check.fault;
}

describe("GzipHeaderCheck finds", () => {
  const text = (length: number): string => `${"t".repeat(length)}\0`;
  // What follows a header looks like a text that is too long, and must not be taken for one.
  const data = "d".repeat(2000);
  test.each<readonly [string, Uint8Array, string | undefined]>([
    ["nothing in a plain header", header(0, data), undefined],
    ["nothing in a name of 511 bytes", header(NAME, text(511), data), undefined],
    ["a name of 512 bytes", header(NAME, text(512), data), "text too long"],
    ["a comment of 512 bytes behind a name", header(NAME | COMMENT, text(5), text(512)), "text too long"],
    ["nothing in two texts of 511 bytes", header(NAME | COMMENT, text(511), text(511), data), undefined],
    ["nothing in empty texts", header(NAME | COMMENT, text(0), text(0), data), undefined],
    ["nothing in a long extra field", header(EXTRA | NAME, "\x00\x03", "x".repeat(768), text(3), data), undefined],
    ["nothing in an empty extra field", header(EXTRA | COMMENT, "\x00\x00", text(3), data), undefined],
    ["a name behind an extra field", header(EXTRA | NAME, "\x01\x00", "x", text(600)), "text too long"],
    ["a zlib header", Uint8Array.of(0x78, 0x9c, 3, 0, 0, 0, 0, 1), "not gzip"],
    ["nothing in a header that is cut", header(NAME, "abc"), undefined],
  ])("%s", (_, bytes, fault) => {
    for (const chunkSize of [1, 7, 5000]) expect(faultOf(bytes, chunkSize)).toBe(fault);
  });
});
