// Curves as an SVG: one panel each, side by side, with the curve that all are held against in grey.
// Pure: equal curves give equal bytes.
import type { CurvePoint } from "./spread.ts";

export interface Panel {
  readonly title: string;
  readonly points: readonly CurvePoint[];
}

export interface PanelsOptions {
  readonly title: string;
  /** What the axes say. */
  readonly x: string;
  readonly y: string;
  /** Drawn in grey into every panel. */
  readonly against?: Panel;
  /** Of the vertical axes; left out: each panel has its own. */
  readonly range?: readonly [low: number, high: number];
}

const columns = 4;
const panel = { width: 220, height: 150 } as const;
const margin = { left: 52, right: 12, top: 34, bottom: 34 } as const;
const titleHeight = 30;
const cell = {
  width: margin.left + panel.width + margin.right,
  height: margin.top + panel.height + margin.bottom,
} as const;
const colors = { ink: "#24292f", faint: "#d0d7de", against: "#8c959f", curve: "#0969da" } as const;
const ticks = 4;

/** The picture; the band goes from the lowest to the highest seed. */
export function panelsSvg(panels: readonly Panel[], options: PanelsOptions): string {
  const rows = Math.ceil(panels.length / columns);
  const [width, height] = [cell.width * columns, titleHeight + cell.height * rows];
  const drawn = panels.map((one, index) => {
    const left = (index % columns) * cell.width + margin.left;
    const top = titleHeight + Math.floor(index / columns) * cell.height + margin.top;
    return [`<g transform="translate(${left} ${top})">`, ...panelLines(one, options), "</g>"];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `font-family="sans-serif" font-size="11" fill="${colors.ink}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${margin.left}" y="20" font-size="14">${escaped(options.title)}</text>`,
    ...drawn.flat(),
    "</svg>",
    "",
  ].join("\n");
}

function panelLines({ title, points }: Panel, options: PanelsOptions): readonly string[] {
  const { against, x: xWords, y: yWords } = options;
  if (points.length === 0)
    return [`<text y="-10" font-weight="bold">${escaped(title)}: none</text>`];
  const all = [...points, ...(against?.points ?? [])];
  const [low, high] = options.range ?? boundsOf(all);
  const last = Math.max(1, ...all.map(({ x }) => x));
  const place = {
    x: (value: number) => (value / last) * panel.width,
    y: (value: number) => panel.height * (1 - (value - low) / (high - low)),
  };
  const tickValues = Array.from({ length: ticks + 1 }, (_, tick) => tick / ticks);
  return [
    `<text y="-10" font-weight="bold">${escaped(title)}</text>`,
    ...tickValues.flatMap((share) => {
      const y = number(panel.height * (1 - share));
      const value = low + (high - low) * share;
      return [
        `<line x2="${panel.width}" y1="${y}" y2="${y}" stroke="${colors.faint}"/>`,
        `<text x="-6" y="${y}" dy="4" text-anchor="end">${short(value)}</text>`,
      ];
    }),
    `<text y="${panel.height + 14}">0</text>`,
    `<text x="${panel.width}" y="${panel.height + 14}" text-anchor="end">${last}</text>`,
    `<text x="${panel.width / 2}" y="${panel.height + 26}" text-anchor="middle">` +
      `${escaped(xWords)}</text>`,
    `<text transform="translate(-${margin.left - 10} ${panel.height / 2}) rotate(-90)" text-anchor="middle">` +
      `${escaped(yWords)}</text>`,
    ...(against === undefined ? [] : [line(against.points, place, colors.against)]),
    band(points, place),
    line(points, place, colors.curve),
  ];
}

interface Place {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

function line(points: readonly CurvePoint[], place: Place, stroke: string): string {
  const path = points.map(({ x, mean }) => `${number(place.x(x))},${number(place.y(mean))}`);
  return `<polyline points="${path.join(" ")}" fill="none" stroke="${stroke}" stroke-width="2"/>`;
}

function band(points: readonly CurvePoint[], place: Place): string {
  const at = (x: number, y: number) => `${number(place.x(x))},${number(place.y(y))}`;
  const above = points.map(({ x, high }) => at(x, high));
  const below = points.toReversed().map(({ x, low }) => at(x, low));
  const path = [...above, ...below].join(" ");
  return `<polygon points="${path}" fill="${colors.curve}" fill-opacity="0.2"/>`;
}

const niceSteps = [1, 2, 2.5, 5, 10];

/** Bounds around the points whose ticks are short numbers. */
function boundsOf(points: readonly CurvePoint[]): readonly [low: number, high: number] {
  const least = Math.min(...points.map((point) => point.low));
  const most = Math.max(...points.map((point) => point.high));
  const size = 10 ** Math.floor(Math.log10((most - least) / ticks || 1));
  for (const nice of niceSteps) {
    const step = nice * size;
    const low = Math.floor(least / step) * step;
    if (low + ticks * step >= most) return [low, low + ticks * step];
  }
  return [least, most];
}

/** Two decimals of a picture's unit are more than anyone sees. */
const number = (value: number): string => String(Math.round(value * 100) / 100);
const short = (value: number): string => String(Number(value.toPrecision(3)));

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
