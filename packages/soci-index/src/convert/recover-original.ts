import {
  digestOf,
  isManifestType,
  type Descriptor,
  type FetchedManifest,
  type ImageIndex,
  type ImageManifest,
} from "@socikit/oci";
import { SOCI_INDEX_DIGEST } from "../annotations.ts";
import { SOCI_INDEX_V2 } from "../media-types.ts";
import { isUnknown } from "./image-platforms.ts";
import {
  ALL_STYLES,
  indexTypeIn,
  KNOWN_STYLES,
  manifestTypeIn,
  writeIndex,
  writeManifest,
  type ManifestStyle,
} from "./manifest-styles.ts";
import type { OriginalWitness } from "./original-witness.ts";
import { ATTESTED_DIGEST, REFERENCE_TYPE } from "./plan-children.ts";
import type { SourceContent } from "./source-content.ts";

/** Manifests that were made up, and that someone knows. */
export interface RecoveredOriginal {
  /** What the image was. */
  readonly root: FetchedManifest;
  /** Those of which the bytes are not in the converted image: the root among them, unless it is. */
  readonly manifests: readonly FetchedManifest[];
  /** The manifest that each one of the converted image took the place of. */
  readonly pairs: readonly { readonly from: Descriptor; readonly to: Descriptor }[];
}

/** Indexes that are made up and compared with what is known, in all: less than a second's work. */
const MAX_INDEXES = 50_000;
/** Ways to match attestations with images that are tried. */
const MAX_MATCHES = 16;

/** A child of the converted index that is no SOCI index. */
interface Part {
  readonly child: Descriptor;
  /** Its manifest, less what converting added. None where the child is no manifest: it was kept. */
  readonly manifest: ImageManifest | undefined;
  /** Whether it is of no platform, as attestations are. */
  readonly isAttestation: boolean;
  /** What it was, where someone knows. */
  readonly known: FetchedManifest | undefined;
}

/**
 * Makes up what an image was before it was converted, in the styles that tools write, until it is something that the
 * witness knows. `undefined` where nothing is. Members that converting has dropped cannot be made up.
 */
export async function recoverOriginal(
  source: SourceContent,
  converted: ImageIndex,
  witness: OriginalWitness,
): Promise<RecoveredOriginal | undefined> {
  const parts = await knownParts(source, converted, witness);
  const { annotations, artifactType, subject } = converted;
  const isLone = parts.length === 1 && annotations === undefined && artifactType === undefined && subject === undefined;
  const lone = isLone ? parts[0]?.known : undefined;
  // An index of one manifest first: where it is known, its manifest may be too.
  if (witness.knowsAny) {
    for (const made of madeIndexes(converted, parts, KNOWN_STYLES))
      if (witness.knows(made.root.descriptor.digest)) return made;
    if (lone !== undefined && witness.knows(lone.descriptor.digest)) return asRecovered(lone, parts, [lone]);
    let tried = 0;
    for (const made of madeIndexes(converted, parts, ALL_STYLES)) {
      if (witness.knows(made.root.descriptor.digest)) return made;
      if (++tried >= MAX_INDEXES) break;
    }
  }
  for (const made of madeIndexes(converted, parts, KNOWN_STYLES))
    if (await witness.finds(made.root.descriptor.digest)) return made;
  return lone === undefined ? undefined : asRecovered(lone, parts, [lone]);
}

async function knownParts(
  source: SourceContent,
  converted: ImageIndex,
  witness: OriginalWitness,
): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (const child of converted.manifests) {
    if (child.artifactType === SOCI_INDEX_V2) continue;
    const isAttestation = child.platform !== undefined && isUnknown(child.platform);
    const content = isManifestType(child.mediaType) ? (await source.document(child)).document : undefined;
    const manifest = content !== undefined && "manifest" in content ? withoutIndex(content.manifest) : undefined;
    if (isAttestation && manifest !== undefined) await witness.learn(manifest, source);
    parts.push({ child, manifest, isAttestation, known: undefined });
  }
  // Only now all that attestations say is known.
  const known: Part[] = [];
  for (const part of parts) known.push({ ...part, known: await knownVersion(part, witness) });
  return known;
}

/** What a part was, where someone knows. That it is what it was cannot be seen from its being there. */
async function knownVersion(part: Part, witness: OriginalWitness): Promise<FetchedManifest | undefined> {
  const { manifest, child } = part;
  if (manifest === undefined) return undefined;
  for (const style of ALL_STYLES) {
    const version = versionIn(manifest, style);
    if (witness.knows(version.descriptor.digest)) return version;
  }
  for (const style of KNOWN_STYLES) {
    const version = versionIn(manifest, style);
    if (version.descriptor.digest !== child.digest && (await witness.finds(version.descriptor.digest))) return version;
  }
  return undefined;
}

function versionIn(manifest: ImageManifest, style: ManifestStyle): FetchedManifest {
  const bytes = writeManifest(manifest, style);
  return { descriptor: { mediaType: manifestTypeIn(style), digest: digestOf(bytes), size: bytes.length }, bytes };
}

function withoutIndex(manifest: ImageManifest): ImageManifest {
  const { annotations, ...rest } = manifest;
  const left = Object.entries(annotations ?? {}).filter(([key]) => key !== SOCI_INDEX_DIGEST);
  return left.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(left) };
}

/**
 * Indexes that the image may have been. Images that nobody knows are of one style, attestations of one, and the index of
 * one. Of the styles that no known tool writes, all three are of the same, or the index of a known one: 144 of each would be
 * three million.
 */
function* madeIndexes(
  converted: ImageIndex,
  parts: readonly Part[],
  styles: readonly ManifestStyle[],
): Generator<RecoveredOriginal> {
  const isOpen = (isAttestation: boolean): boolean =>
    parts.some(
      (part) => part.isAttestation === isAttestation && part.known === undefined && part.manifest !== undefined,
    );
  const imageStyles = isOpen(false) ? styles : styles.slice(0, 1);
  for (const imageStyle of imageStyles) {
    const isKnown = styles === KNOWN_STYLES;
    const attestationStyles = isOpen(true) ? (isKnown ? styles : [imageStyle]) : [imageStyle];
    const indexStyles = isKnown || !isOpen(false) ? styles : [imageStyle, ...KNOWN_STYLES];
    for (const attestationStyle of attestationStyles) {
      const originals = parts.map(({ known, manifest, isAttestation }): FetchedManifest | undefined =>
        manifest === undefined
          ? undefined
          : (known ?? versionIn(manifest, isAttestation ? attestationStyle : imageStyle)),
      );
      for (const manifests of childrenOf(parts, originals))
        for (const style of indexStyles) {
          const bytes = writeIndex({ ...converted, manifests }, style);
          const descriptor = { mediaType: indexTypeIn(style), digest: digestOf(bytes), size: bytes.length };
          const made = originals.filter((original) => original !== undefined);
          yield asRecovered({ descriptor, bytes }, parts, originals, made);
        }
    }
  }
}

/** The children of an index, with the annotations that their descriptors may have had. */
function* childrenOf(
  parts: readonly Part[],
  originals: readonly (FetchedManifest | undefined)[],
): Generator<readonly Descriptor[]> {
  const images = parts.flatMap(({ isAttestation }, i) => (isAttestation ? [] : [i]));
  const lost = parts.flatMap(({ isAttestation, child }, i) =>
    isAttestation && child.annotations?.[REFERENCE_TYPE] === undefined ? [i] : [],
  );
  const successors = new Map(parts.map(({ child }, i) => [child.digest as string, originals[i]?.descriptor.digest]));
  const hasOwn = parts.some(({ manifest }) => manifest?.annotations !== undefined);
  for (const match of [...matches(images, lost.length), undefined])
    for (const withOwn of hasOwn ? [false, true] : [false])
      yield parts.map(({ child, manifest }, i): Descriptor => {
        const original = originals[i];
        if (original === undefined) return child;
        const { platform, urls, artifactType } = child;
        const image = match?.[lost.indexOf(i)];
        const attested = child.annotations?.[ATTESTED_DIGEST];
        const annotations =
          attested !== undefined
            ? { ...child.annotations, [ATTESTED_DIGEST]: successors.get(attested) ?? attested }
            : image !== undefined
              ? { [ATTESTED_DIGEST]: originals[image]!.descriptor.digest, [REFERENCE_TYPE]: "attestation-manifest" }
              : withOwn
                ? manifest?.annotations
                : undefined;
        return {
          ...original.descriptor,
          ...(urls === undefined ? {} : { urls }),
          ...(annotations === undefined ? {} : { annotations }),
          ...(platform === undefined ? {} : { platform }),
          ...(artifactType === undefined ? {} : { artifactType }),
        };
      });
}

/** Ways to choose `count` images in their order, the first ones first. */
function matches(images: readonly number[], count: number): readonly (readonly number[])[] {
  if (count === 0) return [];
  const found: (readonly number[])[] = [];
  const extend = (chosen: readonly number[], from: number): void => {
    if (found.length >= MAX_MATCHES) return;
    if (chosen.length === count) found.push(chosen);
    else for (let i = from; i < images.length; i++) extend([...chosen, images[i]!], i + 1);
  };
  extend([], 0);
  return found;
}

function asRecovered(
  root: FetchedManifest,
  parts: readonly Part[],
  originals: readonly (FetchedManifest | undefined)[],
  made: readonly FetchedManifest[] = [],
): RecoveredOriginal {
  const pairs = parts.map(({ child }, i) => ({ from: plain(child), to: originals[i]?.descriptor ?? plain(child) }));
  return { root, manifests: [root, ...made], pairs };
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
