/**
 * Keeps the SOCI artifacts of a repository in order: lists each with the image that it belongs to, and prunes what is stale.
 *
 * @module
 */
export { surveyRepository } from "./lifecycle/survey-repository.ts";
export type { SurveyOptions, SurveyPorts } from "./lifecycle/repository-walk.ts";
export {
  ARTIFACT_STATES,
  type ArtifactState,
  type FallbackList,
  type IndexedImage,
  type RepositorySurvey,
  type SociArtifact,
  type UnreadManifest,
} from "./lifecycle/repository-survey.ts";
export {
  describePruneStep,
  planPrune,
  type KeptArtifact,
  type PruneOptions,
  type PrunePlan,
  type PruneReason,
  type PruneStep,
} from "./lifecycle/plan-prune.ts";
export {
  executePrune,
  PRUNE_OUTCOMES,
  type ExecuteOptions,
  type PruneEvent,
  type PruneOutcome,
  type PrunePorts,
  type PruneResult,
  type PruneStepResult,
} from "./lifecycle/execute-prune.ts";
