// Keys of a run's config that say where work is done and not what it is. They are no part of the
// result (I4), and a resumed run may change them.

/** By section. Threads are not here: they may change the order of a sum. */
const placementKeys: Readonly<Record<string, readonly string[]>> = {
  rollout: ["workers"],
  sandbox: ["containers"],
  bus: ["url"],
};

/** `config` without its placement keys. */
export function withoutPlacement(
  config: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...config };
  for (const [section, keys] of Object.entries(placementKeys)) {
    const value = kept[section];
    if (value === null || typeof value !== "object") continue;
    const entries = Object.entries(value).filter(([key]) => !keys.includes(key));
    kept[section] = Object.fromEntries(entries);
  }
  return kept;
}
