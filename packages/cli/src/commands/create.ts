import { loadInflate } from "@socikit/inflate";
import { formatPlatform, matchesPlatform } from "@socikit/oci";
import { createIndex, type CreateOptions, type CreateResult } from "@socikit/soci-index/build";
import type { CreateLocalOptions, CreateLocalPorts, LocalStore } from "@socikit/soci-index/node";
import type { CommandRun } from "../command-spec.ts";
import { archiveFile, mountableFrom, parseDestination, reportOutput, tagFor } from "../destination.ts";
import { CliError } from "../errors.ts";
import { indexingOptions } from "../indexing-options.ts";
import { indexingPool } from "../indexing-pool.ts";
import { showIndexing } from "../indexing-progress.ts";
import { indexingJson, indexingLines, jsonText, plainDescriptor, textOf, warningLines } from "../indexing-report.ts";
import { isSameStore, parseLocation, type Location } from "../location.ts";
import { createStore, storedName } from "../local-store.ts";
import { isNothingToIndex, skippedJson, withSkipHint, type SkippedLayer } from "../skipped-layers.ts";
import { notingOpener } from "../noting-opener.ts";
import type { LocationOpener, OpenImage, OpenStore } from "../open-location.ts";
import { progressOf } from "../progress.ts";

/** `socikit create` */
export const create: CommandRun = async (invocation, io) => {
  const source = parseLocation(invocation.argument("SRC"));
  const given = invocation.optionalArgument("DST");
  const destination = given === undefined ? undefined : parseDestination(given);
  if (destination !== undefined && invocation.flag("local"))
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      "Cannot run create: --local takes the place of DST, and both are given",
      {
        hint: `socikit create ${invocation.argument("SRC")} --local`,
      },
    );
  const report = reportOutput(io, archiveFile(destination));
  const options = await indexingOptions(invocation, io);
  const quiet = invocation.flag("quiet");
  const json = invocation.flag("json");
  const progress = progressOf(io, { quiet, debug: invocation.debug });
  const opener = notingOpener(invocation, io, progress);
  const skipped: SkippedLayer[] = [];
  const pool = indexingPool(io);
  try {
    const from = await opener.open(source);
    const local = invocation.flag("local") ? await createStore(invocation, io) : undefined;
    const to = local === undefined ? await openTarget(opener, source, destination, from) : undefined;
    // What a tag names may change; what is tagged is what was copied.
    const top = destination === undefined ? undefined : await from.store.resolve(from.target, { signal: io.signal });
    const isCopied = destination !== undefined && !isSameStore(source, destination);
    const ports = { image: from.store, inflate: await loadInflate(), pool };
    const indexing: CreateOptions = {
      ...options,
      copy: isCopied ? { mountFrom: mountableFrom(source, destination) } : undefined,
      onEvent: (event) => {
        if (event.type === "layer-skipped") skipped.push(event);
        if (!quiet) showIndexing(event, progress);
      },
    };
    const making =
      to === undefined
        ? // One of the two is where the index goes.
          createLocal(local!, ports, from.target, { ...indexing, name: storedName(source) })
        : createIndex({ ...ports, target: to.store }, top?.digest ?? from.target, indexing);
    const made = await making.catch((error: unknown) => {
      // An outcome rather than a failure: a copy is whole without an index, and why there is none is a result too.
      if (isNothingToIndex(error)) return error;
      throw error;
    });
    const tag = destination === undefined ? undefined : tagFor(destination, source);
    // Last: whoever pulls the tag finds image and index whole.
    if (top !== undefined && tag !== undefined) await to?.store.tag(tag, top, { signal: io.signal });
    if (destination !== undefined || !isNothingToIndex(made)) await to?.commit();
    const location = to?.text ?? local!.directory;
    const messages = skipped.map(({ reason }) => reason.message);
    if (isNothingToIndex(made)) {
      progress.close();
      if (json) await report.write(jsonText({ location, indexes: [], skipped: skippedJson(skipped) }));
      else if (!quiet) await report.write(textOf(messages));
      throw withSkipHint(made, skipped, invocation);
    }
    // Quiet is quiet; `--json` tells of them too.
    if (!quiet)
      for (const line of [...otherPlatformLines(made, options), ...warningLines(made.indexes)]) progress.note(line);
    progress.close();
    await report.write(
      json ? jsonText(resultJson(made, location)) : textOf(resultLines(made, quiet ? undefined : messages)),
    );
  } finally {
    progress.close();
    pool?.close();
    await opener.close();
  }
  return undefined;
};

/** An image that is in no index is taken whatever is asked for, as the reference takes it. */
function otherPlatformLines({ indexes }: CreateResult, { platforms }: CreateOptions): readonly string[] {
  if (platforms === undefined || platforms === "all" || platforms.length === 0) return [];
  return indexes.flatMap(({ manifest, platform }) =>
    platform === undefined || platforms.some((asked) => matchesPlatform(asked, platform))
      ? []
      : [
          `${manifest.digest} is of ${formatPlatform(platform)}, not of ${platforms.map(formatPlatform).join(", ")}: it is the only image there is`,
        ],
  );
}

/** Where the index goes: beside the image, or beside its copy. */
function openTarget(
  opener: LocationOpener,
  source: Location,
  destination: Location | undefined,
  from: OpenImage,
): Promise<OpenStore> {
  if (destination === undefined) return opener.openStore(source);
  return opener.openStore(destination, {
    create: !isSameStore(source, destination),
    from: { location: source, store: from.store },
  });
}

async function createLocal(
  store: LocalStore,
  ports: CreateLocalPorts,
  target: string,
  options: CreateLocalOptions,
): Promise<CreateResult> {
  const { createLocalIndex } = await import("@socikit/soci-index/node");
  return createLocalIndex(store, ports, target, options);
}

/**
 * The reference's lines, layers in the image's order, and the digest of each index. `skipped`: what was said of layers,
 * those of platforms that got no index among them; without it, the digests alone.
 */
function resultLines(result: CreateResult, skipped: readonly string[] | undefined): readonly string[] {
  if (skipped === undefined) return result.indexes.map(({ index }) => index.digest);
  const lines = result.indexes.flatMap((made) => [...indexingLines(made), made.index.digest]);
  return [...skipped.filter((line) => !lines.includes(line)), ...lines];
}

/** The shape that `create --json` documents. */
function resultJson(result: CreateResult, location: string): unknown {
  return {
    image: plainDescriptor(result.image),
    location,
    indexes: result.indexes.map(({ platform, manifest, index, ...made }) => ({
      ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
      manifest: plainDescriptor(manifest),
      index: plainDescriptor(index),
      ...indexingJson(made),
    })),
  };
}
