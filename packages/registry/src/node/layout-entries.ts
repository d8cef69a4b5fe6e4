import type { Descriptor, Digest } from "@socikit/oci";
import type { ManifestFacts } from "../manifest-facts.ts";
import { REF_NAME, type LayoutEntry, type RawEntry } from "./layout-index.ts";

/** What is known of an entry's manifest; `undefined` where it is not there or is broken. */
export type FactsOf = (descriptor: Descriptor) => Promise<ManifestFacts | undefined>;

/** The entries less those without a name that a new index leads to; referrers stay, since they are found here only. */
export async function withoutChildren(
  entries: readonly LayoutEntry[],
  index: ManifestFacts,
  factsOf: FactsOf,
): Promise<readonly LayoutEntry[]> {
  const children = new Set(index.children.map(({ digest }) => digest));
  const kept: LayoutEntry[] = [];
  for (const entry of entries) {
    const isChild = entry.name === undefined && children.has(entry.descriptor.digest);
    const facts = isChild ? await factsOf(entry.descriptor) : undefined;
    if (facts === undefined || facts.subject !== undefined) kept.push(entry);
  }
  return kept;
}

/** Whether an index among the entries, or below one, leads to `digest`. */
export async function reaches(entries: readonly LayoutEntry[], digest: Digest, factsOf: FactsOf): Promise<boolean> {
  const queue = entries.map(({ descriptor }) => descriptor);
  const seen = new Set<Digest>();
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next.digest === digest) return true;
    if (seen.has(next.digest)) continue;
    seen.add(next.digest);
    queue.push(...((await factsOf(next))?.children ?? []));
  }
  return false;
}

/** The entries with some names taken away. What is left without one goes, unless it is a referrer. */
export async function withoutNames(
  entries: readonly LayoutEntry[],
  isNamed: (entry: LayoutEntry) => boolean,
  factsOf: FactsOf,
): Promise<readonly RawEntry[]> {
  const kept: RawEntry[] = [];
  for (const entry of entries) {
    if (!isNamed(entry)) {
      kept.push(entry.raw);
      continue;
    }
    const facts = await factsOf(entry.descriptor);
    const isElsewhere = entries.some((other) => other.descriptor.digest === entry.descriptor.digest && !isNamed(other));
    if (facts?.subject !== undefined && !isElsewhere) kept.push(rawEntry(entry.descriptor, undefined, facts));
  }
  return kept;
}

/**
 * An entry as Go's struct orders it. Annotations of the manifest itself are not repeated: a name among them would be taken
 * for a tag.
 */
export function rawEntry(descriptor: Descriptor, tag: string | undefined, facts: ManifestFacts | undefined): RawEntry {
  const artifactType = descriptor.artifactType ?? facts?.referrer.artifactType;
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(tag === undefined ? {} : { annotations: { [REF_NAME]: tag } }),
    ...(descriptor.platform === undefined ? {} : { platform: descriptor.platform }),
    ...(artifactType === undefined || facts?.isImage === true ? {} : { artifactType }),
  };
}

/** The name of an entry as it stands in the file. */
export function nameOfRaw(raw: RawEntry): unknown {
  const annotations = raw["annotations"];
  if (typeof annotations !== "object" || annotations === null) return undefined;
  return (annotations as RawEntry)[REF_NAME] || undefined;
}
