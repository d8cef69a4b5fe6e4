import { chunksOf } from "@socikit/oci";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import { withImage } from "../with-image.ts";

/** `socikit cat` */
export const cat: CommandRun = async (invocation, io) => {
  const asked = invocation.text("range");
  const range = asked === undefined ? undefined : parseRange(asked);
  await withImage(invocation, io, async (image) => {
    const { signal } = io;
    // One after the other: the output has their order.
    for (const path of invocation.argumentList("PATH")) {
      const wanted = range === undefined ? undefined : rangeWithin(range, await image.resolve(path, { signal }));
      const stream = image.stream(path, { signal, ...(wanted === undefined ? {} : { range: wanted }) });
      for await (const chunk of chunksOf(stream, signal)) await io.stdout.write(chunk);
    }
  });
  return undefined;
};

/** What `--range` says: from `first` to `last`, both included; or the last `suffix` bytes. */
type AskedRange = { readonly first: number; readonly last: number | undefined } | { readonly suffix: number };

/** Parses `A-B`, `A-`, `-N`, as HTTP and curl write them. https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2 */
function parseRange(text: string): AskedRange {
  const match = /^([0-9]{0,16})-([0-9]{0,16})$/.exec(text);
  const [first, last] = [match?.[1], match?.[2]].map((part) => (part ? Number(part) : undefined));
  const fail = (what = "it is not A-B, A- or -N"): never => {
    throw new CliError("ERR_CLI_RANGE", `Cannot read range ${JSON.stringify(text)}: ${what}`);
  };
  if (first === undefined) return last === undefined ? fail() : { suffix: last };
  return last !== undefined && last < first ? fail("it ends before it begins") : { first, last };
}

/** The half-open range inside a file; past its end, nothing is left. */
function rangeWithin(
  range: AskedRange,
  { size }: { readonly size: number },
): { readonly start: number; readonly end: number } {
  if ("suffix" in range) return { start: Math.max(0, size - range.suffix), end: size };
  const start = Math.min(range.first, size);
  return { start, end: Math.max(start, Math.min(size, range.last === undefined ? size : range.last + 1)) };
}
