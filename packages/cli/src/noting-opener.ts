import type { Invocation } from "./invocation.ts";
import type { CliIo } from "./io.ts";
import { locationOpener, type LocationOpener } from "./open-location.ts";
import type { Progress } from "./progress.ts";

/** An opener by a command's flags, that tells the command's progress of retries and the like; with `--quiet` nobody. */
export function notingOpener(invocation: Invocation, io: CliIo, progress: Progress): LocationOpener {
  return locationOpener(io, {
    plainHttp: invocation.flag("plain-http"),
    debug: invocation.debug,
    ...(invocation.flag("quiet") ? {} : { note: (line: string) => progress.note(line) }),
  });
}
