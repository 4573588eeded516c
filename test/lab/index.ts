export { prepareCluster } from "./cluster.ts";
export { compareDatabases } from "./compare/compare-databases.ts";
export { execute, LAB_PASSWORD, urlFor, withClient } from "./connection.ts";
export { recordLabProjects } from "./new-project.ts";
export { copyProject, createProject, dropProject, type LabProject, projectUrls } from "./project.ts";
export { dropQimmaRoles, PLANTED_EMAIL, QIMMA_ROLES, type QimmaSeed, seedQimma } from "./qimma/seed.ts";
export { actAsServices } from "./services.ts";
