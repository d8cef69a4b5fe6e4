/** Paints text, or leaves it alone. Each function takes text without escapes. */
export interface Colours {
  /** Whether the functions paint. */
  readonly enabled: boolean;
  /** Bold. */
  readonly bold: (text: string) => string;
  /** Less bright, for what matters less. */
  readonly dim: (text: string) => string;
  /** For failures. */
  readonly red: (text: string) => string;
  /** For what is done. */
  readonly green: (text: string) => string;
  /** For warnings. */
  readonly yellow: (text: string) => string;
  /** For names and what is under way. */
  readonly cyan: (text: string) => string;
}

/**
 * Whether one stream gets colours: `NO_COLOR` (https://no-color.org) wins, then `FORCE_COLOR`, then whether the stream
 * is a terminal that can. Decided for each stream by itself: stdout may be a pipe while stderr is a terminal.
 */
export function wantsColours(isTTY: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  return isTTY && env["TERM"] !== "dumb";
}

/** The painting functions. `node:util.styleText` is not used: Node 20.20's ignores NO_COLOR when given a list of styles. */
export function coloursFor(enabled: boolean): Colours {
  const paint =
    (open: number, close: number) =>
    (text: string): string =>
      enabled ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    enabled,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  };
}
