import { expect, test, vi } from "vitest";
import { fetchTransport } from "./fetch-transport.ts";

const send = async (userAgent: string | undefined): Promise<{ init: RequestInit; capabilities: unknown }> => {
  vi.stubGlobal("navigator", userAgent === undefined ? undefined : { userAgent });
  let init: RequestInit = {};
  const transport = fetchTransport((async (_url: string, given: RequestInit) => {
    init = given;
    return new Response("x");
  }) as typeof fetch);
  await transport.send({
    method: "GET",
    url: "https://r.test/",
    headers: { "user-agent": "socikit", "accept-encoding": "identity", range: "bytes=0-1" },
  });
  vi.unstubAllGlobals();
  return { init, capabilities: transport.capabilities };
};

test.for([undefined, "Node.js/24", "Deno/2.5.0", "Bun/1.3", "Cloudflare-Workers"])(
  "fetchTransport() sees redirects and sends every field under %s",
  async (userAgent) => {
    const { init, capabilities } = await send(userAgent);
    expect(capabilities).toEqual({ redirects: "visible", contentCoding: "decoded" });
    expect(init).toMatchObject({
      redirect: "manual",
      headers: { "user-agent": "socikit", "accept-encoding": "identity" },
    });
    expect(init).not.toHaveProperty("credentials");
  },
);

test("fetchTransport() in a page follows redirects, sends no cookies, and no field that a page may not set", async () => {
  const { init, capabilities } = await send("Mozilla/5.0 (X11; Linux x86_64) Chrome/130");
  expect(capabilities).toEqual({ redirects: "opaque", contentCoding: "decoded" });
  expect(init).toMatchObject({ redirect: "follow", credentials: "omit" });
  expect(init.headers).toEqual({ range: "bytes=0-1" });
});
