// What a lesson is: a question about an image, and the messages that follow it.
import type { GreyImage } from "./image.ts";

/**
 * How much of an agent's message is learnt: all of it, only its action (not the thought before it),
 * only its form (the words of the answer are wrong or a guess), or nothing (it is there to be
 * looked at).
 */
export type Loss = "all" | "action" | "form" | "none";

/** One message of a lesson. */
export type Message =
  | { readonly role: "agent"; readonly text: string; readonly loss: Loss }
  | { readonly role: "environment"; readonly text: string; readonly image: GreyImage | null };

/** A question about an image (or none) and the messages that follow it. */
export interface Lesson {
  readonly image: GreyImage | null;
  readonly question: string;
  readonly messages: readonly Message[];
}

/** What the agent says. */
export const agent = (text: string, loss: Loss = "all"): Message => ({ role: "agent", text, loss });

/** What the agent is told or shown. */
export const environment = (text: string, image: GreyImage | null = null): Message => ({
  role: "environment",
  text,
  image,
});
