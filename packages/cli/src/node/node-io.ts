import { hostPlatform } from "@socikit/oci";
import { availableParallelism, homedir } from "node:os";
import { isatty } from "node:tty";
import type { Transport } from "@socikit/registry";
import type { CliIo, CliOutput } from "../io.ts";
import { nodeFiles } from "./node-files.ts";

/**
 * What a command touches, from this process.
 *
 * @param signal Ends the command; the caller wires it to Ctrl-C.
 */
export function nodeIo(signal: AbortSignal): CliIo {
  return {
    stdout: outputOf(process.stdout, { rejects: true }),
    stderr: outputOf(process.stderr, { rejects: false }),
    // Opened when first read: opening it keeps the process alive.
    stdin: { [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> },
    // Asked without opening it.
    stdinIsTTY: isatty(0),
    env: process.env,
    signal,
    files: nodeFiles(),
    architecture: hostPlatform(process.arch).architecture,
    processors: availableParallelism(),
    system: process.platform,
    home: homedir(),
    now: () => performance.now(),
    // Loaded by commands that talk to a registry: help and ztoc build start without undici.
    openTransport,
    credentials: async () => (await import("@socikit/registry/node")).dockerCredentials(),
  };
}

async function openTransport(): Promise<Transport & { close?(): Promise<void> }> {
  // Bun answers imports of undici with a stand-in of its own, which has no dispatchers; its fetch does what we need.
  if (process.versions["bun"] !== undefined) return (await import("@socikit/registry")).fetchTransport();
  return (await import("@socikit/registry/node")).nodeTransport();
}

/** What of a `tty.WriteStream` is used; a type of one's own, since declarations of `node:` modules are not everywhere. */
interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  on(event: "error", listener: (error: Error) => void): unknown;
  write(chunk: string | Uint8Array, done: (error?: Error | null) => void): unknown;
}

/** An output of this process. `rejects`: whether a write that fails is told of. */
export function outputOf(stream: OutputStream, { rejects }: { readonly rejects: boolean }): CliOutput {
  // Without a listener, EPIPE ends the process with a stack trace. Whoever writes hears of it from its write.
  stream.on("error", () => {});
  return {
    isTTY: stream.isTTY === true,
    // A terminal that nobody has told its size, as in some containers, has none: 0.
    get columns() {
      return (stream.isTTY === true && stream.columns) || 80;
    },
    get rows() {
      return (stream.isTTY === true && stream.rows) || 24;
    },
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stream.write(chunk, (error) => {
          if (error && rejects) reject(brokenPipe(error));
          else resolve();
        });
      }),
  };
}

/** The writes after one that met EPIPE fail as writes to a destroyed stream: the same thing. */
function brokenPipe(error: Error & { readonly code?: unknown }): Error {
  return error.code === "ERR_STREAM_DESTROYED" ? Object.assign(error, { code: "EPIPE" }) : error;
}
