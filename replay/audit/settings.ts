// What the checks need of a run's recorded configuration. A configuration of another version, or
// one that somebody changed, may lack a key: then that bound is not checked.
import type { Book } from "./book.ts";

export interface AuditSettings {
  readonly strict: boolean;
  readonly turnsMax: number;
  readonly callsMax: number;
  readonly turnTokensMax: number;
  readonly contextTokensMax: number;
  readonly minibatches: number;
  readonly mismatchMax: number;
  /** How advantages are made: `learner.advantage`. */
  readonly advantage: string | null;
  /** Whether trajectories that a limit cut off are left out of minibatches. */
  readonly maskTruncated: boolean;
  /** Steps that the policy of rollouts lies behind the newest: `rollout.policyLag`. */
  readonly policyLag: number;
}

const none = Number.POSITIVE_INFINITY;
const known = new WeakMap<object, AuditSettings>();
const unknown: AuditSettings = read({});

/** The settings of the run that `book` is about. */
export function settingsOf({ run }: Book): AuditSettings {
  if (run === null) return unknown;
  const settings = known.get(run) ?? read(run.config);
  known.set(run, settings);
  return settings;
}

function read(config: Readonly<Record<string, unknown>>): AuditSettings {
  const rollout = section(config["rollout"]);
  const learner = section(config["learner"]);
  const kind = section(learner["advantage"])["type"];
  return {
    strict: config["determinism"] === "strict",
    turnsMax: bound(rollout["turnsMax"]),
    callsMax: bound(rollout["callsMax"]),
    turnTokensMax: bound(rollout["turnTokensMax"]),
    contextTokensMax: bound(rollout["contextTokensMax"]),
    minibatches: bound(learner["minibatches"]),
    mismatchMax: bound(learner["mismatchMax"]),
    advantage: typeof kind === "string" ? kind : null,
    maskTruncated: learner["maskTruncated"] === true,
    policyLag: typeof rollout["policyLag"] === "number" ? rollout["policyLag"] : 0,
  };
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
}

function bound(value: unknown): number {
  return typeof value === "number" ? value : none;
}
