// `varft trajectory RUN ID`: a readable transcript, its images written beside it.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createColors } from "picocolors";
import { type EventData, type HashName, parseTrajectory } from "../../../events/index.ts";
import { recordedTask } from "../../../replay/index.ts";
import type { LedgerReader } from "../../../storage/index.ts";
import type { Command } from "../../command.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { runDirectory, withRun } from "../../run/index.ts";
import { type Transcript, transcriptImages, transcriptOf } from "./transcript.ts";
import { transcriptLines } from "./transcript-view.ts";

export const trajectory: Command = {
  name: "trajectory",
  about: "Read one trajectory, turn by turn",
  args: {
    run: { type: "positional", description: "Name of the run" },
    id: { type: "positional", description: "STEP.GROUP.SAMPLE, or eN.GROUP.SAMPLE" },
    out: { type: "string", valueHint: "DIR", description: "Folder for transcript and images" },
  },
  async run(words, { terminal, json, runs }) {
    const run = words.required("run");
    const id = words.required("id");
    return withRun(runs, run, async (reader, name) => {
      const stream = id.startsWith("trajectory/") ? id : `trajectory/${name}/${id}`;
      const transcript = await readTranscript(reader, name, stream);
      const place = join(await runDirectory(runs, run), "trajectories", shortId(stream));
      const directory = words.text("out") ?? place;
      const images = await writeImages(reader, transcript, directory);
      const { codePoints } = transcript;
      const decode = codePoints ? await codePointDecoder() : await decoderOf(reader, name);
      const unit = codePoints ? { unit: "characters and marks" } : {};
      const plain = { colors: createColors(false), decode, images, ...unit };
      const text = `${transcriptLines(transcript, plain).join("\n")}\n`;
      await writeFile(join(directory, "transcript.txt"), text);
      if (json) terminal.out(`${JSON.stringify(jsonOf(transcript, decode, directory, images))}\n`);
      else {
        const colored = transcriptLines(transcript, { ...plain, colors: terminal.colors });
        terminal.out(`${colored.join("\n")}\n\nWritten to ${directory}\n`);
      }
      return 0;
    });
  },
};

function shortId(stream: string): string {
  return stream.slice(stream.lastIndexOf("/") + 1);
}

async function readTranscript(
  reader: LedgerReader,
  run: string,
  stream: string,
): Promise<Transcript> {
  const name = parseTrajectory(stream);
  if (name === null) {
    throw new UsageError(
      `"${shortId(stream)}" names no trajectory: write STEP.GROUP.SAMPLE, such as 1.0.0, or e0.0.0`,
    );
  }
  const events = await reader.readStream(stream);
  if (events.length === 0) {
    const prefix = `trajectory/${run}/${name.step}.`;
    const others = (await reader.listStreams(prefix)).slice(0, 3).map(shortId);
    const mend =
      others.length === 0 ? "that step was not played" : `there are ${others.join(", ")}, …`;
    throw new NotFoundError(`there is no trajectory ${shortId(stream)} in ${run}: ${mend}`);
  }
  const task = await recordedTask(reader, run, name);
  return transcriptOf(stream, events, task, await rewardOf(reader, run, stream));
}

async function rewardOf(
  reader: LedgerReader,
  run: string,
  stream: string,
): Promise<EventData<"reward.assigned"> | null> {
  for (const { data } of await reader.readStream(`judge/${run}`)) {
    const reward = data as EventData<"reward.assigned">;
    if (reward.trajectory === stream) return reward;
  }
  return null;
}

async function writeImages(
  reader: LedgerReader,
  transcript: Transcript,
  directory: string,
): Promise<ReadonlyMap<HashName, string>> {
  await mkdir(directory, { recursive: true });
  const written = new Map<HashName, string>();
  for (const [image, name] of transcriptImages(transcript)) {
    const bytes = await reader.blobs.get(image);
    if (bytes === null) continue;
    const file = `${name}.${bytes[0] === 0xff ? "jpg" : "png"}`;
    await writeFile(join(directory, file), bytes);
    written.set(image, file);
  }
  return written;
}

async function codePointDecoder(): Promise<(ids: Int32Array) => string> {
  const { showCodePoints } = await import("../../../actors/index.ts");
  return showCodePoints;
}

/** The checkpoint's tokenizer, where the folder that the run names is still there. */
async function decoderOf(
  reader: LedgerReader,
  run: string,
): Promise<((ids: Int32Array) => string) | null> {
  const [started] = await reader.readStream(`run/${run}`, 1, 1);
  const config = (started?.data as EventData<"run.started"> | undefined)?.config;
  const model = config?.["model"] as { readonly directory?: string } | undefined;
  if (model?.directory === undefined) return null;
  try {
    const { openTokenizer } = await import("../../../model/index.ts");
    const tokenizer = await openTokenizer(model.directory);
    return (ids) => tokenizer.decode(ids);
  } catch {
    // A transcript without its words is still worth reading; the lines say that they are missing.
    return null;
  }
}

function jsonOf(
  transcript: Transcript,
  decode: ((ids: Int32Array) => string) | null,
  directory: string,
  images: ReadonlyMap<HashName, string>,
) {
  const spoken = (ids: Int32Array) => ({ ids: [...ids], text: decode?.(ids) ?? null });
  const { prompt, retrieved, turns, ...rest } = transcript;
  const said = (words: Transcript["prompt"]) =>
    words === null ? null : { ...spoken(words.ids), images: words.images };
  return {
    ...rest,
    prompt: said(prompt),
    retrieved: retrieved && { ...retrieved, prompted: said(retrieved.prompted) },
    turns: turns.map(({ ids, prompted, ...turn }) => ({
      ...turn,
      ...spoken(ids),
      prompted: said(prompted),
    })),
    directory,
    images: Object.fromEntries(images),
  };
}
