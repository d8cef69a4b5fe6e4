import { BlobCheck, bytesSource, digestOf, uploadBlob } from "@socikit/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { handlerTransport } from "./handler-transport.ts";
import { createMemoryStore } from "./memory-store.ts";
import { openRepository } from "./repository.ts";
import { createRegistryHandler } from "./server.ts";
import { scriptedRegistry, type Answer } from "./testing/scripted-registry.ts";
import type { RegistryEvent } from "./events.ts";
import type { Timer } from "./timer.ts";
import type { Transport } from "./transport.ts";

const BLOB = new Uint8Array(2_500).map((_, i) => (i * 17) ^ (i >> 7));
const DIGEST = digestOf(BLOB);
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** What a registry with uploads does, and where a test may interfere. */
interface Session {
  bytes: number[];
  stored: Uint8Array | undefined;
  open: boolean;
}
type Interfere = (
  session: Session,
  request: { method: string; url: URL; body: Uint8Array; headers: Headers },
  count: number,
) => Response | undefined;

function uploads(
  interfere: Interfere = () => undefined,
  location = (n: number) => `/v2/a/b/blobs/uploads/u?_state=s${n}`,
) {
  const session: Session = { bytes: [], stored: undefined, open: false };
  let states = 0;
  const next = (): Record<string, string> => ({ location: location(states++) });
  const range = (): Record<string, string> =>
    session.bytes.length === 0 ? {} : { range: `0-${session.bytes.length - 1}` };
  const answer: Answer = ({ method, url: href, body, headers }, count) => {
    const url = new URL(href);
    const interfered = interfere(session, { method, url, body, headers }, count);
    if (interfered !== undefined) return interfered;
    if (method === "POST") {
      session.open = true;
      return new Response(null, { status: 202, headers: next() });
    }
    if (method === "HEAD")
      return session.stored === undefined
        ? undefined
        : new Response(null, { headers: { "content-length": String(session.stored.length) } });
    if (!session.open) return undefined;
    if (method === "GET") return new Response(null, { status: 204, headers: { ...next(), ...range() } });
    if (method === "DELETE") {
      session.open = false;
      return new Response(null, { status: 204 });
    }
    const start = /^(\d+)-/.exec(headers.get("content-range") ?? "")?.[1];
    if (start !== undefined && Number(start) !== session.bytes.length)
      return new Response(null, { status: 416, headers: { ...next(), ...range() } });
    session.bytes.push(...body);
    if (method === "PATCH") return new Response(null, { status: 202, headers: { ...next(), ...range() } });
    const stored = new Uint8Array(session.bytes);
    if (digestOf(stored) !== url.searchParams.get("digest"))
      return Response.json({ errors: [{ code: "DIGEST_INVALID", message: "no" }] }, { status: 400 });
    session.stored = stored;
    session.open = false;
    return new Response(null, { status: 201, headers: { "docker-content-digest": digestOf(stored) } });
  };
  const registry = scriptedRegistry(answer);
  const methods = (): string[] => registry.seen.map(({ method }) => method);
  return { session, registry, methods };
}

/** A clock whose waits for a retry are told, and over at once. Timeouts, which are longer, run. */
function waitingTimer(tell: (ms: number) => void): Timer {
  return {
    now: () => Date.now(),
    random: () => 0,
    after(ms, callback) {
      if (ms < 20_000) tell(ms);
      const handle = setTimeout(callback, ms < 20_000 ? 0 : ms);
      return () => clearTimeout(handle);
    },
  };
}

const push = async (repository: ReturnType<typeof openRepository>, bytes = BLOB): Promise<unknown> => {
  const upload = await repository.begin();
  await upload.write(bytes);
  return upload.commit(digestOf(bytes));
};

describe("an upload", () => {
  test("shorter than a chunk is one POST and one PUT", async () => {
    const { registry, session, methods } = uploads();
    await push(registry.open({ uploadChunkSize: 2_500 }));
    expect(methods()).toEqual(["POST", "PUT"]);
    expect(session.stored).toEqual(BLOB);
    const put = registry.seen[1]!;
    expect(put.url).toBe(`https://r.test/v2/a/b/blobs/uploads/u?_state=s0&digest=${encodeURIComponent(DIGEST)}`);
    expect(put.headers.has("content-range")).toBe(false);
  });

  test("longer than a chunk is PATCHes in order, each at the Location before it, the rest with the PUT", async () => {
    const { registry, session } = uploads();
    await push(registry.open({ uploadChunkSize: 1_000 }));
    expect(session.stored).toEqual(BLOB);
    expect(
      registry.seen.map(({ method, url, headers }) => [
        method,
        new URL(url).searchParams.get("_state"),
        headers.get("content-range"),
      ]),
    ).toEqual([
      ["POST", null, null],
      ["PATCH", "s0", "0-999"],
      ["PATCH", "s1", "1000-1999"],
      ["PUT", "s2", "2000-2499"],
    ]);
  });

  test("is the same blob, however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 8 }),
        fc.integer({ min: 100, max: 3_000 }),
        async (cuts, uploadChunkSize) => {
          const { registry, session } = uploads();
          const upload = await registry.open({ uploadChunkSize }).begin();
          let at = 0;
          for (const cut of [...cuts, BLOB.length]) {
            const piece = BLOB.slice(at, at + cut);
            await upload.write(piece);
            piece.fill(0);
            at += piece.length;
          }
          await upload.commit(DIGEST);
          expect(session.stored).toEqual(BLOB);
        },
      ),
      { numRuns: 12 },
    );
  });

  test("of nothing is the empty blob", async () => {
    const { registry, session } = uploads();
    await push(registry.open(), new Uint8Array());
    expect(session.stored).toEqual(new Uint8Array());
  });

  test("heeds the least chunk length that the registry asks for", async () => {
    const { registry, methods } = uploads((session, { method }) => {
      if (method !== "POST") return undefined;
      session.open = true;
      return new Response(null, {
        status: 202,
        headers: { location: "/v2/a/b/blobs/uploads/u", "oci-chunk-min-length": "2000" },
      });
    });
    await push(registry.open({ uploadChunkSize: 1_000 }));
    expect(methods()).toEqual(["POST", "PATCH", "PUT"]);
  });

  test("whose Location is elsewhere goes there without credentials", async () => {
    const { registry, session } = uploads(
      (_, { url, headers }) =>
        url.host === "r.test" && !headers.has("authorization")
          ? new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } })
          : undefined,
      (n) => `https://storage.test/u?_state=s${n}`,
    );
    await push(registry.open({ credentials: async () => ({ username: "u", password: "p" }), uploadChunkSize: 1_000 }));
    expect(session.stored).toEqual(BLOB);
    expect(
      registry.seen
        .filter(({ url }) => new URL(url).host === "storage.test")
        .map(({ headers }) => headers.has("authorization")),
    ).toEqual([false, false, false]);
  });

  test.for(["http://r.test/u", "https://127.0.0.1/u", "file:///u"])(
    "whose Location is %j is refused",
    async (location) => {
      const { registry } = uploads(undefined, () => location);
      expect(await failure(push(registry.open()))).toMatchObject({ code: "ERR_REGISTRY_REDIRECT" });
    },
  );

  test("without a Location is refused", async () => {
    const registry = scriptedRegistry(() => new Response(null, { status: 202 }));
    expect(await failure(push(registry.open()))).toMatchObject({ code: "ERR_REGISTRY_PROTOCOL" });
  });

  test("that is not its digest is not sent to its end", async () => {
    const { registry, session, methods } = uploads();
    const upload = await registry.open().begin();
    await upload.write(BLOB);
    expect(await failure(upload.commit(digestOf(new Uint8Array(1))))).toMatchObject({
      code: "ERR_OCI_DIGEST_MISMATCH",
    });
    expect(methods()).toEqual(["POST", "DELETE"]);
    expect(session.open).toBe(false);
  });

  test("whose bytes were checked on their way is not hashed again, and does not end before they have passed", async () => {
    for (const isWhole of [true, false]) {
      const { registry, session, methods } = uploads();
      const check = new BlobCheck({ digest: DIGEST, size: BLOB.length });
      const upload = await registry.open({ uploadChunkSize: 1_000 }).begin({ check });
      check.update(BLOB.subarray(0, isWhole ? BLOB.length : 2_000));
      await upload.write(BLOB);
      const error = await failure(upload.commit(DIGEST));
      if (isWhole) expect([error, session.stored]).toEqual([undefined, BLOB]);
      else expect(error).toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
      expect(methods().at(-1)).toBe(isWhole ? "PUT" : "DELETE");
    }
  });

  describe("is filled while a chunk is on its way,", () => {
    /** An upload of chunks of 1,000 bytes whose first PATCH is answered when `answer` is called. */
    async function sending(interfere?: Interfere) {
      let answer!: () => void;
      const held = new Promise<void>((resolve) => (answer = resolve));
      const { registry, session, methods } = uploads(interfere);
      const transport: Transport = {
        ...registry.transport,
        async send(request, options) {
          const signal = options?.signal;
          if (request.method === "PATCH" && !methods().includes("PATCH"))
            await Promise.race([
              held,
              new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
            ]);
          return registry.transport.send(request, options);
        },
      };
      const upload = await registry.open({ uploadChunkSize: 1_000, transport, maxRetries: 0 }).begin();
      return { upload, answer, session, methods };
    }

    test("by one chunk, and no more", async () => {
      const { upload, answer, session } = await sending();
      await upload.write(BLOB.slice(0, 2_000));
      expect(upload.offset).toBe(0);
      let isWritten = false;
      const more = upload.write(BLOB.slice(2_000)).then(() => (isWritten = true));
      await new Promise((done) => setTimeout(done, 20));
      expect(isWritten).toBe(false);
      answer();
      await more;
      await upload.commit(DIGEST);
      expect(session.stored).toEqual(BLOB);
    });

    test("and whoever writes or ends it next hears that it failed", async () => {
      for (const next of ["write", "commit"] as const) {
        const { upload, answer, methods } = await sending((_, { method }) =>
          method === "PATCH" ? new Response(null, { status: 403 }) : undefined,
        );
        await upload.write(BLOB.slice(0, 1_500));
        answer();
        const heard = next === "write" ? upload.write(BLOB.slice(1_500)) : upload.commit(DIGEST);
        expect(await failure(heard)).toMatchObject({ code: "ERR_REGISTRY_DENIED" });
        await upload.abort();
        expect(methods()).toEqual(["POST", "PATCH", "DELETE"]);
      }
    });

    test("which an abort() ends before it throws the upload away", async () => {
      const { upload, methods } = await sending();
      await upload.write(BLOB.slice(0, 1_500));
      await upload.abort();
      expect(methods()).toEqual(["POST", "DELETE"]);
    });

    test.for(["write", "commit", "suspend"] as const)("which the signal of %s() ends", async (next) => {
      const { upload, methods } = await sending();
      const reason = new Error("enough");
      const controller = new AbortController();
      await upload.write(BLOB.slice(0, 2_000));
      const options = { signal: controller.signal };
      const over = failure(
        {
          write: () => upload.write(BLOB.slice(2_000), options),
          commit: () => upload.commit(DIGEST, options),
          suspend: () => upload.suspend(options),
        }[next](),
      );
      controller.abort(reason);
      expect(await over).toBe(next === "suspend" ? undefined : reason);
      expect(upload.offset).toBe(0);
      expect(methods()).toEqual(["POST"]);
    });
  });

  test("is not ended by the signal of a write that is over", async () => {
    const { registry, session } = uploads();
    const upload = await registry.open({ uploadChunkSize: 1_000 }).begin();
    for (const start of [0, 1_500]) {
      const controller = new AbortController();
      await upload.write(BLOB.slice(start, start + 1_500), { signal: controller.signal });
      controller.abort();
    }
    await upload.commit(DIGEST);
    expect(session.stored).toEqual(BLOB);
  });

  test("that is thrown away or suspended ends the write that waits, and its end", async () => {
    for (const how of ["abort", "suspend"] as const) {
      const { registry, methods } = uploads();
      const upload = await registry.open({ uploadChunkSize: 1_000 }).begin();
      const written = failure(upload.write(BLOB));
      await upload[how]();
      expect(await written).toMatchObject({ message: "Cannot write to upload: it has ended" });
      const sent = methods().length;
      await new Promise((done) => setTimeout(done, 10));
      expect(methods()).toHaveLength(sent);
    }
    const { registry, session } = uploads();
    const upload = await registry.open().begin();
    await upload.write(BLOB);
    const ended = failure(upload.commit(DIGEST));
    await upload.abort();
    expect(await ended).toMatchObject({ message: "Cannot write to upload: it has ended" });
    expect(session.stored).toBeUndefined();
  });

  test.for(["2000.5", "-1", "NaN", "1e3", "999999999999"])("heeds no least chunk length of %s", async (least) => {
    const { registry, session, methods } = uploads((open, { method }) => {
      if (method !== "POST") return undefined;
      open.open = true;
      return new Response(null, {
        status: 202,
        headers: { location: "/v2/a/b/blobs/uploads/u", "oci-chunk-min-length": least },
      });
    });
    await push(registry.open({ uploadChunkSize: 1_000 }));
    expect(methods()).toEqual(["POST", "PATCH", "PATCH", "PUT"]);
    expect(session.stored).toEqual(BLOB);
  });

  test.for([0, -1, 1.5, Number.NaN])("has no chunks of %d bytes", (uploadChunkSize) => {
    expect(() => uploads().registry.open({ uploadChunkSize })).toThrow(RangeError);
  });

  test("that may not be started says so", async () => {
    const registry = scriptedRegistry(() =>
      Response.json({ errors: [{ code: "DENIED", message: "read only" }] }, { status: 403 }),
    );
    const error = await failure(push(registry.open()));
    expect(error).toMatchObject({ code: "ERR_REGISTRY_DENIED" });
    expect(String(error)).toContain("Cannot start upload to r.test/a/b: r.test answers 403 (DENIED: read only)");
  });

  test("is begun with its algorithm where that is not sha256", async () => {
    const { registry } = uploads();
    await registry.open().begin({ algorithm: "sha512" });
    expect(new URL(registry.seen[0]!.url).searchParams.get("digest-algorithm")).toBe("sha512");
  });
});

describe("an upload recovers where", () => {
  test.for<[string, Interfere]>([
    [
      "a chunk is cut off half-way",
      (session, { method, body }, count) => {
        if (method !== "PATCH" || count !== 1) return undefined;
        session.bytes.push(...body.subarray(0, 400));
        throw new TypeError("terminated");
      },
    ],
    [
      "a chunk arrives, but its answer is lost",
      (session, { method, body }, count) => {
        if (method !== "PATCH" || count !== 1) return undefined;
        session.bytes.push(...body);
        throw new TypeError("terminated");
      },
    ],
    [
      "a chunk is refused for now",
      (_, { method }, count) => (method === "PATCH" && count === 1 ? new Response(null, { status: 503 }) : undefined),
    ],
    [
      "a chunk is taken in part",
      (session, { method, body }, count) => {
        if (method !== "PATCH" || count !== 1) return undefined;
        session.bytes.push(...body.subarray(0, 300));
        return new Response(null, {
          status: 202,
          headers: { location: "/v2/a/b/blobs/uploads/u?_state=s9", range: "0-299" },
        });
      },
    ],
    [
      "the PUT is cut off",
      (_, { method }, count) => {
        if (method !== "PUT" || count !== 3) return undefined;
        throw new TypeError("terminated");
      },
    ],
    [
      "the PUT is heard, but its answer is lost",
      (session, { method, body }, count) => {
        if (method !== "PUT" || count !== 3) return undefined;
        session.stored = new Uint8Array([...session.bytes, ...body]);
        session.open = false;
        throw new TypeError("terminated");
      },
    ],
  ])("%s", async ([, interfere]) => {
    const { registry, session } = uploads(interfere);
    await push(registry.open({ uploadChunkSize: 1_000 }));
    expect(session.stored).toEqual(BLOB);
    // Some registries refuse a chunk of nothing.
    const empty = registry.seen.filter(({ method, body }) => method === "PATCH" && body.length === 0);
    expect(empty).toEqual([]);
  });

  test("a chunk is refused, and leaves its bytes to the request that may still be reading them", async () => {
    const { registry, session } = uploads((_, { method }, count) =>
      method === "PATCH" && count === 1 ? new Response(null, { status: 503 }) : undefined,
    );
    const refused: Uint8Array[] = [];
    const transport: Transport = {
      ...registry.transport,
      send(request, options) {
        if (request.method === "PATCH" && refused.length === 0) refused.push(request.body as Uint8Array);
        return registry.transport.send(request, options);
      },
    };
    await push(registry.open({ uploadChunkSize: 1_000, transport }));
    expect(session.stored).toEqual(BLOB);
    expect(refused[0]).toEqual(BLOB.subarray(0, 1_000));
  });

  test.for([
    ["PATCH", 429],
    ["PATCH", 503],
    ["PUT", 429],
    ["PUT", 503],
  ] as const)("a %s is answered %i, after the wait that the registry asks for", async ([method, status]) => {
    let refused = 0;
    const { registry, session, methods } = uploads((_, request) =>
      request.method === method && refused++ === 0
        ? new Response(null, { status, headers: { "retry-after": "7" } })
        : undefined,
    );
    const waits: number[] = [];
    const events: RegistryEvent[] = [];
    const timer = waitingTimer((ms) => waits.push(ms));
    const onEvent = (event: RegistryEvent): void => void (event.type === "retry" && events.push(event));
    await push(registry.open({ uploadChunkSize: 1_000, timer, onEvent }));
    expect(session.stored).toEqual(BLOB);
    expect(waits).toEqual([7_000]);
    expect(events).toMatchObject([{ method, delayMs: 7_000, reason: expect.stringContaining(String(status)) }]);
    expect(methods().filter((sent) => sent === method)).toHaveLength(method === "PATCH" ? 3 : 2);
  });

  test("it is refused for now, waiting longer each time, until the signal ends the wait", async () => {
    const { registry, methods } = uploads((_, { method }) =>
      method === "PATCH" ? new Response(null, { status: 503 }) : undefined,
    );
    const controller = new AbortController();
    const reason = new Error("enough");
    const waits: number[] = [];
    const timer = waitingTimer((ms) => {
      if (waits.push(ms) === 3) controller.abort(reason);
    });
    const upload = await registry.open({ uploadChunkSize: 1_000, timer }).begin();
    expect(await failure(upload.write(BLOB, { signal: controller.signal }))).toBe(reason);
    expect(waits).toEqual([50, 100, 200]);
    expect(methods().filter((method) => method === "PATCH")).toHaveLength(3);
  });

  test("not for ever", async () => {
    const { registry, methods } = uploads((_, { method }) =>
      method === "PATCH" ? new Response(null, { status: 503 }) : undefined,
    );
    expect(await failure(push(registry.open({ uploadChunkSize: 1_000, maxRetries: 2 })))).toMatchObject({
      code: "ERR_REGISTRY_STATUS",
      status: 503,
    });
    expect(methods().filter((method) => method === "PATCH")).toHaveLength(3);
  });

  test("not where the registry says it has more than was sent", async () => {
    const { registry } = uploads((_, { method }, count) =>
      method === "PATCH" && count === 1
        ? new Response(null, { status: 202, headers: { location: "/u", range: "0-5000" } })
        : undefined,
    );
    expect(await failure(push(registry.open({ uploadChunkSize: 1_000 })))).toMatchObject({
      code: "ERR_REGISTRY_PROTOCOL",
    });
  });
});

describe("an upload begins anew where", () => {
  const refusals: readonly (readonly [string, number, string])[] = [
    ["the registry has forgotten it, as docker-registry after a cut", 404, "BLOB_UPLOAD_INVALID"],
    ["the registry does not say how much it has, as go-containerregistry's", 400, "NAME_INVALID"],
  ];
  test.for(refusals.flatMap((one) => (["PATCH", "PUT"] as const).map((method) => [...one, method] as const)))(
    "%s, when a %4$s fails",
    async ([, status, code, method]) => {
      let failed = 0;
      const { registry, session, methods } = uploads((open, request) => {
        if (request.method === "POST") open.bytes = [];
        if (request.method === method && failed++ === 0) return new Response(null, { status: 503 });
        return request.method === "GET" ? Response.json({ errors: [{ code }] }, { status }) : undefined;
      });
      await uploadBlob(registry.open({ uploadChunkSize: 1_000 }), bytesSource(BLOB), {
        digest: DIGEST,
        size: BLOB.length,
      });
      expect(session.stored).toEqual(BLOB);
      // The old session is not left behind.
      expect(methods().filter((sent) => sent === "POST" || sent === "DELETE")).toEqual(["POST", "DELETE", "POST"]);
    },
  );

  test("not for ever: it says what failed first", async () => {
    const { registry } = uploads((open, { method }) => {
      if (method === "POST") open.bytes = [];
      if (method === "GET") return Response.json({ errors: [{ code: "NAME_INVALID" }] }, { status: 400 });
      return method === "PATCH" ? new Response(null, { status: 503 }) : undefined;
    });
    const repository = registry.open({ uploadChunkSize: 1_000, maxRetries: 1 });
    const error = await failure(uploadBlob(repository, bytesSource(BLOB), { digest: DIGEST, size: BLOB.length }));
    expect(error).toMatchObject({ code: "ERR_REGISTRY_STATUS", status: 503 });
  });
});

describe("resume()", () => {
  test("goes on at the offset that the registry has, under the id of before", async () => {
    const { registry, session } = uploads();
    const repository = registry.open({ uploadChunkSize: 1_000 });
    const first = await repository.begin();
    await first.write(BLOB.subarray(0, 1_500));
    await first.suspend();
    expect(first.offset).toBe(1_500);
    const again = await registry.open({ uploadChunkSize: 1_000 }).resume(first.id);
    expect(again.offset).toBe(1_500);
    await again.write(BLOB.subarray(again.offset));
    await again.commit(DIGEST);
    expect(session.stored).toEqual(BLOB);
  });

  test("follows a suspend() that ends with its signal", async () => {
    const { registry } = uploads((_, { method }) =>
      method === "PATCH" ? new Response(null, { status: 503, headers: { "retry-after": "30" } }) : undefined,
    );
    const upload = await registry.open().begin();
    await upload.write(BLOB);
    await upload.suspend({ signal: AbortSignal.timeout(30) });
    expect(upload.offset).toBe(0);
  });

  test("of an upload that the registry has forgotten is a coded error", async () => {
    const registry = scriptedRegistry(() =>
      Response.json({ errors: [{ code: "BLOB_UPLOAD_UNKNOWN" }] }, { status: 404 }),
    );
    expect(await failure(registry.open().resume("https://r.test/u"))).toMatchObject({
      code: "ERR_REGISTRY_UPLOAD_UNKNOWN",
    });
  });

  test("of an id that is none sends nothing", async () => {
    const registry = scriptedRegistry(() => undefined);
    expect(await failure(registry.open().resume("nonsense"))).toBeInstanceOf(TypeError);
    expect(await failure(registry.open().resume("http://r.test/u"))).toMatchObject({ code: "ERR_REGISTRY_REDIRECT" });
    expect(registry.seen).toEqual([]);
  });
});

describe("mount()", () => {
  test("asks for both scopes and says whether the blob is there now", async () => {
    const registry = scriptedRegistry(() => new Response(null, { status: 201 }));
    expect(await registry.open().mount(DIGEST, "c/d")).toBe(true);
    expect(registry.seen[0]!.url).toBe(
      `https://r.test/v2/a/b/blobs/uploads/?mount=${encodeURIComponent(DIGEST)}&from=c%2Fd`,
    );
  });

  test("leaves no session behind where the registry opened one instead", async () => {
    const { registry, session, methods } = uploads();
    expect(await registry.open().mount(DIGEST, "c/d")).toBe(false);
    expect(methods()).toEqual(["POST", "DELETE"]);
    expect(session.open).toBe(false);
  });

  test.for([400, 401, 403, 404, 405])("is false where the registry answers %i", async (status) => {
    expect(
      await scriptedRegistry(() => new Response(null, { status }))
        .open()
        .mount(DIGEST, "c/d"),
    ).toBe(false);
  });
});

describe("uploadBlob()", () => {
  test("takes a broken upload up again, from the source", async () => {
    let broken = 0;
    const { registry, session } = uploads((_, { method }) =>
      method === "PATCH" && broken++ < 2 ? new Response(null, { status: 503 }) : undefined,
    );
    const progress: number[] = [];
    await uploadBlob(
      registry.open({ uploadChunkSize: 1_000, maxRetries: 0 }),
      bytesSource(BLOB),
      { digest: DIGEST, size: BLOB.length },
      { onProgress: (bytes) => progress.push(bytes) },
    );
    expect(session.stored).toEqual(BLOB);
    expect(progress.at(-1)).toBe(BLOB.length);
  });

  test("begins again where the registry has forgotten the upload", async () => {
    let broken = 0;
    const { registry, session } = uploads((current, { method }) => {
      if (method !== "PATCH" || broken++ > 0) return undefined;
      current.open = false;
      return new Response(null, { status: 503 });
    });
    await uploadBlob(registry.open({ uploadChunkSize: 1_000, maxRetries: 0 }), bytesSource(BLOB), {
      digest: DIGEST,
      size: BLOB.length,
    });
    expect(session.stored).toEqual(BLOB);
  });

  test("begins again without sending once more what broke", async () => {
    const { registry, methods } = uploads((current, { method }) => {
      if (method !== "PATCH") return undefined;
      current.open = false;
      return new Response(null, { status: 503, headers: { "retry-after": "0" } });
    });
    const blob = { digest: DIGEST, size: BLOB.length };
    const open = registry.open({ uploadChunkSize: 1_000, maxRetries: 0 });
    expect(await failure(uploadBlob(open, bytesSource(BLOB), blob))).toMatchObject({ status: 503 });
    // One PATCH an attempt: suspending the broken upload sends none.
    expect(methods().filter((method) => method === "PATCH")).toHaveLength(4);
  });

  test("aborts what it cannot finish", async () => {
    const { registry, session } = uploads((_, { method }) =>
      method === "PUT" ? new Response(null, { status: 403 }) : undefined,
    );
    const blob = { digest: DIGEST, size: BLOB.length };
    expect(await failure(uploadBlob(registry.open(), bytesSource(BLOB), blob))).toMatchObject({
      code: "ERR_REGISTRY_DENIED",
    });
    expect(session.open).toBe(false);
  });

  test("aborts when it is aborted, with the signal's reason", async () => {
    const { registry, session } = uploads();
    const controller = new AbortController();
    const reason = new Error("enough");
    const source = {
      size: BLOB.length,
      read: async () => {
        controller.abort(reason);
        return BLOB;
      },
    };
    expect(
      await failure(
        uploadBlob(registry.open(), source, { digest: DIGEST, size: BLOB.length }, { signal: controller.signal }),
      ),
    ).toBe(reason);
    expect(session.open).toBe(false);
  });

  test("reaches the registry of this package, in chunks", async () => {
    const repository = openRepository("localhost:5000/a/b", {
      transport: handlerTransport(createRegistryHandler(createMemoryStore())),
      uploadChunkSize: 700,
    });
    await uploadBlob(repository, bytesSource(BLOB), { digest: DIGEST, size: BLOB.length });
    expect(await repository.stat(DIGEST)).toEqual({ size: BLOB.length });
    const source = await repository.open({ digest: DIGEST, size: BLOB.length });
    expect(Buffer.compare(await source.read(0, BLOB.length), BLOB)).toBe(0);
  });
});
