import {
  digestOf,
  DOCKER_CONFIG,
  isImageChild,
  isIndexType,
  isManifestType,
  MAX_INDEX_DEPTH,
  OCI_CONFIG,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type Platform,
} from "@socikit/oci";
import { SOCI_INDEX_V2 } from "../media-types.ts";
import type { ChosenChild } from "./choose-child.ts";
import { nameOfChild, type ConvertDecision, type ConvertDecisionCode } from "./convert-decision.ts";
import { tooDeep } from "./image-platforms.ts";
import { rewriteManifest } from "./rewrite-manifest.ts";
import type { SourceContent } from "./source-content.ts";

/** On an attestation's descriptor: the manifest it is of. https://docs.docker.com/build/metadata/attestations/attestation-storage/ */
export const ATTESTED_DIGEST = "vnd.docker.reference.digest";
/** On an attestation's descriptor: `attestation-manifest`. */
export const REFERENCE_TYPE = "vnd.docker.reference.type";
/** Names of an image in a layout, which it does not keep. */
const NAMES: ReadonlySet<string> = new Set(["org.opencontainers.image.ref.name", "io.containerd.image.name"]);

/** A manifest that is copied as it is. */
export interface KeptManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A child whose manifest is written anew. */
export interface RewrittenChild {
  readonly child: Descriptor;
  /** The manifest, as whatever lists it has it: the child, or one below it. */
  readonly from: Descriptor;
  readonly manifest: ImageManifest;
  readonly withoutLayers: boolean;
  /** The platform that the child has from now on. */
  readonly platform: Platform | undefined;
}

/** A child that stays as it is. */
export interface KeptChild {
  readonly child: Descriptor;
  /** Those at and below the child: children before parents, itself the last. */
  readonly kept: readonly KeptManifest[];
  /** The child's content, where it is a manifest. */
  readonly manifest?: ImageManifest;
}

/** What becomes of a child of the index. */
export type ChildPlan = RewrittenChild | KeptChild;

/** What {@linkcode planChildren} goes by. */
export interface ChildrenChoice {
  /** The children that get an index, in the order of the platforms asked for. */
  readonly chosen: readonly ChosenChild[];
  /** Whether attestations and other artifacts stay as they are. */
  readonly keepAttestations: boolean;
  /** Gets what is decided. */
  readonly decide: (decision: ConvertDecision) => void;
}

/**
 * Decides what becomes of each child (spec section 10.4), and reads the manifests that it takes.
 *
 * @returns The plan of each child, in order, and all blobs that they name.
 */
export async function planChildren(
  source: SourceContent,
  children: readonly Descriptor[],
  choice: ChildrenChoice,
): Promise<{ readonly plans: readonly ChildPlan[]; readonly blobs: readonly Descriptor[] }> {
  const planner = new ChildPlanner(source, choice);
  const plans: ChildPlan[] = [];
  for (const child of children) plans.push(await planner.plan(child));
  return { plans, blobs: [...planner.blobs.values()] };
}

class ChildPlanner {
  readonly blobs: Map<Digest, Descriptor> = new Map();
  readonly #source: SourceContent;
  readonly #choice: ChildrenChoice;

  constructor(source: SourceContent, choice: ChildrenChoice) {
    this.#source = source;
    this.#choice = choice;
  }

  async plan(child: Descriptor): Promise<ChildPlan> {
    const { keepAttestations } = this.#choice;
    if (child.artifactType === SOCI_INDEX_V2)
      return this.#keep(child, "soci-index-kept", "is a SOCI index, and no new one takes its place: it stays as it is");
    if (!isManifestType(child.mediaType) && !isIndexType(child.mediaType))
      return this.#keep(child, "not-a-manifest", `is of type ${JSON.stringify(child.mediaType)}: it stays as it is`);
    if (!keepAttestations || this.#chosenAt(child) !== undefined || !(await this.#isArtifact(child)))
      return this.#rewrite(child);
    return isAttestation(child)
      ? this.#keep(child, "attestation-kept", "is an attestation: it stays as it is")
      : this.#keep(child, "artifact-kept", "is an artifact: it stays as it is");
  }

  #chosenAt(child: Descriptor): ChosenChild | undefined {
    return this.#choice.chosen.find((one) => one.child.digest === child.digest);
  }

  #decide(code: ConvertDecisionCode, child: Descriptor, what: string, lost?: readonly Digest[]): void {
    const message = `${nameOfChild(child)} ${what}`;
    this.#choice.decide({ code, digest: child.digest, message, ...(lost === undefined ? {} : { lost }) });
  }

  async #keep(child: Descriptor, code: ConvertDecisionCode, what: string): Promise<KeptChild> {
    this.#decide(code, child, what);
    const kept = await this.#manifestsAt(child, 0, new Set());
    const content = isManifestType(child.mediaType) ? (await this.#source.document(child)).document : undefined;
    const manifest = content !== undefined && "manifest" in content ? content.manifest : undefined;
    return { child, kept, ...(manifest === undefined ? {} : { manifest }) };
  }

  async #rewrite(child: Descriptor): Promise<ChildPlan> {
    const chosen = this.#chosenAt(child);
    const { manifests: below, hasOthers } = await manifestsBelow(this.#source, child);
    const from = below.find(({ digest }) => digest === chosen?.image.descriptor.digest) ?? below[0];
    if (from === undefined || (hasOthers && chosen === undefined))
      return this.#keep(
        child,
        "nested-index-kept",
        "is an index in the index, of more than manifests: it stays as it is",
      );
    const { document } = await this.#source.document(from);
    // What is found below is manifests alone.
    if (!("manifest" in document)) throw new TypeError(`Cannot convert ${from.digest}: it is an index`);
    const { manifest, withoutLayers } = document;
    this.#addBlobs(manifest);
    if (from.digest !== child.digest) {
      const lost = below.map(({ digest }) => digest).filter((digest) => digest !== from.digest);
      const others = lost.length === 0 ? "" : `, and ${lost.length} more below it are lost`;
      this.#decide(
        "nested-index-flattened",
        child,
        `is an index in the index: ${nameOfChild(from)} takes its place${others}`,
        lost,
      );
    }
    const said = chosen?.configPlatform;
    if (said !== undefined)
      this.#decide(
        "platform-from-config",
        { ...child, platform: said },
        "has no platform in the index: it gets its config's",
      );
    if (chosen === undefined) this.#decideOnArtifact(child, from, manifest, withoutLayers);
    this.#decideOnAnnotations(child, manifest);
    return { child, from, manifest, withoutLayers, platform: child.platform ?? said };
  }

  /** The manifests at and below one that stays as it is, each once. */
  async #manifestsAt(descriptor: Descriptor, depth: number, seen: Set<Digest>): Promise<readonly KeptManifest[]> {
    if (seen.has(descriptor.digest)) return [];
    seen.add(descriptor.digest);
    if (!isManifestType(descriptor.mediaType) && !isIndexType(descriptor.mediaType))
      return [{ descriptor, bytes: await this.#source.opaque(descriptor) }];
    const { document, bytes } = await this.#source.document(descriptor);
    const below: KeptManifest[] = [];
    if ("manifest" in document) this.#addBlobs(document.manifest);
    else {
      if (depth >= MAX_INDEX_DEPTH) throw tooDeep(descriptor);
      for (const inner of document.index.manifests) below.push(...(await this.#manifestsAt(inner, depth + 1, seen)));
    }
    return [...below, { descriptor, bytes }];
  }

  #addBlobs({ config, layers }: ImageManifest): void {
    for (const blob of [config, ...layers]) if (!this.blobs.has(blob.digest)) this.blobs.set(blob.digest, blob);
  }

  /** Whether a child is something other than an image: it says so, or its config does. */
  async #isArtifact(child: Descriptor): Promise<boolean> {
    if (isAttestation(child) || !isImageChild(child)) return true;
    if (!isManifestType(child.mediaType)) return false;
    const { document } = await this.#source.document(child);
    return "manifest" in document && !isImageConfig(document.manifest);
  }

  #decideOnArtifact(child: Descriptor, from: Descriptor, manifest: ImageManifest, withoutLayers: boolean): void {
    // What was converted before is in the reference's form already.
    const isUnchanged = digestOf(rewriteManifest(manifest, withoutLayers, undefined).bytes) === from.digest;
    if (isAttestation(child))
      this.#decide(
        "attestation-rewritten",
        child,
        "is an attestation: it is written anew, and what says of which image it is is lost",
      );
    else if (!isUnchanged && (!isImageChild(child) || !isImageConfig(manifest)))
      this.#decide(
        "artifact-rewritten",
        child,
        "is an artifact: it is written anew, and its config announced as an image's",
      );
  }

  #decideOnAnnotations(child: Descriptor, { annotations }: ImageManifest): void {
    const lost = Object.entries(child.annotations ?? {}).filter(
      ([key, value]) => annotations?.[key] !== value && !NAMES.has(key),
    );
    if (lost.length === 0 || isAttestation(child)) return;
    const keys = lost.slice(0, 5).map(([key]) => key);
    this.#decide(
      "annotations-lost",
      child,
      `has annotations in the index that its manifest has not: they are lost (${keys.join(", ")})`,
    );
  }
}

/**
 * The manifests at and below a descriptor, depth first, each once, and whether there is anything else. All of it is read, as
 * the reference reads it: what is not there fails here.
 */
async function manifestsBelow(
  source: SourceContent,
  descriptor: Descriptor,
): Promise<{ readonly manifests: readonly Descriptor[]; readonly hasOthers: boolean }> {
  const manifests: Descriptor[] = [];
  const seen = new Set<Digest>();
  let hasOthers = false;
  const walk = async (at: Descriptor, depth: number): Promise<void> => {
    if (seen.has(at.digest)) return;
    seen.add(at.digest);
    if (!isManifestType(at.mediaType) && !isIndexType(at.mediaType)) {
      hasOthers = true;
      return;
    }
    const { document } = await source.document(at);
    if ("manifest" in document) {
      manifests.push(at);
      return;
    }
    if (depth >= MAX_INDEX_DEPTH) throw tooDeep(at);
    for (const child of document.index.manifests) await walk(child, depth + 1);
  };
  await walk(descriptor, 0);
  return { manifests, hasOthers };
}

/** Whether BuildKit put it there to tell of an image. */
function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.[REFERENCE_TYPE] === "attestation-manifest";
}

function isImageConfig({ config }: ImageManifest): boolean {
  return config.mediaType === OCI_CONFIG || config.mediaType === DOCKER_CONFIG;
}
