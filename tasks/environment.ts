// What stands on the other side of the policy in an episode: the prompt, and the words that follow
// an action or a tool's answer. Pure; images are named by hash and stand where `<image>` stands.
import { chatEnvironment, chatInformation } from "./chat-environment.ts";
import { type EnvironmentWords, imageMark, questioned, textOnly } from "./environment-text.ts";
import {
  informationOf,
  parseAction,
  publishedInformation,
  textWithImage,
  tipsAfterFailure,
  tipsAfterProblem,
  tipsNoCallsLeft,
} from "./protocol/index.ts";
import { referenceEnvironment, withCropOracle } from "./reference/index.ts";

/** Characters of a failure's reason that are shown: a turn's context is short. */
const failureCharactersMax = 48;

/** The environment of Visual-ARFT's protocol with the mini benchmark's short words. */
export const environment: EnvironmentWords = {
  parseAction,
  prompt: (task) => questioned(task, task.question),

  reply(_task, action) {
    return textOnly(
      action.kind === "problem" ? tipsAfterProblem(action.problems) : tipsNoCallsLeft,
    );
  },

  report(_task, { tool, cause, text, image }) {
    if (tool === "search") return textOnly(text);
    if (image === null) {
      const reason = text === "" ? cause : text;
      return textOnly(tipsAfterFailure(reason.slice(0, failureCharactersMax)));
    }
    return { text: `${imageMark}${textWithImage}`, images: [image] };
  },
};

/** The name of a protocol. */
export type ProtocolName = "chat" | "reference" | "short";

const protocols = {
  chat: { environment: chatEnvironment, informationOf: chatInformation },
  reference: { environment: referenceEnvironment, informationOf: publishedInformation },
  short: { environment, informationOf },
} as const;

/** The environment of a protocol; with the reference's crop where that is asked for. */
export function environmentOf(
  name: ProtocolName,
  cropOracle: "off" | "reference" = "off",
): EnvironmentWords {
  const found = protocols[name].environment;
  return cropOracle === "reference" ? withCropOracle(found) : found;
}

/** How a protocol words the hits of a search. */
export const informationWords = (name: ProtocolName): ((passages: readonly string[]) => string) =>
  protocols[name].informationOf;
