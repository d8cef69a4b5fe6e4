import { layerCompression, printable } from "@socikit/oci";
import { loadInflate } from "@socikit/inflate";
import { buildZtoc, DEFAULT_SPAN_SIZE } from "@socikit/ztoc/build";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import { locatedError } from "../located-error.ts";
import { peek } from "../peek.ts";

/** Compressions that a zTOC can be of. */
type Indexable = "gzip" | "uncompressed";

/** `socikit ztoc build` */
export const ztocBuild: CommandRun = async (invocation, io) => {
  const layer = invocation.argument("LAYER");
  const output = invocation.text("output");
  const spanSize = invocation.bytes("span-size");
  const mediaType = invocation.text("media-type");
  const given = mediaType === undefined ? undefined : compressionOf(mediaType);
  const input = await peek(layer === "-" ? io.stdin : io.files.stream(layer), HEADER_SIZE).catch((error: unknown) => {
    throw locatedError(error, nameOf(layer));
  });
  const compression = given ?? detectCompression(input.head, layer);
  if (compression === "uncompressed" && given === undefined && !looksLikeTar(input.head))
    throw new CliError("ERR_CLI_COMPRESSION", `Cannot index ${nameOf(layer)}: it is neither gzip nor tar`, {
      hint: "to take it as it is: --media-type application/vnd.oci.image.layer.v1.tar",
    });
  const build = await buildZtoc(input.chunks, {
    compression,
    inflate: await loadInflate(),
    signal: io.signal,
    ...(spanSize === undefined ? {} : { spanSize }),
  }).catch((error: unknown) => {
    throw locatedError(error, nameOf(layer));
  });
  const warnings = build.warnings.map((warning) => warning.message);
  for (const warning of warnings) await io.stderr.write(`${printable(`${nameOf(layer)}: ${warning}`)}\n`);
  io.signal.throwIfAborted();
  if (output !== undefined && output !== "-") await io.files.replace(output, build.bytes);
  if (output === "-") {
    await io.stdout.write(build.bytes);
    // Standard output is the zTOC's.
    await io.stderr.write(`${build.digest}\n`);
  } else if (invocation.flag("json")) {
    const report = {
      digest: build.digest,
      size: build.bytes.length,
      span_size: spanSize ?? DEFAULT_SPAN_SIZE,
      warnings,
      ...(output === undefined ? {} : { output }),
    };
    await io.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  } else {
    await io.stdout.write(`${build.digest}\n`);
  }
  return undefined;
};

/** A tar header. */
const HEADER_SIZE = 512;

function nameOf(layer: string): string {
  return layer === "-" ? "standard input" : layer;
}

function compressionOf(mediaType: string): Indexable {
  const compression = layerCompression(mediaType);
  if (compression === undefined || compression === "zstd")
    throw new CliError(
      "ERR_CLI_COMPRESSION",
      `Cannot index a layer of type ${JSON.stringify(mediaType)}: ${compression === "zstd" ? "zstd has no checkpoints in a zTOC" : "it is not a layer's, or of a compression that is not known"}`,
      { hint: "--media-type application/vnd.oci.image.layer.v1.tar+gzip, or without +gzip for plain tar" },
    );
  return compression;
}

function detectCompression(head: Uint8Array, layer: string): Indexable {
  const startsWith = (...magic: number[]): boolean => magic.every((byte, i) => head[i] === byte);
  // https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1
  if (startsWith(0x1f, 0x8b)) return "gzip";
  const other = startsWith(0x28, 0xb5, 0x2f, 0xfd)
    ? "zstd"
    : startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a)
      ? "xz"
      : startsWith(0x42, 0x5a, 0x68)
        ? "bzip2"
        : undefined;
  if (other !== undefined)
    throw new CliError("ERR_CLI_COMPRESSION", `Cannot index ${nameOf(layer)}: it is ${other}, which has no zTOC`, {
      hint: "pack the layer with gzip",
    });
  return "uncompressed";
}

/** ustar's mark, or a first header whose old-style checksum field is there, or an archive of nothing. */
function looksLikeTar(head: Uint8Array): boolean {
  const latin1 = String.fromCharCode(...head.subarray(0, 512));
  return head.length >= 512 && (latin1.slice(257, 262) === "ustar" || /^[0-7 \0]{8}$/.test(latin1.slice(148, 156)));
}
