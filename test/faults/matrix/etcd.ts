import { paths, units } from "../../../provider/contract";
import type { Fault, Scene } from "../scene";

const signal = (name: string) => `systemctl kill -s ${name} --kill-whom=main ${units.etcd}`;

/** Loss of etcd's leader, and of its majority. */
export const etcdFaults: Fault[] = [
  { name: "kill-etcd-leader", serves: "during", inject: toLeader("KILL") },
  { name: "stop-etcd-leader", serves: "during", inject: toLeader("STOP") },
  {
    // Nobody may decide anything: the primary is cut off and frozen, and goes on with what it had.
    name: "etcd-quorum-lost",
    serves: "after",
    lastsMs: 4000,
    inject: ({ stage, standby, spare }) =>
      Promise.all([standby, spare].map((host) => stage.lab.exec(host, signal("STOP")))),
  },
  {
    name: "etcd-stopped-everywhere",
    serves: "after",
    inject: ({ stage }) =>
      Promise.all(stage.lab.hosts.map(({ name }) => stage.lab.exec(name, signal("STOP")))),
  },
];

function toLeader(name: string) {
  return async (scene: Scene) => scene.stage.lab.exec(await etcdLeader(scene), signal(name));
}

async function etcdLeader({ stage: { lab } }: Scene): Promise<string> {
  const { ca, cert, key } = paths.tls;
  const endpoints = lab.hosts.map(({ address }) => `https://${address}:7379`);
  const output = await lab.exec(
    lab.hosts[0]!.name,
    `etcdctl --endpoints=${endpoints.join(",")} --cacert=${ca} --cert=${cert} --key=${key} endpoint status -w json`,
  );
  const members = JSON.parse(output) as {
    Endpoint: string;
    Status: { header: { member_id: number }; leader: number };
  }[];
  const leader = members.find(({ Status }) => Status.header.member_id === Status.leader);
  if (!leader) throw new Error(`etcd has no leader: ${output}`);
  return lab.hosts.find(({ address }) => leader.Endpoint.includes(`//${address}:`))!.name;
}
