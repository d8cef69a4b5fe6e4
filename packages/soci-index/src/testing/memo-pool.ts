import { chunksOf, concatBytes, digestOf } from "@socikit/oci";
import { buildZtoc, type BuildPool, type ZtocBuild } from "@socikit/ztoc/build";

/** A pool that builds each distinct layer once for all the runs of a test, and reads every one to its end all the same. */
export function memoPool(): Pick<BuildPool, "build" | "threads"> {
  const builds = new Map<string, Promise<ZtocBuild>>();
  return {
    threads: 1,
    async build(layer, { signal, compression, spanSize, buildToolIdentifier }) {
      const options = { compression, spanSize, buildToolIdentifier };
      const input =
        typeof layer === "function" ? await layer({ signal: signal ?? new AbortController().signal }) : layer;
      if ("read" in input) throw new TypeError("Cannot build: only streams are expected");
      const chunks: Uint8Array[] = [];
      for await (const chunk of "getReader" in input ? chunksOf(input, signal) : input) chunks.push(chunk.slice());
      const bytes = concatBytes(chunks);
      const key = `${digestOf(bytes)} ${JSON.stringify(options)}`;
      const build =
        builds.get(key) ?? buildZtoc(new Blob([bytes.slice()]).stream() as ReadableStream<Uint8Array>, options);
      builds.set(key, build);
      return build;
    },
  };
}
