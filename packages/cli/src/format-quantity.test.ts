import { expect, test } from "vitest";
import { formatBytes, formatDuration } from "./format-quantity.ts";

test.for<readonly [bytes: number, shown: string]>([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [151_372_237, "151.4 MB"],
  [2 ** 53 - 1, "9.0 PB"],
])("formatBytes() of %s is %s", ([bytes, shown]) => {
  expect(formatBytes(bytes)).toBe(shown);
});

test.for<readonly [ms: number, shown: string]>([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [999.6, "1.0 s"],
  [59_949, "59.9 s"],
  [59_951, "1 min 00 s"],
  [125_000, "2 min 05 s"],
])("formatDuration() of %s is %s", ([ms, shown]) => {
  expect(formatDuration(ms)).toBe(shown);
});
