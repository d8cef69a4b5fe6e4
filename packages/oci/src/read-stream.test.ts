import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import { checkOf, chunksOf, readAll, verifyStream } from "./read-stream.ts";

const HELLO = new TextEncoder().encode("hello, stream");

/** A stream of pieces that tells what was asked of it. */
function source(pieces: readonly Uint8Array[], then: "end" | "wait" | Error = "end") {
  const seen = { pulled: 0, cancelled: undefined as unknown };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[seen.pulled++];
        if (piece !== undefined) controller.enqueue(piece);
        else if (then === "end") controller.close();
        else if (then === "wait") return new Promise(() => {});
        else controller.error(then);
        return undefined;
      },
      cancel(reason) {
        seen.cancelled = reason ?? "without a reason";
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
}

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i]!, end));
}

test("chunksOf() gives the chunks and lets go of the stream", async () => {
  const { stream, seen } = source([HELLO, HELLO]);
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(stream)) chunks.push(chunk);
  expect(chunks).toEqual([HELLO, HELLO]);
  expect([stream.locked, seen.cancelled]).toEqual([false, undefined]);
});

test("chunksOf() pulls no chunk before it is wanted", async () => {
  const { stream, seen } = source([HELLO, HELLO, HELLO]);
  for await (const _ of chunksOf(stream)) break;
  expect(seen).toEqual({ pulled: 1, cancelled: "without a reason" });
  expect(stream.locked).toBe(false);
});

test("chunksOf() cancels the stream where the loop throws", async () => {
  const { stream, seen } = source([HELLO, HELLO]);
  const run = async (): Promise<void> => {
    for await (const _ of chunksOf(stream)) throw new Error("inside");
  };
  await expect(run()).rejects.toThrow("inside");
  expect(seen.cancelled).toBe("without a reason");
});

test("chunksOf() passes the stream's error on", async () => {
  await expect(readAll(source([HELLO], new Error("cut")).stream, 100)).rejects.toThrow("cut");
});

test.for([
  ["before the first chunk", 0],
  ["between chunks", 1],
] as const)("chunksOf() rejects with the reason of a signal aborted %s, and cancels", async ([, after]) => {
  const { stream, seen } = source([HELLO, HELLO, HELLO]);
  const abort = new AbortController();
  const reason = new Error("enough");
  if (after === 0) abort.abort(reason);
  let count = 0;
  const run = async (): Promise<void> => {
    for await (const _ of chunksOf(stream, abort.signal)) if (++count === after) abort.abort(reason);
  };
  await expect(run()).rejects.toBe(reason);
  expect([count, seen.cancelled, stream.locked]).toEqual([after, reason, false]);
});

test("chunksOf() ends a wait for a chunk that never comes when the signal is aborted", async () => {
  const { stream, seen } = source([HELLO], "wait");
  const abort = new AbortController();
  const reading = readAll(stream, 100, abort.signal);
  setTimeout(() => abort.abort(new Error("enough")), 5);
  await expect(reading).rejects.toThrow("enough");
  expect(seen.cancelled).toEqual(new Error("enough"));
});

test("chunksOf() does not wait for a source that will not be cancelled", async () => {
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(HELLO),
    cancel: () => new Promise(() => {}),
  });
  for await (const _ of chunksOf(stream)) break;
  const failing = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(HELLO),
    cancel: () => Promise.reject(new Error("not heard")),
  });
  for await (const _ of chunksOf(failing)) break;
});

test("readAll() takes as many bytes as its limit and no more", async () => {
  expect(await readAll(source([HELLO, HELLO]).stream, 26)).toEqual(new Uint8Array([...HELLO, ...HELLO]));
  const { stream, seen } = source([HELLO, HELLO]);
  await expect(readAll(stream, 25)).rejects.toMatchObject({ code: "ERR_OCI_TOO_LARGE" });
  expect(seen.cancelled).toBeDefined();
});

test("verifyStream() passes on what fits, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(60), { maxLength: 5 }), async (bytes, cuts) => {
      for (const algorithm of ["sha256", "sha512"] as const) {
        const { stream } = source(split(bytes, cuts));
        const verified = verifyStream(stream, { digest: digestOf(bytes, algorithm), size: bytes.length });
        expect(await readAll(verified, 60)).toEqual(bytes);
      }
    }),
  );
});

test("verifyStream() never hands over all the bytes of something else", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.array(fc.nat(60), { maxLength: 5 }),
      fc.nat(),
      async (bytes, cuts, flip) => {
        const digest = digestOf(bytes);
        const changed = bytes.slice();
        changed[flip % bytes.length]! ^= 1 << (flip % 8);
        const { stream } = source(split(changed, cuts));
        let came = 0;
        const run = async (): Promise<void> => {
          for await (const chunk of chunksOf(verifyStream(stream, { digest, size: bytes.length })))
            came += chunk.length;
        };
        await expect(run()).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
        expect(came).toBeLessThan(bytes.length);
      },
    ),
  );
});

test.for([
  ["too few", 14, "13 of its 14 bytes came"],
  ["too many", 12, "more than its 12 bytes came"],
] as const)("verifyStream() ends with an error where %s bytes come", async ([, size, message]) => {
  const verified = verifyStream(source([HELLO]).stream, { digest: digestOf(HELLO), size });
  await expect(readAll(verified, 100)).rejects.toMatchObject({
    code: "ERR_OCI_SIZE_MISMATCH",
    message: expect.stringContaining(message),
  });
});

test("verifyStream() reads no further once there are too many bytes", async () => {
  const { stream, seen } = source([HELLO, HELLO, HELLO, HELLO]);
  await expect(readAll(verifyStream(stream, { digest: digestOf(HELLO), size: 20 }), 100)).rejects.toThrow(
    "more than its 20",
  );
  expect(seen).toMatchObject({ pulled: 2, cancelled: { code: "ERR_OCI_SIZE_MISMATCH" } });
});

test("verifyStream() pulls as it is pulled, and passes a cancellation and an error on", async () => {
  const first = source([HELLO, HELLO]);
  const verified = verifyStream(first.stream, { digest: digestOf(HELLO), size: 26 });
  expect(first.seen.pulled).toBe(0);
  const reader = verified.getReader();
  await reader.read();
  expect(first.seen.pulled).toBe(1);
  await reader.cancel("enough");
  expect(first.seen.cancelled).toBe("enough");
  const cut = source([HELLO], new Error("cut"));
  await expect(readAll(verifyStream(cut.stream, { digest: digestOf(HELLO), size: 26 }), 100)).rejects.toThrow("cut");
});

test("checkOf() says whether a stream of verifyStream() has been read to its end and fits", async () => {
  const fitting = verifyStream(source([HELLO]).stream, { digest: digestOf(HELLO), size: HELLO.length });
  expect(checkOf(fitting)?.hasPassed).toBe(false);
  await readAll(fitting, 100);
  expect(checkOf(fitting)).toMatchObject({ digest: digestOf(HELLO), size: HELLO.length, hasPassed: true });
  const other = verifyStream(source([HELLO]).stream, { digest: digestOf(new Uint8Array(1)), size: HELLO.length });
  await expect(readAll(other, 100)).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
  expect(checkOf(other)?.hasPassed).toBe(false);
  expect(checkOf(source([HELLO]).stream)).toBeUndefined();
});
