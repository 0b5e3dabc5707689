import { Client } from "pg";
import { CONNECT_MS, PATIENCE_MS } from "./exchange";
import { asUser, withUser } from "./users";
import { type Session, startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("postgres");
const LIBRARY = "/usr/lib/postgresql/17";
/** Classes of SQLSTATE that tell of the connection or of a server that starts or stops, not of a wrong answer. */
const LOST = /^(08|57P)/;

/** PostgreSQL as Debian configures it, with its data in the container's layer. */
export const postgres: Workload = {
  name: "postgres",
  image: {
    files: user.files,
    programs: [
      ...user.programs,
      `${LIBRARY}/bin/postgres`,
      `${LIBRARY}/bin/initdb`,
      `${LIBRARY}/bin/pg_isready`,
    ],
    paths: [
      `${LIBRARY}/lib/plpgsql.so`,
      `${LIBRARY}/lib/dict_snowball.so`,
      "/usr/share/postgresql/17",
      "/usr/share/zoneinfo/Etc",
      "/usr/share/zoneinfo/UTC",
    ],
    environment: [`PATH=${LIBRARY}/bin:/usr/sbin:/usr/bin`],
  },
  command: asUser({
    user: "postgres",
    folder: "/var/lib/postgresql",
    prepare:
      "[ -s data/PG_VERSION ] || { initdb -D data -A trust --locale C -E UTF8 >/dev/null; echo host all all all trust >>data/pg_hba.conf; }",
    program: "postgres -D data -c listen_addresses=* -c unix_socket_directories=/tmp -c jit=off",
  }),
  envs: [],
  probe: { exec: ["pg_isready", "-h", "127.0.0.1", "-q"] },
  startPeriod: 60,
  client: (address) => startWorking(() => openPostgres(address)),
};

/** Rows that are numbered without a hole, each with what its number makes; the session has a name in the server. */
async function openPostgres(address: string): Promise<Session> {
  const client = new Client({
    host: address,
    user: "postgres",
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: PATIENCE_MS,
  });
  // The query that waits is told, too.
  client.on("error", () => undefined);
  const ask = async (name: string, text: string): Promise<Record<string, string>> => {
    try {
      const { rows } = await client.query<Record<string, string>>({ name, text });
      return rows[0] ?? {};
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      if (/^[0-9A-Z]{5}$/.test(code ?? "") && !LOST.test(code!))
        throw new WrongAnswer(`PostgreSQL said ${message}`);
      throw error;
    }
  };
  await client.connect();
  const session = `${process.pid}-${performance.now()}`;
  await client.query("CREATE TABLE IF NOT EXISTS work (n int PRIMARY KEY, body text NOT NULL)");
  await client.query("SELECT set_config('work.session', $1, false)", [session]);
  return {
    async work() {
      const row = await ask(
        "work",
        `INSERT INTO work SELECT next, md5(next::text) FROM (SELECT coalesce(max(n), 0) + 1 AS next FROM work) AS counted
         RETURNING n, current_setting('work.session') AS session`,
      );
      if (row.session !== session) throw new WrongAnswer(`session ${session} was answered as ${row.session}`);
      return Number(row.n);
    },
    async done() {
      const { rows, last, wrong } = await ask(
        "done",
        `SELECT count(*) AS rows, coalesce(max(n), 0) AS last, count(*) FILTER (WHERE body <> md5(n::text)) AS wrong
         FROM work`,
      );
      if (rows !== String(last) || wrong !== "0")
        throw new WrongAnswer(
          `it has ${rows} rows up to number ${last}, ${wrong} of them with wrong content`,
        );
      return Number(last);
    },
    close: () => void client.end().catch(() => undefined),
  };
}
