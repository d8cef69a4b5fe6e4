import { expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";

test("a budget gives all there is, not a byte more, and again what comes back", () => {
  const budget = new ByteBudget(10);
  expect([budget.take(4), budget.take(6), budget.take(1), budget.take(0)]).toEqual([true, true, false, true]);
  budget.giveBack(4);
  expect([budget.take(5), budget.take(4), budget.take(1)]).toEqual([false, true, false]);
});

test.for([-1, Number.NaN])("a budget of %d is none", (max) => {
  expect(() => new ByteBudget(max)).toThrow(RangeError);
});
