/**
 * The error of a library, with the name of the file that it is about: a decoder of bytes does not know it. Its cause, the
 * error itself, has the code.
 */
export function locatedError(error: unknown, place: string): unknown {
  if (!(error instanceof Error) || error.name === "CliError" || error.message.includes(place)) return error;
  // Aborts pass as they are.
  if (error.name === "AbortError") return error;
  return new Error(`${place}: ${error.message}`, { cause: error });
}
