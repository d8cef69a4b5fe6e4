import { digestOf, OciError, type BlobSource } from "@socikit/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RegistryError } from "./errors.ts";
import { testBlobSource } from "./testing/blob-source-contract.ts";
import {
  askedRange,
  bodyOf,
  IMPATIENT,
  partial,
  scriptedRegistry,
  type Answer,
  type Seen,
} from "./testing/scripted-registry.ts";

const BLOB = new Uint8Array(100_000).map((_, i) => (i * 31) ^ (i >> 8));
const DIGEST = digestOf(BLOB);
const honest: Answer = ({ headers }) => {
  const { start, end } = askedRange(headers, BLOB.length);
  return partial(BLOB, start, end);
};
const whole = (): Response => new Response(BLOB.slice(), { headers: { "content-length": String(BLOB.length) } });

async function source(answer: Answer, options = {}): Promise<{ blob: BlobSource; seen: readonly Seen[] }> {
  const registry = scriptedRegistry(answer);
  return { blob: await registry.open(options).open({ digest: DIGEST, size: BLOB.length }), seen: registry.seen };
}

testBlobSource("rangeSource() over ranges", BLOB, async () => (await source(honest)).blob);
testBlobSource("rangeSource() over a server without ranges", BLOB, async () => (await source(whole)).blob);
testBlobSource(
  "rangeSource() over a server that sends at most 7,000 bytes",
  BLOB,
  async () =>
    (
      await source(({ headers }) => {
        const { start, end } = askedRange(headers, BLOB.length);
        return partial(BLOB, start, Math.min(end, start + 7_000));
      })
    ).blob,
);

/** First this answer, then honest ones. */
const once =
  (first: (seen: Seen) => Response): Answer =>
  (seen, count) =>
    count === 0 ? first(seen) : honest(seen, count);

describe("rangeSource() reads right, or not at all, where a server", () => {
  const START = 1_000;
  const LENGTH = 5_000;
  const right = BLOB.slice(START, START + LENGTH);
  const cut = (bytes: number, then: "error" | "hang" | "end"): Response =>
    new Response(bodyOf(BLOB.slice(START, START + bytes), then), {
      status: 206,
      headers: { "content-range": `bytes ${START}-${START + LENGTH - 1}/${BLOB.length}` },
    });

  test.for<[string, Answer, number]>([
    ["sends the whole blob", whole, 1],
    [
      "does not know the total",
      once(() => partial(BLOB, START, START + LENGTH, { "content-range": `bytes ${START}-${START + LENGTH - 1}/*` })),
      1,
    ],
    [
      "says 200 with the right Content-Range",
      once(
        () =>
          new Response(right.slice(), {
            headers: {
              "content-range": `bytes ${START}-${START + LENGTH - 1}/${BLOB.length}`,
              "content-length": String(LENGTH),
            },
          }),
      ),
      1,
    ],
    ["starts elsewhere, once", once(() => partial(BLOB, 0, LENGTH)), 2],
    ["leaves Content-Range out, once", once(() => new Response(right.slice(), { status: 206 })), 2],
    ["sends less, and says so", once(() => partial(BLOB, START, START + 10)), 2],
    ["sends more, once", once(() => partial(BLOB, START, START + LENGTH + 10)), 2],
    [
      "sends more than it says",
      once(
        () =>
          new Response(BLOB.slice(START, START + LENGTH + 10), {
            status: 206,
            headers: { "content-range": `bytes ${START}-${START + LENGTH - 1}/${BLOB.length}` },
          }),
      ),
      1,
    ],
    ["ends early", once(() => cut(10, "end")), 2],
    ["sends nothing", once(() => cut(0, "end")), 2],
    ["cuts the connection", once(() => cut(10, "error")), 2],
    ["cuts the connection before the first byte", once(() => cut(0, "error")), 2],
    ["stalls", once(() => cut(10, "hang")), 2],
    [
      "sends several ranges, once",
      once(() => new Response("--x", { status: 206, headers: { "content-type": "multipart/byteranges; boundary=x" } })),
      2,
    ],
    ["says 429 with Retry-After", once(() => new Response(null, { status: 429, headers: { "retry-after": "1" } })), 2],
    [
      "says 503",
      once(() => new Response(null, { status: 503, headers: { "retry-after": "Thu, 01 Jan 2026 00:00:00 GMT" } })),
      2,
    ],
    ["says 500", once(() => new Response(null, { status: 500 })), 2],
    ["says 204, once", once(() => new Response(null, { status: 204 })), 2],
    ["says 304, once", once(() => new Response(null, { status: 304 })), 2],
    ["compresses, once", once(() => partial(BLOB, START, START + LENGTH, { "content-encoding": "gzip" })), 2],
    [
      "breaks before the header, once",
      (seen, count) => {
        if (count === 0) throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
        return honest(seen, count);
      },
      2,
    ],
    [
      "does not answer, once",
      (seen, count) => (count === 0 ? new Promise<Response>(() => {}) : honest(seen, count)),
      2,
    ],
  ])("%s", async ([name, answer, requests]) => {
    const { blob, seen } = await source(answer, /stalls|answer/.test(name) ? IMPATIENT : {});
    expect(Buffer.compare(await blob.read(START, LENGTH), right)).toBe(0);
    expect(seen).toHaveLength(requests);
  });

  test.for<[string, Answer, string]>([
    ["starts elsewhere", () => partial(BLOB, 0, LENGTH), "ERR_REGISTRY_PROTOCOL"],
    ["leaves Content-Range out", () => new Response(right.slice(), { status: 206 }), "ERR_REGISTRY_PROTOCOL"],
    ["sends another blob", () => partial(BLOB.slice(1), START, START + LENGTH), "ERR_REGISTRY_PROTOCOL"],
    ["sends more", () => partial(BLOB, START, START + LENGTH + 10), "ERR_REGISTRY_PROTOCOL"],
    [
      "sends a whole of another size",
      () => new Response("short", { headers: { "content-length": "5" } }),
      "ERR_REGISTRY_PROTOCOL",
    ],
    [
      "sends a short whole without saying",
      () => new Response(bodyOf(BLOB.slice(0, 500), "end")),
      "ERR_REGISTRY_NETWORK",
    ],
    ["always ends early", () => cut(0, "end"), "ERR_REGISTRY_NETWORK"],
    ["always cuts the connection", () => cut(0, "error"), "ERR_REGISTRY_NETWORK"],
    ["always stalls", () => cut(0, "hang"), "ERR_REGISTRY_TIMEOUT"],
    ["never answers", () => new Promise<Response>(() => {}), "ERR_REGISTRY_TIMEOUT"],
    [
      "sends several ranges",
      () => new Response("--x", { status: 206, headers: { "content-type": "multipart/byteranges; boundary=x" } }),
      "ERR_REGISTRY_PROTOCOL",
    ],
    [
      "compresses",
      () => partial(BLOB, START, START + LENGTH, { "content-encoding": "gzip" }),
      "ERR_REGISTRY_CONTENT_CODING",
    ],
    ["says 429 for ever", () => new Response(null, { status: 429 }), "ERR_REGISTRY_RATE_LIMITED"],
    ["says 503 for ever", () => new Response(null, { status: 503 }), "ERR_REGISTRY_STATUS"],
    ["says 501", () => new Response(null, { status: 501 }), "ERR_REGISTRY_STATUS"],
    ["says 404", () => new Response(null, { status: 404 }), "ERR_REGISTRY_BLOB_UNKNOWN"],
    ["says 403", () => new Response(null, { status: 403 }), "ERR_REGISTRY_DENIED"],
    ["says 204", () => new Response(null, { status: 204 }), "ERR_REGISTRY_PROTOCOL"],
    [
      "says 416 of another size",
      () => new Response("x", { status: 416, headers: { "content-range": "bytes */50" } }),
      "ERR_OCI_SIZE_MISMATCH",
    ],
    [
      "says 416 without reason",
      () =>
        new Response(bodyOf(new Uint8Array(33), "hang"), {
          status: 416,
          headers: { "content-range": `bytes */${BLOB.length}` },
        }),
      "ERR_REGISTRY_PROTOCOL",
    ],
    [
      "says 416 and has another size",
      ({ method }) =>
        method === "HEAD"
          ? new Response(null, { headers: { "content-length": "50" } })
          : new Response(null, { status: 416 }),
      "ERR_OCI_SIZE_MISMATCH",
    ],
  ])("%s", async ([name, answer, code]) => {
    const stalls = /stalls|answers/.test(name);
    const { blob } = await source(answer, stalls ? { ...IMPATIENT, maxRetries: 1 } : { maxRetries: 2 });
    const error = await blob.read(START, LENGTH).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain("r.test");
  });

  test("repeats after 503 no more often than it is told to", async () => {
    const { blob, seen } = await source(() => new Response(null, { status: 503 }), { maxRetries: 3 });
    await expect(blob.read(0, 10)).rejects.toThrow(RegistryError);
    expect(seen).toHaveLength(4);
  });

  test("goes on at the byte it has reached", async () => {
    const { blob, seen } = await source(once(() => cut(10, "error")));
    await blob.read(START, LENGTH);
    expect(seen.map(({ headers }) => headers.get("range"))).toEqual([
      `bytes=${START}-${START + LENGTH - 1}`,
      `bytes=${START + 10}-${START + LENGTH - 1}`,
    ]);
  });

  test("trickles: an error within the time that is given", async () => {
    let now = 0;
    const registry = scriptedRegistry(
      () =>
        new Response(
          new ReadableStream<Uint8Array>(
            {
              pull(controller) {
                now += 500;
                controller.enqueue(new Uint8Array(1));
              },
            },
            { highWaterMark: 0 },
          ),
          { status: 206, headers: { "content-range": `bytes 0-4999/${BLOB.length}` } },
        ),
    );
    const timer = { now: () => now, after: () => () => {}, random: () => 0 };
    const blob = await registry.open({ timer, maxRetries: 0 }).open({ digest: DIGEST, size: BLOB.length });
    await expect(blob.read(0, 5_000)).rejects.toMatchObject({
      code: "ERR_REGISTRY_TIMEOUT",
      message: expect.stringContaining("only 20 bytes came in 10000 ms"),
    });
  });

  test("is no server of ranges: skips up to the budget and not a byte further", async () => {
    const at = await source(whole, { maxSkipBytes: START });
    expect(Buffer.compare(await at.blob.read(START, LENGTH), right)).toBe(0);
    const past = await source(whole, { maxSkipBytes: START - 1 });
    const error = await past.blob.read(START, LENGTH).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_REGISTRY_RANGE_UNSUPPORTED", status: 200 });
    expect(String(error)).toMatch(/pulled through it once; else copy the image to a registry that serves ranges/);
  });

  test("is a pull-through cache whose first answer is the whole", async () => {
    const { blob } = await source(once(whole), { maxSkipBytes: 0 });
    expect(Buffer.compare(await blob.read(START, LENGTH), right)).toBe(0);
  });
});

describe("rangeSource() at a signed URL", () => {
  const registryOf = (storage: Answer, location = "https://cdn.test/x?sig=1") => {
    let generation = 0;
    const registry = scriptedRegistry((seen, count) =>
      new URL(seen.url).host === "r.test"
        ? new Response(null, { status: 307, headers: { location: `${location}&n=${generation++}` } })
        : storage(seen, count),
    );
    const hosts = (): string[] => registry.seen.map(({ url }) => new URL(url).host);
    return { registry, hosts, blob: () => registry.open().open({ digest: DIGEST, size: BLOB.length }) };
  };

  test("asks the registry once for several reads, and sends only harmless fields along", async () => {
    const { blob, hosts, registry } = registryOf(honest);
    const opened = await blob();
    await opened.read(0, 10);
    expect(Buffer.compare(await opened.read(50, 10), BLOB.subarray(50, 60))).toBe(0);
    expect(hosts()).toEqual(["r.test", "cdn.test", "cdn.test"]);
    expect([...registry.seen[1]!.headers.keys()].sort()).toEqual(["accept-encoding", "range", "user-agent"]);
  });

  test.for([400, 401, 403, 404, 410])("asks the registry again when the URL answers %i", async (status) => {
    let ended = false;
    const { blob, hosts } = registryOf((seen, count) => {
      if (ended && !seen.url.includes("n=1")) return new Response("<Error/>", { status });
      return honest(seen, count);
    });
    const opened = await blob();
    await opened.read(0, 10);
    ended = true;
    expect(Buffer.compare(await opened.read(50, 10), BLOB.subarray(50, 60))).toBe(0);
    expect(hosts()).toEqual(["r.test", "cdn.test", "cdn.test", "r.test", "cdn.test"]);
  });

  test("gives up when fresh URLs are refused too, without showing the signature", async () => {
    const { blob, hosts } = registryOf(
      () => new Response("<Error/>", { status: 403 }),
      "https://cdn.test/x?sig=secret",
    );
    const error = await (await blob()).read(0, 10).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_REGISTRY_DENIED", status: 403, url: "https://cdn.test/x" });
    expect(JSON.stringify(error) + String(error)).not.toContain("secret");
    expect(hosts()).toEqual(["r.test", "cdn.test", "r.test", "cdn.test"]);
  });

  test("does not use a URL that says it has ended", async () => {
    const { blob, hosts } = registryOf(honest, "https://cdn.test/x?Expires=1");
    const opened = await blob();
    await opened.read(0, 10);
    await opened.read(0, 10);
    expect(hosts()).toEqual(["r.test", "cdn.test", "r.test", "cdn.test"]);
  });
});

describe("rangeSource() aborted", () => {
  test("gives up a read under way, with the reason", async () => {
    const controller = new AbortController();
    const { blob } = await source(
      () =>
        new Response(bodyOf(new Uint8Array(10), "hang"), {
          status: 206,
          headers: { "content-range": `bytes 0-99/${BLOB.length}` },
        }),
      { idleTimeoutMs: 60_000 },
    );
    const read = blob.read(0, 100, { signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 10);
    await expect(read).rejects.toBe(reason);
  });

  test("cancels the response when its stream is cancelled", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>(
      { pull: (c) => c.enqueue(new Uint8Array(10)), cancel: () => void (cancelled = true) },
      { highWaterMark: 0 },
    );
    const { blob } = await source(
      () => new Response(body, { status: 206, headers: { "content-range": `bytes 0-999/${BLOB.length}` } }),
    );
    const reader = blob.stream!(0, 1000).getReader();
    await reader.read();
    await reader.cancel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(cancelled).toBe(true);
  });
});

/** What may go wrong with one answer, besides bytes that a digest alone tells from the right ones. */
const FAULTS = {
  honest: (start, end) => partial(BLOB, start, end),
  whole,
  "less, honestly": (start, end) => partial(BLOB, start, Math.ceil((start + end) / 2)),
  "ends early": (start, end) => cutAfter(start, end, "end"),
  "cut off": (start, end) => cutAfter(start, end, "error"),
  "another start": (start, end) => partial(BLOB, Math.max(0, start - 1), end),
  "no Content-Range": (start, end) => new Response(BLOB.slice(start, end), { status: 206 }),
  gzip: (start, end) => partial(BLOB, start, end, { "content-encoding": "gzip" }),
  busy: () => new Response(null, { status: 503 }),
  broken: () => {
    throw new TypeError("terminated");
  },
  "no content": () => new Response(null, { status: 204 }),
  "not there": () => new Response(null, { status: 404 }),
} satisfies Record<string, (start: number, end: number) => Response>;

function cutAfter(start: number, end: number, then: "error" | "end"): Response {
  return new Response(bodyOf(BLOB.slice(start, start + Math.floor((end - start) / 3)), then), {
    status: 206,
    headers: { "content-range": `bytes ${start}-${end - 1}/${BLOB.length}` },
  });
}

test("rangeSource() gives the right bytes or a coded error, whatever a server does in whatever order", async () => {
  const names = Object.keys(FAULTS) as (keyof typeof FAULTS)[];
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...names), { maxLength: 8 }),
      fc.nat(BLOB.length - 1),
      fc.integer({ min: 1, max: 20_000 }),
      async (faults, offset, wanted) => {
        const length = Math.min(wanted, BLOB.length - offset);
        const { blob } = await source(({ headers }, count) => {
          const { start, end } = askedRange(headers, BLOB.length);
          return FAULTS[faults[count] ?? "honest"](start, end);
        });
        try {
          expect(Buffer.compare(await blob.read(offset, length), BLOB.subarray(offset, offset + length))).toBe(0);
          outcomes.add("right");
        } catch (error) {
          if (!(error instanceof RegistryError || error instanceof OciError)) throw error;
          outcomes.add(error.code);
        }
      },
    ),
    { numRuns: 80 },
  );
  expect(outcomes.has("right") && outcomes.size > 3).toBe(true);
});

describe("a whole blob as a stream", () => {
  const readWhole = async (answer: Answer): Promise<{ bytes: Uint8Array; seen: readonly Seen[] }> => {
    const registry = scriptedRegistry(answer);
    const stream = await registry.open({ maxSkipBytes: 0 }).stream({ digest: DIGEST, size: BLOB.length });
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), seen: registry.seen };
  };

  test("is asked for without a range, and goes on with one where it is cut off", async () => {
    const { bytes, seen } = await readWhole((answered, count) =>
      count === 0 ? new Response(bodyOf(BLOB.slice(0, 60_000), "error")) : honest(answered, count),
    );
    expect(Buffer.compare(bytes, BLOB)).toBe(0);
    expect(seen.map(({ headers }) => headers.get("range"))).toEqual([null, `bytes=60000-${BLOB.length - 1}`]);
  });

  test("goes on where the server knows no ranges, by skipping what it has", async () => {
    const { bytes } = await readWhole((_, count) =>
      count === 0 ? new Response(bodyOf(BLOB.slice(0, 60_000), "error")) : whole(),
    );
    expect(Buffer.compare(bytes, BLOB)).toBe(0);
  });

  test("ends with an error where it is not what its digest says", async () => {
    const wrong = BLOB.slice();
    wrong[77_777]! ^= 1;
    await expect(readWhole(() => new Response(wrong.slice()))).rejects.toMatchObject({
      code: "ERR_OCI_DIGEST_MISMATCH",
    });
  });
});
