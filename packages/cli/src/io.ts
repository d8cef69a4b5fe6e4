import type { FileWriter } from "@socikit/oci/node";
import type { CredentialProvider, Transport } from "@socikit/registry";

/** One output stream of a command. */
export interface CliOutput {
  /** Whether it is a terminal. */
  readonly isTTY: boolean;
  /** Width of the terminal; 80 where it is none. Read anew at each use: windows are resized. */
  readonly columns: number;
  /** Height of the terminal; 24 where it is none. */
  readonly rows: number;
  /**
   * Writes; text as UTF-8. Resolves when the stream can take more. Rejects where the reader is gone (code `EPIPE`) or the
   * medium fails; the write of stderr never rejects, as there is nowhere left to say so.
   */
  write(chunk: Uint8Array | string): Promise<void>;
}

/** The files a command may touch. Paths are relative to the working directory; failures are the host's (`ENOENT`, …). */
export interface CliFiles {
  /** A file, pipe or device as a stream. A chunk holds its bytes until the next one is asked for. */
  stream(path: string): AsyncIterable<Uint8Array>;
  /** A whole regular file of at most `limit` bytes. Fails with `EFBIG` above, with `ENOTREG` for a pipe or a device. */
  read(path: string, limit: number): Promise<Uint8Array>;
  /**
   * Writes a file beside `path` and renames it: the old file is there, or the new one, whole. Follows a symbolic link, keeps the
   * mode. A device or a pipe is written to. `content` may be who writes the bytes.
   */
  replace(path: string, content: Uint8Array | FileWriter): Promise<void>;
  /** Whether a path is a file, a directory, something else, or not there. */
  kind(path: string): Promise<"file" | "directory" | "other" | undefined>;
}

/** Everything a command may touch. Tests pass their own. */
export interface CliIo {
  /** Data only. */
  readonly stdout: CliOutput;
  /** Everything else: progress, warnings, errors. */
  readonly stderr: CliOutput;
  /** Standard input. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Whether standard input is a terminal, where someone can be asked. */
  readonly stdinIsTTY: boolean;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Files. */
  readonly files: CliFiles;
  /** Processor of the host in Go's names, such as `amd64`: the platform that is preferred is `linux/` and this. */
  readonly architecture: string;
  /** Threads that the host runs at once. */
  readonly processors: number;
  /** Operating system, as `process.platform` names it. */
  readonly system: string;
  /** Home directory. */
  readonly home: string;
  /** Milliseconds since some moment; never goes back. */
  readonly now: () => number;
  /** Opens the way to registries. Called at most once a command, by commands that need it; closed at the end. */
  readonly openTransport: () => Promise<Transport & { close?(): Promise<void> }>;
  /** Credentials for registries. */
  readonly credentials: () => Promise<CredentialProvider>;
}
