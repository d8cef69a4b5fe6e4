/**
 * The error of a library, with the name of the file that it is about: a decoder of bytes does not know it. Its cause, the
 * error itself, has the code.
 */
export function locatedError(error: unknown, place: string): unknown {
  if (!(error instanceof Error) || error.name === "CliError" || error.message.includes(place)) return error;
  // Aborts pass as they are.
  if (error.name === "AbortError") return error;
  // Errors of the host name their own file, and EPIPE is no failure at all.
  if ("syscall" in error || ("code" in error && error.code === "EPIPE")) return error;
  // What a program would change is an option that the command does not have; the hint says what to type.
  const message = error.message.replace(/;[^;]*\bmaxWholeLayerBytes$/, "");
  return new Error(`${place}: ${message}`, { cause: error });
}
