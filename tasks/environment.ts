// What stands on the other side of the policy in an episode: the prompt, and the words that follow
// an action or a tool's answer. Pure; images are named by hash and stand where `<image>` stands.
import type { HashName } from "../events/index.ts";
import {
  type Action,
  parseAction,
  textWithImage,
  tipsAfterFailure,
  tipsAfterProblem,
  tipsNoCallsLeft,
} from "./protocol/index.ts";

/** Text with one `imageMark` per image, in order. */
export interface EnvironmentText {
  readonly text: string;
  readonly images: readonly HashName[];
}

/** Where an image stands in a text. */
export const imageMark = "<image>";

/** Characters of a failure's reason that are shown: a turn's context is short. */
const failureCharactersMax = 48;

/** The answer of a tool, as far as the model gets to see it. */
interface ToolReport {
  readonly tool: "python" | "search";
  readonly cause: string;
  readonly text: string;
  readonly image: HashName | null;
}

/** The prompt's source: the question and the image of a task. */
interface Asked {
  readonly question: string;
  readonly image: HashName | null;
}

const textOnly = (text: string): EnvironmentText => ({ text, images: [] });

/** The environment of Visual-ARFT's protocol with the mini benchmark's short words. */
export const environment = {
  parseAction,

  prompt: ({ question, image }: Asked): EnvironmentText =>
    image === null ? textOnly(question) : { text: `${imageMark}${question}`, images: [image] },

  reply(_task: Asked, action: Action): EnvironmentText {
    return textOnly(
      action.kind === "problem" ? tipsAfterProblem(action.problems) : tipsNoCallsLeft,
    );
  },

  report(_task: Asked, { tool, cause, text, image }: ToolReport): EnvironmentText {
    if (tool === "search") return textOnly(text);
    if (image === null) {
      const reason = text === "" ? cause : text;
      return textOnly(tipsAfterFailure(reason.slice(0, failureCharactersMax)));
    }
    return { text: `${imageMark}${textWithImage}`, images: [image] };
  },
} as const;
