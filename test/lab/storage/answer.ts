import type { ServerResponse } from "node:http";

/** An answer that is not good, as S3 clients read it. */
export class StorageError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const noSuchKey = (): StorageError => new StorageError(404, "NoSuchKey", "Object not found");
export const noSuchBucket = (): StorageError => new StorageError(404, "NoSuchBucket", "Bucket not found");

/** Elements of an XML document: text, a list of the same element, or elements. */
export interface Elements {
  readonly [name: string]: string | number | boolean | null | undefined | Elements | readonly Elements[];
}

export function sendXml(response: ServerResponse, status: number, document: Elements): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>${elements(document)}`;
  response.writeHead(status, {
    "content-type": "application/xml; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

function elements(document: Elements): string {
  return Object.entries(document)
    .map(([name, value]) => {
      if (value === undefined || value === null) return "";
      if (typeof value !== "object") return element(name, escaped(String(value)));
      return isList(value) ? value.map((one) => element(name, elements(one))).join("") : element(name, elements(value));
    })
    .join("");
}

const isList = (value: Elements | readonly Elements[]): value is readonly Elements[] => Array.isArray(value);
const element = (name: string, content: string): string => `<${name}>${content}</${name}>`;
const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escaped = (text: string): string => text.replaceAll(/[&<>]/g, (one) => entities[one] ?? one);
const characters: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The texts of all elements of one name, in order; enough for what S3 clients send. */
export function textsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, text = ""]) =>
    text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, named = "") => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      return characters[named] ?? whole;
    }),
  );
}
