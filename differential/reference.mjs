/** The reference's own package, behind a Go program of ours (oracle/main.go). */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** It never frees what zlib's part of a layer took: a new process after this many layers. */
const LAYERS_A_PROCESS = 300;

/** Builds zTOCs with the reference. Needs Go, a C compiler and zlib's header. */
export class Reference {
  #directory = mkdtempSync(join(tmpdir(), "socikit-differential-"));
  #binary = join(this.#directory, "oracle");
  #process;
  #lines;
  #answered = 0;
  /** What it is, and what compiled it. */
  version;

  constructor() {
    const source = fileURLToPath(new URL("oracle", import.meta.url));
    const go = process.env.GO ?? "go";
    execFileSync(go, ["build", "-C", source, "-o", this.#binary, "."], {
      env: { ...process.env, CGO_ENABLED: "1" },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [, reference] = /^require (\S+ \S+)$/m.exec(readFileSync(join(source, "go.mod"), "utf8"));
    const [, , compiler] = execFileSync(go, ["version"], { encoding: "utf8" }).split(" ");
    this.version = `${reference} by ${compiler}`;
  }

  /** What the reference makes of a layer: `{ digest, size, readBack? }` or `{ error }`. */
  async build({ bytes, spanSize, compression }) {
    const path = join(this.#directory, "layer");
    writeFileSync(path, bytes);
    return this.buildFile(path, spanSize, compression);
  }

  async buildFile(path, spanSize, compression) {
    if (this.#answered++ % LAYERS_A_PROCESS === 0) this.#restart();
    this.#process.stdin.write(`${path} ${spanSize} ${compression}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The reference ended");
    return JSON.parse(value);
  }

  close() {
    this.#process?.stdin.end();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #restart() {
    this.#process?.stdin.end();
    // Times without a zone are printed in local time.
    this.#process = spawn(this.#binary, { env: { ...process.env, TZ: "UTC" }, stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }
}
