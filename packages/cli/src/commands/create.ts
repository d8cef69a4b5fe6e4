import { loadInflate } from "@socikit/inflate";
import { copyImage, formatPlatform, type Descriptor } from "@socikit/oci";
import { SociIndexError } from "@socikit/soci-index";
import { createIndex, type CreateResult } from "@socikit/soci-index/build";
import { createBuildPool } from "@socikit/ztoc/build";
import type { CommandRun } from "../command-spec.ts";
import { mountableFrom, parseDestination, tagFor } from "../destination.ts";
import { indexingOptions } from "../indexing-options.ts";
import { showIndexing } from "../indexing-progress.ts";
import { indexingJson, indexingLines, plainDescriptor, textOf, warningLines } from "../indexing-report.ts";
import type { CliIo } from "../io.ts";
import { isSameStore, parseLocation, type Location } from "../location.ts";
import { locationOpener, type OpenImage, type OpenStore } from "../open-location.ts";
import { progressOf, type Progress } from "../progress.ts";

/** `socikit create` */
export const create: CommandRun = async (invocation, io) => {
  const source = parseLocation(invocation.argument("SRC"));
  const given = invocation.optionalArgument("DST");
  const destination = given === undefined ? undefined : parseDestination(given);
  const options = await indexingOptions(invocation, io);
  const quiet = invocation.flag("quiet");
  const json = invocation.flag("json");
  const progress = progressOf(io, { quiet, debug: invocation.debug });
  const opener = locationOpener(io, {
    plainHttp: invocation.flag("plain-http"),
    debug: invocation.debug,
    ...(quiet ? {} : { note: (line: string) => progress.note(line) }),
  });
  const skipped: string[] = [];
  // Its threads start when there is more than one layer to index.
  const pool = io.processors > 1 ? createBuildPool({ threads: Math.min(4, io.processors) }) : undefined;
  try {
    const from = await opener.open(source);
    const to =
      destination === undefined
        ? await opener.openStore(source)
        : await opener.openStore(destination, {
            create: !isSameStore(source, destination),
            from: { location: source, store: from.store },
          });
    const copied = destination === undefined ? undefined : await copyTo(from, source, to, destination, progress, io);
    const ports = { image: from.store, target: to.store, inflate: await loadInflate(), pool };
    const made = await createIndex(ports, copied?.digest ?? from.target, {
      ...options,
      onEvent: (event) => {
        if (event.type === "layer-skipped") skipped.push(event.reason.message);
        if (!quiet) showIndexing(event, progress);
      },
    }).catch((error: unknown) => {
      // An outcome rather than a failure: a copy is whole without an index, and why there is none is a result too.
      if (error instanceof SociIndexError && error.code === "ERR_SOCI_NOTHING_TO_INDEX") return error;
      throw error;
    });
    const tag = destination === undefined ? undefined : tagFor(destination, source);
    // Last: whoever pulls the tag finds image and index whole.
    if (copied !== undefined && tag !== undefined) await to.store.tag(tag, copied, { signal: io.signal });
    if (destination !== undefined || !(made instanceof SociIndexError)) await to.commit();
    if (made instanceof SociIndexError) {
      progress.close();
      if (!quiet && !json) await io.stdout.write(textOf(skipped));
      throw made;
    }
    // Quiet is quiet; `--json` tells of them too.
    if (!quiet) for (const line of warningLines(made.indexes)) progress.note(line);
    progress.close();
    await io.stdout.write(
      json
        ? `${JSON.stringify(resultJson(made, to.text), undefined, 2)}\n`
        : textOf(resultLines(made, quiet ? undefined : skipped)),
    );
  } finally {
    progress.close();
    pool?.close();
    await opener.close();
  }
  return undefined;
};

/** Copies the image, untagged yet. Resolves to what names it on both sides. */
async function copyTo(
  from: OpenImage,
  source: Location,
  to: OpenStore,
  destination: Location,
  progress: Progress,
  io: CliIo,
): Promise<Descriptor> {
  if (isSameStore(source, destination)) return from.store.resolve(from.target, { signal: io.signal });
  return copyImage(from.store, to.store, from.target, {
    signal: io.signal,
    mountFrom: mountableFrom(source, destination),
    onEvent: (event) => showIndexing(event, progress),
  });
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
