/**
 * Why other readers list an archive differently: differential/README.md has the reasons in full. Each holds for one kind of
 * member, or of the member before, and for one kind of difference.
 */
const REASONS = [
  // Socikit refuses what Go's reader refuses, or what the reference's table of contents does.
  [
    "a type that no zTOC can hold",
    ({ features, ours }) =>
      has(features, "other type", "old sparse", "global pax") && /unsupported input/.test(ours.end),
  ],
  ["malformed PAX records", ({ features, ours }) => has(features, "odd pax") && /PAX record/.test(ours.end)],
  [
    "a malformed number",
    ({ features, ours }) => has(features, "odd number") && /its checksum or a number|its size is/.test(ours.end),
  ],
  // Python and GNU tar refuse some that Go takes: negative ones, and those that are blank.
  [
    "a malformed number",
    ({ features, earlier, ours, theirs }) =>
      theirs.end !== undefined &&
      (has(features, "odd number") || (ours.end === "no error" && any(earlier, "odd number"))),
  ],
  [
    "a bad checksum",
    ({ features, ours }) => has(features, "bad checksum") && /its checksum or a number/.test(ours.end),
  ],
  [
    "a cut archive",
    ({ features, ours, theirs }) =>
      has(features, "cut") &&
      (/unexpected EOF/.test(ours.end) || (ours.end === "no error" && theirs.end !== undefined)),
  ],
  [
    "one block of zeros, then more",
    ({ features, ours }) => has(features, "more follows") && /a block of zeros/.test(ours.end),
  ],
  // The same entry, described otherwise.
  [
    "a file whose name ends with a slash",
    ({ features, fields }) => has(features, "slash", "gnu long name", "odd name") && is(fields, "type"),
  ],
  [
    "a link or directory with a size",
    ({ reader, features, fields, theirs }) =>
      reader !== "tarfile" &&
      has(features, "hard link with a size", "link or directory with a size") &&
      is(fields, "size") &&
      theirs.size === 0,
  ],
  [
    "two PAX headers",
    ({ features, fields, theirs }) => has(features, "pax twice") && is(fields, "name") && theirs.name === "first",
  ],
  [
    "PAX path and GNU long name",
    ({ features, fields, theirs }) =>
      has(features, "pax and gnu long name") && is(fields, "name") && theirs.name === "pax/name",
  ],
  [
    "two GNU long names",
    ({ features, fields, theirs }) =>
      has(features, "two long names") && (is(fields, "name") || (fields.length === 0 && theirs.end === undefined)),
  ],
  [
    "an empty PAX path",
    ({ features, fields, theirs }) => has(features, "empty record") && is(fields, "name") && theirs.name === "",
  ],
  [
    "GNU times taken for a prefix",
    ({ reader, features, ours, theirs }) =>
      reader === "tarfile" &&
      has(features, "gnu times") &&
      theirs.name?.replace(/\/+$/, "") === `14530251740/${ours.name}`.replace(/\/+$/, ""),
  ],
  [
    "an empty name",
    ({ reader, features, ours }) => reader === "bsdtar" && has(features, "odd name") && ours.name === "",
  ],
  // The next entry is looked for elsewhere.
  [
    "content of an old directory",
    ({ features, before, ours }) =>
      [features, before].some((words) => has(words, "slash", "odd name")) && /its checksum or a number/.test(ours.end),
  ],
  [
    "content of a link or directory",
    ({ reader, earlier }) =>
      (reader === "GNU tar" && any(earlier, "link or directory with a size")) ||
      (reader === "bsdtar" && any(earlier, "hard link with a size")),
  ],
  [
    "a sparse file behind a header that is not PAX",
    ({ reader, features, earlier }) =>
      reader === "GNU tar" && [...earlier, features].some((words) => has(words, "sparse") && !has(words, "ustar")),
  ],
];

/** The documented reason for a difference, or `undefined`. */
export function reasonOf(reader, { at, ours, theirs }, { members }) {
  const index = members.findIndex((member) => at >= member.at && at < member.end);
  const { features } = members.at(index);
  const before = (index < 0 ? members.at(-2) : members[index - 1])?.features ?? [];
  const earlier = members.slice(0, index < 0 ? -1 : index).map((member) => member.features);
  const fields = ["name", "type", "size"].filter(
    (field) => theirs[field] !== undefined && theirs[field] !== ours[field],
  );
  return REASONS.find(([, applies]) => applies({ reader, features, before, earlier, fields, ours, theirs }))?.[0];
}

function has(features, ...any) {
  return any.some((feature) => features.includes(feature));
}

function any(members, feature) {
  return members.some((features) => features.includes(feature));
}

/** Whether the entries differ in this field, and in no other but the name, of which readers drop slashes. */
function is(fields, field) {
  return fields.every((name) => name === field || name === "name") && fields.includes(field);
}
