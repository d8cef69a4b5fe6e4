import { DEFAULT_SPAN_SIZE } from "@socikit/ztoc/build";
import type { CreateEvent } from "../create/create-event.ts";
import { createIndex, type CreateOptions, type CreatePorts, type CreateResult } from "../create/create-index.ts";
import type { LocalStore } from "./local-store.ts";

/** Where the image is, and what builds zTOCs. */
export type CreateLocalPorts = Omit<CreatePorts, "target">;

/** What {@linkcode createLocalIndex} may be told. */
export interface CreateLocalOptions extends Omit<CreateOptions, "copy"> {
  /** What the image is called: indexes are listed by it. */
  readonly name?: string | undefined;
}

/**
 * Makes the v1 index of an image as `createIndex` does, in a store of this machine. Each zTOC is recorded when it is there, so
 * that whatever ends the work, a second run uses what was built.
 *
 * @throws what `createIndex` throws; `SociIndexError` `ERR_SOCI_STORE_BUSY`.
 */
export async function createLocalIndex(
  store: LocalStore,
  ports: CreateLocalPorts,
  tagOrDigest: string,
  options: CreateLocalOptions = {},
): Promise<CreateResult> {
  const { name, signal, spanSize = DEFAULT_SPAN_SIZE } = options;
  return store.write(
    async (writer) => {
      const recording: Promise<void>[] = [];
      const onEvent = (event: CreateEvent): void => {
        if (event.type === "ztoc-pushed") {
          const { digest, size } = event.ztoc;
          recording.push(writer.recordZtoc({ digest, size, layer: event.layer, spanSize }));
          // It is looked at in the end.
          recording.at(-1)!.catch(() => {});
        }
        options.onEvent?.(event);
      };
      try {
        const created = await createIndex({ ...ports, target: writer.target }, tagOrDigest, { ...options, onEvent });
        await Promise.all(recording);
        for (const { index, platform } of created.indexes)
          // One after the other: each is a small file written anew.
          await writer.recordIndex({ index, name, image: created.image.digest, platform }, { signal });
        return created;
      } finally {
        // What was begun ends before the store is let go of.
        await Promise.allSettled(recording);
      }
    },
    { signal },
  );
}
