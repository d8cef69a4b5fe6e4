import fc from "fast-check";
import { expect, test } from "vitest";
import { ascendingOrder } from "./ascending-order.ts";

test("ascendingOrder() is that of a stable sort", () => {
  const number = fc.oneof(
    fc.nat(3),
    fc.nat(0x2_0000),
    fc.maxSafeNat(),
    fc.constantFrom(0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, 2 ** 53, 2 ** 62),
  );
  fc.assert(
    fc.property(fc.array(number, { maxLength: 50 }), (numbers) => {
      const sorted = numbers.map((_, index) => index).sort((a, b) => numbers[a]! - numbers[b]! || a - b);
      expect([...ascendingOrder(Float64Array.from(numbers))]).toEqual(sorted);
    }),
    { numRuns: 50 },
  );
});
