import type { CopyEvent } from "@socikit/oci";
import type { ConvertEvent, CreateEvent } from "@socikit/soci-index/build";
import { describeMissingPath } from "@socikit/soci-index/build";
import { formatBytes } from "./format-quantity.ts";
import type { Progress } from "./progress.ts";

/** Shows what happens to an image that is copied, indexed or converted: one row a layer. */
export function showIndexing(event: ConvertEvent | CopyEvent | CreateEvent, progress: Progress): void {
  switch (event.type) {
    case "layer-started":
      return progress.begin(event.layer, `indexing ${shortDigest(event.layer)}`, event.size);
    case "layer-progress":
      progress.advance(event.layer, event.bytes);
      return progress.follow(event.layer, { inflated: event.uncompressed });
    case "layer-indexed":
      return progress.phase(event.layer, `pushing zTOC, ${formatBytes(event.ztoc.size)}`);
    case "ztoc-pushed":
      return progress.end(
        event.layer,
        `zTOC ${shortDigest(event.ztoc.digest)}, ${formatBytes(event.ztoc.size)}${event.existed ? ", there already" : ""}`,
      );
    case "layer-reused":
      return progress.skip(
        event.layer,
        `indexing ${shortDigest(event.layer)}`,
        `zTOC ${shortDigest(event.ztoc.digest)}, there already`,
      );
    case "blob-started":
      return progress.begin(copyOf(event.digest), `copying ${shortDigest(event.digest)}`, event.size);
    case "blob-progress":
      // Of the row of the copy, or of the layer that is copied while it is indexed.
      progress.advance(copyOf(event.digest), event.bytes);
      return progress.follow(event.digest, { pushed: event.bytes });
    case "blob-copied":
      return progress.end(copyOf(event.digest), formatBytes(event.size));
    case "blob-skipped":
      return progress.skip(
        copyOf(event.digest),
        `copying ${shortDigest(event.digest)}`,
        event.reason === "present" ? "there already" : event.reason,
      );
    case "prefetch-missing":
      return progress.note(describeMissingPath(event.path, event.problem));
    case "decision":
      return progress.note(event.decision.message);
  }
}

/** A layer is copied and indexed in two rows where it is read twice. */
function copyOf(digest: string): string {
  return `copy ${digest}`;
}

/** `sha256:0123456789ab`: enough to tell layers apart, and to find one in a manifest. */
function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}
