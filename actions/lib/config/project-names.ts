import { isIPv4 } from "node:net";
import { domainToASCII } from "node:url";

/**
 * What the names of hosts and roles tell of a Supabase project. The same host is written in many ways: capital letters, a dot
 * at the end, letters of another width, `localhost` or `::1`. Here each has one form.
 */

/** One form for every way to write a host; a folder (a Unix socket) stays as it is. */
export function normalHost(text: string): string {
  if (text.startsWith("/")) return text;
  const bare = text.trim().replace(/^\[(.*)\]$/, "$1");
  return (bare.includes(":") ? bare.toLowerCase() : domainToASCII(bare) || bare.toLowerCase()).replace(/\.+$/, "");
}

/** Whether a host, in its one form, is this machine. */
export function isLoopback(host: string): boolean {
  const mapped = host.replace(/^::ffff:/, "");
  return (
    host.startsWith("/") ||
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "::1" ||
    host === "0:0:0:0:0:0:0:1" ||
    host === "0.0.0.0" ||
    (isIPv4(mapped) && mapped.startsWith("127."))
  );
}

const domains = "supabase\\.(?:co|in|net|red)";
const direct = new RegExp(`^db\\.([a-z0-9]+)\\.${domains}$`);
const api = new RegExp(`^([a-z0-9]{20})\\.(?:storage\\.)?${domains}$`);

/** `ref` of `db.<ref>.supabase.co`. */
export function refOfDirectHost(host: string): string | undefined {
  return direct.exec(normalHost(host))?.[1];
}

/** The ref that a database's address carries: its direct host, or at the pooler (and wherever else) `<role>.<ref>`. */
export function refOfAddress(host: string, user: string): string | undefined {
  const ofHost = refOfDirectHost(host);
  if (ofHost !== undefined) return ofHost;
  const anyLength = /\.pooler\.supabase\.com$/.test(normalHost(host));
  return (anyLength ? /^[^.]+\.([a-z0-9]+)$/ : /^[^.]+\.([a-z0-9]{20})$/).exec(user.toLowerCase())?.[1];
}

/** The ref in the name of a Storage endpoint, `<ref>.storage.supabase.co` or `<ref>.supabase.co`. */
export function refOfUrl(url: string): string | undefined {
  return URL.canParse(url) ? api.exec(normalHost(new URL(url).hostname))?.[1] : undefined;
}

/** One form for every way to write an endpoint. */
export function normalUrl(url: string): string {
  if (!URL.canParse(url)) return url.trim();
  const { protocol, hostname, port, pathname } = new URL(url.trim());
  const host = normalHost(hostname);
  const number = port || (protocol === "https:" ? "443" : "80");
  return `${isLoopback(host) ? "localhost" : host}:${number}${pathname.replace(/\/+$/, "")}`;
}
