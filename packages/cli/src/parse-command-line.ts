import { parseArgs } from "node:util";
import { commandTitle, isWordOf, usageOf, type CommandSpec, type OptionSpec } from "./command-spec.ts";
import { didYouMean } from "./did-you-mean.ts";
import { CliError } from "./errors.ts";
import { GLOBAL_OPTIONS, withoutGlobals, wordsOf } from "./global-flags.ts";
import { Invocation } from "./invocation.ts";
import { parseByteCount } from "./parse-byte-count.ts";
import { parseDuration } from "./parse-duration.ts";

/** What a command line asks for. */
export type CommandLine =
  | { readonly kind: "run"; readonly invocation: Invocation; readonly timeoutMs?: number | undefined }
  /** Help on a command, on a group of them (`ztoc`), or on all. */
  | { readonly kind: "help"; readonly commands: readonly CommandSpec[]; readonly asked: boolean }
  | { readonly kind: "version" };

/** Options of every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: "help", short: "h", kind: "flag", summary: "show this help" },
  { name: "debug", kind: "flag", summary: "show requests, and on failure the causes and the stack" },
];

const VERSION: ReadonlySet<string> = new Set(["--version", "-version", "-v", "-V"]);
const HELP: ReadonlySet<string> = new Set(["--help", "-help", "-h"]);

/**
 * Parses a command line against the table of commands.
 *
 * @throws {CliError} of the codes for command lines, with what was meant where that can be guessed.
 */
export function parseCommandLine(given: readonly string[], commands: readonly CommandSpec[]): CommandLine {
  const { args, root, timeout } = withoutGlobals(given);
  const words = wordsOf(args);
  const [first] = words;
  if (first === undefined) {
    if (args.some((arg) => VERSION.has(arg))) return { kind: "version" };
    const unknown = args.find((arg) => !HELP.has(arg) && arg !== "--debug");
    if (unknown !== undefined)
      throw new CliError("ERR_CLI_UNKNOWN_OPTION", `Cannot run socikit: ${JSON.stringify(unknown)} is not an option`, {
        hint: "socikit --help",
      });
    return { kind: "help", commands, asked: args.length > 0 };
  }
  if (first === "help" || first === "h") return helpOn(words.slice(1), commands);
  const group = commands.filter((command) => command.name[0] === first);
  const command = group.find((candidate) => candidate.name.every((_, i) => isWordOf(candidate, words[i], i)));
  if (command === undefined) {
    if (group.length === 0 || words.length > 1) throw unknownCommand(words, commands);
    // `socikit ztoc`: a group without the command.
    return { kind: "help", commands: group, asked: args.some((arg) => HELP.has(arg)) };
  }
  const own = withoutName(args, command);
  // In front of what the command itself is told, which wins.
  const hasRoot = root !== undefined && command.options.some(({ name }) => name === "root");
  const line = parseOptions(hasRoot ? [`--root=${root}`, ...own] : own, command, commands);
  if (line.kind !== "run") return line;
  const timeLimit = line.timeout ?? timeout;
  return { ...line, ...(timeLimit === undefined ? {} : { timeoutMs: parseTimeout(timeLimit) }) };
}

/** As the reference: nothing above zero is none. */
function parseTimeout(text: string): number | undefined {
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      `Cannot run socikit: --timeout needs a duration, and got ${JSON.stringify(text)}`,
      { hint: "--timeout 90s, or 1m30s" },
    );
  return ms > 0 ? ms : undefined;
}

function helpOn(words: readonly string[], commands: readonly CommandSpec[]): CommandLine {
  const about = commands.filter((command) => words.every((word, i) => isWordOf(command, word, i)));
  if (about.length === 0) throw unknownCommand(words, commands);
  return { kind: "help", commands: about, asked: true };
}

function unknownCommand(words: readonly string[], commands: readonly CommandSpec[]): CliError {
  const titles = commands.map(commandTitle);
  const inGroup = commands.some((command) => command.name.length > 1 && command.name[0] === words[0]);
  const given = inGroup ? words.slice(0, 2).join(" ") : words[0]!;
  const meant = didYouMean(given, titles) ?? didYouMean(words.slice(0, 2).join(" "), titles);
  return new CliError("ERR_CLI_UNKNOWN_COMMAND", `Cannot run socikit: ${JSON.stringify(given)} is not a command`, {
    hint: meant === undefined ? "socikit --help" : `did you mean: socikit ${meant}`,
  });
}

/** The arguments less the words of the command's name, wherever options stand between them. */
function withoutName(args: readonly string[], command: CommandSpec): readonly string[] {
  let word = 0;
  return args.filter((arg) => !(word < command.name.length && isWordOf(command, arg, word) && ++word > 0));
}

/** A command line, with what `--timeout` says behind the command. */
type ParsedLine =
  | Exclude<CommandLine, { kind: "run" }>
  | { kind: "run"; invocation: Invocation; timeout?: string | undefined };

function parseOptions(args: readonly string[], command: CommandSpec, commands: readonly CommandSpec[]): ParsedLine {
  const own = [...command.options, ...COMMON_OPTIONS];
  const isOwn = ({ name, short }: OptionSpec): boolean =>
    own.some((option) => option.name === name || (short !== undefined && option.short === short));
  const globals = command.takesGlobals === true ? GLOBAL_OPTIONS.filter((option) => !isOwn(option)) : [];
  const known = [...own, ...globals];
  // Not strict: the texts of our errors say more. The tokens tell what was given as what.
  const { tokens } = parseArgs({
    args: args.map(inEveryStyle(known, args.indexOf("--"))),
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      known.map((option) => [
        option.name,
        {
          type: option.kind === "flag" ? ("boolean" as const) : ("string" as const),
          ...(option.short === undefined ? {} : { short: option.short }),
        },
      ]),
    ),
  });
  const title = commandTitle(command);
  const positionals: string[] = [];
  const options = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const option = known.find(({ name }) => name === token.name);
    if (option === undefined) throw unknownOption(token.rawName, known, title);
    const values = options.get(option.name) ?? [];
    if (values.length > 0 && option.lastCounts !== true && (option.kind === "text" || option.kind === "bytes"))
      throw new CliError("ERR_CLI_OPTION_VALUE", `Cannot run ${title}: ${token.rawName} is given more than once`, {
        hint: `socikit ${title} --help`,
      });
    const given = valuesOf(option, token, title);
    if (given === undefined) options.delete(option.name);
    else options.set(option.name, [...values, ...given]);
  }
  if (options.has("help")) return { kind: "help", commands: [command], asked: true };
  const invocation = new Invocation(command, assignArguments(positionals, command, commands), options);
  return { kind: "run", invocation, timeout: options.get("timeout")?.at(-1) };
}

/**
 * Options as Go programs take them, the reference among them, in the form that parseArgs knows: `-span-size 1` is
 * `--span-size 1`, `-p=linux/amd64` is `--platform=linux/amd64`.
 *
 * @param end Where `--` stands: behind it are arguments.
 */
function inEveryStyle(known: readonly OptionSpec[], end: number): (arg: string, i: number) => string {
  return (arg, i) => {
    const [, name, rest] = /^-([a-zA-Z][a-z-]*)(=[^]*)?$/.exec(arg) ?? [];
    if (name === undefined || (end >= 0 && i > end)) return arg;
    const isLong = name.length > 1 && known.some((option) => option.name === name);
    const short = rest === undefined ? undefined : known.find((option) => option.short === name);
    if (isLong) return `-${arg}`;
    return short === undefined ? arg : `--${short.name}${rest}`;
  };
}

function unknownOption(rawName: string, known: readonly OptionSpec[], title: string): CliError {
  const meant = didYouMean(
    rawName,
    known.map(({ name }) => `--${name}`),
  );
  return new CliError("ERR_CLI_UNKNOWN_OPTION", `Cannot run ${title}: it has no option ${JSON.stringify(rawName)}`, {
    hint: meant === undefined ? `socikit ${title} --help` : `did you mean: ${meant}`,
  });
}

/** Go's `strconv.ParseBool`, which the reference reads flags with. */
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** The values that an option stands for; `undefined` for a flag that is taken back. */
function valuesOf(
  option: OptionSpec,
  token: { readonly rawName: string; readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
  title: string,
): readonly string[] | undefined {
  const fail = (what: string): never => {
    throw new CliError("ERR_CLI_OPTION_VALUE", `Cannot run ${title}: ${token.rawName} ${what}`, {
      hint: `socikit ${title} --help`,
    });
  };
  const { value } = token;
  if (option.kind === "flag") {
    if (value === undefined || TRUE.has(value)) return [""];
    return FALSE.has(value) ? undefined : fail(`takes no value but true or false, and got ${JSON.stringify(value)}`);
  }
  // parseArgs takes `--json` for the value of `--span-size --json`. A number (`--range -100`) is a value.
  const swallowed = token.inlineValue === false && value !== undefined && /^-[^0-9]/.test(value);
  if (value === "" && option.mayBeEmpty === true) return [];
  if (value === undefined || value === "" || swallowed)
    return fail(`needs a value: ${token.rawName} ${option.value ?? "VALUE"}`);
  if (option.kind === "texts") return value.split(",");
  if (option.kind === "text") return [value];
  const bytes = parseByteCount(value);
  if (bytes === undefined)
    return fail(`needs a count of bytes such as 4194304 or 4MiB, and got ${JSON.stringify(value)}`);
  return [String(bytes)];
}

function assignArguments(
  values: readonly string[],
  command: CommandSpec,
  commands: readonly CommandSpec[],
): ReadonlyMap<string, readonly string[]> {
  const title = commandTitle(command);
  const assigned = new Map<string, readonly string[]>();
  let next = 0;
  for (const { name, count, summary } of command.arguments) {
    const taken = count === "some" || count === "any" ? values.slice(next) : values.slice(next, next + 1);
    if (taken.length === 0 && (count === "one" || count === "some"))
      throw new CliError("ERR_CLI_MISSING_ARGUMENT", `Cannot run ${title}: ${name} is missing (${summary})`, {
        hint: usageOf(command),
      });
    if (taken.includes(""))
      throw new CliError("ERR_CLI_MISSING_ARGUMENT", `Cannot run ${title}: ${name} is empty (${summary})`, {
        hint: usageOf(command),
      });
    if (taken.length > 0) assigned.set(name, taken);
    next += taken.length;
  }
  if (next < values.length) {
    const meant = didYouMean(values[next]!, commands.map(commandTitle));
    throw new CliError(
      "ERR_CLI_EXTRA_ARGUMENT",
      `Cannot run ${title}: ${JSON.stringify(values[next])} is one argument too many`,
      { hint: meant === undefined ? usageOf(command) : `did you mean: socikit ${meant}` },
    );
  }
  return assigned;
}
