import type { BlobReader, Descriptor, ManifestReader } from "@socikit/oci";
import type { ConvertRoot, ConvertTarget } from "@socikit/soci-index/build";
import { mountableFrom, parseDestination, tagFor } from "./destination.ts";
import type { CliIo } from "./io.ts";
import { isSameStore, parseLocation } from "./location.ts";
import { locationOpener, type OpenerOptions } from "./open-location.ts";

/** An image, and the open place that a converted one goes to. */
export interface Conversion {
  /** Holds the image. */
  readonly image: ManifestReader & BlobReader;
  /** Gets the converted one. */
  readonly target: ConvertTarget;
  /** What is converted. */
  readonly root: string | ConvertRoot;
  /** How the destination is written. */
  readonly text: string;
  /** Names the converted image. */
  readonly tag?: string | undefined;
  /** A repository that the target can mount blobs from. */
  readonly mountFrom?: string | undefined;
  /** Puts in its place what cannot be seen before it is whole. */
  commit(image: Descriptor): Promise<void>;
  /** Lets go of sockets and files, and throws away what was not committed. */
  close(): Promise<void>;
}

/** Opens two locations as the command line names them. */
export async function openConversion(from: string, to: string, io: CliIo, options: OpenerOptions): Promise<Conversion> {
  const source = parseLocation(from);
  const destination = parseDestination(to);
  const opener = locationOpener(io, options);
  try {
    const { store: image, target: root } = await opener.open(source);
    const opened = await opener.openStore(destination, {
      create: !isSameStore(source, destination),
      from: { location: source, store: image },
    });
    return {
      image,
      target: opened.store,
      root,
      text: opened.text,
      tag: tagFor(destination, source),
      mountFrom: mountableFrom(source, destination),
      commit: () => opened.commit(),
      close: () => opener.close(),
    };
  } catch (error) {
    await opener.close();
    throw error;
  }
}
