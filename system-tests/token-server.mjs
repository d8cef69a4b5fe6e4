// A token server as registries know them (distribution's token specification): answers a challenge's realm with a signed JWT for the scopes asked
// for. Anybody may pull, unless `anonymous` is off; pushing takes the user's name and password.
import { createHash, createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { output } from "./programs.mjs";

const SERVICE = "registry.test";
const ISSUER = "tokens.test";

/**
 * Starts a token server with a key and certificate of its own in `folder`.
 * @param {string} folder
 * @param {{ user: string, password: string, anonymous?: boolean, key?: "x5c" | "kid" }} options
 */
export async function startTokenServer(folder, { user, password, anonymous = true, key = "x5c" }) {
  mkdirSync(folder, { recursive: true });
  const [keyPath, certificate] = [join(folder, "token.key"), join(folder, "token.crt")];
  await output("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    keyPath,
    "-out",
    certificate,
    "-days",
    "2",
    "-subj",
    `/CN=${ISSUER}`,
  ]);
  const privateKey = createPrivateKey(readFileSync(keyPath));
  const x509 = new X509Certificate(readFileSync(certificate));
  const header = {
    typ: "JWT",
    alg: "ES256",
    ...(key === "x5c" ? { x5c: [x509.raw.toString("base64")] } : { kid: keyIdOf(x509) }),
  };
  const login = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

  /** Scopes asked for, in order, with who asked. */
  const asked = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    const { authorization } = request.headers;
    const scopes = url.searchParams.getAll("scope").flatMap((scope) => scope.split(" "));
    for (const scope of scopes) asked.push({ user: authorization === login ? user : "", scope });
    response.setHeader("content-type", "application/json");
    if (authorization === undefined ? !anonymous : authorization !== login) {
      response.statusCode = 401;
      response.end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] }));
      return;
    }
    const access = scopes.map((scope) => {
      const [type, name, actions] = scope.split(":");
      return {
        type,
        name,
        actions: actions.split(",").filter((action) => authorization === login || action === "pull"),
      };
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: ISSUER,
      sub: authorization === login ? user : "",
      aud: url.searchParams.get("service"),
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
    response.end(JSON.stringify({ token: `${signed}.${signature.toString("base64url")}`, expires_in: 300 }));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    realm: `http://127.0.0.1:${server.address().port}/token`,
    service: SERVICE,
    issuer: ISSUER,
    certificate,
    asked,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** libtrust's name of a key: base32 of the first 30 bytes of the SHA-256 of its SPKI, in groups of four. */
function keyIdOf(x509) {
  const digest = createHash("sha256")
    .update(x509.publicKey.export({ type: "spki", format: "der" }))
    .digest();
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const byte of digest.subarray(0, 30)) bits += byte.toString(2).padStart(8, "0");
  return bits.replaceAll(/.{5}/g, (five) => alphabet[parseInt(five, 2)]).replaceAll(/(.{4})(?=.)/g, "$1:");
}
