// The auditor's second thread: follows the bytes of a ledger beside the one that reads what they
// say. Started by `two-threads.ts`, never by a person.
import { parentPort, workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
const { followInThread } = await import("./two-threads.ts");
parentPort?.postMessage(await followInThread(workerData));
