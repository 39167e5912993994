// `varft logs`: the events of a run, one line each.
export { logs } from "./logs.ts";
