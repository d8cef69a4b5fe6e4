import { InflateError, type InflateErrorCode } from "@socikit/inflate";
import { ZtocError, type ZtocErrorCode } from "./errors.ts";

/** An error as it crosses from one thread to another: cloning would leave it its message and take its class and code. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  /** Of an InflateError. */
  readonly offset: number | undefined;
  readonly stack: string | undefined;
  readonly cause: SentError | undefined;
}

/** Causes of causes that are sent along. */
const MAX_DEPTH = 4;

/** Takes an error apart. */
export function sentError(error: unknown, depth: number = MAX_DEPTH): SentError {
  if (!(error instanceof Error))
    return {
      name: "Error",
      message: String(error),
      code: undefined,
      offset: undefined,
      stack: undefined,
      cause: undefined,
    };
  const { code, offset } = error as { readonly code?: unknown; readonly offset?: unknown };
  return {
    name: error.name,
    message: error.message,
    code: typeof code === "string" ? code : undefined,
    offset: typeof offset === "number" ? offset : undefined,
    stack: error.stack,
    cause: error.cause === undefined || depth === 0 ? undefined : sentError(error.cause, depth - 1),
  };
}

/** The same error again: of the class that it had, where that is one of these packages or of the language. */
export function receivedError(sent: SentError): Error {
  const error = emptyError(sent, sent.cause === undefined ? undefined : { cause: receivedError(sent.cause) });
  // Where it was thrown is what helps, not where it came in.
  if (sent.stack !== undefined) error.stack = sent.stack;
  return error;
}

function emptyError({ name, message, code, offset }: SentError, options: ErrorOptions | undefined): Error {
  switch (name) {
    case "ZtocError":
      return new ZtocError(code as ZtocErrorCode, message, options);
    case "InflateError":
      return new InflateError(code as InflateErrorCode, offset ?? 0, message, options);
    case "RangeError":
      return new RangeError(message, options);
    case "TypeError":
      return new TypeError(message, options);
    default:
      return Object.assign(new Error(message, options), { name });
  }
}
