import { open, realpath, stat } from "node:fs/promises";
import {
  encodeIndex,
  OCI_INDEX,
  verifiedContent,
  type BlobReader,
  type Descriptor,
  type ManifestReader,
  type ReadOptions,
} from "@socikit/oci";
import { isMissingFile, replaceFile } from "@socikit/oci/node";
import { archiveContents, type ArchivedBlob } from "./archive-contents.ts";
import { checkedChunks } from "./checked-chunks.ts";
import { blobName } from "./layout-files.ts";
import { OCI_LAYOUT } from "./layout-version.ts";
import { padded, tarEnd, tarHeader, type TarMember } from "./tar-header.ts";

/** How {@linkcode writeLayoutArchive} writes. */
export interface WriteArchiveOptions extends ReadOptions {
  /** Hears how many bytes of the archive are written, and how many it will have. */
  readonly onProgress?: ((bytes: number, size: number) => void) | undefined;
}

/**
 * Writes images as an OCI image layout in a tar file, byte for byte as the reference's `convert --format oci-archive` does
 * (spec section 11): `index.json` lists `entries`; the blobs are theirs and all that they lead to, subjects apart, sorted
 * by name. With the one entry that the reference writes, media type, digest and size and no more, the archive is the
 * reference's.
 *
 * The file is made, or replaced, when the archive is whole and on the disk; its permissions stay. A device or a pipe is
 * written to. Blobs are checked against digest and size as they pass; memory is that of the manifests.
 *
 * @throws {OciError} `ERR_OCI_DIGEST_MISMATCH`, `ERR_OCI_SIZE_MISMATCH`, `ERR_OCI_TOO_LARGE`; what the port throws for a
 * blob that is not there. Only a layer that registries need not hold, of which its descriptor says where else it is, is left
 * out where it is not there.
 */
export async function writeLayoutArchive(
  file: string,
  content: ManifestReader & BlobReader,
  entries: readonly Descriptor[],
  options: WriteArchiveOptions = {},
): Promise<void> {
  const source = verifiedContent(content);
  const blobs = await archiveContents(source, entries, options);
  const members = membersOf(blobs, entries);
  const size = members.reduce((sum, { header, member }) => sum + header.length + padded(member.size), tarEnd().length);
  const target = await realpath(file).catch(() => file);
  await writeTo(target, async (write) => {
    let at = 0;
    const put = async (bytes: Uint8Array): Promise<void> => {
      options.signal?.throwIfAborted();
      await write(bytes);
      at += bytes.length;
      options.onProgress?.(at, size);
    };
    for (const { header, member, blob, bytes } of members) {
      await put(header);
      if (bytes !== undefined) await put(bytes);
      else if (blob !== undefined)
        // In order: members follow one another.
        for await (const chunk of checkedChunks(source, blob, options)) await put(chunk);
      const padding = padded(member.size) - member.size;
      if (padding > 0) await put(new Uint8Array(padding));
    }
    await put(tarEnd());
  });
}

interface PlannedMember {
  readonly member: TarMember;
  readonly header: Uint8Array;
  /** Its content, where that is in memory; else that of a blob, or none. */
  readonly bytes?: Uint8Array | undefined;
  readonly blob?: Descriptor | undefined;
}

/** Everything in the archive, in its order: names sorted by bytes. */
function membersOf(blobs: readonly ArchivedBlob[], entries: readonly Descriptor[]): readonly PlannedMember[] {
  const index = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: entries });
  const directories = new Set(["blobs/"]);
  const files: Omit<PlannedMember, "header">[] = blobs.map(({ descriptor, bytes }) => {
    const name = blobName(descriptor.digest);
    directories.add(name.slice(0, name.lastIndexOf("/") + 1));
    return { member: { name, type: "file", size: descriptor.size, mode: 0o444 }, blob: descriptor, bytes };
  });
  files.push(
    { member: { name: "index.json", type: "file", size: index.length, mode: 0o644 }, bytes: index },
    { member: { name: "oci-layout", type: "file", size: OCI_LAYOUT.length, mode: 0o444 }, bytes: OCI_LAYOUT },
  );
  for (const name of directories) files.push({ member: { name, type: "directory", size: 0, mode: 0o755 } });
  return files
    .sort((a, b) => (a.member.name < b.member.name ? -1 : 1))
    .map((planned) => ({ ...planned, header: tarHeader(planned.member) }));
}

type Write = (bytes: Uint8Array) => Promise<void>;

/** Replaces a file, or writes to what is there and is none: renaming over `/dev/stdout` would put a file in its place. */
async function writeTo(path: string, content: (write: Write) => Promise<void>): Promise<void> {
  const before = await stat(path).catch((error: unknown) => {
    if (isMissingFile(error)) return undefined;
    throw error;
  });
  if (before === undefined || before.isFile() || before.isDirectory()) {
    await replaceFile(path, content, before === undefined ? {} : { mode: before.mode & 0o7777 });
    return;
  }
  const device = await open(path, "w");
  try {
    await content(async (bytes) => {
      for (let at = 0; at < bytes.length;) at += (await device.write(bytes, at, bytes.length - at)).bytesWritten;
    });
  } finally {
    await device.close();
  }
}
