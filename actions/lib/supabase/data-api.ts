import { z } from "zod";
import { OperationError } from "../base/errors.ts";
import { type ManagementApi, projectPath } from "./management-api.ts";

/** The answer also carries the JWT secret: nothing but this one setting is taken from it. */
const settingsSchema = z.object({ db_schema: z.string() });

const place = (ref: string): string => projectPath(ref, "/postgrest");

/** Schemas that a project's Data API serves, as the Management API gives them: `public,graphql_public`. Empty: it is off. */
export async function readDataApi(api: ManagementApi, ref: string): Promise<string> {
  return (await api.get(place(ref), settingsSchema)).db_schema;
}

/**
 * Sets the schemas that the Data API serves, and reads them back: an answer of 200 alone says nothing. With none, every request is
 * answered by 503 (PGRST002) within seconds.
 * @throws OperationError `data-api-differs`; what the client throws
 */
export async function writeDataApi(api: ManagementApi, ref: string, dbSchema: string): Promise<void> {
  await api.send("PATCH", place(ref), { db_schema: dbSchema });
  if ((await readDataApi(api, ref)) === dbSchema) return;
  throw new OperationError(
    "data-api-differs",
    `Project ${ref} took the Data API's setting and did not keep it.`,
    "Look at it in the dashboard (Project Settings, Data API).",
  );
}
