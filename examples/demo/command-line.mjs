// The demo's command line: what may be written, and what is said when something went wrong.
import { ERROR_TABLE, EXIT_CODES, explainError } from "@socikit/cli";
import { OciError, parseReference } from "@socikit/oci";

const DEMO = "npm run demo --";

export const USAGE = `npm run demo           an image of this machine's files: pack, index, read
${DEMO} IMAGE  a registry's image, which is only read: copy, index, read

IMAGE is host/repo:tag or host/repo@digest; logins are Docker's.
Without IMAGE it takes about a minute, and 500 MB of disk while it runs.
`;

/** A command line that is not the demo's. */
class UsageError extends Error {
  constructor(message, hint = `${DEMO} --help`) {
    super(message);
    this.hint = hint;
  }
}

/**
 * @param {readonly string[]} args
 * @returns {{ help: boolean, image?: import("@socikit/oci").Reference }}
 */
export function parseArguments(args) {
  const help = args.some((arg) => arg === "--help" || arg === "-h");
  const option = args.find((arg) => arg.startsWith("-"));
  if (!help && option !== undefined)
    throw new UsageError(`Cannot run the demo: it has no option ${JSON.stringify(option)}`);
  if (!help && args.length > 1) throw new UsageError(`Cannot run the demo: it takes one image, not ${args.length}`);
  return help || args.length === 0 ? { help } : { help, image: parseImage(args[0]) };
}

function parseImage(text) {
  try {
    return parseReference(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    // "ubuntu" and "library/ubuntu:24.04" are Docker Hub's short names.
    const short = /^[a-z0-9][a-z0-9._/-]*(?::[\w.-]+)?$/.test(text) && !/^[^/]*[.:][^/]*\//.test(text);
    const hub = text.includes("/") ? `docker.io/${text}` : `docker.io/library/${text}`;
    throw new UsageError(error.message, short ? `write the registry too: ${DEMO} ${hub}` : undefined);
  }
}

/** What an error comes to, in terms of the demo. `unexpected`: its stack is worth showing. */
export function explainDemoError(error, aborted) {
  if (error instanceof UsageError)
    return { message: error.message, hint: error.hint, exit: EXIT_CODES.usage, unexpected: false };
  const { message, hint, exit } = explainError(error, { args: [], aborted });
  const unexpected = !aborted && !(error?.code in ERROR_TABLE);
  return { message, hint: unexpected || aborted ? undefined : demoHint(error, hint), exit, unexpected };
}

function demoHint(error, hint) {
  if (error.code === "ERR_REGISTRY_NETWORK")
    return "check the registry's name and port, and that this machine reaches it by HTTPS";
  // What is left of the command's hints once those are gone that name one of its options or commands.
  return hint === undefined || /--|socikit/.test(hint) ? undefined : hint;
}
