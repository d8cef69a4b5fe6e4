import { parsePlatform, type Platform } from "@socikit/oci";
import {
  decodePrefetchList,
  MAX_PREFETCH_LIST_SIZE,
  parsePrefetchFiles,
  type IndexingOptions,
  type PrefetchPath,
  type PrefetchRequest,
} from "@socikit/soci-index/build";
import { commandTitle } from "./command-spec.ts";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import type { Invocation } from "./invocation.ts";
import { locatedError } from "./located-error.ts";

/** What the options of `INDEXING_OPTION_SPECS` ask for. */
export interface RequestedIndexing extends IndexingOptions {
  readonly hostPlatform: Platform;
  /** Absent: nobody asks. */
  readonly platforms?: readonly Platform[] | "all";
}

/** How the options are read. */
export interface IndexingOptionsReading {
  /** How a platform is read. @default {parsePlatform} */
  readonly parse?: (text: string, host: Platform) => Platform;
  /** Whether files to prefetch are looked for by the reference's rule, even where nobody says `--compat`. */
  readonly compat?: boolean;
}

/**
 * Reads the options of commands that index layers, and the list of files to prefetch, where one is named.
 *
 * @throws {CliError} `ERR_CLI_OPTION_VALUE`. What the list's file and content are wrong in passes through, with its path.
 */
export async function indexingOptions(
  invocation: Invocation,
  io: CliIo,
  { parse = parsePlatform, compat = false }: IndexingOptionsReading = {},
): Promise<RequestedIndexing> {
  const unknown = invocation.texts("optimizations").find((name) => name !== "xattr");
  if (unknown !== undefined)
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      `Cannot run ${commandTitle(invocation.command)}: ${JSON.stringify(unknown)} is not an optimization`,
      { hint: "--optimizations xattr" },
    );
  const hostPlatform: Platform = { os: "linux", architecture: io.architecture };
  const platforms = invocation.texts("platform").map((text) => parse(text, hostPlatform));
  const spanSize = invocation.bytes("span-size");
  const minLayerSize = invocation.bytes("min-layer-size");
  const prefetch = await prefetchRequest(invocation, io, compat || invocation.flag("compat"));
  return {
    signal: io.signal,
    hostPlatform,
    force: invocation.flag("force"),
    // As in the reference, all are all.
    ...(invocation.flag("all-platforms") ? { platforms: "all" } : platforms.length > 0 ? { platforms } : {}),
    ...(spanSize === undefined ? {} : { spanSize }),
    ...(minLayerSize === undefined ? {} : { minLayerSize }),
    ...(invocation.texts("optimizations").length > 0 ? { optimizations: ["xattr"] } : {}),
    ...(prefetch === undefined ? {} : { prefetch }),
  };
}

async function prefetchRequest(
  invocation: Invocation,
  io: CliIo,
  compat: boolean,
): Promise<PrefetchRequest | undefined> {
  const rule = compat ? "reference" : "image";
  const file = invocation.text("prefetch-files-json");
  const listed: readonly PrefetchPath[] = file === undefined ? [] : await readList(file, io, rule);
  const paths = [...parsePrefetchFiles(invocation.texts("prefetch-file")), ...listed];
  return paths.length === 0 ? undefined : { paths, rule };
}

async function readList(file: string, io: CliIo, rule: "image" | "reference"): Promise<readonly PrefetchPath[]> {
  const bytes = await io.files.read(file, MAX_PREFETCH_LIST_SIZE);
  try {
    return decodePrefetchList(bytes, rule);
  } catch (error) {
    throw locatedError(error, file);
  }
}
