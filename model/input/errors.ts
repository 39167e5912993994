// Faults of what comes in: checkpoint folders, tokenizers, images and prompts. All are terminal:
// the same bytes fail again, so nobody retries them.
import { TerminalError } from "../../events/index.ts";

/** A file of a checkpoint folder is missing, damaged or contradicts another one. */
export class CheckpointError extends TerminalError {}

/** A tokenizer or chat template that cannot be read, or text and ids it cannot express. */
export class TokenizerError extends TerminalError {}

/** Bytes that are not an image we read, or an image outside the limits. */
export class ImageError extends TerminalError {}

/** Token ids and images of one prompt that do not fit together. */
export class PromptError extends TerminalError {}
