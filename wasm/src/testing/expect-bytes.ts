import { expect } from "vitest";

/** As `expect(got).toEqual(want)`, at the speed of memory, and with the place instead of the bytes. */
export function expectBytes(got: Uint8Array, want: Uint8Array, what?: string): void {
  if (got.length === want.length && Buffer.compare(got, want) === 0) return;
  const at = want.findIndex((byte, index) => got[index] !== byte);
  expect({ length: got.length, differsAt: at }, what).toEqual({ length: want.length, differsAt: -1 });
}
