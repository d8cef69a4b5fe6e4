import { openImage, type LazyImage } from "@socikit/lazy-reader";
import { isDigest, parsePlatform } from "@socikit/oci";
import { loadInflate } from "@socikit/inflate";
import { describeTrace, type DiscoveryEvent } from "@socikit/soci-index";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import type { Invocation } from "./invocation.ts";
import { locatedError } from "./located-error.ts";
import { formatLocation, parseLocation } from "./location.ts";
import { locationOpener } from "./open-location.ts";
import { progressOf } from "./progress.ts";

/** Bytes of a layer that is fetched whole before it is shown. */
const SHOWN_FROM = 1024 * 1024;

/**
 * Opens the image that the argument `REF` names, for reading, does something with it, and closes it. What takes long
 * while it is opened (layers without a zTOC are fetched whole) is shown on stderr, and with `--trace` how its index was looked
 * for.
 *
 * @param options `keepsTrace`: `use` shows it, which gets it in any case; stderr does where the image cannot be opened, or `use` fails.
 */
export async function withImage(
  invocation: Invocation,
  io: CliIo,
  use: (image: LazyImage, trace: readonly DiscoveryEvent[]) => Promise<void>,
  { keepsTrace = false }: { readonly keepsTrace?: boolean } = {},
): Promise<void> {
  const location = parseLocation(invocation.argument("REF"));
  const platform = invocation.text("platform");
  const request = platform === undefined ? undefined : parsePlatform(platform);
  const indexDigest = invocation.text("index");
  if (indexDigest !== undefined && !isDigest(indexDigest))
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      `Cannot read by index ${JSON.stringify(indexDigest)}: it is not a digest`,
      {
        hint: "--index sha256:... as socikit create prints it",
      },
    );
  const reference = formatLocation(location);
  let lacksIndex = false;
  const trace: DiscoveryEvent[] = [];
  const progress = progressOf(io, { debug: invocation.debug });
  const opener = locationOpener(io, {
    plainHttp: invocation.flag("plain-http"),
    debug: invocation.debug,
    note: (line) => progress.note(line),
  });
  const showTrace = (): void => {
    // A list of referrers answers when it has ended, after what was found in it: the lines are put in order together.
    if (invocation.flag("trace")) for (const line of describeTrace(trace)) progress.note(line);
  };
  try {
    const { store, target } = await opener.open(location);
    const opening = openImage({ image: store, inflate: await loadInflate() }, target, {
      signal: io.signal,
      hostPlatform: { os: "linux", architecture: io.architecture },
      ...(request === undefined ? {} : { platform: request }),
      ...(indexDigest === undefined ? {} : { indexDigest }),
      onEvent: (event) => {
        if (event.type === "index-rejected")
          progress.note(`SOCI index ${event.index} is passed over: ${event.message}`);
        if (event.type === "discovery") trace.push(event);
        // The trace says so too.
        if (event.type === "discovery" && event.outcome === "rejected" && !invocation.flag("trace"))
          progress.note(`A referrer is passed over: ${event.message}`);
        if (event.type === "index-missing") lacksIndex = true;
        // Layers without a zTOC are small, most of them: only what takes a while is worth a row.
        if (event.type === "layer-progress" && event.bytes >= SHOWN_FROM) {
          if (lacksIndex)
            progress.note(
              `${reference} has no SOCI index: layers are fetched whole; socikit create ${reference} makes one`,
            );
          lacksIndex = false;
          progress.begin(event.layer, `fetching ${event.layer.slice(0, 19)}`);
          progress.advance(event.layer, event.bytes);
        }
        if (event.type === "layer-opened") progress.end(event.layer);
      },
    });
    const image = await opening.catch((error: unknown) => {
      showTrace();
      throw error;
    });
    if (!keepsTrace) showTrace();
    const { refusedEntries } = image;
    if (refusedEntries > 0)
      progress.note(
        refusedEntries === 1
          ? "1 entry is not shown: no file can be what it says"
          : `${refusedEntries} entries are not shown: no files can be what they say`,
      );
    progress.close();
    try {
      await use(image, trace);
    } catch (error) {
      if (keepsTrace) showTrace();
      throw error;
    } finally {
      await image.close();
    }
  } catch (error) {
    // Registries name what they were asked for; what reads bytes knows neither the image nor where it is.
    throw (error as { readonly name?: unknown }).name === "RegistryError" ? error : locatedError(error, reference);
  } finally {
    progress.close();
    await opener.close();
  }
}
