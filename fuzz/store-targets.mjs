/** What lies on this machine: the catalogue of the local store, and archives of layouts. */
const DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const ENTRY = `"digest":"${DIGEST}","size":2`;
const CATALOGUE_SEEDS = [
  '{"version":1,"indexes":[],"ztocs":[],"prefetch":[]}',
  `{"version":1,"indexes":[{${ENTRY},"created":"2025-11-26T01:02:03.000Z","version":"v1","manifest":"${DIGEST}","image":"${DIGEST}","names":["ghcr.io/me/app:1"],"platform":{"architecture":"arm64","os":"linux","variant":"v8"}}],"ztocs":[{${ENTRY},"layer":"${DIGEST}","spanSize":4194304}],"prefetch":[{${ENTRY},"layer":"${DIGEST}"}]}`,
];
const CATALOGUE_WORDS = [
  `{${ENTRY}}`,
  `{${ENTRY},"layer":"${DIGEST}"}`,
  '"version":2',
  '"names":["","a"]',
  '"platform":{"os":"","architecture":"","os.features":["a"]}',
  '"created":"2025-02-30T00:00:00.000Z"',
  "null",
  "-1",
  "1e400",
  "9007199254740993",
];

/** The archive with checksums that fit its headers, so that what they say is looked at. */
function summed(input) {
  const bytes = input.slice();
  for (let at = 0; at + 512 <= bytes.length && at < 64 * 512; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (String.fromCharCode(...block.subarray(257, 262)) !== "ustar") continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  }
  return bytes;
}

/** Targets as in targets.mjs. `api` has the exports of oci and soci-index/node, and registry's readArchiveMembers. */
export function storeTargets(api, { check }, tars) {
  const bytesOf = (text) => new TextEncoder().encode(text);
  return {
    catalogue: { seeds: CATALOGUE_SEEDS.map(bytesOf), words: CATALOGUE_WORDS, run: (bytes) => catalogue(api, bytes) },
    archive: {
      seeds: tars.filter(({ length }) => length < 50_000),
      words: [
        "ustar\0" + "00",
        "ustar  \0",
        "L",
        "K",
        "x",
        "g",
        "S",
        "1",
        "2",
        "../",
        "./",
        "18 path=../x\n",
        "12 size=512\n",
      ],
      run: (bytes) => archive(api, bytes),
    },
  };

  function catalogue({ decodeCatalogue, encodeCatalogue }, bytes) {
    const decoded = decodeCatalogue(bytes);
    const again = decodeCatalogue(encodeCatalogue(decoded));
    check(JSON.stringify(again) === JSON.stringify(decoded), "what was encoded is read otherwise");
  }

  async function archive({ bytesSource, readArchiveMembers }, input) {
    const bytes = summed(input);
    const members = await readArchiveMembers(bytesSource(bytes), "a.tar");
    for (const [name, { offset, size }] of members) {
      const parts = name.split("/");
      check(
        !parts.some((part) => part === "" || part === "." || part === ".."),
        `a member is named ${JSON.stringify(name)}`,
      );
      check(offset >= 512 && size >= 0 && offset + size <= bytes.length, "a member is not inside the archive");
    }
  }
}
