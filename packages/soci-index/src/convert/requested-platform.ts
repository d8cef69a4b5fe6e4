import { matchesPlatform, normalizePlatform, OciError, type Platform } from "@socikit/oci";

/** Go's systems and processors: what a name of one part is looked for in. */
const SYSTEMS: ReadonlySet<string> = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const PROCESSORS: ReadonlySet<string> = new Set(
  `386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le
  ppc riscv riscv64 s390 s390x sparc sparc64 wasm`.split(/\s+/),
);

const COMPONENT = /^[A-Za-z0-9_.-]+$/;
const SYSTEM = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)((?:\+[A-Za-z0-9_.-]+)*)\))?$/;

/**
 * Parses `os[(version+feature…)][/architecture[/variant]]` as the reference does (spec section 8.5). Unlike what is
 * compared, what is asked for is not normalised to its end: `linux/arm64/v8` keeps its variant, since a converted image
 * has the platform beside its SOCI index as it was asked for.
 *
 * @param host Completes a name that is a system or a processor alone.
 * @throws {OciError} `ERR_OCI_INVALID_PLATFORM`, in the reference's words.
 */
export function parseRequestedPlatform(text: string, host: Platform): Platform {
  const fail = (what: string): never => {
    const shown = JSON.stringify(text.slice(0, 100));
    throw new OciError(
      "ERR_OCI_INVALID_PLATFORM",
      `Cannot parse platform ${text.slice(0, 100)}: ${what.replace("%", shown)}`,
    );
  };
  if (text.includes("*")) return fail("%: wildcards not yet supported: invalid argument");
  const parts = text.split("/");
  if (parts.length > 3) return fail("%: cannot parse platform specifier: invalid argument");
  const [first = "", architecture, variant] = parts;
  const bad = parts.find((part, i) => !(i === 0 ? SYSTEM : COMPONENT).test(part));
  if (bad !== undefined)
    return fail(
      `${JSON.stringify(bad)} is an invalid component of %: platform specifier component must match "${COMPONENT.source}": invalid argument`,
    );
  const system = SYSTEM.exec(first);
  const os = normalizePlatform({ os: system?.[1] ?? "", architecture: "" }).os;
  const features = (system?.[3] ?? "").split("+").filter((feature) => feature !== "");
  const more = {
    ...(system?.[2] ? { "os.version": system[2] } : {}),
    ...(features.length > 0 ? { "os.features": features } : {}),
  };
  if (architecture !== undefined) return { ...processorOf(architecture, variant), os, ...more };
  if (SYSTEMS.has(os)) return { architecture: host.architecture, os, ...more, ...variantOf(host) };
  const alone = processorOf(first, undefined);
  if (PROCESSORS.has(alone.architecture)) return { ...alone, os: host.os };
  return fail("%: unknown operating system or architecture: invalid argument");
}

function processorOf(name: string, given: string | undefined): Pick<Platform, "architecture" | "variant"> {
  const { architecture, variant = "" } = normalizePlatform({
    os: "linux",
    architecture: name,
    ...(given === undefined ? {} : { variant: given }),
  });
  const kept =
    given === undefined && architecture === "arm" && variant === "v7"
      ? ""
      : given !== undefined && architecture === "arm64" && variant === ""
        ? "v8"
        : variant;
  return { architecture, ...(kept === "" ? {} : { variant: kept }) };
}

/** The variant of an older ARM host; that of others goes without saying. */
function variantOf({ architecture, variant }: Platform): Pick<Platform, "variant"> {
  return architecture === "arm" && variant !== undefined && variant !== "v7" ? { variant } : {};
}

/** The platform that is asked for where nobody asks: the host's, with the variant that containerd says of it. */
export function defaultPlatform(host: Platform): Platform {
  if (host.variant !== undefined) return host;
  if (host.architecture === "arm64") return { ...host, variant: "v8" };
  return host.architecture === "arm" ? { ...host, variant: "v7" } : host;
}

/** Less those that an earlier one asks for already. */
export function distinctPlatforms(platforms: readonly Platform[]): readonly Platform[] {
  const distinct: Platform[] = [];
  for (const platform of platforms)
    if (!distinct.some((earlier) => matchesPlatform(earlier, platform))) distinct.push(platform);
  return distinct;
}
