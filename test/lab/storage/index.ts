export type { Fault, FaultKind } from "./faults.ts";
export { contentOf, PLANTED_NAME, SEED_BUCKETS, type SeedFile } from "./file-plan.ts";
export { fillRows, seedFiles } from "./seed-files.ts";
export { type RunningStorage, type StorageAccess, startStorage, storageClient } from "./server.ts";
export { storageSettings } from "./settings.ts";
