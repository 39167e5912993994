// The agent's protocol: what a turn may say, and what the environment says back.
export type { Action } from "./actions.ts";
export { parseAction } from "./actions.ts";
export {
  codingInstructions,
  instructionsOf,
  publishedInformation,
  publishedTips,
  searchInstructions,
} from "./instructions.ts";
export type { Problem } from "./problems.ts";
export { problems } from "./problems.ts";
export {
  escapeProtocolTags,
  escapeTags,
  informationOf,
  sayAnswer,
  sayCode,
  sayProblem,
  saySearch,
  textWithImage,
  tipsAfterFailure,
  tipsAfterProblem,
  tipsNoCallsLeft,
} from "./turns.ts";
