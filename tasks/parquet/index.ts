// Datasets that are Parquet files.
export { groupBytesMax, isParquet, rowsMax } from "./file.ts";
export { EmbeddedImage, parquetRows } from "./rows.ts";
