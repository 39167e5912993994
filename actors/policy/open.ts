// Opens a run's policy from its checkpoint folder: for Rollout, for the learner, and for the head,
// which only has to name what the run starts from.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type RunConfig, rolloutDevices } from "../../config/index.ts";
import { assert, type Device, type HashName, hashName, parseDevice } from "../../events/index.ts";
import {
  type AdamState,
  initialAdamState,
  openPolicy,
  openTokenizer,
  type Role,
  readConfig,
  readPreprocessor,
  requireVocabulary,
  TensorCodec,
  type Tuning,
  trainableParameters,
} from "../../model/index.ts";
import { ImageStore } from "../images.ts";
import {
  adamOptimizer,
  modelTrainer,
  type PolicyOptimizer,
  type PolicyTrainer,
} from "../learner/index.ts";
import {
  type ChatServer,
  chatPolicyBytes,
  chatServer,
  type Encoder,
  modelEncoder,
  modelSampler,
  openChatPolicy,
  type PolicySampler,
  serverEngine,
} from "../rollout/index.ts";
import { givenPolicy } from "./given.ts";
import { openEnginePolicy } from "./open-engine.ts";
import { vocabularyOf } from "./vocabulary.ts";

type ReadBlob = (name: HashName) => Promise<Uint8Array | null>;

/** What is trained, as the model room puts it. */
export function tuningOf({ tune, run }: RunConfig): Tuning {
  const scope = tune.vision ? ("all" as const) : ("language" as const);
  if (tune.type === "full") return { type: "full", scope };
  return { type: "lora", rank: tune.rank, alpha: tune.alpha, seed: run.seed, scope };
}

/** Rollout's half of a policy. */
export interface RolloutPolicy {
  readonly sampler: PolicySampler;
  readonly encoder: Encoder;
  close(): Promise<void>;
}

/** The learner's half of a policy. */
export interface LearnerPolicy {
  readonly trainer: PolicyTrainer;
  readonly optimizer: PolicyOptimizer<AdamState>;
  close(): Promise<void>;
}

/** What a run starts from; the bytes are to be stored as blobs. */
export interface InitialPolicy {
  /** Names the checkpoint folder: every file that decides what comes out. */
  readonly base: HashName;
  readonly policy: Uint8Array;
  readonly optimizer: Uint8Array;
}

/**
 * Opens the policy for sampling. `readBlob` gives images.
 *
 * @param apiKey of the server that samples, where there is one that wants a key
 * @param device of this worker; by default the first that the configuration names
 */
export async function openRolloutPolicy(
  config: RunConfig,
  readBlob: ReadBlob,
  apiKey?: string,
  device: Device = parseDevice(rolloutDevices(config)[0] ?? "cpu"),
): Promise<RolloutPolicy> {
  const server = chatServer(config);
  if (server !== null) return openChatPolicy(server, readBlob, apiKey);
  const engine = serverEngine(config);
  if (engine !== null) {
    return openEnginePolicy({ config, engine, tuning: tuningOf(config), readBlob, apiKey });
  }
  const { threads, rowsMax } = config.rollout;
  const opened = await open(config, readBlob, ["vision", "generate"], { threads, device });
  const { policy, tokenizer, images } = opened;
  return {
    sampler: modelSampler({ ...opened, rowsMax }),
    encoder: modelEncoder(tokenizer, images),
    close: () => policy.close(),
  };
}

/** What reads stored weights and steps them. */
export interface StoredWeights {
  readonly trainer: Pick<PolicyTrainer, "decodePolicy" | "encodePolicy">;
  readonly optimizer: PolicyOptimizer<AdamState>;
}

/**
 * The weights of a run from what it stored, without its checkpoint and without an engine.
 *
 * @param policy any policy of the run
 */
export function storedWeights(config: RunConfig, policy: Uint8Array): StoredWeights {
  const codec = TensorCodec.ofStored(policy, "a stored policy");
  return {
    trainer: {
      encodePolicy: (tensors) => codec.encode(tensors),
      decodePolicy: (bytes) => codec.decode(bytes, "a stored policy"),
    },
    optimizer: adamOptimizer(codec, adamSettings(config)),
  };
}

function adamSettings({ learner }: RunConfig) {
  const { beta1, beta2, epsilon, weightDecay, gradientNormMax } = learner;
  return { beta1, beta2, epsilon, weightDecay, gradientNormMax };
}

/** Opens the policy for learning. `readBlob` gives images. */
export async function openLearnerPolicy(
  config: RunConfig,
  readBlob: ReadBlob,
): Promise<LearnerPolicy> {
  const { device, threads, microRows } = config.learner;
  const opened = await open(config, readBlob, ["vision", "learn"], {
    threads,
    device: parseDevice(device),
  });
  return {
    trainer: modelTrainer({ ...opened, rowsMax: microRows }),
    optimizer: adamOptimizer(opened.codec, adamSettings(config)),
    close: () => opened.policy.close(),
  };
}

/** Names and encodes what the run starts from, without an engine. */
export async function initialPolicy(config: RunConfig): Promise<InitialPolicy> {
  const server = chatServer(config);
  if (server !== null) return describedPolicy(server);
  const { directory } = config.model;
  const tuning = tuningOf(config);
  const opened = await openPolicy({ directory, tuning, threads: 1, roles: [] });
  // Workers would find this, too, but only after the run has begun.
  requireVocabulary(directory, await openTokenizer(directory), opened.config);
  await readPreprocessor(directory, opened.config.vision);
  const trained = trainableParameters(opened.config, tuning);
  const codec = new TensorCodec(trained);
  const parameters = new Map(
    trained.map(({ name }) => {
      const values = opened.trainable.get(name);
      assert(values !== undefined, `the trained parameter ${name} was read`);
      return [name, values];
    }),
  );
  await opened.close();
  return {
    base: await checkpointHash(directory),
    policy: (await givenPolicy(config, opened.config, codec)) ?? codec.encode(parameters),
    optimizer:
      config.run.steps === 0 ? noOptimizer : codec.encodeAdam(initialAdamState(parameters)),
  };
}

/** Of a run that learns nothing. */
export const noOptimizer = Buffer.from("none\n");

/** What an evaluation starts from whose model only a server has. */
function describedPolicy(server: ChatServer): InitialPolicy {
  const policy = chatPolicyBytes(server);
  return { base: hashName(policy), policy, optimizer: noOptimizer };
}

async function open(
  config: RunConfig,
  readBlob: ReadBlob,
  roles: readonly Role[],
  place: { readonly threads: number; readonly device: Device },
) {
  const { directory } = config.model;
  const tuning = tuningOf(config);
  const tokenizer = await openTokenizer(directory);
  const model = await readConfig(directory);
  requireVocabulary(directory, tokenizer, model);
  const images = new ImageStore(await readPreprocessor(directory, model.vision), readBlob);
  const keeping = memoryChoices(config);
  const policy = await openPolicy({ directory, tuning, ...place, roles, ...keeping });
  const codec = new TensorCodec(trainableParameters(model, tuning));
  return { policy, tokenizer, images, codec, ...vocabularyOf(tokenizer, model) };
}

/** Choices of memory against time; the numbers are the same. */
function memoryChoices({ learner, rollout }: RunConfig) {
  const { recompute } = learner;
  const { widening } = rollout;
  if (recompute === undefined) return { widening };
  return { widening, recompute: recompute ? ("segments" as const) : ("none" as const) };
}

const weighty = /\.(json|safetensors|jinja|txt)$/;

/** A file of a checkpoint folder. */
export interface CheckpointFile {
  readonly file: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The files of a checkpoint folder that matter. */
export async function checkpointFiles(directory: string): Promise<readonly CheckpointFile[]> {
  const names = (await readdir(directory)).filter((file) => weighty.test(file)).sort();
  const files: CheckpointFile[] = [];
  for (const file of names) {
    const path = join(directory, file);
    files.push({ file, bytes: (await stat(path)).size, sha256: await hashFile(path) });
  }
  return files;
}

/** One name for all files of a checkpoint: the `base` of a run. */
export function checkpointName(
  files: readonly Pick<CheckpointFile, "file" | "sha256">[],
): HashName {
  return hashName(Buffer.from(files.map(({ file, sha256 }) => `${sha256}  ${file}`).join("\n")));
}

/** The name of the checkpoint in a folder. */
export async function checkpointHash(directory: string): Promise<HashName> {
  return checkpointName(await checkpointFiles(directory));
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
