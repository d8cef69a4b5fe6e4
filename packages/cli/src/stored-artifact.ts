import type { Digest } from "@socikit/oci";
import { SociIndexError } from "@socikit/soci-index";
import type { LocalStore } from "@socikit/soci-index/node";
import { CliError } from "./errors.ts";

/** Kinds of artifacts in the store, as messages name them, and the command that shows one. */
const KINDS = {
  indexes: { name: "SOCI index", command: "index info" },
  ztocs: { name: "zTOC", command: "ztoc info" },
  prefetch: { name: "prefetch artifact", command: "prefetch info" },
} as const;

/** One of the kinds of artifacts in a store. */
export type ArtifactKind = keyof typeof KINDS;

/**
 * The error for a digest that the store has no artifact of that kind under.
 *
 * @returns `ERR_CLI_OTHER_ARTIFACT` with the command for what it is; `ERR_SOCI_STORE_UNKNOWN` where there is none.
 */
export async function unknownArtifact(
  store: LocalStore | undefined,
  kind: ArtifactKind,
  digest: Digest,
): Promise<CliError | SociIndexError> {
  const catalogue = await store?.catalogue();
  const { name } = KINDS[kind];
  for (const [other, { name: found, command }] of Object.entries(KINDS))
    if (catalogue?.[other as ArtifactKind].some((artifact) => artifact.digest === digest) === true)
      return new CliError("ERR_CLI_OTHER_ARTIFACT", `Cannot read ${name} ${digest}: it is a ${found}`, {
        hint: `socikit ${command} ${digest}`,
      });
  return new SociIndexError("ERR_SOCI_STORE_UNKNOWN", `Cannot read ${name}: the local store has no ${digest}`);
}
