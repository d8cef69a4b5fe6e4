import fc from "fast-check";
import { expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";

const shown = (field: string): unknown =>
  parseChallenges(field).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test.for<[string, string, unknown]>([
  [
    "Docker Hub's",
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"',
    [
      [
        "bearer",
        { realm: "https://auth.docker.io/token", service: "registry.docker.io", scope: "repository:a/b:pull" },
      ],
    ],
  ],
  [
    "commas inside quotes",
    'Bearer realm="https://x/t",scope="repository:a:pull,push"',
    [["bearer", { realm: "https://x/t", scope: "repository:a:pull,push" }]],
  ],
  [
    "several in one field",
    'Basic realm="a, b", Bearer realm="https://x/t", service=s',
    [
      ["basic", { realm: "a, b" }],
      ["bearer", { realm: "https://x/t", service: "s" }],
    ],
  ],
  ["any case", 'BEARER Realm="R",SERVICE="S"', [["bearer", { realm: "R", service: "S" }]]],
  [
    "values without quotes",
    "Bearer realm=https://x/t?a=b,service=registry.local",
    [["bearer", { realm: "https://x/t?a=b", service: "registry.local" }]],
  ],
  ["spaces around =", 'Basic realm = "x"', [["basic", { realm: "x" }]]],
  ["escapes", String.raw`Basic realm="a\"b\\c"`, [["basic", { realm: 'a"b\\c' }]]],
  [
    "a token68 in front",
    'Negotiate YIIabc==, Basic realm="x"',
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ],
  ],
  ["a scheme alone", "Negotiate", [["negotiate", {}]]],
  ["a parameter given twice: the first", 'Bearer realm="a",realm="b"', [["bearer", { realm: "a" }]]],
  ["an open quote: what is before it", 'Bearer realm="a",service="b', [["bearer", { realm: "a" }]]],
  ["nothing", "", []],
  ["noise", ',,, "', []],
])("parseChallenges() of %s", ([, field, want]) => {
  expect(shown(field)).toEqual(want);
});

test("parseChallenges() ends on any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'aB =",\\;\t~é'), maxLength: 200 }), (text) => {
      parseChallenges(text);
    }),
  );
});

test("parseChallenges() finds what was written, whatever the values are", () => {
  const token = fc.stringMatching(/^[a-z][a-z0-9_-]{0,10}$/);
  const challenge = fc.tuple(
    token,
    fc.dictionary(token, fc.string({ maxLength: 20 }), { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
  );
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
      const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
      const field = challenges
        .map(
          ([scheme, parameters]) =>
            `${scheme} ${Object.entries(parameters)
              .map(([k, v]) => `${k}=${quote(v)}`)
              .join(",")}`,
        )
        .join(", ");
      expect(shown(field)).toEqual(challenges);
    }),
  );
});
