import { expect, test } from "vitest";
import { timeAgo } from "./time-ago.ts";

const THEN = "2025-11-26T01:02:03.000Z";
const at = (seconds: number): number => Date.parse(THEN) + seconds * 1000;

test.for([
  [0.4, "0s ago"],
  [0.5, "1s ago"],
  [59, "59s ago"],
  [60, "1m0s ago"],
  [3599, "59m59s ago"],
  [3600, "1h0m0s ago"],
  [90_061, "25h1m1s ago"],
  [-5, "-5s ago"],
] as const)("timeAgo() after %s s is %s, as Go has it", ([seconds, text]) => {
  expect(timeAgo(THEN, at(seconds))).toBe(text);
});

test("timeAgo() of no time", () => {
  expect(timeAgo(undefined, 0)).toBe("n/a");
});
