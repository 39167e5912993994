// What can go wrong with a reward because of the world. None of it is ever a reward of 0.
import { RetryableError, TerminalError } from "../../events/index.ts";

/** A person's own reward module that cannot be loaded, or that failed on a trajectory. */
export class RewardModuleError extends TerminalError {
  constructor(fault: ModuleFault, options: ErrorOptions = {}) {
    const { path, what, trajectory } = fault;
    const where = trajectory === undefined ? "" : ` on ${trajectory}`;
    const facts = { path, ...(trajectory !== undefined && { trajectory }) };
    super("reward-module", `reward module ${path}${where}: ${what}`, { ...options, facts });
  }
}

interface ModuleFault {
  readonly path: string;
  readonly what: string;
  readonly trajectory?: string;
}

/** The server of `reward.judge` does not answer now. */
export class AnswerJudgeBusyError extends RetryableError {
  constructor(request: string, reason: string, options: ErrorOptions = {}) {
    const mend = "start the server, or mend reward.judge.url";
    super("answer-judge-busy", `${request}: ${reason}; ${mend}`, options);
  }
}

/** It refuses what it is asked, or says what is no verdict. */
export class AnswerJudgeError extends TerminalError {
  constructor(request: string, reason: string, options: ErrorOptions = {}) {
    super("answer-judge", `${request}: ${reason}`, options);
  }
}

/** A component lacks what it needs: a key, a file. */
export class RewardSetupError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("reward-setup", message, options);
  }
}
