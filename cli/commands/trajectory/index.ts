// `varft trajectory`: an episode as a person reads it.
export { trajectory } from "./trajectory.ts";
