import {
  digestOf,
  encodeIndex,
  encodeManifest,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  type Descriptor,
} from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../memory-store.ts";
import type { Store } from "../store.ts";
import { collect, expectBytes, noise, pushBlob, pushImage } from "../testing/store-cases.ts";
import { createRegistryHandler, type RegistryHandlerOptions } from "./handler.ts";

interface Client {
  readonly store: Store;
  readonly send: (
    method: string,
    path: string,
    init?: {
      readonly headers?: Record<string, string>;
      readonly body?: Uint8Array | string | ReadableStream<Uint8Array>;
    },
  ) => Promise<Response>;
}

function client(options?: RegistryHandlerOptions, store: Store = createMemoryStore()): Client {
  const handler = createRegistryHandler(store, options);
  return {
    store,
    send(method, path, init) {
      const request = { method, ...init, duplex: "half" };
      return handler(new Request(new URL(path, "http://registry.test"), request as RequestInit));
    },
  };
}

async function errorOf(response: Response): Promise<readonly [number, string]> {
  expect(response.headers.get("content-type")).toBe("application/json");
  const { errors } = (await response.json()) as { errors: readonly { code: string; message: string }[] };
  expect(errors).toHaveLength(1);
  expect(errors[0]?.message).toBeTruthy();
  return [response.status, errors[0]?.code ?? ""];
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

const BLOB = noise(2048, 1);
const DIGEST = digestOf(BLOB);

async function withBlob(): Promise<Client> {
  const registry = client();
  await pushBlob(registry.store.repository("a/b"), BLOB, "");
  return registry;
}

describe("blobs", () => {
  test.for([
    ["all of it", {}, 200, null, BLOB],
    ["a range", { range: "bytes=500-1499" }, 206, "bytes 500-1499/2048", BLOB.subarray(500, 1500)],
    ["the last bytes", { range: "bytes=-48" }, 206, "bytes 2000-2047/2048", BLOB.subarray(2000)],
    [
      "a range of what the client has",
      { range: "bytes=0-1", "if-range": `"${DIGEST}"` },
      206,
      "bytes 0-1/2048",
      BLOB.subarray(0, 2),
    ],
    ["a range of something else", { range: "bytes=0-1", "if-range": '"other"' }, 200, null, BLOB],
    ["two ranges", { range: "bytes=0-1,4-5" }, 200, null, BLOB],
  ] as const)("GET gives %s", async ([, headers, status, contentRange, bytes]) => {
    const { send } = await withBlob();
    const response = await send("GET", `/v2/a/b/blobs/${DIGEST}`, { headers });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-range")).toBe(contentRange);
    expect(response.headers.get("content-length")).toBe(String(bytes.length));
    expect(response.headers.get("docker-content-digest")).toBe(DIGEST);
    expect(response.headers.get("etag")).toBe(`"${DIGEST}"`);
    expectBytes(await bytesOf(response), bytes);
  });

  test("GET of a range outside says how long the blob is", async () => {
    const { send } = await withBlob();
    const response = await send("GET", `/v2/a/b/blobs/${DIGEST}`, { headers: { range: "bytes=2048-" } });
    expect(response.headers.get("content-range")).toBe("bytes */2048");
    expect(await errorOf(response)).toEqual([416, "SIZE_INVALID"]);
  });

  test("GET on the condition that the client does not have it gives 304", async () => {
    const { send } = await withBlob();
    const headers = { "if-none-match": `"x", W/"${DIGEST}"` };
    const response = await send("GET", `/v2/a/b/blobs/${DIGEST}`, { headers });
    expect([response.status, response.body]).toEqual([304, null]);
  });

  test("HEAD says the length, ranges or not", async () => {
    const { send } = await withBlob();
    const response = await send("HEAD", `/v2/a/b/blobs/${DIGEST}`, { headers: { range: "bytes=0-1" } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("2048");
    expect(response.headers.get("accept-ranges")).toBe("bytes");
    expect(response.body).toBeNull();
  });

  test("DELETE removes it", async () => {
    const { send } = await withBlob();
    expect((await send("DELETE", `/v2/a/b/blobs/${DIGEST}`)).status).toBe(202);
    expect(await errorOf(await send("GET", `/v2/a/b/blobs/${DIGEST}`))).toEqual([404, "BLOB_UNKNOWN"]);
    expect(await errorOf(await send("DELETE", `/v2/a/b/blobs/${DIGEST}`))).toEqual([404, "BLOB_UNKNOWN"]);
  });

  test("a body that is left closes its source", async () => {
    let closed = 0;
    const memory = createMemoryStore();
    await pushBlob(memory.repository("a"), BLOB, "");
    const store: Store = {
      repositories: (options) => memory.repositories(options),
      repository(name) {
        const repository = memory.repository(name);
        const open: typeof repository.open = async (blob, options) => {
          const source = await repository.open(blob, options);
          // Without a stream of its own, so that reads are seen too.
          return { size: source.size, read: (...range) => source.read(...range), close: async () => void closed++ };
        };
        return Object.assign(Object.create(repository) as typeof repository, {
          open,
          stat: repository.stat.bind(repository),
        });
      },
    };
    const { send } = client({}, store);
    const left = await send("GET", `/v2/a/blobs/${DIGEST}`);
    await left.body?.cancel();
    expect(closed).toBe(1);
    expectBytes(await bytesOf(await send("GET", `/v2/a/blobs/${DIGEST}`)), BLOB);
    expect(closed).toBe(2);
  });
});

describe("uploads", () => {
  async function start(registry: Client, query = ""): Promise<string> {
    const response = await registry.send("POST", `/v2/a/blobs/uploads/${query}`);
    expect(response.status).toBe(202);
    expect(response.headers.get("range")).toBe("0-0");
    expect(response.headers.get("docker-upload-uuid")).toBeTruthy();
    return response.headers.get("location") ?? "";
  }

  test("POST with a digest takes the whole blob", async () => {
    const registry = client();
    const response = await registry.send("POST", `/v2/a/blobs/uploads/?digest=${DIGEST}`, { body: BLOB });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/a/blobs/${DIGEST}`);
    expectBytes(await bytesOf(await registry.send("GET", `/v2/a/blobs/${DIGEST}`)), BLOB);
  });

  test("PATCH takes chunks in order, GET says how far they are, PUT ends with the last one", async () => {
    const registry = client();
    let location = await start(registry);
    const chunk = async (method: string, from: number, to: number, query = ""): Promise<Response> => {
      const headers = { "content-range": `${from}-${to - 1}` };
      return registry.send(method, location + query, { headers, body: BLOB.subarray(from, to) });
    };
    const first = await chunk("PATCH", 0, 1000);
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-999"]);
    location = first.headers.get("location") ?? "";
    const early = await chunk("PATCH", 1500, 2048);
    expect([early.status, early.headers.get("range")]).toEqual([416, "0-999"]);
    const status = await registry.send("GET", location);
    expect([status.status, status.headers.get("range"), status.headers.get("location")]).toEqual([
      204,
      "0-999",
      location,
    ]);
    expect((await chunk("PUT", 0, 1000, `?digest=${DIGEST}`)).status).toBe(416);
    expect((await chunk("PUT", 1000, 2048, `?digest=${DIGEST}`)).status).toBe(201);
    expect(await registry.store.repository("a").stat(DIGEST)).toEqual({ size: 2048 });
    expect(await errorOf(await registry.send("GET", location))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
  });

  test("PATCH keeps what came of a body that broke off", async () => {
    const registry = client();
    const location = await start(registry);
    let sent = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) return controller.error(new Error("the cable was pulled"));
        sent = true;
        controller.enqueue(BLOB.subarray(0, 700));
      },
    });
    expect(await errorOf(await registry.send("PATCH", location, { body }))).toEqual([400, "SIZE_INVALID"]);
    expect((await registry.send("GET", location)).headers.get("range")).toBe("0-699");
    const rest = await registry.send("PUT", `${location}?digest=${DIGEST}`, { body: BLOB.subarray(700) });
    expect(rest.status).toBe(201);
  });

  test.for([
    ["a chunk longer than it says", { "content-range": "0-9" }, noise(11, 1), [400, "SIZE_INVALID"]],
    ["a chunk shorter than it says", { "content-range": "0-9" }, noise(9, 1), [400, "SIZE_INVALID"]],
    ["a range that is none", { "content-range": "some" }, noise(9, 1), [400, "BLOB_UPLOAD_INVALID"]],
    ["more than is taken", {}, noise(101, 1), [413, "SIZE_INVALID"]],
    ["an announcement of more than is taken", { "content-length": "101" }, noise(1, 1), [413, "SIZE_INVALID"]],
  ] as const)("PATCH refuses %s", async ([, headers, body, error]) => {
    const registry = client({ maxUploadBytes: 100 });
    expect(await errorOf(await registry.send("PATCH", await start(registry), { headers, body }))).toEqual(error);
  });

  test("a blob of just what is taken is taken", async () => {
    const registry = client({ maxUploadBytes: 100 });
    const bytes = noise(100, 1);
    const path = `${await start(registry)}?digest=${digestOf(bytes)}`;
    expect((await registry.send("PUT", path, { body: bytes })).status).toBe(201);
  });

  test.for([
    ["no digest", "", [400, "DIGEST_INVALID"]],
    ["a malformed digest", "?digest=sha256:1", [400, "DIGEST_INVALID"]],
    ["another blob's digest", `?digest=${digestOf(noise(1, 9))}`, [400, "DIGEST_INVALID"]],
  ] as const)("PUT refuses %s", async ([, query, error]) => {
    const registry = client();
    expect(await errorOf(await registry.send("PUT", (await start(registry)) + query, { body: BLOB }))).toEqual(error);
    expect(await registry.store.repository("a").stat(DIGEST)).toBeUndefined();
  });

  test("DELETE cancels, and the upload is gone", async () => {
    const registry = client();
    const location = await start(registry);
    expect((await registry.send("DELETE", location)).status).toBe(204);
    expect(await errorOf(await registry.send("DELETE", location))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
  });

  test("two writers of one upload: the second is told", async () => {
    const registry = client();
    const location = await start(registry);
    let release = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        release = () => controller.close();
      },
    });
    const first = registry.send("PATCH", location, { body });
    await new Promise((resolve) => setTimeout(resolve));
    expect(await errorOf(await registry.send("PATCH", location, { body: BLOB }))).toEqual([409, "BLOB_UPLOAD_INVALID"]);
    release();
    expect((await first).status).toBe(202);
  });

  test("POST mounts from a repository, from any, or begins an upload", async () => {
    const registry = await withBlob();
    const post = async (query: string): Promise<number> =>
      (await registry.send("POST", `/v2/c/blobs/uploads/?${query}`)).status;
    expect(await post(`mount=${DIGEST}&from=nobody`)).toBe(202);
    expect(await post(`mount=${digestOf(noise(1, 4))}`)).toBe(202);
    expect(await post(`mount=${DIGEST}&from=a/b`)).toBe(201);
    expect(await post(`mount=${DIGEST}`)).toBe(201);
    expect(await post(`mount=${DIGEST}&from=../b`)).toBe(400);
    expect(await registry.store.repository("c").stat(DIGEST)).toEqual({ size: 2048 });
  });
});

describe("manifests", () => {
  const config: Descriptor = { mediaType: OCI_CONFIG, digest: digestOf(noise(10, 1)), size: 10 };
  const image = encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] });
  const headers = { "content-type": OCI_MANIFEST };

  async function withConfig(): Promise<Client> {
    const registry = client();
    await pushBlob(registry.store.repository("a"), noise(10, 1), OCI_CONFIG);
    return registry;
  }

  test("PUT under a tag, GET and HEAD under tag and digest", async () => {
    const { send } = await withConfig();
    const put = await send("PUT", "/v2/a/manifests/v1", { headers, body: image });
    expect(put.status).toBe(201);
    expect(put.headers.get("location")).toBe(`/v2/a/manifests/${digestOf(image)}`);
    expect(put.headers.get("docker-content-digest")).toBe(digestOf(image));
    expect(put.headers.get("oci-subject")).toBeNull();
    for (const reference of ["v1", digestOf(image)]) {
      for (const method of ["GET", "HEAD"]) {
        const got = await send(method, `/v2/a/manifests/${reference}`);
        expect(got.status).toBe(200);
        expect(got.headers.get("content-type")).toBe(OCI_MANIFEST);
        expect(got.headers.get("content-length")).toBe(String(image.length));
        expect(got.headers.get("docker-content-digest")).toBe(digestOf(image));
        expectBytes(await bytesOf(got), method === "GET" ? image : new Uint8Array(0));
      }
    }
  });

  test("PUT keeps the type that was sent, without its parameters", async () => {
    const { send } = await withConfig();
    const untyped = encodeManifest({ schemaVersion: 2, config, layers: [] });
    const type = { "content-type": `${OCI_MANIFEST}; charset=utf-8` };
    expect((await send("PUT", "/v2/a/manifests/v1", { headers: type, body: untyped })).status).toBe(201);
    expect((await send("HEAD", "/v2/a/manifests/v1")).headers.get("content-type")).toBe(OCI_MANIFEST);
  });

  test("PUT under a SHA-512 digest, with tags as parameters", async () => {
    const { send } = await withConfig();
    const digest = digestOf(image, "sha512");
    const put = await send("PUT", `/v2/a/manifests/${digest}?tag=one&tag=two`, { headers, body: image });
    expect([put.status, put.headers.get("oci-tag")]).toEqual([201, "one, two"]);
    expect((await send("HEAD", "/v2/a/manifests/two")).headers.get("docker-content-digest")).toBe(digest);
  });

  test.for([
    ["another one's digest", digestOf(noise(1, 1)), image, [400, "DIGEST_INVALID"]],
    ["nothing", "v1", new Uint8Array(0), [400, "MANIFEST_INVALID"]],
    ["no JSON", "v1", noise(10, 1), [400, "MANIFEST_INVALID"]],
    ["an index of that type", "v1", encodeIndex({ schemaVersion: 2, manifests: [] }), [400, "MANIFEST_INVALID"]],
    ["more than 4 MiB", "v1", new Uint8Array(4 * 1024 * 1024 + 1).fill(32), [413, "SIZE_INVALID"]],
    ["a tag parameter that is none", `${digestOf(image)}?tag=..`, image, [400, "MANIFEST_INVALID"]],
  ] as const)("PUT refuses %s", async ([, reference, body, error]) => {
    const { send, store } = await withConfig();
    expect(await errorOf(await send("PUT", `/v2/a/manifests/${reference}`, { headers, body }))).toEqual(error);
    expect(await collect(store.repository("a").tags())).toEqual([]);
  });

  test("PUT of just 4 MiB is taken", async () => {
    const { send } = await withConfig();
    const padded = new Uint8Array(4 * 1024 * 1024).fill(32);
    padded.set(image);
    expect((await send("PUT", "/v2/a/manifests/v1", { headers, body: padded })).status).toBe(201);
  });

  test("PUT refuses a manifest whose blobs are missing, unless told to accept it; foreign layers may be", async () => {
    const layer: Descriptor = { mediaType: OCI_LAYER_GZIP, digest: digestOf(noise(2, 2)), size: 2 };
    const foreign = { ...layer, mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" };
    const put = async (registry: Client, layers: readonly Descriptor[]): Promise<Response> => {
      const body = encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });
      return registry.send("PUT", "/v2/a/manifests/v1", { headers, body });
    };
    expect(await errorOf(await put(await withConfig(), [layer]))).toEqual([400, "MANIFEST_BLOB_UNKNOWN"]);
    expect(await errorOf(await put(client(), []))).toEqual([400, "MANIFEST_BLOB_UNKNOWN"]);
    expect((await put(await withConfig(), [foreign])).status).toBe(201);
    expect((await put(client({ missingBlobs: "accept" }), [layer])).status).toBe(201);
  });

  test("PUT on a condition sets the tag only where it holds", async () => {
    const { send } = await withConfig();
    const put = async (condition: Record<string, string>): Promise<number> =>
      (await send("PUT", "/v2/a/manifests/v1", { headers: { ...headers, ...condition }, body: image })).status;
    expect(await put({ "if-match": `"${digestOf(image)}"` })).toBe(412);
    expect(await put({ "if-none-match": "*" })).toBe(201);
    expect(await put({ "if-none-match": "*" })).toBe(412);
    expect(await put({ "if-match": `"${digestOf(image)}"` })).toBe(201);
    expect(await put({ "if-match": '"x"' })).toBe(412);
  });

  test("DELETE of a tag leaves the manifest, of a digest leaves nothing", async () => {
    const { send } = await withConfig();
    await send("PUT", "/v2/a/manifests/v1", { headers, body: image });
    expect((await send("DELETE", "/v2/a/manifests/v1")).status).toBe(202);
    expect(await errorOf(await send("GET", "/v2/a/manifests/v1"))).toEqual([404, "MANIFEST_UNKNOWN"]);
    expect((await send("HEAD", `/v2/a/manifests/${digestOf(image)}`)).status).toBe(200);
    expect((await send("DELETE", `/v2/a/manifests/${digestOf(image)}`)).status).toBe(202);
    expect((await send("HEAD", `/v2/a/manifests/${digestOf(image)}`)).status).toBe(404);
  });
});

describe("lists", () => {
  test("tags come sorted, in pages that link to the next one", async () => {
    const { send, store } = client();
    const image = await pushImage(store.repository("a"), 1);
    for (const tag of ["b", "a", "C", "d"]) await store.repository("a").tag(tag, image);
    const page = async (path: string): Promise<readonly [unknown, string | null]> => {
      const response = await send("GET", path);
      return [((await response.json()) as { tags: unknown }).tags, response.headers.get("link")];
    };
    expect(await page("/v2/a/tags/list")).toEqual([["C", "a", "b", "d"], null]);
    expect(await page("/v2/a/tags/list?n=2")).toEqual([["C", "a"], '</v2/a/tags/list?n=2&last=a>; rel="next"']);
    expect(await page("/v2/a/tags/list?n=2&last=a")).toEqual([["b", "d"], null]);
    expect(await page("/v2/a/tags/list?last=aa")).toEqual([["b", "d"], null]);
    expect(await page("/v2/a/tags/list?n=0")).toEqual([[], null]);
    expect((await send("GET", "/v2/a/tags/list?n=-1")).status).toBe(400);
    expect(await errorOf(await send("GET", "/v2/nobody/tags/list"))).toEqual([404, "NAME_UNKNOWN"]);
  });

  test("the catalog names repositories", async () => {
    const { send, store } = client();
    for (const name of ["b", "a/c"]) await pushImage(store.repository(name), 1);
    expect(await (await send("GET", "/v2/_catalog")).json()).toEqual({ repositories: ["a/c", "b"] });
    const page = await send("GET", "/v2/_catalog?n=1");
    expect(page.headers.get("link")).toBe('</v2/_catalog?n=1&last=a%2Fc>; rel="next"');
  });

  test("referrers are listed and filtered, none for a subject nobody knows", async () => {
    const { send, store } = client();
    const subject = await pushImage(store.repository("a"), 1);
    const one = await pushImage(store.repository("a"), 2, { subject, artifactType: "application/vnd.example.a+b" });
    const two = await pushImage(store.repository("a"), 3, { subject });
    const list = async (path: string): Promise<readonly [Response, readonly string[]]> => {
      const response = await send("GET", path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(OCI_INDEX);
      const index = (await response.json()) as { mediaType: string; manifests: readonly Descriptor[] };
      expect(index.mediaType).toBe(OCI_INDEX);
      return [response, index.manifests.map(({ digest }) => digest)];
    };
    const [all, digests] = await list(`/v2/a/referrers/${subject.digest}`);
    expect(digests).toEqual([one.digest, two.digest]);
    expect(all.headers.get("oci-filters-applied")).toBeNull();
    const type = encodeURIComponent("application/vnd.example.a+b");
    const [filtered, matching] = await list(`/v2/a/referrers/${subject.digest}?artifactType=${type}`);
    expect(matching).toEqual([one.digest]);
    expect(filtered.headers.get("oci-filters-applied")).toBe("artifactType");
    expect((await list(`/v2/nobody/referrers/${subject.digest}`))[1]).toEqual([]);
  });

  test("referrers of more than 4 MiB come in pages", async () => {
    const { send, store } = client();
    const subject = await pushImage(store.repository("a"), 1);
    const config = await pushBlob(store.repository("a"), noise(3, 3), OCI_CONFIG);
    const pushed: string[] = [];
    for (let i = 0; i < 5; i++) {
      // As written, each `<` takes six bytes.
      const annotations = { i: String(i), text: "<".repeat(250_000) };
      const bytes = encodeManifest({ schemaVersion: 2, config, layers: [], subject, annotations });
      pushed.push((await store.repository("a").pushManifest(bytes, OCI_MANIFEST)).digest);
    }
    let path: string | undefined = `/v2/a/referrers/${subject.digest}`;
    const listed: string[] = [];
    let pages = 0;
    while (path !== undefined) {
      const response: Response = await send("GET", path);
      const bytes = await bytesOf(response);
      expect(bytes.length).toBeLessThanOrEqual(4 * 1024 * 1024);
      const index = JSON.parse(new TextDecoder().decode(bytes)) as { manifests: readonly Descriptor[] };
      listed.push(...index.manifests.map(({ digest }) => digest));
      path = /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
      pages++;
    }
    expect([listed, pages]).toEqual([pushed, 3]);
  });
});

describe("every answer", () => {
  test("may be read by pages, preflights included", async () => {
    const { send } = await withBlob();
    const preflight = await send("OPTIONS", `/v2/a/b/blobs/${DIGEST}`, {
      headers: { origin: "http://page.test", "access-control-request-method": "GET" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/Authorization.*Range/);
    for (const response of [
      preflight,
      await send("GET", `/v2/a/b/blobs/${DIGEST}`),
      await send("GET", "/v2/a/b/manifests/missing"),
    ]) {
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      const exposed = response.headers.get("access-control-expose-headers")?.split(", ");
      for (const name of [
        "Docker-Content-Digest",
        "Content-Range",
        "Content-Length",
        "Link",
        "WWW-Authenticate",
        "Location",
        "OCI-Subject",
      ])
        expect(exposed).toContain(name);
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    }
    const restricted = await client({ corsOrigin: "https://page.test" }).send("GET", "/v2/");
    expect(restricted.headers.get("access-control-allow-origin")).toBe("https://page.test");
    expect(restricted.headers.get("vary")).toBe("Origin");
  });

  test.for([
    ["the base", "GET", "/v2/", 200],
    ["another page", "GET", "/", 404],
    ["a method nobody has", "POST", "/v2/", 405],
    ["a method of other paths", "POST", "/v2/a/manifests/v1", 405],
    ["a malformed name", "GET", "/v2/A/tags/list", 400],
  ] as const)("has a status: %s", async ([, method, path, status]) => {
    const response = await client().send(method, path);
    expect(response.status).toBe(status);
    if (status !== 200) await errorOf(response);
    if (status === 405) expect(response.headers.get("allow")).toMatch(/GET, HEAD/);
  });

  test("is 405 for any write where the store is read-only", async () => {
    const memory = createMemoryStore();
    await pushBlob(memory.repository("a"), BLOB, "");
    const store: Store = { readOnly: true, repository: memory.repository, repositories: memory.repositories };
    const { send } = client({}, store);
    for (const [method, path] of [
      ["PUT", "/v2/a/manifests/v1"],
      ["POST", "/v2/a/blobs/uploads/"],
      ["PATCH", "/v2/a/blobs/uploads/1"],
      ["DELETE", `/v2/a/blobs/${DIGEST}`],
    ] as const) {
      expect(await errorOf(await send(method, path))).toEqual([405, "UNSUPPORTED"]);
    }
    expect((await send("GET", `/v2/a/blobs/${DIGEST}`)).status).toBe(200);
    expect((await send("OPTIONS", "/v2/")).headers.get("access-control-allow-methods")).toBe("GET, HEAD");
  });

  test("hides what broke inside, and tells it to onError", async () => {
    const faults: unknown[] = [];
    const broken: Store = {
      repository: () => {
        throw new Error("cannot read /secret/path");
      },
      repositories: createMemoryStore().repositories,
    };
    const response = await client({ onError: (error) => faults.push(error) }, broken).send("GET", "/v2/a/tags/list");
    expect(await response.clone().text()).not.toContain("secret");
    expect(await errorOf(response)).toEqual([500, "UNKNOWN"]);
    expect(faults).toEqual([new Error("cannot read /secret/path")]);
  });
});
