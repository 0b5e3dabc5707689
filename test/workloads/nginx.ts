import { openExchange } from "./exchange";
import { withUser } from "./users";
import { type Session, startWorking, WrongAnswer } from "./working-client";
import type { Workload } from "./workload";

const user = withUser("www-data");
const PORT = 80;

/** Each answer tells which connection it is for, and its number there. */
const CONFIG = `user www-data;
worker_processes 2;
daemon off;
pid /run/nginx.pid;
error_log stderr;
events {}
http {
  access_log /var/log/nginx/access.log;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  server {
    listen ${PORT};
    root /var/www;
    add_header X-Connection $connection always;
    add_header X-Request $connection_requests always;
    location = /up { return 204; }
    location / { dav_methods PUT; }
  }
}
`;

/** A web server: what is put there is a file in the container's layer. */
export const nginx: Workload = {
  name: "nginx",
  image: {
    programs: [...user.programs, "/usr/sbin/nginx"],
    files: { ...user.files, "/etc/nginx/nginx.conf": { content: CONFIG } },
  },
  command: [
    "sh",
    "-ec",
    "install -d -o www-data /var/www /var/log/nginx /var/lib/nginx /var/lib/nginx/body\nexec nginx",
  ],
  envs: [],
  probe: { http: { port: PORT, path: "/up" } },
  startPeriod: 10,
  client: (address) => startWorking(() => openNginx(address)),
};

interface Answer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** One file holds how often it was put; it is read back before it counts. All over one connection. */
async function openNginx(address: string): Promise<Session> {
  const exchange = await openExchange(address, PORT);
  let connection: string | null = null;
  let requests = 0;
  const ask = async (method: string, body = ""): Promise<Answer> => {
    const length = method === "PUT" ? `Content-Length: ${body.length}\r\n` : "";
    const request = `${method} /work HTTP/1.1\r\nHost: work\r\n${length}\r\n${body}`;
    const answer = await exchange.ask(request, readAnswer);
    requests += 1;
    connection ??= answer.headers.get("x-connection")!;
    const [of, number] = [answer.headers.get("x-connection"), answer.headers.get("x-request")];
    if (of !== connection || number !== String(requests))
      throw new WrongAnswer(
        `request ${requests} of connection ${connection} was answered as ${number} of ${of}`,
      );
    if (![200, 201, 204, 404].includes(answer.status)) throw new WrongAnswer(`it answered ${answer.status}`);
    return answer;
  };
  const done = async () => {
    const { status, body } = await ask("GET");
    if (status === 404) return 0;
    if (!/^\d+$/.test(body)) throw new WrongAnswer(`its file holds "${body}"`);
    return Number(body);
  };
  return {
    async work() {
      await ask("PUT", String((await done()) + 1));
      return done();
    },
    done,
    close: exchange.close,
  };
}

function readAnswer(text: string): Answer | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first, ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  if (body.length < Number(headers.get("content-length") ?? 0)) return null;
  return { status: Number(first!.split(" ")[1]), headers, body };
}
