import type { Descriptor } from "@socikit/oci";
import type { LayoutArchive, LayoutDirectory, StagedLayout } from "@socikit/registry/node";
import { standaloneRoot, type ConvertTarget } from "@socikit/soci-index/build";
import type { Conversion } from "./conversion.ts";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";

/** What `--format` knows. */
export type StandaloneFormat = "oci-archive" | "oci-dir";

/** A conversion between layouts on this machine. */
export interface StandaloneConversion extends Conversion {
  /** What the source lists and does not have: the converted image is without it. */
  readonly missing: readonly Descriptor[];
  /** Whether the source has an `oci-layout` file, which says its version. The reference needs none. */
  readonly isMarked: boolean;
}

/**
 * Opens what the reference's `convert --standalone` takes (spec section 11): a layout directory or a tar file, whatever it
 * holds as one image, and a file or directory that is replaced in the end, with the converted image alone and unnamed.
 */
export async function openStandalone(
  source: string,
  destination: string,
  format: StandaloneFormat,
  io: CliIo,
): Promise<StandaloneConversion> {
  const { openLayoutArchive, openLayoutDirectory, stageLayoutArchive, stageLayoutDirectory } =
    await import("@socikit/registry/node");
  for (const path of [source, destination])
    if (path === "-")
      throw new CliError("ERR_CLI_LOCATION", "Cannot convert: - is no path here", {
        hint: "name a file: DST may be /dev/stdout, or ./- for a file of that name",
      });
  const kind = await io.files.kind(source);
  if (kind === undefined)
    throw new CliError("ERR_CLI_NO_FILE", `Cannot access input ${JSON.stringify(source)}: it is not there`, {
      hint: "with --standalone SRC is the path of a layout directory or of a tar file",
    });
  const archive = kind === "directory" ? undefined : await openLayoutArchive(source, { signal: io.signal });
  const image: LayoutArchive | LayoutDirectory = archive ?? (await openLayoutDirectory(source, { unmarked: true }));
  try {
    const documents = await image.documents();
    const root = await standaloneRoot(image, documents, { signal: io.signal });
    const target =
      format === "oci-dir"
        ? await stageLayoutDirectory(destination, image)
        : await stageLayoutArchive(destination, { base: image });
    return {
      image,
      target: writeOnly(target),
      root,
      text: destination,
      missing: root.missing,
      isMarked: documents.ociLayout !== undefined,
      commit: ({ mediaType, digest, size }) => target.finish([{ mediaType, digest, size }], { signal: io.signal }),
      async close() {
        await target.discard();
        await archive?.close();
      },
    };
  } catch (error) {
    await archive?.close();
    throw error;
  }
}

/**
 * The target, without what it holds already: like the reference, which begins with an empty database, this builds the zTOCs
 * of a converted image anew. Those of another tool would give other digests.
 */
function writeOnly(target: StagedLayout): ConvertTarget {
  return {
    stat: (digest, options) => target.stat(digest, options),
    begin: (options) => target.begin(options),
    resume: (id, options) => target.resume(id, options),
    pushManifest: (bytes, mediaType, options) => target.pushManifest(bytes, mediaType, options),
    tag: (tag, image, options) => target.tag(tag, image, options),
  };
}
