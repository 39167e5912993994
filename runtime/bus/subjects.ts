// The names of subjects, in one place.
import { SubjectError } from "./errors.ts";

/** Who is addressed. Use `run: "head"` for what belongs to the cluster and to no run. */
export interface Address {
  readonly cluster: string;
  readonly run: string;
  readonly actor: string;
}

const token = /^[A-Za-z0-9_-]{1,128}$/;

/** `varft.<cluster>.<run>.<actor>.<verb>`. Throws `SubjectError`. */
export function subjectOf({ cluster, run, actor }: Address, verb: string): string {
  for (const part of [cluster, run, actor, verb]) {
    if (!token.test(part)) throw new SubjectError(part);
  }
  return `varft.${cluster}.${run}.${actor}.${verb}`;
}

/**
 * Whether `subject` fits `pattern`, in which `*` stands for one token and a final `>` for the rest.
 */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const given = subject.split(".");
  for (const [index, part] of wanted.entries()) {
    if (part === ">") return given.length > index;
    if (index >= given.length || (part !== "*" && part !== given[index])) return false;
  }
  return wanted.length === given.length;
}
