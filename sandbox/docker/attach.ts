// Standard input and output of a container as one raw connection. The client library's own request
// carries a body, which Docker skips and Podman hands to the container as the start of its input.
import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import type { Duplex } from "node:stream";
import type { Engine } from "./engine.ts";

const query = "stream=1&stdin=1&stdout=1&stderr=1";

/** Attaches to a container that was created, and may not have been started yet. */
export function attach({ place }: Engine, id: string): Promise<Duplex> {
  const request = place.protocol === "https:" ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const asked = request({
      ...place,
      method: "POST",
      path: `/containers/${id}/attach?${query}`,
      headers: { Connection: "Upgrade", Upgrade: "tcp", "Content-Length": 0 },
    });
    asked.once("upgrade", (_, stream: Duplex, head: Buffer) => {
      if (head.length > 0) stream.unshift(head);
      resolve(stream);
    });
    asked.once("response", (answer) => {
      answer.resume();
      const refusal = new Error(`attaching to ${id}: HTTP ${answer.statusCode}`);
      reject(Object.assign(refusal, { statusCode: answer.statusCode }));
    });
    asked.once("error", reject);
    asked.end();
  });
}
