/** Hosts that stand for this machine: `localhost`, names below it, 127.0.0.0/8, `[::1]`. Takes a URL's `hostname` or `host`. */
export function isLoopbackHost(host: string): boolean {
  const name = hostnameOf(host).toLowerCase().replace(/\.$/, "");
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(name) ||
    name === "[::ffff:7f00:1]"
  );
}

/** Addresses that a public registry has no reason to name: this machine, the link, cloud metadata services. */
export function isLocalAddress(hostname: string): boolean {
  const name = hostname.toLowerCase();
  return (
    isLoopbackHost(name) ||
    name === "[::]" ||
    name.startsWith("[fe8") ||
    name.startsWith("[fe9") ||
    name.startsWith("[fea") ||
    name.startsWith("[feb") ||
    name === "[fd00:ec2::254]" ||
    // An IPv4 address inside an IPv6 one (::ffff:a.b.c.d, which URL writes in hex): no registry needs that spelling.
    name.startsWith("[::ffff:") ||
    /^0(?:\.\d{1,3}){3}$/.test(name) ||
    /^169\.254(?:\.\d{1,3}){2}$/.test(name) ||
    name === "100.100.100.200" ||
    name === "metadata.google.internal"
  );
}

/** The host without its port. */
function hostnameOf(host: string): string {
  return host.replace(/:\d+$/, "");
}

/** Where a registry of a reference is spoken to. */
export interface Endpoint {
  /** `https://registry-1.docker.io`: scheme, host and port; no path. */
  readonly origin: string;
  /** The repository's name there. */
  readonly repository: string;
}

const DOCKER_HUB = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/**
 * Finds the endpoint of a reference. Docker Hub is spoken to at another host than it is named by, and its official images
 * live under `library/`. Plain HTTP is spoken to this machine only, unless told otherwise.
 */
export function endpointOf(registry: string, repository: string, plainHttp?: boolean): Endpoint {
  if (DOCKER_HUB.has(registry)) {
    return {
      origin: "https://registry-1.docker.io",
      repository: repository.includes("/") ? repository : `library/${repository}`,
    };
  }
  const scheme = (plainHttp ?? isLoopbackHost(registry)) ? "http" : "https";
  return { origin: new URL(`${scheme}://${registry}`).origin, repository };
}
