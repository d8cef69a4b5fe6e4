/**
 * The command line of socikit, as a function: `main(args, io)` runs one command line and resolves to its exit code. What
 * a command may touch comes in, so that it runs in tests and other programs as it does in a shell.
 *
 * @module
 */
export { main } from "./main.ts";
export type { CliFiles, CliIo, CliOutput } from "./io.ts";
export { nodeIo } from "./node/node-io.ts";
export { EXIT_CODES, EXIT_CODE_MEANINGS, type ExitCode } from "./exit-codes.ts";
export { CLI_ERROR_CODES, CliError, type CliErrorCode } from "./errors.ts";
export { ERROR_TABLE, explainError, type ErrorRow, type Explained, type KnownErrorCode } from "./error-table.ts";
export { COMMANDS } from "./command-table.ts";
export {
  commandTitle,
  usageOf,
  type ArgumentSpec,
  type CommandRun,
  type CommandSpec,
  type ExampleSpec,
  type OptionSpec,
} from "./command-spec.ts";
export { Invocation } from "./invocation.ts";
export { createProgress, type Progress, type ProgressOptions } from "./progress.ts";
export type { ProgressCounts } from "./progress-rows.ts";
export { coloursFor, wantsColours, type Colours } from "./colours.ts";
export { formatBytes, formatDuration } from "./format-quantity.ts";
