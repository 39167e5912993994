// Words that several commands take, and how each is read.
export { deviceArg, deviceWord } from "./device-word.ts";
export { anyNumber, wholeNumber } from "./number-words.ts";
export { type StepRange, sampleShare, stepRange } from "./step-words.ts";
