import { expect, test } from "vitest";
import { exchange } from "./exchange.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { systemTimer } from "./timer.ts";
import type { Transport, TransportResponse } from "./transport.ts";

const request = { method: "GET", url: "https://registry.example/v2/a/manifests/b?token=secret", headers: {} };

function transportOf(send: () => Promise<TransportResponse>): Transport {
  return { capabilities: { redirects: "visible", contentCoding: "identity" }, send };
}

function answer(body: ReadableStream<Uint8Array> | null): TransportResponse {
  return { status: 200, headers: new Headers(), url: request.url, body };
}

// Nobody listened yet, so the abort was never heard of, and the answer that came was dropped: the exchange did not end.
test("exchange() ends with the reason of an abort that comes from within send(), and cancels the answer", async () => {
  const controller = new AbortController();
  const reason = new Error("no longer wanted");
  let cancelledWith: unknown;
  const transport = transportOf(async () => {
    controller.abort(reason);
    return answer(new ReadableStream({ cancel: (why) => void (cancelledWith = why) }));
  });
  await expect(exchange(transport, request, DEFAULT_LIMITS, systemTimer, controller.signal)).rejects.toBe(reason);
  expect(cancelledWith).toBe(reason);
});

test("exchange() says of which URL an answer broke, without its query", async () => {
  const pulls = [
    (controller: ReadableStreamDefaultController<Uint8Array>) => controller.enqueue(new Uint8Array(7)),
    (controller: ReadableStreamDefaultController<Uint8Array>) => controller.error(new Error("reset")),
  ];
  const body = new ReadableStream<Uint8Array>({ pull: (controller) => pulls.shift()?.(controller) });
  const transport = transportOf(async () => answer(body));
  const { body: guarded } = await exchange(transport, request, DEFAULT_LIMITS, systemTimer);
  await expect(new Response(guarded).arrayBuffer()).rejects.toMatchObject({
    code: "ERR_REGISTRY_NETWORK",
    retryable: true,
    message: expect.stringMatching(
      /^Cannot read https:\/\/registry\.example\/v2\/a\/manifests\/b\S*: the connection broke after 7 bytes$/,
    ),
  });
});
