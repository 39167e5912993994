// What an event tells in a few words, type by type. Pure.
//
// Invariant: text of models, programs and files moves no cursor and breaks no line.
import type { EventData, EventEnvelope, EventType, Sampling } from "../../../events/index.ts";
import { withoutSteering } from "../../terminal.ts";
import { duration, short, shortHash, thousands } from "../../text/index.ts";

/** How much of a text is told, in characters. */
const textCharsMax = 100;
/** How much of it is looked at for that: blanks become one. */
const scannedCharsMax = 1_000;

/** The telling fields of an event of this vocabulary; empty words are left out. */
export function eventWords({ type, data }: Pick<EventEnvelope, "type" | "data">): string {
  const tell = wordsOf[type as EventType] as (data: unknown) => readonly string[];
  return tell(data)
    .filter((word) => word !== "")
    .join(" · ");
}

type WordsOf = { readonly [T in EventType]: (data: EventData<T>) => readonly string[] };

/** A new type of event does not compile before it has its words here. */
const wordsOf: WordsOf = {
  "run.started": ({ seed, policy, parent, observed }) => [
    seen(observed, "varft", (version) => `varft ${version}`),
    `seed ${seed}`,
    policyWord(policy),
    parent === undefined ? "" : `fork of ${parent.run}, behind its event ${parent.seq}`,
  ],
  "step.planned": ({ step, tasks, samples, sampling, policy }) => [
    `step ${step}`,
    `${count(tasks.length, "group")} of ${samples}`,
    samplingWord(sampling),
    policyWord(policy),
  ],
  "evaluation.planned": ({ tasks, ...rest }) => evaluationWords(rest, tasks),
  "evaluation.started": ({ tasks, ...rest }) => evaluationWords(rest, tasks.length),
  "evaluation.completed": ({ evaluation, name, policy, summary: { n, em, f1, format } }) => [
    `evaluation ${evaluation}, ${name}`,
    `exact match ${percent(em)}`,
    `F1 ${percent(f1)}`,
    `format ${percent(format)}`,
    `of ${thousands(n)}`,
    policyWord(policy),
  ],
  "run.completed": ({ steps, policy }) => [count(steps, "step"), policyWord(policy)],
  "trajectory.started": ({ task, ids, images, units, policy }) => [
    `task ${oneLine(task)}`,
    count(ids.length, units === undefined ? "token" : "character"),
    imagesWord(images.length),
    policyWord(policy),
  ],
  "turn.sampled": ({ turn, ids, entropy, unscored, finish, policy }) => [
    `turn ${turn}`,
    count(ids.length, "token"),
    unscored ? "no log-probs" : `entropy ${short(entropy)}`,
    finish === "length" ? "cut at the token limit" : "",
    policyWord(policy),
  ],
  "tool.called": ({ turn, tool, input }) => [`turn ${turn}`, tool, oneLine(input)],
  "tool.returned": ({ turn, tool, cause, text, image, observed }) => [
    `turn ${turn}`,
    tool,
    cause,
    oneLine(text),
    imagesWord(image === null ? 0 : 1),
    typeof observed?.["wallMs"] === "number" ? `${short(observed["wallMs"])} ms` : "",
  ],
  "turn.prompted": ({ turn, ids, images }) => [
    `turn ${turn}`,
    count(ids.length, "token"),
    imagesWord(images.length),
  ],
  "trajectory.ended": ({ cause, answer, turns, calls }) => [
    answer === null ? cause : `${cause}: ${oneLine(answer)}`,
    count(turns, "turn"),
    count(calls, "call"),
  ],
  "reward.assigned": ({ trajectory, reward, components }) => [
    trajectory.split("/").at(-1) ?? trajectory,
    `reward ${short(reward)}`,
    components.map(({ name, value }) => `${name} ${short(value)}`).join(", "),
  ],
  "batch.assembled": ({ step, trajectories, droppedGroups, surplusGroups, minibatches }) => [
    `step ${step}`,
    trajectories.length === 1 ? "1 trajectory" : `${thousands(trajectories.length)} trajectories`,
    droppedGroups.length === 0 ? "" : `${count(droppedGroups.length, "group")} without spread`,
    surplusGroups === undefined ? "" : `${count(surplusGroups.length, "group")} too many`,
    minibatches.length === 1 ? "1 minibatch" : `${minibatches.length} minibatches`,
  ],
  "gradient.computed": ({ step, minibatch, tokens, loss, klOld, gradientNorm, ...rest }) => [
    `step ${step}`,
    `minibatch ${minibatch}`,
    count(tokens, "token"),
    `loss ${short(loss)}`,
    `KL from before ${short(klOld)}`,
    `norm ${short(gradientNorm)}`,
    `mismatch ${short(rest.mismatchMax)}`,
    `rate ${short(rest.learningRate)}`,
  ],
  "policy.updated": ({ step, policyBefore, policyAfter }) => [
    `step ${step}`,
    `policy ${shortHash(policyBefore)} → ${shortHash(policyAfter)}`,
  ],
  "actor.registered": ({ role, numericClass, observed }) => [
    role,
    numericClass.device,
    seen(observed, "pid", (pid) => `process ${pid}`),
    seen(observed, "host", (host) => `on ${host}`),
  ],
  "actor.ended": ({ role, cause }) => [role, oneLine(cause)],
  "sandbox.opened": ({ level, size }) => [level, `at most ${count(size, "container")}`],
  "sandbox.resized": ({ from, to, cause }) => [`${from} → ${count(to, "container")}`, cause],
  "container.lost": ({ during, cause }) => [`during ${during}`, oneLine(cause)],
  "container.replaced": ({ waitMs }) => [`after ${duration(waitMs / 1_000)}`],
  "sandbox.drained": ({ opened, lost, executions }) => [
    `${count(opened, "container")} opened`,
    `${lost} lost`,
    count(executions, "execution"),
  ],
  "blobs.pruned": ({ rule, names }) => [oneLine(rule), count(names.length / 32, "blob")],
};

interface EvaluationFacts {
  readonly evaluation: number;
  readonly name: string;
  readonly policy: string;
  readonly sampling: Sampling;
  readonly samples: number;
}

function evaluationWords(facts: EvaluationFacts, tasks: number): readonly string[] {
  const { evaluation, name, policy, sampling, samples } = facts;
  const each = samples === 1 ? "" : `, ${samples} times each`;
  const which = `evaluation ${evaluation}, ${name}`;
  return [which, count(tasks, "task") + each, samplingWord(sampling), policyWord(policy)];
}

function samplingWord({ greedy, temperature, tools, mode }: Sampling): string {
  const how = greedy ? "greedy" : `temperature ${temperature}`;
  return how + (mode === undefined ? "" : `, asked ${mode}`) + (tools ? "" : ", tools off");
}

function policyWord(policy: string): string {
  return `policy ${shortHash(policy)}`;
}

function imagesWord(images: number): string {
  return images === 0 ? "" : count(images, "image");
}

function count(value: number, one: string): string {
  return `${thousands(value)} ${one}${value === 1 ? "" : "s"}`;
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

/** What was merely observed may be there or not. */
function seen(
  observed: Readonly<Record<string, unknown>> | undefined,
  key: string,
  tell: (value: string | number) => string,
): string {
  const value = observed?.[key];
  return typeof value === "string" || typeof value === "number" ? oneLine(tell(value)) : "";
}

/** The beginning of a text, on one line. */
function oneLine(text: string): string {
  const beginning = text.slice(0, scannedCharsMax).replaceAll(/\s+/g, " ").trim();
  const characters = [...withoutSteering(beginning)];
  if (characters.length <= textCharsMax && text.length <= scannedCharsMax) {
    return characters.join("");
  }
  return `${characters.slice(0, textCharsMax - 1).join("")}…`;
}
