// The sandbox on another engine than the host's: the contract, hostile programs, and that nothing
// is left. Where there can be no such engine, the reason is told in place of the suites.
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type DockerSandboxOptions,
  openDockerSandbox,
  sandboxImageTag,
} from "../../../sandbox/index.ts";
import { abuseSuite } from "../abuse/suite.ts";
import type { Abuse } from "../abuse/types.ts";
import { sandboxContract } from "../contract.ts";
import type { OwnEngine } from "./types.ts";

export interface EngineSuitesOptions {
  readonly name: string;
  /** Why there can be none here; null where there can. */
  readonly whyNot: string | null;
  readonly open: (image: string) => Promise<OwnEngine>;
  readonly options?: Partial<DockerSandboxOptions>;
  readonly abuses: readonly Abuse[];
}

export function engineSuites({ name, whyNot, open, options, abuses }: EngineSuitesOptions): void {
  if (whyNot !== null) {
    const test = suite(`${name}: skipped, ${whyNot}`);
    test.skip("the contract and the abuse suite", () => {});
    test.run();
    return;
  }
  let started: Promise<OwnEngine> | null = null;
  const engine = async (): Promise<OwnEngine> => {
    started ??= open(await sandboxImageTag());
    return started;
  };

  sandboxContract(name, async () => {
    const { socket } = await engine();
    const run = `contract-${process.pid}`;
    return openDockerSandbox({ ...options, image: await sandboxImageTag(), run, socket });
  });

  abuseSuite({
    name,
    abuses,
    engine: async () => {
      const { socket, docker } = await engine();
      return { docker, options: { ...options, socket } };
    },
  });

  const ends = suite(`${name}: afterwards`);
  ends("nothing is left", async () => {
    const opened = await engine();
    assert.equal(await opened.docker.listContainers({ all: true }), []);
    await opened.close();
    assert.not(existsSync(dirname(opened.socket)));
    const profiles = readdirSync(tmpdir()).filter((file) => file.startsWith("varft-seccomp-"));
    assert.equal(profiles, []);
  });
  ends.run();
}
