import {
  printable,
  type BlobMounter,
  type BlobReader,
  type BlobWriter,
  type ManifestReader,
  type ManifestWriter,
  type Reference,
  type ReferrerLister,
} from "@socikit/oci";
import { openRepository, type RegistryEvent, type Transport } from "@socikit/registry";
import type { LayoutDirectory } from "@socikit/registry/node";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import { formatLocation, type Location } from "./location.ts";

/** The ports that a repository in a registry and a layout directory have in common; a registry mounts too. */
export type ImageStore = ManifestReader &
  ManifestWriter &
  BlobReader &
  BlobWriter &
  ReferrerLister &
  Partial<BlobMounter>;

/** A location whose ports are open. */
export interface OpenStore {
  /** How it is written. */
  readonly text: string;
  readonly store: ImageStore;
}

/** A location that names an image. */
export interface OpenImage extends OpenStore {
  /** The tag or digest that names the image; of both, the digest. */
  readonly target: string;
}

/** Opens locations for one command, and closes what they hold open together. */
export interface LocationOpener {
  /** Opens where an image is. */
  open(location: Location): Promise<OpenImage>;
  /** Opens a place to write to. `create`: a layout directory that is not there is made. */
  openStore(location: Location, options?: { readonly create?: boolean }): Promise<OpenStore>;
  /** Lets go of sockets and files. */
  close(): Promise<void>;
}

/** How locations are opened. */
export interface OpenerOptions {
  /** Talk plain HTTP to every registry, not on loopback only. */
  readonly plainHttp: boolean;
  /** Show requests on stderr. */
  readonly debug: boolean;
  /** Hears of what takes long, a line at a time: requests that are sent again. Nobody does unless given. */
  readonly note?: ((line: string) => void) | undefined;
}

/** Opens locations with what a command may touch. The transport is opened once, when a registry is first named. */
export function locationOpener(io: CliIo, options: OpenerOptions): LocationOpener {
  let transport: Promise<Transport & { close?(): Promise<void> }> | undefined;
  const openRemote = async (reference: Reference): Promise<ImageStore> => {
    transport ??= io.openTransport();
    return openRepository(reference, {
      transport: await transport,
      credentials: await io.credentials(),
      ...(options.plainHttp ? { plainHttp: true } : {}),
      onEvent(event) {
        if (options.debug) void io.stderr.write(`${printable(eventLine(event))}\n`);
        else if (event.type === "retry")
          options.note?.(`${event.reason}; trying again, ${event.attempt} of ${event.attempts}`);
      },
    });
  };
  return {
    async open(location) {
      const text = formatLocation(location);
      if (location.kind === "registry") {
        const { digest, tag } = location.reference;
        // parseLocation lets no reference without both through.
        return { text, store: await openRemote(location.reference), target: digest ?? tag! };
      }
      const store = await openLayout(location, io, false);
      const target = location.digest ?? location.tag ?? (await store.onlyImage({ signal: io.signal })).digest;
      return { text, store, target };
    },
    async openStore(location, { create = false } = {}) {
      const remote = location.kind === "registry";
      const store = remote ? await openRemote(location.reference) : await openLayout(location, io, create);
      return { text: formatLocation(location), store };
    },
    async close() {
      await (await transport?.catch(() => undefined))?.close?.();
    },
  };
}

/** An event of the client, for `--debug`. URLs come without query and credentials. */
function eventLine(event: RegistryEvent): string {
  switch (event.type) {
    case "request":
      return `> ${event.method} ${event.url}`;
    case "response":
      return `< ${event.status} ${event.method} ${event.url}`;
    case "redirect":
      return `< redirect to ${event.to}`;
    case "retry":
      return `! again in ${event.delayMs} ms: ${event.reason}`;
    case "referrers":
      return `! ${event.count} referrers of ${event.subject}, ${event.via === "api" ? "by the referrers API" : "from the fallback tag: there is no referrers API"}`;
    case "credentials-withheld":
      return `! no credentials for ${event.realm}, which ${event.registry} names: it does not belong to it`;
  }
}

async function openLayout(
  location: Location & { readonly kind: "layout" },
  io: CliIo,
  create: boolean,
): Promise<LayoutDirectory> {
  const { directory } = location;
  const kind = await io.files.kind(directory);
  if (kind === undefined && !create)
    throw new CliError("ERR_CLI_NO_DIRECTORY", `Cannot open ${formatLocation(location)}: the directory is not there`);
  if (kind === "file")
    throw new CliError("ERR_CLI_NOT_A_DIRECTORY", `Cannot open ${formatLocation(location)}: it is a file`, {
      hint: "unpack it first: archives are not supported yet",
    });
  const { openLayoutDirectory } = await import("@socikit/registry/node");
  return openLayoutDirectory(directory, { create });
}
