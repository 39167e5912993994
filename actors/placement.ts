// Keys of a run's config that say where work is done and not what it is. They are no part of the
// result (I4), and a resumed run may change them.

/** By section. Threads are not here: they may change the order of a sum. */
const placementKeys: Readonly<Record<string, readonly string[]>> = {
  rollout: ["workers"],
  sandbox: ["containers"],
  bus: ["url"],
  storage: ["signingKey"],
  search: [
    ...["url", "apiKeyVariable", "timeoutMs", "attemptsMax", "requestsMax", "queriesPerSecond"],
    ...["queriesMax", "index", "mode", "store"],
  ],
};
/** Of `policy`, where that is a server's. */
const serverKeys: readonly string[] = [
  ...["url", "apiKeyVariable", "requestsMax", "timeoutMs", "attemptsMax"],
];
/** Of `rollout.engine`: where its server is and how patient one is with it. */
const engineKeys: readonly string[] = [
  ...["url", "apiKeyVariable", "adapters", "adaptersAtServer"],
  ...["requestsMax", "timeoutMs", "attemptsMax"],
];

/** `config` without its placement keys. */
export function withoutPlacement(
  config: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...config };
  for (const [section, keys] of Object.entries(placementKeys)) {
    if (isSection(kept[section])) kept[section] = without(kept[section], keys);
  }
  const { rollout, policy } = kept;
  if (isSection(policy)) kept["policy"] = without(policy, serverKeys);
  if (isSection(rollout) && isSection(rollout["engine"])) {
    kept["rollout"] = { ...rollout, engine: without(rollout["engine"], engineKeys) };
  }
  return kept;
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object";
}

function without(section: Readonly<Record<string, unknown>>, keys: readonly string[]): unknown {
  return Object.fromEntries(Object.entries(section).filter(([key]) => !keys.includes(key)));
}
