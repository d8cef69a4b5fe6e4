/** zlib and libdeflate themselves, behind a C program of ours (native-inflate.c). */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * Compiles the program. Needs a C compiler and zlib's headers; libdeflate is in it where its headers are. `CC` is the
 * compiler, else "cc".
 *
 * @returns `{ program, libraries }`, and `missing` where something is: why.
 */
export function compileNative(directory) {
  mkdirSync(directory, { recursive: true });
  const source = fileURLToPath(new URL("native-inflate.c", import.meta.url));
  const program = join(directory, "native-inflate");
  const compile = (before, after) =>
    spawnSync(process.env.CC ?? "cc", ["-O2", ...before, source, "-o", program, "-lz", ...after], { stdio: "ignore" });
  const both = compile(["-DHAVE_LIBDEFLATE"], ["-ldeflate"]);
  if (both.status === 0) return { program, libraries: ["zlib", "libdeflate"] };
  if (both.error !== undefined) return { libraries: [], missing: "without native zlib and libdeflate: no C compiler" };
  if (compile([], []).status === 0)
    return { program, libraries: ["zlib"], missing: "without native libdeflate: its header is not here" };
  return { libraries: [], missing: "without native zlib and libdeflate: zlib's header is not here" };
}

/** One process of it, that has read one file of one member. */
export class NativeInflate {
  #process;
  #lines;
  /** The libraries' versions. */
  versions;

  static async open({ program, path, size, header, clock }) {
    const native = new NativeInflate();
    native.#process = spawn(program, [path, `${size}`, `${header}`, clock], { stdio: ["pipe", "pipe", "inherit"] });
    native.#lines = createInterface({ input: native.#process.stdout })[Symbol.asyncIterator]();
    native.versions = await native.#line();
    return native;
  }

  /** Decodes once. @returns Milliseconds by its own clock. */
  async run(name) {
    this.#process.stdin.write(`${name}\n`);
    const line = await this.#line();
    if (line === "failed") throw new Error(`native ${name} does not decode it`);
    return Number(line);
  }

  close() {
    this.#process.stdin.end();
  }

  async #line() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The native program ended");
    return value;
  }
}
