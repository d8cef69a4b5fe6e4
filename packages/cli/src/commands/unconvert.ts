import { isDigest, type Digest } from "@socikit/oci";
import { unconvertImage, type OriginalPlace, type UnconvertResult } from "@socikit/soci-index/build";
import type { CommandRun } from "../command-spec.ts";
import { archiveFile, mountableFrom, parseDestination, reportOutput, tagFor } from "../destination.ts";
import { CliError } from "../errors.ts";
import { showIndexing } from "../indexing-progress.ts";
import { plainDescriptor, textOf } from "../indexing-report.ts";
import { isSameStore, parseLocation } from "../location.ts";
import { notingOpener } from "../noting-opener.ts";
import { progressOf } from "../progress.ts";

/** `socikit unconvert` */
export const unconvert: CommandRun = async (invocation, io) => {
  const source = parseLocation(invocation.argument("SRC"));
  const destination = parseDestination(invocation.argument("DST"));
  const originals = invocation.texts("original").map(parseOriginal);
  const places = invocation.texts("place").map(parseLocation);
  const quiet = invocation.flag("quiet");
  const progress = progressOf(io, { quiet, debug: invocation.debug });
  const opener = notingOpener(invocation, io, progress);
  try {
    const from = await opener.open(source);
    const { store: target, ...to } = await opener.openStore(destination, {
      create: !isSameStore(source, destination),
      from: { location: source, store: from.store },
    });
    // Often the original is still where it was, under its tag.
    const witnesses: OriginalPlace[] = [target];
    for (const place of places) witnesses.push((await opener.open(place)).store);
    const made = await unconvertImage({ image: from.store, target, places: witnesses }, from.target, {
      signal: io.signal,
      originals,
      tag: tagFor(destination, source),
      mountFrom: mountableFrom(source, destination),
      onEvent: (event) => showIndexing(event, progress),
    });
    await to.commit();
    progress.close();
    await reportOutput(io, archiveFile(destination)).write(
      invocation.flag("json")
        ? `${JSON.stringify(resultJson(made, to.text), undefined, 2)}\n`
        : textOf(quiet ? [made.image.digest] : resultLines(made)),
    );
  } finally {
    progress.close();
    await opener.close();
  }
  return undefined;
};

function parseOriginal(text: string): Digest {
  if (isDigest(text)) return text;
  throw new CliError("ERR_CLI_OPTION_VALUE", `Cannot run unconvert: ${JSON.stringify(text)} is not a digest`, {
    hint: "--original sha256:...",
  });
}

function resultLines({ source, image, manifests }: UnconvertResult): readonly string[] {
  return [
    ...manifests.map(({ from, to }) => `manifest ${from.digest} -> ${to.digest}`),
    `image ${source.digest} -> ${image.digest}`,
  ];
}

/** The shape that `unconvert --json` documents. */
function resultJson({ source, image, manifests, via }: UnconvertResult, location: string): unknown {
  return {
    source: plainDescriptor(source),
    image: plainDescriptor(image),
    location,
    via,
    manifests: manifests.map(({ from, to }) => ({ from: plainDescriptor(from), to: plainDescriptor(to) })),
  };
}
