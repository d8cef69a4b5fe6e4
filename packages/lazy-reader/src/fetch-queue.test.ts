import { describe, expect, test } from "vitest";
import { FetchQueue } from "./fetch-queue.ts";

/** A fetch that ends when told. */
function held(): { run: () => Promise<void>; end: () => void } {
  let end!: () => void;
  const promise = new Promise<void>((resolve) => (end = resolve));
  return { run: () => promise, end };
}

describe("FetchQueue", () => {
  test("runs as many at once as it is told, and no more", async () => {
    const queue = new FetchQueue(3);
    let now = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        queue.run(async () => {
          most = Math.max(most, ++now);
          await Promise.resolve();
          now--;
        }),
      ),
    );
    expect(most).toBe(3);
  });

  test("lets foreground go before prefetch before background, each in order", async () => {
    const queue = new FetchQueue(1);
    const first = held();
    const order: string[] = [];
    const note = (name: string) => () => Promise.resolve(order.push(name));
    const all = [
      queue.run(first.run),
      queue.run(note("b1"), { priority: "background" }),
      queue.run(note("p1"), { priority: "prefetch" }),
      queue.run(note("f1")),
      queue.run(note("f2"), { priority: "foreground" }),
    ];
    first.end();
    await Promise.all(all);
    expect(order).toEqual(["f1", "f2", "p1", "b1"]);
  });

  test("lets one that waits leave, and gives its place to nobody twice", async () => {
    const queue = new FetchQueue(1);
    const first = held();
    const running = queue.run(first.run);
    const leaving = new AbortController();
    const waiting = queue.run(() => Promise.reject(new Error("ran")), { signal: leaving.signal });
    const last = queue.run(() => Promise.resolve("last"));
    leaving.abort("left");
    await expect(waiting).rejects.toBe("left");
    first.end();
    await running;
    expect(await last).toBe("last");
  });

  test("goes on after a fetch that failed", async () => {
    const queue = new FetchQueue(1);
    await expect(queue.run(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(await queue.run(() => Promise.resolve(1))).toBe(1);
  });

  test.for([0, -1, 1.5, Number.NaN])("refuses a concurrency of %d", (concurrency) => {
    expect(() => new FetchQueue(concurrency)).toThrow(RangeError);
  });
});
