import type { CommandSpec, OptionSpec } from "./command-spec.ts";

/** A command line that fits its command. Names that the command does not have are a `TypeError`: a slip in our code. */
export class Invocation {
  /** The command. */
  readonly command: CommandSpec;
  readonly #arguments: ReadonlyMap<string, readonly string[]>;
  readonly #options: ReadonlyMap<string, readonly string[]>;

  /** @param options Values as checked: `bytes` are decimal digits, a flag given is one empty text. */
  constructor(
    command: CommandSpec,
    args: ReadonlyMap<string, readonly string[]>,
    options: ReadonlyMap<string, readonly string[]>,
  ) {
    this.command = command;
    this.#arguments = args;
    this.#options = options;
  }

  /** An argument that must be given. */
  argument(name: string): string {
    const value = this.optionalArgument(name);
    if (value === undefined) throw new TypeError(`Cannot read argument ${name}: it may be left out`);
    return value;
  }

  /** An argument that may be left out. */
  optionalArgument(name: string): string | undefined {
    return this.#argumentValues(name)[0];
  }

  /** The values of an argument that may be given more than once. */
  argumentList(name: string): readonly string[] {
    return this.#argumentValues(name);
  }

  /** Whether a flag was given. */
  flag(name: string): boolean {
    return this.#optionValues(name, "flag") !== undefined;
  }

  /** Whether `--debug` was given, which every command has: requests are shown, and causes of failures. */
  get debug(): boolean {
    return this.#options.has("debug");
  }

  /** The value of a `text` option. */
  text(name: string): string | undefined {
    return this.#optionValues(name, "text")?.at(-1);
  }

  /** All values of a `texts` option; empty where it was not given. */
  texts(name: string): readonly string[] {
    return this.#optionValues(name, "texts") ?? [];
  }

  /** The value of a `bytes` option. */
  bytes(name: string): number | undefined {
    const value = this.#optionValues(name, "bytes")?.at(-1);
    return value === undefined ? undefined : Number(value);
  }

  #argumentValues(name: string): readonly string[] {
    if (!this.command.arguments.some((argument) => argument.name === name))
      throw new TypeError(`Cannot read argument ${name}: the command has none of this name`);
    return this.#arguments.get(name) ?? [];
  }

  #optionValues(name: string, kind: OptionSpec["kind"]): readonly string[] | undefined {
    if (!this.command.options.some((option) => option.name === name && option.kind === kind))
      throw new TypeError(`Cannot read option ${name}: the command has none of this name and kind`);
    return this.#options.get(name);
  }
}
