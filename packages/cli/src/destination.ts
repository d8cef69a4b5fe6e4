import { CliError } from "./errors.ts";
import type { CliIo, CliOutput } from "./io.ts";
import { parseLocation, type Location } from "./location.ts";

/**
 * Parses where an image is to be written.
 *
 * @throws {CliError} `ERR_CLI_LOCATION` for what names an image by its digest, which it has not got yet; and as
 * `parseLocation` does.
 */
export function parseDestination(text: string): Location {
  const location = parseLocation(text);
  const { digest } = location.kind === "registry" ? location.reference : location;
  if (digest !== undefined)
    throw new CliError(
      "ERR_CLI_LOCATION",
      `Cannot write ${JSON.stringify(text)}: a destination has a tag, not a digest`,
      { hint: "host/repo:tag, oci-layout:DIR[:tag] or oci-archive:FILE[:tag]" },
    );
  return location;
}

/** Names of standard output, as systems have them. */
const STDOUT: ReadonlySet<string> = new Set(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]);

/** Where a command says what it did: stdout, but where an archive has gone there, which nothing may follow, stderr. */
export function reportOutput(
  { stdout, stderr }: Pick<CliIo, "stdout" | "stderr">,
  archive: string | undefined,
): CliOutput {
  return archive !== undefined && STDOUT.has(archive) ? stderr : stdout;
}

/** The file of an archive; `undefined` of other places. */
export function archiveFile(location: Location | undefined): string | undefined {
  return location?.kind === "archive" ? location.file : undefined;
}

/** The tag that names what is written: the destination's, else the source's, else none. */
export function tagFor(destination: Location, source: Location): string | undefined {
  return tagOf(destination) ?? tagOf(source);
}

function tagOf(location: Location): string | undefined {
  return location.kind === "registry" ? location.reference.tag : location.tag;
}

/** The repository that the destination's registry can mount blobs from, where the source is another one in it. */
export function mountableFrom(source: Location, destination: Location): string | undefined {
  if (source.kind !== "registry" || destination.kind !== "registry") return undefined;
  const { registry, repository } = source.reference;
  if (registry !== destination.reference.registry || repository === destination.reference.repository) return undefined;
  return repository;
}
