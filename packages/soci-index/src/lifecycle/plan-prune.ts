import type { Digest } from "@socikit/oci";
import type { FallbackList, RepositorySurvey, SociArtifact } from "./repository-survey.ts";

/** What is pruned besides what is of no use to anyone. */
export interface PruneOptions {
  /** Indexes in whose place another is read, too. Whoever reads all of an image's indexes loses them. */
  readonly shadowed?: boolean | undefined;
  /** Indexes that have a tag, too, where they are of no use: someone has wanted to keep them. */
  readonly tagged?: boolean | undefined;
}

/** Why something is pruned. */
export type PruneReason =
  /** The image that it belongs to is gone. */
  | "subject-gone"
  /** It lists nothing, or nothing that is there. */
  | "empty"
  /** What it names is not there. */
  | "dangling"
  /** Another index is read in its place. */
  | "shadowed";

/**
 * One thing to do. Plans are data: they can be shown, kept, and looked at by others before they are carried out.
 *
 * - `delete-list`: the lists of referrers under some fallback tags, all of them the same manifest.
 * - `update-list`: a list goes on without some of what it lists.
 * - `delete-index`: a SOCI index, which no list names any more then.
 */
export type PruneStep =
  | {
      readonly action: "delete-list";
      readonly reason: PruneReason;
      readonly tags: readonly string[];
      /** The manifest that the tags named when the plan was made. */
      readonly list: Digest;
      /** Manifests that are not there, and must not be when the step is done: images, and what is listed. */
      readonly gone: readonly Digest[];
      /** Manifests that are there, and must be: indexes that are read in place of those that go. */
      readonly needs: readonly Digest[];
      /** Whether the manifest has no other tag: it is deleted then, and the tags with it. */
      readonly whole: boolean;
    }
  | {
      readonly action: "update-list";
      readonly reason: PruneReason;
      readonly tag: string;
      readonly list: Digest;
      /** What is taken out. */
      readonly remove: readonly Digest[];
      readonly gone: readonly Digest[];
      readonly needs: readonly Digest[];
      /** Whether the list has no other tag: it is deleted then, when another has taken its place. */
      readonly whole: boolean;
    }
  | {
      readonly action: "delete-index";
      readonly reason: "subject-gone" | "shadowed";
      readonly index: Digest;
      /** The image that it is of. */
      readonly subject: Digest;
      /** The index that is read in its place, which must stay; none for an image that is gone. */
      readonly needs: readonly Digest[];
      /** Lists that must have let go of it before. */
      readonly lists: readonly string[];
      /** Bytes that it and its zTOCs take at most: other indexes may have some of them too. */
      readonly bytes: number;
    };

/** Something of no use that is kept, and why. */
export interface KeptArtifact {
  readonly artifact: SociArtifact;
  /** It has a tag, or an image index has it as a child. */
  readonly because: "tagged" | "in-index";
}

/** What is to be done to a repository. */
export interface PrunePlan {
  /** Version of the plan's shape. */
  readonly v: 1;
  /** In their order: lists let go of what is deleted after them. */
  readonly steps: readonly PruneStep[];
  /** What would be deleted, were it not for something that keeps it. */
  readonly kept: readonly KeptArtifact[];
}

/**
 * What to do about what is stale in a repository: v1 indexes whose image is gone, entries of fallback lists that name nothing,
 * and lists that are left with nothing. Nothing that a tag or an image index leads to is deleted, unless `tagged` says so.
 * Entries of other types stay in their lists.
 *
 * Does nothing itself: `executePrune` does, and looks before each step whether what it rests on still holds.
 */
export function planPrune(survey: RepositorySurvey, options: PruneOptions = {}): PrunePlan {
  const kept: KeptArtifact[] = [];
  const deleted = new Map<Digest, SociArtifact>();
  const dangling = new Set<Digest>();
  for (const artifact of survey.artifacts) {
    const { state, version, tags, inIndex, descriptor } = artifact;
    if (version !== "v1") continue;
    if (state === "missing") dangling.add(descriptor.digest);
    if (state !== "orphaned" && !(state === "shadowed" && options.shadowed === true)) continue;
    if (inIndex) kept.push({ artifact, because: "in-index" });
    else if (tags.length > 0 && options.tagged !== true) kept.push({ artifact, because: "tagged" });
    else deleted.set(descriptor.digest, artifact);
  }
  const lists = listSteps(survey, deleted, dangling);
  const indexes = [...deleted.values()].map((artifact): PruneStep => {
    const { descriptor, state, images, lists: listed, blobBytes, shadowedBy } = artifact;
    return {
      action: "delete-index",
      reason: state === "orphaned" ? "subject-gone" : "shadowed",
      index: descriptor.digest,
      // A v1 index has one.
      subject: images[0]!.digest,
      needs: shadowedBy === undefined ? [] : [shadowedBy],
      lists: listed,
      bytes: descriptor.size + blobBytes,
    };
  });
  return { v: 1, steps: [...lists, ...indexes], kept };
}

function listSteps(
  survey: RepositorySurvey,
  deleted: ReadonlyMap<Digest, SociArtifact>,
  dangling: ReadonlySet<Digest>,
): readonly PruneStep[] {
  const tagsOf = new Map<Digest, number>();
  for (const digest of survey.tags.values()) tagsOf.set(digest, (tagsOf.get(digest) ?? 0) + 1);
  const updates: PruneStep[] = [];
  const deletions = new Map<Digest, FallbackList[]>();
  const restsOn = (lists: readonly FallbackList[]): { gone: readonly Digest[]; needs: readonly Digest[] } => {
    const entries = lists.flatMap((list) => list.entries.map(({ digest }) => digest));
    const subjects = lists.flatMap(({ subject, subjectExists }) =>
      subject === undefined || subjectExists ? [] : [subject],
    );
    const needs = entries.flatMap((digest) => deleted.get(digest)?.shadowedBy ?? []);
    const missing = entries.filter((digest) => dangling.has(digest));
    return { gone: [...new Set([...subjects, ...missing])], needs: [...new Set(needs)] };
  };
  for (const list of survey.lists) {
    const { tag, descriptor, entries, subjectExists } = list;
    const remove = entries.map(({ digest }) => digest).filter((digest) => deleted.has(digest) || dangling.has(digest));
    if (remove.length === entries.length) {
      const same = deletions.get(descriptor.digest);
      if (same === undefined) deletions.set(descriptor.digest, [list]);
      else same.push(list);
    } else if (remove.length > 0) {
      const isDangling = remove.every((digest) => dangling.has(digest));
      updates.push({
        action: "update-list",
        reason: !subjectExists ? "subject-gone" : isDangling ? "dangling" : "shadowed",
        tag,
        list: descriptor.digest,
        remove,
        ...restsOn([list]),
        whole: tagsOf.get(descriptor.digest) === 1,
      });
    }
  }
  const deletes = [...deletions].map(([list, same]): PruneStep => ({
    action: "delete-list",
    reason: same.every(({ subjectExists }) => !subjectExists) ? "subject-gone" : "empty",
    tags: same.map(({ tag }) => tag),
    list,
    ...restsOn(same),
    whole: same.length === tagsOf.get(list),
  }));
  return [...updates, ...deletes];
}

/** A step as a line for people. */
export function describePruneStep(step: PruneStep): string {
  const why = {
    "subject-gone": "the image that it belongs to is gone",
    empty: "it lists nothing that is there",
    dangling: "what it names is not there",
    shadowed: "another index is read in its place",
  }[step.reason];
  switch (step.action) {
    case "delete-list":
      return `delete the list of referrers under ${step.tags.join(", ")}: ${why}`;
    case "update-list":
      return `take ${step.remove.join(", ")} out of the list of referrers under ${step.tag}: ${why}`;
    case "delete-index":
      return `delete the SOCI index ${step.index} of ${step.subject}: ${why}`;
  }
}
