// A chat server as Rollout's sampler: the conversation goes out as messages, and what comes back is
// a turn without log-probs.
//
// 1. Its "policy" is the description of the server's model, by hash: a turn names what was asked.
// 2. Rows are independent: each turn is a request of its own.
import { assert, encodePng, type HashName, hashName } from "../../../events/index.ts";
import { decodeImage } from "../../../model/index.ts";
import type { PolicySampler, SampledTurn, TurnRequest } from "../ports.ts";
import type { ChatClient } from "./client.ts";
import { type ChatMessage, messagesOf, turnIds } from "./code-points.ts";
import { ChatServerError } from "./errors.ts";

/** Characters of a turn that are kept: an event has 256 KiB, four bytes for each. */
const turnCharactersMax = 40_000;
/** Images that are remembered as links, at most. */
const linksMax = 64;

export interface ChatSamplerOptions {
  readonly client: ChatClient;
  /** The model's name at the server. */
  readonly model: string;
  readonly tokensField: "max_tokens" | "max_completion_tokens";
  readonly rowsMax: number;
  /** The hash of the model's description. */
  readonly policy: HashName;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
}

export function chatSampler(options: ChatSamplerOptions): PolicySampler {
  const { client, model, tokensField, rowsMax, policy, readBlob } = options;
  const links = new Map<HashName, Promise<string>>();
  const linkOf = (name: HashName): Promise<string> => {
    const known = links.get(name);
    if (known !== undefined) return known;
    const [oldest] = links.keys();
    if (links.size >= linksMax && oldest !== undefined) links.delete(oldest);
    const link = readLink(name, readBlob);
    links.set(name, link);
    // A failure is not remembered: the next call tries again.
    link.catch(() => links.delete(name));
    return link;
  };
  const one = async (request: TurnRequest, temperature: number): Promise<SampledTurn> => {
    const messages = messagesOf(request.ids, request.images);
    const body = {
      model,
      messages: await Promise.all(messages.map((message) => written(message, linkOf))),
      temperature,
      [tokensField]: request.uniforms.length,
      ...(temperature === 0 ? {} : { seed: request.seed }),
    };
    const { text, finish, observed } = await client.complete(body, `${request.seed}`);
    const kept = wellFormed(text.slice(0, turnCharactersMax));
    const ended = text.length > turnCharactersMax ? "length" : finish;
    return {
      ids: turnIds(kept, ended),
      logProbs: new Float32Array(0),
      entropy: 0,
      finish: ended,
      unscored: true,
      observed,
    };
  };
  return {
    rowsMax,
    independent: true,
    async load(planned, bytes) {
      assert(planned === hashName(bytes), "a stored policy has the hash of its name");
      return policy;
    },
    sample: (requests, { temperature, greedy }) =>
      Promise.all(requests.map((request) => one(request, greedy ? 0 : temperature))),
  };
}

/** A message as the server takes it; one without images is plain text. */
async function written({ role, parts }: ChatMessage, linkOf: (name: HashName) => Promise<string>) {
  if (parts.every((part) => "text" in part)) {
    return { role, content: parts.map(({ text }) => text).join("") };
  }
  const content = parts.map(async (part) =>
    "text" in part
      ? { type: "text" as const, text: part.text }
      : { type: "image_url" as const, image_url: { url: await linkOf(part.image) } },
  );
  return { role, content: await Promise.all(content) };
}

const signatures: readonly (readonly [type: string, first: readonly number[]])[] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
];

/** An image as a data URL: as it is, where servers read such files, else as PNG. */
async function readLink(name: HashName, readBlob: ChatSamplerOptions["readBlob"]): Promise<string> {
  const bytes = await readBlob(name);
  if (bytes === null) throw new ChatServerError(`the image ${name} is not stored`);
  const known = signatures.find(([, first]) => first.every((byte, at) => bytes[at] === byte));
  if (known !== undefined) return dataUrl(known[0], bytes);
  const { data, width, height } = await decodeImage(bytes, { source: name });
  return dataUrl("image/png", await encodePng(data, { width, height, channels: 3 }));
}

function dataUrl(type: string, bytes: Uint8Array): string {
  return `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
}

/** Half of a surrogate pair is no character, and no codec takes it. */
function wellFormed(text: string): string {
  return text.replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    "\ufffd",
  );
}
