// Stands between the command and a registry and spoils what comes through, as networks and proxies do.
import { createServer, request } from "node:http";

/**
 * Starts a proxy for `target`. `fault` sees each response before its body and may change it:
 * - `{ status: 401 }` and the like: answered instead of asking the registry
 * - `{ whole: true }`: the Range header is dropped, so the registry answers 200 with everything
 * - `{ cutAfter: n }`: the connection ends after n bytes of the body
 * - `{ flip: n }`: bit 0 of byte n of the body is inverted
 * - `{ bytesPerSecond: n }`: the body comes no faster
 * - `{ cutSendingAfter: n }`: the connection ends after n bytes of the request's body
 * - `{ lost: true }`: the registry answers, and the connection ends before anyone hears of it
 * @param {string} target  host and port of the registry
 * @param {(request: { method: string, path: string, range: string | undefined, length: number }) => { status?: number, headers?: Record<string, string>, whole?: true, cutAfter?: number, flip?: number, bytesPerSecond?: number, cutSendingAfter?: number, lost?: true } | undefined} fault
 */
export async function startFaultProxy(target, fault) {
  const [host, port] = target.split(":");
  const requests = [];
  const server = createServer((incoming, outgoing) => {
    const { method, url: path } = incoming;
    const length = Number(incoming.headers["content-length"] ?? 0);
    const what = fault({ method, path, range: incoming.headers.range, length }) ?? {};
    requests.push({ method, path, range: incoming.headers.range });
    if (what.status !== undefined) {
      incoming.resume();
      outgoing.writeHead(what.status, { "content-type": "application/json", ...what.headers });
      outgoing.end(
        JSON.stringify({
          errors: [{ code: what.status === 401 ? "UNAUTHORIZED" : "UNKNOWN", message: `fault ${what.status}` }],
        }),
      );
      return;
    }
    const headers = { ...incoming.headers };
    if (what.whole) delete headers.range;
    const upstream = request({ host, port, method, path, headers }, (answer) => {
      if (what.lost) {
        answer.resume().on("end", () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode, answer.headers);
      void pass(answer, outgoing, what);
    });
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    incoming.pipe(upstream);
    let sent = 0;
    incoming.on("data", (chunk) => {
      sent += chunk.length;
      if (sent <= (what.cutSendingAfter ?? Infinity)) return;
      upstream.destroy();
      incoming.destroy();
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    host: `127.0.0.1:${server.address().port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function pass(answer, outgoing, { cutAfter = Infinity, flip = -1, bytesPerSecond = Infinity }) {
  let at = 0;
  try {
    for await (const chunk of answer) {
      if (at + chunk.length > cutAfter) {
        outgoing.write(chunk.subarray(0, cutAfter - at), () => outgoing.destroy());
        return;
      }
      if (flip >= at && flip < at + chunk.length) chunk[flip - at] ^= 1;
      at += chunk.length;
      if (!outgoing.write(chunk)) await drained(outgoing);
      if (outgoing.destroyed) return;
      if (bytesPerSecond < Infinity)
        await new Promise((done) => setTimeout(done, (chunk.length / bytesPerSecond) * 1000));
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

/** Waits until more can be written, or nobody listens any more. */
function drained(outgoing) {
  return new Promise((done) => {
    const go = () => {
      outgoing.off("drain", go).off("close", go);
      done();
    };
    outgoing.on("drain", go).on("close", go);
  });
}
