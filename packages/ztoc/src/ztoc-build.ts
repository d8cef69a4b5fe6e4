import type { Digest } from "@socikit/oci";
import type { BuildWarning } from "./build-warning.ts";
import { readZtoc } from "./decode.ts";
import type { Ztoc } from "./ztoc.ts";

/** A zTOC that was built. */
export interface ZtocBuild {
  /** The zTOC, over `bytes`. Read when it is first asked for: that is a part of the work, and some only want the bytes. */
  readonly ztoc: Ztoc;
  /** The zTOC as it is stored: byte for byte what the reference writes for this layer. */
  readonly bytes: Uint8Array;
  /** Digest of `bytes`. */
  readonly digest: Digest;
  /** What the reference writes all the same, and what will not work. */
  readonly warnings: readonly BuildWarning[];
  /** Whether mounts of the layer have to look for extended attributes: an entry has some, or marks an opaque directory. */
  readonly needsXattrs: boolean;
}

/** Adds what can be read from the bytes. */
export function ztocBuild(build: Omit<ZtocBuild, "ztoc">): ZtocBuild {
  let ztoc: Ztoc | undefined;
  return {
    ...build,
    get ztoc() {
      return (ztoc ??= readZtoc(build.bytes, false));
    },
  };
}
