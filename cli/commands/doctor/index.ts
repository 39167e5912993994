// `varft doctor`: what this host has and lacks.
export { doctor } from "./doctor.ts";
