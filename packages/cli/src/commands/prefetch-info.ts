import { parseDigest, printable, readAll } from "@socikit/oci";
import { decodePrefetch, encodePrefetch, MAX_PREFETCH_SIZE } from "@socikit/soci-index";
import type { CataloguedPrefetch } from "@socikit/soci-index/node";
import type { CommandRun } from "../command-spec.ts";
import { indentJson } from "../indent-json.ts";
import { openStore } from "../local-store.ts";
import { unknownArtifact } from "../stored-artifact.ts";

/** `socikit prefetch info` */
export const prefetchInfo: CommandRun = async (invocation, io) => {
  const digest = parseDigest(invocation.argument("DIGEST"));
  const store = await openStore(invocation, io);
  const catalogue = await store?.catalogue({ signal: io.signal });
  const entries = catalogue?.prefetch.filter((each) => each.digest === digest) ?? [];
  const [entry] = entries;
  if (store === undefined || entry === undefined) throw await unknownArtifact(store, "prefetch", digest);
  const bytes = await readAll(await store.layout.stream(entry, { signal: io.signal }), MAX_PREFETCH_SIZE, io.signal);
  const artifact = decodePrefetch(bytes);
  const lines = [
    `Digest:        ${digest}`,
    "Version:       1.0",
    `Span Ranges:   ${artifact.ranges.length}`,
    ...layerLines(entries),
    `Size:          ${entry.size} bytes`,
    `Created:       ${localTime(entry.created)}`,
    "",
    "Prefetch Spans:",
  ];
  let total = 0;
  for (const [i, { firstSpan, lastSpan, priority }] of artifact.ranges.entries()) {
    const count = lastSpan - firstSpan + 1;
    total += count;
    lines.push(`  [${i}] StartSpan: ${firstSpan}, EndSpan: ${lastSpan} (covers ${count} spans)`);
    if (priority !== undefined && priority !== 0) lines.push(`      Priority: ${priority}`);
  }
  lines.push("", `Total spans to prefetch: ${total}`);
  if (invocation.flag("json"))
    // As the reference writes what it has read.
    lines.push("", "Raw JSON:", ...indentJson(new TextDecoder().decode(encodePrefetch(artifact))).split("\n"));
  await io.stdout.write(lines.map((line) => `${printable(line)}\n`).join(""));
  return undefined;
};

/** A line for each layer: those that the same spans are fetched of share an artifact. */
function layerLines(entries: readonly CataloguedPrefetch[]): readonly string[] {
  return entries.map(({ layer }) => `Layer Digest:  ${layer}`);
}

/** `2006-01-02 15:04:05`, in this machine's time zone, as the reference has it. */
function localTime(created: string | undefined): string {
  if (created === undefined) return "n/a";
  const time = new Date(created);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}
