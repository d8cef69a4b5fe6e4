import { inspect } from "node:util";
import {
  digestOf,
  encodeManifest,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_MANIFEST,
  type Descriptor,
  type ImageManifest,
} from "@socikit/oci";
import { describe, expect, test } from "vitest";
import type { RegistryEvent } from "./events.ts";
import { handlerTransport } from "./handler-transport.ts";
import { createMemoryStore } from "./memory-store.ts";
import { openRepository } from "./repository.ts";
import { createRegistryHandler } from "./server.ts";
import { scriptedRegistry, type Answer } from "./testing/scripted-registry.ts";

const EMPTY = new TextEncoder().encode("{}");
const config: Descriptor = { mediaType: OCI_EMPTY, digest: digestOf(EMPTY), size: EMPTY.length };
const image = (extra: Partial<ImageManifest> = {}): Uint8Array =>
  encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [], ...extra });
const BYTES = image();
const DIGEST = digestOf(BYTES);
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const manifest = (fields: Record<string, string> = {}, bytes = BYTES): Response =>
  new Response(bytes.slice(), { headers: { "content-type": OCI_MANIFEST, ...fields } });

describe("fetchManifest()", () => {
  test("asks for every kind of manifest (docker-registry answers 404 otherwise), as bytes", async () => {
    const registry = scriptedRegistry(() => manifest({ "docker-content-digest": DIGEST }));
    const { descriptor, bytes } = await registry.open().fetchManifest("latest");
    expect(descriptor).toEqual({ mediaType: OCI_MANIFEST, digest: DIGEST, size: BYTES.length });
    expect(bytes).toEqual(BYTES);
    expect(registry.seen[0]!.headers.get("accept")).toContain(OCI_INDEX);
    expect(registry.seen[0]!.headers.get("accept-encoding")).toBe("identity");
  });

  test.for<[string, string | Descriptor, () => Response, string]>([
    [
      "other bytes than the digest's",
      DIGEST,
      () => manifest({}, image({ artifactType: "x" })),
      "ERR_OCI_DIGEST_MISMATCH",
    ],
    [
      "other bytes than the header says",
      "latest",
      () => manifest({ "docker-content-digest": digestOf(EMPTY) }),
      "ERR_OCI_DIGEST_MISMATCH",
    ],
    [
      "another size than the descriptor's",
      { mediaType: OCI_MANIFEST, digest: DIGEST, size: 1 },
      () => manifest(),
      "ERR_OCI_SIZE_MISMATCH",
    ],
    [
      "another kind than the descriptor's",
      { mediaType: OCI_INDEX, digest: DIGEST, size: BYTES.length },
      () => manifest(),
      "ERR_OCI_INVALID_MANIFEST",
    ],
    ["more than 4 MiB", "latest", () => new Response(new Uint8Array(4 * 1024 * 1024 + 1)), "ERR_OCI_TOO_LARGE"],
    ["nothing", "latest", () => new Response(null, { status: 404 }), "ERR_REGISTRY_MANIFEST_UNKNOWN"],
    [
      "no such repository",
      "latest",
      () => Response.json({ errors: [{ code: "NAME_UNKNOWN" }] }, { status: 404 }),
      "ERR_REGISTRY_REPOSITORY_UNKNOWN",
    ],
  ])("refuses %s", async ([, target, answer, code]) => {
    expect(await failure(scriptedRegistry(answer).open().fetchManifest(target))).toMatchObject({ code });
  });

  test("takes 4 MiB", async () => {
    const bytes = new Uint8Array(4 * 1024 * 1024);
    const { descriptor } = await scriptedRegistry(() => new Response(bytes.slice()))
      .open()
      .fetchManifest("latest");
    expect(descriptor.size).toBe(bytes.length);
  });

  test("takes the manifest's own word where the registry does not say what it is", async () => {
    const registry = scriptedRegistry(
      () => new Response(BYTES.slice(), { headers: { "content-type": "application/json" } }),
    );
    expect((await registry.open().fetchManifest("latest")).descriptor.mediaType).toBe(OCI_MANIFEST);
  });

  test.for(["../x", "a b", "", "sha256:abc", "x".repeat(129), "a/b"])(
    "%j is a TypeError, and sends nothing",
    async (name) => {
      const registry = scriptedRegistry(() => manifest());
      expect(await failure(registry.open().fetchManifest(name))).toBeInstanceOf(TypeError);
      expect(registry.seen).toEqual([]);
    },
  );

  test("shows the registry's words, escaped and capped, and not the query", async () => {
    const message = `no\u001b[2J${"x".repeat(1000)}`;
    const registry = scriptedRegistry(() => Response.json({ errors: [{ code: "DENIED", message }] }, { status: 403 }));
    const error = await failure(registry.open().fetchManifest("latest"));
    expect(error).toMatchObject({
      code: "ERR_REGISTRY_DENIED",
      status: 403,
      method: "GET",
      url: "https://r.test/v2/a/b/manifests/latest",
    });
    expect(String(error)).toContain(
      "Cannot fetch manifest r.test/a/b:latest: r.test answers 403 (DENIED: no\\x1b[2Jxxx",
    );
    expect(String(error).length).toBeLessThan(700);
  });

  test("reads no more than 16 KiB of an error", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull: (c) => {
          pulled += 1024;
          c.enqueue(new Uint8Array(1024));
        },
      },
      { highWaterMark: 0 },
    );
    await failure(
      scriptedRegistry(() => new Response(endless, { status: 400 }))
        .open()
        .fetchManifest("latest"),
    );
    expect(pulled).toBeLessThanOrEqual(17 * 1024);
  });
});

describe("resolve()", () => {
  test("asks by HEAD alone where that tells", async () => {
    const registry = scriptedRegistry(
      () =>
        new Response(null, {
          headers: { "content-type": OCI_MANIFEST, "content-length": "7", "docker-content-digest": DIGEST },
        }),
    );
    expect(await registry.open().resolve("latest")).toEqual({ mediaType: OCI_MANIFEST, digest: DIGEST, size: 7 });
    expect(registry.seen.map(({ method }) => method)).toEqual(["HEAD"]);
  });

  test.for<[string, () => Response]>([
    ["has no digest", () => new Response(null, { headers: { "content-type": OCI_MANIFEST, "content-length": "7" } })],
    ["is not supported", () => new Response(null, { status: 405 })],
    ["is not found", () => new Response(null, { status: 404 })],
  ])("asks by GET where HEAD %s", async ([, head]) => {
    const registry = scriptedRegistry(({ method }) => (method === "HEAD" ? head() : manifest()));
    expect((await registry.open().resolve("latest")).digest).toBe(DIGEST);
  });

  test("of a digest refuses another one", async () => {
    const registry = scriptedRegistry(
      () =>
        new Response(null, {
          headers: { "content-type": OCI_MANIFEST, "content-length": "7", "docker-content-digest": digestOf(EMPTY) },
        }),
    );
    expect(await failure(registry.open().resolve(DIGEST))).toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
  });
});

describe("stat()", () => {
  test.for<[string, Answer, unknown]>([
    ["by HEAD", () => new Response(null, { headers: { "content-length": "5" } }), { size: 5 }],
    ["of nothing", () => new Response(null, { status: 404 }), undefined],
    [
      "by GET where HEAD has no length",
      ({ method }) =>
        method === "HEAD"
          ? new Response(null)
          : new Response("x", { status: 206, headers: { "content-range": "bytes 0-0/5" } }),
      { size: 5 },
    ],
    [
      "by GET of an empty blob",
      ({ method }) =>
        method === "HEAD"
          ? new Response(null)
          : new Response(null, { status: 416, headers: { "content-range": "bytes */0" } }),
      { size: 0 },
    ],
    [
      "by GET where a signed URL is not for HEAD",
      ({ method, url }) =>
        url.includes("cdn")
          ? method === "HEAD"
            ? new Response(null, { status: 403 })
            : new Response("x", { status: 206, headers: { "content-range": "bytes 0-0/5" } })
          : new Response(null, { status: 307, headers: { location: "https://cdn.test/x" } }),
      { size: 5 },
    ],
  ])("%s", async ([, answer, want]) => {
    expect(await scriptedRegistry(answer).open().stat(DIGEST)).toEqual(want);
  });
});

describe("redirects", () => {
  const chain =
    (length: number): Answer =>
    ({ url }) => {
      const n = Number(new URL(url).searchParams.get("n") ?? 0);
      return n < length ? new Response(null, { status: 302, headers: { location: `/x?n=${n + 1}` } }) : manifest();
    };

  test("five are followed, six are not", async () => {
    expect((await scriptedRegistry(chain(5)).open().fetchManifest("latest")).descriptor.digest).toBe(DIGEST);
    expect(await failure(scriptedRegistry(chain(6)).open().fetchManifest("latest"))).toMatchObject({
      code: "ERR_REGISTRY_REDIRECT",
    });
  });

  test.for(["http://r.test/x", "https://127.0.0.1/x", "file:///x", "https://u:p@r.test/"])(
    "to %j is refused",
    async (location) => {
      const registry = scriptedRegistry(() => new Response(null, { status: 307, headers: { location } }));
      expect(await failure(registry.open().fetchManifest("latest"))).toMatchObject({ code: "ERR_REGISTRY_REDIRECT" });
      expect(registry.seen).toHaveLength(1);
    },
  );

  test("of a write are not followed elsewhere", async () => {
    const registry = scriptedRegistry(
      () => new Response(null, { status: 307, headers: { location: "https://evil.test/" } }),
    );
    expect(await failure(registry.open().pushManifest(BYTES, OCI_MANIFEST))).toMatchObject({
      code: "ERR_REGISTRY_REDIRECT",
    });
    expect(registry.seen).toHaveLength(1);
  });
});

describe("tags()", () => {
  const paged =
    (pages: number, link: (n: number) => string): Answer =>
    ({ url }) => {
      const n = Number(new URL(url).searchParams.get("last") ?? 0);
      return Response.json(
        { tags: [`t${n}`] },
        n + 1 < pages ? { headers: { link: `<${link(n + 1)}>; rel="next"` } } : {},
      );
    };

  test("follows Link, relative or absolute on the same origin", async () => {
    const registry = scriptedRegistry(
      paged(3, (n) => (n === 1 ? `/v2/a/b/tags/list?last=${n}` : `https://r.test/v2/a/b/tags/list?last=${n}`)),
    );
    expect(await all(registry.open().tags())).toEqual(["t0", "t1", "t2"]);
  });

  test("does not follow it to another origin", async () => {
    const registry = scriptedRegistry(paged(2, () => "https://evil.test/?last=1"));
    expect(await failure(all(registry.open().tags()))).toMatchObject({ code: "ERR_REGISTRY_REDIRECT" });
    expect(registry.seen).toHaveLength(1);
  });

  test("takes a thousand pages and not one more, nor the same one twice", async () => {
    const link = (n: number): string => `/v2/a/b/tags/list?last=${n}`;
    expect(await all(scriptedRegistry(paged(1000, link)).open().tags())).toHaveLength(1000);
    expect(await failure(all(scriptedRegistry(paged(1001, link)).open().tags()))).toMatchObject({
      code: "ERR_REGISTRY_TOO_LARGE",
    });
    expect(
      await failure(
        all(
          scriptedRegistry(paged(9, () => link(0)))
            .open()
            .tags(),
        ),
      ),
    ).toMatchObject({ code: "ERR_REGISTRY_TOO_LARGE" });
  });

  test.for<[string, unknown, unknown]>([
    ["null (Go's empty list)", { tags: null }, []],
    ["no member", {}, []],
    ["numbers", { tags: [1] }, "ERR_REGISTRY_PROTOCOL"],
    ["what is no tag", { tags: ["../x"] }, "ERR_REGISTRY_PROTOCOL"],
    ["no list", { tags: "x" }, "ERR_REGISTRY_PROTOCOL"],
  ])("of %s", async ([, body, want]) => {
    const result = await all(
      scriptedRegistry(() => Response.json(body as object))
        .open()
        .tags(),
    ).catch((error: { code: string }) => error.code);
    expect(result).toEqual(want);
  });
});

describe("against the registry of this package", () => {
  const open = (
    wrap: (handler: (request: Request) => Promise<Response>) => (request: Request) => Promise<Response> = (h) => h,
  ) => {
    const requests: string[] = [];
    const handler = wrap(createRegistryHandler(createMemoryStore()));
    const transport = handlerTransport((request) => {
      requests.push(`${request.method} ${new URL(request.url).pathname}`);
      return handler(request);
    });
    const events: RegistryEvent[] = [];
    const onEvent = (event: RegistryEvent): void => void events.push(event);
    return { repository: openRepository("localhost:5000/a/b", { transport, onEvent }), requests, transport, events };
  };
  const pushConfig = async (repository: ReturnType<typeof open>["repository"]): Promise<void> => {
    const upload = await repository.begin();
    await upload.write(EMPTY);
    await upload.commit(config.digest);
  };
  // docker-registry 2.8: no referrers route, and no OCI-Subject.
  const withoutReferrersApi =
    (handler: (request: Request) => Promise<Response>) =>
    async (request: Request): Promise<Response> => {
      if (new URL(request.url).pathname.includes("/referrers/"))
        return new Response("404 page not found\n", { status: 404 });
      const response = await handler(request);
      const headers = new Headers(response.headers);
      headers.delete("oci-subject");
      return new Response(response.body, { status: response.status, headers });
    };

  test("a manifest is pushed, tagged without being fetched again, found, deleted", async () => {
    const { repository, requests } = open();
    await pushConfig(repository);
    const pushed = await repository.pushManifest(BYTES, OCI_MANIFEST);
    requests.length = 0;
    await repository.tag("v1", pushed, { expected: null });
    expect(requests.filter((request) => request.startsWith("PUT"))).toEqual(["PUT /v2/a/b/manifests/v1"]);
    expect(requests).not.toContain(`GET /v2/a/b/manifests/${pushed.digest}`);
    expect(await repository.resolve("v1")).toEqual(pushed);
    expect(await all(repository.tags())).toEqual(["v1"]);
    expect(await failure(repository.tag("v1", pushed, { expected: null }))).toMatchObject({
      code: "ERR_REGISTRY_TAG_CHANGED",
    });
    await repository.tag("v1", pushed, { expected: pushed.digest });
    await repository.untag("v1");
    expect(await all(repository.tags())).toEqual([]);
    await repository.deleteManifest(pushed.digest);
    expect(await failure(repository.resolve(pushed.digest))).toMatchObject({ code: "ERR_REGISTRY_MANIFEST_UNKNOWN" });
  });

  test.for<[string, Parameters<typeof open>[0]]>([
    ["the API", undefined],
    ["the tag", withoutReferrersApi],
  ])("referrers are pushed, listed by type and deleted through %s", async ([, wrap]) => {
    const { repository } = open(wrap);
    await pushConfig(repository);
    const subject = await repository.pushManifest(BYTES, OCI_MANIFEST);
    expect(await all(repository.referrers(subject.digest))).toEqual([]);
    const one = await repository.pushManifest(
      image({ subject, artifactType: "x/1", annotations: { a: "b" } }),
      OCI_MANIFEST,
    );
    const two = await repository.pushManifest(image({ subject, artifactType: "x/2" }), OCI_MANIFEST);
    expect(await all(repository.referrers(subject.digest))).toEqual([
      { ...one, artifactType: "x/1", annotations: { a: "b" } },
      { ...two, artifactType: "x/2" },
    ]);
    expect(await all(repository.referrers(subject.digest, { artifactType: "x/2" }))).toEqual([
      { ...two, artifactType: "x/2" },
    ]);
    await repository.deleteManifest(one.digest);
    expect((await all(repository.referrers(subject.digest))).map(({ digest }) => digest)).toEqual([two.digest]);
  });

  test.for<["api" | "tag", Parameters<typeof open>[0]]>([
    ["api", undefined],
    ["tag", withoutReferrersApi],
  ])("an event tells that referrers were listed by the %s, and how many", async ([via, wrap]) => {
    const { repository, events } = open(wrap);
    await pushConfig(repository);
    const subject = await repository.pushManifest(BYTES, OCI_MANIFEST);
    for (const artifactType of ["x/1", "x/2"])
      await repository.pushManifest(image({ subject, artifactType }), OCI_MANIFEST);
    await all(repository.referrers(subject.digest));
    await all(repository.referrers(subject.digest, { artifactType: "x/2" }));
    // Whoever has found what it looked for leaves.
    for await (const _ of repository.referrers(subject.digest)) break;
    const event = { v: 1, type: "referrers", subject: subject.digest, via };
    expect(events.filter(({ type }) => type === "referrers")).toEqual([
      { ...event, count: 2 },
      { ...event, count: 1 },
      { ...event, count: 1 },
    ]);
  });

  test("the missing API is asked for once", async () => {
    const { repository, requests } = open(withoutReferrersApi);
    await pushConfig(repository);
    const subject = await repository.pushManifest(BYTES, OCI_MANIFEST);
    for (let i = 0; i < 3; i++) await all(repository.referrers(subject.digest));
    expect(requests.filter((request) => request.includes("/referrers/"))).toHaveLength(1);
  });

  test("a referrers tag that another client overwrites is written again", async () => {
    const { repository, transport } = open(withoutReferrersApi);
    await pushConfig(repository);
    const subject = await repository.pushManifest(BYTES, OCI_MANIFEST);
    // The other client read the tag before ours was written, and writes it after.
    let raced = false;
    const racing = openRepository("localhost:5000/a/b", {
      transport: {
        ...transport,
        async send(request, options) {
          const response = await transport.send(request, options);
          if (request.method === "PUT" && request.url.includes("manifests/sha256-") && !raced) {
            raced = true;
            const empty = new TextEncoder().encode(`{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[]}`);
            await transport.send({ ...request, body: empty });
          }
          return response;
        },
      },
    });
    const one = await racing.pushManifest(image({ subject, artifactType: "x/1" }), OCI_MANIFEST);
    expect(raced).toBe(true);
    expect((await all(repository.referrers(subject.digest))).map(({ digest }) => digest)).toEqual([one.digest]);
  });

  test("events tell of requests without secrets", async () => {
    const events: RegistryEvent[] = [];
    const registry = scriptedRegistry(({ url }) =>
      url.includes("cdn")
        ? manifest()
        : new Response(null, { status: 307, headers: { location: "https://cdn.test/x?sig=secret" } }),
    );
    await registry.open({ onEvent: (event) => events.push(event) }).fetchManifest("latest");
    expect(events.map(({ type }) => type)).toEqual(["request", "response", "redirect", "request", "response"]);
    expect(JSON.stringify(events)).not.toContain("secret");
  });
});

test("an unreachable registry is named, with what the host says", async () => {
  const refused = Object.assign(new TypeError("fetch failed"), {
    cause: Object.assign(new Error(""), { code: "ECONNREFUSED" }),
  });
  const registry = scriptedRegistry(() => {
    throw refused;
  });
  const error = await failure(registry.open({ maxRetries: 1 }).resolve("latest"));
  expect(error).toMatchObject({ code: "ERR_REGISTRY_NETWORK", retryable: true, status: undefined });
  expect(String(error)).toContain(
    "Cannot reach r.test: the connection was refused; is the registry running there? (ECONNREFUSED)",
  );
  expect(registry.seen).toHaveLength(2);
});

test("a host name that is not there is not asked for again", async () => {
  const registry = scriptedRegistry(() => {
    throw Object.assign(new Error("x"), { code: "ENOTFOUND" });
  });
  expect(await failure(registry.open().resolve("latest"))).toMatchObject({
    code: "ERR_REGISTRY_NETWORK",
    retryable: false,
  });
  expect(registry.seen).toHaveLength(1);
});

test("an abort rejects with its reason, while waiting for an answer and between repetitions", async () => {
  const reason = new Error("enough");
  for (const answer of [() => new Promise<Response>(() => {}), () => new Response(null, { status: 503 })]) {
    const controller = new AbortController();
    const registry = scriptedRegistry(answer);
    const timer = { now: () => 0, after: () => () => {}, random: () => 0 };
    const asked = failure(registry.open({ timer }).resolve("latest", { signal: controller.signal }));
    setTimeout(() => controller.abort(reason), 10);
    expect(await asked).toBe(reason);
  }
});

test("a manifest that comes compressed is refused where the transport shows it, and taken where it undoes it", async () => {
  const registry = scriptedRegistry(() => manifest({ "content-encoding": "gzip" }));
  expect(await failure(registry.open().fetchManifest("latest"))).toMatchObject({ code: "ERR_REGISTRY_CONTENT_CODING" });
  const decoding = {
    ...registry.transport,
    capabilities: { redirects: "visible", contentCoding: "decoded" },
  } as const;
  expect((await registry.open({ transport: decoding }).fetchManifest("latest")).descriptor.digest).toBe(DIGEST);
});

test("a page's transport, which follows redirects out of sight, is judged by where the answer came from", async () => {
  const registry = scriptedRegistry(({ url }) =>
    url.includes("cdn")
      ? new Response(BYTES.slice(3, 5), { status: 206, headers: { "content-range": `bytes 3-4/${BYTES.length}` } })
      : undefined,
  );
  const urls: string[] = [];
  const opaque = {
    capabilities: { redirects: "opaque", contentCoding: "decoded" },
    send: async (request: { method: string; url: string; headers: Record<string, string> }) => {
      urls.push(request.url);
      return registry.transport.send({ ...request, url: "https://cdn.test/x?sig=1" });
    },
  } as const;
  const source = await registry.open({ transport: opaque }).open({ digest: DIGEST, size: BYTES.length });
  await source.read(3, 2);
  expect(await source.read(3, 2)).toEqual(BYTES.slice(3, 5));
  expect(urls).toEqual([`https://r.test/v2/a/b/blobs/${DIGEST}`, "https://cdn.test/x?sig=1"]);
});

test.for(["../x", "A", "a//b", ""])("a repository called %j is a TypeError", (name) => {
  const { transport } = scriptedRegistry(() => undefined);
  expect(() => openRepository({ registry: "r.test", repository: name }, { transport })).toThrow(TypeError);
});

test.for<[string, boolean | undefined, string]>([
  ["127.0.0.1:5000/a", undefined, "http://127.0.0.1:5000"],
  ["r.test:5000/a", undefined, "https://r.test:5000"],
  ["r.test:5000/a", true, "http://r.test:5000"],
])("%s with plainHttp %j is spoken to at %s", async ([reference, plainHttp, origin]) => {
  const registry = scriptedRegistry(() => manifest());
  await registry.open({ reference, plainHttp }).fetchManifest("latest");
  expect(new URL(registry.seen[0]!.url).origin).toBe(origin);
});

test("what is printed of a repository shows no secret", async () => {
  const registry = scriptedRegistry(({ headers }) =>
    headers.has("authorization")
      ? manifest()
      : new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }),
  );
  const repository = registry.open({ credentials: async () => ({ username: "u", password: "s3cret" }) });
  await repository.fetchManifest("latest");
  expect(inspect(repository, { depth: 20, showHidden: true })).not.toMatch(/s3cret|dTpzM2NyZXQ=/);
});

test("a write that a read-only registry refuses says so, by the code that a layout has", async () => {
  const registry = scriptedRegistry(() =>
    Response.json({ errors: [{ code: "UNSUPPORTED", message: "read-only" }] }, { status: 405 }),
  );
  const repository = registry.open();
  const refused = { code: "ERR_REGISTRY_READ_ONLY", status: 405 };
  await expect(repository.pushManifest(new TextEncoder().encode("{}"), "x/y")).rejects.toMatchObject(refused);
  await expect(repository.begin()).rejects.toMatchObject(refused);
  await expect(repository.untag("v1")).rejects.toMatchObject({ code: "ERR_REGISTRY_DELETE_UNSUPPORTED" });
});

test("a web page in a manifest's place is none, and it is said of which image", async () => {
  const page = (): Response =>
    new Response("<html>log in</html>", { headers: { "content-type": "text/html; charset=utf-8" } });
  const repository = scriptedRegistry(page).open();
  for (const asked of [repository.fetchManifest("v1"), repository.resolve("v1")])
    await expect(asked).rejects.toMatchObject({
      code: "ERR_REGISTRY_PROTOCOL",
      message: expect.stringMatching(/r\.test\/a\/b:v1: r\.test answers with a web page/) as string,
    });
});

test("a manifest that trickles ends in time, fast enough as it is", async () => {
  const trickle = (): Response =>
    new Response(
      new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            controller.enqueue(new Uint8Array(1100));
          },
        },
        { highWaterMark: 0 },
      ),
    );
  await expect(scriptedRegistry(trickle).open({ documentTimeoutMs: 200 }).fetchManifest("v1")).rejects.toMatchObject({
    code: "ERR_REGISTRY_TIMEOUT",
    message: expect.stringMatching(/0\.2 s/) as string,
  });
});

test("silence is told of at each repetition, and ends after the time for a whole document", async () => {
  const events: RegistryEvent[] = [];
  const registry = scriptedRegistry(() => new Promise<never>(() => {}));
  const repository = registry.open({
    headersTimeoutMs: 101,
    // How many attempts there are in it depends on how busy the machine is.
    documentTimeoutMs: 1000,
    onEvent: (event) => events.push(event),
  });
  await expect(repository.fetchManifest("v1")).rejects.toMatchObject({
    code: "ERR_REGISTRY_TIMEOUT",
    message: expect.stringMatching(/no answer came for 0\.\d s; given up after [2-5] attempts in \d s/) as string,
  });
  expect(events.find(({ type }) => type === "retry")).toMatchObject({ attempt: 2, attempts: 5 });
});
