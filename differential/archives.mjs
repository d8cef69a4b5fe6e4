/**
 * Random tar archives in every dialect, for comparison with other readers. An archive is a list of members, each with the
 * words that say what is special about it: a difference between readers has to be explained by the member it begins at.
 */
import {
  base256,
  concat,
  GNU,
  latin1,
  octal,
  padded,
  paxHeader,
  paxRecord,
  tarEntry,
  tarHeader,
  USTAR,
} from "./tar-writer.mjs";

const NAME = "abcdefghij0123456789/._-\xc3\xa9\xff ";

/** `bytes` of an archive, and the `members` it is made of: `{ at, end, features }`. */
export function randomArchive(random) {
  const parts = [];
  const members = [];
  let at = 0;
  // Each odd kind in few archives, so that most are read to their end.
  for (let i = 1 + random.below(6); i > 0; i--) {
    const { bytes, features } = random.pick(MEMBERS)(random);
    parts.push(bytes);
    members.push({ at, end: at + bytes.length, features });
    at += bytes.length;
  }
  const [end, endFeatures] = random.chance(0.8) ? [new Uint8Array(1024), ["end"]] : random.pick(ENDS)();
  parts.push(end);
  members.push({ at, end: at + end.length, features: endFeatures });
  let bytes = concat(...parts);
  if (random.chance(0.04)) {
    bytes = bytes.subarray(0, random.below(bytes.length));
    for (const member of members) if (member.end > bytes.length) member.features.push("cut");
  }
  return { bytes, members };
}

const ENDS = [
  () => [new Uint8Array(10240), ["end"]],
  () => [new Uint8Array(512), ["end", "one zero block"]],
  () => [new Uint8Array(0), ["end", "no end"]],
  () => [concat(new Uint8Array(1024), latin1("x".repeat(600))), ["end"]],
  () => [concat(new Uint8Array(512), tarEntry({ name: "after" }, "x")), ["end", "one zero block", "more follows"]],
];

/** Not ending with a slash, which alone makes some readers see a directory. */
const NAMED = (random, limit) => random.text(1 + random.below(limit), NAME).replace(/\/$/, "x");
const TEXT = (random) => NAMED(random, 90);
const BODY = (random) => latin1("x".repeat(random.pick([0, 1, 511, 512, 513, random.below(3000)])));

/** Fields of a header in one of the dialects. */
function header(random, features) {
  const dialect = random.pick(["v7", "ustar", "gnu", "star", "ustar", "gnu"]);
  features.push(dialect);
  const fields = { name: NAMED(random, 99), raw: {} };
  fields.magic = { v7: "", ustar: USTAR, gnu: GNU, star: USTAR }[dialect];
  if (dialect !== "v7") {
    fields.uname = random.pick(["", "root", "r\xc3\xa9"]);
    fields.gname = random.pick(["", "root"]);
    fields.devmajor = random.pick(["", "0000000\0"]);
    fields.devminor = random.pick(["", "0000000\0"]);
  }
  if (dialect === "ustar" && random.chance(0.3))
    fields.prefix = `${random.text(1 + random.below(70), "abcd")}/${random.text(1 + random.below(80), "abcd")}`;
  if (dialect === "star") {
    fields.raw[508] = "tar\0";
    fields.prefix = random.pick(["", "pre/fix"]);
    fields.raw[476] = "14530251740\0";
    fields.raw[488] = "14530251740\0";
  }
  if (dialect === "gnu" && random.chance(0.04)) {
    fields.raw[345] = "14530251740\0";
    fields.raw[357] = "14530251740\0";
    features.push("gnu times");
  }
  fields.mode = random.pick(["0000644\0", "0000755 ", "000644 \0", "    644\0", "0100644\0"]);
  fields.uid = random.pick(["0000000\0", "0001750\0", base256(3_000_000n, 8)]);
  fields.mtime = random.pick([
    "14530251740\0",
    "14530251740 ",
    base256(-5n, 12),
    base256(2n ** 34n, 12),
    "00000000000\0",
  ]);
  return fields;
}

/** A size in one of the ways it can be written. */
function size(random, length) {
  return random.pick([
    length,
    length,
    `${octal(length, 11)} `,
    ` ${octal(length, 10)}\0`,
    base256(BigInt(length), 12),
    octal(length, 12),
  ]);
}

function file(random, features = [], fields = {}) {
  const body = BODY(random);
  return tarEntry(
    {
      ...header(random, features),
      size: size(random, body.length),
      typeflag: random.pick(["0", "0", "\0"]),
      ...fields,
    },
    body,
  );
}

const MEMBERS = [
  plainFile,
  plainFile,
  plainFile,
  (random) => {
    const features = ["directory"];
    const fields = header(random, features);
    return { bytes: tarHeader({ ...fields, name: `d${random.pick(["", "/", "//"])}`, typeflag: "5" }), features };
  },
  (random) => {
    const features = ["old directory"];
    return { bytes: tarHeader({ ...header(random, features), name: "d/", prefix: "", typeflag: "\0" }), features };
  },
  (random) => {
    const features = ["link"];
    const fields = header(random, features);
    return { bytes: tarHeader({ ...fields, typeflag: random.pick(["1", "2"]), linkname: TEXT(random) }), features };
  },
  (random) => {
    const features = ["hard link with a size"];
    return {
      bytes: tarHeader({
        ...header(random, features),
        typeflag: "1",
        linkname: "a",
        size: random.pick([1, 512, 5000]),
      }),
      features,
    };
  },
  rarely("link or directory with a size", (random, features) => {
    return tarHeader({
      ...header(random, features),
      typeflag: random.pick(["2", "5"]),
      linkname: "a",
      size: random.pick([1, 512, 5000]),
    });
  }),
  (random) => {
    const features = ["device"];
    const fields = { ...header(random, features), typeflag: random.pick(["3", "4", "6"]) };
    if (features.includes("v7")) fields.magic = USTAR;
    fields.devmajor = "0000010\0";
    fields.devminor = random.pick(["0000001\0", base256(300n, 8)]);
    return { bytes: tarHeader(fields), features };
  },
  (random) => {
    const features = ["gnu long name"];
    const long = (typeflag) =>
      tarEntry(
        { name: "././@LongLink", typeflag, magic: GNU },
        `${random.pick(["n".repeat(100 + random.below(500)), TEXT(random), "d/e"])}\0`,
      );
    const flags = random.pick([["L"], ["L", "K"], ["K", "L"], ["K"], ["L", "L"]]);
    if (flags[1] === flags[0]) features.push("two long names");
    const parts = flags.map(long);
    return { bytes: concat(...parts, file(random, features)), features };
  },
  (random) => {
    const features = ["pax"];
    return { bytes: concat(paxHeader(paxRecords(random, features)), file(random, features)), features };
  },
  (random) => {
    const features = ["pax"];
    return { bytes: concat(paxHeader(paxRecords(random, features)), file(random, features)), features };
  },
  (random) => {
    const features = ["pax size"];
    const body = latin1("y".repeat(random.below(2000)));
    const fields = { ...header(random, features), size: random.pick([0, 5, body.length]) };
    return {
      bytes: concat(paxHeader([["size", String(body.length)]]), tarHeader(fields), padded(body)),
      features,
    };
  },
  rarely("pax and gnu long name", (random, features) => {
    const long = tarEntry({ name: "././@LongLink", typeflag: "L", magic: GNU }, "gnu/name\0");
    const pax = paxHeader([["path", "pax/name"]]);
    return concat(
      ...random.pick([
        [long, pax],
        [pax, long],
      ]),
      file(random, features),
    );
  }),
  rarely("pax twice", (random, features) => {
    return concat(
      paxHeader([
        ["path", "first"],
        ["comment", "c"],
      ]),
      paxHeader([["uname", "u"]]),
      file(random, features),
    );
  }),
  rarely("odd pax", (random, features) => {
    const text = random.pick([
      "6 abc\n",
      "5 =a\n",
      "9 a=b\n",
      "007 a=b\n",
      "+6 a=b\n",
      "",
      "junk",
      " 6 a=b\n",
      "6 a=b\n\0\0",
      paxRecord("size", "x"),
      paxRecord("mtime", "1.5.5"),
      paxRecord("uid", "-1"),
    ]);
    return concat(tarEntry({ name: "p", typeflag: "x" }, text), file(random, features));
  }),
  (random) => {
    const features = ["pax on a link"];
    const records = [
      ["path", TEXT(random)],
      ["linkpath", TEXT(random)],
    ];
    return {
      bytes: concat(paxHeader(records), tarHeader({ ...header(random, features), typeflag: "2", linkname: "x" })),
      features,
    };
  },
  sparse,
  sparse,
  rarely("old sparse", (random, features) => {
    const fields = header(random, features);
    const raw = { 386: "00000000000\x0000000000003\0", 483: "00000002000\0" };
    return tarEntry({ ...fields, magic: GNU, prefix: "", typeflag: "S", raw }, "abc");
  }),
  rarely("global pax", (random, features) => concat(paxHeader([["comment", "c"]], "g"), file(random, features))),
  rarely("other type", (random, features) =>
    file(random, features, { typeflag: random.pick(["7", "M", "V", "N", "D", "Z"]) }),
  ),
  rarely("bad checksum", (random, features) =>
    file(random, features, { checksum: random.pick(["0000000\0", "777777\0 ", "abc"]) }),
  ),
  rarely("odd number", (random, features) => {
    const field = random.pick(["size", "uid", "mode", "mtime", "devmajor"]);
    return file(random, features, {
      [field]: random.pick(["0000648\0", "zz", "-000001\0", base256(-1n, 8), "        "]),
    });
  }),
  rarely("slash", (random, features) => file(random, features, { name: "d/f/", prefix: "" })),
  rarely("slash", (random, features) => concat(paxHeader([["path", "d/f/"]]), file(random, features))),
  rarely("odd name", (random, features) =>
    file(random, features, { name: random.pick(["", "a\0b", "/abs", "../up", "./x", "//", "."]), prefix: "" }),
  ),
];

function plainFile(random) {
  const features = [];
  return { bytes: file(random, features), features };
}

/** One member in ten is as the function says, so that most archives are read to their end. */
function rarely(feature, make) {
  return (random) => {
    if (!random.chance(0.2)) return plainFile(random);
    const features = [feature];
    return { bytes: make(random, features), features };
  };
}

function paxRecords(random, features) {
  const records = [];
  for (let i = 1 + random.below(4); i > 0; i--) {
    records.push(
      random.pick([
        ["path", TEXT(random)],
        ["path", `${"p/".repeat(60 + random.below(100))}q`],
        ["uid", "70000"],
        ["mtime", random.pick(["1350244992.023960108", "-1.5", "0"])],
        ["uname", "u\xc3\xa9"],
        ["comment", "a=b"],
        ["SCHILY.xattr.user.a", random.text(random.below(20), "\0\xff\x01\nab")],
        ["__proto__", "x"],
        ["LIBARCHIVE.creationtime", "1"],
      ]),
    );
  }
  if (random.chance(0.03)) {
    features.push("empty record");
    records.push(["path", ""]);
  }
  return records;
}

/** The three PAX forms of a sparse file: three bytes at 0, four at 1000, 2,000 in all. */
function sparse(random) {
  const form = random.pick(["0.0", "0.1", "1.0"]);
  const features = ["sparse", `sparse ${form}`];
  const fields = { ...header(random, features), typeflag: "0" };
  const data = latin1("abcdefg");
  const records = {
    "0.0": [
      ["GNU.sparse.size", "2000"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.offset", "0"],
      ["GNU.sparse.numbytes", "3"],
      ["GNU.sparse.offset", "1000"],
      ["GNU.sparse.numbytes", "4"],
    ],
    0.1: [
      ["GNU.sparse.name", "real"],
      ["GNU.sparse.size", "2000"],
      ["GNU.sparse.numblocks", "2"],
      ["GNU.sparse.map", "0,3,1000,4"],
    ],
    "1.0": [
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "real"],
      ["GNU.sparse.realsize", "2000"],
    ],
  }[form];
  const payload = form === "1.0" ? concat(padded(latin1("2\n0\n3\n1000\n4\n")), data) : data;
  return { bytes: concat(paxHeader(records), tarEntry({ ...fields, size: payload.length }, payload)), features };
}
