/** Codes of {@linkcode CliError}, each one distinct cause. Codes are stable API; messages are not. */
export const CLI_ERROR_CODES = [
  "ERR_CLI_UNKNOWN_COMMAND",
  "ERR_CLI_UNKNOWN_OPTION",
  "ERR_CLI_OPTION_VALUE",
  "ERR_CLI_MISSING_ARGUMENT",
  "ERR_CLI_EXTRA_ARGUMENT",
  "ERR_CLI_LOCATION",
  "ERR_CLI_LOCATION_NOT_YET",
  "ERR_CLI_COMPRESSION",
  "ERR_CLI_NO_FILE",
  "ERR_CLI_NO_DIRECTORY",
  "ERR_CLI_NOT_A_DIRECTORY",
  "ERR_CLI_NOT_A_FILE",
  "ERR_CLI_OTHER_ARTIFACT",
  "ERR_CLI_NOT_INDEXED",
  "ERR_CLI_NO_LAYER",
  "ERR_CLI_NOT_IN_LAYER",
  "ERR_CLI_NOT_TEXT",
  "ERR_CLI_RANGE",
  "ERR_CLI_NOT_CONFIRMED",
  "ERR_CLI_TIMEOUT",
  "ERR_CLI_INTERRUPTED",
] as const;

/** One of {@linkcode CLI_ERROR_CODES}. */
export type CliErrorCode = (typeof CLI_ERROR_CODES)[number];

/** What is wrong with a command line, or ends a command from outside. */
export class CliError extends Error {
  override readonly name = "CliError";
  /** The distinct cause. */
  readonly code: CliErrorCode;
  /** What to type instead, where that is known here. Wins over the hint of the error table. */
  readonly hint: string | undefined;

  /** @param options `hint`: what to type instead; `cause`, where another error lies below. */
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions & { readonly hint?: string | undefined }) {
    super(message, options);
    this.code = code;
    this.hint = options?.hint;
  }
}
