// What data of an earlier version come to in the next one. Stored bytes are never changed; whoever
// reads them gets today's shape (`current.ts`).
//
// 1. Pure functions of the data, from version n to n + 1. They take any data: what is none of their
//    version is left for the schema to refuse.
// 2. What an old version did not record and nobody can know stays unknown: nothing is invented.
// 3. Once a release has written version n + 1, the upcaster from n is never changed or removed.

/** Data as an event holds them. */
export type EventFields = Readonly<Record<string, unknown>>;

/** Data of one version as those of the next. */
export type Upcast = (data: EventFields) => EventFields;

/** By type and version, how its data become those of the next version. */
export const upcasters: Readonly<Record<string, Readonly<Record<number, Upcast>>>> = {
  "evaluation.planned": { 1: withOneSample },
  "evaluation.started": { 1: withOneSample },
  // The data are the same: envelopes of version 1 name what came of the call as their cause.
  "tool.returned": { 1: (data) => data },
  "reward.assigned": { 1: withFunctions },
};

/** The version that events of `type` are written in today. */
export function currentVersion(type: string): number {
  return 1 + Object.keys(upcasters[type] ?? {}).length;
}

/** Before tasks could be tried several times, each was tried once. */
function withOneSample(data: EventFields): EventFields {
  return { samples: 1, ...data };
}

/**
 * Before components named their functions there were three, each measured by the function of its
 * name: the first version of today's.
 */
function withFunctions({ components, ...data }: EventFields): EventFields {
  if (!Array.isArray(components)) return data;
  const named = (components as readonly EventFields[]).map((component) => ({
    function: `${String(component?.["name"])}@1`,
    ...component,
  }));
  return { ...data, components: named };
}
