import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BuildAdmission, type Turn } from "./build-admission.ts";

const { signal: forever } = new AbortController();
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Enters, and says when its turn has come. */
function enter(admission: BuildAdmission, bytes: number, signal: AbortSignal = forever) {
  const entered: { turn: Turn | undefined; error: unknown } = { turn: undefined, error: undefined };
  admission.enter(bytes, signal).then(
    (turn) => (entered.turn = turn),
    (error: unknown) => (entered.error = error),
  );
  return entered;
}

/** Counts as more, and says when there was room. */
function grow(turn: Turn | undefined, bytes: number, signal: AbortSignal = forever) {
  const grown = { done: false, error: undefined as unknown };
  turn?.count(bytes, signal).then(
    () => (grown.done = true),
    (error: unknown) => (grown.error = error),
  );
  return grown;
}

describe("BuildAdmission", () => {
  test("lets as many in as there are slots, in their order", async () => {
    const admission = new BuildAdmission(2, 1000);
    const builds = [1, 1, 1, 1].map((bytes) => enter(admission, bytes));
    await settle();
    expect(builds.map(({ turn }) => turn !== undefined)).toEqual([true, true, false, false]);
    builds[1]?.turn?.leave();
    builds[1]?.turn?.leave();
    await settle();
    expect(builds.map(({ turn }) => turn !== undefined)).toEqual([true, true, true, false]);
  });

  test("lets as many in as fit, nobody past one who does not, and one alone whatever it needs", async () => {
    const admission = new BuildAdmission(9, 100);
    const [large, first, second, third] = [500, 60, 50, 10].map((bytes) => enter(admission, bytes));
    await settle();
    expect([large?.turn, first?.turn]).toEqual([expect.anything(), undefined]);
    large?.turn?.leave();
    await settle();
    expect([first?.turn, second?.turn, third?.turn]).toEqual([expect.anything(), undefined, undefined]);
    first?.turn?.leave();
    await settle();
    expect([second?.turn, third?.turn]).toEqual([expect.anything(), expect.anything()]);
  });

  test("lets one that grows wait for room, but not the oldest; nobody begins before it", async () => {
    const admission = new BuildAdmission(9, 100);
    const [old, young] = [40, 40].map((bytes) => enter(admission, bytes));
    await settle();
    const blocked = grow(young?.turn, 70);
    const late = enter(admission, 10);
    await settle();
    expect([blocked.done, late.turn]).toEqual([false, undefined]);
    const exceeding = grow(old?.turn, 500);
    await settle();
    expect([exceeding.done, blocked.done]).toEqual([true, false]);
    old?.turn?.leave();
    await settle();
    expect([blocked.done, late.turn]).toEqual([true, expect.anything()]);
    // No less than before needs no room.
    const same = grow(young?.turn, 70);
    await settle();
    expect(same.done).toBe(true);
  });

  test("forgets those that a signal ends, and lets those behind them in", async () => {
    const admission = new BuildAdmission(9, 100);
    const controller = new AbortController();
    const [old, young] = [40, 40].map((bytes) => enter(admission, bytes));
    await settle();
    const growing = grow(young?.turn, 70, controller.signal);
    const waiting = enter(admission, 70, controller.signal);
    const last = enter(admission, 20);
    await settle();
    expect(last.turn).toBeUndefined();
    const reason = new Error("enough");
    controller.abort(reason);
    await settle();
    expect([growing.error, waiting.error, last.turn]).toEqual([reason, reason, expect.anything()]);
    const dead = enter(admission, 1, controller.signal);
    const neverGrows = grow(young?.turn, 90, controller.signal);
    await settle();
    expect([dead.error, neverGrows.error]).toEqual([reason, reason]);
    old?.turn?.leave();
  });

  test("ends every crowd, within slots and bytes, whatever they need on the way", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 100 }),
        fc.array(fc.array(fc.integer({ min: 0, max: 150 }), { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        async (slots, bytes, crowd) => {
          const admission = new BuildAdmission(slots, bytes);
          const running: { bytes: number }[] = [];
          const build = async ([first = 0, ...more]: readonly number[]): Promise<void> => {
            // Each has one of its own, as a pool's: Node warns of eleven that wait for one signal.
            const { signal } = new AbortController();
            const turn = await admission.enter(first, signal);
            const own = { bytes: first };
            running.push(own);
            for (const next of more) {
              await Promise.resolve();
              await turn.count(next, signal);
              own.bytes = Math.max(own.bytes, next);
            }
            running.splice(running.indexOf(own), 1);
            turn.leave();
          };
          const check = (): void => {
            expect(running.length).toBeLessThanOrEqual(slots);
            // The oldest one apart.
            const [, ...others] = running;
            expect(others.reduce((sum, other) => sum + other.bytes, 0)).toBeLessThanOrEqual(bytes);
          };
          let isOver = false;
          const all = Promise.all(crowd.map(build)).then(() => (isOver = true));
          while (!isOver) {
            check();
            await settle();
          }
          await all;
        },
      ),
      { numRuns: 60 },
    );
  });
});
