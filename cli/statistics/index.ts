// What a sample says of the whole: intervals, and tests of pairs.
export {
  bootstrapInterval,
  bootstrapIntervals,
  type Interval,
  resamples,
  wilsonInterval,
} from "./intervals.ts";
export { mcnemarExact, type PairedTest, signFlipTest } from "./paired-tests.ts";
