import {
  copyImage,
  isTag,
  type BlobMounter,
  type BlobReader,
  type BlobWriter,
  type CopyEvent,
  type Descriptor,
  type Digest,
  type FetchedManifest,
  type ImageIndex,
  type ManifestReader,
  type ManifestWriter,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { SociIndexError } from "../errors.ts";
import { SOCI_INDEX_V2 } from "../media-types.ts";
import { OriginalWitness, type OriginalPlace } from "./original-witness.ts";
import { recordedOriginal } from "./recorded-original.ts";
import { recoverOriginal, type RecoveredOriginal } from "./recover-original.ts";
import { SourceContent, type SourceDocument } from "./source-content.ts";

/** Conversions that are gone back through. */
const MAX_STEPS = 16;

/** Where a converted image is read from, and where the original is put. */
export interface UnconvertPorts {
  /** Holds the converted image. */
  readonly image: ManifestReader & BlobReader & Partial<ReferrerLister>;
  /** Gets the original. May be where the converted image is. */
  readonly target: Pick<BlobReader, "stat"> & BlobWriter & ManifestWriter & Partial<BlobMounter>;
  /**
   * Other places that may still hold the original, or something that refers to it. Where the converted image is, is
   * looked too.
   */
  readonly places?: readonly OriginalPlace[] | undefined;
}

/** What {@linkcode unconvertImage} may be told. */
export interface UnconvertOptions extends ReadOptions {
  /** Digests that the original, or manifests of it, are known to have had. */
  readonly originals?: readonly Digest[] | undefined;
  /** Another repository of the target's registry that holds the image: blobs are mounted from there where the target can. */
  readonly mountFrom?: string | undefined;
  /** Names the original; written last. */
  readonly tag?: string | undefined;
  /** Blobs copied at once. @default {3} */
  readonly concurrency?: number | undefined;
  /** Gets what happens as it happens. What it throws ends the work. */
  readonly onEvent?: ((event: CopyEvent) => void) | undefined;
}

/** What {@linkcode unconvertImage} gave back. */
export interface UnconvertResult {
  /** The converted image. */
  readonly source: Descriptor;
  /** What it was. */
  readonly image: Descriptor;
  /** The manifest that each one of the converted image had taken the place of, in the order of its index. */
  readonly manifests: readonly { readonly from: Descriptor; readonly to: Descriptor }[];
  /** How it is known: by the record that `keepOriginals` left, or made up and recognised by its digest. */
  readonly via: "record" | "digest";
}

/**
 * Gives back what an image was before `convertImage`, or the reference, converted it: the same manifests, byte for byte,
 * under the same digests, and its layers where the target has them not.
 *
 * Converting loses bytes: how manifests were written, members that no standard names, Docker's media types, annotations of
 * descriptors. They come from the record that `convertImage` leaves with `keepOriginals`. Without one the manifests are
 * written in the styles of the tools in use, and one is taken for the original where someone knows its digest: the caller
 * (`originals`), an attestation of the image, a place that holds a manifest by that digest, or something that refers to it.
 * What nobody knows is not given back.
 *
 * @throws {SociIndexError} `ERR_SOCI_NOT_CONVERTED` for an image without v2 SOCI indexes; `ERR_SOCI_ORIGINAL_UNKNOWN` where it
 * cannot be told what it was.
 * @throws {TypeError} for a tag that is none.
 */
export async function unconvertImage(
  ports: UnconvertPorts,
  tagOrDigest: string,
  options: UnconvertOptions = {},
): Promise<UnconvertResult> {
  const { image, target, places = [] } = ports;
  const { originals = [], tag, signal, priority, mountFrom, concurrency, onEvent } = options;
  if (tag !== undefined && !isTag(tag))
    throw new TypeError(`Cannot unconvert image: ${JSON.stringify(tag)} is not a tag`);
  const read: ReadOptions = { signal, priority };
  const witness = new OriginalWitness(originals, [image, ...places], read);
  let content: ManifestReader & BlobReader & Partial<ReferrerLister> = image;
  let converted = await new SourceContent(content, read).top(tagOrDigest);
  const { descriptor } = converted;
  if (!isConverted(converted))
    throw new SociIndexError(
      "ERR_SOCI_NOT_CONVERTED",
      `Cannot unconvert ${descriptor.digest}: it has no v2 SOCI index beside its manifests, so that it was not converted`,
    );
  let found: RecoveredOriginal | undefined;
  let via: UnconvertResult["via"] = "record";
  // What was converted may have been a converted image itself.
  for (let step = 0; step < MAX_STEPS && isConverted(converted); step++) {
    const source = new SourceContent(content, read);
    const index = converted.document.index;
    let before = await recordedOriginal(content, source, converted.descriptor.digest, index, read);
    if (before === undefined) {
      via = "digest";
      before = await recoverOriginal(source, index, witness);
    }
    if (before === undefined) throw unknownOriginal(descriptor);
    found = found === undefined ? before : composed(found, before);
    content = withManifests(content, before.manifests);
    converted = new SourceContent(content, read).add(before.root.descriptor, before.root.bytes);
  }
  if (found === undefined || isConverted(converted)) throw unknownOriginal(descriptor);
  const copying = { tag, signal, mountFrom, concurrency, onEvent };
  const original = await copyImage(content, target, converted.descriptor.digest, copying);
  return { source: descriptor, image: original, manifests: found.pairs, via };
}

function isConverted(
  found: SourceDocument,
): found is SourceDocument & { readonly document: { readonly index: ImageIndex } } {
  const { document } = found;
  return "index" in document && document.index.manifests.some(({ artifactType }) => artifactType === SOCI_INDEX_V2);
}

/** What an image was before it was what another one was. */
function composed(later: RecoveredOriginal, earlier: RecoveredOriginal): RecoveredOriginal {
  const before = new Map(earlier.pairs.map(({ from, to }) => [from.digest, to]));
  return {
    root: earlier.root,
    manifests: [...later.manifests, ...earlier.manifests],
    pairs: later.pairs.map(({ from, to }) => ({ from, to: before.get(to.digest) ?? to })),
  };
}

function unknownOriginal({ digest }: Descriptor): SociIndexError {
  return new SociIndexError(
    "ERR_SOCI_ORIGINAL_UNKNOWN",
    `Cannot unconvert ${digest}: there is no record of what it was, and nothing that it may have been is known here by its digest`,
  );
}

/** The same content, and some manifests that it has not. */
function withManifests(
  port: ManifestReader & BlobReader & Partial<ReferrerLister>,
  manifests: readonly FetchedManifest[],
): ManifestReader & BlobReader & Partial<ReferrerLister> {
  const byDigest = new Map<string, FetchedManifest>(manifests.map((one) => [one.descriptor.digest, one]));
  return {
    resolve: async (name, options) => byDigest.get(name)?.descriptor ?? port.resolve(name, options),
    fetchManifest: async (wanted, options) =>
      byDigest.get(typeof wanted === "string" ? wanted : wanted.digest) ?? port.fetchManifest(wanted, options),
    stat: (digest, options) => port.stat(digest, options),
    open: (blob, options) => port.open(blob, options),
    stream: (blob, options) => port.stream(blob, options),
    ...(port.referrers === undefined ? {} : { referrers: port.referrers.bind(port) }),
  };
}
