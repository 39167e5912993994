// The variables that the commands read, besides what `main.ts` asks for itself.

import type { RunConfig } from "../config/index.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Holds the token of `bus.url`. */
export const busTokenVariable = "VARFT_BUS_TOKEN";

/** The Docker engine that the environment names; none: the default one. */
export function engineSocket(env: Variables): { readonly socket?: string } {
  const host = env["DOCKER_HOST"];
  return host === undefined ? {} : { socket: host.replace(/^unix:\/\//, "") };
}

/** The API key of the server that is searched, by the variable that the configuration names. */
export function searchKey({ search }: RunConfig, env: Variables): string | undefined {
  if (search.type === "bm25" || search.apiKeyVariable === undefined) return undefined;
  return env[search.apiKeyVariable]?.trim();
}

/** The API key of the server that samples, by the variable that the configuration names. */
export function engineKey({ rollout, policy }: RunConfig, env: Variables): string | undefined {
  if (policy?.type === "server") return env[policy.apiKeyVariable ?? ""];
  const { engine } = rollout;
  if (engine.type === "built-in" || engine.apiKeyVariable === undefined) return undefined;
  return env[engine.apiKeyVariable];
}
