// Figures as text: numbers and times in words, tables, curves.
export { chartLines } from "./chart.ts";
export {
  byteSize,
  clock,
  duration,
  moment,
  rate,
  second,
  short,
  shortHash,
  thousands,
} from "./format.ts";
export { type Align, tableLines, visibleLength, withoutColors } from "./table.ts";
