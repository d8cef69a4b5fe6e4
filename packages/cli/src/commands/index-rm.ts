import { parseDigest, type Digest } from "@socikit/oci";
import { SociIndexError } from "@socikit/soci-index";
import type { LocalStore } from "@socikit/soci-index/node";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import { askedName, openStore } from "../local-store.ts";

/** `socikit index rm` */
export const indexRm: CommandRun = async (invocation, io) => {
  const given = invocation.argumentList("DIGEST").map((text) => parseDigest(text));
  const ref = invocation.text("ref");
  if (given.length > 0 && ref !== undefined)
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      "Cannot run index rm: please provide either index digests or image ref, but not both",
    );
  if (given.length === 0 && ref === undefined)
    throw new CliError("ERR_CLI_MISSING_ARGUMENT", "Cannot run index rm: it names neither digests nor an image", {
      hint: "socikit index rm DIGEST..., or socikit index rm --ref IMAGE",
    });
  const store = await openStore(invocation, io);
  const digests = ref === undefined ? given : await digestsOf(store, ref);
  if (store === undefined) throw unknown(ref ?? given[0]!);
  // One after the other: each is a list written anew.
  for (const digest of digests) await store.removeIndex(digest, { signal: io.signal });
  return undefined;
};

/** The indexes of an image, of all its platforms. */
async function digestsOf(store: LocalStore | undefined, ref: string): Promise<readonly Digest[]> {
  const indexes = (await store?.catalogue())?.indexes ?? [];
  const name = askedName(ref);
  const found = indexes.flatMap(({ digest, names }) => (names.includes(name) ? [digest] : []));
  if (found.length === 0) throw unknown(ref);
  return found;
}

function unknown(what: string): SociIndexError {
  return new SociIndexError("ERR_SOCI_STORE_UNKNOWN", `Cannot remove SOCI index: the local store has none of ${what}`);
}
