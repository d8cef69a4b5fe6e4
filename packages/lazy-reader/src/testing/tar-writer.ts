/** An entry of an archive written by {@linkcode writeTar}. */
export interface TarFile {
  /** Name as written. A name that ends in a slash is a directory's. */
  readonly name: string;
  /** Content of a file. */
  readonly content?: Uint8Array | undefined;
  /** Type flag, where the name and the link do not say it: `0` file, `5` directory, `2` symlink, `1` hard link. */
  readonly type?: string | undefined;
  /** Target of a link. */
  readonly link?: string | undefined;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  /** Seconds since 1970. */
  readonly mtime?: number | undefined;
  /** PAX records, written as an `x` entry before. */
  readonly pax?: Readonly<Record<string, string>> | undefined;
}

const BLOCK = 512;
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Writes an archive: ustar headers, PAX records where they are given, two blocks of zeros at the end. Text is one byte a character. */
export function writeTar(files: readonly TarFile[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const file of files) {
    if (file.pax !== undefined) {
      const records = Object.entries(file.pax).map(([key, value]) => paxRecord(key, value));
      parts.push(...entry({ name: "PaxHeaders/x", type: "x", content: latin1(records.join("")) }));
    }
    parts.push(...entry(file));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return join(parts);
}

/** Joins arrays. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function entry(file: TarFile): Uint8Array[] {
  const content = file.content ?? new Uint8Array(0);
  const header = new Uint8Array(BLOCK);
  const text = (at: number, value: string): void => header.set(latin1(value), at);
  const octal = (at: number, width: number, value: number): void =>
    text(at, `${value.toString(8).padStart(width - 1, "0")}\0`);
  const type = file.type ?? (file.name.endsWith("/") ? "5" : file.link === undefined ? "0" : "2");
  text(0, file.name.slice(0, 100));
  octal(100, 8, file.mode ?? (type === "5" ? 0o755 : 0o644));
  octal(108, 8, file.uid ?? 0);
  octal(116, 8, 0);
  octal(124, 12, content.length);
  octal(136, 12, file.mtime ?? 1_700_000_000);
  text(148, "        ");
  text(156, type);
  text(157, file.link ?? "");
  text(257, "ustar\x0000");
  text(265, "root");
  octal(
    148,
    7,
    header.reduce((sum, byte) => sum + byte, 0),
  );
  return [header, content, new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK)];
}

/** The length of a record counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}
