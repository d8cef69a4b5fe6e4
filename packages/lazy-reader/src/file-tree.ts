import type { ByteString, ReadOptions } from "@socikit/oci";

/** What a file tree says of an entry. For a hard link it is the file's: all its names have one id. */
export interface Attributes {
  /** The entry's number in its tree, a positive integer, deterministic from the manifest. */
  readonly id: number;
  /** What it is. Hard links are what they link to. */
  readonly type: "file" | "directory" | "symlink" | "char" | "block" | "fifo";
  /** Permission, setuid, setgid and sticky bits (`0o7777`); the type is in `type`. */
  readonly mode: number;
  /** Bytes of content of a file, bytes of a symlink's target, else 0. */
  readonly size: number;
  /** Owner. */
  readonly uid: number;
  /** Group. */
  readonly gid: number;
  /** Last modification, in whole seconds since 1970 UTC, rounded down: −2 for a second and a half before 1970. */
  readonly mtime: number;
  /** Nanoseconds after `mtime`, 0 to 999,999,999. */
  readonly mtimeNs: number;
  /** Names of a file; 2 and one for each subdirectory of a directory. */
  readonly links: number;
  /** Device numbers of `char` and `block`. */
  readonly device?: { readonly major: number; readonly minor: number };
}

/** An open file. */
export interface OpenFile {
  /**
   * Reads at most `length` bytes from byte `offset` of the content: fewer where the file ends first, none past its end. The
   * caller owns the result.
   */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array>;
  /**
   * The bytes of `[start, end)`, clamped to the file, as they are verified. Chunks are the caller's. Leaving the loop early ends
   * what is under way.
   */
  chunks(start: number, end: number, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/**
 * A tree of files whose entries are integers: all that a mount or a page needs. Any answer but `parent` may be asynchronous.
 *
 * Ids come from {@linkcode FileTree.root}, {@linkcode FileTree.lookup} and {@linkcode FileTree.readdir}; any other number is a `RangeError`.
 */
export interface FileTree {
  /** The root directory. */
  readonly root: number;
  /** Attributes of an entry, as the index says them. */
  stat(id: number, options?: ReadOptions): Attributes | Promise<Attributes>;
  /** The directory that an entry is in: of a file with several names, one of them; of the root, the root. */
  parent(id: number): number;
  /** The entry of that name in a directory. `undefined` where there is none, and where `parent` is no directory. */
  lookup(
    parent: number,
    name: ByteString,
    options?: ReadOptions,
  ): Attributes | undefined | Promise<Attributes | undefined>;
  /**
   * Entries of a directory from the `cursor`-th on, by name in byte order, without `.` and `..`. Some of them: the next call
   * passes `cursor` plus their number; none means the end. Throws `ERR_LAZY_NOT_A_DIRECTORY`.
   */
  readdir(
    id: number,
    cursor: number,
    options?: ReadOptions,
  ):
    | readonly (Attributes & { readonly name: ByteString })[]
    | Promise<readonly (Attributes & { readonly name: ByteString })[]>;
  /** Target of a symlink, as it was written; empty for everything else. */
  readlink(id: number, options?: ReadOptions): ByteString | Promise<ByteString>;
  /** Extended attributes. */
  xattrs(
    id: number,
    options?: ReadOptions,
  ): ReadonlyMap<ByteString, ByteString> | Promise<ReadonlyMap<ByteString, ByteString>>;
  /**
   * Opens a file for reading at positions. Nothing of it is fetched yet. Throws `ERR_LAZY_NOT_A_FILE`, and
   * `ERR_LAZY_ENTRY_REFUSED` where the index says impossible things of it.
   */
  open(id: number, options?: ReadOptions): Promise<OpenFile>;
}
