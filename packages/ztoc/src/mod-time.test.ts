import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatModTime, parseModTime, parsePaxTime } from "./mod-time.ts";
import { parseDecimal } from "./tar-number.ts";

describe("parsePaxTime() and formatModTime()", () => {
  test.each([
    ["1350244992.023960108", "2012-10-14T20:03:12.023960108Z"],
    ["1700000000.5", "2023-11-14T22:13:20.5Z"],
    ["1700000000.", "2023-11-14T22:13:20Z"],
    ["+1.5", "1970-01-01T00:00:01.5Z"],
    ["0.9999999999999", "1970-01-01T00:00:00.999999999Z"],
    ["1.500000000", "1970-01-01T00:00:01.5Z"],
    ["-1.5", "1969-12-31T23:59:58.5Z"],
    ["-0.5", "1969-12-31T23:59:59.5Z"],
    ["-1", "1969-12-31T23:59:59Z"],
    ["253402300799", "9999-12-31T23:59:59Z"],
    ["253402300800", ""],
    ["-62167219200", "0000-01-01T00:00:00Z"],
    ["-62167219200.1", ""],
    ["9223372036854775807", ""],
  ])("take %s for %s", (text, want) => {
    const time = parsePaxTime(text);
    expect(time).toBeDefined();
    expect(formatModTime(time!)).toBe(want);
  });

  test.each([".5", "-.5", "1.5.5", "1. 5", "", "-", "1e3", " 1", "1 ", "1_000", "0x1", "9223372036854775808", "1.x"])(
    "refuse %j",
    (text) => {
      expect(parsePaxTime(text)).toBeUndefined();
    },
  );
});

test.each([
  ["2023-11-14T22:13:20Z", 1_700_000_000, 0],
  ["2023-11-14T17:13:20.25-05:00", 1_700_000_000, 250_000_000],
  ["2023-11-14T22:13:20,1234567899Z", 1_700_000_000, 123_456_789],
])("parseModTime() of %s", (text, seconds, nanoseconds) => {
  expect(parseModTime(text)).toEqual({ seconds, nanoseconds });
});

test.each(["", "2023-11-14", "2023-11-14 22:13:20Z", "2023-13-14T22:13:20Z", "2023-11-14T22:13:20"])(
  "parseModTime() of %j is nothing",
  (text) => {
    expect(parseModTime(text)).toBeUndefined();
  },
);

test.each([
  ["-0", 0],
  ["000000000000000000000000000000007", 7],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ["9007199254740992", 2n ** 53n],
  ["-9223372036854775808", -(2n ** 63n)],
  ["-9223372036854775809", undefined],
  ["1".repeat(100_000), undefined],
  ["+", undefined],
  ["1n", undefined],
])("parseDecimal(%j)", (text, want) => {
  expect(parseDecimal(text)).toBe(want);
});

test("formatModTime() agrees with Date", () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }), (seconds) => {
      const want = new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
      expect(formatModTime({ seconds, nanoseconds: 0 })).toBe(want);
    }),
    { numRuns: 5000 },
  );
});
