import { printable } from "@socikit/oci";
import type { CliIo } from "./io.ts";

/** Longest answer that is read, in characters: what is longer is no yes. */
const MAX_ANSWER = 1000;

/** Whether there is someone to ask: a terminal to write to, and one to read from. */
export function canAsk({ stderr, stdinIsTTY }: Pick<CliIo, "stderr" | "stdinIsTTY">): boolean {
  return stderr.isTTY && stdinIsTTY;
}

/** Asks on stderr and reads a line of standard input. Resolves to whether it says yes. Rejects when the signal aborts. */
export async function confirm(
  question: string,
  { stderr, stdin, signal }: Pick<CliIo, "stderr" | "stdin" | "signal">,
): Promise<boolean> {
  await stderr.write(`${printable(question)} [y/N] `);
  return /^\s*y(?:es)?\s*$/i.test(await firstLine(stdin, signal));
}

async function firstLine(input: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const iterator = input[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (!text.includes("\n") && text.length < MAX_ANSWER) {
      const { done, value } = await untilAborted(iterator.next(), signal);
      if (done === true) break;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    // Not awaited: where nobody types anything, it would wait for that.
    void iterator.return?.().catch(() => {});
  }
  return text.split("\n")[0]!;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}
