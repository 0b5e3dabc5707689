import { createConnection, type RowDataPacket } from "mysql2/promise";
import { CONNECT_MS, PATIENCE_MS } from "./exchange";
import { asUser, withUser } from "./users";
import { type Session, startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("mysql");
const PORT = 3306;

const SERVER =
  "mariadbd --no-defaults --datadir=/var/lib/mysql/data --socket=/tmp/mariadb.sock --skip-name-resolve " +
  "--innodb-log-file-size=16M --innodb-buffer-pool-size=32M";
/** What Debian's mariadb-install-db makes of an empty folder. */
const BEGIN_SQL = "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n";
const SYSTEM_TABLES = ["system_tables", "performance_tables", "system_tables_data"]
  .map((part) => `/usr/share/mariadb/mariadb_${part}.sql`)
  .join(" ");

/** Lets the client in; the server runs it at each start. */
const FIRST_SQL = `CREATE DATABASE IF NOT EXISTS work;
CREATE USER IF NOT EXISTS work IDENTIFIED BY 'work';
GRANT ALL ON work.* TO work;
`;

/** MariaDB with its data in the container's layer. */
export const mariadb: Workload = {
  name: "mariadb",
  image: {
    programs: [...user.programs, "/usr/sbin/mariadbd", "/usr/bin/cat"],
    paths: ["/usr/share/mariadb"],
    files: { ...user.files, "/begin.sql": { content: BEGIN_SQL }, "/first.sql": { content: FIRST_SQL } },
  },
  command: asUser({
    user: "mysql",
    folder: "/var/lib/mysql",
    prepare: `[ -d data/mysql ] || { install -d data; cat /begin.sql ${SYSTEM_TABLES} | ${SERVER} --bootstrap; }`,
    program: `${SERVER} --init-file=/first.sql`,
  }),
  envs: [],
  probe: { tcp: { port: PORT } },
  startPeriod: 90,
  client: (address) => startWorking(() => openMariadb(address)),
};

/** Rows that are numbered without a hole, each with what its number makes; the session has a variable of its own. */
async function openMariadb(address: string): Promise<Session> {
  const connection = await createConnection({
    host: address,
    user: "work",
    password: "work",
    database: "work",
    connectTimeout: CONNECT_MS,
  });
  // The query that waits is told, too.
  connection.on("error", () => undefined);
  const ask = async (sql: string): Promise<RowDataPacket> => {
    try {
      const [rows] = await connection.query<RowDataPacket[]>({ sql, timeout: PATIENCE_MS });
      return rows[0]!;
    } catch (error) {
      const { sqlState, fatal, message } = error as Error & { sqlState?: string; fatal?: boolean };
      if (sqlState !== undefined && !fatal) throw new WrongAnswer(`MariaDB said ${message}`);
      throw error;
    }
  };
  const session = `${process.pid}-${performance.now()}`;
  await connection.query("CREATE TABLE IF NOT EXISTS work (n int PRIMARY KEY, body char(32) NOT NULL)");
  await connection.query("SET @work_session = ?", [session]);
  return {
    async work() {
      const row = await ask(
        `INSERT INTO work SELECT next, md5(next) FROM (SELECT coalesce(max(n), 0) + 1 AS next FROM work) AS counted
         RETURNING n, @work_session AS session`,
      );
      if (row.session !== session) throw new WrongAnswer(`session ${session} was answered as ${row.session}`);
      return Number(row.n);
    },
    async done() {
      const row = await ask(
        "SELECT count(*) AS amount, coalesce(max(n), 0) AS last, coalesce(sum(body <> md5(n)), 0) AS wrong FROM work",
      );
      if (row.amount !== row.last || Number(row.wrong) !== 0)
        throw new WrongAnswer(`it has ${row.amount} rows up to ${row.last}, ${row.wrong} of them wrong`);
      return Number(row.last);
    },
    close: () => connection.destroy(),
  };
}
