import type { Digest } from "@socikit/oci";
import {
  describePruneStep,
  executePrune,
  planPrune,
  type KeptArtifact,
  type PrunePlan,
  type PrunePorts,
  type PruneResult,
  type PruneStep,
  type PruneStepResult,
  type RepositorySurvey,
} from "@socikit/soci-index/lifecycle";
import type { CommandRun } from "../command-spec.ts";
import { canAsk, confirm } from "../confirm.ts";
import { CliError } from "../errors.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { formatBytes } from "../format-quantity.ts";
import { textOf } from "../indexing-report.ts";
import type { CliIo } from "../io.ts";
import { formatLocation, parseRepository } from "../location.ts";
import { locationOpener } from "../open-location.ts";
import { progressOf } from "../progress.ts";
import { surveyed } from "../repository-survey.ts";

/** `socikit artifacts prune` */
export const artifactsPrune: CommandRun = async (invocation, io) => {
  const location = parseRepository(invocation.argument("REPOSITORY"));
  const place = formatLocation(location);
  const dryRun = invocation.flag("dry-run");
  const quiet = invocation.flag("quiet");
  const json = invocation.flag("json");
  const asks = !dryRun && !invocation.flag("yes");
  // Before the registry is asked for anything: the answer is the same.
  if (asks && !canAsk(io))
    throw new CliError("ERR_CLI_NOT_CONFIRMED", `Cannot prune ${place}: there is no terminal to ask at`);
  const progress = progressOf(io, { quiet, debug: invocation.debug });
  const note = (line: string): void => {
    if (!quiet) progress.note(line);
  };
  const opener = locationOpener(io, { plainHttp: invocation.flag("plain-http"), debug: invocation.debug, note });
  try {
    const { listed, pruned } = await opener.openRepository(location);
    if (pruned === undefined)
      throw new CliError("ERR_CLI_LOCATION", `Cannot prune ${place}: nothing can be deleted from an archive`, {
        hint: "prune a repository or a layout: host/repo, oci-layout:DIR",
      });
    const survey = await surveyed(listed, place, progress, invocation, io);
    progress.close();
    const plan = planPrune(survey, { shadowed: invocation.flag("shadowed"), tagged: invocation.flag("tagged") });
    const lineOf = (step: PruneStep): string => stepLine(step, survey);
    for (const kept of plan.kept) note(keptLine(kept));
    if (plan.steps.length === 0) note(`Nothing to prune in ${place}`);
    else if (asks && !(await isAgreed(plan.steps.map(lineOf), plan, place, io))) {
      await io.stderr.write("Nothing deleted\n");
      return EXIT_CODES.failed;
    }
    const say = async (step: PruneStep, text: string): Promise<void> => {
      if (!json) await io.stdout.write(quiet ? textOf(deletedBy(step)) : textOf([text]));
    };
    let result: PruneResult | undefined;
    if (dryRun) for (const step of plan.steps) await say(step, lineOf(step));
    else
      result = await executed(pruned, plan, io, async ({ step, outcome, message }) => {
        const text = `${outcome}: ${lineOf(step)}${message === undefined ? "" : `; ${message}`}`;
        if (!quiet || outcome === "done") await say(step, text);
      });
    if (json) await io.stdout.write(`${JSON.stringify(pruneJson(place, survey, plan, result), undefined, 2)}\n`);
    if (plan.steps.length > 0) note(summaryOf(plan, result));
    if (result?.refusal !== undefined) throw result.refusal;
  } finally {
    progress.close();
    await opener.close();
  }
  return undefined;
};

/** Shows what is to be done, and asks. */
async function isAgreed(lines: readonly string[], plan: PrunePlan, place: string, io: CliIo): Promise<boolean> {
  await io.stderr.write(textOf(lines));
  const steps = plan.steps.length === 1 ? "this step" : `these ${plan.steps.length} steps`;
  return confirm(`Take ${steps} in ${place}, ${formatBytes(bytesOf(plan))} at most?`, io);
}

/** Carries the plan out, and tells of each step when it has ended, also where a later one fails. */
async function executed(
  ports: PrunePorts,
  plan: PrunePlan,
  { signal }: CliIo,
  tell: (result: PruneStepResult) => Promise<void>,
): Promise<PruneResult> {
  let telling = Promise.resolve();
  const onEvent = (result: PruneStepResult): void => {
    telling = telling.then(() => tell(result));
    // Its failure, such as that of a reader who has left, is met below.
    telling.catch(() => {});
  };
  try {
    return await executePrune(ports, plan, { signal, onEvent });
  } finally {
    await telling;
  }
}

/** The step, with the digest of a list, and with sizes. */
function stepLine(step: PruneStep, { lists }: RepositorySurvey): string {
  if (step.action === "delete-index") return `${describePruneStep(step)} (${formatBytes(step.bytes)})`;
  return `${describePruneStep(step)} (${step.list}, ${formatBytes(listSize(step.list, lists))})`;
}

function keptLine({ artifact, because }: KeptArtifact): string {
  const why =
    because === "tagged"
      ? `it has the tag ${artifact.tags.join(", ")}; --tagged deletes it all the same`
      : "an image index has it as a child";
  return `${artifact.descriptor.digest} is of no use and stays: ${why}`;
}

function listSize(list: Digest, lists: RepositorySurvey["lists"]): number {
  return lists.find(({ descriptor }) => descriptor.digest === list)?.descriptor.size ?? 0;
}

/** The manifests that a step deletes. A list that goes on, or has other tags, stays one. */
function deletedBy(step: PruneStep): readonly Digest[] {
  if (step.action === "delete-index") return [step.index];
  return step.action === "delete-list" && step.whole ? [step.list] : [];
}

/** Bytes of the indexes that are to be deleted, with their zTOCs. */
function bytesOf({ steps }: PrunePlan): number {
  return steps.reduce((sum, step) => sum + (step.action === "delete-index" ? step.bytes : 0), 0);
}

function summaryOf(plan: PrunePlan, result: PruneResult | undefined): string {
  const all = `${plan.steps.length} ${plan.steps.length === 1 ? "step" : "steps"}`;
  if (result === undefined) return `${all}, ${formatBytes(bytesOf(plan))} at most; nothing deleted (--dry-run)`;
  const count = (outcome: PruneStepResult["outcome"]): number =>
    result.steps.filter((step) => step.outcome === outcome).length;
  const again = count("changed") === 0 ? "" : "; run it again for what has changed meanwhile";
  return `${count("done")} of ${all} done, ${formatBytes(result.bytes)} at most for the registry to free${again}`;
}

/** The shape that `artifacts prune --json` documents. */
function pruneJson(
  place: string,
  { lists, unread }: RepositorySurvey,
  plan: PrunePlan,
  result: PruneResult | undefined,
): unknown {
  return {
    repository: place,
    dry_run: result === undefined,
    steps: plan.steps.map((step, i) => {
      const { outcome, message } = result?.steps[i] ?? {};
      const isIndex = step.action === "delete-index";
      return {
        action: step.action,
        reason: step.reason,
        digest: isIndex ? step.index : step.list,
        size: isIndex ? step.bytes : listSize(step.list, lists),
        ...(isIndex ? { subject: step.subject } : { tags: step.action === "delete-list" ? step.tags : [step.tag] }),
        ...(step.action === "update-list" ? { removes: step.remove } : {}),
        ...(outcome === undefined ? {} : { outcome }),
        ...(message === undefined ? {} : { message }),
      };
    }),
    kept: plan.kept.map(({ artifact, because }) => ({
      digest: artifact.descriptor.digest,
      because,
      tags: artifact.tags,
    })),
    unread,
    bytes: result?.bytes ?? bytesOf(plan),
  };
}
