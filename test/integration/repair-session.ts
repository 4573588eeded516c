import type pg from "pg";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";

/** As Lifeboat opens them, without TLS. */
export function openSession(url: string): Promise<pg.Client> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  return connect(
    {
      ...{ host: searchParams.get("host") ?? hostname, port: Number(port || 5432), user: decodeURIComponent(username) },
      ...{ password: { reveal: () => decodeURIComponent(password) }, database: decodeURIComponent(pathname.slice(1)) },
      tls: { mode: "off" },
    } as Parameters<typeof connect>[0],
    { applicationName: "lifeboat/repair", lockWaitSeconds: 2 },
  );
}
