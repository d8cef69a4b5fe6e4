import type { BlobReader, BlobWriter, ManifestReader, ManifestWriter, ReferrerLister } from "@socikit/oci";
import { openRepository, type RegistryEvent, type Transport } from "@socikit/registry";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import { formatLocation, type Location } from "./location.ts";

/** The ports that a repository in a registry and a layout directory have in common. */
export type ImageStore = ManifestReader & ManifestWriter & BlobReader & BlobWriter & ReferrerLister;

/** A location whose ports are open. */
export interface OpenLocation {
  /** How it is written. */
  readonly text: string;
  readonly store: ImageStore;
  /** The tag or digest that names the image; of both, the digest. */
  readonly target: string;
}

/** Opens locations for one command, and closes what they hold open together. */
export interface LocationOpener {
  /** Opens a location. `create`: a layout directory that is not there is made. */
  open(location: Location, options?: { readonly create?: boolean }): Promise<OpenLocation>;
  /** Lets go of sockets and files. */
  close(): Promise<void>;
}

/** How locations are opened. */
export interface OpenerOptions {
  /** Talk plain HTTP to every registry, not on loopback only. */
  readonly plainHttp: boolean;
  /** Told of requests, retries and the like. */
  readonly onEvent?: ((event: RegistryEvent) => void) | undefined;
}

/** Opens locations with what a command may touch. The transport is opened once, when a registry is first named. */
export function locationOpener(io: CliIo, options: OpenerOptions): LocationOpener {
  let transport: Promise<Transport & { close?(): Promise<void> }> | undefined;
  return {
    async open(location, { create = false } = {}) {
      if (location.kind === "registry") {
        transport ??= io.openTransport();
        const store = openRepository(location.reference, {
          transport: await transport,
          credentials: await io.credentials(),
          ...(options.plainHttp ? { plainHttp: true } : {}),
          ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
        });
        // parseLocation lets no reference without tag and digest through.
        return { text: formatLocation(location), store, target: location.reference.digest ?? location.reference.tag! };
      }
      return openLayout(location, io, create);
    },
    async close() {
      await (await transport?.catch(() => undefined))?.close?.();
    },
  };
}

async function openLayout(
  location: Location & { readonly kind: "layout" },
  io: CliIo,
  create: boolean,
): Promise<OpenLocation> {
  if ((await io.files.kind(location.directory)) === "file")
    throw new CliError("ERR_CLI_NOT_A_DIRECTORY", `Cannot open ${formatLocation(location)}: it is a file`, {
      hint: "unpack it first: archives are not supported yet",
    });
  const { openLayoutDirectory } = await import("@socikit/registry/node");
  const store = await openLayoutDirectory(location.directory, { create });
  const target = location.digest ?? location.tag ?? (await store.onlyImage({ signal: io.signal })).digest;
  return { text: formatLocation(location), store, target };
}
