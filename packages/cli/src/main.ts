import { printable } from "@socikit/oci";
import { COMMANDS } from "./command-table.ts";
import { coloursFor, wantsColours } from "./colours.ts";
import { explainError } from "./error-table.ts";
import { CliError } from "./errors.ts";
import { EXIT_CODES, type ExitCode } from "./exit-codes.ts";
import { formatDuration } from "./format-quantity.ts";
import { helpText } from "./help.ts";
import type { CliIo } from "./io.ts";
import { parseCommandLine } from "./parse-command-line.ts";
import { version } from "./version.ts";

/**
 * Runs one command line, without the program's name, and resolves to its exit code. Never rejects and never ends the
 * process. Data goes to stdout, all else to stderr.
 */
export async function main(args: readonly string[], io: CliIo): Promise<ExitCode> {
  const timeout = new AbortController();
  try {
    return await run(args, io, timeout);
  } catch (error) {
    // What runs out of time fails in many ways, as what is interrupted does.
    return report(timeout.signal.aborted && !io.signal.aborted ? timeout.signal.reason : error, args, io);
  }
}

async function run(args: readonly string[], io: CliIo, timeout: AbortController): Promise<ExitCode> {
  const line = parseCommandLine(args, COMMANDS);
  switch (line.kind) {
    case "version":
      await io.stdout.write(`socikit ${await version()}\n`);
      return EXIT_CODES.done;
    case "help": {
      // Help that was asked for is data; help for want of a command is an error's.
      const output = line.asked ? io.stdout : io.stderr;
      const colours = coloursFor(wantsColours(output.isTTY, io.env));
      await output.write(helpText(line.commands, { columns: Math.min(output.columns, 120), colours }));
      return line.asked ? EXIT_CODES.done : EXIT_CODES.usage;
    }
    case "run": {
      io.signal.throwIfAborted();
      const command = await line.invocation.command.load();
      if (line.timeoutMs === undefined) return (await command(line.invocation, io)) ?? EXIT_CODES.done;
      const stop = startTimeout(line.timeoutMs, timeout);
      try {
        const signal = AbortSignal.any([io.signal, timeout.signal]);
        return (await command(line.invocation, { ...io, signal })) ?? EXIT_CODES.done;
      } finally {
        stop();
      }
    }
  }
}

/** Longest that a timer of Node's waits: it ends longer ones at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function startTimeout(ms: number, timeout: AbortController): () => void {
  const error = new CliError(
    "ERR_CLI_TIMEOUT",
    `Cannot finish in time: the ${formatDuration(ms)} of --timeout are over`,
  );
  const timer = setTimeout(() => timeout.abort(error), Math.min(ms, MAX_TIMER_MS));
  return () => clearTimeout(timer);
}

async function report(error: unknown, args: readonly string[], io: CliIo): Promise<ExitCode> {
  // The reader of stdout has left, as `head` does: nothing is wrong, and there is nobody to tell.
  if ((error as { code?: unknown } | null)?.code === "EPIPE") return EXIT_CODES.done;
  const { message, hint, exit } = explainError(error, { args, aborted: io.signal.aborted });
  const colours = coloursFor(wantsColours(io.stderr.isTTY, io.env));
  await io.stderr.write(`${colours.red("socikit:")} ${printable(message)}\n`);
  if (hint !== undefined) await io.stderr.write(`${colours.dim("  →")} ${printable(hint)}\n`);
  if (args.includes("--debug")) await io.stderr.write(`${causes(error)}\n`);
  return exit;
}

/** Stacks of an error and of what caused it. */
function causes(error: unknown): string {
  const lines: string[] = [];
  for (let at: unknown = error; at instanceof Error && lines.length < 10; at = at.cause)
    lines.push(
      (at.stack ?? String(at))
        .split("\n")
        .map((line) => printable(line))
        .join("\n"),
    );
  return lines.join("\ncaused by ");
}
