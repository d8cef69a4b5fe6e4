import { expect, test } from "vitest";
import { printable } from "./printable.ts";

test.for<readonly [text: string, shown: string, reason: string]>([
  ["etc/os-release", "etc/os-release", "what is plain stays"],
  ["grüße 漢字 🙂", "grüße 漢字 🙂", "letters of all scripts stay"],
  ["\u001b]0;owned\u0007", "\\x1b]0;owned\\x07", "a title escape"],
  ["\u009b31m", "\\x9b31m", "the one-byte form of ESC ["],
  ["a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd", "one name stays on one line"],
  ["gpj.\u202eexe", "gpj.\\u202eexe", "a right-to-left override"],
  ["\u007f", "\\x7f", "DEL"],
  ["a\u200bb\ufeffc\u2060d", "a\\u200bb\\ufeffc\\u2060d", "what cannot be seen"],
  ["\u2066x\u2069", "\\u2066x\\u2069", "isolates"],
  ["a\u200eb\u200fc\u061cd", "a\\u200eb\\u200fc\\u061cd", "marks of direction"],
])("printable() of %j is %j: %s", ([text, shown]) => {
  expect(printable(text)).toBe(shown);
});

test("printable() cuts where it is told to", () => {
  expect(printable("abcd", 4)).toBe("abcd");
  expect(printable("abcde", 4)).toBe("abcd…");
});
