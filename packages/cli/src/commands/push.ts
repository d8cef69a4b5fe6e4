import {
  chooseImages,
  copyImage,
  formatPlatform,
  isNotFound,
  parsePlatform,
  printable,
  type ChosenImage,
  type Descriptor,
  type Digest,
  type Platform,
  type ReadOptions,
} from "@socikit/oci";
import { SOCI_INDEX_V1 } from "@socikit/soci-index";
import type { CataloguedIndex, LocalStore } from "@socikit/soci-index/node";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import type { CliIo } from "../io.ts";
import type { Invocation } from "../invocation.ts";
import { openStore, storeRoot } from "../local-store.ts";
import { parseLocation, type Location } from "../location.ts";
import { locationOpener, type ImageStore } from "../open-location.ts";
import { parseByteCount } from "../parse-byte-count.ts";
import { newestFirst } from "./index-list.ts";

/** What is done where the registry has an index already. */
const EXISTING = ["warn", "skip", "allow"] as const;
type Existing = (typeof EXISTING)[number];

const DEFAULT_UPLOADS = 3;

interface Pushing {
  readonly store: LocalStore;
  readonly target: ImageStore;
  readonly existing: Existing;
  readonly uploads: number;
  readonly options: ReadOptions;
  /** Prints a result line. */
  readonly say: (line: string) => Promise<void>;
  /** Prints a warning. */
  readonly warn: (line: string) => Promise<void>;
}

interface Pushed {
  readonly platform?: Platform;
  readonly manifest: Descriptor;
  readonly index: CataloguedIndex;
  readonly outcome: "pushed" | "present" | "skipped";
  /** Indexes that the registry had. */
  readonly existing: readonly Digest[];
}

/** `socikit push` */
export const push: CommandRun = async (invocation, io) => {
  const location = parseLocation(invocation.argument("REF"));
  const existing = existingOf(invocation);
  const uploads = uploadsOf(invocation);
  const quiet = invocation.flag("quiet");
  const json = invocation.flag("json");
  const line = (text: string): string => `${printable(text)}\n`;
  const say = async (text: string): Promise<void> => {
    if (!quiet && !json) await io.stdout.write(line(text));
  };
  const warn = async (text: string): Promise<void> => {
    if (!quiet) await io.stderr.write(line(`[WARN] ${text}`));
  };
  const opener = locationOpener(io, {
    plainHttp: invocation.flag("plain-http"),
    debug: invocation.debug,
    user: userOf(invocation, location),
    ...(quiet ? {} : { note: (text: string) => void io.stderr.write(line(text)) }),
  });
  try {
    const { store: image, target } = await opener.open(location);
    const { images } = await chooseImages(image, target, choiceOf(invocation, io), { signal: io.signal });
    const store = await openStore(invocation, io);
    const chosen = await chooseIndexes(store, images, { warn, root: storeRoot(invocation, io) });
    const to = await opener.openStore(location);
    const pushed: Pushed[] = [];
    for (const [i, index] of chosen.entries()) {
      // `store` is there where it has indexes.
      const pushing = { store: store!, target: to.store, existing, uploads, options: { signal: io.signal }, say, warn };
      // One after the other: registries without a referrers API keep a list, which two writers would take from each other.
      const result = await pushIndex(pushing, images[i]!, index);
      if (quiet && !json && result.outcome !== "skipped") await io.stdout.write(`${index.digest}\n`);
      pushed.push(result);
    }
    await to.commit();
    if (json) await io.stdout.write(`${JSON.stringify(resultJson(pushed, to.text), undefined, 2)}\n`);
  } finally {
    await opener.close();
  }
  return undefined;
};

function existingOf(invocation: Invocation): Existing {
  const value = invocation.text("existing-index") ?? "warn";
  const known = EXISTING.find((each) => each === value);
  if (known === undefined)
    throw new CliError(
      "ERR_CLI_OPTION_VALUE",
      `Cannot run push: unexpected value for flag existing-index: ${value}, expected types [${EXISTING.join(" ")}]`,
      { hint: "--existing-index skip" },
    );
  return known;
}

function uploadsOf(invocation: Invocation): number {
  const text = invocation.text("max-concurrent-uploads");
  if (text === undefined) return DEFAULT_UPLOADS;
  const uploads = parseByteCount(text);
  if (uploads === undefined || /[a-z]$/i.test(text))
    throw new CliError("ERR_CLI_OPTION_VALUE", `Cannot run push: ${JSON.stringify(text)} is not a number of uploads`, {
      hint: "--max-concurrent-uploads 3",
    });
  // As the reference takes them; above, one upload would wait for the other's sockets.
  return uploads === 0 ? DEFAULT_UPLOADS : Math.min(uploads, 64);
}

/** `--user name[:password]`, for the registry that is pushed to and no other. */
function userOf(
  invocation: Invocation,
  location: Location,
): { readonly registry: string; readonly username: string; readonly password: string } | undefined {
  const user = invocation.text("user");
  if (user === undefined || location.kind !== "registry") return undefined;
  const colon = user.indexOf(":");
  const [username, password] = colon > 0 ? [user.slice(0, colon), user.slice(colon + 1)] : [user, ""];
  return { registry: location.reference.registry, username, password };
}

function choiceOf(invocation: Invocation, io: CliIo): Parameters<typeof chooseImages>[2] {
  const hostPlatform: Platform = { os: "linux", architecture: io.architecture };
  const platforms = invocation.texts("platform").map((text) => parsePlatform(text));
  if (invocation.flag("all-platforms")) return { hostPlatform, platforms: "all" };
  return { hostPlatform, ...(platforms.length === 0 ? {} : { platforms }) };
}

/** The newest v1 index of each image, before any is pushed. */
async function chooseIndexes(
  store: LocalStore | undefined,
  images: readonly ChosenImage[],
  { warn, root }: { readonly warn: Pushing["warn"]; readonly root: string },
): Promise<readonly CataloguedIndex[]> {
  const all = newestFirst((await store?.catalogue())?.indexes ?? []);
  const chosen: CataloguedIndex[] = [];
  for (const { descriptor, platform } of images) {
    const indexes = all.filter(({ manifest }) => manifest === descriptor.digest);
    if (indexes.some(({ version }) => version === "v2"))
      // Spelled as the reference spells it.
      await warn(
        "Skippping SOCI index manifest v2. You should push the whole image with higher level tools like finch or nerdctl.",
      );
    const index = indexes.find(({ version }) => version === "v1");
    if (index === undefined) {
      const of = platform === undefined ? descriptor.digest : `platform ${formatPlatform(platform)}`;
      throw new CliError(
        "ERR_CLI_NOT_INDEXED",
        `Cannot push: could not find any soci index manifest v1 to push for ${of} in ${root}`,
      );
    }
    chosen.push(index);
  }
  return chosen;
}

async function pushIndex(pushing: Pushing, image: ChosenImage, index: CataloguedIndex): Promise<Pushed> {
  const { target, existing, options, say, warn } = pushing;
  const { descriptor: manifest, platform } = image;
  const result = (outcome: Pushed["outcome"], found: readonly Digest[]): Pushed => ({
    manifest,
    index,
    outcome,
    existing: found,
    ...(platform === undefined ? {} : { platform }),
  });
  let found: readonly Digest[] = [];
  if (existing !== "allow") {
    await say("checking if a soci index already exists in remote repository...");
    found = await indexesOf(target, manifest.digest, options);
    const told =
      found.length > 1
        ? "multiple soci indices found in remote repository"
        : `soci index found in remote repository with digest: ${found[0]}`;
    if (found.length > 0 && existing === "skip") {
      await say(`${told}: skipping pushing artifacts for image manifest: ${manifest.digest}`);
      return result("skipped", found);
    }
    if (found.length > 0 && !found.includes(index.digest)) await warn(`${told}: pushing index anyway`);
  }
  await say(`pushing soci index with digest: ${index.digest}`);
  if (await isThere(target, index.digest, manifest.digest, found, options)) {
    await say(`skipped artifact with digest: ${index.digest}`);
    return result("present", found);
  }
  // It is what the index refers to, and was found there.
  await say(`skipped artifact with digest: ${manifest.digest}`);
  await pushGraph(pushing, index.digest);
  return result("pushed", found);
}

async function indexesOf(target: ImageStore, image: Digest, options: ReadOptions): Promise<readonly Digest[]> {
  const found: Digest[] = [];
  for await (const { digest, artifactType } of target.referrers(image, { ...options, artifactType: SOCI_INDEX_V1 }))
    if (artifactType === SOCI_INDEX_V1) found.push(digest);
  return found;
}

/** Whether the index is there, and is found as what refers to the image: one that no list has is pushed again. */
async function isThere(
  target: ImageStore,
  index: Digest,
  image: Digest,
  found: readonly Digest[],
  options: ReadOptions,
): Promise<boolean> {
  try {
    await target.resolve(index, options);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return false;
  }
  return found.includes(index) || (await indexesOf(target, image, options)).includes(index);
}

/** Copies the index after what it names, and tells as the reference does. */
async function pushGraph({ store, target, uploads, options, say }: Pushing, index: Digest): Promise<void> {
  const lines: Promise<void>[] = [];
  const tell = (text: string): void => void lines.push(say(text));
  const copied = await copyImage(store.layout, target, index, {
    signal: options.signal,
    concurrency: uploads,
    onEvent(event) {
      if (event.type === "blob-started") tell(`pushing artifact with digest: ${event.digest}`);
      if (event.type === "blob-copied") tell(`successfully pushed artifact with digest: ${event.digest}`);
      if (event.type === "blob-skipped") tell(`skipped artifact with digest: ${event.digest}`);
      if (event.type === "manifest-copied") tell(`pushing artifact with digest: ${event.descriptor.digest}`);
    },
  });
  await Promise.all(lines);
  await say(`successfully pushed artifact with digest: ${copied.digest}`);
}

function resultJson(pushed: readonly Pushed[], location: string): unknown {
  return {
    location,
    indexes: pushed.map(({ platform, manifest, index, outcome, existing }) => ({
      ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
      manifest: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size },
      index: { digest: index.digest, size: index.size },
      outcome,
      existing,
    })),
  };
}
