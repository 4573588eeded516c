export { compareDatabases } from "./compare/compare-databases.ts";
export { prepareCluster } from "./cluster.ts";
export { execute, LAB_PASSWORD, urlFor, withClient } from "./connection.ts";
export { createProject, dropProject, type LabProject, projectUrls } from "./project.ts";
export { PLANTED_EMAIL, type QimmaSeed, seedQimma } from "./qimma/seed.ts";
