import { expect, test } from "vitest";
import { parseDuration } from "./parse-duration.ts";

test.for<readonly [text: string, ms: number | undefined]>([
  ["0", 0],
  ["90s", 90_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  [".5s", 500],
  ["1.s", 1000],
  ["300ms", 300],
  ["2us3\u00b5s", 0.005],
  ["-1s", -1000],
  ["+2m", 120_000],
  ["", undefined],
  ["-", undefined],
  ["5", undefined],
  ["5 s", undefined],
  [".s", undefined],
  ["1d", undefined],
  ["s", undefined],
])("parseDuration() of %j is %s", ([text, ms]) => {
  const found = parseDuration(text);
  if (ms === undefined) expect(found).toBeUndefined();
  else expect(found).toBeCloseTo(ms, 9);
});
