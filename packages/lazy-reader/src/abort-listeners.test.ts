import { expect, test } from "vitest";
import { onAbort } from "./abort-listeners.ts";

test("onAbort() calls everyone who waits, with one listener, and nobody who stopped", () => {
  const controller = new AbortController();
  let added = 0;
  const add = controller.signal.addEventListener.bind(controller.signal);
  controller.signal.addEventListener = (...args: Parameters<typeof add>) => {
    added++;
    add(...args);
  };
  const called: number[] = [];
  const stops = Array.from({ length: 100 }, (_, i) => onAbort(controller.signal, () => called.push(i)));
  stops[3]!();
  controller.abort();
  expect(added).toBe(1);
  expect(called).toEqual(Array.from({ length: 100 }, (_, i) => i).filter((i) => i !== 3));
});

test("onAbort() without a signal waits for nothing", () => {
  expect(() => onAbort(undefined, () => {})()).not.toThrow();
});
