// The generated mini benchmark.
export { demonstrate } from "./demonstrations.ts";
export type { Passage } from "./facts.ts";
export { miniCorpus } from "./facts.ts";
export type { GreyImage } from "./image.ts";
export { pixelError } from "./image.ts";
export { pairs, pairsKeptOut, pairsTrained } from "./kinds.ts";
export type { Lesson, Loss, Message } from "./lesson.ts";
export type { Mixture, MixtureName } from "./mixture.ts";
export { drawKind, mixtures } from "./mixture.ts";
export type { PerceptionMix } from "./perception.ts";
export { fieldLesson, perceive } from "./perception.ts";
export { programOf, repairMenu, rightRepair } from "./programs.ts";
export type { Split } from "./split.ts";
export { splitOf } from "./split.ts";
export type { CodingRow, MiniTask, SearchRow } from "./task.ts";
export { drawTask, officialRow } from "./task.ts";
export type { TeacherFaults } from "./teacher.ts";
export { controlTokens, splitPattern, tagTokens, vocabularyCorpus } from "./vocabulary.ts";
