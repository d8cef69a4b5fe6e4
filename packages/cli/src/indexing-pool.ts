import { createBuildPool, type BuildPool } from "@socikit/ztoc/build";
import type { CliIo } from "./io.ts";

/**
 * Threads to index layers on, this one among them: as many as there are processors, four at most; none where there is one
 * processor. They start when there is more than one layer.
 */
export function indexingPool(io: Pick<CliIo, "processors">): BuildPool | undefined {
  return io.processors > 1
    ? createBuildPool({ threads: Math.min(4, io.processors) - 1, usesCallingThread: true })
    : undefined;
}
