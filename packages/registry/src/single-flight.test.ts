import { expect, test } from "vitest";
import { SingleFlight } from "./single-flight.ts";

/** A run that ends when it is told to, or rejects when it is aborted. */
function controlled() {
  const state = { starts: 0, aborted: false, finish: (() => {}) as (value: string) => void };
  const start = (signal: AbortSignal): Promise<string> => {
    state.starts += 1;
    return new Promise((resolve, reject) => {
      state.finish = resolve;
      signal.addEventListener("abort", () => {
        state.aborted = true;
        reject(signal.reason);
      });
    });
  };
  return { state, start };
}

test("SingleFlight: one run for all who ask at the same time, another afterwards", async () => {
  const { state, start } = controlled();
  const flights = new SingleFlight<string>();
  const both = [flights.run("a", undefined, start), flights.run("a", undefined, start)];
  state.finish("x");
  expect(await Promise.all(both)).toEqual(["x", "x"]);
  expect(state.starts).toBe(1);
  const third = flights.run("a", undefined, start);
  state.finish("y");
  expect(await third).toBe("y");
  expect(state.starts).toBe(2);
});

test("SingleFlight: whoever leaves rejects with its own reason; the run ends when the last has left", async () => {
  const { state, start } = controlled();
  const flights = new SingleFlight<string>();
  const [one, two] = [new AbortController(), new AbortController()];
  const first = flights.run("a", one.signal, start).catch((error: unknown) => error);
  const second = flights.run("a", two.signal, start).catch((error: unknown) => error);
  one.abort("first");
  expect(await first).toBe("first");
  expect(state.aborted).toBe(false);
  two.abort("second");
  expect(await second).toBe("second");
  expect(state.aborted).toBe(true);
});

test("SingleFlight: a failure is not remembered", async () => {
  const flights = new SingleFlight<string>();
  await expect(flights.run("a", undefined, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await flights.run("a", undefined, async () => "yes")).toBe("yes");
});
