import { chunksOf, concatBytes, digestOf } from "@socikit/oci";
import { buildZtoc, type BuildPool, type LayerInput, type ZtocBuild } from "@socikit/ztoc/build";

/** Bytes that are asked of a source at once. */
const PIECE = 65_536;

async function* chunksOfInput(input: LayerInput, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  if ("getReader" in input) return yield* chunksOf(input, signal);
  if (Symbol.asyncIterator in input) return yield* input;
  for (let at = 0; at < input.size; at += PIECE)
    yield await input.read(at, Math.min(PIECE, input.size - at), { signal });
}

/** A pool that builds each distinct layer once for all the runs of a test, and reads every one to its end all the same. */
export function memoPool(): Pick<BuildPool, "build" | "threads"> {
  const builds = new Map<string, Promise<ZtocBuild>>();
  return {
    threads: 1,
    async build(layer, { signal, compression, spanSize, buildToolIdentifier }) {
      const options = { compression, spanSize, buildToolIdentifier };
      const input =
        typeof layer === "function" ? await layer({ signal: signal ?? new AbortController().signal }) : layer;
      const chunks: Uint8Array[] = [];
      for await (const chunk of chunksOfInput(input, signal)) chunks.push(chunk.slice());
      const bytes = concatBytes(chunks);
      const key = `${digestOf(bytes)} ${JSON.stringify(options)}`;
      const build =
        builds.get(key) ?? buildZtoc(new Blob([bytes.slice()]).stream() as ReadableStream<Uint8Array>, options);
      builds.set(key, build);
      return build;
    },
  };
}
