import type { FileInfo, LazyImage } from "@socikit/lazy-reader";
import { bytesOf, printable, toDisplay, type ByteString } from "@socikit/oci";
import type { DiscoveryEvent } from "@socikit/soci-index";
import type { CommandRun } from "../command-spec.ts";
import { coloursFor, wantsColours, type Colours } from "../colours.ts";
import type { CliOutput } from "../io.ts";
import { withImage } from "../with-image.ts";

/** Output is written in pieces of about this many bytes. */
const BATCH = 64 * 1024;

/** `socikit ls` */
export const ls: CommandRun = async (invocation, io) => {
  const path = invocation.optionalArgument("PATH") ?? "/";
  const recursive = invocation.flag("recursive");
  const json = invocation.flag("json");
  const long = invocation.flag("long");
  const colours = coloursFor(wantsColours(io.stdout.isTTY, io.env));
  const tracesInJson = json && invocation.flag("trace");
  const list = async (image: LazyImage, trace: readonly DiscoveryEvent[]): Promise<void> => {
    // As `ls` does: a symbolic link to a directory is entered, unless the link itself is to be seen.
    const asked = await (long ? image.stat(path, { signal: io.signal }) : image.resolve(path, { signal: io.signal }));
    const files = asked.type === "directory" ? image.list(path, { recursive, signal: io.signal }) : single(asked);
    const out = new BatchWriter(io.stdout);
    if (tracesInJson) await out.text(`{ "trace": ${JSON.stringify(trace.map(traceJson), undefined, 2)}, "files": `);
    let first = true;
    for await (const file of files) {
      io.signal.throwIfAborted();
      if (json) {
        await out.text(`${first ? "[\n" : ",\n"}  ${JSON.stringify(fileJson(file))}`);
      } else {
        if (long) await out.text(longFacts(file));
        // One level is named as in a directory, more by whole paths.
        const name = recursive || asked.type !== "directory" ? file.path : baseName(file.path);
        await out.name(name, (text) => paint(text, file, colours), io.stdout.isTTY);
        if (long && file.type === "symlink" && file.linkname !== undefined) {
          await out.text(" -> ");
          await out.name(file.linkname, (text) => text, io.stdout.isTTY);
        }
        await out.text("\n");
      }
      first = false;
    }
    if (json) await out.text(`${first ? "[]" : "\n]"}${tracesInJson ? " }" : ""}\n`);
    await out.flush();
  };
  await withImage(invocation, io, list, { keepsTrace: tracesInJson });
  return undefined;
};

async function* single(file: FileInfo): AsyncIterable<FileInfo> {
  yield file;
}

function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1) as ByteString;
}

/** The shape that `ls --json --trace` documents. */
function traceJson({ step, outcome, code, asked, message, index }: DiscoveryEvent): unknown {
  return {
    step,
    outcome,
    code,
    ...(asked === undefined ? {} : { asked }),
    message,
    ...(index === undefined ? {} : { index }),
  };
}

/** The shape that `ls --json` documents. */
function fileJson(file: FileInfo): unknown {
  return {
    path: toDisplay(file.path),
    type: file.type,
    mode: file.mode & 0o7777,
    size: file.size,
    uid: file.uid,
    gid: file.gid,
    mtime: file.mtime,
    mtimeNs: file.mtimeNs,
    ...(file.linkname === undefined ? {} : { link: toDisplay(file.linkname) }),
  };
}

const TYPE_LETTERS: Readonly<Record<FileInfo["type"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  char: "c",
  block: "b",
  fifo: "p",
};

/** Mode, owner, size and time, as `ls -l --time-style=long-iso` in UTC. */
function longFacts(file: FileInfo): string {
  const time = new Date(file.mtime * 1000);
  const shown = Number.isNaN(time.getTime()) ? "?".padEnd(16) : time.toISOString().slice(0, 16).replace("T", " ");
  const owner = `${String(file.uid).padStart(5)} ${String(file.gid).padStart(5)}`;
  return `${TYPE_LETTERS[file.type]}${permissions(file.mode)} ${owner} ${String(file.size).padStart(11)} ${shown} `;
}

function permissions(mode: number): string {
  const bits = [..."rwxrwxrwx"].map((letter, i) => (mode & (1 << (8 - i)) ? letter : "-"));
  const special = (bit: number, at: number, letter: string): void => {
    if (mode & bit) bits[at] = bits[at] === "x" ? letter : letter.toUpperCase();
  };
  special(0o4000, 2, "s");
  special(0o2000, 5, "s");
  special(0o1000, 8, "t");
  return bits.join("");
}

function paint(text: string, file: FileInfo, colours: Colours): string {
  if (file.type === "directory") return colours.bold(colours.cyan(text));
  if (file.type === "symlink") return colours.cyan(text);
  if (file.type === "file") return file.mode & 0o111 ? colours.green(text) : text;
  return colours.yellow(text);
}

/** Collects small writes: an image has tens of thousands of entries. */
class BatchWriter {
  readonly #output: CliOutput;
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(output: CliOutput) {
    this.#output = output;
  }

  async text(text: string): Promise<void> {
    await this.#add(new TextEncoder().encode(text));
  }

  /** A name: its bytes as they are into a pipe; for a terminal, so that it can do no harm there. */
  async name(name: ByteString, painted: (text: string) => string, isTTY: boolean): Promise<void> {
    if (isTTY) await this.text(painted(printable(toDisplay(name))));
    else await this.#add(bytesOf(name));
  }

  async flush(): Promise<void> {
    const batch = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    if (batch.length > 0) await this.#output.write(batch);
  }

  async #add(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (this.#size >= BATCH) await this.flush();
  }
}
