import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";

/**
 * Operating system and processor that an image runs on.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export interface Platform {
  /** Processor, Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Operating system, Go's name: `linux`. */
  readonly os: string;
  /** Version of the operating system (Windows). */
  readonly "os.version"?: string;
  /** Features required of the operating system. */
  readonly "os.features"?: readonly string[];
  /** Variant of the processor: `v8`. */
  readonly variant?: string;
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  return `${platform.os}/${platform.architecture}${platform.variant ? `/${platform.variant}` : ""}`;
}

const COMPONENT = /^[A-Za-z0-9_.-]+$/;

/**
 * Parses `os/architecture[/variant]` and normalises it.
 *
 * @throws {OciError} `ERR_OCI_INVALID_PLATFORM`.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => !COMPONENT.test(part))) {
    throw new OciError(
      "ERR_OCI_INVALID_PLATFORM",
      `Cannot parse platform ${JSON.stringify(text.slice(0, 100))}: write it as os/architecture[/variant], such as linux/amd64`,
    );
  }
  const [os, architecture, variant] = parts as [string, string, string?];
  return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

/** One spelling for each platform, as containerd's `platforms.Normalize` has it (spec section 8.5). */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  let architecture = platform.architecture.toLowerCase();
  let variant = (platform.variant ?? "").toLowerCase();
  switch (architecture) {
    case "i386":
      architecture = "386";
      variant = "";
      break;
    case "x86_64":
    case "x86-64":
    case "amd64":
      architecture = "amd64";
      if (variant === "v1") variant = "";
      break;
    case "aarch64":
    case "arm64":
      architecture = "arm64";
      if (["8", "v8", "v8.0"].includes(variant)) variant = "";
      else if (["9", "9.0", "v9.0"].includes(variant)) variant = "v9";
      break;
    case "armhf":
      architecture = "arm";
      variant = "v7";
      break;
    case "armel":
      architecture = "arm";
      variant = "v6";
      break;
    case "arm":
      if (variant === "" || variant === "7") variant = "v7";
      else if (/^[568]$/.test(variant)) variant = `v${variant}`;
      break;
  }
  const features = platform["os.features"];
  return {
    architecture,
    os,
    ...(platform["os.version"] ? { "os.version": platform["os.version"] } : {}),
    ...(features && features.length > 0 ? { "os.features": [...new Set(features)].sort() } : {}),
    ...(variant === "" ? {} : { variant }),
  };
}

/**
 * Whether a candidate is what was asked for, as containerd's strict matcher has it (spec section 8.5): after
 * normalising, the same system, processor and variant; no feature that was not asked for; on Windows, a version that
 * runs on the one asked for.
 */
export function matchesPlatform(request: Platform, candidate: Platform): boolean {
  const wanted = normalizePlatform(request);
  const there = normalizePlatform(candidate);
  if (formatPlatform(wanted) !== formatPlatform(there)) return false;
  if (!hasFeatures(wanted, there)) return false;
  return wanted.os !== "windows" || runsOnWindows(wanted["os.version"], there["os.version"]);
}

function hasFeatures(wanted: Platform, there: Platform): boolean {
  const features = wanted["os.features"] ?? [];
  return (there["os.features"] ?? []).every(
    (feature) => features.includes(feature) || (wanted.os === "windows" && feature === "win32k"),
  );
}

/** The first build whose containers run on later hosts: Windows Server 2022. */
const WINDOWS_STABLE_ABI = 20348;
/** The build that begins the next such series: Windows Server 2025. */
const WINDOWS_NEXT_LTSC = 26100;

function runsOnWindows(host: string | undefined, image: string | undefined): boolean {
  if (!host || !image) return true;
  const wanted = windowsVersion(host);
  // A host version that does not parse restricts nothing.
  if (wanted === undefined) return true;
  const there = windowsVersion(image);
  if (there === undefined || there.major !== wanted.major || there.minor !== wanted.minor) return false;
  if (wanted.build < WINDOWS_STABLE_ABI) return there.build === wanted.build;
  const least = wanted.build > WINDOWS_NEXT_LTSC ? WINDOWS_NEXT_LTSC : WINDOWS_STABLE_ABI;
  return least <= there.build && there.build <= wanted.build;
}

function windowsVersion(
  text: string,
): { readonly major: number; readonly minor: number; readonly build: number } | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,5})(?:\.|$)/.exec(text);
  if (parts === null || Number(parts[3]) > 65535) return undefined;
  return { major: Number(parts[1]), minor: Number(parts[2]), build: Number(parts[3]) };
}

/**
 * Whether a child of an index may be an image: no artifact, and nothing whose system or processor is `unknown`, such as an
 * attestation (spec section 10.1).
 */
export function isImageChild({ artifactType, platform }: Descriptor): boolean {
  return artifactType === undefined && platform?.os !== "unknown" && platform?.architecture !== "unknown";
}

/** Whether a child of an index is an image, or leads to one, of the platform asked for, by what the index says of it. */
export function isImageOf(child: Descriptor, request: Platform): boolean {
  return isImageChild(child) && child.platform !== undefined && matchesPlatform(request, child.platform);
}

/**
 * The child of an index for a platform: the one asked for; without a request the host's, else the only one there is.
 *
 * @param request What the user named, if anything.
 * @param host What is preferred without a request.
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND`, listing the platforms there are.
 */
export function selectPlatform(
  children: readonly Descriptor[],
  request: Platform | undefined,
  host: Platform,
): Descriptor {
  const images = children.filter(isImageChild);
  const wanted = request ?? host;
  const match = images.find((child) => isImageOf(child, wanted));
  if (match !== undefined) return match;
  if (request === undefined && images.length === 1) return images[0]!;
  const there = images.map((child) => (child.platform === undefined ? "(none given)" : described(child.platform)));
  throw new OciError(
    "ERR_OCI_PLATFORM_NOT_FOUND",
    `Cannot choose a platform: the image has none for ${formatPlatform(wanted)}; it has ${there.length === 0 ? "no images" : there.join(", ")}`,
  );
}

/** A platform for a list to choose from, with what tells it from another of the same name. */
function described(platform: Platform): string {
  const more = [platform["os.version"], ...(platform["os.features"] ?? [])].filter((text) => text);
  return more.length === 0 ? formatPlatform(platform) : `${formatPlatform(platform)} (${more.join(", ")})`;
}
