import { parseDigest, printable } from "@socikit/oci";
import type { CommandRun } from "../command-spec.ts";
import { indentJson } from "../indent-json.ts";
import { openStore } from "../local-store.ts";
import { unknownArtifact } from "../stored-artifact.ts";

/** `socikit index info` */
export const indexInfo: CommandRun = async (invocation, io) => {
  const digest = parseDigest(invocation.argument("DIGEST"));
  const store = await openStore(invocation, io);
  const catalogue = await store?.catalogue({ signal: io.signal });
  if (store === undefined || catalogue?.indexes.some((index) => index.digest === digest) !== true)
    throw await unknownArtifact(store, "indexes", digest);
  const { bytes } = await store.readIndex(digest, { signal: io.signal });
  const lines = indentJson(new TextDecoder().decode(bytes)).split("\n");
  await io.stdout.write(lines.map((line) => `${printable(line)}\n`).join(""));
  return undefined;
};
