/** What is written of a file in an archive: a name, and the rest as the reference has it (spec section 11). */
export interface TarMember {
  /** With `/` between its parts; ASCII. */
  readonly name: string;
  readonly type: "file" | "directory";
  /** Bytes of its content; 0 of a directory. */
  readonly size: number;
  /** Permissions. */
  readonly mode: number;
}

/** Headers are of this size, and content is padded to a multiple of it. */
export const BLOCK = 512;
/** Longest name in a header's own field, and longest prefix before it. */
const NAME_SIZE = 100;
const PREFIX_SIZE = 155;
/** Eleven octal digits. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1;

/**
 * The headers of a member, as Go's archive/tar writes them: a ustar header, and where name or size do not fit into one, a
 * PAX header before it. Owner 0, time 0.
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
 */
export function tarHeader(member: TarMember): Uint8Array {
  const { name, size } = member;
  const split = splitName(name);
  const records = [
    ...(split === undefined ? [paxRecord("path", name)] : []),
    ...(size > MAX_OCTAL_SIZE ? [paxRecord("size", String(size))] : []),
  ];
  const ustar = ustarHeader({
    ...member,
    name: split?.name ?? name,
    prefix: split?.prefix ?? "",
    size: size > MAX_OCTAL_SIZE ? 0 : size,
    flag: member.type === "file" ? "0" : "5",
    devices: true,
  });
  if (records.length === 0) return ustar;
  const data = new TextEncoder().encode(records.join(""));
  const bytes = new Uint8Array(BLOCK + padded(data.length) + BLOCK);
  bytes.set(ustarHeader({ name: paxName(name), prefix: "", size: data.length, mode: 0, flag: "x", devices: false }));
  bytes.set(data, BLOCK);
  bytes.set(ustar, bytes.length - BLOCK);
  return bytes;
}

/** The end of an archive: two empty blocks. Other writers pad to 10240 bytes, Go's does not. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

/** A size, filled up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** Name and prefix of a ustar header; `undefined` where the name does not fit. */
function splitName(name: string): { readonly name: string; readonly prefix: string } | undefined {
  if (name.length <= NAME_SIZE) return { name, prefix: "" };
  const slash = name.lastIndexOf("/", Math.min(name.length - 2, PREFIX_SIZE));
  const last = name.slice(slash + 1);
  return slash <= 0 || last.length > NAME_SIZE ? undefined : { name: last, prefix: name.slice(0, slash) };
}

/** The name that a PAX header goes by, cut off as Go cuts it. */
function paxName(name: string): string {
  const slash = name.lastIndexOf("/");
  return `${name.slice(0, slash + 1)}PaxHeaders.0/${name.slice(slash + 1)}`.slice(0, NAME_SIZE);
}

/** `LENGTH key=value\n`, its own length counted. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

interface UstarFields extends Pick<TarMember, "name" | "size" | "mode"> {
  readonly prefix: string;
  readonly flag: string;
  /** Device numbers are left empty in PAX headers, and 0 elsewhere. */
  readonly devices: boolean;
}

function ustarHeader({ name, prefix, size, mode, flag, devices }: UstarFields): Uint8Array {
  const bytes = new Uint8Array(BLOCK);
  const put = (text: string, at: number): void => {
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  };
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  put(name.slice(0, NAME_SIZE), 0);
  put(octal(mode, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(0, 11), 136);
  put("        ", 148);
  put(flag, 156);
  put("ustar\u000000", 257);
  if (devices) {
    put(octal(0, 7), 329);
    put(octal(0, 7), 337);
  }
  put(prefix, 345);
  put(
    `${octal(
      bytes.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\u0000 `,
    148,
  );
  return bytes;
}
