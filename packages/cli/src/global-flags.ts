import type { OptionSpec } from "./command-spec.ts";

const global = (name: string, summary: string, short?: string): OptionSpec => ({
  name,
  kind: "text",
  lastCounts: true,
  mayBeEmpty: true,
  summary,
  ...(short === undefined ? {} : { short }),
});

/**
 * Flags that the reference's CLI takes with each of its commands, before and behind its name. There is no daemon to find, so
 * that most of them say nothing here.
 */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  global("address", "where containerd listens: without effect", "a"),
  global("namespace", "containerd's namespace: without effect", "n"),
  global("content-store", "containerd's or the reference's own: without effect"),
  global("root", "the local store"),
  global("timeout", "when the command is to end: 90s, 1m30s"),
];

const WITH_VALUE: ReadonlySet<string> = new Set(
  GLOBAL_OPTIONS.flatMap(({ name, short }) => [name, ...(short === undefined ? [] : [short])]),
);

/** What is no option and no value of a global flag: the words of the command's name come first among them. */
export function wordsOf(args: readonly string[]): readonly string[] {
  return args.filter((arg, i) => {
    const [, before] = /^--?([a-z-]+)$/.exec(args[i - 1] ?? "") ?? [];
    return !arg.startsWith("-") && !(before !== undefined && WITH_VALUE.has(before));
  });
}

/** A command line without the flags in front of the command. */
export interface WithoutGlobals {
  readonly args: readonly string[];
  /** What `--root` said there. */
  readonly root?: string;
  /** What `--timeout` said there. */
  readonly timeout?: string;
}

/**
 * Takes off the reference's global flags in front of the command, so that scripts run that give them: `soci --namespace ci --root /x push REF`. Flags
 * that are not the reference's, and any behind the command, are left; so is `--debug`, which is ours too, and does not end them.
 */
export function withoutGlobals(args: readonly string[]): WithoutGlobals {
  const values = new Map<string, string | undefined>();
  const kept: string[] = [];
  let at = 0;
  for (; at < args.length; at++) {
    const [, name, value] = /^--?([a-z-]+)(?:=([^]*))?$/.exec(args[at]!) ?? [];
    if (name === "debug") kept.push(args[at]!.replace(/^--?/, "--"));
    else if (name === undefined || !WITH_VALUE.has(name)) break;
    else values.set(name, value ?? args[++at]);
  }
  const [root, timeout] = [values.get("root"), values.get("timeout")];
  return {
    args: [...kept, ...args.slice(at)],
    ...(root === undefined ? {} : { root }),
    ...(timeout === undefined ? {} : { timeout }),
  };
}
