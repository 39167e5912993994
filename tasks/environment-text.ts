// What every protocol's environment is made of: its words, and what they are about.
import type { HashName } from "../events/index.ts";
import type { Action } from "./protocol/index.ts";

/** Text with one `imageMark` per image, in order. */
export interface EnvironmentText {
  readonly text: string;
  readonly images: readonly HashName[];
}

/** Where an image stands in a text. */
export const imageMark = "<image>";

/** The answer of a tool, as far as the model gets to see it. */
export interface ToolReport {
  readonly tool: "python" | "search";
  readonly cause: string;
  readonly text: string;
  readonly image: HashName | null;
}

/** The prompt's source: the question and the image of a task, or a step of a teacher. */
export interface Asked {
  readonly task: "coding" | "search";
  readonly question: string;
  readonly image: HashName | null;
  readonly step?: { readonly prompt: string } | undefined;
}

/** A turn of the model, and what a tool answered to it. */
export interface SaidTurn {
  readonly text: string;
  readonly answer: ToolReport | null;
}

/** The environment's side of a protocol. Pure. */
export interface EnvironmentWords {
  /** Total: text of any kind gives an action. */
  readonly parseAction: (text: string) => Action;
  /** The first message. */
  prompt(task: Asked): EnvironmentText;
  /** What follows an action that calls no tool. */
  reply(task: Asked, action: Action): EnvironmentText;
  /** What follows a tool's answer. */
  report(task: Asked, report: ToolReport): EnvironmentText;
  /** Where present: the one message that takes the place of all before it. */
  readonly grow?: (task: Asked, turns: readonly SaidTurn[]) => EnvironmentText;
  /** Where present: the program that is run in the place of the last turn's. */
  readonly programFor?: (task: Asked, turns: readonly SaidTurn[], program: string) => string;
}

export const textOnly = (text: string): EnvironmentText => ({ text, images: [] });

/** A message that begins with the task's image, where it has one. */
export const questioned = ({ image }: Asked, text: string): EnvironmentText =>
  image === null ? textOnly(text) : { text: `${imageMark}${text}`, images: [image] };
