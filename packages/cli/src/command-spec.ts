import type { CliIo } from "./io.ts";
import type { Invocation } from "./invocation.ts";
import type { ExitCode } from "./exit-codes.ts";

/** One option of a command. */
export interface OptionSpec {
  /** Long name, without dashes. */
  readonly name: string;
  /** One letter, without dash. */
  readonly short?: string;
  /**
   * `flag`: no value. `text`: one value. `texts`: may be repeated, and split at commas, as the reference's.
   * `bytes`: a count of bytes: decimal, Go's `0x10000` and `65_536`, or with a unit: `4MiB`, `10MB`.
   */
  readonly kind: "flag" | "text" | "texts" | "bytes";
  /** Whether it may be given more than once, the last one counting, as the reference takes all of its options. */
  readonly lastCounts?: true;
  /** Whether an empty value is as good as none, as that of a variable in a script may be. */
  readonly mayBeEmpty?: true;
  /** What stands for the value in help texts, such as `N`. */
  readonly value?: string;
  /** What is done without it, in words. */
  readonly byDefault?: string;
  /** What it does, in one line. */
  readonly summary: string;
}

/** One positional argument of a command. */
export interface ArgumentSpec {
  /** Name in help texts, in capitals. */
  readonly name: string;
  /** What it is, in one line. */
  readonly summary: string;
  /** `one`: must be given. `optional`: may be left out. `some`: one or more, `any`: none or more; the last argument only. */
  readonly count: "one" | "optional" | "some" | "any";
}

/** An example for help texts. */
export interface ExampleSpec {
  /** The command line. */
  readonly line: string;
  /** What it shows. */
  readonly summary: string;
}

/** What a command does with a checked command line. Resolves to its exit code, `done` where it has none to say. */
export type CommandRun = (invocation: Invocation, io: CliIo) => Promise<ExitCode | undefined>;

/** One command: all that parsing, help, completion and reference pages need to know, and how to run it. */
export interface CommandSpec {
  /** The words that name it: `["ztoc", "build"]`. */
  readonly name: readonly string[];
  /** What its last word may be in place of its own: `ls` for `list`. */
  readonly aliases?: readonly string[];
  /** What it does, in one line. */
  readonly summary: string;
  /** More about it, one paragraph an element. */
  readonly description: readonly string[];
  /** Positional arguments, in order. */
  readonly arguments: readonly ArgumentSpec[];
  /** Its own options; every command has those of `COMMON_OPTIONS` too. */
  readonly options: readonly OptionSpec[];
  /** Whether it is one of the reference's, which take its global flags behind their names too. */
  readonly takesGlobals?: true;
  /** At least one. */
  readonly examples: readonly ExampleSpec[];
  /** Exit codes that it can end with. */
  readonly exits: readonly ExitCode[];
  /** Shape of `--json`, where it has that option. */
  readonly json?: string;
  /** Loads the code. Help and version load none. */
  readonly load: () => Promise<CommandRun>;
}

/** Whether a word is the command's word at its place, or may be in place of the last one. */
export function isWordOf({ name, aliases = [] }: CommandSpec, word: string | undefined, place: number): boolean {
  if (word === undefined) return false;
  return name[place] === word || (place === name.length - 1 && aliases.includes(word));
}

/** The name as typed: `ztoc build`. */
export function commandTitle(command: CommandSpec): string {
  return command.name.join(" ");
}

/** How the arguments are written in a usage line: `SRC [DST]`. */
export function usageOf(command: CommandSpec): string {
  const shown = command.arguments.map(({ name, count }) =>
    count === "one" ? name : count === "some" ? `${name}...` : `[${name}${count === "any" ? "..." : ""}]`,
  );
  return ["socikit", ...command.name, ...shown, "[options]"].join(" ");
}
