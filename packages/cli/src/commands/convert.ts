import { loadInflate } from "@socikit/inflate";
import { formatPlatform } from "@socikit/oci";
import {
  convertImage,
  parseRequestedPlatform,
  type ConvertedManifest,
  type ConvertResult,
} from "@socikit/soci-index/build";
import type { CommandRun } from "../command-spec.ts";
import { openConversion, type Conversion } from "../conversion.ts";
import { archiveFile, parseDestination, reportOutput } from "../destination.ts";
import { CliError } from "../errors.ts";
import { indexingOptions } from "../indexing-options.ts";
import { indexingPool } from "../indexing-pool.ts";
import { showIndexing } from "../indexing-progress.ts";
import { indexingJson, indexingLines, jsonText, plainDescriptor, textOf, warningLines } from "../indexing-report.ts";
import type { CliIo } from "../io.ts";
import type { Invocation } from "../invocation.ts";
import { openStandalone, type StandaloneFormat } from "../open-standalone.ts";
import { isNothingToIndex, skippedJson, withSkipHint, type SkippedLayer } from "../skipped-layers.ts";
import { progressOf, type Progress } from "../progress.ts";

/** `socikit convert` */
export const convert: CommandRun = async (invocation, io) => {
  const format = standaloneFormat(invocation);
  const destination = invocation.argument("DST");
  const report = reportOutput(io, format === undefined ? archiveFile(parseDestination(destination)) : destination);
  const options = await indexingOptions(invocation, io, {
    parse: parseRequestedPlatform,
    compat: format !== undefined,
  });
  const quiet = invocation.flag("quiet");
  const json = invocation.flag("json");
  const progress = progressOf(io, { quiet, debug: invocation.debug });
  const skipped: SkippedLayer[] = [];
  const messages = (): readonly string[] => skipped.map(({ reason }) => reason.message);
  const pool = indexingPool(io);
  let conversion: Conversion | undefined;
  try {
    conversion = await openPlaces(invocation, io, format, quiet ? undefined : progress);
    const { image, target, root, tag, mountFrom, text } = conversion;
    const made = await convertImage({ image, target, inflate: await loadInflate(), pool }, root, {
      ...options,
      tag,
      mountFrom,
      keepAttestations: invocation.flag("keep-attestations"),
      keepOriginals: invocation.flag("keep-originals"),
      nestedIndexes: invocation.flag("expand-nested") ? "expand" : "first",
      onEvent: (event) => {
        if (event.type === "layer-skipped") skipped.push(event);
        if (!quiet) showIndexing(event, progress);
      },
    }).catch(async (error: unknown) => {
      progress.close();
      if (!isNothingToIndex(error)) throw error;
      if (json) await report.write(jsonText({ location: text, platforms: [], skipped: skippedJson(skipped) }));
      else if (!quiet) await report.write(textOf(messages()));
      throw withSkipHint(error, skipped, invocation);
    });
    await conversion.commit(made.image);
    if (!quiet) for (const line of warningLines(made.platforms)) progress.note(line);
    progress.close();
    await report.write(
      json ? jsonText(resultJson(made, text)) : textOf(quiet ? [made.image.digest] : resultLines(made, messages())),
    );
  } finally {
    progress.close();
    pool?.close();
    await conversion?.close();
  }
  return undefined;
};

/** How to write what `--standalone` makes; `undefined` without it. */
function standaloneFormat(invocation: Invocation): StandaloneFormat | undefined {
  if (invocation.flag("standalone") && invocation.flag("keep-originals"))
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      "Cannot run convert: --standalone writes what the reference does, and --keep-originals more",
      {
        hint: "without --standalone: DST is oci-layout:DIR[:tag] or oci-archive:FILE[:tag]",
      },
    );
  const format = invocation.text("format");
  if (format !== undefined && format !== "oci-archive" && format !== "oci-dir")
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      `Cannot run convert: unsupported output format ${JSON.stringify(format)}: must be "oci-archive" or "oci-dir"`,
    );
  if (invocation.flag("standalone")) return format ?? "oci-archive";
  if (format !== undefined)
    throw new CliError("ERR_CLI_OPTION_VALUE", "Cannot run convert: --format is for --standalone", {
      hint: "say it in DST: oci-layout:DIR[:tag] or oci-archive:FILE[:tag]",
    });
  return undefined;
}

async function openPlaces(
  invocation: Invocation,
  io: CliIo,
  format: StandaloneFormat | undefined,
  progress: Progress | undefined,
): Promise<Conversion> {
  const source = invocation.argument("SRC");
  const destination = invocation.argument("DST");
  if (format === undefined)
    return openConversion(source, destination, io, {
      plainHttp: invocation.flag("plain-http"),
      debug: invocation.debug,
      note: progress && ((line) => progress.note(line)),
    });
  const { missing, isMarked, ...conversion } = await openStandalone(source, destination, format, io);
  if (!isMarked) progress?.note(`${source} has no oci-layout file: it is taken for a layout of version 1.0.0`);
  for (const { digest } of missing)
    progress?.note(`${digest} is listed in ${source} and not in it: the converted image is without it`);
  return conversion;
}

/** The reference's lines, layers in the image's order, then what took the place of what. */
function resultLines(
  { platforms, manifests, source, image }: ConvertResult,
  skipped: readonly string[],
): readonly string[] {
  const lines = platforms.flatMap(indexingLines);
  return [
    ...skipped.filter((line) => !lines.includes(line)),
    ...lines,
    ...manifests.map(manifestLine),
    `image ${source.digest} -> ${image.digest}`,
  ];
}

function manifestLine({ from, to, platform, index }: ConvertedManifest): string {
  const facts = [
    ...(platform === undefined ? [] : [formatPlatform(platform)]),
    ...(index === undefined ? [] : [`SOCI index ${index.digest}`]),
    ...(from.digest === to.digest ? ["as it was"] : []),
  ];
  return `manifest ${from.digest} -> ${to.digest}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
}

/** The shape that `convert --json` documents. */
function resultJson(made: ConvertResult, location: string): unknown {
  const { source, image, manifests, platforms, decisions, originals } = made;
  return {
    source: plainDescriptor(source),
    image: plainDescriptor(image),
    location,
    ...(originals === undefined ? {} : { originals: plainDescriptor(originals) }),
    manifests: manifests.map(({ platform, from, to, index }) => ({
      ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
      from: plainDescriptor(from),
      to: plainDescriptor(to),
      ...(index === undefined ? {} : { index: plainDescriptor(index) }),
    })),
    platforms: platforms.map(({ platform, manifest, index, ...indexed }) => ({
      platform: formatPlatform(platform),
      manifest: plainDescriptor(manifest),
      index: plainDescriptor(index),
      ...indexingJson(indexed),
    })),
    decisions,
  };
}
