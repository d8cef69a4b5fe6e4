import { rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { makeDirectory } from "@socikit/oci/node";
import { isLayoutDirectory, openLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";

/** A layout to write to, which may have been made for that. */
export interface NewLayoutDirectory {
  readonly layout: LayoutDirectory;
  /**
   * Takes away again what was made, where nothing was written: the layout, and the directories that were made for it. One
   * that was there, or that holds blobs by now, stays. Never fails.
   */
  removeEmpty(): Promise<void>;
}

/**
 * Opens a layout directory, and makes it where it is not there.
 *
 * @throws as `openLayoutDirectory` does, with `create`; what was made until then is taken away.
 */
export async function openNewLayoutDirectory(directory: string): Promise<NewLayoutDirectory> {
  if (await isLayoutDirectory(directory))
    return { layout: await openLayoutDirectory(directory, { create: true }), removeEmpty: async () => {} };
  const first = await makeDirectory(directory);
  const removeDirectories = async (): Promise<void> => {
    if (first === undefined) return;
    for (let at = resolve(directory); ; at = dirname(at)) {
      await rmdir(at);
      if (at === first || dirname(at) === at) return;
    }
  };
  let layout: LayoutDirectory;
  try {
    layout = await openLayoutDirectory(directory, { create: true });
  } catch (error) {
    await removeDirectories().catch(() => {});
    throw error;
  }
  return {
    layout,
    async removeEmpty() {
      try {
        if ((await layout.entries()).length > 0) return;
        // Fail where blobs or uploads are in them: the layout stays as it is then.
        await rmdir(join(directory, "blobs", "sha256"));
        await rmdir(join(directory, "blobs"));
        for (const name of ["index.json", "oci-layout"]) await rm(join(directory, name));
        await removeDirectories();
      } catch {
        // Whatever is left is a layout, or a directory of somebody's.
      }
    },
  };
}
