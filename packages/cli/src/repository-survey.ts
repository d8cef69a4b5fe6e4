import { isDigest, type Digest } from "@socikit/oci";
import { surveyRepository, type RepositorySurvey, type SurveyPorts } from "@socikit/soci-index/lifecycle";
import { commandTitle } from "./command-spec.ts";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import type { Invocation } from "./invocation.ts";
import type { Progress } from "./progress.ts";

/** Looks at a repository as `--subject` says, shows on a terminal that it does, and says what could not be read. */
export async function surveyed(
  listed: SurveyPorts,
  place: string,
  progress: Progress,
  invocation: Invocation,
  io: Pick<CliIo, "signal" | "stderr">,
): Promise<RepositorySurvey> {
  const subjects = invocation.texts("subject").map((text) => parseSubject(text, invocation));
  // A request a tag: of many it takes a while. A log has no use for it.
  if (io.stderr.isTTY) progress.begin("survey", `looking at ${place}`);
  const survey = await surveyRepository(listed, { signal: io.signal, subjects });
  progress.end("survey", `${survey.tags.size} tags`);
  if (invocation.flag("quiet")) return survey;
  for (const { name, message } of survey.unread) progress.note(`${name} could not be read: ${message}`);
  return survey;
}

function parseSubject(text: string, { command }: Invocation): Digest {
  if (isDigest(text)) return text;
  throw new CliError(
    "ERR_CLI_OPTION_VALUE",
    `Cannot run ${commandTitle(command)}: ${JSON.stringify(text)} is not a digest`,
    { hint: "--subject sha256:..., of an image that was deleted" },
  );
}
