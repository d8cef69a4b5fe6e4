import type { Transport } from "@socikit/registry";
import type { CliIo, CliOutput } from "../io.ts";
import { nodeFiles } from "../node/node-files.ts";

/** An output that keeps what is written. */
export interface TextOutput extends CliOutput {
  /** All that was written, as text. */
  text(): string;
  /** All that was written. */
  bytes(): Uint8Array;
}

/** An output that keeps what is written, 80 by 24. */
export function textOutput({ isTTY = false }: { readonly isTTY?: boolean } = {}): TextOutput {
  const chunks: Uint8Array[] = [];
  return {
    isTTY,
    columns: 80,
    rows: 24,
    async write(chunk) {
      chunks.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk.slice());
    },
    text: () => Buffer.concat(chunks).toString(),
    bytes: () => new Uint8Array(Buffer.concat(chunks)),
  };
}

/** What a command touches in a test. */
export interface TestIo extends CliIo {
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
}

/** An io for a test: real files, the transport given, nothing else of this machine. */
export function testIo(change: Partial<CliIo> & { readonly transport?: Transport } = {}): TestIo {
  const { transport, ...rest } = change;
  return {
    stdin: {
      async *[Symbol.asyncIterator]() {
        // Nothing comes from standard input unless a test says so.
      },
    },
    stdinIsTTY: false,
    env: {},
    signal: new AbortController().signal,
    files: nodeFiles(),
    architecture: "amd64",
    // Threads need compiled sources.
    processors: 1,
    system: "linux",
    home: "/nonexistent",
    now: () => 0,
    openTransport: async () => {
      if (transport === undefined) throw new Error("no transport in this test");
      return transport;
    },
    credentials: async () => async () => undefined,
    ...rest,
    stdout: (rest.stdout as TextOutput | undefined) ?? textOutput(),
    stderr: (rest.stderr as TextOutput | undefined) ?? textOutput(),
  };
}
