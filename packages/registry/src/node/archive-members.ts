import type { BlobSource, ReadOptions } from "@socikit/oci";
import { RegistryError } from "../errors.ts";
import { BLOCK, padded } from "./tar-header.ts";

/** A file, directory or link in an archive. */
export interface ArchiveMember {
  /** A hard link is the file that it names. */
  readonly type: "file" | "directory" | "symlink";
  /** Permissions. */
  readonly mode: number;
  /** Where its content begins in the archive, and how many bytes it has. */
  readonly offset: number;
  readonly size: number;
  /** What a symbolic link says; empty elsewhere. */
  readonly link: string;
}

/** The members of an archive by name: parts joined by `/`, none of them empty, `.` or `..`. */
export type ArchiveMembers = ReadonlyMap<string, ArchiveMember>;

/** Most members of an archive. An image has a few hundred blobs. */
const MAX_MEMBERS = 100_000;
/** Largest extended header or long name, in bytes: a path is 4096 at most on the systems that have one. */
const MAX_EXTENDED = 64 * 1024;
/** Longest name kept, in bytes. */
const MAX_NAME = 4096;
/** Bytes read at once where headers are looked for. Most of them are blobs apart. */
const WINDOW = 16 * 1024;

/**
 * Lists the members of a tar archive in one pass over its headers; content is not read. V7, ustar, PAX and GNU's long
 * names and numbers are understood. Of a name that comes twice, the last one counts, as it would after unpacking.
 *
 * @param file Names the archive in messages.
 * @param options `maxMembers`: 100,000 unless told otherwise.
 * @throws {RegistryError} `ERR_REGISTRY_COMPRESSED_ARCHIVE`; `ERR_REGISTRY_INVALID_ARCHIVE` for what is no tar, damaged,
 * cut off, sparse, or has too many members.
 */
export async function readArchiveMembers(
  source: BlobSource,
  file: string,
  options?: ReadOptions & { readonly maxMembers?: number | undefined },
): Promise<ArchiveMembers> {
  const { maxMembers = MAX_MEMBERS } = options ?? {};
  const members = new Map<string, ArchiveMember>();
  const headers = new Headers(source, file, options);
  let extended: Extended = {};
  let count = 0;
  for (let at = 0; ;) {
    options?.signal?.throwIfAborted();
    const block = await headers.block(at);
    if (block === undefined || (block[0] === 0 && block.every((byte) => byte === 0))) return members;
    if (++count > maxMembers) throw headers.invalid(`it has more than ${maxMembers} members`);
    const header = headers.decode(block, at);
    const content = at + BLOCK;
    const size = "xgLK".includes(header.flag) ? header.size : (extended.size ?? header.size);
    // Links, directories and devices have no content, whatever size they name.
    const stored = /[1-6]/.test(header.flag) ? 0 : size;
    if (content + stored > source.size)
      throw headers.invalid(`it is cut off: a member ends at byte ${content + stored}`);
    at = content + padded(stored);
    if (header.flag === "g") continue;
    if (header.flag === "x") {
      extended = { ...extended, ...headers.decodePax(await headers.extended(content, size), content) };
      continue;
    }
    if (header.flag === "L" || header.flag === "K") {
      const text = untilNul(await headers.extended(content, size));
      extended = { ...extended, ...(header.flag === "L" ? { path: text } : { link: text }) };
      continue;
    }
    const { path = header.name, link = header.link } = extended;
    extended = {};
    add(members, { ...header, name: path, link, offset: content, size: stored });
  }
}

interface Header {
  readonly name: string;
  readonly link: string;
  readonly flag: string;
  readonly mode: number;
  readonly size: number;
}

/** What an extended header says in place of the header after it. */
interface Extended {
  readonly path?: string;
  readonly link?: string;
  readonly size?: number;
}

function add(members: Map<string, ArchiveMember>, header: Header & { readonly offset: number }): void {
  const name = memberName(header.name);
  if (name === undefined) return;
  const { offset, size, link } = header;
  const mode = header.mode & 0o7777;
  switch (header.flag) {
    case "0":
    case "\0":
    case "7":
      // Archives older than directories' own type.
      if (header.name.endsWith("/")) members.set(name, { type: "directory", mode, offset, size: 0, link: "" });
      else members.set(name, { type: "file", mode, offset, size, link: "" });
      return;
    case "1": {
      const target = members.get(memberName(link) ?? "");
      if (target !== undefined) members.set(name, target);
      return;
    }
    case "2":
      members.set(name, { type: "symlink", mode, offset, size: 0, link });
      return;
    case "5":
      members.set(name, { type: "directory", mode, offset, size: 0, link: "" });
  }
}

/** A name as members go by; `undefined` for the archive's root, what leads out of it, and what no system can store. */
export function memberName(name: string): string | undefined {
  if (name.length > MAX_NAME || name.includes("\0")) return undefined;
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length === 0 || parts.includes("..") ? undefined : parts.join("/");
}

class Headers {
  readonly #source: BlobSource;
  readonly #file: string;
  readonly #options: ReadOptions | undefined;
  #window: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(source: BlobSource, file: string, options: ReadOptions | undefined) {
    this.#source = source;
    this.#file = file;
    this.#options = options;
  }

  /** The block at an offset; `undefined` at the end, which archives need not mark. */
  async block(at: number): Promise<Uint8Array | undefined> {
    if (at >= this.#source.size && at > 0) return undefined;
    if (at + BLOCK > this.#source.size) {
      if (at > 0) throw this.invalid(`it is cut off at byte ${this.#source.size}`);
      throw this.#notTar(await this.#source.read(0, this.#source.size, this.#options));
    }
    if (at < this.#start || at + BLOCK > this.#start + this.#window.length) {
      this.#start = at;
      this.#window = await this.#source.read(at, Math.min(WINDOW, this.#source.size - at), this.#options);
    }
    return this.#window.subarray(at - this.#start, at - this.#start + BLOCK);
  }

  /** The content of an extended header. */
  async extended(at: number, size: number): Promise<Uint8Array> {
    if (size > MAX_EXTENDED) throw this.invalid(`its extended header at byte ${at} has ${size} bytes`);
    return this.#source.read(at, size, this.#options);
  }

  decode(block: Uint8Array, at: number): Header {
    const sum = octal(block.subarray(148, 156));
    if (sum === undefined || !hasSum(block, sum))
      throw at === 0 ? this.#notTar(block) : this.invalid(`its header at byte ${at} is damaged`);
    const flag = String.fromCharCode(block[156]!);
    const size = numberOf(block.subarray(124, 136));
    if (size === undefined) throw this.invalid(`its header at byte ${at} has no size`);
    if (flag === "S") throw this.#sparse(at);
    const isUstar = untilNul(block.subarray(257, 263)) === "ustar";
    const prefix = isUstar ? untilNul(block.subarray(345, 500)) : "";
    const name = untilNul(block.subarray(0, 100));
    return {
      name: prefix === "" ? name : `${prefix}/${name}`,
      link: untilNul(block.subarray(157, 257)),
      flag,
      mode: numberOf(block.subarray(100, 108)) ?? 0,
      size,
    };
  }

  /** The records that say something of the member after them. */
  decodePax(bytes: Uint8Array, at: number): Extended {
    let found: Extended = {};
    for (let start = 0; start < bytes.length;) {
      const blank = bytes.indexOf(0x20, start);
      const length = blank < 0 ? 0 : Number(latin1(bytes.subarray(start, blank)));
      const end = start + length;
      if (!Number.isSafeInteger(length) || end <= blank || end > bytes.length || bytes[end - 1] !== 0x0a)
        throw this.invalid(`its extended header at byte ${at} is damaged`);
      const equals = bytes.indexOf(0x3d, blank);
      if (equals < 0 || equals >= end) throw this.invalid(`its extended header at byte ${at} is damaged`);
      const key = latin1(bytes.subarray(blank + 1, equals));
      const value = utf8.decode(bytes.subarray(equals + 1, end - 1));
      if (key.startsWith("GNU.sparse.")) throw this.#sparse(at);
      if (key === "path") found = { ...found, path: value };
      if (key === "linkpath") found = { ...found, link: value };
      if (key === "size") {
        const size = Number(value);
        if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(size))
          throw this.invalid(
            `its extended header at byte ${at} says that a size is ${JSON.stringify(value.slice(0, 40))}`,
          );
        found = { ...found, size };
      }
      start = end;
    }
    return found;
  }

  invalid(what: string): RegistryError {
    return new RegistryError("ERR_REGISTRY_INVALID_ARCHIVE", `Cannot open archive "${this.#file}": ${what}`);
  }

  #notTar(head: Uint8Array): RegistryError {
    const packing = compressionOf(head);
    if (packing === undefined) return this.invalid("it is no tar archive");
    return new RegistryError(
      "ERR_REGISTRY_COMPRESSED_ARCHIVE",
      `Cannot open archive "${this.#file}": it is compressed with ${packing}, and is read in place`,
    );
  }

  #sparse(at: number): RegistryError {
    return this.invalid(`the member at byte ${at} is sparse; write it again without tar's --sparse`);
  }
}

/** Whether a header has a checksum: as the standard has it, or as some wrote it that took bytes for signed. */
function hasSum(block: Uint8Array, sum: number): boolean {
  let unsigned = 8 * 0x20;
  let negative = 0;
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= 148 && at < 156 ? 0 : block[at]!;
    unsigned += byte;
    if (byte > 127) negative++;
  }
  return sum === unsigned || sum === unsigned - 256 * negative;
}

/** A number in octal digits, or in GNU's base 256; `undefined` for anything else. */
function numberOf(field: Uint8Array): number | undefined {
  if ((field[0]! & 0x80) === 0) return octal(field);
  if (field[0]! !== 0x80) return undefined;
  let value = 0;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return Number.isSafeInteger(value) ? value : undefined;
}

function octal(field: Uint8Array): number | undefined {
  const digits = /^[ \0]*([0-7]*)(?:[ \0]|$)/.exec(latin1(field))?.[1];
  return digits === undefined ? undefined : digits === "" ? 0 : Number.parseInt(digits, 8);
}

const utf8 = new TextDecoder();

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** What compresses files, by the first bytes. */
function compressionOf(head: Uint8Array): string | undefined {
  const startsWith = (...magic: readonly number[]): boolean => magic.every((byte, i) => head[i] === byte);
  if (startsWith(0x1f, 0x8b)) return "gzip";
  if (startsWith(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return "xz";
  return startsWith(0x42, 0x5a, 0x68) ? "bzip2" : undefined;
}
