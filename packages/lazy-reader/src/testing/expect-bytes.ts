import { expect } from "vitest";

/** Asserts that bytes are the same, and says where they are not: a matcher that prints megabytes takes seconds. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  let at = 0;
  while (at < actual.length && at < expected.length && actual[at] === expected[at]) at++;
  expect({ length: actual.length, sameUntil: at }).toEqual({ length: expected.length, sameUntil: expected.length });
}
