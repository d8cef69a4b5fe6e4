import { matchesPlatform, type Descriptor, type Platform } from "@socikit/oci";
import { SOCI_INDEX_V2 } from "../media-types.ts";

/** An entry of the converted index: a child of the source, or the SOCI index of the platform of that number. */
export type IndexEntry = { readonly child: Descriptor } | { readonly platform: number };

/**
 * Where SOCI indexes go (spec section 10.5): each into the place of the first that is there for a platform that matches,
 * else behind all others. As in the reference one of this run can take the place of another, where a platform asked for later
 * runs what an earlier one stands for (Windows).
 */
export function placeIndexes(children: readonly Descriptor[], platforms: readonly Platform[]): readonly IndexEntry[] {
  const entries: IndexEntry[] = children.map((child) => ({ child }));
  const platformOf = (entry: IndexEntry): Platform | undefined => {
    if ("platform" in entry) return platforms[entry.platform];
    return entry.child.artifactType === SOCI_INDEX_V2 ? entry.child.platform : undefined;
  };
  for (const [platform, request] of platforms.entries()) {
    const at = entries.findIndex((entry) => {
      const there = platformOf(entry);
      return there !== undefined && matchesPlatform(request, there);
    });
    if (at < 0) entries.push({ platform });
    else entries[at] = { platform };
  }
  return entries;
}
