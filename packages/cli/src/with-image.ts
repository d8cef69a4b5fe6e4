import { openImage, type LazyImage } from "@socikit/lazy-reader";
import { parsePlatform } from "@socikit/oci";
import { loadInflate } from "@socikit/inflate";
import { coloursFor, wantsColours } from "./colours.ts";
import type { CliIo } from "./io.ts";
import type { Invocation } from "./invocation.ts";
import { parseLocation } from "./location.ts";
import { locationOpener } from "./open-location.ts";
import { createProgress } from "./progress.ts";

/** Bytes of a layer that is fetched whole before it is shown. */
const SHOWN_FROM = 1024 * 1024;

/**
 * Opens the image that the argument `REF` names, for reading, does something with it, and closes it. What takes long
 * while it is opened (layers without a zTOC are fetched whole) is shown on stderr.
 */
export async function withImage(
  invocation: Invocation,
  io: CliIo,
  use: (image: LazyImage) => Promise<void>,
): Promise<void> {
  const location = parseLocation(invocation.argument("REF"));
  const platform = invocation.text("platform");
  const request = platform === undefined ? undefined : parsePlatform(platform);
  const opener = locationOpener(io, { plainHttp: invocation.flag("plain-http"), debug: invocation.debug });
  const colours = coloursFor(wantsColours(io.stderr.isTTY, io.env));
  const progress = createProgress({
    stream: io.stderr,
    colours,
    now: io.now,
    ...(invocation.debug ? { mode: "lines" } : {}),
  });
  try {
    const { store, target } = await opener.open(location);
    const image = await openImage({ image: store, inflate: await loadInflate() }, target, {
      signal: io.signal,
      hostPlatform: { os: "linux", architecture: io.architecture },
      ...(request === undefined ? {} : { platform: request }),
      onEvent: (event) => {
        // Layers without a zTOC are small, most of them: only what takes a while is worth a row.
        if (event.type === "layer-progress" && event.bytes >= SHOWN_FROM) {
          progress.begin(event.layer, `fetching ${event.layer.slice(0, 19)}`);
          progress.advance(event.layer, event.bytes);
        }
        if (event.type === "layer-opened") progress.end(event.layer);
      },
    });
    progress.close();
    try {
      await use(image);
    } finally {
      await image.close();
    }
  } finally {
    progress.close();
    await opener.close();
  }
}
