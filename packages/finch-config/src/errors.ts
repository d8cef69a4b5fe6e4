/** Codes of {@linkcode FinchConfigError}, each one distinct cause. Codes are stable API; messages are not. */
export const FINCH_CONFIG_ERROR_CODES = [
  "ERR_FINCH_CONFIG_SYNTAX",
  "ERR_FINCH_CONFIG_VALUE",
  "ERR_FINCH_CONFIG_TOO_LARGE",
  "ERR_FINCH_CONFIG_NOT_EDITABLE",
] as const;

/** One of {@linkcode FINCH_CONFIG_ERROR_CODES}. */
export type FinchConfigErrorCode = (typeof FINCH_CONFIG_ERROR_CODES)[number];

/** Where in a file something is. */
export interface FilePosition {
  /** Line, from 1. */
  readonly line: number;
  /** Column in UTF-16 code units, from 1. */
  readonly column: number;
}

/** A `finch.yaml` that cannot be read or edited. */
export class FinchConfigError extends Error {
  override readonly name = "FinchConfigError";
  /** The distinct cause. */
  readonly code: FinchConfigErrorCode;
  /** Line of the file, from 1, where there is one to name. */
  readonly line: number | undefined;
  /** Column in UTF-16 code units, from 1, where there is one to name. */
  readonly column: number | undefined;

  /** @param at Where in the file; the message gets it too. */
  constructor(
    code: FinchConfigErrorCode,
    message: string,
    options?: ErrorOptions & { readonly at?: FilePosition | undefined },
  ) {
    const at = options?.at;
    super(at === undefined ? message : `${message} (line ${at.line}, column ${at.column})`, options);
    this.code = code;
    this.line = at?.line;
    this.column = at?.column;
  }
}
