import { realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { algorithmOf, hexOf, type BlobSource, type Digest } from "@socikit/oci";
import { isMissingFile, openFileSource, readRegularFile } from "@socikit/oci/node";

/** A blob that is there. */
export interface FoundBlob {
  /** Its bytes. */
  readonly size: number;
  /** All of it, where it has no more than `limit` bytes. */
  read(limit: number): Promise<Uint8Array>;
  /** Opens it for reading in parts. */
  open(): Promise<BlobSource>;
}

/** The blobs of a layout, wherever its files are: a directory, or an archive. */
export interface LayoutFiles {
  /** How messages name the layout. */
  readonly place: string;
  /** A blob, or `undefined` where it is not there. */
  find(digest: Digest): Promise<FoundBlob | undefined>;
}

/** The path of a blob in a layout, with `/` between its parts. A digest is checked when it is made, so that the path stays inside. */
export function blobName(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

/** The blobs of a layout directory. */
export class DirectoryFiles implements LayoutFiles {
  readonly place: string;
  readonly #root: string | undefined;

  /**
   * @param directory The layout's real path.
   * @param root Real path of a directory that holds it: links of blobs are followed inside of it alone. Anywhere without.
   */
  constructor(directory: string, root: string | undefined) {
    this.place = directory;
    this.#root = root;
  }

  /** Where a blob is, or would be. */
  path(digest: Digest): string {
    return join(this.place, "blobs", algorithmOf(digest), hexOf(digest));
  }

  async find(digest: Digest): Promise<FoundBlob | undefined> {
    try {
      const path = await realpath(this.path(digest));
      // A link that leads out of the root is as good as none.
      if (this.#root !== undefined && !isInside(path, this.#root)) return undefined;
      const file = await statFile(path);
      return (
        file && {
          size: file.size,
          read: (limit) => readRegularFile(path, limit),
          open: () => openFileSource(path),
        }
      );
    } catch (error) {
      if (isMissingFile(error)) return undefined;
      throw error;
    }
  }
}

/** Size of a regular file, links followed; `undefined` where there is none. A pipe in its place would be read forever. */
export async function statFile(path: string): Promise<{ readonly size: number } | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? { size: found.size } : undefined;
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}

/** Whether a real path is in a directory, by its real path. */
export function isInside(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}
