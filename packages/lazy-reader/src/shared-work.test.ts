import { describe, expect, test } from "vitest";
import { SharedWork } from "./shared-work.ts";

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe("SharedWork", () => {
  test("runs once for all who join", async () => {
    const result = deferred<number>();
    let starts = 0;
    const work = new SharedWork(() => {
      starts++;
      return result.promise;
    });
    const joined = Array.from({ length: 64 }, () => work.join());
    result.resolve(7);
    expect(await Promise.all(joined)).toEqual(Array(64).fill(7));
    expect(starts).toBe(1);
  });

  test("lets the first leave without the others noticing", async () => {
    const result = deferred<number>();
    const first = new AbortController();
    let signal: AbortSignal | undefined;
    const work = new SharedWork((s) => {
      signal = s;
      return result.promise;
    });
    const leader = work.join(first.signal);
    const follower = work.join();
    first.abort(new Error("leader left"));
    await expect(leader).rejects.toThrow("leader left");
    expect(signal?.aborted).toBe(false);
    result.resolve(1);
    expect(await follower).toBe(1);
  });

  test("is aborted when the last one leaves, and not before", async () => {
    let signal: AbortSignal | undefined;
    let abandoned = 0;
    const work = new SharedWork<number>(
      (s) => {
        signal = s;
        return new Promise((_, reject) => s.addEventListener("abort", () => reject(s.reason)));
      },
      () => abandoned++,
    );
    const readers = [new AbortController(), new AbortController()];
    const joined = readers.map((reader) => work.join(reader.signal));
    readers[0]!.abort("one");
    expect([signal?.aborted, abandoned]).toEqual([false, 0]);
    readers[1]!.abort("two");
    expect([signal?.aborted, abandoned]).toEqual([true, 1]);
    expect((await Promise.allSettled(joined)).map((r) => r.status === "rejected" && r.reason)).toEqual(["one", "two"]);
  });

  test("starts again for one who joins after it was aborted", async () => {
    let starts = 0;
    const work = new SharedWork((signal) => {
      starts++;
      return starts === 1
        ? new Promise<number>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
        : Promise.resolve(starts);
    });
    const reader = new AbortController();
    const left = work.join(reader.signal);
    reader.abort("left");
    expect(await work.join()).toBe(2);
    await expect(left).rejects.toBe("left");
  });

  test("hands its error to everyone", async () => {
    const work = new SharedWork(() => Promise.reject(new Error("broken")));
    const results = await Promise.allSettled([work.join(), work.join()]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  test("does not start for a caller whose signal is aborted", async () => {
    let starts = 0;
    const work = new SharedWork(() => Promise.resolve(starts++));
    await expect(work.join(AbortSignal.abort("no"))).rejects.toBe("no");
    expect(starts).toBe(0);
  });
});
