import { open, rm } from "node:fs/promises";
import { ConfigurationError } from "../../base/errors.ts";

/** A file that was made for this run. What was never written into it goes again. */
export interface NewFile extends AsyncDisposable {
  readonly path: string;
  write(text: string): Promise<void>;
}

/** @throws ConfigurationError `file-unwritable` when it is there already, or cannot be made */
export async function openNewFile(path: string): Promise<NewFile> {
  const file = await open(path, "wx").catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "EEXIST" ? "it is there already" : `the system says ${error.code}`;
    throw new ConfigurationError("file-unwritable", `${path} cannot be made: ${why}.`, "Name another file.", error);
  });
  let written = false;
  return {
    path,
    async write(text) {
      await file.writeFile(text);
      written = true;
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      if (!written) await rm(path, { force: true });
    },
  };
}
