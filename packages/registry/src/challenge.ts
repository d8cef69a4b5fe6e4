/** One challenge of a WWW-Authenticate field. https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 */
export interface Challenge {
  /** `basic`, `bearer`, ...: lower case. */
  readonly scheme: string;
  /** Parameters by lower-case name; the first wins where one is given twice. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longest field read; what follows is not looked at. */
const MAX_FIELD_LENGTH = 16 * 1024;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;
const SPACE = /[ \t]*/y;
const SEPARATOR = /[ \t,]*/y;

/**
 * Reads every challenge of a field, or of several that were joined with commas. Takes what it can: text that is no challenge
 * ends the reading, since a field that cannot be read is as good as one that asks for something unknown.
 */
export function parseChallenges(field: string): readonly Challenge[] {
  const text = field.slice(0, MAX_FIELD_LENGTH);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  for (;;) {
    take(SEPARATOR);
    const word = take(TOKEN);
    if (word === undefined) return challenges;
    const afterWord = at;
    take(SPACE);
    const current = challenges.at(-1);
    if (text[at] === "=" && current !== undefined) {
      at += 1;
      take(SPACE);
      const value = text[at] === '"' ? quoted() : take(UNQUOTED);
      if (value === undefined) return challenges;
      const name = word.toLowerCase();
      if (!current.parameters.has(name)) current.parameters.set(name, value);
      continue;
    }
    challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
    // "Negotiate YII=": a token68 instead of parameters. A token followed by "=" and a value is a parameter instead.
    if (at > afterWord && !isParameter()) take(TOKEN68);
  }

  function quoted(): string | undefined {
    let value = "";
    for (let i = at + 1; i < text.length; i++) {
      const c = text[i]!;
      if (c === '"') {
        at = i + 1;
        return value;
      }
      if (c === "\\" && i + 1 < text.length) value += text[++i]!;
      else value += c;
    }
    return undefined;
  }

  function isParameter(): boolean {
    return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ \t]*(?:"|[^\s,="])/.test(text.slice(at, at + 256));
  }
}

/** An unquoted value. Wider than a token: registries leave the quotes off URLs. */
const UNQUOTED = /[^\s,"]+/y;
