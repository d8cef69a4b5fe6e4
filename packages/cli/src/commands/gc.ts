import type { CommandRun } from "../command-spec.ts";
import { formatBytes } from "../format-quantity.ts";
import { openStore } from "../local-store.ts";

/** `socikit gc` */
export const gc: CommandRun = async (invocation, io) => {
  const dryRun = invocation.flag("dry-run");
  const store = await openStore(invocation, io);
  const swept = await store?.collect({ dryRun, signal: io.signal });
  const { blobs = [], leftovers = { count: 0, bytes: 0 }, missing = [] } = swept ?? {};
  const bytes = blobs.reduce((sum, { size }) => sum + size, leftovers.bytes);
  if (invocation.flag("json")) {
    const report = {
      dry_run: dryRun,
      blobs: blobs.map(({ digest, size }) => ({ digest, size })),
      leftovers,
      bytes,
      missing,
    };
    await io.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
    return undefined;
  }
  await io.stdout.write(blobs.map(({ digest }) => `${digest}\n`).join(""));
  if (!invocation.flag("quiet")) {
    for (const digest of missing)
      await io.stderr.write(`SOCI index ${digest} is listed and not there; forget it: socikit index rm ${digest}\n`);
    const left = leftovers.count === 0 ? "" : `, and ${leftovers.count} files of interrupted writes`;
    const verb = dryRun ? "would be freed" : "freed";
    await io.stderr.write(`${blobs.length} blobs${left}: ${formatBytes(bytes)} ${verb}\n`);
  }
  return undefined;
};
