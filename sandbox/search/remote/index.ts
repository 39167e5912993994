export { QueryBudget } from "./budget.ts";
export type { Clock } from "./rate.ts";
export { createRetrieverSearch } from "./retriever.ts";
export { createSerperSearch, type SerperOptions } from "./serper.ts";
export { SearchServer, type ServerAccess } from "./server.ts";
