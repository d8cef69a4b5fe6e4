import {
  decodeManifest,
  encodeIndex,
  isDenied,
  isImageIndex,
  isNotFound,
  isUnsupported,
  OCI_INDEX,
  OciError,
  verifiedManifests,
  type Deleter,
  type Digest,
  type ManifestReader,
  type ManifestWriter,
  type ProgressEvent,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { SociIndexError } from "../errors.ts";
import { SOCI_INDEX_V1 } from "../media-types.ts";
import type { PrunePlan, PruneStep } from "./plan-prune.ts";

/** What has become of a step. */
export const PRUNE_OUTCOMES = [
  /** It is done. */
  "done",
  /** There was nothing left to do: someone else has done it. */
  "gone",
  /** What the step rests on is not so any more, and nothing was done. */
  "changed",
  /** The repository does not do this, for anyone. */
  "unsupported",
  /** The repository does not do this for whoever asks. */
  "denied",
  /** It was not tried: what it rests on was not done, or nothing can be. */
  "skipped",
] as const;

/** One of {@linkcode PRUNE_OUTCOMES}. */
export type PruneOutcome = (typeof PRUNE_OUTCOMES)[number];

/** What has become of one step. */
export interface PruneStepResult {
  readonly step: PruneStep;
  readonly outcome: PruneOutcome;
  /** What is not as it was, or the repository's words. */
  readonly message?: string;
}

/** A step has ended. */
export interface PruneEvent extends ProgressEvent, PruneStepResult {
  readonly type: "prune-step";
}

/** What has become of a plan. */
export interface PruneResult {
  /** As many as the plan has, in its order. */
  readonly steps: readonly PruneStepResult[];
  /** Bytes of the indexes that were deleted, with their zTOCs: what the repository may free. */
  readonly bytes: number;
  /**
   * Why some steps could not be done, where the repository refuses: `ERR_SOCI_DELETE_UNSUPPORTED`, or `ERR_SOCI_DELETE_DENIED`,
   * with the repository's error as `cause`.
   */
  readonly refusal?: SociIndexError;
}

/** Where a plan is carried out. */
export type PrunePorts = ManifestReader & ManifestWriter & ReferrerLister & Deleter;

/** What {@linkcode executePrune} may be told. */
export interface ExecuteOptions extends ReadOptions {
  /** Hears of each step. */
  readonly onEvent?: ((event: PruneEvent) => void) | undefined;
}

/**
 * Carries out a plan, one step after the other. Before each, what it rests on is looked at again: that tags still name the same
 * list, that images are still gone, that another index is still read in an index's place. Where it is not so, nothing is done. A
 * list lets go of an index before the index is deleted, so nothing ever names what is not there.
 *
 * Registries cannot compare and delete: what someone changes between the look and the deletion is lost.
 *
 * @throws what the ports throw other than that something is not there or not allowed; `options.signal`'s reason. What was done
 * by then, events have told.
 */
export async function executePrune(
  ports: PrunePorts,
  plan: PrunePlan,
  options: ExecuteOptions = {},
): Promise<PruneResult> {
  const { signal, priority, onEvent } = options;
  const read: ReadOptions = { signal, priority };
  const pruning = new Pruning(ports, read);
  const steps: PruneStepResult[] = [];
  for (const step of plan.steps) {
    signal?.throwIfAborted();
    // One after the other: an index is deleted when its list has let go of it.
    const result = await pruning.carryOut(step);
    steps.push(result);
    onEvent?.({ v: 1, type: "prune-step", ...result });
  }
  const bytes = steps.reduce(
    (sum, { step, outcome }) => sum + (step.action === "delete-index" && outcome === "done" ? step.bytes : 0),
    0,
  );
  const { refusal } = pruning;
  return { steps, bytes, ...(refusal === undefined ? {} : { refusal }) };
}

/** Ends a step early. */
class StepEnd extends Error {
  readonly outcome: PruneOutcome;

  constructor(outcome: PruneOutcome, message: string) {
    super(message);
    this.outcome = outcome;
  }
}

class Pruning {
  refusal: SociIndexError | undefined;
  /** Whether deletions are pointless: one was refused. */
  #refuses = false;
  /** Lists that have not let go of what they should have. */
  readonly #holding: Set<string> = new Set();
  readonly #ports: PrunePorts;
  readonly #read: ReadOptions;

  constructor(ports: PrunePorts, read: ReadOptions) {
    this.#ports = ports;
    this.#read = read;
  }

  async carryOut(step: PruneStep): Promise<PruneStepResult> {
    try {
      if (this.#refuses) throw new StepEnd("skipped", "deletions are refused");
      return { step, outcome: await this.#do(step) };
    } catch (error) {
      const tags = step.action === "delete-list" ? step.tags : step.action === "update-list" ? [step.tag] : [];
      for (const tag of tags) this.#holding.add(tag);
      if (error instanceof StepEnd) return { step, outcome: error.outcome, message: error.message };
      if (!(error instanceof Error) || !(isUnsupported(error) || isDenied(error))) throw error;
      return { step, outcome: this.#refused(step, error), message: error.message };
    }
  }

  #do(step: PruneStep): Promise<PruneOutcome> {
    switch (step.action) {
      case "delete-list":
        return this.#deleteList(step);
      case "update-list":
        return this.#updateList(step);
      case "delete-index":
        return this.#deleteIndex(step);
    }
  }

  #refused(step: PruneStep, cause: Error): PruneOutcome {
    const unsupported = isUnsupported(cause);
    // A registry that does not take deletions of tags may take those of manifests.
    const ofTag = step.action === "delete-list" && !step.whole;
    if (!(unsupported && ofTag)) this.#refuses = true;
    this.refusal ??= new SociIndexError(
      unsupported ? "ERR_SOCI_DELETE_UNSUPPORTED" : "ERR_SOCI_DELETE_DENIED",
      `Cannot prune repository: ${unsupported ? `it takes no deletions${ofTag ? " of tags" : ""}` : "it does not let you"}: ${cause.message}`,
      { cause },
    );
    return unsupported ? "unsupported" : "denied";
  }

  async #deleteList(step: PruneStep & { action: "delete-list" }): Promise<PruneOutcome> {
    const { tags, list, whole } = step;
    await this.#mustRest(step);
    const left: string[] = [];
    for (const tag of tags) if (await this.#mustName(tag, list)) left.push(tag);
    if (left.length === 0) return "gone";
    if (whole) await ignoringGone(() => this.#ports.deleteManifest(list, this.#read));
    for (const tag of left) {
      // With the manifest its tags go, in most registries.
      if (whole && (await this.#find(tag)) !== list) continue;
      await ignoringGone(() => this.#ports.untag(tag, this.#read));
    }
    return "done";
  }

  async #updateList(step: PruneStep & { action: "update-list" }): Promise<PruneOutcome> {
    const { tag, list, remove, whole } = step;
    await this.#mustRest(step);
    if (!(await this.#mustName(tag, list))) return "gone";
    const { bytes, descriptor } = await verifiedManifests(this.#ports).fetchManifest(list, this.#read);
    const index = decodeManifest(bytes, descriptor.mediaType);
    if (!isImageIndex(index)) throw new StepEnd("changed", `${tag} names no list`);
    const removed = new Set(remove);
    const manifests = index.manifests.filter(({ digest }) => !removed.has(digest));
    const pushed = await this.#ports.pushManifest(encodeIndex({ ...index, manifests }), OCI_INDEX, this.#read);
    try {
      await this.#ports.tag(tag, pushed, { ...this.#read, expected: list });
    } catch (error) {
      // Someone was quicker, or else it is something else.
      if (!isUnsupported(error) && !isDenied(error)) await this.#mustName(tag, list);
      throw error;
    }
    if (whole) await this.#discard(list);
    return "done";
  }

  /** Deletes a list that another has taken the place of, where that is allowed: nothing names it any more. */
  async #discard(list: Digest): Promise<void> {
    try {
      await this.#ports.deleteManifest(list, this.#read);
    } catch (error) {
      if (!isNotFound(error) && !isUnsupported(error) && !isDenied(error)) throw error;
    }
  }

  async #deleteIndex(step: PruneStep & { action: "delete-index" }): Promise<PruneOutcome> {
    const { index, subject, lists, reason, needs } = step;
    const holding = lists.find((tag) => this.#holding.has(tag));
    if (holding !== undefined) throw new StepEnd("skipped", `${holding} still lists it`);
    await this.#mustRest({ gone: reason === "subject-gone" ? [subject] : [], needs });
    if (needs.length > 0) await this.#mustBeListed(needs, subject);
    let deleted = true;
    await ignoringGone(
      () => this.#ports.deleteManifest(index, this.#read),
      () => (deleted = false),
    );
    return deleted ? "done" : "gone";
  }

  async #mustRest({
    gone,
    needs,
  }: {
    readonly gone: readonly Digest[];
    readonly needs: readonly Digest[];
  }): Promise<void> {
    for (const digest of gone) await this.#mustBeGone(digest);
    for (const digest of needs)
      if ((await this.#find(digest)) === undefined)
        throw new StepEnd("changed", `the SOCI index ${digest}, read in its place, is not there any more`);
  }

  async #mustBeGone(digest: Digest): Promise<void> {
    if ((await this.#find(digest)) !== undefined) throw new StepEnd("changed", `${digest} is there again`);
  }

  /** Whether the tag still names the list; false where it is not there any more. */
  async #mustName(tag: string, list: Digest): Promise<boolean> {
    const found = await this.#find(tag);
    if (found !== undefined && found !== list)
      throw new StepEnd("changed", `the tag ${tag} names ${found}, not ${list} any more`);
    return found !== undefined;
  }

  /** Not in which place: some registries list in another order each time. */
  async #mustBeListed(indexes: readonly Digest[], subject: Digest): Promise<void> {
    const left = new Set(indexes);
    for await (const { digest } of this.#ports.referrers(subject, { ...this.#read, artifactType: SOCI_INDEX_V1 })) {
      left.delete(digest);
      if (left.size === 0) return;
    }
    throw new StepEnd("changed", `the SOCI index ${[...left].join(", ")} is not listed for ${subject} any more`);
  }

  async #find(name: string): Promise<Digest | undefined> {
    try {
      return (await this.#ports.resolve(name, this.#read)).digest;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (error instanceof OciError) throw new StepEnd("changed", error.message);
      throw error;
    }
  }
}

async function ignoringGone(work: () => Promise<void>, onGone?: () => void): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    onGone?.();
  }
}
