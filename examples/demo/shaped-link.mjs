// A slow link in this process: a TCP proxy on loopback with a data rate and a round-trip time.
import { connect, createServer } from "node:net";
import { once } from "node:events";

/** Bytes that wait on the link before the sender is held up: about what TCP windows let be on their way. */
const MOST_QUEUED = 4 * 1024 * 1024;

/**
 * Opens a link to a port on this machine. All connections share its rate, as they share a line.
 *
 * What goes up is late by half a round trip; what comes down waits for its turn on the line first. A new connection
 * costs one round trip, as its handshake would. Not modelled: loss, and the slow start of TCP, which would make a pull of many bytes
 * a little slower still.
 *
 * @param {{ port: number, megabitsPerSecond: number, roundTripMs: number }} options
 */
export async function openShapedLink({ port, megabitsPerSecond, roundTripMs }) {
  const bytesPerMs = (megabitsPerSecond * 1e6) / 8 / 1000;
  const oneWayMs = roundTripMs / 2;
  const sockets = new Set();
  let lineFreeAt = 0;
  let bytes = 0;
  const arrivalUp = () => performance.now() + oneWayMs;
  const arrivalDown = (length) => {
    lineFreeAt = Math.max(lineFreeAt, performance.now()) + length / bytesPerMs;
    return lineFreeAt + oneWayMs;
  };
  const count = (length) => void (bytes += length);

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    track(client);
    client.pause();
    setTimeout(() => {
      const upstream = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
      track(upstream);
      carry(client, upstream, arrivalUp, count);
      carry(upstream, client, arrivalDown, count);
      client.resume();
    }, roundTripMs);
  });
  function track(socket) {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    /** Where the near end listens, on 127.0.0.1. */
    port: server.address().port,
    /** Bytes carried so far, both ways. */
    bytes: () => bytes,
    /** Cuts every connection. */
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Carries what one socket says to another, each piece at its time of arrival. */
function carry(from, to, arrivalOf, count) {
  // One queue and one timer: several timers might fire out of order.
  const queue = [];
  let queued = 0;
  let timer;
  const deliver = () => {
    timer = undefined;
    while (queue.length > 0 && queue[0].at <= performance.now()) {
      const { chunk } = queue.shift();
      if (chunk === undefined) to.end();
      else {
        queued -= chunk.length;
        if (!to.destroyed) to.write(chunk);
      }
    }
    if (queue.length > 0) timer = setTimeout(deliver, Math.max(1, queue[0].at - performance.now()));
    if (from.isPaused() && queued < MOST_QUEUED / 2) from.resume();
  };
  const enqueue = (chunk, at) => {
    queue.push({ chunk, at });
    timer ??= setTimeout(deliver, Math.max(0, at - performance.now()));
  };
  from.on("data", (chunk) => {
    count(chunk.length);
    queued += chunk.length;
    enqueue(chunk, arrivalOf(chunk.length));
    if (queued > MOST_QUEUED) from.pause();
  });
  from.on("end", () => enqueue(undefined, arrivalOf(0)));
  from.on("close", () => {
    if (!from.readableEnded) to.destroy();
  });
  from.on("error", () => to.destroy());
}
