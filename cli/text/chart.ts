// Curves out of block characters.

const blocks = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const levels = blocks.length - 1;

export interface ChartSize {
  readonly width: number;
  readonly height: number;
  /** How many values there will be in the end; the curve grows towards the right edge. */
  readonly total?: number;
}

/** Lines of a curve of `height` rows, its bounds on the left. Empty without values. */
export function chartLines(values: readonly number[], size: ChartSize): string[] {
  if (values.length === 0) return [];
  const { width, height, total = values.length } = size;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const labels = [high.toFixed(2), low.toFixed(2)] as const;
  const margin = Math.max(...labels.map((label) => label.length));
  const columns = Math.max(1, width - margin - 2);
  const share = values.length / Math.max(total, values.length);
  const points = resample(values, Math.max(1, Math.round(columns * share)));
  const span = high - low || 1;
  return Array.from({ length: height }, (_, row) => {
    const floor = height - 1 - row;
    const cells = points.map((value) => {
      const filled = ((value - low) / span) * (height * levels - 1) + 1 - floor * levels;
      return blocks[Math.min(levels, Math.max(0, Math.round(filled)))] ?? "";
    });
    const edge = row === 0 || row === height - 1;
    const label = row === 0 ? labels[0] : edge ? labels[1] : "";
    return `${label.padStart(margin)} ${edge ? "┤" : "│"}${cells.join("")}`.trimEnd();
  });
}

/** `values` as exactly `width` ones: means of neighbours, or repetitions. */
function resample(values: readonly number[], width: number): number[] {
  return Array.from({ length: width }, (_, index) => {
    const from = Math.floor((index * values.length) / width);
    const to = Math.max(from + 1, Math.floor(((index + 1) * values.length) / width));
    const part = values.slice(from, to);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
