// Where the ablation is told: a marked section of a page, everything around it a person's. Pure.
import { type Arm, recommendedArm, steps } from "./arms.ts";
import { type PanelsOptions, panelsSvg } from "./panels.ts";
import type { RunRecord } from "./record.ts";
import { curveOf } from "./spread.ts";

const [begin, end] = ["<!-- ablation: written by bench -->", "<!-- end of ablation -->"];

/** `page` with `section` between its marks. @throws where it has none */
export function withSection(page: string, section: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no section ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n${section}\n${page.slice(to)}`;
}

/** Where the arms start that are evaluated alike. */
const startsAt = (runs: readonly RunRecord[]) =>
  runs.find(({ before }) => before !== null)?.before?.main.right;

/** Exact match on held-out texts over the steps, an arm a panel. */
export function heldOutSvg(arms: readonly Arm[], runs: readonly RunRecord[]): string {
  const start = startsAt(runs);
  const startsElsewhere = new Set(
    arms.filter((arm) => arm.startsElsewhere).map(({ name }) => name),
  );
  const points = ({ arm, curve }: RunRecord) => [
    ...(start === undefined || startsElsewhere.has(arm) ? [] : [{ x: 0, y: start }]),
    ...curve.map(({ step, right }) => ({ x: step, y: right })),
  ];
  const panels = panelsOf(arms, runs, points);
  const against = panels.find(({ title }) => title === recommendedArm);
  return panelsSvg(panels, {
    title: "Held-out exact match: mean and range of the seeds; recommended in grey",
    x: "steps",
    y: "%",
    range: [0, 100],
    ...(against && { against }),
  });
}

/** The mean reward of each step, in each arm's own unit. */
export function rewardSvg(arms: readonly Arm[], runs: readonly RunRecord[]): string {
  const points = ({ rewards }: RunRecord) => rewards.map((y, index) => ({ x: index + 1, y }));
  const options: PanelsOptions = {
    title: "Mean reward of a step's trajectories: mean and range of the seeds",
    x: "steps",
    y: "reward",
  };
  return panelsSvg(panelsOf(arms, runs, points), options);
}

function panelsOf(
  arms: readonly Arm[],
  runs: readonly RunRecord[],
  points: (run: RunRecord) => readonly { readonly x: number; readonly y: number }[],
) {
  return arms.map(({ name }) => ({
    title: name,
    points: curveOf(runs.filter(({ arm }) => arm === name).map(points)),
  }));
}

/** What the runs were, in a sentence. */
export function coverage(arms: readonly Arm[], runs: readonly RunRecord[]): string {
  const counts = arms.map(({ name }) => runs.filter(({ arm }) => arm === name).length);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const seeds = least === most ? `${most}` : `${least} to ${most}`;
  return `${runs.length} runs of ${steps} steps: ${seeds} seeds an arm.`;
}
