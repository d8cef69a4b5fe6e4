import { request as nodeRequest } from "node:http";
import { connect } from "node:net";
import { digestOf } from "@socikit/oci";
import { afterEach, expect, test } from "vitest";
import { createMemoryStore } from "../memory-store.ts";
import { createRegistryHandler } from "../server/handler.ts";
import { expectBytes, noise, pushBlob } from "../testing/store-cases.ts";
import { serveRegistry, type ServedRegistry } from "./serve-registry.ts";

const running: ServedRegistry[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((registry) => registry.close()));
});

async function serve(
  handler: (request: Request) => Promise<Response>,
): Promise<ServedRegistry & { faults: unknown[] }> {
  const faults: unknown[] = [];
  const registry = await serveRegistry(handler, { onError: (error) => faults.push(error) });
  running.push(registry);
  return { ...registry, faults };
}

const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
};

test("serveRegistry() takes an upload and gives it back, whole and in ranges", async () => {
  const { url, faults } = await serve(createRegistryHandler(createMemoryStore()));
  const bytes = noise(3_000_000, 1);
  const digest = digestOf(bytes);
  const push = await fetch(`${url}/v2/a/blobs/uploads/?digest=${digest}`, { method: "POST", body: bytes as BodyInit });
  expect(push.status).toBe(201);
  const whole = await fetch(`${url}/v2/a/blobs/${digest}`);
  expect(whole.headers.get("content-length")).toBe("3000000");
  expectBytes(new Uint8Array(await whole.arrayBuffer()), bytes);
  const range = await fetch(`${url}/v2/a/blobs/${digest}`, { headers: { range: "bytes=1000000-1999999" } });
  expect([range.status, range.headers.get("content-range")]).toEqual([206, "bytes 1000000-1999999/3000000"]);
  expectBytes(new Uint8Array(await range.arrayBuffer()), bytes.subarray(1_000_000, 2_000_000));
  const head = await fetch(`${url}/v2/a/blobs/${digest}`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "3000000"]);
  const missing = await fetch(`${url}/v2/a/manifests/v1`);
  expect([missing.status, await missing.json()]).toMatchObject([404, { errors: [{ code: "MANIFEST_UNKNOWN" }] }]);
  expect(faults).toEqual([]);
});

test("serveRegistry() reads a body no faster than the handler does", async () => {
  let chunks = 0;
  let proceed = (): void => {};
  const gate = new Promise<void>((resolve) => (proceed = resolve));
  const { url } = await serve(async (request) => {
    const reader = request.body!.getReader();
    await reader.read();
    chunks++;
    await gate;
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks++;
    return new Response(String(chunks));
  });
  let written = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        written += 65_536;
        controller.enqueue(new Uint8Array(65_536));
        if (written >= 64 * 1024 * 1024) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
  const answer = fetch(url, init);
  await until(() => chunks === 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // Only what sockets buffer: a few MiB on loopback.
  expect(written).toBeLessThan(32 * 1024 * 1024);
  proceed();
  expect((await answer).status).toBe(200);
  expect(written).toBe(64 * 1024 * 1024);
});

test("serveRegistry() produces a body no faster than the client reads it, and stops when it goes", async () => {
  let produced = 0;
  let cancelled = false;
  let aborted = false;
  const { url, faults } = await serve(async (request) => {
    request.signal.addEventListener("abort", () => (aborted = true));
    return new Response(
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            produced += 65_536;
            controller.enqueue(new Uint8Array(65_536));
          },
          cancel() {
            cancelled = true;
          },
        },
        { highWaterMark: 0 },
      ),
    );
  });
  const client = nodeRequest(url, (response) => response.pause());
  client.on("error", () => {});
  client.end();
  await until(() => produced > 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(produced).toBeLessThan(32 * 1024 * 1024);
  client.destroy();
  await until(() => cancelled && aborted);
  expect(faults).toEqual([]);
});

test("serveRegistry() cuts the connection when a body breaks off, so that nobody takes it for whole", async () => {
  const { url, faults } = await serve(
    async () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            controller.enqueue(new Uint8Array(10));
          },
          pull(controller) {
            controller.error(new Error("the disk is gone"));
          },
        }),
      ),
  );
  await expect(fetch(url).then((response) => response.arrayBuffer())).rejects.toThrow();
  expect(faults).toEqual([new Error("the disk is gone")]);
});

test("serveRegistry() answers 500 for a handler that rejects, 400 for a request that is none", async () => {
  const { url, port, faults } = await serve(() => Promise.reject(new Error("no")));
  expect((await fetch(url)).status).toBe(500);
  expect(faults).toEqual([new Error("no")]);
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write("TRACE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    );
    let text = "";
    socket.on("data", (data) => (text += data.toString()));
    socket.on("close", () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
});

test("serveRegistry() keeps the connection usable after a body that was not read to its end", async () => {
  const { port } = await serve(async (request) => {
    const reader = request.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    return new Response(request.method);
  });
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n${"x".repeat(2_000_000)}`);
      socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    });
    let text = "";
    socket.on("data", (data) => (text += data.toString()));
    socket.on("close", () => resolve(text));
  });
  expect(answer.match(/HTTP\/1.1 200/g)).toHaveLength(2);
});

test("close() ends in time: idle connections at once, an endless answer after a while", async () => {
  const endless = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array(1)) });
  const { url, close } = await serve(
    async (request) => new Response(request.url.endsWith("/endless") ? endless : "ok"),
  );
  await (await fetch(url)).text();
  const hanging = await fetch(`${url}/endless`);
  const before = performance.now();
  await Promise.all([close(), close()]);
  expect(performance.now() - before).toBeLessThan(2000);
  await expect(hanging.arrayBuffer()).rejects.toThrow();
  await expect(fetch(url)).rejects.toThrow();
});

test("serveRegistry() tells of a port that is taken", async () => {
  const { port } = await serve(async () => new Response());
  await expect(serveRegistry(async () => new Response(), { port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("serveRegistry() streams a blob of many chunks to several clients at once", async () => {
  const store = createMemoryStore();
  const bytes = noise(2_000_000, 2);
  const { digest } = await pushBlob(store.repository("a"), bytes, "");
  const { url } = await serve(createRegistryHandler(store));
  const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(`${url}/v2/a/blobs/${digest}`)));
  for (const answer of answers) expectBytes(new Uint8Array(await answer.arrayBuffer()), bytes);
});
