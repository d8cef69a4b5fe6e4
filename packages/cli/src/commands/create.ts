import { loadInflate } from "@socikit/inflate";
import {
  copyImage,
  formatPlatform,
  parsePlatform,
  printable,
  type CopyEvent,
  type Descriptor,
  type Platform,
} from "@socikit/oci";
import { SociIndexError } from "@socikit/soci-index";
import {
  createIndex,
  describeOutcome,
  type CreateEvent,
  type CreateOptions,
  type CreateResult,
} from "@socikit/soci-index/build";
import { createBuildPool } from "@socikit/ztoc/build";
import { coloursFor, wantsColours } from "../colours.ts";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import { formatBytes } from "../format-quantity.ts";
import type { CliIo } from "../io.ts";
import type { Invocation } from "../invocation.ts";
import { isSameStore, parseLocation, type Location } from "../location.ts";
import { locationOpener, type OpenImage, type OpenStore } from "../open-location.ts";
import { createProgress, type Progress } from "../progress.ts";

/** `socikit create` */
export const create: CommandRun = async (invocation, io) => {
  const source = parseLocation(invocation.argument("SRC"));
  const given = invocation.optionalArgument("DST");
  const destination = given === undefined ? undefined : parseDestination(given);
  const options = createOptions(invocation, io);
  const quiet = invocation.flag("quiet");
  const json = invocation.flag("json");
  const colours = coloursFor(wantsColours(io.stderr.isTTY, io.env));
  const progress = createProgress({
    stream: io.stderr,
    colours,
    now: io.now,
    ...(quiet ? { mode: "quiet" } : invocation.debug ? { mode: "lines" } : {}),
  });
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
        showCreateEvent(event, progress);
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
    const warned = quiet ? [] : made.indexes.flatMap(({ layers }) => layers);
    for (const { layer, warnings } of warned)
      for (const { message } of warnings) progress.note(`layer ${layer.digest}: ${message}`);
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

function parseDestination(text: string): Location {
  const location = parseLocation(text);
  const { digest } = location.kind === "registry" ? location.reference : location;
  if (digest !== undefined)
    throw new CliError(
      "ERR_CLI_LOCATION",
      `Cannot write ${JSON.stringify(text)}: a destination has a tag, not a digest`,
      {
        hint: "host/repo:tag, oci-layout:DIR[:tag] or oci-archive:FILE[:tag]",
      },
    );
  return location;
}

/** The tag that names the copy: DST's, else SRC's, else none. */
function tagFor(destination: Location, source: Location): string | undefined {
  const tagOf = (location: Location): string | undefined =>
    location.kind === "registry" ? location.reference.tag : location.tag;
  return tagOf(destination) ?? tagOf(source);
}

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
  const sameRegistry =
    source.kind === "registry" &&
    destination.kind === "registry" &&
    source.reference.registry === destination.reference.registry;
  return copyImage(from.store, to.store, from.target, {
    signal: io.signal,
    ...(sameRegistry ? { mountFrom: source.reference.repository } : {}),
    onEvent: (event) => showCopyEvent(event, progress),
  });
}

function createOptions(invocation: Invocation, io: CliIo): CreateOptions {
  const platforms = invocation.texts("platform").map((text) => parsePlatform(text));
  const all = invocation.flag("all-platforms");
  if (all && platforms.length > 0)
    throw new CliError("ERR_CLI_OPTION_VALUE", "Cannot run create: --platform and --all-platforms exclude each other");
  const unknown = invocation.texts("optimizations").find((name) => name !== "xattr");
  if (unknown !== undefined)
    throw new CliError("ERR_CLI_OPTION_VALUE", `Cannot run create: ${JSON.stringify(unknown)} is not an optimization`, {
      hint: "--optimizations xattr",
    });
  const spanSize = invocation.bytes("span-size");
  if (spanSize === 0)
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      "Cannot run create: --span-size is 0, and a span has at least one byte",
      {
        hint: "choose a span size such as --span-size 4MiB",
      },
    );
  const minLayerSize = invocation.bytes("min-layer-size");
  const hostPlatform: Platform = { os: "linux", architecture: io.architecture };
  return {
    signal: io.signal,
    hostPlatform,
    ...(all ? { platforms: "all" as const } : platforms.length > 0 ? { platforms } : {}),
    ...(spanSize === undefined ? {} : { spanSize }),
    ...(minLayerSize === undefined ? {} : { minLayerSize }),
    ...(invocation.texts("optimizations").length > 0 ? { optimizations: ["xattr"] as const } : {}),
  };
}

/** `sha256:0123456789ab`: enough to tell layers apart, and to find one in a manifest. */
function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}

function showCopyEvent(event: CopyEvent, progress: Progress): void {
  switch (event.type) {
    case "blob-started":
      return progress.begin(`copy ${event.digest}`, `copying ${shortDigest(event.digest)}`, event.size);
    case "blob-progress":
      return progress.advance(`copy ${event.digest}`, event.bytes);
    case "blob-copied":
      return progress.end(`copy ${event.digest}`, formatBytes(event.size));
    case "blob-skipped":
      return progress.skip(
        `copy ${event.digest}`,
        `copying ${shortDigest(event.digest)}`,
        event.reason === "present" ? "there already" : event.reason,
      );
  }
}

function showCreateEvent(event: CreateEvent, progress: Progress): void {
  switch (event.type) {
    case "layer-started":
      return progress.begin(event.layer, `indexing ${shortDigest(event.layer)}`, event.size);
    case "layer-progress":
      return progress.advance(event.layer, event.bytes);
    case "layer-indexed":
      return progress.end(event.layer, `zTOC ${shortDigest(event.ztoc.digest)}, ${formatBytes(event.ztoc.size)}`);
  }
}

/**
 * The reference's lines, layers in the image's order, and the digest of each index. `skipped`: what was said of layers,
 * those of platforms that got no index among them; without it, the digests alone.
 */
function resultLines(result: CreateResult, skipped: readonly string[] | undefined): readonly string[] {
  if (skipped === undefined) return result.indexes.map(({ index }) => index.digest);
  const lines = result.indexes.flatMap(({ layers, index }) => [...layers.map(describeOutcome), index.digest]);
  return [...skipped.filter((line) => !lines.includes(line)), ...lines];
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** The shape that `create --json` documents. */
function resultJson(result: CreateResult, location: string): unknown {
  const plain = ({ mediaType, digest, size }: Descriptor): unknown => ({ mediaType, digest, size });
  return {
    image: plain(result.image),
    location,
    indexes: result.indexes.map(({ platform, manifest, index, layers }) => ({
      ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
      manifest: plain(manifest),
      index: plain(index),
      layers: layers.map(({ layer, ztoc, skipped, warnings }) => ({
        layer: plain(layer),
        ...(ztoc === undefined ? {} : { ztoc: plain(ztoc) }),
        ...(skipped === undefined ? {} : { skipped: skipped.message }),
        warnings: warnings.map((warning) => warning.message),
      })),
    })),
  };
}
