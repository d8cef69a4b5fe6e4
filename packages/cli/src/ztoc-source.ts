import { digestOf, isDigest, readAll, type Digest } from "@socikit/oci";
import { decodeZtoc, MAX_ZTOC_SIZE, type Ztoc } from "@socikit/ztoc";
import type { LocalStore } from "@socikit/soci-index/node";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import type { Invocation } from "./invocation.ts";
import { openStore } from "./local-store.ts";
import { locatedError } from "./located-error.ts";
import { parseLocation } from "./location.ts";
import { locationOpener } from "./open-location.ts";
import { unknownArtifact } from "./stored-artifact.ts";

/** A zTOC, wherever it was. */
export interface FoundZtoc {
  readonly bytes: Uint8Array;
  readonly ztoc: Ztoc;
  readonly digest: Digest;
  /** The store that it is in, where it was asked for by its digest. */
  readonly store?: LocalStore;
}

/**
 * Reads a zTOC: a file, `-` for standard input, a digest of the local store, or a blob of a repository, layout or archive as
 * `host/repo@sha256:...`.
 */
export async function readZtoc(text: string, invocation: Invocation, io: CliIo): Promise<FoundZtoc> {
  if (text === "-") return found(await readStdin(io.stdin), "standard input");
  const isFile = (await io.files.kind(text)) !== undefined;
  if (!isFile && isDigest(text)) {
    const store = await openStore(invocation, io);
    const entry = (await store?.catalogue({ signal: io.signal }))?.ztocs.find(({ digest }) => digest === text);
    if (store === undefined || entry === undefined) throw await unknownArtifact(store, "ztocs", text);
    const stream = await store.layout.stream(entry, { signal: io.signal });
    return { ...found(await readAll(stream, MAX_ZTOC_SIZE, io.signal), text), store };
  }
  if (!isFile && /@sha[0-9]+:[0-9a-f]+$/.test(text)) return found(await readBlob(text, invocation, io), text);
  return found(await io.files.read(text, MAX_ZTOC_SIZE), text);
}

function found(bytes: Uint8Array, place: string): FoundZtoc {
  try {
    return { bytes, ztoc: decodeZtoc(bytes), digest: digestOf(bytes) };
  } catch (error) {
    throw locatedError(error, place);
  }
}

async function readBlob(text: string, invocation: Invocation, io: CliIo): Promise<Uint8Array> {
  const location = parseLocation(text);
  const opener = locationOpener(io, { plainHttp: invocation.flag("plain-http"), debug: invocation.debug });
  try {
    const { store, target } = await opener.open(location);
    // It was found by its digest.
    const digest = target as Digest;
    const size = (await store.stat(digest, { signal: io.signal }))?.size;
    if (size === undefined)
      throw new CliError("ERR_CLI_NO_FILE", `Cannot read ${text}: there is no such blob`, {
        hint: "check the digest: an index lists those of its zTOCs",
      });
    return await readAll(await store.stream({ digest, size }, { signal: io.signal }), MAX_ZTOC_SIZE, io.signal);
  } finally {
    await opener.close();
  }
}

async function readStdin(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    size += chunk.length;
    if (size > MAX_ZTOC_SIZE)
      throw Object.assign(new Error(`Cannot read standard input: it is longer than ${MAX_ZTOC_SIZE} bytes`), {
        code: "EFBIG",
      });
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
