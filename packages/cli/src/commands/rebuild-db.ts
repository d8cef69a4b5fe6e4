import { printable } from "@socikit/oci";
import type { CommandRun } from "../command-spec.ts";
import { openStore } from "../local-store.ts";

/** `socikit rebuild-db` */
export const rebuildDb: CommandRun = async (invocation, io) => {
  const store = await openStore(invocation, io);
  const report = await store?.rebuild({ signal: io.signal });
  const { indexes = [], ztocs = [], prefetch = [], dropped = [], damaged = [] } = report ?? {};
  if (invocation.flag("json")) {
    const counts = { indexes: indexes.length, ztocs: ztocs.length, prefetch: prefetch.length, dropped, damaged };
    await io.stdout.write(`${JSON.stringify(counts, undefined, 2)}\n`);
    return undefined;
  }
  // The reference says nothing; what is worth knowing goes where no script looks.
  const lines = [
    ...damaged.map((digest) => `${digest} is damaged, and passed over`),
    `${indexes.length} indexes, ${ztocs.length} zTOCs, ${prefetch.length} prefetch artifacts; ${dropped.length} forgotten`,
  ];
  if (!invocation.flag("quiet")) await io.stderr.write(lines.map((line) => `${printable(line)}\n`).join(""));
  return undefined;
};
