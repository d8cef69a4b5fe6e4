import { digestOf } from "@socikit/oci";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { fetchTransport } from "../fetch-transport.ts";
import { openRepository, type RemoteRepository } from "../repository.ts";
import { testBlobSource } from "../testing/blob-source-contract.ts";
import { nodeTransport } from "./node-transport.ts";

const BLOB = new Uint8Array(300_000).map((_, i) => (i * 31) ^ (i >> 8));
const DIGEST = digestOf(BLOB);
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;
const honest: Handler = (request, response) => {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  if (match === null) return void response.writeHead(200, { "content-length": BLOB.length }).end(BLOB);
  const [start, end] = [Number(match[1]), Number(match[2]) + 1];
  response
    .writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${BLOB.length}`, "content-length": end - start })
    .end(BLOB.subarray(start, end));
};

async function serve(
  handler: Handler,
  options: { transport?: "fetch"; impatient?: true } = {},
): Promise<{ repository: RemoteRepository; sockets: () => number; port: number }> {
  let sockets = 0;
  let count = 0;
  const server = createServer((request, response) => handler(request, response, count++));
  server.on("connection", () => (sockets += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const node = nodeTransport();
  closers.push(async () => {
    await node.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const transport = options.transport === "fetch" ? fetchTransport() : node;
  const repository = openRepository(`127.0.0.1:${port}/a/b`, {
    transport,
    ...(options.impatient ? { headersTimeoutMs: 600, idleTimeoutMs: 300 } : {}),
    maxRetries: 1,
  });
  return { repository, sockets: () => sockets, port };
}
const open = async (handler: Handler, options?: { transport?: "fetch"; impatient?: true }) =>
  (await serve(handler, options)).repository.open({ digest: DIGEST, size: BLOB.length });

testBlobSource("nodeTransport()", BLOB, () => open(honest));

// undici's dump() never settled on such bodies, and a process with nothing else to wait for ended in silence.
test.each([
  [500, "ERR_REGISTRY_STATUS"],
  [403, "ERR_REGISTRY_DENIED"],
  [404, "ERR_REGISTRY_MANIFEST_UNKNOWN"],
])("a chunked error page of 300 kB with status %d: an error in time", { timeout: 20_000 }, async (status, code) => {
  const { repository } = await serve((_, response) => void response.writeHead(status).end("x".repeat(300_000)));
  await expect(repository.fetchManifest("latest")).rejects.toMatchObject({ code });
});

test("cancelling a body settles, whatever is left of it", { timeout: 5_000 }, async () => {
  const { port } = await serve((_, response) => void response.writeHead(200).end("x".repeat(3_000_000)));
  const transport = nodeTransport();
  closers.push(() => transport.close());
  const { body } = await transport.send({ method: "GET", url: `http://127.0.0.1:${port}/`, headers: {} });
  const reader = body!.getReader();
  await reader.read();
  await reader.cancel();
});

describe.for(["node", "fetch"] as const)("over %s", (kind) => {
  const options = kind === "fetch" ? { transport: "fetch" as const } : {};

  test("a connection cut in the middle of a body: the read goes on", async () => {
    const source = await open((request, response, count) => {
      if (count > 0) return honest(request, response, count);
      response.writeHead(206, { "content-range": `bytes 0-99999/${BLOB.length}`, "content-length": 100_000 });
      response.write(BLOB.subarray(0, 5_000), () => setTimeout(() => response.destroy(), 20));
    }, options);
    expect(Buffer.compare(await source.read(0, 100_000), BLOB.subarray(0, 100_000))).toBe(0);
  });

  test("a body that stops: a coded error in time", async () => {
    const source = await open(
      (request, response) => {
        const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1]);
        const fields = { "content-range": `bytes ${start}-999/${BLOB.length}`, "content-length": 1_000 - start };
        response.writeHead(206, fields).write(BLOB.subarray(start, start + 10));
      },
      { ...options, impatient: true },
    );
    await expect(source.read(0, 1_000)).rejects.toMatchObject({ code: "ERR_REGISTRY_TIMEOUT" });
  });

  test("no answer at all: a coded error in time", async () => {
    const source = await open(() => {}, { ...options, impatient: true });
    await expect(source.read(0, 1_000)).rejects.toMatchObject({ code: "ERR_REGISTRY_TIMEOUT" });
  });

  test("a content coding that nobody asked for: refused, not undone", async () => {
    const source = await open((_, response) => {
      const body = gzipSync(BLOB.subarray(0, 1_000));
      response
        .writeHead(206, {
          "content-range": `bytes 0-999/${BLOB.length}`,
          "content-encoding": "gzip",
          "content-length": body.length,
        })
        .end(body);
    }, options);
    await expect(source.read(0, 1_000)).rejects.toMatchObject({ code: "ERR_REGISTRY_CONTENT_CODING" });
  });

  test("416 as docker-registry has it, with the blob's length and 33 bytes: no hang", async () => {
    const source = await open((_, response) => {
      response.writeHead(416, { "content-range": `bytes */${BLOB.length}`, "content-length": BLOB.length });
      response.write(new Uint8Array(33), () => response.destroy());
    }, options);
    await expect(source.read(0, 1_000)).rejects.toMatchObject({ code: "ERR_REGISTRY_PROTOCOL" });
  });

  test("a redirect is followed by us: without Authorization, with Range", async () => {
    const seen: (string | undefined)[][] = [];
    const storage = await serve((request, response, count) => {
      seen.push([request.url, request.headers.authorization, request.headers.range]);
      honest(request, response, count);
    });
    const { repository } = await serve((request, response) => {
      seen.push([request.url, request.headers.authorization, request.headers.range]);
      if (request.headers.authorization === undefined)
        return void response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      response.writeHead(307, { location: `http://127.0.0.1:${storage.port}/blob?sig=1` }).end("moved");
    }, options);
    const signed = openRepository(repository.reference, {
      transport: kind === "fetch" ? fetchTransport() : nodeTransport(),
      credentials: async () => ({ username: "u", password: "p" }),
    });
    const source = await signed.open({ digest: DIGEST, size: BLOB.length });
    expect(Buffer.compare(await source.read(10, 20), BLOB.subarray(10, 30))).toBe(0);
    expect(seen).toEqual([
      [`/v2/a/b/blobs/${DIGEST}`, undefined, "bytes=10-29"],
      [`/v2/a/b/blobs/${DIGEST}`, `Basic ${Buffer.from("u:p").toString("base64")}`, "bytes=10-29"],
      ["/blob?sig=1", undefined, "bytes=10-29"],
    ]);
  });
});

test("nodeTransport(): two connections at most serve requests in a row, HEAD, 404 and redirects among them", async () => {
  const { repository, sockets } = await serve((request, response, count) => {
    if (request.url!.includes("manifests")) return void response.writeHead(404).end('{"errors":[]}');
    if (!request.url!.includes("moved") && count % 2 === 0)
      return void response.writeHead(307, { location: "/moved", "content-length": 5 }).end("moved");
    honest(request, response, count);
  });
  const source = await repository.open({ digest: DIGEST, size: BLOB.length });
  for (let i = 0; i < 10; i++) await source.read(i, 1_000);
  await repository.resolve("latest").catch(() => {});
  await source.read(0, 1_000);
  // undici's pool frees a connection one turn after the body's end, so requests in a row may alternate between two.
  expect(sockets()).toBeLessThanOrEqual(2);
});

test("nodeTransport(): chunks are plain arrays, whose slice() copies", async () => {
  const source = await open(honest);
  for await (const chunk of source.stream!(0, 1_000)) {
    expect(Object.getPrototypeOf(chunk)).toBe(Uint8Array.prototype);
    const copy = chunk.slice(0, 1);
    copy[0]! ^= 0xff;
    expect(chunk[0]).not.toBe(copy[0]);
  }
});

test("nodeTransport(): a registry that is not there is named", async () => {
  const transport = nodeTransport();
  closers.push(() => transport.close());
  const repository = openRepository("127.0.0.1:1/a/b", { transport, maxRetries: 0 });
  await expect(repository.resolve("latest")).rejects.toMatchObject({
    code: "ERR_REGISTRY_NETWORK",
    message: expect.stringContaining("Cannot reach 127.0.0.1:1: the connection was refused"),
  });
});

test("nodeTransport(): a blob is uploaded in chunks, and a stream as body is sent", async () => {
  const bodies: string[] = [];
  const { repository, port } = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      bodies.push(`${request.method} ${Buffer.concat(chunks).length}`);
      response.writeHead(request.method === "PUT" ? 201 : 202, { location: "/u" }).end();
    });
  });
  const upload = await repository.begin();
  await upload.write(BLOB);
  await upload.commit(DIGEST);
  const transport = nodeTransport();
  closers.push(() => transport.close());
  const body = new Blob([BLOB]).stream() as ReadableStream<Uint8Array>;
  await (await transport.send({ method: "POST", url: `http://127.0.0.1:${port}/x`, headers: {}, body })).body?.cancel();
  expect(bodies).toEqual(["POST 0", `PUT ${BLOB.length}`, `POST ${BLOB.length}`]);
});

test("nodeTransport() heeds http_proxy, except for this machine and where told not to", async () => {
  const seen: string[] = [];
  const { port } = await serve((request, response) => {
    seen.push(request.url!);
    response.writeHead(404).end();
  });
  vi.stubEnv("http_proxy", `http://127.0.0.1:${port}`);
  vi.stubEnv("no_proxy", "");
  const [proxied, direct] = [nodeTransport(), nodeTransport({ environmentProxy: false })];
  vi.unstubAllEnvs();
  closers.push(proxied.close, direct.close);
  const send = async (transport: typeof proxied, url: string): Promise<unknown> => {
    const response = await transport.send({ method: "GET", url, headers: {} });
    await response.body?.cancel();
    return response.status;
  };
  expect(await send(proxied, "http://registry.invalid/v2/")).toBe(404);
  expect(await send(proxied, `http://127.0.0.1:${port}/v2/`)).toBe(404);
  await expect(send(direct, "http://registry.invalid/v2/")).rejects.toThrow();
  expect(seen).toEqual(["http://registry.invalid/v2/", "/v2/"]);
});
