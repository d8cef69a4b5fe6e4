import {
  copyImage,
  digestOf,
  encodeIndex,
  encodeManifest,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  type CopyEvent,
  type Descriptor,
  type Platform,
} from "@socikit/oci";
import { beforeEach, describe, expect, test } from "vitest";
import { handlerTransport } from "./handler-transport.ts";
import { createMemoryStore } from "./memory-store.ts";
import { openRepository, type RemoteRepository } from "./repository.ts";
import { createRegistryHandler } from "./server.ts";
import type { Transport } from "./transport.ts";

const AMD: Platform = { os: "linux", architecture: "amd64" };
const ARM: Platform = { os: "linux", architecture: "arm64" };
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

interface TestRegistry {
  open(name: string): RemoteRepository;
  requests: string[];
  fail: (request: Request) => Response | undefined;
  transport: Transport;
}

function registry(host: string): TestRegistry {
  const handler = createRegistryHandler(createMemoryStore());
  const state: TestRegistry = {
    requests: [],
    fail: () => undefined,
    transport: handlerTransport(async (request) => {
      const { pathname, search } = new URL(request.url);
      state.requests.push(`${request.method} ${pathname}${search}`);
      return state.fail(request) ?? handler(request);
    }),
    open: (name) => openRepository(`${host}/${name}`, { transport: state.transport, maxRetries: 0 }),
  };
  return state;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
async function put(repository: RemoteRepository, text: string, mediaType: string): Promise<Descriptor> {
  const upload = await repository.begin();
  await upload.write(bytesOf(text));
  const { digest, size } = await upload.commit(digestOf(bytesOf(text)));
  return { mediaType, digest, size };
}

let source: TestRegistry;
let from: RemoteRepository;
let target: TestRegistry;
let to: RemoteRepository;
let images: Record<"amd" | "arm", Descriptor>;
let index: Descriptor;

beforeEach(async () => {
  source = registry("localhost:5000");
  target = registry("localhost:5001");
  from = source.open("src/image");
  to = target.open("dst/image");
  const shared = await put(from, "shared layer", OCI_LAYER_GZIP);
  const image = async (name: string): Promise<Descriptor> => {
    const config = await put(from, `{"name":"${name}"}`, OCI_CONFIG);
    const own = await put(from, `layer of ${name}`, OCI_LAYER_GZIP);
    return from.pushManifest(
      encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [shared, own] }),
      OCI_MANIFEST,
    );
  };
  images = { amd: await image("amd"), arm: await image("arm") };
  const attestation = {
    ...(await image("attestation")),
    platform: { os: "unknown", architecture: "unknown" },
    annotations: { "vnd.docker.reference.digest": images.amd.digest },
  };
  const bytes = encodeIndex({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [{ ...images.amd, platform: AMD }, { ...images.arm, platform: ARM }, attestation],
  });
  index = await from.pushManifest(bytes, OCI_INDEX);
  await from.tag("latest", index);
});

describe("copyImage()", () => {
  test("copies everything, each blob once, manifests after blobs, the index after its children, the tag last", async () => {
    const events: CopyEvent[] = [];
    const copied = await copyImage(from, to, "latest", { tag: "v1", onEvent: (event) => events.push(event) });
    expect(copied).toEqual(index);
    expect(await to.resolve("v1")).toEqual(index);
    const puts = target.requests.filter((request) => request.startsWith("PUT"));
    const firstManifest = puts.findIndex((request) => request.includes("/manifests/"));
    expect(firstManifest).toBe(7);
    expect(puts.slice(firstManifest).every((request) => request.includes("/manifests/"))).toBe(true);
    expect(puts.slice(-2)).toEqual([`PUT /v2/dst/image/manifests/${index.digest}`, "PUT /v2/dst/image/manifests/v1"]);
    expect(events.filter(({ type }) => type === "blob-copied")).toHaveLength(7);
    expect(events.at(-1)).toEqual({ v: 1, type: "tagged", tag: "v1", descriptor: index });
    expect((await to.fetchManifest(images.arm)).bytes).toEqual((await from.fetchManifest(images.arm)).bytes);
  });

  test("sends no blob that is there already", async () => {
    await copyImage(from, to, "latest");
    target.requests.length = 0;
    const events: CopyEvent[] = [];
    await copyImage(from, to, "latest", { onEvent: (event) => events.push(event) });
    expect(target.requests.filter((request) => request.startsWith("POST"))).toEqual([]);
    expect(events.filter((event) => event.type === "blob-skipped" && event.reason === "present")).toHaveLength(7);
  });

  test("mounts within a registry", async () => {
    const events: CopyEvent[] = [];
    const other = source.open("dst/image");
    await copyImage(from, other, "latest", { mountFrom: "src/image", onEvent: (event) => events.push(event) });
    expect(events.filter((event) => event.type === "blob-skipped" && event.reason === "mounted")).toHaveLength(7);
  });

  test("of one platform copies its manifest alone", async () => {
    expect(await copyImage(from, to, "latest", { platforms: [ARM], tag: "v1" })).toMatchObject({
      digest: images.arm.digest,
    });
    expect(await to.resolve("v1")).toEqual(images.arm);
    expect(await to.stat(digestOf(bytesOf("layer of amd")))).toBeUndefined();
  });

  test("of a platform with what belongs to it makes a smaller index", async () => {
    const copied = await copyImage(from, to, "latest", { platforms: [AMD] });
    expect(copied.mediaType).toBe(OCI_INDEX);
    const { manifests } = JSON.parse(new TextDecoder().decode((await to.fetchManifest(copied)).bytes)) as {
      manifests: Descriptor[];
    };
    expect(manifests.map(({ digest }) => digest)[0]).toBe(images.amd.digest);
    expect(manifests).toHaveLength(2);
  });

  test("of a platform that is not there names those that are", async () => {
    const error = await failure(copyImage(from, to, "latest", { platforms: [{ os: "linux", architecture: "s390x" }] }));
    expect(error).toMatchObject({ code: "ERR_OCI_PLATFORM_NOT_FOUND" });
    expect(String(error)).toContain("linux/amd64, linux/arm64");
    expect(target.requests).toEqual([]);
  });

  test("that fails at a blob writes no manifest and no tag", async () => {
    target.fail = (request) =>
      request.method === "PUT" && new URL(request.url).pathname.includes("/blobs/")
        ? new Response(null, { status: 403 })
        : undefined;
    expect(await failure(copyImage(from, to, "latest", { tag: "v1" }))).toMatchObject({ code: "ERR_REGISTRY_DENIED" });
    expect(target.requests.filter((request) => request.includes("/manifests/"))).toEqual([]);
  });

  test("that fails at a manifest writes no tag", async () => {
    target.fail = (request) =>
      request.url.endsWith(index.digest) && request.method === "PUT" ? new Response(null, { status: 403 }) : undefined;
    expect(await failure(copyImage(from, to, "latest", { tag: "v1" }))).toMatchObject({ code: "ERR_REGISTRY_DENIED" });
    expect(target.requests).not.toContain("PUT /v2/dst/image/manifests/v1");
  });

  test("that is aborted rejects with the reason, and leaves no upload open", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const copy = copyImage(from, to, "latest", {
      signal: controller.signal,
      tag: "v1",
      onEvent: (event) => {
        if (event.type === "blob-progress") controller.abort(reason);
      },
    });
    expect(await failure(copy)).toBe(reason);
    expect(target.requests.filter((request) => request.includes("/manifests/"))).toEqual([]);
    const begun = target.requests.filter((request) => request.startsWith("POST")).length;
    const ended = target.requests.filter(
      (request) => request.startsWith("DELETE") || (request.startsWith("PUT") && request.includes("digest=")),
    ).length;
    expect(ended).toBe(begun);
  });

  test("of a blob that is not what its digest says fails at both ends", async () => {
    const digest = digestOf(bytesOf("shared layer"));
    source.fail = (request) =>
      request.method === "GET" && request.url.endsWith(digest) ? new Response("shared layeR") : undefined;
    expect(await failure(copyImage(from, to, "latest", { tag: "v1" }))).toMatchObject({
      code: "ERR_OCI_DIGEST_MISMATCH",
    });
    expect(target.requests.filter((request) => request.includes("/manifests/"))).toEqual([]);
  });

  test("leaves foreign layers where they are, and does not follow their URLs", async () => {
    const config = await put(from, "{}", OCI_CONFIG);
    const foreign = {
      mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      digest: digestOf(bytesOf("foreign")),
      size: 7,
      urls: ["https://evil.test/x"],
    };
    const image = await from.pushManifest(
      encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [foreign] }),
      OCI_MANIFEST,
    );
    const events: CopyEvent[] = [];
    await copyImage(from, to, image.digest, { onEvent: (event) => events.push(event) });
    expect(events).toContainEqual({ v: 1, type: "blob-skipped", digest: foreign.digest, size: 7, reason: "foreign" });
  });

  test("to a name that is no tag is a TypeError", async () => {
    expect(await failure(copyImage(from, to, "latest", { tag: "a/b" }))).toBeInstanceOf(TypeError);
  });
});

test("copyImage() keeps no more than 64 MiB of manifests", async () => {
  const manifest = encodeManifest({
    schemaVersion: 2,
    config: { mediaType: OCI_CONFIG, digest: digestOf(new Uint8Array(0)), size: 0 },
    layers: [],
  });
  // 4 MiB each, spaces most of them.
  const bytes = new Uint8Array(4 * 1024 * 1024).fill(0x20);
  bytes.set(manifest);
  const manifests = Array.from({ length: 17 }, (_, i) => ({
    mediaType: OCI_MANIFEST,
    digest: digestOf(Uint8Array.of(i)),
    size: bytes.length,
  }));
  const index = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  const root: Descriptor = { mediaType: OCI_INDEX, digest: digestOf(index), size: index.length };
  const source = {
    ...createMemoryStore().repository("a"),
    resolve: async () => root,
    fetchManifest: async (target: string | Descriptor) =>
      typeof target === "string" ? { descriptor: root, bytes: index } : { descriptor: target, bytes },
    stat: async () => undefined,
    open: async () => Promise.reject(new Error("no blobs")),
    stream: async () => Promise.reject(new Error("no blobs")),
  };
  const target = createMemoryStore().repository("b");
  await expect(copyImage(source, target, "1")).rejects.toMatchObject({ code: "ERR_OCI_TOO_LARGE" });
});
