import {
  createImageTree,
  createPathReader,
  LazyReadError,
  MergedTree,
  openLayer,
  plainDecoder,
  type LazyLayer,
} from "@socikit/lazy-reader";
import { loadInflate } from "@socikit/inflate";
import {
  chunksOf,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  type BlobReader,
  type BlobSource,
  type Descriptor,
  type Digest,
} from "@socikit/oci";
import { openFileSource } from "@socikit/oci/node";
import { createZtocIndex, type Ztoc } from "@socikit/ztoc";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import type { CliIo } from "../io.ts";
import type { Invocation } from "../invocation.ts";
import { locatedError } from "../located-error.ts";
import { parseLocation } from "../location.ts";
import { locationOpener, type LocationOpener } from "../open-location.ts";
import { readZtoc, type FoundZtoc } from "../ztoc-source.ts";

/** `socikit ztoc get-file` */
export const ztocGetFile: CommandRun = async (invocation, io) => {
  const place = invocation.argument("ZTOC");
  const path = invocation.argument("PATH");
  const output = invocation.text("output");
  const opener = locationOpener(io, { plainHttp: invocation.flag("plain-http"), debug: invocation.debug });
  try {
    const found = await readZtoc(place, invocation, io);
    const lazy = await openByZtoc(found, await findLayer(found, invocation, io, opener));
    try {
      const tree = new MergedTree();
      tree.add(0, lazy.toc);
      const stream = createPathReader(createImageTree(tree, [lazy])).stream(path, { signal: io.signal });
      const chunks = chunksOf(stream, io.signal);
      if (output === undefined) {
        for await (const chunk of chunks) await io.stdout.write(chunk);
        // The reference prints one more, whatever the file is.
        if (invocation.flag("compat")) await io.stdout.write("\n");
      } else {
        await io.files.replace(output, async (write) => {
          for await (const chunk of chunks) await write(chunk);
        });
      }
    } finally {
      await lazy.close();
    }
  } catch (error) {
    throw isUnknownFile(error) ? notInLayer(error, place) : locatedError(error, place);
  } finally {
    await opener.close();
  }
  return undefined;
};

function isUnknownFile(error: unknown): error is LazyReadError {
  return error instanceof LazyReadError && error.code === "ERR_LAZY_NOT_FOUND";
}

/** The image may have the file all the same. */
function notInLayer(error: LazyReadError, place: string): CliError {
  return new CliError("ERR_CLI_NOT_IN_LAYER", `${place}: ${error.message}, in this layer`, { cause: error });
}

interface FoundLayer {
  readonly layer: Descriptor;
  readonly source: BlobSource;
}

/** Opens the layer, or lets go of it. */
async function openByZtoc({ ztoc, digest }: FoundZtoc, { layer, source }: FoundLayer): Promise<LazyLayer> {
  try {
    const index = createZtocIndex(ztoc, digest, layer);
    const decoder = ztoc.compression.algorithm === "gzip" ? (await loadInflate()).decoder : plainDecoder;
    return openLayer({ source, index, decoder });
  } catch (error) {
    await source.close?.();
    throw error;
  }
}

/** The layer: a file, a blob of the image that is named, or of one by whose name the store knows it. */
async function findLayer(
  found: FoundZtoc,
  invocation: Invocation,
  io: CliIo,
  opener: LocationOpener,
): Promise<FoundLayer> {
  const { ztoc, store, digest } = found;
  const file = invocation.text("layer");
  if (file !== undefined) {
    const source = await openFileSource(file);
    // Its digest is not known and nothing stands on it: spans are checked against the zTOC's.
    return { layer: layerOf(digest, source.size, ztoc), source };
  }
  const catalogue = await store?.catalogue({ signal: io.signal });
  const layer = catalogue?.ztocs.find((each) => each.digest === digest)?.layer;
  if (layer === undefined || catalogue === undefined)
    throw new CliError(
      "ERR_CLI_NO_LAYER",
      `Cannot find the layer of zTOC ${digest}: the local store does not have it`,
      {
        hint: "say where the layer is: --layer FILE",
      },
    );
  const from = invocation.text("from");
  const names = from === undefined ? await namesOf(found, catalogue.indexes) : [from];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      const opened = await openBlob(name, layer, ztoc, opener);
      if (opened !== undefined) return opened;
    } catch (error) {
      io.signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  const what = names.length === 0 ? "no image that is known has it" : `${names.join(", ")} does not have it`;
  throw new CliError("ERR_CLI_NO_LAYER", `Cannot find layer ${layer} of zTOC ${digest}: ${what}`);
}

/** The names of the images whose indexes list a zTOC. */
async function namesOf(
  { store, digest }: FoundZtoc,
  indexes: readonly { readonly digest: Digest; readonly names: readonly string[] }[],
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const entry of indexes.filter((each) => each.names.length > 0)) {
    const { index } = await store!.readIndex(entry.digest);
    if (index.blobs.some((blob) => blob.digest === digest)) for (const name of entry.names) names.add(name);
  }
  return [...names];
}

async function openBlob(
  name: string,
  layer: Digest,
  ztoc: Ztoc,
  opener: LocationOpener,
): Promise<FoundLayer | undefined> {
  const store: BlobReader = (await opener.open(parseLocation(name))).store;
  const size = (await store.stat(layer))?.size;
  if (size === undefined) return undefined;
  return { layer: layerOf(layer, size, ztoc), source: await store.open({ digest: layer, size }) };
}

function layerOf(digest: Digest, size: number, { compression }: Ztoc): Descriptor {
  return { mediaType: compression.algorithm === "gzip" ? OCI_LAYER_GZIP : OCI_LAYER, digest, size };
}
