import { expect, test } from "vitest";
import { parseByteCount } from "./parse-byte-count.ts";

test.for<readonly [text: string, bytes: number | undefined, reason: string]>([
  ["0", 0, "index every layer"],
  ["4194304", 4194304, "decimal"],
  ["65_536", 65536, "Go's underscores"],
  ["0x10000", 65536, "Go's hexadecimal"],
  ["0X1_0000", 65536, "with underscore and capital"],
  ["0o17", 15, "Go's octal"],
  ["0b11", 3, "Go's binary"],
  ["010", 8, "Go's octal of C"],
  ["0_10", 8, "with underscore"],
  ["08", undefined, "no octal number"],
  ["00", 0, "nothing, in octal"],
  ["010 MiB", 10485760, "with a unit it is a decimal number"],
  ["4MiB", 4194304, "a binary unit"],
  ["4 mib", 4194304, "in any case, after a space"],
  ["10MB", 10_000_000, "a decimal unit"],
  ["1.5k", 1500, "a fraction that is whole bytes"],
  ["0.0001k", undefined, "a fraction of a byte"],
  ["9007199254740991", 9007199254740991, "the largest number that is one"],
  ["9007199254740992", undefined, "one past it"],
  ["", undefined, "nothing"],
  ["-1", undefined, "negative"],
  ["1__0", undefined, "two underscores"],
  ["_1", undefined, "underscore in front"],
  ["0x", undefined, "no digits"],
  ["4 elephants", undefined, "no unit"],
  ["1e3", undefined, "not Go's integers"],
])("parseByteCount() of %j is %s: %s", ([text, bytes]) => {
  expect(parseByteCount(text)).toBe(bytes);
});
