/** Flags that the reference's CLI takes before the command, with a value. `root` counts here too; there is no daemon to find. */
const WITH_VALUE: ReadonlySet<string> = new Set(["address", "a", "namespace", "n", "timeout", "content-store", "root"]);

/** A command line without the flags in front of the command. */
export interface WithoutGlobals {
  readonly args: readonly string[];
  /** What `--root` said there. */
  readonly root?: string;
}

/**
 * Takes off the reference's global flags, so that scripts run that give them: `soci --namespace ci --root /x push REF`. Flags
 * that are not the reference's, and any behind the command, are left.
 */
export function withoutGlobals(args: readonly string[]): WithoutGlobals {
  let root: string | undefined;
  let at = 0;
  for (; at < args.length; at++) {
    const [, name, value] = /^--?([a-z-]+)(?:=([^]*))?$/.exec(args[at]!) ?? [];
    if (name === undefined || !WITH_VALUE.has(name)) break;
    const given = value ?? args[++at];
    if (name === "root") root = given;
  }
  return { args: args.slice(at), ...(root === undefined ? {} : { root }) };
}
