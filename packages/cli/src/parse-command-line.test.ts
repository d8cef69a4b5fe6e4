import fc from "fast-check";
import { expect, test } from "vitest";
import { COMMANDS } from "./command-table.ts";
import { commandTitle } from "./command-spec.ts";
import { CliError } from "./errors.ts";
import { parseCommandLine, type CommandLine } from "./parse-command-line.ts";

function parse(line: string): CommandLine {
  return parseCommandLine(line === "" ? [] : line.split(" "), COMMANDS);
}

function invocationOf(line: string): Extract<CommandLine, { kind: "run" }>["invocation"] {
  const parsed = parse(line);
  if (parsed.kind !== "run") throw new Error(`${line} is not a run`);
  return parsed.invocation;
}

test("parseCommandLine() reads arguments and options in any order", () => {
  const invocation = invocationOf(
    "create x.io/a:1 --span-size 1MiB x.io/b:1 -p linux/amd64,linux/arm64 -q -p linux/386",
  );
  expect(commandTitle(invocation.command)).toBe("create");
  expect(invocation.argument("SRC")).toBe("x.io/a:1");
  expect(invocation.optionalArgument("DST")).toBe("x.io/b:1");
  expect(invocation.bytes("span-size")).toBe(1048576);
  expect(invocation.bytes("min-layer-size")).toBeUndefined();
  expect(invocation.texts("platform")).toEqual(["linux/amd64", "linux/arm64", "linux/386"]);
  expect(invocation.flag("quiet")).toBe(true);
  expect(invocation.flag("json")).toBe(false);
});

test.for<readonly [line: string, check: (line: string) => unknown, want: unknown, reason: string]>([
  ["ztoc build - -o out", (line) => invocationOf(line).argument("LAYER"), "-", "standard input is an argument"],
  ["ls -lR x.io/a:1", (line) => invocationOf(line).flag("recursive"), true, "short options together"],
  ["cat x.io/a:1 /a /b", (line) => invocationOf(line).argumentList("PATH"), ["/a", "/b"], "several paths"],
  ["cat x.io/a:1 /a --range -100", (line) => invocationOf(line).text("range"), "-100", "a value with a dash"],
  ["cat x.io/a:1 -- -a", (line) => invocationOf(line).argumentList("PATH"), ["-a"], "after --, all are arguments"],
  ["create x -span-size 8 -json", (line) => invocationOf(line).bytes("span-size"), 8, "long names after one dash"],
  ["create x -span-size=8", (line) => invocationOf(line).bytes("span-size"), 8, "and with a value"],
  ["create x -p=linux/386", (line) => invocationOf(line).texts("platform"), ["linux/386"], "a short name with ="],
  ["create x --span-size 8 --span-size 9", (line) => invocationOf(line).bytes("span-size"), 9, "the last counts"],
  ["create x --force=false", (line) => invocationOf(line).flag("force"), false, "a flag that is off"],
  ["create x -f=T", (line) => invocationOf(line).flag("force"), true, "a flag that is on"],
  ["create x -f --force=0", (line) => invocationOf(line).flag("force"), false, "a flag that is taken back"],
  ["create x --prefetch-file=", (line) => invocationOf(line).texts("prefetch-file"), [], "nothing to prefetch"],
  ["cat x.io/a:1 -- -index", (line) => invocationOf(line).argumentList("PATH"), ["-index"], "no option behind --"],
  ["ztoc info build", (line) => invocationOf(line).argument("ZTOC"), "build", "a file named as a command"],
  ["index ls -q", (line) => invocationOf(line).command.name, ["index", "list"], "another name"],
  ["-q index ls --ref ls", (line) => invocationOf(line).text("ref"), "ls", "and a value of that name"],
  ["help ztoc ls", (line) => parse(line).kind, "help", "help on another name"],
  [
    "--root /x --namespace ci index ls",
    (line) => invocationOf(line).text("root"),
    "/x",
    "the reference's global flags",
  ],
  ["--root /x index ls --root /y", (line) => invocationOf(line).text("root"), "/y", "and the command's own"],
  ["--root /x cat x.io/a:1 /", (line) => invocationOf(line).command.name, ["cat"], "where they say nothing"],
  ["-n ci --debug index ls", (line) => invocationOf(line).debug, true, "--debug among them"],
  ["--timeout 1m30s index ls", (line) => parse(line), expect.objectContaining({ timeoutMs: 90_000 }), "a timeout"],
  ["--timeout 0 index ls", (line) => parse(line), expect.objectContaining({ timeoutMs: undefined }), "and none"],
  [
    "push x --existing-index skip --existing-index=allow",
    (line) => invocationOf(line).text("existing-index"),
    "allow",
    "the last one counts",
  ],
  [
    "convert x y -n ci --root /z --content-store=soci",
    (line) => invocationOf(line).argument("DST"),
    "y",
    "globals behind",
  ],
  ["push x --root /z -a /run/x.sock", (line) => invocationOf(line).text("root"), "/z", "one that is the command's own"],
  ["index --namespace list ls -q", (line) => invocationOf(line).command.name, ["index", "list"], "and inside"],
  [
    "--timeout 1h create x --timeout=5s",
    (line) => parse(line),
    expect.objectContaining({ timeoutMs: 5000 }),
    "the later",
  ],
  ["h ztoc", (line) => parse(line).kind, "help", "the reference's other name of help"],
  ["push x -u a:b --user=", (line) => invocationOf(line).text("user"), "a:b", "an empty one says nothing"],
  ["index rm", (line) => invocationOf(line).argumentList("DIGEST"), [], "any number of arguments: none"],
  ["index rm a b", (line) => invocationOf(line).argumentList("DIGEST"), ["a", "b"], "and two"],
  ["", (line) => parse(line).kind, "help", "nothing at all"],
  ["--version", (line) => parse(line).kind, "version", "the version"],
  ["-v", (line) => parse(line).kind, "version", "as the reference has it"],
  ["-help", (line) => parse(line).kind, "help", "in Go's style"],
  ["create --help", (line) => parse(line).kind, "help", "help needs no arguments"],
  ["ztoc", (line) => parse(line).kind, "help", "a group"],
  ["help ztoc build", (line) => parse(line).kind, "help", "help as a command"],
])("parseCommandLine() of %j: %s", ([line, check, want]) => {
  expect(check(line)).toEqual(want);
});

/** Every flag of the reference's `--help`, with each of its commands. */
test("parseCommandLine() takes the reference's command lines, with every flag that it has", () => {
  const indexing =
    "--all-platforms --platform linux/amd64 -p linux/arm64 --span-size 0x10000 --min-layer-size 65_536 --optimizations xattr --force -f --prefetch-file /a,/b --prefetch-files-json c.json";
  const registry =
    "--skip-verify -k --plain-http --user a:b -u c --refresh t --hosts-dir d --tlscacert e --tlscert f --tlskey g --http-dump --http-trace --snapshotter soci";
  const lines = [
    `create ${indexing} x.io/a:1`,
    `convert ${indexing} x.io/a:1 x.io/a:2`,
    `convert ${indexing} --standalone --format oci-dir in out`,
    `push ${registry} --all-platforms --platform linux/amd64 -p linux/arm64 --existing-index skip --max-concurrent-uploads 3 --quiet -q x.io/a:1`,
    "rebuild-db",
    "index list --ref x.io/a:1 --quiet -q --platform linux/amd64 -p linux/arm64",
    "index ls",
    "index info sha256:1",
    "index remove --ref x.io/a:1",
    "index rm sha256:1 sha256:2",
    "ztoc list --ztoc-digest sha256:1 --image-ref x.io/a:1 --quiet -q",
    "ztoc ls",
    "ztoc info sha256:1",
    "ztoc get-file --output f -o g sha256:1 etc/motd",
    "prefetch list --json",
    "prefetch ls",
    "prefetch info --json sha256:1",
  ];
  const globals =
    "--address /run/x.sock -a y --namespace ci -n z --timeout 1h --content-store soci --root /var/lib/soci --debug";
  for (const line of lines)
    for (const whole of [line, `${globals} ${line}`, `${line} ${globals}`])
      expect(parse(whole).kind, whole).toBe("run");
});

test.for<readonly [line: string, code: string, message: RegExp, hint: RegExp]>([
  ["craete x", "ERR_CLI_UNKNOWN_COMMAND", /"craete"/, /socikit create$/],
  ["mount x", "ERR_CLI_UNKNOWN_COMMAND", /"mount"/, /socikit --help/],
  ["index lst", "ERR_CLI_UNKNOWN_COMMAND", /"index lst"/, /socikit index list$/],
  ["ztoc bild x", "ERR_CLI_UNKNOWN_COMMAND", /"ztoc bild"/, /socikit ztoc build$/],
  ["create x --span-sze 1", "ERR_CLI_UNKNOWN_OPTION", /--span-sze/, /--span-size$/],
  ["create x -z", "ERR_CLI_UNKNOWN_OPTION", /-z/, /create --help/],
  ["--wat", "ERR_CLI_UNKNOWN_OPTION", /--wat/, /--help/],
  ["serve --namespace ci", "ERR_CLI_UNKNOWN_OPTION", /--namespace/, /serve --help/],
  ["--timeout soon index ls", "ERR_CLI_OPTION_VALUE", /needs a duration, and got "soon"/, /--timeout 90s/],
  ["artifacts lst x", "ERR_CLI_UNKNOWN_COMMAND", /"artifacts lst"/, /socikit artifacts list$/],
  ["create x --span-size", "ERR_CLI_OPTION_VALUE", /needs a value: --span-size BYTES/, /create --help/],
  ["create x --span-size --json", "ERR_CLI_OPTION_VALUE", /needs a value/, /create --help/],
  ["cat x / --range 1- --range 2-", "ERR_CLI_OPTION_VALUE", /more than once/, /cat --help/],
  ["create x --span-size 08", "ERR_CLI_OPTION_VALUE", /count of bytes/, /create --help/],
  ["create x --span-size lots", "ERR_CLI_OPTION_VALUE", /count of bytes/, /create --help/],
  ["create x --json=yes", "ERR_CLI_OPTION_VALUE", /takes no value but true or false/, /create --help/],
  ["create", "ERR_CLI_MISSING_ARGUMENT", /SRC is missing/, /socikit create SRC \[DST\]/],
  ["cat x.io/a:1", "ERR_CLI_MISSING_ARGUMENT", /PATH is missing/, /PATH\.\.\./],
  ["create a b c", "ERR_CLI_EXTRA_ARGUMENT", /"c"/, /socikit create/],
])("parseCommandLine() refuses %j with %s", ([line, code, message, hint]) => {
  const caught = ((): unknown => {
    try {
      return parse(line);
    } catch (error) {
      return error;
    }
  })();
  expect(caught).toBeInstanceOf(CliError);
  expect(caught).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
});

test("parseCommandLine() parses or refuses with a code, whatever is typed", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "create",
      "ztoc",
      "build",
      "ls",
      "-",
      "--",
      "-p",
      "--json",
      "--span-size",
      "--range=",
      "-lR",
      "--",
      "",
    ),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (args) => {
      try {
        parseCommandLine(args, COMMANDS);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
      }
    }),
  );
});

test("an invocation has no names that its command does not have", () => {
  const invocation = invocationOf("create x.io/a:1");
  expect(() => invocation.flag("span-size")).toThrow(TypeError);
  expect(() => invocation.argument("REF")).toThrow(TypeError);
});

test("every command's examples are command lines of it", () => {
  for (const command of COMMANDS) {
    expect(command.examples.length, commandTitle(command)).toBeGreaterThan(0);
    for (const { line } of command.examples) {
      const words = line.slice(line.indexOf("socikit ") + "socikit ".length);
      expect(commandTitle(invocationOf(words).command)).toBe(commandTitle(command));
    }
  }
});
