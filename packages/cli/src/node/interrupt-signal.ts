import { CliError } from "../errors.ts";
import { EXIT_CODES } from "../exit-codes.ts";

/** How long a command may take to clean up after Ctrl-C before the process ends all the same. */
const GRACE_MS = 1500;

/**
 * A signal that Ctrl-C (or SIGTERM) aborts. The process ends after a grace period even where something does not listen,
 * and at once on the second Ctrl-C.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_CODES.interrupted);
    controller.abort(new CliError("ERR_CLI_INTERRUPTED", "Interrupted"));
    setTimeout(() => process.exit(EXIT_CODES.interrupted), GRACE_MS).unref();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return controller.signal;
}
