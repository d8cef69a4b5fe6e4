import { expect, test } from "vitest";
import { eachConcurrently } from "./concurrently.ts";

const tick = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test.for([
  [1, 1],
  [3, 3],
  [99, 7],
] as const)("eachConcurrently() runs at most %s at once", async ([concurrency, most]) => {
  let [running, peak] = [0, 0];
  const done: number[] = [];
  await eachConcurrently([0, 1, 2, 3, 4, 5, 6], concurrency, undefined, async (item) => {
    peak = Math.max(peak, ++running);
    await tick();
    running--;
    done.push(item);
  });
  expect([peak, done.sort()]).toEqual([most, [0, 1, 2, 3, 4, 5, 6]]);
});

test("eachConcurrently() tells the others when one fails, waits for them, and throws the first error", async () => {
  const log: string[] = [];
  const run = eachConcurrently([0, 1, 2, 3], 2, undefined, async (item, signal) => {
    if (item === 0) {
      await tick();
      throw new Error("first");
    }
    log.push(`start ${item}`);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await tick(5);
    log.push(`end ${item}`);
    throw new Error("second");
  });
  await expect(run).rejects.toThrow("first");
  expect(log).toEqual(["start 1", "end 1"]);
});

test("eachConcurrently() starts nothing for a signal that is aborted, and throws its reason", async () => {
  const reason = new Error("enough");
  const never = async (): Promise<void> => expect.fail("started");
  await expect(eachConcurrently([1], 1, AbortSignal.abort(reason), never)).rejects.toBe(reason);
  const abort = new AbortController();
  const started: number[] = [];
  const run = eachConcurrently([1, 2, 3], 1, abort.signal, async (item) => {
    started.push(item);
    abort.abort(reason);
  });
  await expect(run).rejects.toBe(reason);
  expect(started).toEqual([1]);
});

test("eachConcurrently() gives each task a signal of its own, so that many may wait", async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on("warning", onWarning);
  const signals = new Set<AbortSignal>();
  const items = Array.from({ length: 12 }, (_, i) => i);
  await eachConcurrently(items, items.length, undefined, async (_, signal) => {
    signals.add(signal);
    signal.addEventListener("abort", () => {});
    await tick();
  });
  process.off("warning", onWarning);
  expect(signals.size).toBe(12);
  expect(warnings).toEqual([]);
});
