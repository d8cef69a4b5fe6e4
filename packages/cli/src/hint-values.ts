import { COMMANDS } from "./command-table.ts";
import { commandTitle } from "./command-spec.ts";
import { parseLocation, parseRepository, type Location } from "./location.ts";
import { parseCommandLine } from "./parse-command-line.ts";

/** What of a command line stands in hints, so that they can be typed as they are. */
export interface HintValues {
  /** The command: `ztoc build`. */
  readonly command?: string | undefined;
  /** The image that is read, as it was typed. */
  readonly image?: string | undefined;
  /** Registries that are named, the image's first. */
  readonly hosts: readonly string[];
  /** The first path in the image. */
  readonly path?: string | undefined;
}

/** Reads them of a command line; of one that is wrong there are none. */
export function hintValues(args: readonly string[]): HintValues {
  try {
    const line = parseCommandLine(args, COMMANDS);
    if (line.kind !== "run") return { hosts: [] };
    const { invocation } = line;
    const has = (name: string): boolean => invocation.command.arguments.some((argument) => argument.name === name);
    const valueOf = (name: string): string | undefined => (has(name) ? invocation.argumentList(name)[0] : undefined);
    const image = valueOf("REF") ?? valueOf("SRC");
    const hosts = [
      ...[image, valueOf("DST")].flatMap((text) => (text === undefined ? [] : hostOf(text, parseLocation))),
      ...(has("REPOSITORY") ? hostOf(invocation.argument("REPOSITORY"), parseRepository) : []),
    ];
    return { command: commandTitle(invocation.command), image, hosts, path: valueOf("PATH") };
  } catch {
    return { hosts: [] };
  }
}

function hostOf(text: string, parse: (text: string) => Location): readonly string[] {
  try {
    const location = parse(text);
    return location.kind === "registry" ? [location.reference.registry] : [];
  } catch {
    return [];
  }
}
