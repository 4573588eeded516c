import { JSDOM, VirtualConsole } from "jsdom";

/** What a page answers when it is asked; the part of the browser's types that tests need. */
export interface PageElement {
  readonly textContent: string;
  readonly hidden: boolean;
  readonly dataset: Readonly<Record<string, string | undefined>>;
  readonly children: { readonly length: number };
  getAttribute(name: string): string | null;
  querySelector(selector: string): PageElement | null;
  closest(selector: string): PageElement | null;
}

export interface PageWindow {
  readonly document: {
    readonly documentElement: PageElement;
    querySelector(selector: string): PageElement | null;
    querySelectorAll(selector: string): Iterable<PageElement>;
  };
  readonly sessionStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  eval(code: string): unknown;
  close(): void;
}

interface Reader {
  /** What the reader's clock says, frozen. */
  readonly now: Date;
  /** Default: a file. */
  readonly url?: string;
  /** Default: true. */
  readonly script?: boolean;
  /** What the page's server says: its clock, and the `status.json` that lies there. */
  readonly server?: { readonly date: Date; readonly status: unknown };
  /** What the tab keeps from before a reload. */
  readonly kept?: Readonly<Record<string, string>>;
}

export interface OpenPage extends Disposable {
  readonly window: PageWindow;
  /** Texts of the first element, blanks drawn together; fails when there is none. */
  text(selector: string): string;
  one(selector: string): PageElement;
  all(selector: string): PageElement[];
  /** What the browser could not do or the script threw. */
  readonly problems: readonly string[];
}

/** Opens a page as a reader's browser would, at a frozen clock. */
export async function openPage(html: string, { now, url, script = true, server, kept }: Reader): Promise<OpenPage> {
  const problems: string[] = [];
  const virtualConsole = new VirtualConsole();
  virtualConsole.on("jsdomError", (error) => problems.push(error.message));
  const { window } = new JSDOM(html, {
    url: url ?? "file:///reports/dashboard/index.html",
    ...(script ? { runScripts: "dangerously" as const } : {}),
    virtualConsole,
    beforeParse(window) {
      window["Date"] = frozen(now);
      for (const [key, value] of Object.entries(kept ?? {}))
        (window as unknown as PageWindow).sessionStorage.setItem(key, value);
      window["fetch"] = async () => {
        if (server === undefined) throw new TypeError("there is no server");
        return { ok: true, headers: new Map([["date", server.date.toUTCString()]]), json: async () => server.status };
      };
    },
  });
  // The answer of the server comes a few turns later.
  await new Promise((resolve) => setTimeout(resolve, 0));
  const all = (selector: string): PageElement[] => [...window.document.querySelectorAll(selector)];
  const one = (selector: string): PageElement => {
    const found = all(selector)[0];
    if (found === undefined) throw new Error(`The page has no ${selector}.`);
    return found;
  };
  return {
    ...{ window, problems, all, one },
    text: (selector) => one(selector).textContent.replaceAll(/\s+/g, " ").trim(),
    [Symbol.dispose]: () => window.close(),
  };
}

function frozen(now: Date): typeof Date {
  return class extends Date {
    constructor(given?: string | number | Date) {
      super(given ?? now.getTime());
    }
    static override now(): number {
      return now.getTime();
    }
  } as typeof Date;
}
