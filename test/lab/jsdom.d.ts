declare module "jsdom" {
  import type { PageWindow } from "./browser.ts";

  /** jsdom comes without types, and those of others bring the browser's into Node's code. */
  export class VirtualConsole {
    on(event: "jsdomError", told: (error: Error) => void): this;
  }
  export class JSDOM {
    constructor(
      html: string,
      options: {
        readonly url: string;
        readonly runScripts?: "dangerously";
        readonly virtualConsole: VirtualConsole;
        readonly beforeParse: (window: Record<string, unknown>) => void;
      },
    );
    readonly window: PageWindow;
  }
}
