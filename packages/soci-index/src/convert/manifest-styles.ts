import {
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
  type Platform,
} from "@socikit/oci";

/** How tools write manifests that say the same. */
export interface ManifestStyle {
  /** Of OCI's media types, of OCI's without saying so, or of Docker's. */
  readonly types: "oci" | "untyped" | "docker";
  /** Members of a descriptor: digest before size (OCI's own types in Go), or size before digest (Docker's, go-containerregistry's). */
  readonly order: "digest-first" | "size-first";
  /** What each level is indented by; none in one line. */
  readonly indent: string;
  /** Whether a line ends the text. */
  readonly newline: boolean;
  /** Whether `<`, `>` and `&` are escaped, as Go does it. */
  readonly escapes: boolean;
}

const style = (
  types: ManifestStyle["types"],
  order: ManifestStyle["order"],
  indent: string,
  newline = false,
  escapes = true,
): ManifestStyle => ({ types, order, indent, newline, escapes });

/** How the tools in use write, the most used first. */
export const KNOWN_STYLES: readonly ManifestStyle[] = [
  // BuildKit.
  style("oci", "digest-first", "  "),
  // containerd, buildah, podman, skopeo.
  style("oci", "digest-first", ""),
  // Docker's engine.
  style("docker", "size-first", "   "),
  // go-containerregistry (crane, ko, kaniko, apko); buildah and skopeo where they write Docker's types.
  style("docker", "size-first", ""),
  style("oci", "size-first", ""),
  // BuildKit and containerd where they write Docker's types.
  style("docker", "digest-first", "  "),
  style("docker", "digest-first", ""),
  // umoci, through Go's encoder, which ends with a line.
  style("untyped", "digest-first", "", true),
  style("untyped", "digest-first", ""),
  // rules_oci, and others that go through jq.
  style("oci", "digest-first", "  ", true),
];

/** Every style there is, the known ones first. */
export const ALL_STYLES: readonly ManifestStyle[] = allStyles();

function allStyles(): ManifestStyle[] {
  const styles = [...KNOWN_STYLES];
  for (const indent of ["", "  ", "   ", "    ", " ", "\t"])
    for (const types of ["oci", "docker", "untyped"] as const)
      for (const order of ["digest-first", "size-first"] as const)
        for (const newline of [false, true])
          for (const escapes of [true, false]) styles.push(style(types, order, indent, newline, escapes));
  const seen = new Set<string>();
  return styles.filter((one) => {
    const key = JSON.stringify(one);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The manifest's media type in a style. */
export function manifestTypeIn({ types }: ManifestStyle): string {
  return types === "docker" ? DOCKER_MANIFEST : OCI_MANIFEST;
}

/** The index's media type in a style. */
export function indexTypeIn({ types }: ManifestStyle): string {
  return types === "docker" ? DOCKER_MANIFEST_LIST : OCI_INDEX;
}

/** A manifest in a style: media types of manifest and config are the style's, the rest is as given. */
export function writeManifest(manifest: ImageManifest, styled: ManifestStyle): Uint8Array {
  const { artifactType, config, layers, subject, annotations } = manifest;
  const configType = config.mediaType === OCI_CONFIG && styled.types === "docker" ? DOCKER_CONFIG : config.mediaType;
  const tail = { subject: subject && descriptorJson(subject, styled), annotations: sorted(annotations) };
  return textOf(
    {
      schemaVersion: 2,
      mediaType: styled.types === "untyped" ? undefined : manifestTypeIn(styled),
      artifactType,
      config: descriptorJson({ ...config, mediaType: configType }, styled),
      layers: layers.map((layer) => descriptorJson(layer, styled)),
      ...(styled.order === "digest-first" ? tail : { annotations: tail.annotations, subject: tail.subject }),
    },
    styled,
  );
}

/** An index in a style: its media type is the style's, children are as given. */
export function writeIndex(index: ImageIndex, styled: ManifestStyle): Uint8Array {
  const { artifactType, manifests, subject, annotations } = index;
  const tail = { subject: subject && descriptorJson(subject, styled), annotations: sorted(annotations) };
  return textOf(
    {
      schemaVersion: 2,
      mediaType: styled.types === "untyped" ? undefined : indexTypeIn(styled),
      artifactType,
      manifests: manifests.map((child) => descriptorJson(child, styled)),
      ...(styled.order === "digest-first" ? tail : { annotations: tail.annotations, subject: tail.subject }),
    },
    styled,
  );
}

function descriptorJson(descriptor: Descriptor, { order }: ManifestStyle): object {
  const { mediaType, digest, size, urls, annotations, data, platform, artifactType } = descriptor;
  const rest = { annotations: sorted(annotations), platform: platform && platformJson(platform), artifactType };
  if (order === "digest-first") return { mediaType, digest, size, urls, ...withData(rest, data) };
  return { mediaType, size, digest, data, urls, ...rest };
}

/** `data` stands behind the annotations in OCI's own types. */
function withData(
  { annotations, ...rest }: { readonly annotations: object | undefined },
  data: string | undefined,
): object {
  return { annotations, data, ...rest };
}

function platformJson(platform: Platform): object {
  const { architecture, os, "os.version": version, "os.features": features, variant } = platform;
  return { architecture, os, "os.version": version, "os.features": features, variant };
}

/** Members in the order in which all of these tools write maps. */
function sorted(map: Readonly<Record<string, string>> | undefined): object | undefined {
  const keys = Object.keys(map ?? {}).sort();
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, map![key]]));
}

function textOf(value: object, { indent, newline, escapes }: ManifestStyle): Uint8Array {
  const text = JSON.stringify(value, undefined, indent);
  const escaped = escapes
    ? text.replaceAll(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : text;
  return new TextEncoder().encode(newline ? `${escaped}\n` : escaped);
}
