export { VirtualClock } from "../virtual-clock.ts";
export { authSecret, bundles, configure, ownerSecrets } from "./configure.ts";
export { type Inside, type Login, lookInside } from "./inside.ts";
export { backByLab, type LabBacking } from "./lab-backing.ts";
export type { Project } from "./project.ts";
export { addDailyBackups } from "./routes/backups.ts";
export { addFunction } from "./routes/functions.ts";
export { type SupabaseApi, startSupabaseApi, transportTo } from "./server.ts";
export { addProject, addToken, createWorld, onlyProject, type World } from "./world.ts";
