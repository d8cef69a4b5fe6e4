import fc from "fast-check";
import { expect, test } from "vitest";
import { byteStringOf, bytesOf, toByteString, toDisplay } from "./byte-string.ts";
import { utf8Length } from "./utf8.ts";

test("bytesOf(byteStringOf(bytes)) is bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(bytesOf(byteStringOf(bytes))).toEqual(bytes);
      expect(byteStringOf(bytes)).toHaveLength(bytes.length);
    }),
  );
  const long = Uint8Array.from({ length: 20_001 }, (_, i) => i & 0xff);
  expect(bytesOf(byteStringOf(long))).toEqual(long);
});

test("toByteString() encodes text as UTF-8 and takes bytes as they are", () => {
  expect(toByteString("é")).toBe("\u00c3\u00a9");
  expect(toByteString(Uint8Array.of(0xe9))).toBe("\u00e9");
});

test.for([
  ["ASCII", "usr/bin/env", "usr/bin/env"],
  ["UTF-8", "caf\u00c3\u00a9 \u00f0\u009f\u0090\u00a6", "café 🐦"],
  ["a byte that is not UTF-8", "caf\u00e9", "caf\\xe9"],
  ["a byte that is not UTF-8 between some that are", "\u00c3\u00a9\u00ff\u00c3\u00a9", "é\\xffé"],
  ["a sequence cut short", "\u00e2\u0082", "\\xe2\\x82"],
  ["an overlong slash", "\u00c0\u00af", "\\xc0\\xaf"],
  ["half of a surrogate pair", "\u00ed\u00a0\u0080", "\\xed\\xa0\\x80"],
  ["a byte order mark, kept", "\u00ef\u00bb\u00bfa", "\ufeffa"],
  ["a backslash, left alone", "a\\xe9", "a\\xe9"],
] as const)("toDisplay() of %s", ([, bytes, want]) => {
  expect(toDisplay(byteStringOf(Uint8Array.from(bytes, (c) => c.charCodeAt(0))))).toBe(want);
});

test("toDisplay() gives text back as it was", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => toDisplay(toByteString(text)) === text));
});

test("utf8Length() agrees with the platform's decoder on every two bytes and on any four", () => {
  const decodes = (bytes: Uint8Array): boolean => {
    try {
      return [...new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)].length === 1;
    } catch {
      return false;
    }
  };
  const check = (bytes: Uint8Array): void => {
    const want = [1, 2, 3, 4].find((length) => length <= bytes.length && decodes(bytes.subarray(0, length))) ?? 0;
    if (utf8Length(bytes, 0) !== want) expect(utf8Length(bytes, 0), bytes.join(" ")).toBe(want);
  };
  for (let lead = 0x80; lead < 0x100; lead++)
    for (let next = 0; next < 0x100; next += 3) check(Uint8Array.of(lead, next, 0x80, 0xbf));
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 4 }), check));
});
