import { printable } from "@socikit/oci";
import { createMemoryStore, isLoopbackHost, type Store } from "@socikit/registry";
import { createRegistryHandler } from "@socikit/registry/server";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import type { CliIo } from "../io.ts";

const DEFAULT_LISTEN = "127.0.0.1:5000";

/** `socikit serve` */
export const serve: CommandRun = async (invocation, io) => {
  const { host, port } = parseListen(invocation.text("listen") ?? DEFAULT_LISTEN);
  const directory = invocation.optionalArgument("DIR");
  const opened = directory === undefined ? undefined : await openDirectory(directory, io);
  const store = opened?.store ?? createMemoryStore();
  const handler = createRegistryHandler(store);
  const logged = invocation.flag("quiet") ? handler : withLog(handler, io);
  const { serveRegistry } = await import("@socikit/registry/node");
  const server = await serveRegistry(logged, { host, port });
  try {
    for (const line of opened?.lines ?? []) await io.stderr.write(`${printable(line)}\n`);
    await io.stdout.write(`${server.url}\n`);
    await io.stderr.write(
      directory === undefined
        ? "Serving from memory: what is pushed is forgotten at the end. Ctrl-C ends\n"
        : `Serving the layouts below ${printable(directory)}, read-only. Ctrl-C ends\n`,
    );
    if (!isLoopbackHost(host.includes(":") ? `[${host}]` : host))
      await io.stderr.write("Anyone who reaches this address can use it: there is no login and no encryption\n");
    await aborted(io.signal);
  } finally {
    await server.close();
  }
  // Ctrl-C is how serving ends, not how it fails.
  return undefined;
};

/** The store of a directory, and what there is to say of it once it is served. */
async function openDirectory(
  directory: string,
  io: CliIo,
): Promise<{ readonly store: Store; readonly lines: readonly string[] }> {
  const kind = await io.files.kind(directory);
  if (kind !== "directory")
    throw new CliError(
      kind === undefined ? "ERR_CLI_NO_DIRECTORY" : "ERR_CLI_NOT_A_DIRECTORY",
      `Cannot serve ${JSON.stringify(directory)}: ${kind === undefined ? "it is not there" : "it is not a directory"}`,
    );
  const { openLayoutStore } = await import("@socikit/registry/node");
  const store = await openLayoutStore(directory);
  const lines: string[] = [];
  for await (const name of store.repositories({ signal: io.signal })) lines.push(`  ${name}`);
  return { store, lines: lines.length > 0 ? lines : [`No directory below ${directory} holds an oci-layout file yet`] };
}

/** Parses `HOST:PORT`, `:PORT`, `[::1]:PORT`. */
function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    throw new CliError("ERR_CLI_OPTION_VALUE", `Cannot listen on ${JSON.stringify(text)}: it is not HOST:PORT`, {
      hint: "--listen 127.0.0.1:5000",
    });
  return { host: match[1] ?? (match[2] || "127.0.0.1"), port };
}

type Handler = (request: Request) => Promise<Response>;

/** One line a request, without its query: upload states and tokens are nobody's business. */
function withLog(handler: Handler, io: CliIo): Handler {
  return async (request) => {
    const began = io.now();
    const response = await handler(request);
    const range = request.headers.get("range");
    const path = new URL(request.url).pathname;
    const line = `${request.method} ${path}${range === null ? "" : ` ${range}`} ${response.status} ${Math.round(io.now() - began)} ms`;
    void io.stderr.write(`${printable(line)}\n`);
    return response;
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
