import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import { enableSoci } from "./enable-soci.ts";
import { FinchConfigError } from "./errors.ts";
import { defaultSnapshotter, parseFinchConfig } from "./finch-config.ts";

// In each row the second text is written out whole: what is not the edit is the same in both.
test.for([
  ["an empty file, as Linux packages it", "", "snapshotters:\n    - soci\n"],
  ["a file of comments", "# mine\n", "# mine\nsnapshotters:\n    - soci\n"],
  ["{}, which Finch writes for no settings", "{}\n", "{snapshotters: [soci]}\n"],
  ["a document start and nothing else", "---\n", "---\nsnapshotters:\n    - soci\n"],
  ["null for a document", "~ # none\n", "{snapshotters: [soci]} # none\n"],
  ["no key", "cpus: 4 # x\n# end\n", "cpus: 4 # x\n# end\nsnapshotters:\n    - soci\n"],
  ["no key, no last line break", "cpus: 4", "cpus: 4\nsnapshotters:\n    - soci\n"],
  ["no key, CRLF", "cpus: 4\r\nmemory: 4GiB\r\n", "cpus: 4\r\nmemory: 4GiB\r\nsnapshotters:\r\n    - soci\r\n"],
  ["no key, an indented map", "  cpus: 4\n", "  cpus: 4\n  snapshotters:\n      - soci\n"],
  ["no key, a byte order mark", "\ufeffcpus: 4\n", "\ufeffcpus: 4\nsnapshotters:\n    - soci\n"],
  ["no key, a flow map", "{ cpus: 4, memory: 4GiB }", "{ snapshotters: [soci], cpus: 4, memory: 4GiB }"],
  ["no key, a document end", "cpus: 4\n...\nleft: alone\n", "cpus: 4\nsnapshotters:\n    - soci\n...\nleft: alone\n"],
  ["a second document", "cpus: 4\n---\ncpus: 9\n", "cpus: 4\nsnapshotters:\n    - soci\n---\ncpus: 9\n"],
  [
    "a key in another case is another key",
    "Snapshotters: [soci]\n",
    "Snapshotters: [soci]\nsnapshotters:\n    - soci\n",
  ],
  ["no value", "snapshotters:\ncpus: 4\n", "snapshotters:\n    - soci\ncpus: 4\n"],
  ["no value, a comment", "snapshotters: # of Finch\ncpus: 4\n", "snapshotters: # of Finch\n    - soci\ncpus: 4\n"],
  ["no value, last and unended", "cpus: 4\r\nsnapshotters:", "cpus: 4\r\nsnapshotters:\r\n    - soci"],
  ["null", "snapshotters: null # none\n", "snapshotters: [soci] # none\n"],
  ["tilde", "snapshotters: ~\n", "snapshotters: [soci]\n"],
  ["no value in a flow map", "{snapshotters: , cpus: 4}", "{snapshotters: [soci] , cpus: 4}"],
  ["no colon in a flow map", "{snapshotters}", "{snapshotters: [soci]}"],
  ["an empty list", "snapshotters: [ ]\n", "snapshotters: [soci ]\n"],
  ["a flow list", "snapshotters: [overlayfs]  # x\n", "snapshotters: [soci, overlayfs]  # x\n"],
  ["a flow list on lines", "snapshotters: [\n  overlayfs, # a\n]\n", "snapshotters: [\n  soci, overlayfs, # a\n]\n"],
  ["a flow list, soci second", "snapshotters: [overlayfs,  soci]\n", "snapshotters: [soci,  overlayfs]\n"],
  ["a flow list, soci third, quoted", "snapshotters: [a, b, 'soci', c]\n", "snapshotters: ['soci', a, b, c]\n"],
  ["a block list, Finch's indent", "snapshotters:\n    - overlayfs\n", "snapshotters:\n    - soci\n    - overlayfs\n"],
  ["a block list without indent", "snapshotters:\n- overlayfs\n", "snapshotters:\n- soci\n- overlayfs\n"],
  ["a block list, wide", "snapshotters:\n  -   overlayfs\n", "snapshotters:\n  -   soci\n  -   overlayfs\n"],
  ["a block list, CRLF", "snapshotters:\r\n- overlayfs\r\n", "snapshotters:\r\n- soci\r\n- overlayfs\r\n"],
  [
    "a block list with a comment above",
    "snapshotters:\n  # the default\n  - overlayfs # plain\ncpus: 4\n",
    "snapshotters:\n  # the default\n  - soci\n  - overlayfs # plain\ncpus: 4\n",
  ],
  [
    "a block list, soci second: its line moves, comment and all",
    "snapshotters:\n  - overlayfs # plain\n  # lazy\n  - soci   # fast\ncpus: 4\n",
    "snapshotters:\n  - soci   # fast\n  - overlayfs # plain\n  # lazy\ncpus: 4\n",
  ],
  ["a block list, soci last, unended", "snapshotters:\r\n- a\r\n- soci", "snapshotters:\r\n- soci\r\n- a"],
  [
    "a null item before soci is no item",
    "snapshotters:\n  - ~\n  - overlayfs\n",
    "snapshotters:\n  - soci\n  - ~\n  - overlayfs\n",
  ],
  ["the key quoted", '"snapshotters": [overlayfs]\n', '"snapshotters": [soci, overlayfs]\n'],
  ["an anchor that nothing uses", "snapshotters: &s\n  - overlayfs\n", "snapshotters: &s\n  - soci\n  - overlayfs\n"],
  ["a block scalar before it", "x: |\n  text\n\n", "x: |\n  text\n\nsnapshotters:\n    - soci\n"],
] as const)("enableSoci() of %s", ([, before, after]) => {
  expect(enableSoci(before)).toBe(after);
  expect(defaultSnapshotter(after)).toBe("soci");
  expect(enableSoci(after)).toBe(after);
});

test.for([
  ["block", "# a\nsnapshotters:\n  - soci # x\n  - overlayfs"],
  ["flow", "{snapshotters: [soci]}"],
  ["twice, which Finch takes", "snapshotters: [soci, soci]"],
  ["behind a null, which Finch drops", "snapshotters:\n- ~\n- soci\n"],
  ["through an alias", "x: &s [soci]\nsnapshotters: *s\n"],
] as const)("enableSoci() returns its input where soci is the default already: %s", ([, text]) => {
  expect(enableSoci(text)).toBe(text);
});

test.for([
  ["the list is an alias", "x: &s [overlayfs]\nsnapshotters: *s\n", 2, 15],
  ["another setting shares the list", "snapshotters: &s [overlayfs]\ncreds_helpers: *s\n", undefined, undefined],
] as const)("enableSoci() does not edit where %s", ([, text, line, column]) => {
  expect(codeOf(() => enableSoci(text))).toMatchObject({ code: "ERR_FINCH_CONFIG_NOT_EDITABLE", line, column });
});

test("enableSoci() keeps every other byte and every other value", () => {
  fc.assert(
    fc.property(finchYaml(), ({ text, names }) => {
      const edited = enableSoci(text);
      const after = parseFinchConfig(edited).snapshotters;
      const at = names.indexOf("soci");
      expect(after).toEqual(["soci", ...names.filter((_, i) => i !== at)]);
      if (at === 0) expect(edited).toBe(text);
      // Moving keeps the bytes; inserting adds a run of them in one place.
      else if (at > 0) expect(sorted(edited)).toBe(sorted(text));
      else expect(isInsertion(text, edited)).toBe(true);
      const value = (yaml: string): Record<string, unknown> => parseDocument(yaml).toJS() as Record<string, unknown>;
      expect({ ...value(edited), snapshotters: [] }).toEqual({ ...value(text), snapshotters: [] });
      expect(enableSoci(edited)).toBe(edited);
    }),
    { numRuns: 400 },
  );
});

test("enableSoci() of any text gives a file whose default is soci, or a coded error", () => {
  const piece = fc.constantFrom(
    ..."snapshotters|: |:|\n|\r\n|  |- |-|[|]|{|}|,| |soci|overlayfs|# c|&a |*a|!!seq |? || |~|'|\"|---\n|...\n|cpus: 4|<<: |>\n|\ufeff|%YAML 1.1\n|\t|1".split(
      "|",
    ),
    "|\n",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
      const text = pieces.join("");
      const outcome = codeOf(() => enableSoci(text));
      if (typeof outcome === "string") expect(defaultSnapshotter(outcome)).toBe("soci");
      else expect(outcome).toBeInstanceOf(FinchConfigError);
    }),
    { numRuns: 600 },
  );
});

/** A file in one of the styles people write, with the names its list holds. */
function finchYaml(): fc.Arbitrary<{ text: string; names: readonly string[] }> {
  return fc
    .record({
      names: fc.uniqueArray(fc.constantFrom("soci", "overlayfs", "stargz", "native"), { minLength: 1, maxLength: 4 }),
      style: fc.constantFrom("flow" as const, "block" as const, "absent" as const),
      eol: fc.constantFrom("\n", "\r\n"),
      indent: fc.constantFrom("", "  ", "    "),
      gap: fc.constantFrom(" ", "   "),
      comments: fc.array(fc.constantFrom("", " # note", "   # [soci, overlayfs]"), { minLength: 4, maxLength: 4 }),
      own: fc.constantFrom("", "# a line of its own", "  # - soci"),
      before: fc.constantFrom("", "cpus: 4", "# c", "x: 'a: b'"),
      after: fc.constantFrom("", "memory: 4GiB  # m", "creds_helpers: [ecr-login]", "y:\n  - soci"),
      ended: fc.boolean(),
    })
    .map(({ names, style, eol, indent, gap, comments, own, before, after, ended }) => {
      const list =
        style === "absent"
          ? []
          : style === "flow"
            ? [`snapshotters:${gap}[${names.join(`,${gap}`)}]${comments[0]}`]
            : [`snapshotters:${comments[3]}`, own, ...names.map((name, i) => `${indent}-${gap}${name}${comments[i]}`)];
      const lines = [before, ...list, after].filter((line) => line !== "").join("\n");
      const text = (ended ? `${lines}\n` : lines).replaceAll("\n", eol);
      return { text, names: style === "absent" ? [] : names };
    });
}

function sorted(text: string): string {
  return [...text].sort().join("");
}

/** Whether `after` is `before` with one run of characters put in somewhere. */
function isInsertion(before: string, after: string): boolean {
  let head = 0;
  while (head < before.length && before[head] === after[head]) head++;
  return after.length > before.length && after.endsWith(before.slice(head));
}

function codeOf(run: () => string): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
