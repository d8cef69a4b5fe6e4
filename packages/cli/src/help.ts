import type { Colours } from "./colours.ts";
import { commandTitle, usageOf, type CommandSpec, type OptionSpec } from "./command-spec.ts";
import { EXIT_CODE_MEANINGS, type ExitCode } from "./exit-codes.ts";
import { COMMON_OPTIONS } from "./parse-command-line.ts";

/** Layout of a help text. */
export interface HelpOptions {
  /** Width to wrap at. */
  readonly columns: number;
  readonly colours: Colours;
}

/** Help on one command, or the list of several. Ends with a newline. */
export function helpText(commands: readonly CommandSpec[], options: HelpOptions): string {
  return commands.length === 1 ? commandHelp(commands[0]!, options) : commandList(commands, options);
}

function commandList(commands: readonly CommandSpec[], { columns, colours }: HelpOptions): string {
  const lines = [
    "socikit: index, list and read container images without pulling them. No daemon, no root.",
    "",
    colours.bold("Usage"),
    "  socikit COMMAND [arguments] [options]",
    "",
    colours.bold("Commands"),
    ...table(
      commands.map((command) => [commandTitle(command), command.summary]),
      columns,
      colours,
    ),
    "",
    colours.bold("Options"),
    ...table(
      [
        ...COMMON_OPTIONS,
        { name: "version", short: "v", kind: "flag", summary: "print the version" } as OptionSpec,
      ].map(optionRow),
      columns,
      colours,
    ),
    "",
    ...exitCodes({ columns, colours }),
    "",
    "socikit COMMAND --help shows the arguments and examples of a command.",
  ];
  return `${lines.join("\n")}\n`;
}

function commandHelp(command: CommandSpec, { columns, colours }: HelpOptions): string {
  const section = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : ["", colours.bold(title), ...lines];
  const examples = command.examples.flatMap(({ line, summary }) => [
    `  ${colours.dim(`# ${summary}`)}`,
    `  ${colours.cyan(line)}`,
  ]);
  const lines = [
    ...wrap(`${usageOf(command)}: ${command.summary}${aliasNote(command)}`, columns, 2),
    ...command.description.flatMap((paragraph) => ["", ...wrap(paragraph, columns, 0)]),
    ...section(
      "Arguments",
      table(
        command.arguments.map(({ name, summary }) => [name, summary]),
        columns,
        colours,
      ),
    ),
    ...section("Options", table([...command.options, ...COMMON_OPTIONS].map(optionRow), columns, colours)),
    ...section("Examples", examples),
    ...section("JSON", command.json === undefined ? [] : wrap(`  ${command.json}`, columns, 2)),
    "",
    ...exitCodes({ columns, colours }, command.exits),
  ];
  return `${lines.join("\n")}\n`;
}

/** What else the command may be called. */
function aliasNote({ name, aliases = [] }: CommandSpec): string {
  return aliases.map((alias) => ` (also ${[...name.slice(0, -1), alias].join(" ")})`).join("");
}

/** All of them, or those of a command. */
function exitCodes({ columns, colours }: HelpOptions, exits?: readonly ExitCode[]): readonly string[] {
  return [
    colours.bold("Exit codes"),
    ...table(
      EXIT_CODE_MEANINGS.filter(([code]) => exits?.includes(code) ?? true).map(([code, meaning]) => [
        String(code),
        meaning,
      ]),
      columns,
      colours,
    ),
  ];
}

function optionRow(option: OptionSpec): readonly [string, string] {
  const names = `${option.short === undefined ? "    " : `-${option.short}, `}--${option.name}`;
  const value = option.value === undefined ? "" : ` ${option.value}`;
  return [
    `${names}${value}`,
    option.byDefault === undefined ? option.summary : `${option.summary} (default: ${option.byDefault})`,
  ];
}

/** Widest first column; longer names stand on a line of their own. */
const MAX_NAME = 28;

function table(rows: readonly (readonly [string, string])[], columns: number, colours: Colours): readonly string[] {
  const width = Math.min(MAX_NAME, Math.max(0, ...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const [first = "", ...rest] = wrap(text, Math.max(20, columns - width - 4), 0);
    const head = `  ${colours.cyan(name)}`;
    const indent = " ".repeat(width + 4);
    const lines = rest.map((line) => indent + line);
    return name.length > width
      ? [head, indent + first, ...lines]
      : [`${head}${" ".repeat(width - name.length + 2)}${first}`, ...lines];
  });
}

/** Breaks text at spaces into lines of at most `columns`; lines after the first are indented. Leading spaces stay. */
function wrap(text: string, columns: number, indent: number): readonly string[] {
  const lines: string[] = [];
  let line = /^ */.exec(text)![0];
  let empty = true;
  for (const word of text.trim().split(" ")) {
    if (!empty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = " ".repeat(indent);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}
