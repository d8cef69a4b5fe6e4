/** Random OCI layouts: images in every form that tools write, indexes of them, and arguments of `convert`. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker";
const OCI_MANIFEST = `${OCI}.manifest.v1+json`;
const OCI_INDEX = `${OCI}.index.v1+json`;
const DOCKER_MANIFEST = `${DOCKER}.distribution.manifest.v2+json`;
const DOCKER_LIST = `${DOCKER}.distribution.manifest.list.v2+json`;

const PLATFORMS = [
  { architecture: "amd64", os: "linux" },
  { architecture: "amd64", os: "linux" },
  { architecture: "arm64", os: "linux" },
  { architecture: "arm64", os: "linux", variant: "v8" },
  { architecture: "x86_64", os: "Linux" },
  { architecture: "amd64", os: "linux", variant: "v2" },
  { architecture: "arm", os: "linux" },
  { architecture: "arm", os: "linux", variant: "v7" },
  { architecture: "arm", os: "linux", variant: "v6" },
  { architecture: "riscv64", os: "linux" },
  { architecture: "unknown", os: "unknown" },
  { architecture: "amd64", os: "windows" },
  { architecture: "amd64", os: "windows", "os.version": "10.0.17763.1" },
  { architecture: "amd64", os: "windows", "os.version": "10.0.20348.1" },
  { architecture: "amd64", os: "windows", "os.version": "10.0.26100.1" },
  { architecture: "amd64", os: "windows", "os.version": "10.0.20348.1", "os.features": ["win32k"] },
  { architecture: "amd64", os: "linux", "os.features": ["b", "a"] },
];

const REQUESTS = [
  "linux/amd64",
  "linux/arm64",
  "linux/arm64/v8",
  "linux/arm",
  "linux/arm/v6",
  "linux/amd64/v2",
  "windows/amd64",
  "windows(10.0.20348.5)/amd64",
  "windows(10.0.26100.5)/amd64",
  "linux(+a+b)/amd64",
  "linux/riscv64",
  "amd64",
  "arm64",
  "linux",
  "linux/x86-64",
  "unknown/unknown",
];

/** A layer of one file of some bytes, as a tar. */
function tarOf(name, size) {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0" + "0000000\0".repeat(2), 100);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0        0", 136);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const content = Buffer.alloc(Math.ceil(size / 512) * 512);
  for (let i = 0; i < size; i++) content[i] = (i * 7 + name.length) % 251;
  return Buffer.concat([header, content, Buffer.alloc(1024)]);
}

const TARS = ["a", "bb", "ccc"].map((name, i) => tarOf(name, 700 * (i + 1)));
const LAYERS = [
  [`${OCI}.layer.v1.tar+gzip`, gzipSync(TARS[0])],
  [`${OCI}.layer.v1.tar+gzip`, gzipSync(TARS[1])],
  [`${DOCKER}.image.rootfs.diff.tar.gzip`, gzipSync(TARS[2])],
  [`${OCI}.layer.v1.tar`, TARS[0]],
  [`${DOCKER}.image.rootfs.diff.tar`, TARS[1]],
  [`${OCI}.layer.v1.tar+zstd`, Buffer.from("not looked into")],
  [`${OCI}.layer.nondistributable.v1.tar+gzip`, gzipSync(TARS[2])],
  ["application/vnd.amazon.soci.prefetch.v1+json", Buffer.from("{}")],
];

/** A layout in the making: its blobs by digest. */
class Layout {
  blobs = new Map();
  /** Those that the layout's indexes name. */
  platforms = [];
  #random;

  constructor(random) {
    this.#random = random;
  }

  put(mediaType, bytes) {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** JSON as one tool or another writes it. */
  document(mediaType, value) {
    const random = this.#random;
    const indent = random.pick([undefined, undefined, 2, 3, "\t"]);
    const text = JSON.stringify(value, undefined, indent) + (random.chance(0.1) ? "\n" : "");
    return this.put(mediaType, Buffer.from(text));
  }

  annotations(chance) {
    const random = this.#random;
    if (!random.chance(chance)) return {};
    if (random.chance(0.1)) return { annotations: random.pick([null, {}]) };
    const entries = Array.from({ length: 1 + random.below(3) }, () => [
      random.pick([
        "a",
        "B",
        "é",
        "\u{1f426}",
        "\uffee",
        "<k>",
        "org.opencontainers.image.ref.name",
        "vnd.docker.reference.type",
      ]),
      random.pick(["", "v", "<&>", "\u2028", "attestation-manifest", '"\\\n\u0001']),
    ]);
    return { annotations: Object.fromEntries(entries) };
  }

  config(platform, mediaType) {
    const { architecture, os, ...more } = platform;
    const random = this.#random;
    return this.document(mediaType, {
      ...(random.chance(0.03) ? {} : { architecture }),
      ...(random.chance(0.03) ? {} : { os }),
      ...more,
      n: random.below(1000),
      rootfs: { type: "layers", diff_ids: [] },
    });
  }

  manifest(platform) {
    const random = this.#random;
    const isDocker = random.chance(0.25);
    const isArtifact = random.chance(0.08);
    const type = isDocker ? DOCKER_MANIFEST : OCI_MANIFEST;
    const configType = isArtifact
      ? "application/vnd.example+json"
      : isDocker
        ? `${DOCKER}.container.image.v1+json`
        : `${OCI}.config.v1+json`;
    const config = this.config(platform, configType);
    const layers = Array.from({ length: random.below(4) + (random.chance(0.9) ? 1 : 0) }, () => {
      const layer = random.chance(0.01) ? ["text/plain", Buffer.from("x")] : random.pick(LAYERS);
      return {
        ...this.put(...layer),
        ...this.annotations(0.1),
        ...(random.chance(0.05) ? { urls: ["https://x/?a&b"] } : {}),
      };
    });
    const embedded = random.chance(0.05) ? { data: this.blobs.get(config.digest).toString("base64") } : {};
    const value = {
      schemaVersion: 2,
      ...(random.chance(0.8) ? { mediaType: type } : {}),
      ...(random.chance(0.05) ? { artifactType: "application/vnd.thing" } : {}),
      config: { ...config, ...embedded },
      ...(layers.length === 0 && random.chance(0.5) ? (random.chance(0.5) ? { layers: null } : {}) : { layers }),
      ...this.annotations(0.2),
      ...(random.chance(0.05) ? { "x-unknown": { a: [1, 2.5] } } : {}),
    };
    return this.document(type, value);
  }

  /** A child of an index. */
  child(depth) {
    const random = this.#random;
    const platform = random.pick(PLATFORMS);
    const isNested = depth < 2 && random.chance(0.12);
    const isOther = !isNested && random.chance(0.02);
    const descriptor = isOther
      ? this.put("application/vnd.other+json", Buffer.from(`{"n":${random.below(9)}}`))
      : isNested
        ? this.index(depth + 1)
        : this.manifest(random.chance(0.9) ? platform : random.pick(PLATFORMS));
    if (random.chance(0.02)) this.blobs.delete(descriptor.digest);
    this.platforms.push(platform);
    return {
      ...descriptor,
      ...this.annotations(0.2),
      ...(random.chance(0.95) ? { platform } : {}),
      ...(random.chance(0.03) ? { urls: ["https://x/"] } : {}),
      ...(random.chance(0.03) ? { artifactType: "application/vnd.thing" } : {}),
    };
  }

  index(depth) {
    const random = this.#random;
    const type = random.chance(0.2) ? DOCKER_LIST : OCI_INDEX;
    const manifests = Array.from({ length: 1 + random.below(4) }, () => this.child(depth));
    if (random.chance(0.1)) manifests.push(random.pick(manifests));
    return this.document(type, {
      schemaVersion: 2,
      ...(random.chance(0.8) ? { mediaType: type } : {}),
      manifests,
      ...this.annotations(0.2),
      ...(random.chance(0.05) ? { x: 1 } : {}),
    });
  }
}

/** `{ blobs, index, platforms, args }`: the bytes of blobs by digest, the text of `index.json`, platforms that it names, arguments of `convert`. */
export function randomLayout(random) {
  const layout = new Layout(random);
  const kind = random.below(10);
  const entries =
    kind < 6
      ? [layout.index(0)]
      : kind < 8
        ? [
            {
              ...layout.manifest(random.pick(PLATFORMS)),
              ...(random.chance(0.3) ? { platform: random.pick(PLATFORMS) } : {}),
            },
          ]
        : Array.from({ length: random.chance(0.1) ? 0 : 1 + random.below(3) }, () => layout.child(0));
  const index = JSON.stringify({
    schemaVersion: 2,
    ...(random.chance(0.3) ? { mediaType: OCI_INDEX } : {}),
    manifests: entries.map((entry) => ({ ...entry, ...layout.annotations(0.3) })),
    ...layout.annotations(0.1),
  });
  return { blobs: layout.blobs, index, platforms: layout.platforms, args: randomArguments(random, layout.platforms) };
}

/** Arguments of `convert`, for an image of some platforms. */
export function randomArguments(random, platforms) {
  const args = ["--min-layer-size", random.pick(["0", "0", "0", "300", "2000"])];
  if (random.chance(0.5)) args.push("--all-platforms");
  else if (random.chance(0.7))
    for (let i = random.below(3); i >= 0; i--) args.push("--platform", request(random, platforms));
  if (random.chance(0.3)) args.push("--span-size", random.pick(["1000", "64", "4194304"]));
  if (random.chance(0.2)) args.push("--optimizations", "xattr");
  if (random.chance(0.25))
    for (let i = random.below(3); i >= 0; i--)
      args.push("--prefetch-file", random.pick(["a", "/bb", "/x/../ccc", "a/", "/none", " bb ", "a,bb"]));
  return args;
}

/** A platform to ask for: most often one that is there, in one spelling or another. */
function request(random, platforms) {
  if (platforms.length === 0 || random.chance(0.3)) return random.pick(REQUESTS);
  const {
    os,
    architecture,
    variant,
    "os.version": version = "",
    "os.features": features = [],
  } = random.pick(platforms);
  const more = [version, ...features].join("+");
  return `${os}${more === "" ? "" : `(${more})`}/${architecture}${variant === undefined ? "" : `/${variant}`}`;
}
