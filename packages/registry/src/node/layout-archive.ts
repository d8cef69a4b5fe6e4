import { realpath, stat } from "node:fs/promises";
import {
  checkBlobRange,
  OciError,
  type BlobReader,
  type BlobSource,
  type Descriptor,
  type Digest,
  type ManifestReader,
  type ReadOptions,
  type ReferrerLister,
  type TagLister,
} from "@socikit/oci";
import { openFileSource } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";
import { memberName, readArchiveMembers, type ArchiveMember, type ArchiveMembers } from "./archive-members.ts";
import { blobName, type FoundBlob, type LayoutFiles } from "./layout-files.ts";
import type { LayoutDocuments } from "./layout-documents.ts";
import { decodeLayoutIndex, MAX_INDEX_SIZE, type LayoutEntry } from "./layout-index.ts";
import { LayoutManifests } from "./layout-manifests.ts";
import { checkLayoutVersion, MAX_LAYOUT_FILE } from "./layout-version.ts";
import { LayoutReader } from "./layout-reader.ts";

/** An OCI image layout in a tar file, for reading. It holds the file open until `close`, and shows what was in it when it was opened. */
export interface LayoutArchive extends ManifestReader, BlobReader, ReferrerLister, TagLister {
  /** The file's real path. */
  readonly file: string;
  /** `index.json` and `oci-layout` as they stand: {@linkcode LayoutArchive.entries} leaves out what it cannot read. */
  documents(options?: ReadOptions): Promise<LayoutDocuments>;
  /** The entries of `index.json`, annotations included, in its order. */
  entries(options?: ReadOptions): Promise<readonly Descriptor[]>;
  /**
   * The only image among the entries; referrers and artifacts do not count.
   *
   * @throws {RegistryError} `ERR_REGISTRY_AMBIGUOUS_IMAGE`, naming the tags; `ERR_REGISTRY_MANIFEST_UNKNOWN` for none.
   */
  onlyImage(options?: ReadOptions): Promise<Descriptor>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** Links followed from a member. */
const MAX_LINKS = 8;

/**
 * Opens an OCI image layout in a tar file, as `docker save`, `skopeo copy … oci-archive:` and `ctr images export` write it.
 * Headers are read once; blobs are read where they lie.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 *
 * @throws {RegistryError} `ERR_REGISTRY_NOT_A_LAYOUT` for an archive without `index.json`, such as those of `docker save`
 * before version 25; `ERR_REGISTRY_INVALID_LAYOUT`; `ERR_REGISTRY_INVALID_ARCHIVE`, `ERR_REGISTRY_COMPRESSED_ARCHIVE`.
 */
export async function openLayoutArchive(file: string, options?: ReadOptions): Promise<LayoutArchive> {
  const real = await realpath(file);
  const kind = await stat(real);
  if (!kind.isFile())
    throw Object.assign(
      new Error(`Cannot read ${file}: it is ${kind.isDirectory() ? "a directory" : "not a regular file"}`),
      { code: kind.isDirectory() ? "EISDIR" : "ENOTREG" },
    );
  const source = await openFileSource(real);
  try {
    const files = new ArchiveFiles(real, source, await readArchiveMembers(source, real, options));
    const ociLayout = await files.bytes("oci-layout", MAX_LAYOUT_FILE);
    // Of an index.json alone it is plain enough what it is, and the reference takes it.
    if (ociLayout !== undefined) checkLayoutVersion(new TextDecoder().decode(ociLayout), real);
    const index = await files.bytes("index.json", MAX_INDEX_SIZE);
    if (index === undefined) {
      const isDocker = files.member("manifest.json") !== undefined;
      const what = isDocker ? "it has manifest.json and no index.json, and is docker's" : "it has no index.json";
      throw new RegistryError("ERR_REGISTRY_NOT_A_LAYOUT", `Cannot open archive "${real}": ${what}`);
    }
    const document = decodeLayoutIndex(new TextDecoder().decode(index));
    if (typeof document === "string")
      throw new RegistryError("ERR_REGISTRY_INVALID_LAYOUT", `Cannot open archive "${real}": ${document}`);
    return new OpenArchive(files, document.entries, { index, ociLayout });
  } catch (error) {
    await source.close?.();
    throw error;
  }
}

/** A {@linkcode LayoutArchive}, with its files for whoever copies all of them. */
export class OpenArchive extends LayoutReader implements LayoutArchive {
  readonly file: string;
  readonly files: ArchiveFiles;
  readonly #documents: LayoutDocuments;

  constructor(files: ArchiveFiles, entries: readonly LayoutEntry[], documents: LayoutDocuments) {
    super(files, new LayoutManifests(files), async () => entries);
    this.file = files.place;
    this.files = files;
    this.#documents = documents;
  }

  async documents(options?: ReadOptions): Promise<LayoutDocuments> {
    options?.signal?.throwIfAborted();
    return this.#documents;
  }

  async close(): Promise<void> {
    await this.files.source.close?.();
  }
}

/** The files in an archive. */
export class ArchiveFiles implements LayoutFiles {
  readonly place: string;
  /** The archive. */
  readonly source: BlobSource;
  /** All that is in it. */
  readonly members: ArchiveMembers;

  constructor(file: string, source: BlobSource, members: ArchiveMembers) {
    this.place = file;
    this.source = source;
    this.members = members;
  }

  async find(digest: Digest): Promise<FoundBlob | undefined> {
    const member = this.member(blobName(digest));
    return (
      member && {
        size: member.size,
        read: async (limit) => this.#read(member, limit),
        open: async () => this.open(member),
      }
    );
  }

  /** A file of that name, links followed inside the archive. */
  member(name: string): ArchiveMember | undefined {
    let at: string | undefined = name;
    for (let links = 0; at !== undefined && links <= MAX_LINKS; links++) {
      const member = this.members.get(at);
      if (member?.type !== "symlink") return member?.type === "file" ? member : undefined;
      at = linkTarget(at, member.link);
    }
    return undefined;
  }

  /** A file's content; `undefined` where there is none. */
  async bytes(name: string, limit: number): Promise<Uint8Array | undefined> {
    const member = this.member(name);
    return member && this.#read(member, limit);
  }

  /** A file's content. Closing it closes nothing: the archive's file is shared. */
  open({ offset, size }: ArchiveMember): BlobSource {
    // Sources over files have all of their methods.
    const { source } = this;
    return {
      size,
      async read(from, length, options) {
        checkBlobRange(size, from, length);
        return source.read(offset + from, length, options);
      },
      async readInto(target, from, options) {
        checkBlobRange(size, from, target.length);
        await source.readInto!(target, offset + from, options);
      },
      stream(from, length, options) {
        checkBlobRange(size, from, length);
        return source.stream!(offset + from, length, options);
      },
    };
  }

  async #read(member: ArchiveMember, limit: number): Promise<Uint8Array> {
    if (member.size > limit)
      throw new OciError(
        "ERR_OCI_TOO_LARGE",
        `Cannot read archive "${this.place}": a document in it has ${member.size} bytes, which is more than ${limit}`,
      );
    return this.source.read(member.offset, member.size);
  }
}

/** Where a symbolic link leads, from the member that it is. */
function linkTarget(name: string, link: string): string | undefined {
  if (link.startsWith("/")) return memberName(link);
  const parts = name.split("/").slice(0, -1);
  for (const part of link.split("/")) {
    if (part === "..") {
      // Out of the archive.
      if (parts.pop() === undefined) return undefined;
    } else parts.push(part);
  }
  return memberName(parts.join("/"));
}
