/** Other readers of tar archives: each lists what it finds, and says when one of its entries is one of socikit's. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PYTHON_TYPES = { 0: "reg", "\0": "reg", 1: "hardlink", 2: "symlink", 3: "char", 4: "block", 5: "dir", 6: "fifo" };

/** Python's tarfile, in one process. */
export class Tarfile {
  name = "tarfile";
  #process = spawn(process.env.PYTHON ?? "python3", [fileURLToPath(new URL("tarfile-entries.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();

  async list(bytes) {
    this.#process.stdin.write(`${Buffer.from(bytes).toString("base64")}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("Python ended");
    const { entries, error } = JSON.parse(value);
    return {
      entries: entries.map(([name, type, headerOffset, payloadOffset, size]) => ({
        name: Buffer.from(name, "hex").toString("latin1"),
        type: PYTHON_TYPES[type] ?? type,
        headerOffset,
        payloadOffset,
        size,
      })),
      error: error ?? undefined,
    };
  }

  close() {
    this.#process.stdin.end();
  }

  isSame(a, b) {
    return (
      // It drops slashes behind names.
      withoutSlashes(a.name) === withoutSlashes(b.name) &&
      a.type === b.type &&
      a.headerOffset === b.headerOffset &&
      a.payloadOffset === b.payloadOffset &&
      a.size === b.size
    );
  }
}

/** A command that lists one archive: many of them from one shell. */
class Lister {
  /** Listings of archives, in order: what it wrote, as lines, and whether it failed. */
  runAll(batch, command, locale) {
    const directory = mkdtempSync(join(tmpdir(), "socikit-tar-"));
    try {
      batch.forEach(({ bytes }, i) => writeFileSync(join(directory, String(i)), bytes));
      const script = `i=0; while [ $i -lt ${batch.length} ]; do echo "== begin"; ${command} "$i" 2>"$i.err"; echo "== end $?"; i=$((i+1)); done`;
      const { stdout } = spawnSync("sh", ["-c", script], {
        cwd: directory,
        env: { ...process.env, LC_ALL: locale, TZ: "UTC" },
        encoding: "latin1",
        maxBuffer: 2 ** 28,
      });
      return stdout
        .split("== begin\n")
        .slice(1)
        .map((part, i) => {
          const [, text, status] = /^([^]*)== end (\d+)\n$/.exec(part);
          const message = readFileSync(join(directory, `${i}.err`), "latin1").trim();
          return { lines: text.split("\n").slice(0, -1), error: status === "0" ? undefined : message };
        });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

const LISTED_TYPES = { "-": "reg", d: "dir", l: "symlink", h: "hardlink", c: "char", b: "block", p: "fifo" };

export class GnuTar extends Lister {
  name = "GNU tar";

  isThere() {
    return /GNU tar/.test(spawnSync("tar", ["--version"], { encoding: "utf8" }).stdout ?? "");
  }

  listAll(batch) {
    const command =
      "tar --list --verbose --block-number --numeric-owner --full-time --quoting-style=c --absolute-names --file";
    return this.runAll(batch, command, "C").map(({ lines, error }) => ({
      entries: lines.map(parseGnuLine).filter((entry) => entry !== undefined),
      error,
    }));
  }

  isSame(a, b) {
    return (
      a.name === b.name &&
      a.type === b.type &&
      // The block of the header itself, behind which content begins, or a sparse map; with a long name, of its first header.
      (a.isSparse || a.payloadOffset - 512 === b.headerOffset || a.headerOffset === b.headerOffset) &&
      (b.size === undefined || a.size === b.size)
    );
  }
}

function parseGnuLine(line) {
  const match = /^block (\d+): (?:block \d+: )*([-dlhcbpCS?])\S* \S+ +(\d+|\d+,\d+) \S+ \S+ +"((?:[^"\\]|\\.)*)"/.exec(
    line,
  );
  if (match === null) return /\*\* (Block of NULs|End of File) \*\*$/.test(line) ? undefined : { unparsed: line };
  const [, block, letter, size, name] = match;
  return {
    name: unescape(name),
    type: LISTED_TYPES[letter] ?? letter,
    headerOffset: Number(block) * 512,
    // Of a device it shows the numbers.
    size: size.includes(",") ? undefined : Number(size),
  };
}

/** It goes on after these, and fails in the end. */
const BSD_WARNING = /Ignoring malformed|can't be converted|Error exit delayed/;

export class Bsdtar extends Lister {
  name = "bsdtar";

  isThere() {
    return spawnSync("bsdtar", ["--version"]).status === 0;
  }

  listAll(batch) {
    const command = "bsdtar --list --verbose --numeric-owner --file";
    return this.runAll(batch, command, "C.UTF-8").map(({ lines, error }) => ({
      entries: lines.map(parseBsdLine),
      error: error?.split("\n").every((line) => BSD_WARNING.test(line)) ? undefined : error,
    }));
  }

  isSame(a, b) {
    // It has no offsets, and adds a slash to directories.
    return (
      withoutSlashes(a.name) === withoutSlashes(b.name) &&
      a.type === b.type &&
      (b.size === undefined || a.size === b.size)
    );
  }
}

function parseBsdLine(line) {
  const match = /^([-dlhcbps])\S+ +\d+ +\S+ +\S+ +(\d+|\d+,\d+) +\w{3} +\d+ +[\d:]+ (.*)$/.exec(line);
  if (match === null) return { unparsed: line };
  const [, letter, size, rest] = match;
  const hardlink = rest.indexOf(" link to ");
  const symlink = rest.indexOf(" -> ");
  const type = letter === "-" && hardlink >= 0 ? "hardlink" : LISTED_TYPES[letter];
  const end = type === "hardlink" ? hardlink : type === "symlink" ? symlink : rest.length;
  return { name: unescape(rest.slice(0, end)), type, size: size.includes(",") ? undefined : Number(size) };
}

const ESCAPES = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

function unescape(text) {
  return text.replace(/\\([0-7]{1,3}|.)/g, (_, code) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
  );
}

function withoutSlashes(name) {
  return name.replace(/\/+$/, "");
}
