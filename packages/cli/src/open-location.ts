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
import {
  openRepository,
  type CredentialProvider,
  type RegistryEvent,
  type RemoteRepository,
  type Transport,
} from "@socikit/registry";
import type { LayoutArchive, LayoutDirectory } from "@socikit/registry/node";
import type { PrunePorts, SurveyPorts } from "@socikit/soci-index/lifecycle";
import { CliError } from "./errors.ts";
import { formatDuration } from "./format-quantity.ts";
import type { CliIo } from "./io.ts";
import { formatLocation, type Location } from "./location.ts";

/** What can be read of a repository in a registry, a layout directory, an archive. */
export type ImageReader = ManifestReader & BlobReader & ReferrerLister;

/** The same, to be written to; a registry mounts too. */
export type ImageStore = ImageReader & ManifestWriter & BlobWriter & Partial<BlobMounter>;

/** All of a repository, layout or archive. */
export interface OpenRepository {
  /** How it is written. */
  readonly text: string;
  /** What can be listed of it. */
  readonly listed: SurveyPorts;
  /** What can be removed from it; `undefined` for an archive. */
  readonly pruned: PrunePorts | undefined;
}

/** A location that can be written to. */
export interface OpenStore {
  /** How it is written. */
  readonly text: string;
  readonly store: ImageStore;
  /** Puts in its place what cannot be seen before it is whole: an archive. Elsewhere it does nothing. */
  commit(): Promise<void>;
}

/** A location that names an image. */
export interface OpenImage {
  /** How it is written. */
  readonly text: string;
  readonly store: ImageReader;
  /** The tag or digest that names the image; of both, the digest. */
  readonly target: string;
}

/** How a place to write to is opened. */
export interface OpenStoreOptions {
  /** Makes what is not there, and an archive anew. Without it, what is there is added to. */
  readonly create?: boolean;
  /** Where the image comes from: an archive takes content of this machine from there in the end, without another copy. */
  readonly from?: { readonly location: Location; readonly store: ImageReader };
}

/** Opens locations for one command, and closes what they hold open together. A repository or file is opened once. */
export interface LocationOpener {
  /** Opens where an image is. */
  open(location: Location): Promise<OpenImage>;
  /** Opens a whole place, whatever images are in it. */
  openRepository(location: Location): Promise<OpenRepository>;
  /** Opens a place to write to. */
  openStore(location: Location, options?: OpenStoreOptions): Promise<OpenStore>;
  /** Lets go of sockets and files, and throws away what was not committed. */
  close(): Promise<void>;
}

/** How locations are opened. */
export interface OpenerOptions {
  /** Talk plain HTTP to every registry, not on loopback only. */
  readonly plainHttp: boolean;
  /** Show requests on stderr. */
  readonly debug: boolean;
  /** Who logs in to one registry, in place of what docker's configuration says. */
  readonly user?: { readonly registry: string; readonly username: string; readonly password: string } | undefined;
  /** Hears of what takes long, a line at a time: requests that are sent again. Nobody does unless given. */
  readonly note?: ((line: string) => void) | undefined;
}

/** Opens locations with what a command may touch. The transport is opened once, when a registry is first named. */
export function locationOpener(io: CliIo, options: OpenerOptions): LocationOpener {
  let transport: Promise<Transport & { close?(): Promise<void> }> | undefined;
  const repositories = new Map<string, RemoteRepository>();
  const archives = new Map<string, LayoutArchive>();
  const closing: (() => Promise<void>)[] = [];
  const openRemote = async (reference: Reference): Promise<RemoteRepository> => {
    const name = `${reference.registry}/${reference.repository}`;
    const known = repositories.get(name);
    if (known !== undefined) return known;
    transport ??= io.openTransport();
    const repository = openRepository(reference, {
      transport: await transport,
      credentials: await credentialsOf(io, options),
      ...(options.plainHttp ? { plainHttp: true } : {}),
      onEvent(event) {
        if (options.debug) void io.stderr.write(`${printable(eventLine(event))}\n`);
        else if (event.type === "retry")
          options.note?.(
            `${event.reason}; trying again in ${formatDuration(event.delayMs)}, ${event.attempt} of ${event.attempts}`,
          );
      },
    });
    repositories.set(name, repository);
    return repository;
  };
  const openArchive = async (location: Location & { readonly kind: "archive" }): Promise<LayoutArchive> => {
    const known = archives.get(location.file);
    if (known !== undefined) return known;
    const archive = await openArchiveFile(location, io);
    archives.set(location.file, archive);
    closing.push(() => archive.close());
    return archive;
  };
  const stageArchive = async (
    location: Location & { readonly kind: "archive" },
    { create = false, from }: OpenStoreOptions,
  ): Promise<OpenStore> => {
    const before = create ? undefined : await openArchive(location);
    const { stageLayoutArchive } = await import("@socikit/registry/node");
    const staged = await stageLayoutArchive(location.file, {
      base: before ?? (from?.location.kind === "registry" ? undefined : from?.store),
      keep: await before?.entries(),
    });
    // Before the archives that it reads are closed.
    closing.unshift(() => staged.discard());
    const commit = (): Promise<void> => staged.finish(undefined, { signal: io.signal });
    return { text: formatLocation(location), store: staged, commit };
  };
  const openReader = async (location: Location): Promise<LayoutDirectory | LayoutArchive | RemoteRepository> => {
    if (location.kind === "registry") return openRemote(location.reference);
    return location.kind === "archive" ? openArchive(location) : openLayout(location, io, undefined);
  };
  return {
    async open(location) {
      const text = formatLocation(location);
      const store = await openReader(location);
      const { digest, tag } = location.kind === "registry" ? location.reference : location;
      if (digest !== undefined || tag !== undefined) return { text, store, target: digest ?? tag! };
      // parseLocation lets no reference without both through.
      const layout = store as LayoutDirectory | LayoutArchive;
      return { text, store, target: (await layout.onlyImage({ signal: io.signal })).digest };
    },
    async openRepository(location) {
      const text = formatLocation(location);
      if (location.kind === "archive") return { text, listed: await openArchive(location), pruned: undefined };
      const store =
        location.kind === "registry" ? await openRemote(location.reference) : await openLayout(location, io, undefined);
      return { text, listed: store, pruned: store };
    },
    async openStore(location, storeOptions = {}) {
      if (location.kind === "archive") return stageArchive(location, storeOptions);
      const create = storeOptions.create ?? false;
      const store =
        location.kind === "registry"
          ? await openRemote(location.reference)
          : await openLayout(location, io, create ? (removeEmpty) => closing.push(removeEmpty) : undefined);
      return { text: formatLocation(location), store, commit: async () => {} };
    },
    async close() {
      for (const close of closing) await close().catch(() => {});
      await (await transport?.catch(() => undefined))?.close?.();
    },
  };
}

async function credentialsOf(io: CliIo, { user }: OpenerOptions): Promise<CredentialProvider> {
  const configured = await io.credentials();
  if (user === undefined) return configured;
  const { registry, username, password } = user;
  return async (host, repository) => (host === registry ? { username, password } : configured(host, repository));
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
      return `! ${event.count} referrers of ${event.subject}, ${event.via === "api" ? "by the referrers API" : "from the fallback tag"}`;
    case "credentials-withheld":
      return `! no credentials for ${event.realm}, which ${event.registry} names: it does not belong to it`;
  }
}

/** @param make Where it may be made: hears of what takes it away again where nothing is written to it. */
async function openLayout(
  location: Location & { readonly kind: "layout" },
  io: CliIo,
  make: ((removeEmpty: () => Promise<void>) => void) | undefined,
): Promise<LayoutDirectory> {
  const { directory } = location;
  const kind = await io.files.kind(directory);
  if (kind === undefined && make === undefined)
    throw new CliError("ERR_CLI_NO_DIRECTORY", `Cannot open ${formatLocation(location)}: the directory is not there`);
  if (kind === "file")
    throw new CliError("ERR_CLI_NOT_A_DIRECTORY", `Cannot open ${formatLocation(location)}: it is a file`, {
      hint: `if it is an archive, write oci-archive:${directory}`,
    });
  const { openLayoutDirectory, openNewLayoutDirectory } = await import("@socikit/registry/node");
  if (make === undefined) return openLayoutDirectory(directory);
  const made = await openNewLayoutDirectory(directory);
  make(() => made.removeEmpty());
  return made.layout;
}

async function openArchiveFile(location: Location & { readonly kind: "archive" }, io: CliIo): Promise<LayoutArchive> {
  const { file } = location;
  const kind = await io.files.kind(file);
  if (kind === undefined)
    throw new CliError("ERR_CLI_NO_FILE", `Cannot open ${formatLocation(location)}: the file is not there`);
  if (kind === "directory")
    throw new CliError("ERR_CLI_NOT_A_FILE", `Cannot open ${formatLocation(location)}: it is a directory`, {
      hint: `if it is a layout, write oci-layout:${file}`,
    });
  const { openLayoutArchive } = await import("@socikit/registry/node");
  return openLayoutArchive(file, { signal: io.signal });
}
