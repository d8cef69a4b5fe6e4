import { blobSource, bytesSource, digestOf, type BlobSource } from "@socikit/oci";
import { expect, test } from "vitest";
import { noise } from "../testing/store-cases.ts";
import { checkedChunks } from "./checked-chunks.ts";

const OCTETS = "application/octet-stream";

/** One blob, whose source is closed as often as it is opened. */
function content(source: BlobSource) {
  const state = { open: 0 };
  return {
    state,
    async open(): Promise<BlobSource> {
      state.open++;
      return { ...source, close: async () => void state.open-- };
    },
    stream: async () => new Blob([(await source.read(0, source.size)).slice()]).stream() as ReadableStream<Uint8Array>,
  };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = [];
  for await (const chunk of chunks) copies.push(chunk.slice());
  return Buffer.concat(copies);
}

const sources = [
  ["that fills buffers", bytesSource],
  ["that does not", (bytes: Uint8Array) => blobSource(new Blob([bytes.slice()]))],
] as const;

test.for(sources)("checkedChunks() of a source %s gives the blob and closes it", async ([, open]) => {
  for (const size of [0, 1, 524_288, 524_289, 1_400_000]) {
    const bytes = noise(size, 3);
    const from = content(open(bytes));
    const blob = { mediaType: OCTETS, digest: digestOf(bytes), size };
    expect(Buffer.compare(await collect(checkedChunks(from, blob, {})), bytes), `${size} bytes`).toBe(0);
    expect(from.state.open).toBe(0);
  }
});

test.for(sources)("checkedChunks() of a source %s gives all the bytes of nothing else", async ([, open]) => {
  const bytes = noise(1_400_000, 4);
  const blob = { mediaType: OCTETS, digest: digestOf(noise(1, 1)), size: bytes.length };
  for (const [expected, code] of [
    [blob, "ERR_OCI_DIGEST_MISMATCH"],
    [{ ...blob, size: blob.size + 1 }, "ERR_OCI_SIZE_MISMATCH"],
  ] as const) {
    const from = content(open(bytes));
    let came = 0;
    const run = async (): Promise<void> => {
      for await (const chunk of checkedChunks(from, expected, {})) came += chunk.length;
    };
    await expect(run()).rejects.toMatchObject({ code });
    expect(came).toBeLessThan(expected.size);
    expect(from.state.open).toBe(0);
  }
});
