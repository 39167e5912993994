// The protocol for real models: the published instructions and tips, then message by message. What
// the reference keeps from the model it is told here, such as why a program failed; what comes from
// outside can forge no tag.
import {
  type Asked,
  type EnvironmentText,
  type EnvironmentWords,
  imageMark,
  questioned,
  textOnly,
} from "./environment-text.ts";
import {
  escapeProtocolTags,
  escapeTags,
  instructionsOf,
  parseAction,
  publishedTips,
} from "./protocol/index.ts";

/** Characters of a failure's reason that are shown. */
const failureCharactersMax = 400;

const tips = (text: string): string => `<tips> ${text} </tips>`;

const noCallsLeft = tips("No tool call is left. Please provide the answer now.");
const processed = tips("The program has run. This is the processed image.");

/** The prompt: instructions, then the query, or what a teacher said up to this step. */
function chatPrompt(asked: Asked): EnvironmentText {
  const query = `<query> ${escapeProtocolTags(asked.question)} </query>`;
  return questioned(asked, `${instructionsOf(asked.task)}\n${asked.step?.prompt ?? query}`);
}

/** The environment of `protocol = "chat"`. */
export const chatEnvironment: EnvironmentWords = {
  parseAction,
  prompt: chatPrompt,

  reply(_task, action) {
    return textOnly(
      action.kind === "problem" ? publishedTips([...action.problems].sort()) : noCallsLeft,
    );
  },

  report(_task, { tool, cause, text, image }) {
    if (tool === "search") return textOnly(text);
    if (image !== null) return { text: `${imageMark}${processed}`, images: [image] };
    const reason = escapeTags((text === "" ? cause : text).slice(0, failureCharactersMax));
    return textOnly(
      tips(
        `The program gave no image: ${reason}. The image is unchanged; please correct the code.`,
      ),
    );
  },
};

/** A search's hits, each escaped, numbered and apart. */
export function chatInformation(passages: readonly string[]): string {
  if (passages.length === 0) return "<information> Nothing was found. </information>";
  const hits = passages.map((passage, index) => `${index + 1}. ${escapeTags(passage)}`);
  return `<information> ${hits.join("\n")} </information>`;
}
