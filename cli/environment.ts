// The variables that the commands read, besides what `main.ts` asks for itself.

type Variables = Readonly<Record<string, string | undefined>>;

/** Holds the token of `bus.url`. */
export const busTokenVariable = "VARFT_BUS_TOKEN";

/** The Docker engine that the environment names; none: the default one. */
export function engineSocket(env: Variables): { readonly socket?: string } {
  const host = env["DOCKER_HOST"];
  return host === undefined ? {} : { socket: host.replace(/^unix:\/\//, "") };
}
