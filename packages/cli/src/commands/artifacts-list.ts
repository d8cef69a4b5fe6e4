import { formatPlatform } from "@socikit/oci";
import {
  ARTIFACT_STATES,
  planPrune,
  type IndexedImage,
  type RepositorySurvey,
  type SociArtifact,
} from "@socikit/soci-index/lifecycle";
import type { CommandRun } from "../command-spec.ts";
import { formatBytes } from "../format-quantity.ts";
import { parseRepository } from "../location.ts";
import { notingOpener } from "../noting-opener.ts";
import { progressOf } from "../progress.ts";
import { surveyed } from "../repository-survey.ts";
import { tableText } from "../table.ts";

const HEADER = ["DIGEST", "SIZE", "VERSION", "STATE", "PLATFORM", "TAGS", "IMAGE"];
/** Tags that are shown of an image: the rest is counted. */
const SHOWN_TAGS = 3;

/** `socikit artifacts list` */
export const artifactsList: CommandRun = async (invocation, io) => {
  const location = parseRepository(invocation.argument("REPOSITORY"));
  const quiet = invocation.flag("quiet");
  const progress = progressOf(io, { quiet, debug: invocation.debug });
  const opener = notingOpener(invocation, io, progress);
  try {
    const { text, listed } = await opener.openRepository(location);
    const survey = await surveyed(listed, text, progress, invocation, io);
    progress.close();
    const { artifacts } = survey;
    if (invocation.flag("json")) {
      await io.stdout.write(`${JSON.stringify(surveyJson(text, survey), undefined, 2)}\n`);
      return undefined;
    }
    if (quiet) {
      await io.stdout.write(artifacts.map(({ descriptor }) => `${descriptor.digest}\n`).join(""));
      return undefined;
    }
    await io.stdout.write(tableText([HEADER, ...artifacts.flatMap(rowsOf)]));
    for (const line of summaryLines(survey, text)) progress.note(line);
  } finally {
    progress.close();
    await opener.close();
  }
  return undefined;
};

/** A row for each image that it belongs to, or one without. */
function rowsOf(artifact: SociArtifact): readonly (readonly string[])[] {
  const { descriptor, version, state, images, blobBytes } = artifact;
  const facts = [descriptor.digest, formatBytes(descriptor.size + blobBytes), version, state];
  if (images.length === 0) return [[...facts, "", "", ""]];
  return images.map((image) => [...facts, ...imageCells(image)]);
}

function imageCells({ digest, exists, tags, platform }: IndexedImage): readonly string[] {
  const more = tags.length - SHOWN_TAGS;
  const shown = [...tags.slice(0, SHOWN_TAGS), ...(more > 0 ? [`${more} more`] : [])].join(", ");
  return [platform === undefined ? "" : formatPlatform(platform), shown, exists ? digest : `${digest} (gone)`];
}

/** How many there are of each state, and what can be done about those of no use. */
function summaryLines(survey: RepositorySurvey, place: string): readonly string[] {
  const { artifacts, lists } = survey;
  const counts = ARTIFACT_STATES.flatMap((state) => {
    const count = artifacts.filter((artifact) => artifact.state === state).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  const indexes = `${artifacts.length} SOCI ${artifacts.length === 1 ? "index" : "indexes"}`;
  const fallback =
    lists.length === 0
      ? ""
      : `; ${lists.length === 1 ? "1 list" : `${lists.length} lists`} of referrers under fallback tags`;
  const summary = `${indexes}${counts.length === 0 ? "" : `: ${counts.join(", ")}`}${fallback}`;
  const shadowed = [false, true].find((each) => planPrune(survey, { shadowed: each }).steps.length > 0);
  if (shadowed === undefined) return [summary];
  return [summary, `  → socikit artifacts prune ${place}${shadowed ? " --shadowed" : ""} --dry-run`];
}

/** The shape that `artifacts list --json` documents. */
function surveyJson(place: string, { artifacts, lists, unread }: RepositorySurvey): unknown {
  return {
    repository: place,
    artifacts: artifacts.map(({ descriptor, version, state, images, blobBytes, inIndex, shadowedBy, ...names }) => ({
      digest: descriptor.digest,
      size: descriptor.size,
      blob_bytes: blobBytes,
      version,
      state,
      images: images.map(({ digest, exists, tags, platform }) => ({
        digest,
        exists,
        tags,
        ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
      })),
      tags: names.tags,
      lists: names.lists,
      in_index: inIndex,
      ...(shadowedBy === undefined ? {} : { shadowed_by: shadowedBy }),
    })),
    lists: lists.map(({ tag, descriptor, subject, subjectExists, entries }) => ({
      tag,
      digest: descriptor.digest,
      size: descriptor.size,
      ...(subject === undefined ? {} : { subject }),
      subject_exists: subjectExists,
      entries: entries.map(({ digest }) => digest),
    })),
    unread,
  };
}
